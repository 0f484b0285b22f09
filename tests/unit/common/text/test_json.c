#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/must.h"
#include "text/json.h"

Suite *test_json_suite(void);

/* Reads `text` and writes it compact; an error as "!line:column what". The text is a copy of exactly n bytes. */
static void round_trip(const char *text, size_t n, const struct json_options *o, struct buf *out)
{
    struct arena a;
    struct json *v = NULL;
    struct json_error e = {0};
    char *copy = malloc(n == 0 ? 1 : n);
    int rc;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, n);
    arena_init(&a, 0, 16 << 20);
    buf_clear(out);
    rc = json_read(&a, slice_from(copy, n), o, &v, &e);
    if (rc == 0)
        ck_assert_int_eq(json_write(out, v, 0), 0);
    else
        ck_assert_int_eq(buf_printf(out, "!%u:%u %s", e.line, e.column, e.what), 0);
    ck_assert_int_eq(rc == 0, v != NULL);
    arena_fini(&a);
    free(copy);
}

static const struct {
    const char *text;
    size_t n;
    const char *want; /* compact, or "!line:column" and the beginning of the words */
} cases[] = {
#define T(text, want) {text, sizeof(text) - 1, want}
    T("null", "null"), T(" true\r\n", "true"), T("\tfalse ", "false"), T("0", "0"), T("-0", "-0"),
    T("12345678901234567890123", "12345678901234567890123"), T("0.1", "0.1"), T("1E+05", "1E+05"), T("-1.50e-3", "-1.50e-3"),
    T("\"\"", "\"\""), T("[]", "[]"), T("{}", "{}"), T("[[],{}]", "[[],{}]"), T("[1 , 2,\n3]", "[1,2,3]"),
    T("{\"a\" : {\"b\":[ ]}, \"c\":\"d\"}", "{\"a\":{\"b\":[]},\"c\":\"d\"}"),
    T("{\"b\":1,\"a\":2}", "{\"b\":1,\"a\":2}"),
    T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""),
    T("\"\\u0041\\u00e9\\u20AC\\uD834\\uDD1E\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\""),
    T("\"\\u0000\\u001f\\u007f\"", "\"\\u0000\\u001f\x7f\""),
    T("\"plain text over sixteen bytes \\n and more of it behind\"", "\"plain text over sixteen bytes \\n and more of it behind\""),
    T("\"\xc3\xa9 \xe2\x82\xac \xf0\x9d\x84\x9e\"", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9d\x84\x9e\""),
    T("", "!1:1 the text ends where a value"), T(" \n ", "!2:2 the text ends where a value"),
    T("nul", "!1:1 not a value"), T("True", "!1:1 not a value"), T("'a'", "!1:1 not a value"), T("NaN", "!1:1 not a value"),
    T("1 2", "!1:3 something follows"), T("{} x", "!1:4 something follows"), T("nullx", "!1:5 something follows"),
    T("[1,]", "!1:4 not a value"), T("[1 2]", "!1:4 a comma or ] is missing"), T("[1,\n 2", "!2:3 the text ends within an array"),
    T("[1}", "!1:3 a comma or ] is missing"), T("{\"a\":1]", "!1:7 a comma or } is missing"),
    T("{\"a\":1,}", "!1:8 a key in quotes"), T("{a:1}", "!1:2 a key in quotes"), T("{1:1}", "!1:2 a key in quotes"),
    T("{\"a\" 1}", "!1:6 a colon is missing"), T("{\"a\":}", "!1:6 not a value"), T("{\"a\":", "!1:6 the text ends where a value"),
    T("{\n\"a\":1,\n  \"a\":2}", "!3:3 this key is in the object already"),
    T("{\"a\":1,\"\\u0061\":2}", "!1:8 this key is in the object already"), T("{\"a\":{\"a\":1}}", "{\"a\":{\"a\":1}}"),
    T("01", "!1:1 a number does not begin with 0"), T("-", "!1:2 a number needs a digit here"), T("+1", "!1:1 not a value"),
    T("1.", "!1:3 a number needs a digit behind its point"), T(".5", "!1:1 not a value"), T("1e", "!1:3 a number needs a digit in"),
    T("1e+", "!1:4 a number needs a digit in"), T("0x10", "!1:2 something follows"), T("-01", "!1:2 a number does not begin"),
    T("\"abc", "!1:5 the text ends within a string"), T("\"a\nb\"", "!1:3 a control character"),
    T("\"\\x\"", "!1:2 an escape"), T("\"\\u12G4\"", "!1:2 an escape"), T("\"\\u12", "!1:2 an escape"), T("\"\\", "!1:2 an escape"),
    T("\"\\ud834\"", "!1:2 an escape"), T("\"\\ud834\\u0041\"", "!1:2 an escape"), T("\"\\udd1e\"", "!1:2 an escape"),
    T("\"\xff\"", "!1:2 bytes that are not UTF-8"), T("\"\xc0\xaf\"", "!1:2 bytes"), T("\"\xed\xa0\x80\"", "!1:2 bytes"),
    T("\"\xf4\x90\x80\x80\"", "!1:2 bytes"), T("\"\xe2\x82\"", "!1:2 bytes"), T("\xef\xbb\xbf{}", "!1:1 not a value"),
    T("\"a\0b\"", "!1:3 a control character"), T("[\"a\", /* no */ 1]", "!1:7 not a value"), T("[1]//", "!1:4 something"),
    T("[\x0b]", "!1:2 not a value"), T("\xa0", "!1:1 not a value"),
};

