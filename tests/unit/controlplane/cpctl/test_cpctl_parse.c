/* From words to a call, and what a call is made of. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "cpctl/cpctl.h"
#include "cpctl/cpctl_change.h"
#include "cpctl/cpctl_kind.h"

struct fixture {
    struct cpctl c;
    char *err;
    size_t err_n;
};

/* line: the words behind "cpctl", one blank between. They are cut in place and live until the next call. */
static int parse(struct fixture *f, const char *line)
{
    static char copy[256];
    static char *argv[32];
    int argc = 1, rc;

    (void)snprintf(copy, sizeof(copy), "%s", line);
    argv[0] = copy;
    for (char *p = copy; *p != '\0'; argc++) {
        argv[argc] = p;
        p += strcspn(p, " ");
        if (*p != '\0')
            *p++ = '\0';
    }
    memset(&f->c, 0, sizeof(f->c));
    f->err = NULL;
    f->c.failed = CPCTL_FAILED;
    f->c.out = stdout;
    f->c.err = open_memstream(&f->err, &f->err_n);
    arena_init(&f->c.arena, 0, 0);
    rc = cpctl_parse(&f->c, argc, argv);
    (void)fclose(f->c.err);
    return rc;
}

static void done(struct fixture *f)
{
    arena_fini(&f->c.arena);
    free(f->err);
}

START_TEST(test_options_and_arguments)
{
    struct fixture f;

    ck_assert_int_eq(parse(&f, "-o json token create --role=admin --name ci"), 0);
    ck_assert_str_eq(f.c.command->name, "token create");
    ck_assert_int_eq(f.c.format, CPCTL_JSON);
    ck_assert_str_eq(f.c.value[CPCTL_OPT_ROLE], "admin");
    ck_assert_str_eq(f.c.value[CPCTL_OPT_NAME], "ci");
    ck_assert_uint_eq(f.c.n_args, 0);
    ck_assert(!cpctl_given(&f.c, CPCTL_OPT_JOIN));
    done(&f);
    ck_assert_int_eq(parse(&f, "apply -f a --wait -fb --file=c -f - -m x=y"), 0);
    ck_assert_uint_eq(f.c.n_files, 4);
    ck_assert_str_eq(f.c.files[1], "b");
    ck_assert_str_eq(f.c.files[3], "-");
    ck_assert_str_eq(f.c.value[CPCTL_OPT_MESSAGE], "x=y");
    done(&f);
    ck_assert_int_eq(parse(&f, "stage set shop/prod a=b -- --c=d e-"), 0);
    ck_assert_uint_eq(f.c.n_args, 4);
    ck_assert_str_eq(f.c.args[2], "--c=d");
    done(&f);
    ck_assert_int_eq(parse(&f, "--version"), 0);
    ck_assert_ptr_null(f.c.command);
    done(&f);
    ck_assert_int_eq(parse(&f, "token --help"), 0); /* the group's own help */
    ck_assert_ptr_null(f.c.command);
    done(&f);
    ck_assert_int_eq(parse(&f, "get --help"), 0);   /* help needs no arguments */
    done(&f);
}
END_TEST

START_TEST(test_wrong_calls)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"appyl", "did you mean `cpctl apply`?"},
        {"rollout stauts", "did you mean `cpctl rollout status`?"},
        {"config", "get-contexts, use-context, set-context, view"},
        {"get apis --frm x", "unknown option '--frm'"},
        {"get apis -o", "needs a value"},
        {"get apis shop more", "one word too many"},
        {"nodes -o text", "the formats are"},
        {"validate -o name -f x", "makes no sense"},
        {"nodes --help=1", "takes no value"},
        {"-hx", "unknown option"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;

        ck_assert_int_eq(parse(&f, cases[i].line), CPCTL_WRONG);
        ck_assert_msg(strncmp(f.err, "error: ", 7) == 0, "%s: %s", cases[i].line, f.err);
        ck_assert_msg(strstr(f.err, cases[i].says) != NULL, "%s: %s", cases[i].line, f.err);
        done(&f);
    }
}
END_TEST

