#include <stdlib.h>

#include "base/random.h"
#include "router/router_int.h"

#define SIZE_MIN_ 8u

void router_growing_init(struct router_growing *g)
{
    memset(g, 0, sizeof(*g));
    random_bytes(&g->table.k0, sizeof(g->table.k0));
    random_bytes(&g->table.k1, sizeof(g->table.k1));
}

void router_growing_fini(struct router_growing *g)
{
    free(g->table.slots);
    memset(g, 0, sizeof(*g));
}

static void insert(struct router_table *t, const struct router_entry *e)
{
    uint32_t i = e->hash & t->mask;

    while (t->slots[i].child != 0)
        i = (i + 1) & t->mask;
    t->slots[i] = *e;
}

static int grow(struct router_growing *g)
{
    struct router_table old = g->table;
    uint32_t size = old.slots == NULL ? SIZE_MIN_ : (old.mask + 1) * 2;

    if (size == 0)
        return -ERR_LIMIT;
    g->table.slots = calloc(size, sizeof(*g->table.slots));
    if (g->table.slots == NULL) {
        g->table = old;
        return -ERR_NOMEM;
    }
    g->table.mask = size - 1;
    for (uint32_t i = 0; old.slots != NULL && i <= old.mask; i++)
        if (old.slots[i].child != 0)
            insert(&g->table, &old.slots[i]);
    free(old.slots);
    return 0;
}

int router_growing_add(struct router_growing *g, uint32_t parent, struct slice s, uint32_t child)
{
    struct router_entry e = {parent, child, router_hash(&g->table, parent, s), (uint32_t)s.n, s.p};

    /* Two thirds full at most: short walks also for names that are not there. */
    if (g->table.slots == NULL || (uint64_t)(g->n + 1) * 3 > ((uint64_t)g->table.mask + 1) * 2) {
        int rc = grow(g);

        if (rc != 0)
            return rc;
    }
    insert(&g->table, &e);
    g->n++;
    return 0;
}

int router_growing_seal(const struct router_growing *g, struct arena *a, struct router_table *out)
{
    size_t size = g->table.slots == NULL ? 1 : (size_t)g->table.mask + 1;
    struct router_entry *slots = arena_calloc(a, size, sizeof(*slots));

    if (slots == NULL)
        return -ERR_NOMEM;
    if (g->table.slots != NULL)
        memcpy(slots, g->table.slots, size * sizeof(*slots));
    *out = (struct router_table){g->table.k0, g->table.k1, (uint32_t)(size - 1), slots};
    return 0;
}
