#pragma once
/* Atomic reference count for objects shared between threads. Starts at 1, the maker's. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/must.h"

struct ref {
    atomic_uint n;
};

static inline void ref_init(struct ref *r)
{
    atomic_init(&r->n, 1u);
}

static inline void ref_take(struct ref *r)
{
    unsigned old = atomic_fetch_add_explicit(&r->n, 1u, memory_order_relaxed);

    MUST(old != 0 && old < 0x7fffffffu);
}

/* True: the caller dropped the last one and must free the object. */
static inline bool ref_drop(struct ref *r)
{
    unsigned old = atomic_fetch_sub_explicit(&r->n, 1u, memory_order_acq_rel);

    MUST(old != 0);
    return old == 1;
}