START_TEST(table)
{
    struct json_options borrow = {.borrow = true};
    struct buf out;

    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int round = 0; round < 2; round++) {
            struct slice got, want = slice_of(cases[i].want);

            round_trip(cases[i].text, cases[i].n, round == 0 ? NULL : &borrow, &out);
            got = buf_slice(&out);
            ck_assert_msg(want.p[0] == '!' ? slice_starts(got, want) : slice_eq(got, want), "%s: \"%.*s\", should be \"%s\"",
                          cases[i].text, SLICE_FMT(got), cases[i].want);
        }
    buf_fini(&out);
}
END_TEST

/* github.com/nst/JSONTestSuite: y_ is accepted, n_ refused, i_ either, and nothing crashes. */
START_TEST(public_vectors)
{
    const char *shared = getenv("SLUICE_SHARED");
    char folder[512], path[1024];
    struct dirent *entry;
    unsigned yes = 0, no = 0, either = 0;
    struct buf out;
    DIR *d;

    (void)snprintf(folder, sizeof(folder), "%s/vectors/public/json-parsing", shared == NULL ? "../shared" : shared);
    d = opendir(folder);
    if (d == NULL) {
        (void)fprintf(stderr, "\n*** json: %s is not there: the public JSON vectors DID NOT RUN (set SLUICE_SHARED)\n\n", folder);
        return;
    }
    buf_init(&out, 0);
    while ((entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        struct json_options o = {.depth_max = JSON_DEPTH_CAP, .duplicates = JSON_DUPLICATES_LAST};
        struct buf text;
        struct err e;
        bool refused;

        if (name[0] == '\0' || name[1] != '_')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        buf_init(&text, 0);
        ck_assert_msg(file_read(path, 16 << 20, &text, &e) == 0, "%s: %s", path, e.text);
        round_trip(buf_slice(&text).p == NULL ? "" : buf_slice(&text).p, buf_len(&text), &o, &out);
        refused = buf_len(&out) != 0 && buf_slice(&out).p[0] == '!';
        yes += name[0] == 'y';
        no += name[0] == 'n';
        either += name[0] == 'i';
        ck_assert_msg(name[0] == 'i' || refused == (name[0] == 'n'), "%s: %.*s", name, SLICE_FMT(buf_slice(&out)));
        buf_fini(&text);
    }
    closedir(d);
    buf_fini(&out);
    printf("json: %u public vectors to accept, %u to refuse, %u of either kind\n", yes, no, either);
    ck_assert_uint_ge(yes + no, 200);
}
END_TEST

START_TEST(bounds)
{
    char deep[300];
    struct json_options o = {.depth_max = 100};
    struct json_error e;
    struct arena a;
    struct json *v;

    memset(deep, '[', sizeof(deep));
    arena_init(&a, 0, 64 << 10);
    ck_assert_int_eq(json_read(&a, slice_from(deep, sizeof(deep)), &o, &v, &e), -ERR_LIMIT);
    ck_assert_uint_eq(e.offset, 100);
    ck_assert_int_eq(json_read(&a, slice_from(deep, sizeof(deep)), NULL, &v, &e), -ERR_LIMIT);
    ck_assert_uint_eq(e.offset, JSON_DEPTH_DEFAULT);
    o.size_max = 5;
    ck_assert_int_eq(json_read(&a, SLICE_LIT("[1,23]"), &o, &v, &e), -ERR_LIMIT);
    ck_assert_int_eq(json_read(&a, SLICE_LIT("[1,2]"), &o, &v, &e), 0);
    arena_fini(&a);
    arena_init(&a, 256, 1024);
    ck_assert_int_eq(json_read(&a, SLICE_LIT("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"), NULL, &v, &e), -ERR_NOMEM);
    ck_assert_ptr_null(v);
    arena_fini(&a);
}
END_TEST

START_TEST(duplicates_in_a_large_object)
{
    struct json_options last = {.duplicates = JSON_DUPLICATES_LAST};
    struct json_error e;
    struct arena a;
    struct json *v;
    struct buf b;
    int64_t n = 0;

    buf_init(&b, 0);
    ck_assert_int_eq(buf_append(&b, "{", 1), 0);
    for (int i = 0; i < 5000; i++)
        ck_assert_int_eq(buf_printf(&b, "\"k%d\":%d,\n", i, i), 0);
    ck_assert_int_eq(buf_printf(&b, "\"k4321\":-1}"), 0);
    arena_init(&a, 0, 0);
    ck_assert_int_eq(json_read(&a, buf_slice(&b), NULL, &v, &e), -ERR_INVALID);
    ck_assert_uint_eq(e.line, 5001);
    ck_assert_uint_eq(e.column, 1);
    ck_assert_int_eq(json_read(&a, buf_slice(&b), &last, &v, &e), 0);
    ck_assert_uint_eq(v->count, 5001);
    ck_assert_int_eq(json_int64(json_get_str(v, "k4321"), &n), 0);
    ck_assert_int_eq(n, -1);
    memcpy(b.p + b.w - 5, "x", 1); /* "k4321" becomes another key */
    ck_assert_int_eq(json_read(&a, buf_slice(&b), NULL, &v, &e), -ERR_SYNTAX);
    arena_fini(&a);
    buf_fini(&b);
}
END_TEST

#define NO 99
static const struct {
    const char *text;
    int rc_int, rc_uint;
    int64_t i;
    uint64_t u;
} numbers[] = {
    {"0", 0, 0, 0, 0}, {"-0", 0, 0, 0, 0}, {"1", 0, 0, 1, 1}, {"-1", 0, -ERR_LIMIT, -1, 0}, {"1.0", 0, 0, 1, 1},
    {"1e2", 0, 0, 100, 100}, {"1.5e1", 0, 0, 15, 15}, {"100e-2", 0, 0, 1, 1}, {"1.5", -ERR_INVALID, -ERR_INVALID, 0, 0},
    {"1e-1", -ERR_INVALID, -ERR_INVALID, 0, 0}, {"0.0e-99999999999", 0, 0, 0, 0}, {"0e999999999999", 0, 0, 0, 0},
    {"9223372036854775807", 0, 0, INT64_MAX, INT64_MAX}, {"9223372036854775808", -ERR_LIMIT, 0, 0, 9223372036854775808u},
    {"-9223372036854775808", 0, -ERR_LIMIT, INT64_MIN, 0}, {"-9223372036854775809", -ERR_LIMIT, -ERR_LIMIT, 0, 0},
    {"18446744073709551615", -ERR_LIMIT, 0, 0, UINT64_MAX}, {"18446744073709551616", -ERR_LIMIT, -ERR_LIMIT, 0, 0},
    {"1e19", -ERR_LIMIT, 0, 0, 10000000000000000000u}, {"1e20", -ERR_LIMIT, -ERR_LIMIT, 0, 0},
    {"1e99999999999999999999", -ERR_LIMIT, -ERR_LIMIT, 0, 0}, {"9007199254740993", 0, 0, 9007199254740993, 9007199254740993},
    {"0.001e3", 0, 0, 1, 1}, {"1000000000000000000000000000000e-30", 0, 0, 1, 1}, {"10203.0400e2", 0, 0, 1020304, 1020304},
    {"-12.34E+2", 0, -ERR_LIMIT, -1234, 0}, {"5.000000000000000000000000000001", -ERR_LIMIT, -ERR_LIMIT, 0, 0},
};

START_TEST(whole_numbers)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct json v = {.type = JSON_NUMBER, .text = slice_of(numbers[i].text)};
        int64_t s = 0;
        uint64_t u = 0;

        ck_assert_msg(json_int64(&v, &s) == numbers[i].rc_int && s == numbers[i].i, "%s as int64", numbers[i].text);
        ck_assert_msg(json_uint64(&v, &u) == numbers[i].rc_uint && u == numbers[i].u, "%s as uint64", numbers[i].text);
    }
}
END_TEST

