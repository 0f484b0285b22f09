#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "text/b64.h"
#include "text/date.h"
#include "text/uri.h"
#include "text/utf8.h"

Suite *test_text_suite(void);

/* ---- utf8 */

START_TEST(utf8_every_character)
{
    char bytes[UTF8_MAX];
    uint32_t c = 0, back = 0;

    for (c = 0; c <= 0x110010; c++) {
        unsigned n = utf8_write(c, bytes);
        bool good = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);

        if ((n != 0) != good || (good && (utf8_read(slice_from(bytes, n), &back) != n || back != c)))
            ck_abort_msg("U+%04X", c);
        for (unsigned cut = 0; good && cut < n; cut++)
            if (utf8_read(slice_from(bytes, cut), &back) != 0)
                ck_abort_msg("U+%04X cut to %u", c, cut);
    }
}
END_TEST

START_TEST(utf8_refused)
{
    static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
                                      "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xc3(",
                                      "\xe2\x82", "\xe2(\xa1", "\xf0\x9d\x84", "\xf0\x28\x8c\xbc", "\xf8\x88\x80\x80\x80"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[64];

        ck_assert(!utf8_is_valid(slice_of(bad[i])));
        (void)snprintf(text, sizeof(text), "0123456789abcdef\xc3\xa9xyz%s", bad[i]);
        ck_assert_uint_eq(utf8_valid_prefix(slice_of(text)), 21);
    }
    ck_assert(utf8_is_valid(SLICE_NONE) && utf8_is_valid(SLICE_LIT("plain, and J\xc3\xbcrgen \xf0\x9d\x84\x9e")));
}
END_TEST

/* ---- b64 */

static const struct {
    const char *plain, *standard, *url;
} b64_cases[] = {
    {"", "", ""}, {"f", "Zg==", "Zg"}, {"fo", "Zm8=", "Zm8"}, {"foo", "Zm9v", "Zm9v"}, {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"}, {"foobar", "Zm9vYmFy", "Zm9vYmFy"}, {"\xfb\xff\xfe", "+//+", "-__-"},
};

START_TEST(b64_table)
{
    char out[64];
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(b64_cases); i++)
        for (int kind = B64_STANDARD; kind <= B64_URL; kind++) {
            struct slice plain = slice_of(b64_cases[i].plain);
            struct slice text = slice_of(kind == B64_STANDARD ? b64_cases[i].standard : b64_cases[i].url);

            n = b64_encode(plain, (enum b64_kind)kind, out);
            ck_assert(slice_eq(slice_from(out, n), text));
            ck_assert_uint_eq(n, b64_encoded_size(plain.n, (enum b64_kind)kind));
            ck_assert_int_eq(b64_decode(text, (enum b64_kind)kind, out, &n), 0);
            ck_assert(slice_eq(slice_from(out, n), plain));
            ck_assert_uint_le(n, b64_decoded_max(text.n));
        }
}
END_TEST

START_TEST(b64_refused)
{
    static const struct {
        enum b64_kind kind;
        const char *text;
    } bad[] = {{B64_STANDARD, "Zg"}, {B64_STANDARD, "Zg="}, {B64_STANDARD, "Zg==="}, {B64_STANDARD, "===="}, {B64_STANDARD, "Z==="}, {B64_STANDARD, "Zh=="},
               {B64_STANDARD, "Zm9="}, {B64_STANDARD, "Zm9v\n"}, {B64_STANDARD, "Zm 9"}, {B64_STANDARD, "-__-"}, {B64_STANDARD, "Zg==Zg=="},
               {B64_STANDARD, "=Zg="}, {B64_URL, "Zg=="}, {B64_URL, "Z"}, {B64_URL, "Zh"}, {B64_URL, "Zm9"}, {B64_URL, "+//+"}, {B64_URL, "Zm9vY"},
               {B64_URL, "Z\xc3\xa9g"}};
    char out[64];
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(b64_decode(slice_of(bad[i].text), bad[i].kind, out, &n) == -ERR_SYNTAX, "%s", bad[i].text);
}
END_TEST

/* ---- dates */

