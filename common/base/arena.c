#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define ARENA_ALIGN 16u
#define ARENA_BLOCK_DEFAULT 4096u

struct arena_block {
    struct arena_block *prev;
    size_t size;
    _Alignas(16) char bytes[];
};

struct arena_hold {
    struct arena_hold *prev;
    void (*fn)(void *arg);
    void *arg;
};

void arena_init(struct arena *a, size_t block_size, size_t cap)
{
    memset(a, 0, sizeof(*a));
    a->block_size = block_size == 0 ? ARENA_BLOCK_DEFAULT : block_size;
    a->cap = cap;
}

static void free_blocks(struct arena *a, const struct arena_block *until)
{
    while (a->head != until) {
        struct arena_block *b = a->head;

        a->head = b->prev;
        free(b);
    }
}

void arena_fini(struct arena *a)
{
    struct arena_hold *h = a->holds;

    a->holds = NULL;
    for (; h != NULL; h = h->prev)
        h->fn(h->arg);
    free_blocks(a, NULL);
    a->next = a->end = NULL;
    a->used = 0;
}

static void *alloc_block(struct arena *a, size_t n)
{
    size_t size = n > a->block_size / 2 ? n : a->block_size;
    size_t total = sizeof(struct arena_block) + size;
    struct arena_block *b;

    if (total < size || (a->cap != 0 && (total > a->cap || a->used > a->cap - total)))
        return NULL;
    b = malloc(total);
    if (b == NULL)
        return NULL;
    b->prev = a->head;
    b->size = total;
    a->head = b;
    a->used += total;
    a->next = b->bytes + n;
    a->end = b->bytes + size;
    return b->bytes;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t need = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    void *p;

    if (need < n)
        return NULL;
    if (need == 0)
        need = ARENA_ALIGN;
    if (LIKELY((size_t)(a->end - a->next) >= need)) {
        p = a->next;
        a->next += need;
        return p;
    }
    return alloc_block(a, need);
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    size_t n;
    void *p;

    if (__builtin_mul_overflow(count, size, &n))
        return NULL;
    p = arena_alloc(a, n);
    if (p != NULL)
        memset(p, 0, n);
    return p;
}

struct slice arena_dup(struct arena *a, struct slice s)
{
    char *p = s.n == SIZE_MAX ? NULL : arena_alloc(a, s.n + 1);

    if (p == NULL)
        return SLICE_NONE;
    if (s.n != 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct slice){p, s.n};
}

char *arena_strdup(struct arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = arena_alloc(a, n);

    if (p != NULL)
        memcpy(p, s, n);
    return p;
}

struct slice arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    char *p;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        return SLICE_NONE;
    p = arena_alloc(a, (size_t)n + 1);
    if (p == NULL)
        return SLICE_NONE;
    (void)vsnprintf(p, (size_t)n + 1, fmt, ap);
    return (struct slice){p, (size_t)n};
}

struct slice arena_printf(struct arena *a, const char *fmt, ...)
{
    struct slice s;
    va_list ap;

    va_start(ap, fmt);
    s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

int arena_hold(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct arena_hold *h = arena_alloc(a, sizeof(*h));

    if (h == NULL)
        return -ERR_NOMEM;
    h->fn = fn;
    h->arg = arg;
    h->prev = a->holds;
    a->holds = h;
    return 0;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->head, a->next, a->end, a->used};
}

void arena_rollback(struct arena *a, struct arena_mark m)
{
    free_blocks(a, m.head);
    a->next = m.next;
    a->end = m.end;
    a->used = m.used;
}