START_TEST(doubles)
{
    static const double values[] = {0, -0.0, 0.1, 1.0 / 3, 1e300, 5e-324, 1.7976931348623157e308, 123456789.125, -2.5e-10};
    char long_one[400];
    struct json v = {.type = JSON_NUMBER};
    struct buf b;
    double d;

    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct json_writer w;

        buf_clear(&b);
        json_writer_init(&w, &b, 0);
        json_put_double(&w, values[i]);
        ck_assert_int_eq(json_writer_end(&w), 0);
        v.text = buf_slice(&b);
        ck_assert_int_eq(json_double(&v, &d), 0);
        ck_assert(d == values[i]);
    }
    ck_assert(slice_is(buf_slice(&b), "-2.5e-10"));
    v.text = SLICE_LIT("1e400");
    ck_assert_int_eq(json_double(&v, &d), -ERR_LIMIT);
    memset(long_one, '0', sizeof(long_one));
    memcpy(long_one, "1", 1);
    memcpy(long_one + sizeof(long_one) - 5, "e-394", 5);
    v.text = slice_from(long_one, sizeof(long_one));
    ck_assert_int_eq(json_double(&v, &d), 0);
    ck_assert(d == 1.0);
    ck_assert_int_eq(json_double(NULL, &d), -ERR_INVALID);
    buf_fini(&b);
}
END_TEST

