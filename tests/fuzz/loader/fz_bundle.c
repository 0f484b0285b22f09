/* A bundle from whoever: the file's reader, the envelope, the decoder, the builder. Hashes would keep a fuzzer out, so all but the
 * first kind of input is put under right hashes here.
 *
 *   0 <file>        bundle_file_read_mem, as it is
 *   1 <resources>   each: type (index, or 255 and a text), key, body (u16), built from nothing and then upon the first half
 *   2 <leaf>        bytes of one leaf, set at the place that its first resource belongs to */
#include <stdint.h>
#include <stdlib.h>

#include "../../lib/make_bundle.h"
#include "bundle/bundle_file.h"
#include "bundle/bundle_header.h"
#include "loader/loader.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct slice take(struct slice *in, size_t n)
{
    struct slice out;

    if (n > in->n)
        n = in->n;
    out = slice_sub(*in, 0, n);
    *in = slice_sub(*in, n, in->n);
    return out;
}

static size_t take_u8(struct slice *in)
{
    struct slice s = take(in, 1);

    return s.n == 0 ? 0 : (uint8_t)s.p[0];
}

static struct snap *build(const struct bundle *b, struct snap *base)
{
    struct loader_error e;
    struct snap *s = NULL;
    int rc = loader_build(b, base, &s, &e);

    MUST((rc == 0) == (s != NULL));
    MUST(rc == 0 || (e.code != 0 && e.message[0] != '\0'));
    return s;
}

static void try_file(struct slice in)
{
    struct bundle *b = NULL;
    uint8_t header[BUNDLE_HEADER_MAX];
    struct err e;

    if (bundle_file_read_mem(in, &b, &e) != 0)
        return;
    MUST(bundle_header_encode(b, header) > 0);
    snap_unref(build(b, NULL));
    bundle_unref(b);
}

/* "stage/<the key's first two names>", or "upstream/<key>". */
static struct slice part_of(struct slice type, struct slice key, char *out, size_t size)
{
    size_t end = 0, slashes = 0;
    int n;

    if (slice_is(type, "upstream")) {
        n = snprintf(out, size, "upstream/%.*s", SLICE_FMT(key));
    } else {
        while (end < key.n && (key.p[end] != '/' || ++slashes < 2))
            end++;
        n = snprintf(out, size, "stage/%.*s", (int)end, key.p);
    }
    return slice_from(out, n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1);
}

static void add_one(struct mb *m, struct slice *in)
{
    static const char *const types[] = {"stage", "route", "integration", "upstream"};
    size_t t = take_u8(in);
    struct slice type = t == 255 ? take(in, take_u8(in) % 40) : slice_of(types[t % 4]);
    struct slice key = take(in, take_u8(in)), body;
    char part[600];
    size_t n = take_u8(in);

    n = n << 8 | take_u8(in);
    body = take(in, n);
    if (type.n != 0 && key.n != 0)
        mb_add(m, type, key, body, part_of(type, key, part, sizeof(part)));
}

static void try_resources(struct slice in)
{
    struct snap *half, *whole, *grown;
    struct bundle *b;
    struct mb m = {0};
    size_t size = in.n;

    while (in.n > size / 2 && m.n < 64)
        add_one(&m, &in);
    b = mb_bundle(&m, 1, 1);
    half = build(b, NULL);
    bundle_unref(b);
    while (in.n != 0 && m.n < 128)
        add_one(&m, &in);
    b = mb_bundle(&m, 1, 2);
    whole = build(b, NULL);
    grown = build(b, half);
    /* What is good is good from wherever it is built. */
    MUST((whole == NULL) == (grown == NULL));
    MUST(whole == NULL || (whole->n_parts == grown->n_parts && whole->n_routes == grown->n_routes));
    snap_unref(half);
    snap_unref(whole);
    snap_unref(grown);
    bundle_unref(b);
    mb_fini(&m);
}

static void try_leaf(struct slice in)
{
    struct leaf_table *t = leaf_table_new();
    struct leaf *l = leaf_new(in.p, in.n);
    struct bundle *b = bundle_new();
    struct leaf_reader reader;
    struct leaf_resource r;
    struct err e;
    uint32_t index = 0;

    MUST(t != NULL && b != NULL);
    leaf_reader_init(&reader, in);
    if (leaf_reader_next(&reader, &r, &e) == 1)
        index = leaf_index(r.type, r.key);
    if (l != NULL)
        leaf_table_set(t, index, l);
    leaf_table_seal(t);
    b->empty_is_intended = true;
    bundle_set_table(b, t);
    snap_unref(build(b, NULL));
    bundle_unref(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct slice in = slice_from(p, n);

    switch (take_u8(&in)) {
    case 0:
        try_file(in);
        break;
    case 1:
        try_resources(in);
        break;
    case 2:
        try_leaf(in);
        break;
    default:
        break;
    }
    return 0;
}
