/* Names to small numbers. A number is free again when its last holder gives it back and is the next to be taken, so
 * that tables by number stay dense. */
#include <pthread.h>
#include <stdlib.h>

#include "base/caps.h"
#include "base/map.h"
#include "base/must.h"
#include "base/vec.h"
#include "snapshot/snap.h"

struct interned {
    uint64_t id;
    uint32_t number;
    uint32_t holders;
    size_t n;
    char name[];
};

struct space {
    struct map by_name;
    struct vec by_number;  /* struct interned *; NULL: free */
    struct vec free;       /* uint32_t: a stack */
    uint64_t next_id;
    uint32_t max;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct space slots = {.by_number = VEC_INIT(struct interned *), .free = VEC_INIT(uint32_t), .max = SNAP_SLOTS_MAX};
static struct space routes = {.by_number = VEC_INIT(struct interned *), .free = VEC_INIT(uint32_t), .max = 2 * CAPS_ROUTES_MAX};

static int take_number(struct space *s, uint32_t *out)
{
    if (s->free.n != 0) {
        *out = VEC_AT(&s->free, uint32_t, --s->free.n);
        return 0;
    }
    if (s->by_number.n >= s->max)
        return -ERR_LIMIT;
    if (vec_push(&s->by_number, NULL) == NULL)
        return -ERR_NOMEM;
    *out = (uint32_t)s->by_number.n - 1;
    return 0;
}

/* Room for the number to come back: so that release cannot fail. */
static int reserve_free(struct space *s)
{
    uint32_t none = 0;

    while (s->free.size < s->by_number.n + 1) {
        size_t n = s->free.n;

        s->free.n = s->free.size;
        if (vec_push(&s->free, &none) == NULL) {
            s->free.n = n;
            return -ERR_NOMEM;
        }
        s->free.n = n;
    }
    return 0;
}

static int add(struct space *s, struct slice name, struct interned **out)
{
    struct interned *i;
    int rc = reserve_free(s);

    if (rc != 0)
        return rc;
    i = malloc(sizeof(*i) + name.n + 1);
    if (i == NULL)
        return -ERR_NOMEM;
    i->n = name.n;
    i->holders = 0;
    if (name.n != 0)
        memcpy(i->name, name.p, name.n);
    i->name[name.n] = '\0';
    if (s->by_name.slots == NULL)
        map_init(&s->by_name);
    rc = map_put(&s->by_name, (struct slice){i->name, i->n}, i, NULL);
    if (rc == 0) {
        rc = take_number(s, &i->number);
        if (rc != 0)
            (void)map_del(&s->by_name, (struct slice){i->name, i->n});
    }
    if (rc != 0) {
        free(i);
        return rc;
    }
    i->id = ++s->next_id;
    VEC_AT(&s->by_number, struct interned *, i->number) = i;
    *out = i;
    return 0;
}

static int take(struct space *s, struct slice name, struct snap_slot *out)
{
    struct interned *i;
    int rc = 0;

    MUST(pthread_mutex_lock(&lock) == 0);
    i = map_get(&s->by_name, name);
    if (i == NULL)
        rc = add(s, name, &i);
    if (rc == 0) {
        i->holders++;
        *out = (struct snap_slot){i->number, i->id};
    }
    MUST(pthread_mutex_unlock(&lock) == 0);
    return rc;
}

static void release(struct space *s, uint32_t number)
{
    struct interned *i;

    MUST(pthread_mutex_lock(&lock) == 0);
    MUST(number < s->by_number.n);
    i = VEC_AT(&s->by_number, struct interned *, number);
    MUST(i != NULL && i->holders > 0);
    if (--i->holders == 0) {
        (void)map_del(&s->by_name, (struct slice){i->name, i->n});
        VEC_AT(&s->by_number, struct interned *, number) = NULL;
        MUST(vec_push(&s->free, &number) != NULL);
        free(i);
    }
    MUST(pthread_mutex_unlock(&lock) == 0);
}

int snap_slot_take(struct slice name, struct snap_slot *out)
{
    return take(&slots, name, out);
}

void snap_slot_release(uint32_t slot)
{
    release(&slots, slot);
}

int snap_route_id_take(struct slice label, uint32_t *out)
{
    struct snap_slot slot;
    int rc = take(&routes, label, &slot);

    if (rc == 0)
        *out = slot.slot;
    return rc;
}

void snap_route_id_release(uint32_t id)
{
    release(&routes, id);
}