START_TEST(http_dates)
{
    static const struct {
        int64_t t;
        const char *text;
    } good[] = {{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"}, {0, "Thu, 01 Jan 1970 00:00:00 GMT"}, {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
                {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"}, {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"}, {1795176000, "Fri, 20 Nov 2026 12:00:00 GMT"},
                {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"}, {-62135596800, "Mon, 01 Jan 0001 00:00:00 GMT"}};
    static const char *const bad[] = {"", "Sun, 06 Nov 1994 08:49:37 UTC", "Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
                                      "Sun, 31 Nov 1994 08:49:37 GMT", "Tue, 29 Feb 1900 00:00:00 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
                                      "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 6 Nov 1994 08:49:37 GMT "};
    struct date_cache cache = {0};
    char out[DATE_HTTP_SIZE];
    int64_t t;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        date_http_format(good[i].t, out);
        ck_assert_msg(slice_is(slice_from(out, sizeof(out)), good[i].text), "%.29s", out);
        ck_assert(slice_is(date_http_cached(&cache, good[i].t), good[i].text));
        ck_assert(slice_is(date_http_cached(&cache, good[i].t), good[i].text));
        ck_assert_int_eq(date_http_parse(slice_of(good[i].text), &t), 0);
        ck_assert_int_eq(t, good[i].t);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(date_http_parse(slice_of(bad[i]), &t) == -ERR_SYNTAX, "%s", bad[i]);
    for (int64_t at = -3000000000; at < 9000000000; at += 77777777) {
        date_http_format(at, out);
        ck_assert_int_eq(date_http_parse(slice_from(out, sizeof(out)), &t), 0);
        ck_assert_int_eq(t, at);
    }
    date_http_format(INT64_MAX, out);
    ck_assert(slice_is(slice_from(out, sizeof(out)), "Fri, 31 Dec 9999 23:59:59 GMT"));
}
END_TEST

START_TEST(iso_dates)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1970-01-01T00:00:00Z", 0}, {"2026-11-20T12:00:00.123Z", 1795176000123}, {"2026-11-20t13:00:00.1239999+01:00", 1795176000123},
                {"2000-02-29T23:59:60z", 951868799000}, {"1969-12-31T23:59:59.5Z", -500}, {"2026-11-20T00:00:00-12:30", 1795177800000}};
    static const char *const bad[] = {"", "2026-11-20", "2026-11-20T12:00:00", "2026-11-20 12:00:00Z", "2026-13-20T12:00:00Z", "2026-02-29T12:00:00Z",
                                      "2026-11-20T25:00:00Z", "2026-11-20T12:60:00Z", "2026-11-20T12:00:00.Z", "2026-11-20T12:00:00+1:00",
                                      "2026-11-20T12:00:00+24:00", "2026-11-20T12:00:00Zx", "2026-11-20T12:00:00+0100", "0000-01-01T00:00:00Z",
                                      "-026-11-20T12:00:00Z"};
    int64_t ms;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_msg(date_iso_parse(slice_of(good[i].text), &ms) == 0, "%s", good[i].text);
        ck_assert_msg(ms == good[i].ms, "%s: %lld", good[i].text, (long long)ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(date_iso_parse(slice_of(bad[i]), &ms) == -ERR_SYNTAX, "%s", bad[i]);
}
END_TEST

/* ---- uri */

START_TEST(uri_splits)
{
    static const struct {
        const char *text, *want; /* "scheme host port path ?query" */
    } cases[] = {
        {"http://a", "0 a 80  -"}, {"http://a/", "0 a 80 / -"}, {"https://a.b:8443/x/y?q=1&r", "1 a.b 8443 /x/y ?q=1&r"},
        {"HTTP://A?", "0 A 80  ?"}, {"http://[::1]:81/p", "0 ::1 81 /p -"}, {"upstream://orders/create/{id}", "2 orders 0 /create/{id} -"},
        {"upstream://orders", "2 orders 0  -"}, {"http://10.0.0.1/a?b?c", "0 10.0.0.1 80 /a ?b?c"},
        {"", "!"}, {"a.b/c", "!"}, {"ftp://a/", "!"}, {"http:/a", "!"}, {"http://", "!"}, {"http:///a", "!"}, {"http://u@a/", "!"}, {"http://a:/", "!"},
        {"http://a:0/", "!"}, {"http://a:65536/", "!"}, {"http://a:8x/", "!"}, {"http://a:123456/", "!"}, {"http://a b/", "!"}, {"http://a/b c", "!"},
        {"http://a/\xc3\xa9", "!"}, {"http://a/#f", "!"}, {"http://[::1/", "!"}, {"http://[]/", "!"}, {"http://[::g]/", "!"}, {"http://a%41/", "!"},
        {"upstream://a:80/", "!"}, {"upstream:///x", "!"}, {"http://${x}/", "!"},
    };
    char text[256];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct uri u;
        struct err e = {0};
        int rc = uri_split(slice_of(cases[i].text), &u, &e);

        if (rc == 0)
            (void)snprintf(text, sizeof(text), "%d %.*s %u %.*s %s%.*s", (int)u.scheme, SLICE_FMT(u.host), u.port, SLICE_FMT(u.path),
                           u.has_query ? "?" : "-", SLICE_FMT(u.query));
        else
            (void)snprintf(text, sizeof(text), "!");
        ck_assert_msg(strcmp(text, cases[i].want) == 0, "%s: %s %s", cases[i].text, text, e.text);
        ck_assert(rc == 0 || e.text[0] != '\0');
    }
}
END_TEST

START_TEST(uri_encoding)
{
    static const char all[] = "aZ09-._~!$&'()*+,;=:@/?#[]{}|%\" \xc3\xa9";
    static const struct {
        enum uri_set set;
        const char *want;
    } cases[] = {
        {URI_UNRESERVED, "aZ09-._~%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40%2F%3F%23%5B%5D%7B%7D%7C%25%22%20%C3%A9"},
        {URI_SEGMENT, "aZ09-._~!$&'()*+,;=:@%2F%3F%23%5B%5D%7B%7D%7C%25%22%20%C3%A9"},
        {URI_PATH, "aZ09-._~!$&'()*+,;=:@/%3F%23%5B%5D%7B%7D%7C%25%22%20%C3%A9"},
        {URI_QUERY, "aZ09-._~!$&'()*+,;=:@/?%23%5B%5D%7B%7D%7C%25%22%20%C3%A9"},
        {URI_QUERY_VALUE, "aZ09-._~!$%26'()*%2B,%3B%3D:@/?%23%5B%5D%7B%7D%7C%25%22%20%C3%A9"},
    };
    char out[256], back[256];
    size_t n, m;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        n = uri_encode(slice_of(all), cases[i].set, out);
        ck_assert_msg(slice_is(slice_from(out, n), cases[i].want), "%.*s", (int)n, out);
        ck_assert_uint_eq(n, uri_encoded_size(slice_of(all), cases[i].set));
        ck_assert_int_eq(uri_decode(slice_from(out, n), false, back, &m), 0);
        ck_assert(slice_is(slice_from(back, m), all));
    }
    ck_assert_uint_eq(uri_encode(slice_from("\0", 1), URI_QUERY, out), 3);
    ck_assert_int_eq(uri_decode(SLICE_LIT("a+b%2b"), true, out, &n), 0);
    ck_assert(slice_is(slice_from(out, n), "a b+"));
    ck_assert_int_eq(uri_decode(SLICE_LIT("%"), false, out, &n), -ERR_SYNTAX);
    ck_assert_int_eq(uri_decode(SLICE_LIT("a%4"), false, out, &n), -ERR_SYNTAX);
    ck_assert_int_eq(uri_decode(SLICE_LIT("%g0"), false, out, &n), -ERR_SYNTAX);
    ck_assert(uri_escapes_are_valid(SLICE_LIT("%41%zz") ) == false && uri_escapes_are_valid(SLICE_LIT("/%2F")));
}
END_TEST