START_TEST(looking)
{
    static const char text[] = "{\"s\":\"x\",\"t\":true,\"f\":false,\"a\":[1,\"2\",null],\"o\":{\"k\":1.50}}";
    struct arena a;
    struct json *v, *other;

    arena_init(&a, 0, 0);
    ck_assert_int_eq(json_read(&a, SLICE_LIT(text), NULL, &v, NULL), 0);
    ck_assert(slice_is(json_string(json_get_str(v, "s"), SLICE_NONE), "x"));
    ck_assert(slice_is(json_string(json_get_str(v, "t"), SLICE_LIT("-")), "-"));
    ck_assert(json_bool(json_get_str(v, "t"), false) && !json_bool(json_get_str(v, "f"), true));
    ck_assert(json_bool(json_get_str(v, "none"), true) && json_get_str(json_get_str(v, "s"), "x") == NULL);
    ck_assert(json_is(json_at(json_get_str(v, "a"), 2), JSON_NULL) && json_at(json_get_str(v, "a"), 3) == NULL);
    ck_assert_str_eq(json_type_name(json_get_str(v, "o")), "object");
    ck_assert_str_eq(json_type_name(NULL), "nothing");
    ck_assert_uint_eq(json_get_str(v, "t")->offset, 9);
    ck_assert_int_eq(json_read(&a, SLICE_LIT("{\"t\":true,\"o\":{\"k\":1.50},\"a\":[1,\"2\",null],\"f\":false,\"s\":\"x\"}"),
                               NULL, &other, NULL), 0);
    ck_assert(json_equal(v, other) && !json_equal(v, NULL) && !json_equal(v, json_get_str(v, "a")));
    ck_assert(!json_equal(json_get_str(v, "t"), json_get_str(v, "f")));
    arena_fini(&a);
}
END_TEST

