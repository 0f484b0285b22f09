#include "bundle/bundle_header.h"

#include <string.h>

#include "bundle/wire.h"

/* Field numbers of push.proto's BundleHeader and Version. */
enum {
    H_CLUSTER_ID = 1,
    H_ENVIRONMENT = 2,
    H_VERSION = 3,
    H_SCHEMA = 4,
    H_CAPABILITIES = 5,
    H_LEAF_COUNT = 6,
    H_RESOURCE_COUNT = 7,
    H_TOTAL_BYTES = 8,
    H_CREATED = 9,
    H_RESTORES = 10,
    H_EMPTY = 11,
    H_ROUTES = 12,
    H_UPSTREAMS = 13,
};
enum { V_EPOCH = 1, V_REVISION = 2, V_ROOT = 3 };

#define REQUIRED (1u << H_VERSION | 1u << H_SCHEMA | 1u << H_LEAF_COUNT)
#define VERSION_MAX 64 /* encoded: two varints, 32 bytes, their tags */

int bundle_header_encode(const struct bundle *b, uint8_t out[BUNDLE_HEADER_MAX])
{
    struct wire_writer w = {out, out + BUNDLE_HEADER_MAX, false};
    uint8_t version[VERSION_MAX];
    struct wire_writer v = {version, version + sizeof(version), false};

    wire_put_u64(&v, V_EPOCH, b->version.epoch);
    wire_put_u64(&v, V_REVISION, b->version.revision);
    wire_put_bytes(&v, V_ROOT, slice_from(b->version.root, BUNDLE_HASH));

    wire_put_bytes(&w, H_CLUSTER_ID, slice_of(b->cluster_id));
    wire_put_bytes(&w, H_ENVIRONMENT, slice_of(b->environment));
    wire_put_bytes(&w, H_VERSION, slice_from(version, (size_t)(v.p - version)));
    wire_put_u64(&w, H_SCHEMA, b->schema);
    for (uint32_t i = 0; i < b->n_capabilities; i++)
        wire_put_bytes(&w, H_CAPABILITIES, slice_of(b->capabilities[i]));
    wire_put_u64(&w, H_LEAF_COUNT, BUNDLE_LEAVES);
    wire_put_u64(&w, H_RESOURCE_COUNT, b->resource_count);
    wire_put_u64(&w, H_TOTAL_BYTES, b->total_bytes);
    wire_put_u64(&w, H_CREATED, (uint64_t)b->created_unix_ms);
    wire_put_u64(&w, H_RESTORES, b->restores_revision);
    wire_put_u64(&w, H_EMPTY, b->empty_is_intended);
    wire_put_u64(&w, H_ROUTES, b->routes);
    wire_put_u64(&w, H_UPSTREAMS, b->upstreams);
    return w.full ? -ERR_LIMIT : (int)(w.p - out);
}

static int bad(struct err *e, const char *field)
{
    return err_set(e, ERR_SYNTAX, "bundle header: %s is not encoded canonically", field);
}

static int get_text(const struct wire_field *f, char *to, size_t size, const char *name, struct err *e)
{
    if (f->type != WIRE_BYTES || f->bytes.n == 0 || memchr(f->bytes.p, 0, f->bytes.n) != NULL)
        return bad(e, name);
    if (f->bytes.n >= size)
        return err_set(e, ERR_LIMIT, "bundle header: %s has %zu bytes, at most %zu", name, f->bytes.n, size - 1);
    memcpy(to, f->bytes.p, f->bytes.n);
    to[f->bytes.n] = '\0';
    return 0;
}

static int get_number(const struct wire_field *f, uint64_t max, uint64_t *to, const char *name, struct err *e)
{
    if (f->type != WIRE_VARINT || f->value == 0)
        return bad(e, name);
    if (f->value > max)
        return err_set(e, ERR_LIMIT, "bundle header: %s is out of range", name);
    *to = f->value;
    return 0;
}

static int get_root(const struct wire_field *f, uint8_t to[BUNDLE_HASH], struct err *e)
{
    if (f->type != WIRE_BYTES || f->bytes.n != BUNDLE_HASH)
        return bad(e, "root");
    memcpy(to, f->bytes.p, BUNDLE_HASH);
    return 0;
}

