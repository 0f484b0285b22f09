#pragma once
/* A bundle: everything that the nodes of one environment run. Its header (who, which version, how much) and its leaves. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ref.h"
#include "base/slice.h"
#include "bundle/leaf.h"

#define BUNDLE_SCHEMA 1u
#define BUNDLE_HEADER_MAX 4096u    /* bytes of an encoded header; refused */
#define BUNDLE_CAPABILITIES_MAX 64u

/* The epoch rises when a store is restored, the revision with each accepted change; the root proves the content. */
struct bundle_version {
    uint64_t epoch, revision;
    uint8_t root[BUNDLE_HASH];
};

/* Order by epoch, then revision: <0, 0, >0. The root does not order. */
int bundle_version_cmp(const struct bundle_version *a, const struct bundle_version *b);
/* All three equal. */
bool bundle_version_eq(const struct bundle_version *a, const struct bundle_version *b);

struct bundle {
    struct ref ref;
    struct bundle_version version;
    char cluster_id[65], environment[129];
    uint32_t schema;
    uint64_t resource_count, total_bytes, restores_revision;
    uint32_t routes, upstreams;
    bool empty_is_intended;          /* an empty bundle without it is refused */
    int64_t created_unix_ms;         /* shown, never used to order */
    uint32_t n_capabilities;         /* what a node must be able to do */
    char capabilities[BUNDLE_CAPABILITIES_MAX][65];
    struct leaf_table *table;        /* one reference; NULL as long as only the header is there */
};

/* Zeroed but for the schema. NULL: no memory. */
struct bundle *bundle_new(void);
/* Takes over the caller's reference to a sealed table; fills root, resource_count and total_bytes from it. */
void bundle_set_table(struct bundle *b, struct leaf_table *table);
struct bundle *bundle_ref(struct bundle *b);
void bundle_unref(struct bundle *b); /* NULL is fine */
/* The header against the table: root, counts and sizes. -ERR_MISMATCH, -ERR_LIMIT, -ERR_UNSUPPORTED (schema),
 * -ERR_INVALID (empty and not intended). */
MUST_USE int bundle_verify(const struct bundle *b, struct err *e);
