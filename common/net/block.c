#include "net/block.h"

#include <stdlib.h>
#include <string.h>

/* Under the address sanitizer nothing is kept: each use is a malloc of its own, and a late use is seen. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEP_SMALL 0u
#define KEEP_LARGE 0u
#else
#define KEEP_SMALL 1024u
#define KEEP_LARGE 64u
#endif

void block_pool_init(struct block_pool *p, uint64_t used_max)
{
    *p = (struct block_pool){.keep = {KEEP_SMALL, KEEP_LARGE}, .used_max = used_max};
}

void block_pool_fini(struct block_pool *p)
{
    for (int class = 0; class < 2; class++) {
        while (p->free[class] != NULL) {
            struct block *b = p->free[class];

            p->free[class] = b->next;
            free(b);
        }
        p->n_free[class] = 0;
    }
}

void block_pool_warm(struct block_pool *p, uint32_t n)
{
    struct block *all = NULL, *b;

    while (n-- != 0 && (b = block_grow(p, BLOCK_SMALL)) != NULL) {
        memset(b->bytes, 0, 1024);
        b->next = all;
        all = b;
    }
    while ((b = all) != NULL) {
        all = b->next;
        block_give(p, b);
    }
}

struct block *block_grow(struct block_pool *p, uint32_t size)
{
    struct block *b;

    if (p->used_max != 0 && p->used_bytes + size > p->used_max)
        return NULL;
    b = malloc(sizeof(*b) + size);
    if (b == NULL)
        return NULL;
    b->next = NULL;
    b->size = size;
    b->class = size == BLOCK_LARGE;
    p->used_bytes += size;
    return b;
}

void block_drop(struct block_pool *p, struct block *b)
{
    p->used_bytes -= b->size;
    free(b);
}
