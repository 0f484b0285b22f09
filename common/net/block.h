#pragma once
/* Buffers of one loop: two sizes, kept on free lists so that a warm loop never asks malloc. One thread. */
#include <stddef.h>
#include <stdint.h>

#define BLOCK_SMALL 16384u /* the longest head fits */
#define BLOCK_LARGE 65536u /* bodies that stream */

struct block {
    struct block *next;
    uint32_t size;      /* of bytes */
    uint32_t class;
    uint64_t pad_[4];   /* so that blocks in a row start in different lines of a cache set: heads are short and meet there */
    char bytes[];
};

struct block_pool {
    struct block *free[2];
    uint32_t n_free[2];
    uint32_t keep[2];   /* at most so many stay on the free lists */
    uint64_t used_bytes, used_max; /* taken and not given back; the bound of it (0: none) */
};

void block_pool_init(struct block_pool *p, uint64_t used_max);
/* Frees the free lists. Blocks that are out stay their holders'. */
void block_pool_fini(struct block_pool *p);
/* Puts n small blocks on the free list, with their first bytes touched: load that stays below n then takes no memory. */
void block_pool_warm(struct block_pool *p, uint32_t n);
/* From malloc when the free list is empty. NULL: out of memory or over the bound. size: BLOCK_SMALL or BLOCK_LARGE. */
struct block *block_grow(struct block_pool *p, uint32_t size);
void block_drop(struct block_pool *p, struct block *b);

static inline struct block *block_take(struct block_pool *p, uint32_t size)
{
    uint32_t class = size == BLOCK_LARGE;
    struct block *b = p->free[class];

    if (__builtin_expect(b == NULL, 0))
        return block_grow(p, size);
    p->free[class] = b->next;
    p->n_free[class]--;
    p->used_bytes += b->size;
    return b;
}

/* b may be NULL. */
static inline void block_give(struct block_pool *p, struct block *b)
{
    if (b == NULL)
        return;
    if (__builtin_expect(p->n_free[b->class] >= p->keep[b->class], 0)) {
        block_drop(p, b);
        return;
    }
    p->used_bytes -= b->size;
    b->next = p->free[b->class];
    p->free[b->class] = b;
    p->n_free[b->class]++;
}
