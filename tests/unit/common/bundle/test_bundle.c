#include <check.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/file.h"
#include "base/random.h"
#include "bundle/bundle_file.h"
#include "bundle/bundle_file_int.h"
#include "bundle/bundle_header.h"
#include "crypto/digest.h"
#include "make_bundle.h"

Suite *test_bundle_suite(void);

static void add(struct mb *m, const char *type, const char *key, const char *body, const char *part)
{
    mb_add(m, slice_of(type), slice_of(key), slice_of(body), slice_of(part));
}

static void add_three(struct mb *m)
{
    add(m, "stage", "shop/prod", "\x0a\x04shop", "stage/shop/prod");
    add(m, "route", "shop/prod/GET /ping", "\x0a\x05/ping", "stage/shop/prod");
    add(m, "upstream", "orders", "\x0a\x06orders", "upstream/orders");
}

static void ck_hex(const void *p, size_t n, const char *want)
{
    char hex[1024];

    ck_assert_uint_lt(2 * n, sizeof(hex));
    digest_hex(p, n, hex);
    ck_assert_str_eq(hex, want);
}

/* The vectors were made by a second implementation of the rules in leaf.h (twenty lines of Python). */
START_TEST(golden_roots)
{
    struct leaf_table *t = leaf_table_new();
    struct mb m = {0};
    uint8_t zero[BUNDLE_HASH];

    leaf_table_seal(t);
    ck_hex(t->root, BUNDLE_HASH, "86e78e510c7f5599cce0337c2526f6a07812a3019f648e707773b4b9e432cbbb");
    leaf_table_unref(t);
    ck_assert_uint_eq(leaf_index(SLICE_LIT("stage"), SLICE_LIT("shop/prod")), 3461);
    ck_assert_uint_eq(leaf_index(SLICE_LIT("route"), SLICE_LIT("shop/prod/GET /ping")), 4044);
    ck_assert_uint_eq(leaf_index(SLICE_LIT("upstream"), SLICE_LIT("orders")), 471);
    add_three(&m);
    t = mb_table(&m);
    ck_hex(t->root, BUNDLE_HASH, "15099b86905563171b5afb599d5786d1f89af60b686e80c9bef8f9cefdfe4d72");
    ck_assert_uint_eq(t->total_bytes, 148);
    ck_assert_uint_eq(t->n_leaves, 3);
    ck_assert_uint_eq(t->n_resources, 3);
    leaf_table_unref(t);
    mb_fini(&m);
    leaf_hash("", 0, zero);
    ck_hex(zero, BUNDLE_HASH, "0000000000000000000000000000000000000000000000000000000000000000");
}
END_TEST

START_TEST(leaf_bounds)
{
    char *big = calloc(1, CAPS_LEAF_MAX + 1);
    struct leaf *l;

    ck_assert_ptr_null(leaf_new("", 0));
    ck_assert_ptr_null(leaf_new(big, CAPS_LEAF_MAX + 1));
    l = leaf_new(big, CAPS_LEAF_MAX);
    ck_assert_ptr_nonnull(l);
    leaf_unref(l);
    free(big);
}
END_TEST

START_TEST(table_diff)
{
    struct leaf_table *a, *b, *c;
    struct mb m = {0};
    uint16_t at[BUNDLE_LEAVES];

    add_three(&m);
    a = mb_table(&m);
    b = leaf_table_copy(a);
    ck_assert_uint_eq(leaf_table_diff(a, b, at), 0);
    ck_assert_uint_eq(leaf_table_diff(NULL, b, at), 3);
    ck_assert_uint_eq(at[0], 471);
    leaf_table_set(b, 471, NULL);
    leaf_table_set(b, 7, leaf_new("x", 1));
    leaf_table_seal(b);
    ck_assert_uint_eq(leaf_table_diff(a, b, at), 2);
    ck_assert_uint_eq(at[0], 7);
    ck_assert_uint_eq(at[1], 471);
    ck_assert_int_ne(memcmp(a->root, b->root, BUNDLE_HASH), 0);
    c = mb_table(&m); /* the same content, other leaves */
    ck_assert_uint_eq(leaf_table_diff(a, c, at), 0);
    ck_assert_int_eq(memcmp(a->root, c->root, BUNDLE_HASH), 0);
    leaf_table_unref(a);
    leaf_table_unref(b);
    leaf_table_unref(c);
    mb_fini(&m);
}
END_TEST

