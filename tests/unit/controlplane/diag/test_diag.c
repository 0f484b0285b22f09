#include <check.h>

#include "diag/diag.h"
#include "diag/diag_near.h"

Suite *test_diag_suite(void);

static const char TEXT[] = "kind: Api\nspec:\n  get:\n    operationId: listOrders\n    authorizer: jwt-corp\n\tx: \xc3\xa4 b\n";

static struct diag *add(struct diag_list *l, const char *file, uint32_t line, uint32_t column, uint32_t width, const char *text)
{
    return diag_add(l, DIAG_ERROR, "SL2107", (struct diag_place){slice_of(file), line, column, width}, SLICE_NONE, "%s", text);
}

START_TEST(text_as_in_the_conventions)
{
    struct diag_list l;
    struct buf out;

    diag_init(&l);
    buf_init(&out, 0);
    diag_source_add(&l, SLICE_LIT("specs/orders.yaml"), SLICE_LIT(TEXT), 37);
    diag_hint(&l, add(&l, "specs/orders.yaml", 41, 17, 8, "authorizer \"jwt-corp\" is not defined"), "did you mean \"%s\"?", "x");
    ck_assert_int_eq(diag_text(&l, &out, false), 0);
    ck_assert_int_eq(buf_append(&out, "", 1), 0);
    ck_assert_str_eq(buf_slice(&out).p, "specs/orders.yaml:41:17: error[SL2107]: authorizer \"jwt-corp\" is not defined\n"
                                        "   39 |   get:\n"
                                        "   40 |     operationId: listOrders\n"
                                        "   41 |     authorizer: jwt-corp\n"
                                        "      |                 ^^^^^^^^ did you mean \"x\"?\n");
    buf_clear(&out);
    ck_assert_int_eq(diag_text(&l, &out, true), 0);
    ck_assert_ptr_nonnull(memmem(out.p, out.w, "\033[1;31m", 7));
    buf_fini(&out);
    diag_fini(&l);
}
END_TEST

START_TEST(odd_places)
{
    struct diag_list l;
    struct buf out;

    diag_init(&l);
    buf_init(&out, 0);
    diag_source_add(&l, SLICE_LIT("a"), SLICE_LIT(TEXT), 1);
    (void)add(&l, "a", 6, 5, 1, "tab and umlaut");
    (void)add(&l, "a", 99, 5, 1, "no such line");
    diag_hint(&l, add(&l, "b", 0, 0, 0, "file\x1b[31m as a whole"), "a hint");
    (void)add(&l, "", 0, 0, 0, "no file");
    ck_assert_int_eq(diag_text(&l, &out, false), 0);
    ck_assert_int_eq(buf_append(&out, "", 1), 0);
    ck_assert_str_eq(buf_slice(&out).p, "a:6:5: error[SL2107]: tab and umlaut\n"
                                        "    4 |     operationId: listOrders\n"
                                        "    5 |     authorizer: jwt-corp\n"
                                        "    6 |  x: \xc3\xa4 b\n"
                                        "      |     ^\n"
                                        "a:99:5: error[SL2107]: no such line\n"
                                        "b: error[SL2107]: file [31m as a whole\n"
                                        "      = a hint\n"
                                        "error[SL2107]: no file\n");
    buf_fini(&out);
    diag_fini(&l);
}
END_TEST

START_TEST(long_lines_are_cut_around_the_column)
{
    static char line[5000];
    struct diag_list l;
    struct diag *d;

    memset(line, 'x', sizeof(line));
    memcpy(line + 3000, "HERE", 4);
    diag_init(&l);
    diag_source_add(&l, SLICE_LIT("a"), slice_from(line, sizeof(line)), 1);
    d = add(&l, "a", 1, 3001, 4, "far away");
    ck_assert_uint_eq(d->n_excerpt, 1);
    ck_assert_uint_le(d->excerpt[0].text.n, DIAG_EXCERPT_BYTES);
    ck_assert_int_eq(memcmp(d->excerpt[0].text.p + d->caret - 1, "HERE", 4), 0);
    diag_fini(&l);
}
END_TEST

