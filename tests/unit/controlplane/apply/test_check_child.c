#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/check_child.h"
#include "base/file.h"

static char folder[64], program[96];
static struct bundle *bundle;

static void setup(void)
{
    struct leaf_table *t = leaf_table_new();

    (void)snprintf(folder, sizeof(folder), "/tmp/sluice-check-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(program, sizeof(program), "%s/checker", folder);
    leaf_table_set(t, 7, leaf_new("some bytes", 10));
    leaf_table_seal(t);
    bundle = bundle_new();
    bundle_set_table(bundle, t);
    (void)snprintf(bundle->cluster_id, sizeof(bundle->cluster_id), "c");
    (void)snprintf(bundle->environment, sizeof(bundle->environment), "dev");
    bundle->version.epoch = bundle->version.revision = 1;
}

static void teardown(void)
{
    bundle_unref(bundle);
    (void)unlink(program);
    (void)rmdir(folder);
}

static int run_script(const char *script, uint32_t timeout_ms, struct check_verdict *v, struct err *e)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);

    ck_assert_int_eq(file_write_atomic(program, text, (size_t)n, 0755, e), 0);
    return check_child(program, bundle, timeout_ms, v, e);
}

struct script_case {
    const char *script;
    uint32_t timeout_ms;
    int rc;
    const char *words;
};

static const struct script_case cases[] = {
    {"cat >/dev/null; echo '{\"ok\":true,\"routes\":1}'", 20000, 0, ""},
    {"echo '{\"ok\":true}'", 20000, 0, ""}, /* it need not read all of it */
    {"echo '{\"ok\":false,\"code\":7,\"type\":\"route\",\"key\":\"GET /x\",\"field\":\"uri\",\"message\":\"no such thing\"}'; exit 1",
     20000, -ERR_INVALID, "route GET /x: no such thing"},
    {"echo '{\"ok\":true}'; exit 1", 20000, -ERR_INVALID, "status 1"},
    {"kill -SEGV $$", 20000, -ERR_INVALID, "crashed on it (signal 11)"},
    {"exec sleep 100", 200, -ERR_INVALID, "did not end in time"},
    {"exec yes", 20000, -ERR_INVALID, "said too much"},
    {"echo nonsense; exit 3", 20000, -ERR_INVALID, "status 3 and no verdict"},
    {"exit 0", 20000, -ERR_INVALID, "no verdict"},
    {"echo '[[[[[[[[[[[[[['", 20000, -ERR_INVALID, "no verdict"},
};

START_TEST(verdicts)
{
    const struct script_case *c = &cases[_i];
    struct check_verdict v;
    struct err e = {0};
    int rc = run_script(c->script, c->timeout_ms, &v, &e);

    ck_assert_msg(rc == c->rc, "%d %s", rc, e.text);
    ck_assert_msg(rc == 0 || strstr(e.text, c->words) != NULL, "%s", e.text);
}
END_TEST

START_TEST(fields)
{
    struct check_verdict v;
    struct err e;

    ck_assert_int_eq(run_script(cases[2].script, 20000, &v, &e), -ERR_INVALID);
    ck_assert_str_eq(v.type, "route");
    ck_assert_str_eq(v.key, "GET /x");
    ck_assert_str_eq(v.field, "uri");
    ck_assert_str_eq(v.message, "no such thing");
}
END_TEST

START_TEST(the_bundle_arrives)
{
    struct check_verdict v;
    struct err e;
    const char *script = "head -c 8 | grep -q SLUICEB1 && echo '{\"ok\":true}'";

    ck_assert_msg(run_script(script, 20000, &v, &e) == 0, "%s", e.text);
}
END_TEST

START_TEST(no_program)
{
    struct check_verdict v;
    struct err e;

    ck_assert_int_eq(check_child("/nowhere/at/all", bundle, 1000, &v, &e), -ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/nowhere/at/all"));
}
END_TEST

Suite *test_check_child_suite(void)
{
    Suite *suite = suite_create("check_child");
    TCase *t = tcase_create("child");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, verdicts, 0, (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_test(t, fields);
    tcase_add_test(t, the_bundle_arrives);
    tcase_add_test(t, no_program);
    suite_add_tcase(suite, t);
    return suite;
}
