#include "bundle/leaf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/must.h"
#include "bundle/wire.h"
#include "crypto/digest.h"

#define FAN 64u /* leaves a node, and nodes of the root */

_Static_assert(FAN * FAN == BUNDLE_LEAVES, "two levels");
_Static_assert(BUNDLE_HASH == DIGEST_SHA256, "one hash");

static const uint8_t TAG_LEAF = 0, TAG_NODE = 1, TAG_ROOT = 2;

static void hash_tagged(const uint8_t *tag, const void *p, size_t n, uint8_t out[BUNDLE_HASH])
{
    struct slice parts[2] = {slice_from(tag, 1), slice_from(p, n)};

    digest_sha256_parts(parts, 2, out);
}

void leaf_hash(const void *bytes, size_t n, uint8_t out[BUNDLE_HASH])
{
    if (n == 0)
        memset(out, 0, BUNDLE_HASH);
    else
        hash_tagged(&TAG_LEAF, bytes, n, out);
}

static uint32_t count_resources(const struct leaf *l)
{
    struct slice rest = slice_from(l->bytes, l->size);
    struct wire_field f;
    uint32_t n = 0;

    while (wire_next(&rest, &f) == 1)
        n++;
    return n;
}

struct leaf *leaf_alloc(size_t n)
{
    struct leaf *l;

    if (n == 0 || n > CAPS_LEAF_MAX)
        return NULL;
    l = malloc(sizeof(*l) + n);
    if (l == NULL)
        return NULL;
    ref_init(&l->ref);
    l->size = (uint32_t)n;
    l->n_resources = 0;
    return l;
}

void leaf_finish(struct leaf *l)
{
    l->n_resources = count_resources(l);
    leaf_hash(l->bytes, l->size, l->hash);
}

struct leaf *leaf_new(const void *bytes, size_t n)
{
    struct leaf *l = leaf_alloc(n);

    if (l == NULL)
        return NULL;
    memcpy(l->bytes, bytes, n);
    leaf_finish(l);
    return l;
}

struct leaf *leaf_ref(struct leaf *l)
{
    ref_take(&l->ref);
    return l;
}

void leaf_unref(struct leaf *l)
{
    if (l != NULL && ref_drop(&l->ref))
        free(l);
}

uint32_t leaf_index(struct slice type, struct slice key)
{
    static const char zero = 0;
    struct slice parts[3] = {type, {&zero, 1}, key};
    uint8_t h[DIGEST_SHA256];

    digest_sha256_parts(parts, 3, h);
    return (uint32_t)h[0] << 4 | h[1] >> 4;
}

struct leaf_table *leaf_table_new(void)
{
    struct leaf_table *t = calloc(1, sizeof(*t));

    if (t != NULL)
        ref_init(&t->ref);
    return t;
}

struct leaf_table *leaf_table_copy(const struct leaf_table *from)
{
    struct leaf_table *t = leaf_table_new();

    if (t == NULL)
        return NULL;
    for (uint32_t i = 0; i < BUNDLE_LEAVES; i++)
        if (from->leaves[i] != NULL)
            t->leaves[i] = leaf_ref(from->leaves[i]);
    return t;
}

struct leaf_table *leaf_table_ref(struct leaf_table *t)
{
    ref_take(&t->ref);
    return t;
}

void leaf_table_unref(struct leaf_table *t)
{
    if (t == NULL || !ref_drop(&t->ref))
        return;
    for (uint32_t i = 0; i < BUNDLE_LEAVES; i++)
        leaf_unref(t->leaves[i]);
    free(t);
}

void leaf_table_set(struct leaf_table *t, uint32_t index, struct leaf *l)
{
    MUST(index < BUNDLE_LEAVES);
    leaf_unref(t->leaves[index]);
    t->leaves[index] = l;
}

/* The hash of a node, and its leaves into the sums. False: all its leaves are empty, and no hash was made. */
static bool seal_node(struct leaf_table *t, uint32_t node, uint8_t out[BUNDLE_HASH])
{
    uint8_t hashes[FAN][BUNDLE_HASH];
    bool empty = true;

    memset(hashes, 0, sizeof(hashes));
    for (uint32_t i = 0; i < FAN; i++) {
        const struct leaf *l = t->leaves[node * FAN + i];

        if (l == NULL)
            continue;
        memcpy(hashes[i], l->hash, BUNDLE_HASH);
        t->total_bytes += l->size;
        t->n_leaves++;
        t->n_resources += l->n_resources;
        empty = false;
    }
    if (!empty)
        hash_tagged(&TAG_NODE, hashes, sizeof(hashes), out);
    return !empty;
}

void leaf_table_seal(struct leaf_table *t)
{
    static const uint8_t none[FAN * BUNDLE_HASH];
    uint8_t nodes[FAN][BUNDLE_HASH], empty[BUNDLE_HASH];

    t->total_bytes = 0;
    t->n_leaves = t->n_resources = 0;
    hash_tagged(&TAG_NODE, none, sizeof(none), empty); /* small bundles have many of these */
    for (uint32_t i = 0; i < FAN; i++)
        if (!seal_node(t, i, nodes[i]))
            memcpy(nodes[i], empty, BUNDLE_HASH);
    hash_tagged(&TAG_ROOT, nodes, sizeof(nodes), t->root);
}

static bool leaf_same(const struct leaf *a, const struct leaf *b)
{
    if (a == b)
        return true;
    return a != NULL && b != NULL && a->size == b->size && memcmp(a->hash, b->hash, BUNDLE_HASH) == 0;
}

size_t leaf_table_diff(const struct leaf_table *a, const struct leaf_table *b, uint16_t out[BUNDLE_LEAVES])
{
    size_t n = 0;

    for (uint32_t i = 0; i < BUNDLE_LEAVES; i++)
        if (!leaf_same(a == NULL ? NULL : a->leaves[i], b->leaves[i]))
            out[n++] = (uint16_t)i;
    return n;
}