/* What help, completion and the manual rely on. */
START_TEST(test_the_table)
{
    for (size_t i = 0; i < cpctl_n_commands; i++) {
        const struct cpctl_command *m = &cpctl_commands[i];

        ck_assert_ptr_eq(cpctl_command_find(slice_of(m->name)), m);
        ck_assert_ptr_nonnull(m->run);
        ck_assert_msg(m->help[0] >= 'a' && m->help[0] <= 'z' && m->help[strlen(m->help) - 1] != '.', "%s", m->name);
        ck_assert_msg(m->detail[strlen(m->detail) - 1] == '.', "%s", m->name);
        ck_assert_msg(strncmp(m->examples, "cpctl ", 6) == 0 || strstr(m->examples, "cpctl ") != NULL, "%s", m->name);
        ck_assert_msg(m->examples[strlen(m->examples) - 1] == '\n', "%s", m->name);
        ck_assert_msg((m->args_max == 0) == (*m->args == '\0'), "%s", m->name);
        ck_assert_msg((m->options & CPCTL_GLOBAL) == 0, "%s", m->name);
        /* Commands of one group stand together. */
        if (i > 0 && strchr(m->name, ' ') != NULL) {
            size_t n = strcspn(m->name, " ");
            bool earlier = false;

            for (size_t k = 0; k + 1 < i; k++)
                earlier = earlier || strncmp(cpctl_commands[k].name, m->name, n + 1) == 0;
            ck_assert_msg(!earlier || strncmp(cpctl_commands[i - 1].name, m->name, n + 1) == 0, "%s", m->name);
        }
    }
    ck_assert_ptr_nonnull(cpctl_commands[0].group);
    for (int i = 0; i < CPCTL_OPT_N; i++)
        ck_assert_msg(cpctl_options[i].name != NULL && cpctl_options[i].help != NULL, "option %d", i);
}
END_TEST

START_TEST(test_durations)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: no duration */
    } cases[] = {
        {"30s", 30000}, {"500ms", 500}, {"2m", 120000}, {"1h30m", 5400000}, {"7d", 604800000}, {"45", 45000}, {"0s", 0},
        {"", -1}, {"s", -1}, {"1x", -1}, {"1.5s", -1}, {"-1s", -1}, {"1s2", -1}, {"400d", -1}, {"999999999999d", -1},
        {"18446744073709551617s", -1}, {" 1s", -1}, {"300d300d", -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t ms = 0;
        bool ok = cpctl_duration(cases[i].text, &ms);

        ck_assert_msg(ok == (cases[i].ms >= 0), "'%s'", cases[i].text);
        ck_assert_msg(!ok || (int64_t)ms == cases[i].ms, "'%s': %llu", cases[i].text, (unsigned long long)ms);
    }
}
END_TEST

START_TEST(test_kinds)
{
    char scratch[8];

    ck_assert_str_eq(cpctl_kind_find("Stages")->kind, "Stage");
    ck_assert_str_eq(cpctl_kind_find("up")->kind, "Upstream");
    ck_assert_ptr_null(cpctl_kind_find(""));
    ck_assert_ptr_null(cpctl_kind_find("apisx"));
    ck_assert_str_eq(cpctl_kind_near("upstrem"), "upstream");
    ck_assert_ptr_null(cpctl_kind_near("xyzzy"));
    ck_assert_str_eq(cpctl_kind_show("UsagePlans", scratch, sizeof(scratch)), "usagepl");
}
END_TEST

Suite *test_cpctl_parse_suite(void);
Suite *test_cpctl_parse_suite(void)
{
    Suite *s = suite_create("cpctl parse");
    TCase *t = tcase_create("all");

    tcase_add_test(t, test_options_and_arguments);
    tcase_add_test(t, test_wrong_calls);
    tcase_add_test(t, test_the_table);
    tcase_add_test(t, test_durations);
    tcase_add_test(t, test_kinds);
    suite_add_tcase(s, t);
    return s;
}