START_TEST(uri_paths)
{
    static const struct {
        const char *path, *want; /* NULL: refused */
    } cases[] = {
        {"/", "/"}, {"/a/b", "/a/b"}, {"/a//b/", "/a//b/"}, {"/a/./b", "/a/b"}, {"/a/../b", "/b"}, {"/a/b/..", "/a/"}, {"/a/.", "/a/"}, {"/..a/b..", "/..a/b.."},
        {"/...", "/..."}, {"/.a", "/.a"}, {"/a/%2e%2E/b", "/b"}, {"/a/.%2e/b", "/b"}, {"/a/%2e/b", "/a/b"}, {"/a%2Fb/..", "/"}, {"/a//..", "/a/"},
        {"/..", NULL}, {"/a/../..", NULL}, {"/%2e%2e/", NULL}, {"/a%", NULL}, {"/a%2", NULL}, {"/%zz", NULL}, {"", NULL}, {"a", NULL}, {"/.", "/"}, {"/./", "/"},
    };
    char out[64];
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice path = slice_of(cases[i].path);
        int rc = uri_path_normalize(path, out, &n);

        if (cases[i].want == NULL) {
            ck_assert_msg(rc == -ERR_INVALID, "%s", cases[i].path);
            ck_assert(path.n == 0 || path.p[0] != '/' || uri_path_needs_normalize(path));
            continue;
        }
        ck_assert_msg(rc == 0 && slice_is(slice_from(out, n), cases[i].want), "%s: %.*s", cases[i].path, (int)n, out);
        ck_assert(slice_is(path, cases[i].want) || uri_path_needs_normalize(path));
    }
    ck_assert(!uri_path_needs_normalize(SLICE_LIT("/a.b/c%20d")));
}
END_TEST

START_TEST(uri_queries)
{
    struct slice rest = SLICE_LIT("a=1&&b&c=&=d&e=f=g&");
    struct uri_pair p;
    char text[128] = "";

    while (uri_query_next(&rest, &p)) {
        size_t n = strlen(text);

        (void)snprintf(text + n, sizeof(text) - n, "[%.*s%s%.*s]", SLICE_FMT(p.key), p.has_value ? "=" : "", SLICE_FMT(p.value));
    }
    ck_assert_str_eq(text, "[a=1][b][c=][=d][e=f=g]");
}
END_TEST

Suite *test_text_suite(void)
{
    Suite *s = suite_create("text");
    TCase *t = tcase_create("all");

    tcase_add_test(t, utf8_every_character);
    tcase_add_test(t, utf8_refused);
    tcase_add_test(t, b64_table);
    tcase_add_test(t, b64_refused);
    tcase_add_test(t, http_dates);
    tcase_add_test(t, iso_dates);
    tcase_add_test(t, uri_splits);
    tcase_add_test(t, uri_encoding);
    tcase_add_test(t, uri_paths);
    tcase_add_test(t, uri_queries);
    suite_add_tcase(s, t);
    return s;
}
