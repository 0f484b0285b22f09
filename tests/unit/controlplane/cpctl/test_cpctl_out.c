/* Tables, clean text, YAML, colours; the watch's clock. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"
#include "cpctl/cpctl_watch.h"
#include "diag/diag.h"
#include "yaml/yml.h"

START_TEST(test_table)
{
    static const char *const heads[] = {"NAME", "N", NULL};
    struct cpctl c = {.failed = CPCTL_FAILED};
    struct cpctl_table t;
    char *out = NULL;
    size_t n;

    arena_init(&c.arena, 0, 0);
    c.out = open_memstream(&out, &n);
    cpctl_table_init(&t, &c, heads);
    cpctl_table_cell(&t, "\303\274ber"); /* four characters in five bytes */
    cpctl_table_printf(&t, "%d", 7);
    cpctl_table_cell(&t, NULL);
    cpctl_table_cell(&t, "a\nb\033[2J");
    cpctl_table_print(&t);
    (void)fclose(c.out);
    ck_assert_str_eq(out, "NAME   N\n\303\274ber   7\n-      a?b?[2J\n");
    free(out);
    arena_fini(&c.arena);
}
END_TEST

START_TEST(test_clean)
{
    struct cpctl c = {.failed = CPCTL_FAILED};

    arena_init(&c.arena, 0, 0);
    ck_assert_str_eq(cpctl_clean(&c, SLICE_LIT("a\033]0;x\007b\177"), false), "a?]0;x?b?");
    ck_assert_str_eq(cpctl_clean(&c, SLICE_LIT("a\n\tb\r"), true), "a\n\tb?");
    ck_assert_str_eq(cpctl_clean(&c, SLICE_LIT("\302\233x\302\240y\303\251"), false), "?x\302\240y\303\251");
    ck_assert_str_eq(cpctl_clean(&c, SLICE_LIT(""), false), "");
    ck_assert_str_eq(cpctl_ink(false, CPCTL_INK_RED), "");
    ck_assert_str_eq(cpctl_ink(true, CPCTL_INK_NONE), "\033[0m");
    arena_fini(&c.arena);
}
END_TEST

/* JSON to YAML, and back by our own reader: the same canonical form. */
static void round_trip(const char *json, const char *expected)
{
    struct slice text = slice_of(json), rest;
    struct arena a;
    struct json *value = NULL;
    struct buf yaml, one, two;
    struct diag_list diags;
    struct yml_piece piece;
    const struct yml_node *root;
    uint32_t line = 1;

    arena_init(&a, 0, 0);
    buf_init(&yaml, 0);
    buf_init(&one, 0);
    buf_init(&two, 0);
    diag_init(&diags);
    ck_assert_int_eq(json_read(&a, text, NULL, &value, NULL), 0);
    ck_assert_int_eq(cpctl_yaml_write(&yaml, value), 0);
    if (expected != NULL)
        ck_assert_msg(slice_is(buf_slice(&yaml), expected), "%.*s", SLICE_FMT(buf_slice(&yaml)));
    for (int i = 0; i < 2; i++) {
        rest = i == 0 ? text : buf_slice(&yaml);
        ck_assert(yml_split(&rest, &line, &piece));
        ck_assert_msg(yml_parse(&a, SLICE_LIT("x"), &piece, &root, &diags) == 0, "%.*s", SLICE_FMT(buf_slice(&yaml)));
        ck_assert_int_eq(yml_canonical(root, i == 0 ? &one : &two), 0);
    }
    ck_assert_msg(slice_eq(buf_slice(&one), buf_slice(&two)), "%s\n%.*s", json, SLICE_FMT(buf_slice(&yaml)));
    diag_fini(&diags);
    buf_fini(&yaml);
    buf_fini(&one);
    buf_fini(&two);
    arena_fini(&a);
}

START_TEST(test_yaml)
{
    round_trip("{\"a\":1,\"b\":[1,{\"c\":\"d\",\"e\":[]},[2,3]],\"f\":{},\"g\":null,\"h\":true}",
               "a: 1\nb:\n  - 1\n  - c: d\n    e: []\n  - - 2\n    - 3\nf: {}\ng: null\nh: true\n");
    round_trip("{\"text\":\"one\\ntwo\\n\\nthree\\n\"}", "text: |\n  one\n  two\n\n  three\n");
    round_trip("[\"\",\"1\",\"1e3\",\"null\",\"No\",\"~\",\"a: b\",\"a #b\",\"- a\",\" a\",\"a \",\"a:\",\"x:y\",\"{a}\",\"*a\",\"&a\",\"!a\","
               "\"%a\",\"@a\",\"`a\",\"'a'\",\"\\\"a\\\"\",\"a,b\",\"0x1f\",\".inf\",\"\\u00fcber\",\"tab\\t\",\"a\\nb\",\" a\\nb\\n\",\"---\",\"?\"]",
               NULL);
    round_trip("{\"a b\":1,\"1\":2,\"c: d\":3,\"\":4,\"yes\":5}", NULL);
    round_trip("\"plain\"", "plain\n");
    round_trip("[]", "[]\n");
    round_trip("12.50", "12.50\n");
}
END_TEST

START_TEST(test_watch)
{
    char folder[] = "/tmp/sluice-watch-XXXXXX", path[64], other[64];
    struct cpctl_watch w;
    struct err e;
    FILE *f;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/a.yaml", folder);
    (void)snprintf(other, sizeof(other), "%s/b.yaml", folder);
    ck_assert_int_eq(cpctl_watch_open(&w, path, &e), 0);
    cpctl_watch_read(&w, 1000);
    ck_assert_int_eq(cpctl_watch_due(&w, 1000), -1);
    f = fopen(other, "w"); /* somebody else's file */
    ck_assert_int_eq(fclose(f), 0);
    cpctl_watch_read(&w, 1000);
    ck_assert_int_eq(cpctl_watch_due(&w, 1000), -1);
    f = fopen(path, "w");
    ck_assert_int_ge(fputs("half", f), 0);
    ck_assert_int_eq(fflush(f), 0);
    cpctl_watch_read(&w, 1000); /* its writer is not done */
    ck_assert_int_eq(cpctl_watch_due(&w, 1000), -1);
    ck_assert_int_eq(fclose(f), 0);
    cpctl_watch_read(&w, 1000);
    ck_assert_int_eq(cpctl_watch_due(&w, 1000), CPCTL_WATCH_SETTLE_MS);
    ck_assert(!cpctl_watch_take(&w, 1049));
    ck_assert_int_eq(rename(other, path), 0); /* again, before it has settled */
    cpctl_watch_read(&w, 1040);
    ck_assert_int_eq(cpctl_watch_due(&w, 1040), CPCTL_WATCH_SETTLE_MS);
    ck_assert(cpctl_watch_take(&w, 1090));
    ck_assert(!cpctl_watch_take(&w, 1091));
    /* Never quiet: after a second it is looked at all the same. */
    w.first = 2000;
    w.last = 2990;
    ck_assert_int_eq(cpctl_watch_due(&w, 2990), 10);
    cpctl_watch_close(&w);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
    ck_assert_int_ne(cpctl_watch_open(&w, "/nonexistent/folder/x", &e), 0);
}
END_TEST

Suite *test_cpctl_out_suite(void);
Suite *test_cpctl_out_suite(void)
{
    Suite *s = suite_create("cpctl out");
    TCase *t = tcase_create("all");

    tcase_add_test(t, test_table);
    tcase_add_test(t, test_clean);
    tcase_add_test(t, test_yaml);
    tcase_add_test(t, test_watch);
    suite_add_tcase(s, t);
    return s;
}
