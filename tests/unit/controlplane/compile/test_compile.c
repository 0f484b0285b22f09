/* Leaves of hand-made units: what is shared, what is made anew, what is refused. */
#include <check.h>

#include "base/caps.h"
#include "compile/compile.h"

Suite *test_compile_suite(void);

static struct compile_resource resource(const char *key, const char *bytes)
{
    return (struct compile_resource){(uint16_t)leaf_index(SLICE_LIT("route"), slice_of(key)), SLICE_LIT("route"), slice_of(key),
                                     slice_of(bytes)};
}

static struct leaf_table *make(struct compile_unit *const *units, size_t n, struct compile_unit *const *old, size_t n_old,
                               const struct leaf_table *base)
{
    struct leaf_table *t = NULL;
    struct err e;

    ck_assert_int_eq(compile_leaves(units, n, old, n_old, base, &t, &e), 0);
    return t;
}

START_TEST(only_what_differs_is_made_anew)
{
    struct compile_resource r1[] = {resource("a", "A1")}, r2[] = {resource("b", "B1")}, r3[] = {resource("a", "A2")};
    struct compile_unit one = {.id = SLICE_LIT("stage/1"), .resources = r1, .n_resources = 1};
    struct compile_unit two = {.id = SLICE_LIT("stage/2"), .resources = r2, .n_resources = 1};
    struct compile_unit changed = {.id = SLICE_LIT("stage/1"), .resources = r3, .n_resources = 1};
    struct compile_unit *before[] = {&one, &two}, *after[] = {&changed, &two}, *less[] = {&two};
    struct leaf_table *t = make(before, 2, NULL, 0, NULL), *u = make(after, 2, before, 2, t), *v = make(less, 1, after, 2, u),
                      *fresh = make(less, 1, NULL, 0, NULL), *none = make(NULL, 0, less, 1, v);
    uint32_t a = r1[0].leaf, b = r2[0].leaf;

    ck_assert_uint_ne(a, b);
    ck_assert_ptr_eq(t->leaves[b], u->leaves[b]);
    ck_assert_ptr_ne(t->leaves[a], u->leaves[a]);
    ck_assert_int_eq(memcmp(u->leaves[a]->bytes, "A2", 2), 0);
    ck_assert_ptr_null(v->leaves[a]);
    ck_assert_int_eq(memcmp(v->root, fresh->root, BUNDLE_HASH), 0);
    ck_assert_uint_eq(none->n_leaves, 0);
    leaf_table_unref(t);
    leaf_table_unref(u);
    leaf_table_unref(v);
    leaf_table_unref(fresh);
    leaf_table_unref(none);
}
END_TEST

START_TEST(bounds)
{
    struct compile_unit many = {.id = SLICE_LIT("stage/1"), .routes = CAPS_ROUTES_MAX}, more = {.id = SLICE_LIT("stage/2"), .routes = 1};
    struct compile_unit heavy = {.id = SLICE_LIT("stage/1"), .bytes = (uint64_t)CAPS_BUNDLE_MAX + 1};
    struct compile_unit *routes[] = {&many, &more}, *bytes[] = {&heavy}, *leaf[1];
    size_t size = (size_t)CAPS_LEAF_MAX + 1;
    char *p = calloc(1, size);
    struct compile_resource r = {0, SLICE_LIT("route"), SLICE_LIT("large"), slice_from(p, size)};
    struct compile_unit large = {.id = SLICE_LIT("stage/1"), .resources = &r, .n_resources = 1};
    struct leaf_table *t = NULL;
    struct err e;

    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(compile_leaves(routes, 2, NULL, 0, NULL, &t, &e), -ERR_LIMIT);
    ck_assert_str_eq(e.text, "1000001 routes in one environment; at most 1000000 are allowed");
    ck_assert_int_eq(compile_leaves(bytes, 1, NULL, 0, NULL, &t, &e), -ERR_LIMIT);
    leaf[0] = &large;
    ck_assert_int_eq(compile_leaves(leaf, 1, NULL, 0, NULL, &t, &e), -ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(e.text, "a leaf of 16777217 bytes"));
    ck_assert_ptr_null(t);
    free(p);
}
END_TEST

Suite *test_compile_suite(void)
{
    Suite *s = suite_create("compile");
    TCase *t = tcase_create("compile");

    tcase_add_test(t, only_what_differs_is_made_anew);
    tcase_add_test(t, bounds);
    suite_add_tcase(s, t);
    return s;
}
