#include "bundle/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"

int bundle_version_cmp(const struct bundle_version *a, const struct bundle_version *b)
{
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    return a->revision < b->revision ? -1 : a->revision > b->revision;
}

bool bundle_version_eq(const struct bundle_version *a, const struct bundle_version *b)
{
    return bundle_version_cmp(a, b) == 0 && memcmp(a->root, b->root, BUNDLE_HASH) == 0;
}

struct bundle *bundle_new(void)
{
    struct bundle *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return NULL;
    ref_init(&b->ref);
    b->schema = BUNDLE_SCHEMA;
    return b;
}

void bundle_set_table(struct bundle *b, struct leaf_table *table)
{
    leaf_table_unref(b->table);
    b->table = table;
    memcpy(b->version.root, table->root, BUNDLE_HASH);
    b->resource_count = table->n_resources;
    b->total_bytes = table->total_bytes;
}

struct bundle *bundle_ref(struct bundle *b)
{
    ref_take(&b->ref);
    return b;
}

void bundle_unref(struct bundle *b)
{
    if (b == NULL || !ref_drop(&b->ref))
        return;
    leaf_table_unref(b->table);
    free(b);
}

int bundle_verify(const struct bundle *b, struct err *e)
{
    if (b->schema != BUNDLE_SCHEMA)
        return err_set(e, ERR_UNSUPPORTED, "bundle schema %u, this program knows %u", (unsigned)b->schema, BUNDLE_SCHEMA);
    if (b->total_bytes > CAPS_BUNDLE_MAX)
        return err_set(e, ERR_LIMIT, "bundle of %llu bytes, at most %u", (unsigned long long)b->total_bytes, CAPS_BUNDLE_MAX);
    if (b->routes > CAPS_ROUTES_MAX)
        return err_set(e, ERR_LIMIT, "bundle of %u routes, at most %u", (unsigned)b->routes, CAPS_ROUTES_MAX);
    if (b->table == NULL)
        return err_set(e, ERR_MISMATCH, "bundle without leaves");
    if (memcmp(b->version.root, b->table->root, BUNDLE_HASH) != 0)
        return err_set(e, ERR_MISMATCH, "the leaves do not have the root hash that the header names");
    if (b->total_bytes != b->table->total_bytes || b->resource_count != b->table->n_resources)
        return err_set(e, ERR_MISMATCH, "the header says %llu resources in %llu bytes, the leaves have %u in %llu",
                       (unsigned long long)b->resource_count, (unsigned long long)b->total_bytes,
                       (unsigned)b->table->n_resources, (unsigned long long)b->table->total_bytes);
    if (b->resource_count == 0 && !b->empty_is_intended)
        return err_set(e, ERR_INVALID, "an empty bundle that is not marked as intended");
    return 0;
}
