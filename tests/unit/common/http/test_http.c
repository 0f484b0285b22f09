#include <check.h>
#include <ctype.h>

#include "base/must.h"
#include "http/h1_write.h"
#include "http/http.h"

Suite *test_http_suite(void);

START_TEST(headers_by_name)
{
    for (unsigned id = 1; id < HTTP_HEADER_COUNT; id++) {
        struct slice name = http_header_name((enum http_header)id);
        char text[64];

        ck_assert_uint_eq(http_header_of(name), id);
        for (size_t i = 0; i < name.n; i++) {
            ck_assert(islower((unsigned char)name.p[i]) || isdigit((unsigned char)name.p[i]) || name.p[i] == '-');
            text[i] = (char)toupper((unsigned char)name.p[i]);
        }
        ck_assert_uint_eq(http_header_of(slice_from(text, name.n)), id);
        for (size_t i = 0; i < name.n; i++) { /* one letter off is another name */
            char was = text[i];

            text[i] = was == 'Q' ? 'Z' : 'Q';
            ck_assert_uint_eq(http_header_of(slice_from(text, name.n)), HTTP_HEADER_OTHER);
            text[i] = was;
        }
        text[name.n] = 'x';
        ck_assert_uint_eq(http_header_of(slice_from(text, name.n + 1)), HTTP_HEADER_OTHER);
    }
    ck_assert_uint_eq(http_header_of(SLICE_NONE), HTTP_HEADER_OTHER);
    ck_assert_uint_eq(http_header_of(SLICE_LIT("x")), HTTP_HEADER_OTHER);
    ck_assert_uint_eq(http_header_name(HTTP_HEADER_OTHER).n, 0);
}
END_TEST

START_TEST(methods_and_statuses)
{
    for (unsigned m = 1; m < HTTP_METHOD_COUNT; m++)
        ck_assert_uint_eq(http_method_of(http_method_text((enum http_method)m)), m);
    ck_assert_uint_eq(http_method_of(SLICE_LIT("get")), HTTP_METHOD_OTHER);
    ck_assert_uint_eq(http_method_of(SLICE_LIT("GETS")), HTTP_METHOD_OTHER);
    ck_assert(slice_is(http_status_text(404), "Not Found") && http_status_text(299).n == 0);
    ck_assert(slice_is(http_status_line(200), "HTTP/1.1 200 OK\r\n"));
}
END_TEST

START_TEST(rules)
{
    struct slice rest = SLICE_LIT(" a ,,b, c d\t,"), item;

    ck_assert(http_token_is_valid(SLICE_LIT("X-a_1!#$%&'*+.^`|~")) && !http_token_is_valid(SLICE_NONE));
    ck_assert(!http_token_is_valid(SLICE_LIT("a b")) && !http_token_is_valid(SLICE_LIT("a:")) && !http_token_is_valid(slice_from("a\0", 2)));
    ck_assert(http_value_is_valid(SLICE_NONE) && http_value_is_valid(SLICE_LIT("a\tb \xe9")));
    ck_assert(!http_value_is_valid(SLICE_LIT("a\r\nX: y")) && !http_value_is_valid(SLICE_LIT(" a")) && !http_value_is_valid(SLICE_LIT("a\t")));
    ck_assert(!http_value_is_valid(SLICE_LIT("\x7f")) && !http_value_is_valid(slice_from("\0", 1)));
    ck_assert(http_list_next(&rest, &item) && slice_is(item, "a"));
    ck_assert(http_list_next(&rest, &item) && slice_is(item, "b"));
    ck_assert(http_list_next(&rest, &item) && slice_is(item, "c d"));
    ck_assert(!http_list_next(&rest, &item) && !http_list_next(&rest, &item));
}
END_TEST

static void write_all(struct h1_writer *w)
{
    h1_write_request_line(w, SLICE_LIT("GET"), SLICE_LIT("/a?b"));
    h1_write_header(w, SLICE_LIT("Host"), SLICE_LIT("h"));
    h1_write_header_u64(w, SLICE_LIT("Content-Length"), UINT64_MAX);
    h1_write_header(w, SLICE_LIT("E"), SLICE_NONE);
    h1_write_end(w);
    h1_write_status_line(w, 200, SLICE_NONE);
    h1_write_status_line(w, 200, SLICE_LIT("Fine"));
    h1_write_status_line(w, 299, SLICE_NONE);
    h1_write_chunk_size(w, 0x1f4);
    h1_write_chunk_size(w, UINT64_MAX);
    h1_write_u64(w, 0);
}

START_TEST(writing)
{
    static const char want[] = "GET /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\nE: \r\n\r\n"
                               "HTTP/1.1 200 OK\r\nHTTP/1.1 200 Fine\r\nHTTP/1.1 299 \r\n1f4\r\nffffffffffffffff\r\n0";
    struct h1_writer w;
    char text[512];

    h1_writer_init(&w, text, sizeof(text));
    write_all(&w);
    ck_assert(!w.full);
    ck_assert(slice_is(slice_from(text, (size_t)(w.p - text)), want));
    for (size_t room = 0; room < sizeof(want) - 1; room++) { /* too small by any amount: never beyond, what is there is a beginning */
        memset(text, '#', sizeof(text));
        h1_writer_init(&w, text, room);
        write_all(&w);
        ck_assert(w.full && w.p <= text + room && text[room] == '#');
        ck_assert(memcmp(text, want, (size_t)(w.p - text)) == 0);
    }
}
END_TEST

Suite *test_http_suite(void)
{
    Suite *s = suite_create("http");
    TCase *t = tcase_create("all");

    tcase_add_test(t, headers_by_name);
    tcase_add_test(t, methods_and_statuses);
    tcase_add_test(t, rules);
    tcase_add_test(t, writing);
    suite_add_tcase(s, t);
    return s;
}
