#include "net/wheel.h"

void wheel_init(struct wheel *w, uint64_t now_ms)
{
    for (unsigned i = 0; i < WHEEL_SLOTS; i++)
        list_init(&w->slots[i]);
    w->now_ms = now_ms;
    w->tick = now_ms / WHEEL_TICK_MS;
}

void wheel_link(struct wheel *w, struct wheel_timer *t)
{
    uint64_t tick = (t->deadline_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;

    if (tick > w->tick + WHEEL_SLOTS - 1)
        tick = w->tick + WHEEL_SLOTS - 1;
    if (tick <= w->tick)
        tick = w->tick + 1;
    list_remove(&t->node);
    t->slot_ms = tick * WHEEL_TICK_MS;
    list_append(&w->slots[tick % WHEEL_SLOTS], &t->node);
}

static void run_slot(struct wheel *w, struct list *slot)
{
    struct list due;

    if (list_is_empty(slot))
        return;
    /* Moved to a list of its own: callbacks may put timers back into this slot. */
    due = *slot;
    due.next->prev = due.prev->next = &due;
    list_init(slot);
    while (!list_is_empty(&due)) {
        struct wheel_timer *t = (struct wheel_timer *)(void *)due.next; /* node is its first member */

        list_remove(&t->node);
        t->slot_ms = UINT64_MAX;
        if (t->deadline_ms == UINT64_MAX)
            continue;
        if (t->deadline_ms > w->now_ms) {
            wheel_link(w, t);
            continue;
        }
        t->deadline_ms = UINT64_MAX;
        t->cb(t);
    }
}

void wheel_advance(struct wheel *w, uint64_t now_ms)
{
    uint64_t to = now_ms / WHEEL_TICK_MS;

    if (now_ms < w->now_ms)
        return;
    w->now_ms = now_ms;
    if (to > w->tick + WHEEL_SLOTS) {
        w->tick = to - WHEEL_SLOTS; /* after a long stop: each slot once */
    }
    while (w->tick < to) {
        w->tick++;
        run_slot(w, &w->slots[w->tick % WHEEL_SLOTS]);
    }
}
