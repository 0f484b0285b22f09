#include <check.h>
#include <stdlib.h>

#include "h1_case.h"

Suite *test_h1_response_suite(void);

#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define OK(fields) "HTTP/1.1 200 OK\r\n" fields "\r\n"

static const struct {
    struct h1_case c;
    enum http_method method; /* of the request; 0 stands for GET */
} cases[] = {
    {CASE("length", OK("Content-Length: 5\r\n"), "200 1.1 keep length=5"), 0},
    {CASE("length 0", OK("Content-Length: 0\r\n"), "200 1.1 keep length=0"), 0},
    {CASE("chunked", OK("Transfer-Encoding: chunked\r\n"), "200 1.1 keep chunked"), 0},
    {CASE("until close", OK(""), "200 1.1 close close"), 0},
    {CASE("until close, whatever Connection says", OK("Connection: keep-alive\r\n"), "200 1.1 close close"), 0},
    {CASE("close", OK("Connection: close\r\nContent-Length: 1\r\n"), "200 1.1 close length=1"), 0},
    {CASE("1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", "200 1.0 close length=1"), 0},
    {CASE("1.0 keep-alive", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive\r\n\r\n", "200 1.0 keep length=1"), 0},
    {CASE("HEAD with a length", OK("Content-Length: 5\r\n"), "200 1.1 keep none=5"), HTTP_METHOD_HEAD},
    {CASE("HEAD with chunked", OK("Transfer-Encoding: chunked\r\n"), "200 1.1 keep none"), HTTP_METHOD_HEAD},
    {CASE("HEAD with nothing", OK(""), "200 1.1 keep none"), HTTP_METHOD_HEAD},
    {CASE("304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304 1.1 keep none=5"), 0},
    {CASE("304 with nothing", "HTTP/1.1 304 Not Modified\r\n\r\n", "304 1.1 keep none"), 0},
    {CASE("204", "HTTP/1.1 204 No Content\r\n\r\n", "204 1.1 keep none"), 0},
    {CASE("204 with length 0", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "204 1.1 keep none=0"), 0},
    {CASE("204 with a length is not trusted", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "204 1.1 close none=5"), 0},
    {CASE("204 with chunked is not trusted", "HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n", "204 1.1 close none"), 0},
    {CASE("100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "100 1.1 keep none"), 0},
    {CASE("103", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "103 1.1 keep none"), 0},
    {CASE("101", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "101 1.1 keep none upgrade"), 0},
    {CASE("no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 1.1 keep length=0"), 0},
    {CASE("no blank before no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 1.1 keep length=0"), 0},
    {CASE("reason of many words and bytes", "HTTP/1.1 404 Pas Trouv\xe9 \t!\r\nContent-Length: 0\r\n\r\n", "404 1.1 keep length=0"), 0},
    {CASE("unknown status", "HTTP/1.1 799 ?\r\nContent-Length: 0\r\n\r\n", "799 1.1 keep length=0"), 0},
    {CASE("listed", OK("Content-Length: 0\r\nConnection: x-hop\r\n"), "200 1.1 keep length=0 listed"), 0},
    {CASE("no Host is needed, two do not matter", OK("Host: a\r\nHost: b\r\nContent-Length: 0\r\n"), "200 1.1 keep length=0"), 0},
    {CASE("length and chunked", OK("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "!LENGTH_AND_TE"), 0},
    {CASE("length and chunked for HEAD", OK("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "!LENGTH_AND_TE"), HTTP_METHOD_HEAD},
    {CASE("two lengths", OK("Content-Length: 5\r\nContent-Length: 6\r\n"), "!LENGTH_MANY"), 0},
    {CASE("two equal lengths", OK("Content-Length: 5\r\nContent-Length: 5\r\n"), "!LENGTH_MANY"), 0},
    {CASE("length list", OK("Content-Length: 5, 5\r\n"), "!LENGTH"), 0},
    {CASE("length of a sign", OK("Content-Length: -1\r\n"), "!LENGTH"), 0},
    {CASE("bad length on 304", "HTTP/1.1 304 X\r\nContent-Length: x\r\n\r\n", "!LENGTH"), 0},
    {CASE("gzip, chunked", OK("Transfer-Encoding: gzip, chunked\r\n"), "!TE"), 0},
    {CASE("identity", OK("Transfer-Encoding: identity\r\n"), "!TE"), 0},
    {CASE("chunked twice", OK("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "!TE_MANY"), 0},
    {CASE("chunked on 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "!TE_HTTP10"), 0},
    {CASE("bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "!LINE_END"), 0},
    {CASE("bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", "!LINE_END"), 0},
    {CASE("NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n", "!STATUS_LINE"), 0},
    {CASE("fold", OK("X: a\r\n b\r\n"), "!FOLD"), 0},
    {CASE("blank before the colon", OK("Content-Length : 5\r\n"), "!HEADER_NAME"), 0},
    {CASE("no colon", OK("oops\r\n"), "!HEADER_NAME"), 0},
    {CASE("control byte", OK("X: \x01\r\n"), "!HEADER_VALUE"), 0},
    {CASE("two digits", "HTTP/1.1 20 OK\r\n\r\n", "!STATUS_LINE"), 0},
    {CASE("four digits", "HTTP/1.1 2000 OK\r\n\r\n", "!STATUS_LINE"), 0},
    {CASE("status 099", "HTTP/1.1 099 OK\r\n\r\n", "!STATUS_LINE"), 0},
    {CASE("status of letters", "HTTP/1.1 OK 200\r\n\r\n", "!STATUS_LINE"), 0},
    {CASE("two blanks", "HTTP/1.1  200 OK\r\n\r\n", "!STATUS_LINE"), 0},
    {CASE("no status", "HTTP/1.1\r\n\r\n", "!STATUS_LINE"), 0},
    {CASE("tab behind the status", "HTTP/1.1 200\tOK\r\n\r\n", "!STATUS_LINE"), 0},
    {CASE("HTTP/2", "HTTP/2 200 OK\r\n\r\n", "!VERSION"), 0},
    {CASE("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", "!VERSION_OTHER"), 0},
    {CASE("ICY", "ICY 200 OK\r\n\r\n", "!VERSION"), 0},
    {CASE("empty line before", "\r\nHTTP/1.1 200 OK\r\n\r\n", "!VERSION"), 0},
    {CASE("a body without a head", "<html>", "!VERSION"), 0},
    {CASE("SSH", "SSH-2.0-OpenSSH\r\n", "!VERSION"), 0},
    {CASE("half", "HTTP/1.1 200 OK\r\nContent-Le", "..."), 0},
    {CASE("a part of the status", "HTTP/1.1 20", "..."), 0},
    {CASE("a part of the reason", "HTTP/1.1 200 O", "..."), 0},
    {CASE("endless reason", "HTTP/1.1 200 " X100 X100 X100 X100 X100 X100 X100, "!HEAD_LONG"), 0},
    {CASE("endless field", "HTTP/1.1 200 OK\r\nX: " X100 X100 X100 X100 X100 X100 X100, "!HEAD_LONG"), 0},
    {CASE("nine fields", OK("A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\nH:\r\nI:\r\n"), "!HEADERS_MANY"), 0},
};

static const struct h1_limits limits = {700, 64, 8};

static int parse(const char *bytes, size_t n, size_t *scanned, enum http_method method, char *text, size_t size)
{
    struct h1_header headers[16];
    struct h1_head h = {.headers = headers, .headers_cap = ARRAY_LEN(headers)};
    char *copy = malloc(n == 0 ? 1 : n);
    int rc;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, n);
    rc = h1_parse_response(copy, n, scanned, &limits, method == 0 ? HTTP_METHOD_GET : method, &h);
    h1_summary(&h, rc, text, size);
    free(copy);
    return rc;
}

START_TEST(response_table)
{
    const struct h1_case *c = &cases[_i].c;
    char whole[512], text[512];
    size_t scanned = 0;
    int rc = parse(c->bytes, c->n, &scanned, cases[_i].method, whole, sizeof(whole));

    ck_assert_msg(strcmp(whole, c->want) == 0, "%s: is \"%s\", should be \"%s\"", c->name, whole, c->want);
    for (size_t cut = 1; cut < c->n; cut++) {
        size_t hint = 0;
        int first = parse(c->bytes, cut, &hint, cases[_i].method, text, sizeof(text));

        if (first == 0)
            first = parse(c->bytes, c->n, &hint, cases[_i].method, text, sizeof(text));
        if (first != 0 || rc >= 0)
            ck_assert_msg(strcmp(text, whole) == 0, "%s cut at %zu: \"%s\"", c->name, cut, text);
    }
}
END_TEST

START_TEST(response_parts)
{
    static const char bytes[] = "HTTP/1.1 404 Not Here\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno";
    struct h1_header headers[8];
    struct h1_head h = {.headers = headers, .headers_cap = 8};
    size_t scanned = 0;

    ck_assert_int_eq(h1_parse_response(bytes, sizeof(bytes) - 1, &scanned, &limits, HTTP_METHOD_GET, &h), (int)sizeof(bytes) - 3);
    ck_assert(slice_is(h.reason, "Not Here"));
    ck_assert(slice_is(h1_head_get(&h, HTTP_HEADER_CONTENT_TYPE)->value, "text/plain"));
}
END_TEST

Suite *test_h1_response_suite(void)
{
    Suite *s = suite_create("h1_response");
    TCase *t = tcase_create("all");

    tcase_add_loop_test(t, response_table, 0, (int)ARRAY_LEN(cases));
    tcase_add_test(t, response_parts);
    suite_add_tcase(s, t);
    return s;
}