START_TEST(bounded_and_sorted)
{
    struct diag_list l;
    struct buf out;

    diag_init(&l);
    buf_init(&out, 0);
    for (uint32_t i = 0; i < DIAG_WARNINGS_MAX + 7; i++)
        (void)diag_add(&l, DIAG_WARNING, "SL2390", (struct diag_place){SLICE_LIT("two"), 1, 1, 1}, SLICE_NONE, "careful");
    for (uint32_t i = 0; i < DIAG_MAX + 50; i++)
        (void)add(&l, i % 2 ? "one" : "two", 1000 - i, 1, 1, "x");
    diag_sort(&l);
    ck_assert_uint_eq(l.items.n, DIAG_MAX + DIAG_WARNINGS_MAX);
    ck_assert_uint_eq(l.errors, DIAG_MAX + 50);
    ck_assert_uint_eq(l.dropped, 57);
    for (size_t i = 1; i < l.items.n; i++) {
        const struct diag *a = &VEC_AT(&l.items, struct diag, i - 1), *b = a + 1;

        ck_assert(a->file_order < b->file_order || (a->file_order == b->file_order && a->place.line <= b->place.line));
    }
    ck_assert(slice_is(VEC_AT(&l.items, struct diag, 0).place.file, "two"));
    ck_assert_int_eq(diag_text(&l, &out, false), 0);
    ck_assert(slice_ends(buf_slice(&out), SLICE_LIT("... and 57 more\n")));
    buf_clear(&out);
    ck_assert_int_eq(diag_count_text(&l, &out), 0);
    ck_assert(slice_is(buf_slice(&out), "250 errors, 57 warnings"));
    buf_fini(&out);
    diag_fini(&l);
}
END_TEST

START_TEST(json_there_and_back)
{
    struct diag_list l, back;
    struct buf json, text, again;
    struct err e;

    diag_init(&l);
    diag_init(&back);
    buf_init(&json, 0);
    buf_init(&text, 0);
    buf_init(&again, 0);
    diag_source_add(&l, SLICE_LIT("a"), SLICE_LIT(TEXT), 1);
    diag_hint(&l, add(&l, "a", 5, 17, 8, "say \"x\""), "or %s", "y");
    (void)diag_add(&l, DIAG_WARNING, "SL2390", (struct diag_place){SLICE_LIT("b"), 1, 1, 1}, SLICE_LIT("spec.x"), "careful");
    for (uint32_t i = 0; i < DIAG_MAX + 1; i++)
        (void)add(&l, "c", i + 1, 1, 1, "more");
    ck_assert_int_eq(diag_json(&l, &json), 0);
    ck_assert_int_eq(diag_read_json(&back, buf_slice(&json), &e), 0);
    ck_assert_int_eq(diag_text(&l, &text, false), 0);
    ck_assert_int_eq(diag_text(&back, &again, false), 0);
    ck_assert(slice_eq(buf_slice(&text), buf_slice(&again)));
    ck_assert_uint_eq(back.errors, l.errors);
    ck_assert_uint_eq(back.warnings, 1);
    ck_assert_uint_eq(back.dropped, 2);
    ck_assert_int_eq(diag_read_json(&back, SLICE_LIT("{}"), &e), -ERR_SYNTAX);
    buf_fini(&json);
    buf_fini(&text);
    buf_fini(&again);
    diag_fini(&l);
    diag_fini(&back);
}
END_TEST

START_TEST(nearest_word)
{
    static const struct {
        const char *word, *candidates[4], *best;
    } t[] = {
        {"integraton", {"integrations", "integration", NULL}, "integration"},
        {"Kind", {"kind", NULL}, "kind"},
        {"mehtod", {"method", NULL}, "method"},
        {"xyz", {"method", "path", NULL}, ""},
        {"a", {"b", NULL}, ""},
        {"timeout", {"timeoutInMillis", "timeouts", NULL}, "timeouts"},
        {"", {"a", NULL}, ""},
    };

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        struct diag_near n;

        diag_near_init(&n, slice_of(t[i].word));
        for (size_t k = 0; t[i].candidates[k] != NULL; k++)
            diag_near_offer(&n, slice_of(t[i].candidates[k]));
        ck_assert_msg(slice_is(n.best, t[i].best), "%s: got %.*s", t[i].word, SLICE_FMT(n.best));
    }
}
END_TEST

Suite *test_diag_suite(void)
{
    Suite *s = suite_create("diag");
    TCase *t = tcase_create("diag");

    tcase_add_test(t, text_as_in_the_conventions);
    tcase_add_test(t, odd_places);
    tcase_add_test(t, long_lines_are_cut_around_the_column);
    tcase_add_test(t, bounded_and_sorted);
    tcase_add_test(t, json_there_and_back);
    tcase_add_test(t, nearest_word);
    suite_add_tcase(s, t);
    return s;
}
