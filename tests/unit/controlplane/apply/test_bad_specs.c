/* Every bad spec of bad_specs/ with what is said of it: place, code, message and hint, exactly. One block a file in
 * expected.txt. After a deliberate change: SLUICE_WRITE_EXPECTED=1 writes the table anew; read the difference before it is kept. */
#include <check.h>
#include <dirent.h>

#include "apply/apply.h"
#include "base/file.h"
#include "diag/diag_code.h"

#define FOLDER "tests/unit/controlplane/apply/bad_specs"

Suite *test_bad_specs_suite(void);

static int only_specs(const struct dirent *d)
{
    return d->d_name[0] != '.' && strcmp(d->d_name, "expected.txt") != 0;
}

static void describe(const char *name, const struct diag_list *l, struct buf *out)
{
    ck_assert_int_eq(buf_printf(out, "%s\n", name), 0);
    for (size_t i = 0; i < l->items.n; i++) {
        const struct diag *d = &VEC_AT(&l->items, struct diag, i);

        ck_assert_msg(diag_code_title(d->code) != NULL, "%s is not in diag/tbl/code.h", d->code);
        ck_assert_int_eq(buf_printf(out, "  %u:%u %s %s %.*s", d->place.line, d->place.column, d->severity == DIAG_ERROR ? "error" : "warning",
                                    d->code, SLICE_FMT(d->message)), 0);
        if (d->hint.n > 0)
            ck_assert_int_eq(buf_printf(out, " | %.*s", SLICE_FMT(d->hint)), 0);
        ck_assert_int_eq(buf_append(out, "\n", 1), 0);
    }
}

static void run_one(const char *name, struct buf *out)
{
    struct world *untouched = (struct world *)(uintptr_t)16, *w = untouched;
    struct vec changes = VEC_INIT(struct apply_change);
    struct apply_request r = {.n_files = 1};
    struct apply_file file = {.name = slice_of(name)};
    struct diag_list l;
    struct buf text;
    struct err e;
    char path[512];

    buf_init(&text, 0);
    diag_init(&l);
    (void)snprintf(path, sizeof(path), FOLDER "/%s", name);
    ck_assert_int_eq(file_read(path, 1u << 20, &text, &e), 0);
    file.text = buf_slice(&text);
    r.files = &file;
    ck_assert_msg(apply_run(&r, NULL, &w, &changes, &l, &e) == -ERR_INVALID, "%s was taken", name);
    ck_assert_ptr_eq(w, untouched);
    ck_assert_uint_eq(changes.n, 0);
    ck_assert_uint_gt(l.errors, 0);
    describe(name, &l, out);
    vec_fini(&changes);
    diag_fini(&l);
    buf_fini(&text);
}

/* The first line that differs, for the message. */
static void compare(struct slice got, struct slice want)
{
    size_t at = 0, line = 0;

    while (at < got.n && at < want.n && got.p[at] == want.p[at]) {
        if (got.p[at] == '\n')
            line = at + 1;
        at++;
    }
    ck_assert_msg(slice_eq(got, want), "\ngot:    %.*s\nwanted: %.*s", (int)strcspn(got.p + line, "\n"), got.p + line,
                  (int)strcspn(want.p + line, "\n"), want.p + line);
}

START_TEST(all_are_refused_with_their_words)
{
    struct buf got, want;
    struct dirent **names;
    int n = scandir(FOLDER, &names, only_specs, alphasort);
    struct err e;

    ck_assert_int_ge(n, 80);
    buf_init(&got, 0);
    buf_init(&want, 0);
    for (int i = 0; i < n; i++) {
        run_one(names[i]->d_name, &got);
        free(names[i]);
    }
    free(names);
    if (getenv("SLUICE_WRITE_EXPECTED") != NULL)
        ck_assert_int_eq(file_write_atomic(FOLDER "/expected.txt", got.p, got.w, 0644, &e), 0);
    ck_assert_int_eq(file_read(FOLDER "/expected.txt", 1u << 20, &want, &e), 0);
    ck_assert_int_eq(buf_append(&got, "", 1), 0);
    ck_assert_int_eq(buf_append(&want, "", 1), 0);
    compare(slice_of(got.p), slice_of(want.p));
    buf_fini(&got);
    buf_fini(&want);
}
END_TEST

Suite *test_bad_specs_suite(void)
{
    Suite *s = suite_create("bad_specs");
    TCase *t = tcase_create("bad_specs");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, all_are_refused_with_their_words);
    suite_add_tcase(s, t);
    return s;
}
