#pragma once
/* Coarse timers of one loop. Moving a deadline further away costs one store: the timer stays in its slot and looks again when
 * that comes up. So a request can move its connection's deadline several times for nothing. One thread.
 * A deadline is met up to two ticks late, never early. */
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define WHEEL_TICK_MS 25u
#define WHEEL_SLOTS 256u /* a horizon of 6.4 s; what is due later looks again after that */

struct wheel_timer {
    struct list node;
    uint64_t deadline_ms;  /* UINT64_MAX: asleep */
    uint64_t slot_ms;      /* when its slot comes up */
    void (*cb)(struct wheel_timer *t);
};

struct wheel {
    struct list slots[WHEEL_SLOTS];
    uint64_t now_ms;       /* of the last wheel_advance */
    uint64_t tick;         /* now_ms / WHEEL_TICK_MS */
};

void wheel_init(struct wheel *w, uint64_t now_ms);
static inline void wheel_timer_init(struct wheel_timer *t, void (*cb)(struct wheel_timer *t))
{
    list_init(&t->node);
    t->deadline_ms = UINT64_MAX;
    t->slot_ms = UINT64_MAX;
    t->cb = cb;
}

/* Puts it into the slot of its deadline. Use wheel_set. */
void wheel_link(struct wheel *w, struct wheel_timer *t);
/* From now on due after_ms from now. */
static inline void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t after_ms)
{
    t->deadline_ms = w->now_ms + after_ms + WHEEL_TICK_MS;
    if (t->deadline_ms < t->slot_ms)
        wheel_link(w, t);
}

/* Not due until it is set again; stays in its slot until that comes up. */
static inline void wheel_sleep(struct wheel_timer *t)
{
    t->deadline_ms = UINT64_MAX;
}

/* Before the timer's memory goes. */
static inline void wheel_remove(struct wheel_timer *t)
{
    list_remove(&t->node);
    t->deadline_ms = t->slot_ms = UINT64_MAX;
}

/* Calls what is due. A callback may set, remove and free any timer. */
void wheel_advance(struct wheel *w, uint64_t now_ms);
