#pragma once
/* Leaves: the buckets of resources that are hashed and shipped, and the table of all of them under one root hash.
 *
 *   leaf  = SHA-256(0x00 bytes); an empty leaf's hash is 32 zero bytes
 *   node  = SHA-256(0x01 hashes of 64 leaves)
 *   root  = SHA-256(0x02 hashes of 64 nodes)
 *
 * Leaves and sealed tables are immutable and counted: any thread may hold them. */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ref.h"
#include "base/slice.h"

#define BUNDLE_LEAVES 4096u
#define BUNDLE_HASH 32u
#define BUNDLE_TYPE_MAX 32u  /* bytes of a resource's type */
#define BUNDLE_KEY_MAX 2048u /* bytes of its key, and of its part's name */

struct leaf {
    struct ref ref;
    uint32_t size;          /* 1 to CAPS_LEAF_MAX */
    uint32_t n_resources;   /* as far as the bytes can be read; the loader refuses what cannot */
    uint8_t hash[BUNDLE_HASH];
    uint8_t bytes[];        /* an encoded sluice.bundle.v1.Leaf */
};

/* Copies and hashes. NULL: n is 0 or over CAPS_LEAF_MAX, or memory is out. */
struct leaf *leaf_new(const void *bytes, size_t n);
/* For readers: room for n bytes to fill in, then leaf_finish hashes them. Same failures as leaf_new. */
struct leaf *leaf_alloc(size_t n);
void leaf_finish(struct leaf *l);
struct leaf *leaf_ref(struct leaf *l);
void leaf_unref(struct leaf *l); /* NULL is fine */

/* Where a resource lives: the first 12 bits of SHA-256(type 0x00 key). */
uint32_t leaf_index(struct slice type, struct slice key);
/* The hash of encoded bytes, without making a leaf. */
void leaf_hash(const void *bytes, size_t n, uint8_t out[BUNDLE_HASH]);

struct leaf_table {
    struct ref ref;
    struct leaf *leaves[BUNDLE_LEAVES]; /* NULL: empty */
    uint8_t root[BUNDLE_HASH];          /* after leaf_table_seal */
    uint64_t total_bytes;               /* likewise */
    uint32_t n_leaves;                  /* likewise: those that are not empty */
    uint32_t n_resources;               /* likewise */
};

/* All leaves empty. NULL: no memory. */
struct leaf_table *leaf_table_new(void);
/* A table with the same leaves, to be changed and sealed. NULL: no memory. */
struct leaf_table *leaf_table_copy(const struct leaf_table *t);
struct leaf_table *leaf_table_ref(struct leaf_table *t);
void leaf_table_unref(struct leaf_table *t); /* NULL is fine */
/* Takes over the caller's reference to l (NULL: the leaf is empty now). Only before the table is sealed. */
void leaf_table_set(struct leaf_table *t, uint32_t index, struct leaf *l);
/* Computes the root and the sums. */
void leaf_table_seal(struct leaf_table *t);
/* The indexes at which two tables differ, rising. a may be NULL: as if all its leaves were empty. */
size_t leaf_table_diff(const struct leaf_table *a, const struct leaf_table *b, uint16_t out[BUNDLE_LEAVES]);
