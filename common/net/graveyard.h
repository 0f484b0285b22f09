#pragma once
/* Delayed free: what a loop object is given instead of free() inside a callback. Buried objects are freed by the loop after
 * all callbacks that are due in this turn. One thread. Nothing is allocated. */
#include "base/err.h"

struct event_base;
struct graveyard;

/* Embedded in each object that can be buried. */
struct grave {
    struct grave *next;
    void *obj;
    void (*free_fn)(void *obj);
};

MUST_USE int graveyard_new(struct event_base *base, struct graveyard **out, struct err *e);
/* Frees what is buried (and what that buries), then itself. Not inside a callback. */
void graveyard_free(struct graveyard *g);
/* Once an object; unlink it and stop its events before. free_fn may bury others. */
void graveyard_add(struct graveyard *g, struct grave *grave, void *obj, void (*free_fn)(void *obj));
