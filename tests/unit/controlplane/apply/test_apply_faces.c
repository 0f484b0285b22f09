/* Diffs, summaries, texts: what people see of documents. */
#include "apply_run.h"

Suite *test_apply_faces_suite(void);

static void check_diff(const char *before, const char *after, const char *expected)
{
    struct buf out;

    buf_init(&out, 0);
    ck_assert_int_eq(apply_diff(SLICE_NONE, slice_of(before), SLICE_NONE, slice_of(after), &out), 0);
    ck_assert_msg(slice_is(buf_slice(&out), expected), "%.*s", SLICE_FMT(buf_slice(&out)));
    buf_fini(&out);
}

START_TEST(unified_diffs)
{
    check_diff("a\nb\n", "a\nb\n", "");
    check_diff("", "a\n", "@@ -0,0 +1,1 @@\n+a\n");
    check_diff("a\n", "", "@@ -1,1 +0,0 @@\n-a\n");
    check_diff("a\nb\nc\nd\ne\nf\ng\nh\n", "a\nb\nc\nd\nE\nf\ng\nh\n",
               "@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n");
    check_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n", "x\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\ny\n",
               "@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -9,4 +9,4 @@\n 9\n 10\n 11\n-12\n+y\n");
    check_diff("1\n2\n3\n4\n5\n6\n7\n", "x\n2\n3\n4\n5\n6\ny\n",
               "@@ -1,7 +1,7 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n-7\n+y\n");
    check_diff("a", "a\n", "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n");
}
END_TEST

START_TEST(a_diff_that_is_too_large_is_one_replacement)
{
    struct buf a, b, out;

    buf_init(&a, 0);
    buf_init(&b, 0);
    buf_init(&out, 0);
    for (int i = 0; i < 5000; i++) {
        ck_assert_int_eq(buf_printf(&a, "a%d\n", i), 0);
        ck_assert_int_eq(buf_printf(&b, "b%d\n", i), 0);
    }
    ck_assert_int_eq(apply_diff(SLICE_LIT("x"), buf_slice(&a), SLICE_LIT("y"), buf_slice(&b), &out), 0);
    ck_assert(slice_starts(buf_slice(&out), SLICE_LIT("--- x\n+++ y\n@@ -1,5000 +1,5000 @@\n-a0\n-a1\n")));
    buf_fini(&a);
    buf_fini(&b);
    buf_fini(&out);
}
END_TEST

#define HEAD "apiVersion: sluice/v1\nkind: Api\nmetadata: {name: shop}\nspec:\n  integrations:\n    a: {type: http_proxy, uri: \"http://a/\"}\n"
#define LINE(path, name) "    - {path: " path ", method: GET, integration: " name "}\n"

static void check_summary(const char *before, const char *after, const char *expected)
{
    struct world *w = run_good(before, NULL);
    struct apply_summary s;
    struct buf out;
    struct run r;

    buf_init(&out, 0);
    run_text(&r, after, w);
    ck_assert_int_eq(r.rc, 0);
    apply_summarise(&VEC_AT(&r.changes, struct apply_change, 0), &s);
    ck_assert_int_eq(apply_summary_text(&s, &out), 0);
    ck_assert_msg(slice_is(buf_slice(&out), expected), "%.*s", SLICE_FMT(buf_slice(&out)));
    buf_fini(&out);
    run_end(&r);
    world_unref(w);
}

START_TEST(summaries)
{
    const char *base = HEAD "    b: {type: http_proxy, uri: \"http://b/\"}\n  routes:\n" LINE("/1", "a") LINE("/2", "a") LINE("/3", "b");

    check_summary(base, base, "");
    check_summary(base, HEAD "    b: {type: http_proxy, uri: \"http://other/\"}\n  routes:\n" LINE("/1", "b") LINE("/3", "b") LINE("/4", "a"),
                  "2 routes changed, 1 added, 1 removed");
    check_summary(base, HEAD "    b: {type: http_proxy, uri: \"http://b/\"}\n  compatibility: aws\n  routes:\n" LINE("/1", "a") LINE("/2", "a") LINE("/3", "b"),
                  "settings changed");
    check_summary("", base, "3 routes added");
}
END_TEST

