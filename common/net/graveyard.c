#include "net/graveyard.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/must.h"

struct graveyard {
    struct event *ev;
    struct grave *first;
};

static void drain(struct graveyard *g)
{
    while (g->first != NULL) {
        struct grave *dead = g->first;

        g->first = dead->next;
        dead->free_fn(dead->obj); /* dead lies inside the object: gone now */
    }
}

static void drain_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    drain(arg);
}

int graveyard_new(struct event_base *base, struct graveyard **out, struct err *e)
{
    struct graveyard *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return err_set(e, ERR_NOMEM, "graveyard");
    g->ev = event_new(base, -1, 0, drain_cb, g);
    if (g->ev == NULL) {
        free(g);
        return err_set(e, ERR_NOMEM, "graveyard");
    }
    *out = g;
    return 0;
}

void graveyard_free(struct graveyard *g)
{
    if (g == NULL)
        return;
    drain(g);
    event_free(g->ev);
    free(g);
}

void graveyard_add(struct graveyard *g, struct grave *grave, void *obj, void (*free_fn)(void *obj))
{
    MUST(grave->free_fn == NULL); /* buried twice */
    grave->obj = obj;
    grave->free_fn = free_fn;
    grave->next = g->first;
    /* An activated event goes behind the callbacks that are due already: they have all run when it is drained. */
    if (g->first == NULL)
        event_active(g->ev, 0, 0);
    g->first = grave;
}