static struct bundle *three(void)
{
    struct mb m = {0};
    struct bundle *b;

    add_three(&m);
    b = mb_bundle(&m, 3, 41);
    mb_fini(&m);
    b->n_capabilities = 2;
    (void)snprintf(b->capabilities[0], 65, "cap-a");
    (void)snprintf(b->capabilities[1], 65, "cap-b");
    b->created_unix_ms = 1700000000000;
    b->restores_revision = 7;
    b->empty_is_intended = true;
    b->routes = b->upstreams = 1;
    return b;
}

static const char header_hex[] = "0a026331120470726f641a26080310291a2015099b86905563171b5afb599d5786d1f89af60b686e80c9bef8f9cefdfe4d72"
                                 "20012a056361702d612a056361702d6230802038034094014880d095ffbc315007580160016801";

START_TEST(golden_header)
{
    uint8_t bytes[BUNDLE_HEADER_MAX], again[BUNDLE_HEADER_MAX];
    struct bundle *b = three(), *c = bundle_new();
    int n = bundle_header_encode(b, bytes);
    struct err e;

    ck_assert_int_gt(n, 0);
    ck_hex(bytes, (size_t)n, header_hex);
    ck_assert_int_eq(bundle_header_decode(slice_from(bytes, (size_t)n), c, &e), 0);
    ck_assert_int_eq(bundle_header_encode(c, again), n);
    ck_assert_int_eq(memcmp(bytes, again, (size_t)n), 0);
    ck_assert(bundle_version_eq(&b->version, &c->version));
    ck_assert_str_eq(c->capabilities[1], "cap-b");
    ck_assert_int_eq(c->created_unix_ms, 1700000000000);
    /* Cut anywhere: refused, or a shorter header that encodes to just these bytes. */
    for (int i = 0; i < n; i++) {
        if (bundle_header_decode(slice_from(bytes, (size_t)i), c, &e) != 0)
            continue;
        ck_assert_int_eq(bundle_header_encode(c, again), i);
        ck_assert_int_eq(memcmp(bytes, again, (size_t)i), 0);
    }
    bundle_unref(b);
    bundle_unref(c);
}
END_TEST

/* Whatever the reader takes, the writer makes again byte by byte: one header, one encoding. */
START_TEST(header_is_canonical)
{
    uint8_t good[BUNDLE_HEADER_MAX], bytes[BUNDLE_HEADER_MAX], again[BUNDLE_HEADER_MAX];
    struct bundle *b = three(), *c = bundle_new();
    int n = bundle_header_encode(b, good), taken = 0;
    struct err e;

    for (int round = 0; round < 50000; round++) {
        memcpy(bytes, good, (size_t)n);
        for (uint64_t k = 0; k <= random_below(2); k++)
            bytes[random_below((uint64_t)n)] ^= (uint8_t)(1u << random_below(8));
        if (bundle_header_decode(slice_from(bytes, (size_t)n), c, &e) != 0)
            continue;
        taken++;
        ck_assert_int_eq(bundle_header_encode(c, again), n);
        ck_assert_int_eq(memcmp(bytes, again, (size_t)n), 0);
    }
    ck_assert_int_gt(taken, 1000);
    bundle_unref(b);
    bundle_unref(c);
}
END_TEST

START_TEST(header_bounds)
{
    uint8_t bytes[BUNDLE_HEADER_MAX];
    struct bundle *b = three();
    struct err e;

    b->n_capabilities = BUNDLE_CAPABILITIES_MAX;
    for (unsigned i = 0; i < BUNDLE_CAPABILITIES_MAX; i++)
        (void)snprintf(b->capabilities[i], 65, "%064u", i);
    ck_assert_int_eq(bundle_header_encode(b, bytes), -ERR_LIMIT);
    ck_assert_int_eq(bundle_header_decode(slice_from(bytes, BUNDLE_HEADER_MAX + 1), b, &e), -ERR_LIMIT);
    ck_assert_int_eq(bundle_header_decode(SLICE_NONE, b, &e), -ERR_SYNTAX);
    bundle_unref(b);
}
END_TEST

