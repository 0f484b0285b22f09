#pragma once
/* Hash map from bytes to a pointer; SipHash-1-3 with a random key, so hostile keys cannot pile up.
 * Keys are not copied: the caller keeps them alive as long as the entry. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct map_entry {
    struct slice key;
    void *value;      /* NULL: free slot */
    uint64_t hash;
};

struct map {
    struct map_entry *slots;
    size_t n;         /* entries */
    size_t size;      /* slots, a power of two or 0 */
    uint64_t k0, k1;
};

void map_init(struct map *m);
void map_fini(struct map *m);
/* Pointer or NULL. */
void *map_get(const struct map *m, struct slice key);
/* Adds or replaces. value is not NULL. *old (may be NULL) gets the value replaced, or NULL. */
MUST_USE int map_put(struct map *m, struct slice key, void *value, void **old);
/* Removes; returns the value or NULL. */
void *map_del(struct map *m, struct slice key);
/* Iterates: start with *at = 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *m, size_t *at, struct slice *key, void **value);
/* SipHash-1-3. */
uint64_t map_siphash(uint64_t k0, uint64_t k1, const void *p, size_t n);
