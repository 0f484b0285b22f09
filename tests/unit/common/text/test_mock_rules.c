#include <check.h>

#include "base/must.h"
#include "text/mock_rules.h"

Suite *test_mock_rules_suite(void);

START_TEST(status_is_lenient_as_the_original)
{
    static const struct {
        const char *text;
        long code;
    } good[] = {
        {"{statusCode: 200}", 200},
        {"{'statusCode': 200, '': ''}", 200},
        {"{\"statusCode\": 200 ,, }", 200},
        {"{statusCode: 200, foo}: [ba r]}", 200},
        {"{\"statusCode\": 200 , null: null }", 200},
        {"{\"statusCode\":-1000}", -1000},
        {" \n{\"a\": {\"statusCode\": 1}, \"b\": [1, {}], \"statusCode\": 404}", 404},
        {"{\"a\": \"}\", statusCode: 0}", 0},
    };
    static const char *const bad[] = {
        "", "{", "{}", "200", "statusCode: 200", "{\"statusCode': 200 }", "{'statusCode: 200 }", "{statusCode: 200, {foo: [ba r]}",
        "{\"statusCode\": \"200\"}", "{\"statusCode\": 200", "{\"statusCode\": 2.5}", "{\"statusCode\": }", "{\"statusCode\" 200}",
        "{\"StatusCode\": 200}", "{\"a\": \"", "{\"statusCode\": 12345678901234567890}",
    };
    long code;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_msg(mock_rules_status(slice_of(good[i].text), &code) == 0, "%s", good[i].text);
        ck_assert_int_eq(code, good[i].code);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(mock_rules_status(slice_of(bad[i]), &code) == -ERR_SYNTAX, "%s", bad[i]);
}
END_TEST

START_TEST(status_within_its_bytes)
{
    static const char text[] = "{a\0b: 1, statusCode: 200}";
    char cut[] = "{\"x\": '\\\\', statusCode: 204}";
    long code;

    ck_assert_int_eq(mock_rules_status(slice_from(text, sizeof(text) - 1), &code), -ERR_SYNTAX); /* a NUL ends no key */
    ck_assert_int_eq(mock_rules_status(slice_of(cut), &code), 0);
    for (size_t n = 0; n + 1 < sizeof(cut) - 1; n++)
        ck_assert_int_eq(mock_rules_status(slice_from(cut, n), &code), -ERR_SYNTAX);
}
END_TEST

START_TEST(velocity_is_found)
{
    static const struct {
        const char *text;
        size_t offset, width;
    } yes[] = {{"a $input.body", 2, 11}, {"$!x", 0, 3}, {"${x}", 0, 3}, {"$_a", 0, 3}, {"#set($a = 1)", 0, 4}, {"x ## note", 2, 2},
               {"#*", 0, 2}, {"#{end}", 0, 5}, {"#end", 0, 4}};
    static const char *const no[] = {"", "$", "#", "$5", "costs 5$", "$.a", "#1", "#setting", "#endless", "a # b", "$ x"};
    size_t offset, width;

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        ck_assert_msg(mock_rules_find_velocity(slice_of(yes[i].text), &offset, &width), "%s", yes[i].text);
        ck_assert_uint_eq(offset, yes[i].offset);
        ck_assert_msg(width == yes[i].width, "%s: %zu", yes[i].text, width);
    }
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        ck_assert_msg(!mock_rules_find_velocity(slice_of(no[i]), &offset, &width), "%s", no[i]);
}
END_TEST

START_TEST(headers_that_can_be_set)
{
    ck_assert(mock_rules_header_is_settable(SLICE_LIT("X-Thing_1")));
    ck_assert(mock_rules_header_is_settable(SLICE_LIT("te-x")));
    ck_assert(!mock_rules_header_is_settable(SLICE_LIT("")));
    ck_assert(!mock_rules_header_is_settable(SLICE_LIT("Content-Length")));
    ck_assert(!mock_rules_header_is_settable(SLICE_LIT("DATE")));
    ck_assert(!mock_rules_header_is_settable(SLICE_LIT("a b")));
    ck_assert(!mock_rules_header_is_settable(SLICE_LIT("a:")));
    ck_assert(!mock_rules_header_is_settable(SLICE_LIT("a\0b")));
    ck_assert_uint_eq(mock_rules_value_end(SLICE_LIT("plain \xc3\xa9")), 8);
    ck_assert_uint_eq(mock_rules_value_end(SLICE_LIT("a\r\nb")), 1);
    ck_assert_uint_eq(mock_rules_value_end(SLICE_LIT("ab\x7f")), 2);
}
END_TEST

START_TEST(patterns)
{
    static const struct {
        const char *pattern, *match, *miss;
    } good[] = {{"2\\d{2}", "204", "304"}, {"200|404", "404", "2004"}, {"4..", "418", "41"}, {"[45]\\d\\d", "503", "203"}};
    static const char *const bad[] = {"", "2(", "[", "2{1001}", "(2{100}){100}", "*{1,2000}"};
    char text[MOCK_RULES_PATTERN_MAX + 1];
    regex_t re;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_msg(mock_rules_compile(slice_of(good[i].pattern), &re) == 0, "%s", good[i].pattern);
        ck_assert_int_eq(regexec(&re, good[i].match, 0, NULL, 0), 0);
        ck_assert_int_ne(regexec(&re, good[i].miss, 0, NULL, 0), 0);
        regfree(&re);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(mock_rules_compile(slice_of(bad[i]), &re) == -ERR_INVALID, "%s", bad[i]);
    memset(text, '2', sizeof(text));
    ck_assert_int_eq(mock_rules_compile(slice_from(text, sizeof(text)), &re), -ERR_INVALID);
    ck_assert_int_eq(mock_rules_compile(SLICE_LIT("2\0("), &re), -ERR_INVALID);
    ck_assert_int_eq(mock_rules_compile(slice_from(text, MOCK_RULES_PATTERN_MAX), &re), 0);
    regfree(&re);
    ck_assert(mock_rules_pattern_is_simple(SLICE_LIT("2\\d{2}")));
    ck_assert(mock_rules_pattern_is_simple(SLICE_LIT("2..")));
    ck_assert(!mock_rules_pattern_is_simple(SLICE_LIT("2{10}")));
    ck_assert(!mock_rules_pattern_is_simple(SLICE_LIT("")));
}
END_TEST

Suite *test_mock_rules_suite(void)
{
    Suite *s = suite_create("mock_rules");
    TCase *t = tcase_create("mock_rules");

    tcase_add_test(t, status_is_lenient_as_the_original);
    tcase_add_test(t, status_within_its_bytes);
    tcase_add_test(t, velocity_is_found);
    tcase_add_test(t, headers_that_can_be_set);
    tcase_add_test(t, patterns);
    suite_add_tcase(s, t);
    return s;
}
