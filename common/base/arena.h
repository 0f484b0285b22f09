#pragma once
/* Bump allocator with a cap. One owner, not thread-safe. Everything in it dies in arena_fini. */
#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *head;   /* newest block */
    char *next, *end;
    size_t block_size;
    size_t used;                /* bytes taken from malloc */
    size_t cap;                 /* 0: no cap */
    struct arena_hold *holds;
};

struct arena_mark {
    struct arena_block *head;
    char *next, *end;
    size_t used;
};

/* block_size: how much is asked of malloc at a time (0: 4096). cap: most bytes ever taken (0: none). Allocates nothing yet. */
void arena_init(struct arena *a, size_t block_size, size_t cap);
/* Runs the holds (newest first), frees all blocks; the arena is as after arena_init. Safe on a zeroed struct. */
void arena_fini(struct arena *a);
/* 16-byte aligned; NULL when the cap is reached or memory is out. n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc));
/* Zeroed; NULL also on overflow of count * size. */
void *arena_calloc(struct arena *a, size_t count, size_t size) __attribute__((malloc));
/* Copies with a NUL behind (not counted in n). p is NULL on failure. */
struct slice arena_dup(struct arena *a, struct slice s);
char *arena_strdup(struct arena *a, const char *s);
struct slice arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct slice arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Calls fn(arg) at arena_fini: for things that are not memory. -ERR_NOMEM: fn was not registered. */
MUST_USE int arena_hold(struct arena *a, void (*fn)(void *arg), void *arg);
/* Roll back to an earlier point: what was allocated since is gone. Holds made since must not exist. */
struct arena_mark arena_mark(const struct arena *a);
void arena_rollback(struct arena *a, struct arena_mark m);
