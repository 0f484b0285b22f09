#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "h1_case.h"

Suite *test_h1_chunk_suite(void);

#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define TRAILERS_MAX 256

/* want: the body, "!name" of an error, or the body with "..." behind it where more has to come. left: bytes behind the body's end. */
static const struct {
    const char *name, *bytes;
    size_t n;
    const char *want;
    size_t left;
} cases[] = {
#define C(name, bytes, want, left) {name, bytes, sizeof(bytes) - 1, want, left}
    C("empty", "0\r\n\r\n", "", 0),
    C("one", "5\r\nhello\r\n0\r\n\r\n", "hello", 0),
    C("two", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", 0),
    C("small and capital hex", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", 0),
    C("leading zeros", "0005\r\nhello\r\n000\r\n\r\n", "hello", 0),
    C("fifteen digits", "000000000000005\r\nhello\r\n0\r\n\r\n", "hello", 0),
    C("the next message behind", "1\r\nx\r\n0\r\n\r\nGET", "x", 3),
    C("CRLF as data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", 0),
    C("extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello", 0),
    C("quoted extension", "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n", "hello", 0),
    C("blank in an extension", "5; a = b\r\nhello\r\n0\r\n\r\n", "hello", 0),
    C("empty extension", "5;\r\nhello\r\n0\r\n\r\n", "hello", 0),
    C("trailer", "1\r\nx\r\n0\r\nA: b\r\n\r\n", "x", 0),
    C("trailers", "0\r\nA: b\r\nC:\r\nX-D: \xe9 f\r\n\r\n", "", 0),
    C("begun", "5\r\nhel", "hel...", 0),
    C("data without its CRLF", "5\r\nhello", "hello...", 0),
    C("no last chunk", "5\r\nhello\r\n", "hello...", 0),
    C("last chunk without its empty line", "0\r\n", "...", 0),
    C("half an end", "0\r\n\r", "...", 0),
    C("0x5", "0x5\r\nhello\r\n0\r\n\r\n", "!CHUNK_SIZE", 0),
    C("blank behind the size", "5 \r\nhello\r\n0\r\n\r\n", "!CHUNK_SIZE", 0),
    C("blank before the size", " 5\r\nhello\r\n0\r\n\r\n", "!CHUNK_SIZE", 0),
    C("blank before an extension", "5 ;a\r\nhello\r\n0\r\n\r\n", "!CHUNK_SIZE", 0),
    C("+5", "+5\r\nhello\r\n0\r\n\r\n", "!CHUNK_SIZE", 0),
    C("-5", "-5\r\nhello\r\n0\r\n\r\n", "!CHUNK_SIZE", 0),
    C("empty size", "\r\nhello\r\n", "!CHUNK_SIZE", 0),
    C("extension without a size", ";a\r\n", "!CHUNK_SIZE", 0),
    C("no hex", "g\r\n", "!CHUNK_SIZE", 0),
    C("5_0", "5_0\r\n", "!CHUNK_SIZE", 0),
    C("sixteen digits", "0000000000000005\r\nhello\r\n0\r\n\r\n", "!CHUNK_SIZE", 0),
    C("a size that wraps", "10000000000000005\r\nhello\r\n0\r\n\r\n", "!CHUNK_SIZE", 0),
    C("ffffffffffffffff", "ffffffffffffffff\r\n", "!CHUNK_SIZE", 0),
    C("NUL in the size", "5\0\r\nhello\r\n", "!CHUNK_SIZE", 0),
    C("VT in the size", "5\x0b\r\nhello\r\n", "!CHUNK_SIZE", 0),
    C("LF behind the size", "5\nhello\r\n0\r\n\r\n", "!LINE_END", 0),
    C("LF for the size", "\n", "!LINE_END", 0),
    C("CR without LF", "5\rhello\r\n0\r\n\r\n", "!LINE_END", 0),
    C("CR CR LF", "5\r\r\nhello\r\n0\r\n\r\n", "!LINE_END", 0),
    C("LF in an extension", "5;a\nhello\r\n0\r\n\r\n", "!LINE_END", 0),
    C("CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n", "!LINE_END", 0),
    C("NUL in an extension", "5;a\0b\r\nhello\r\n0\r\n\r\n", "!CHUNK_SIZE", 0),
    C("data too long", "4\r\nhello\r\n0\r\n\r\n", "!CHUNK_END", 0),
    C("data without CRLF", "5\r\nhello0\r\n\r\n", "!CHUNK_END", 0),
    C("data with LF", "5\r\nhello\n0\r\n\r\n", "!CHUNK_END", 0),
    C("data with CR only", "5\r\nhello\r0\r\n\r\n", "!CHUNK_END", 0),
    C("data too short", "6\r\nhello\r\n0\r\n\r\n", "!CHUNK_END", 0),
    C("LF at the end", "0\r\n\n", "!LINE_END", 0),
    C("CR and not LF at the end", "0\r\n\rX", "!LINE_END", 0),
    C("LF behind a trailer", "0\r\nA: b\n\r\n", "!LINE_END", 0),
    C("trailer without a colon", "0\r\nAb\r\n\r\n", "!TRAILER", 0),
    C("trailer without a name", "0\r\n: b\r\n\r\n", "!TRAILER", 0),
    C("trailer with a blank before the colon", "0\r\nA : b\r\n\r\n", "!TRAILER", 0),
    C("folded trailer", "0\r\nA: b\r\n c\r\n\r\n", "!TRAILER", 0),
    C("control byte in a trailer", "0\r\nA: \x01\r\n\r\n", "!TRAILER", 0),
    C("CR in a trailer", "0\r\nA: b\rc\r\n\r\n", "!LINE_END", 0),
    C("a request instead of a trailer", "0\r\nGET / HTTP/1.1\r\n\r\n", "!TRAILER", 0),
    C("long trailers", "0\r\nA: " X100 X100 X100 "\r\n\r\n", "!TRAILER_LONG", 0),
    C("long size line", "5;" X100 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100 "\r\n", "!CHUNK_LONG", 0),
};

/* Feeds bytes in pieces: [0, cut), [cut, n), or one by one where cut is 0; each piece is a copy of its own. */
static void decode(const char *bytes, size_t n, size_t cut, struct buf *out, size_t *left)
{
    struct h1_chunk c;
    bool done = false;
    size_t at = 0;
    int rc = 0;

    h1_chunk_init(&c, TRAILERS_MAX);
    buf_clear(out);
    while (at < n && !done && rc == 0) {
        size_t piece = cut == 0 ? 1 : at < cut ? cut - at : n - at, used, from = 0;
        char *copy = malloc(piece);

        ck_assert_ptr_nonnull(copy);
        memcpy(copy, bytes + at, piece);
        while (from < piece && !done && rc == 0) {
            struct slice data;

            rc = h1_chunk_feed(&c, copy + from, piece - from, &data, &used, &done);
            ck_assert(used > 0 && used <= piece - from);
            ck_assert(data.n == 0 || (data.p >= copy + from && data.p + data.n <= copy + piece));
            ck_assert_int_eq(buf_puts(out, data), 0);
            from += used;
        }
        at += from;
        free(copy);
    }
    if (rc != 0) {
        buf_clear(out);
        ck_assert_int_eq(buf_printf(out, "!%s", h1_error_name(-rc)), 0);
    } else if (!done) {
        ck_assert_int_eq(buf_printf(out, "..."), 0);
    }
    *left = rc == 0 ? n - at : 0;
}

START_TEST(chunk_table)
{
    struct buf out;
    size_t left;

    buf_init(&out, 0);
    for (size_t cut = 0; cut <= cases[_i].n; cut++) {
        decode(cases[_i].bytes, cases[_i].n, cut, &out, &left);
        ck_assert_msg(slice_is(buf_slice(&out), cases[_i].want) && left == cases[_i].left, "%s cut at %zu: \"%.*s\", %zu left",
                      cases[_i].name, cut, SLICE_FMT(buf_slice(&out)), left);
    }
    buf_fini(&out);
}
END_TEST

/* What h1_write_chunk_size writes, the decoder reads, wherever it is cut. */
START_TEST(chunk_round_trip)
{
    static const size_t sizes[] = {1, 2, 9, 10, 15, 16, 17, 255, 256, 300};
    static char text[2000], body[1000];
    struct h1_writer w;
    struct buf out;
    size_t left, total = 0;

    h1_writer_init(&w, text, sizeof(text));
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        memset(body + total, (int)('a' + i), sizes[i]);
        h1_write_chunk_size(&w, sizes[i]);
        h1_write_bytes(&w, slice_from(body + total, sizes[i]));
        h1_write_end(&w);
        total += sizes[i];
    }
    h1_write_bytes(&w, SLICE_LIT(H1_LAST_CHUNK));
    ck_assert(!w.full);
    buf_init(&out, 0);
    for (size_t cut = 0; cut < (size_t)(w.p - text); cut++) {
        decode(text, (size_t)(w.p - text), cut, &out, &left);
        ck_assert(left == 0 && slice_eq(buf_slice(&out), slice_from(body, total)));
    }
    buf_fini(&out);
}
END_TEST

START_TEST(chunk_excess)
{
    struct buf text, out;
    size_t left;

    buf_init(&text, 0);
    buf_init(&out, 0);
    for (int i = 0; i < 3000; i++) /* one byte a chunk without extensions is only inefficient */
        ck_assert_int_eq(buf_printf(&text, "1\r\nx\r\n"), 0);
    ck_assert_int_eq(buf_printf(&text, "0\r\n\r\n"), 0);
    decode(text.p, text.w, text.w, &out, &left);
    ck_assert_uint_eq(buf_len(&out), 3000);
    buf_clear(&text);
    for (int i = 0; i < 3000; i++) /* with them it is an attack */
        ck_assert_int_eq(buf_printf(&text, "1;%s\r\nx\r\n", X100), 0);
    decode(text.p, text.w, text.w, &out, &left);
    ck_assert(slice_is(buf_slice(&out), "!CHUNK_EXCESS"));
    buf_clear(&text);
    for (int i = 0; i < 300; i++) /* a signature on each chunk of a large upload is fine */
        ck_assert_int_eq(buf_printf(&text, "64;chunk-signature=%.64s\r\n%s\r\n", X100, X100), 0);
    decode(text.p, text.w, text.w, &out, &left);
    ck_assert_uint_eq(buf_len(&out), 300 * 100 + 3);
    buf_fini(&text);
    buf_fini(&out);
}
END_TEST

START_TEST(chunk_trailers)
{
    static const char bytes[] = "0\r\nX-Sum: 1 \r\nContent-Length: 5\r\nAuthorization: x\r\ngrpc-status:0\r\n\r\n";
    struct h1_header headers[8];
    struct h1_chunk c;
    struct slice data;
    char keep[128];
    size_t used;
    bool done;

    h1_chunk_init(&c, TRAILERS_MAX);
    h1_chunk_keep_trailers(&c, keep, sizeof(keep));
    for (size_t i = 0; i < sizeof(bytes) - 1; i++)
        ck_assert_int_eq(h1_chunk_feed(&c, bytes + i, 1, &data, &used, &done), 0);
    ck_assert(done);
    ck_assert_int_eq(h1_parse_trailers(slice_from(keep, c.keep_n), headers, 8), 2);
    ck_assert(slice_is(headers[0].name, "X-Sum") && slice_is(headers[0].value, "1"));
    ck_assert(slice_is(headers[1].name, "grpc-status") && slice_is(headers[1].value, "0"));
    ck_assert_int_eq(h1_parse_trailers(slice_from(keep, c.keep_n), headers, 3), -H1_ERR_HEADERS_MANY);
    ck_assert_int_eq(h1_parse_trailers(slice_from(keep, 5), headers, 8), -H1_ERR_TRAILER);
    ck_assert_int_eq(h1_parse_trailers(SLICE_NONE, headers, 8), 0);
    h1_chunk_init(&c, TRAILERS_MAX);
    h1_chunk_keep_trailers(&c, keep, 10);
    ck_assert_int_eq(h1_chunk_feed(&c, bytes, sizeof(bytes) - 1, &data, &used, &done), -H1_ERR_TRAILER_LONG);
}
END_TEST

Suite *test_h1_chunk_suite(void)
{
    Suite *s = suite_create("h1_chunk");
    TCase *t = tcase_create("all");

    tcase_add_loop_test(t, chunk_table, 0, (int)ARRAY_LEN(cases));
    tcase_add_test(t, chunk_round_trip);
    tcase_add_test(t, chunk_excess);
    tcase_add_test(t, chunk_trailers);
    suite_add_tcase(s, t);
    return s;
}