START_TEST(leaf_reader_cases)
{
    static const struct {
        const char *hex;
        int rc;
    } cases[] = {
        {"", 0},
        {"0a0b0a01611201621a0163220164", -ERR_SYNTAX}, /* length of 11, 12 bytes: the last one is no field */
        {"0a0c0a01611201621a0163220164", 1},
        {"0a090a0161120162220164", 1},               /* an empty body */
        {"0a0d0a0161120162220164", -ERR_SYNTAX},     /* cut */
        {"0a09120162" "0a0161" "220164", -ERR_SYNTAX}, /* order */
        {"0a0c0a01610a0162120162220164", -ERR_SYNTAX}, /* twice */
        {"0a060a0161120162", -ERR_SYNTAX},           /* no part */
        {"0a0c0a01611201622201642a0165", -ERR_SYNTAX}, /* unknown field */
        {"0a0b0a01611201621a00220164", -ERR_SYNTAX}, /* an empty body, written */
        {"0a0908611201622201640000", -ERR_SYNTAX},   /* type as a number */
        {"120c0a0161120162220164", -ERR_SYNTAX},
        {"0a8c000a0161120162220164", -ERR_SYNTAX},   /* needless byte of a length */
        {"0affffffffffffffffff01", -ERR_SYNTAX},
        {"0affffffffffffffffffff01", -ERR_SYNTAX},
        {"0b", -ERR_SYNTAX},
        {"00", -ERR_SYNTAX},
    };
    struct leaf_resource r;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t bytes[64];
        size_t n = strlen(cases[i].hex) / 2;
        struct leaf_reader reader;

        ck_assert(digest_unhex(slice_of(cases[i].hex), bytes, n));
        leaf_reader_init(&reader, slice_from(bytes, n));
        ck_assert_msg(leaf_reader_next(&reader, &r, &e) == cases[i].rc, "case %zu", i);
    }
}
END_TEST

START_TEST(leaf_reader_bounds)
{
    char key[BUNDLE_KEY_MAX + 2];
    struct mb m = {0};
    struct leaf_reader reader;
    struct leaf_resource r;
    struct leaf *l;
    struct err e;

    memset(key, 'k', sizeof(key));
    mb_add(&m, SLICE_LIT("route"), slice_from(key, BUNDLE_KEY_MAX), SLICE_NONE, SLICE_LIT("p"));
    mb_add(&m, SLICE_LIT("route"), slice_from(key, BUNDLE_KEY_MAX + 1), SLICE_NONE, SLICE_LIT("p"));
    l = mb_leaf(m.list, 2);
    ck_assert_uint_eq(l->n_resources, 2);
    leaf_reader_init(&reader, slice_from(l->bytes, l->size));
    ck_assert_int_eq(leaf_reader_next(&reader, &r, &e), 1);
    ck_assert_uint_eq(r.key.n, BUNDLE_KEY_MAX);
    ck_assert_int_eq(leaf_reader_next(&reader, &r, &e), -ERR_LIMIT);
    leaf_unref(l);
    mb_fini(&m);
}
END_TEST

static char folder[] = "/tmp/sluice-bundle-XXXXXX";