START_TEST(documents_as_yaml_json_and_diff)
{
    struct world *w = run_good("apiVersion: sluice/v1   # a comment\nkind: Upstream\nmetadata: {name: u}\nspec: {endpoints: [{address: \"a:1\"}]}\n", NULL);
    const struct apply_document *d = world_document(w, SLICE_LIT("Upstream"), SLICE_LIT("u"));
    struct run r;
    struct buf out;

    buf_init(&out, 0);
    ck_assert_int_eq(apply_document_yaml(d, &out), 0);
    ck_assert(slice_is(buf_slice(&out), "apiVersion: sluice/v1\nkind: Upstream\nmetadata:\n  name: u\nspec:\n  endpoints:\n    - address: a:1\n"));
    buf_clear(&out);
    ck_assert_int_eq(apply_document_json(d, &out), 0);
    ck_assert(slice_is(buf_slice(&out), "{\"apiVersion\":\"sluice/v1\",\"kind\":\"Upstream\",\"metadata\":{\"name\":\"u\"},"
                                        "\"spec\":{\"endpoints\":[{\"address\":\"a:1\"}]}}"));
    buf_clear(&out);
    run_text(&r, "apiVersion: sluice/v1\nkind: Upstream\nmetadata: {name: u}\nspec: {endpoints: [{address: \"a:2\"}]}\n", w);
    ck_assert_int_eq(apply_document_diff(d, VEC_AT(&r.changes, struct apply_change, 0).after, &out), 0);
    ck_assert_msg(slice_is(buf_slice(&out), "--- before/Upstream/u\n+++ after/Upstream/u\n@@ -4,4 +4,4 @@\n   name: u\n spec:\n   endpoints:\n"
                                            "-    - address: a:1\n+    - address: a:2\n"),
                  "%.*s", SLICE_FMT(buf_slice(&out)));
    run_end(&r);
    buf_fini(&out);
    world_unref(w);
}
END_TEST

START_TEST(stage_with_other_variables)
{
    struct world *w = run_good(HEAD "  routes:\n" LINE("/1", "a") "---\napiVersion: sluice/v1\nkind: Stage\nmetadata: {name: prod}\n"
                               "spec: {api: shop, environment: prod, variables: {x: \"1\", y: b, z: c}}\n", NULL);
    const struct apply_document *d = world_document(w, SLICE_LIT("Stage"), SLICE_LIT("shop/prod"));
    const struct apply_variable set[] = {{SLICE_LIT("y"), SLICE_LIT("true")}, {SLICE_LIT("new"), SLICE_LIT("api:8080")}};
    const struct slice unset[] = {SLICE_LIT("x"), SLICE_LIT("none")};
    struct buf out;
    struct err e;
    struct run r;

    buf_init(&out, 0);
    ck_assert_int_eq(apply_stage_text(d, set, 2, unset, 2, &out, &e), 0);
    ck_assert_int_eq(buf_append(&out, "", 1), 0);
    ck_assert_str_eq(out.p, "apiVersion: sluice/v1\nkind: Stage\nmetadata:\n  name: prod\nspec:\n  api: shop\n  environment: prod\n"
                            "  variables:\n    \"y\": \"true\"\n    z: c\n    new: api:8080\n");
    run_text(&r, out.p, w);
    ck_assert_int_eq(r.rc, 0);
    check_changes(&r, "updated Stage shop/prod;");
    ck_assert_int_eq(apply_stage_text(world_document(w, SLICE_LIT("Api"), SLICE_LIT("shop")), set, 2, NULL, 0, &out, &e), -ERR_INVALID);
    run_end(&r);
    buf_fini(&out);
    world_unref(w);
}
END_TEST

Suite *test_apply_faces_suite(void)
{
    Suite *s = suite_create("apply_faces");
    TCase *t = tcase_create("apply_faces");

    tcase_add_test(t, unified_diffs);
    tcase_add_test(t, a_diff_that_is_too_large_is_one_replacement);
    tcase_add_test(t, summaries);
    tcase_add_test(t, documents_as_yaml_json_and_diff);
    tcase_add_test(t, stage_with_other_variables);
    suite_add_tcase(s, t);
    return s;
}