START_TEST(writing)
{
    struct json_writer w;
    struct buf b;

    buf_init(&b, 0);
    json_writer_init(&w, &b, 2);
    json_begin_object(&w);
    json_member_str(&w, "name", "a\"b\\\n\x01\xff\xc3\xa9");
    json_member_int(&w, "min", INT64_MIN);
    json_member_uint(&w, "max", UINT64_MAX);
    json_key(&w, "list");
    json_begin_array(&w);
    json_put_bool(&w, true);
    json_put_str(&w, NULL);
    json_put_double(&w, NAN);
    json_begin_array(&w);
    json_end_array(&w);
    json_put_raw(&w, SLICE_LIT("1.0"));
    json_end_array(&w);
    json_key(&w, "none");
    json_begin_object(&w);
    json_end_object(&w);
    json_end_object(&w);
    ck_assert_int_eq(json_writer_end(&w), 0);
    ck_assert(buf_append(&b, "", 1) == 0);
    ck_assert_str_eq(b.p, "{\n  \"name\": \"a\\\"b\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\",\n  \"min\": -9223372036854775808,\n"
                          "  \"max\": 18446744073709551615,\n  \"list\": [\n    true,\n    null,\n    null,\n    [],\n    1.0\n  ],\n"
                          "  \"none\": {}\n}");
    buf_fini(&b);
    buf_init(&b, 4);
    json_writer_init(&w, &b, 0);
    json_begin_array(&w);
    json_put_str(&w, "too long");
    json_begin_object(&w);
    json_member_bool(&w, "x", true);
    json_end_object(&w);
    json_end_array(&w);
    ck_assert_int_eq(json_writer_end(&w), -ERR_LIMIT);
    buf_fini(&b);
}
END_TEST

START_TEST(words_for_people)
{
    struct arena a;
    struct json *v;
    struct err e;

    arena_init(&a, 0, 0);
    ck_assert_int_eq(json_read_err(&a, SLICE_LIT("{\n  \"a\": tru}"), NULL, &v, &e), -ERR_SYNTAX);
    ck_assert_str_eq(e.text, "line 2, column 8: not a value: expected null, true, false, a number, \", [ or {");
    arena_fini(&a);
}
END_TEST

Suite *test_json_suite(void)
{
    Suite *s = suite_create("json");
    TCase *t = tcase_create("all");

    tcase_add_test(t, table);
    tcase_add_test(t, public_vectors);
    tcase_add_test(t, bounds);
    tcase_add_test(t, duplicates_in_a_large_object);
    tcase_add_test(t, whole_numbers);
    tcase_add_test(t, doubles);
    tcase_add_test(t, looking);
    tcase_add_test(t, writing);
    tcase_add_test(t, words_for_people);
    suite_add_tcase(s, t);
    return s;
}