static void file_bytes(const struct bundle *b, struct buf *out)
{
    char path[64];
    struct stat st;
    struct err e;

    (void)snprintf(path, sizeof(path), "%s/b", folder);
    ck_assert_int_eq(bundle_file_write(path, b, &e), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    buf_init(out, 0);
    ck_assert_int_eq(file_read(path, 1u << 30, out, &e), 0);
    ck_assert_int_eq(unlink(path), 0);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(file_round_trip)
{
    struct bundle *b = three(), *c = NULL;
    uint16_t at[BUNDLE_LEAVES];
    struct buf bytes;
    char path[64];
    struct err e;

    file_bytes(b, &bytes);
    ck_assert_int_eq(bundle_file_read_mem(buf_slice(&bytes), &c, &e), 0);
    ck_assert(bundle_version_eq(&b->version, &c->version));
    ck_assert_uint_eq(leaf_table_diff(b->table, c->table, at), 0);
    bundle_unref(c);
    (void)snprintf(path, sizeof(path), "%s/c", folder);
    ck_assert_int_eq(bundle_file_read(path, &c, &e), -ERR_NOTFOUND);
    ck_assert_int_eq(file_write_atomic(path, bytes.p, buf_len(&bytes), 0600, &e), 0);
    ck_assert_int_eq(bundle_file_read(path, &c, &e), 0);
    bundle_unref(c);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(bundle_file_write("/nonexistent/x", b, &e), -ERR_IO);
    buf_fini(&bytes);
    bundle_unref(b);
}
END_TEST

START_TEST(file_every_flip_and_cut)
{
    struct bundle *b = three(), *c = NULL;
    struct buf bytes;
    struct err e;
    size_t n;

    file_bytes(b, &bytes);
    n = buf_len(&bytes);
    for (size_t i = 0; i < n; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes.p[i] ^= (char)(1u << bit);
            ck_assert_msg(bundle_file_read_mem(buf_slice(&bytes), &c, &e) < 0, "bit %u of byte %zu", bit, i);
            bytes.p[i] ^= (char)(1u << bit);
        }
    }
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(bundle_file_read_mem(slice_from(bytes.p, i), &c, &e) == -ERR_SYNTAX, "cut at %zu: %s", i, e.text);
    ck_assert_int_eq(buf_append(&bytes, "x", 1), 0);
    ck_assert_int_eq(bundle_file_read_mem(buf_slice(&bytes), &c, &e), -ERR_SYNTAX);
    ck_assert_ptr_null(c);
    buf_fini(&bytes);
    bundle_unref(b);
}
END_TEST

/* A file whose hashes are right and whose numbers lie: refused before memory is taken for them. */
START_TEST(file_lies)
{
    static const struct {
        size_t at, n;
        uint64_t value;
        int rc;
    } cases[] = {
        {8, 4, 2, -ERR_UNSUPPORTED}, {12, 4, BUNDLE_HEADER_MAX + 1, -ERR_LIMIT}, {16, 4, BUNDLE_LEAVES + 1, -ERR_LIMIT},
        {16, 4, UINT32_MAX, -ERR_LIMIT}, {24, 8, UINT64_MAX, -ERR_LIMIT}, {24, 8, CAPS_BUNDLE_MAX, -ERR_SYNTAX},
        {16, 4, 4, -ERR_MISMATCH}, {20, 4, 1, -ERR_UNSUPPORTED},
    };
    struct bundle *b = three(), *c = NULL;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf bytes;
        uint8_t *p;

        file_bytes(b, &bytes);
        p = (uint8_t *)bytes.p;
        if (cases[i].n == 4)
            file_put_u32(p + cases[i].at, (uint32_t)cases[i].value);
        else
            file_put_u64(p + cases[i].at, cases[i].value);
        digest_sha256(p, FILE_PRELUDE, p + FILE_PRELUDE);
        ck_assert_msg(bundle_file_read_mem(buf_slice(&bytes), &c, &e) == cases[i].rc, "case %zu: %s", i, e.text);
        buf_fini(&bytes);
    }
    bundle_unref(b);
}
END_TEST

START_TEST(verify_cases)
{
    struct bundle *b = three();
    struct err e;

    ck_assert_int_eq(bundle_verify(b, &e), 0);
    b->schema = 2;
    ck_assert_int_eq(bundle_verify(b, &e), -ERR_UNSUPPORTED);
    b->schema = 1;
    b->version.root[31] ^= 1;
    ck_assert_int_eq(bundle_verify(b, &e), -ERR_MISMATCH);
    b->version.root[31] ^= 1;
    b->resource_count++;
    ck_assert_int_eq(bundle_verify(b, &e), -ERR_MISMATCH);
    b->resource_count--;
    b->routes = CAPS_ROUTES_MAX + 1;
    ck_assert_int_eq(bundle_verify(b, &e), -ERR_LIMIT);
    bundle_unref(b);
}
END_TEST

Suite *test_bundle_suite(void)
{
    Suite *s = suite_create("bundle");
    TCase *t = tcase_create("bundle");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, golden_roots);
    tcase_add_test(t, leaf_bounds);
    tcase_add_test(t, table_diff);
    tcase_add_test(t, golden_header);
    tcase_add_test(t, header_is_canonical);
    tcase_add_test(t, header_bounds);
    tcase_add_test(t, leaf_reader_cases);
    tcase_add_test(t, leaf_reader_bounds);
    tcase_add_test(t, file_round_trip);
    tcase_add_test(t, file_every_flip_and_cut);
    tcase_add_test(t, file_lies);
    tcase_add_test(t, verify_cases);
    suite_add_tcase(s, t);
    return s;
}