static int get_version(const struct wire_field *f, struct bundle_version *to, struct err *e)
{
    struct slice rest = f->bytes;
    struct wire_field v;
    uint32_t last = 0;
    int rc;

    if (f->type != WIRE_BYTES)
        return bad(e, "version");
    for (; (rc = wire_next(&rest, &v)) == 1; last = v.number) {
        if (v.number <= last)
            return bad(e, "version");
        if (v.number == V_EPOCH)
            rc = get_number(&v, UINT64_MAX, &to->epoch, "epoch", e);
        else if (v.number == V_REVISION)
            rc = get_number(&v, UINT64_MAX, &to->revision, "revision", e);
        else if (v.number == V_ROOT)
            rc = get_root(&v, to->root, e);
        else
            rc = bad(e, "version");
        if (rc != 0)
            return rc;
    }
    return rc < 0 || last != V_ROOT ? bad(e, "version") : 0;
}

static int get_capability(const struct wire_field *f, struct bundle *out, struct err *e)
{
    if (out->n_capabilities == BUNDLE_CAPABILITIES_MAX)
        return err_set(e, ERR_LIMIT, "bundle header: more than %u capabilities", BUNDLE_CAPABILITIES_MAX);
    return get_text(f, out->capabilities[out->n_capabilities++], sizeof(out->capabilities[0]), "required_capabilities", e);
}

static int get_field(const struct wire_field *f, struct bundle *out, struct err *e)
{
    uint64_t n = 0;
    int rc;

    switch (f->number) {
    case H_CLUSTER_ID:
        return get_text(f, out->cluster_id, sizeof(out->cluster_id), "cluster_id", e);
    case H_ENVIRONMENT:
        return get_text(f, out->environment, sizeof(out->environment), "environment", e);
    case H_VERSION:
        return get_version(f, &out->version, e);
    case H_SCHEMA:
        rc = get_number(f, UINT32_MAX, &n, "schema", e);
        out->schema = (uint32_t)n;
        return rc;
    case H_CAPABILITIES:
        return get_capability(f, out, e);
    case H_LEAF_COUNT:
        rc = get_number(f, UINT32_MAX, &n, "leaf_count", e);
        if (rc == 0 && n != BUNDLE_LEAVES)
            return err_set(e, ERR_LIMIT, "bundle header: %u leaves, not %u", (unsigned)n, BUNDLE_LEAVES);
        return rc;
    case H_RESOURCE_COUNT:
        return get_number(f, UINT32_MAX, &out->resource_count, "resource_count", e);
    case H_TOTAL_BYTES:
        return get_number(f, UINT64_MAX, &out->total_bytes, "total_bytes", e);
    case H_CREATED:
        rc = get_number(f, UINT64_MAX, &n, "created_unix_ms", e);
        out->created_unix_ms = (int64_t)n;
        return rc;
    case H_RESTORES:
        return get_number(f, UINT64_MAX, &out->restores_revision, "restores_revision", e);
    case H_EMPTY:
        rc = get_number(f, 1, &n, "empty_is_intended", e);
        out->empty_is_intended = n != 0;
        return rc;
    case H_ROUTES:
        rc = get_number(f, UINT32_MAX, &n, "routes", e);
        out->routes = (uint32_t)n;
        return rc;
    case H_UPSTREAMS:
        rc = get_number(f, UINT32_MAX, &n, "upstreams", e);
        out->upstreams = (uint32_t)n;
        return rc;
    default:
        return err_set(e, ERR_SYNTAX, "bundle header: field %u is not known", (unsigned)f->number);
    }
}

static void clear(struct bundle *b)
{
    b->version = (struct bundle_version){0};
    memset(b->cluster_id, 0, sizeof(b->cluster_id));
    memset(b->environment, 0, sizeof(b->environment));
    b->schema = b->routes = b->upstreams = b->n_capabilities = 0;
    b->resource_count = b->total_bytes = b->restores_revision = 0;
    b->empty_is_intended = false;
    b->created_unix_ms = 0;
}

int bundle_header_decode(struct slice bytes, struct bundle *out, struct err *e)
{
    struct wire_field f;
    uint32_t last = 0, seen = 0;
    int rc;

    if (bytes.n > BUNDLE_HEADER_MAX)
        return err_set(e, ERR_LIMIT, "bundle header of %zu bytes, at most %u", bytes.n, BUNDLE_HEADER_MAX);
    clear(out);
    for (; (rc = wire_next(&bytes, &f)) == 1; last = f.number) {
        if (f.number < last || (f.number == last && f.number != H_CAPABILITIES))
            return err_set(e, ERR_SYNTAX, "bundle header: the fields are not in order");
        rc = get_field(&f, out, e);
        if (rc != 0)
            return rc;
        seen |= 1u << f.number;
    }
    if (rc < 0)
        return err_set(e, ERR_SYNTAX, "bundle header: cut or not encoded canonically");
    if ((seen & REQUIRED) != REQUIRED)
        return err_set(e, ERR_SYNTAX, "bundle header: version, schema or leaf_count is missing");
    return 0;
}
