#include <check.h>
#include <string.h>

#include "base/must.h"
#include "net/grpc.h"
#include "net/grpc_wire.h"

Suite *test_grpc_wire_suite(void);

START_TEST(messages)
{
    struct slice m;
    size_t need;

    ck_assert_int_eq(grpc_wire_message("", 0, 10, &m, &need), 0);
    ck_assert_int_eq(grpc_wire_message("\0\0\0\0", 4, 10, &m, &need), 0);
    ck_assert_uint_eq(need, 0);
    ck_assert_int_eq(grpc_wire_message("\0\0\0\0\3ab", 7, 10, &m, &need), 0);
    ck_assert_uint_eq(need, 8);
    ck_assert_int_eq(grpc_wire_message("\0\0\0\0\3abcd", 9, 10, &m, &need), 8);
    ck_assert(slice_is(m, "abc"));
    ck_assert_int_eq(grpc_wire_message("\0\0\0\0\0", 5, 10, &m, &need), 5);
    ck_assert_uint_eq(m.n, 0);
    ck_assert_int_eq(grpc_wire_message("\0\0\0\0\13", 5, 10, &m, &need), -ERR_LIMIT);
    ck_assert_int_eq(grpc_wire_message("\0\377\377\377\377", 5, 0xfffffffe, &m, &need), -ERR_LIMIT);
    ck_assert_int_eq(grpc_wire_message("\1", 1, 10, &m, &need), -ERR_UNSUPPORTED);
    ck_assert_int_eq(grpc_wire_message("\2", 1, 10, &m, &need), -ERR_SYNTAX);
}
END_TEST

static const struct {
    const char *text;
    long ms; /* -1: refused */
} timeouts[] = {
    {"100m", 100}, {"1S", 1000}, {"2M", 120000}, {"1H", 3600000}, {"1u", 1}, {"1001u", 2}, {"1n", 1}, {"0n", 0},
    {"99999999H", 99999999L * 3600000}, {"100000000m", -1}, {"", -1}, {"m", -1}, {"1", -1}, {"-1m", -1}, {"1x", -1},
    {"1 m", -1},
};

START_TEST(timeout)
{
    uint64_t ms = 0;
    int rc = grpc_wire_timeout_read(slice_of(timeouts[_i].text), &ms);

    ck_assert_int_eq(rc == 0, timeouts[_i].ms >= 0);
    if (rc == 0)
        ck_assert_int_eq((long)ms, timeouts[_i].ms);
}
END_TEST

START_TEST(timeout_there_and_back)
{
    static const uint32_t all[] = {1, 99999999, 100000000, 0xffffffff};
    char text[GRPC_TIMEOUT_TEXT];
    uint64_t ms;

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        grpc_wire_timeout_write(all[i], text);
        ck_assert_int_eq(grpc_wire_timeout_read(slice_of(text), &ms), 0);
        ck_assert_uint_eq(ms / 1000, all[i] / 1000);
    }
}
END_TEST

START_TEST(percent)
{
    static const char text[] = "50% of \xc3\xa9 \n~ \x7f";
    struct buf b;
    char back[64];

    buf_init(&b, 0);
    ck_assert_int_eq(grpc_wire_percent_encode(text, &b), 0);
    ck_assert(slice_is(buf_slice(&b), "50%25 of %C3%A9 %0A~ %7F"));
    grpc_wire_percent_decode(buf_slice(&b), back, sizeof(back));
    ck_assert_str_eq(back, text);
    grpc_wire_percent_decode(SLICE_LIT("%zz%4%"), back, sizeof(back));
    ck_assert_str_eq(back, "%zz%4%");
    grpc_wire_percent_decode(SLICE_LIT("abcdef"), back, 4);
    ck_assert_str_eq(back, "abc");
    buf_fini(&b);
}
END_TEST

START_TEST(numbers)
{
    ck_assert_int_eq(grpc_wire_status(SLICE_LIT("16")), 16);
    ck_assert_int_eq(grpc_wire_status(SLICE_LIT("17")), GRPC_UNKNOWN);
    ck_assert_int_eq(grpc_wire_status(SLICE_LIT("-1")), GRPC_UNKNOWN);
    ck_assert_int_eq(grpc_wire_status(SLICE_LIT("")), GRPC_UNKNOWN);
    ck_assert_int_eq(grpc_wire_from_http(503), GRPC_UNAVAILABLE);
    ck_assert_int_eq(grpc_wire_from_http(418), GRPC_UNKNOWN);
    ck_assert_int_eq(grpc_wire_from_h2(7), GRPC_UNAVAILABLE);
    ck_assert_str_eq(grpc_status_name(14), "UNAVAILABLE");
    ck_assert_str_eq(grpc_status_name(99), "UNKNOWN");
}
END_TEST

Suite *test_grpc_wire_suite(void)
{
    Suite *s = suite_create("grpc_wire");
    TCase *t = tcase_create("grpc_wire");

    tcase_add_test(t, messages);
    tcase_add_loop_test(t, timeout, 0, (int)ARRAY_LEN(timeouts));
    tcase_add_test(t, timeout_there_and_back);
    tcase_add_test(t, percent);
    tcase_add_test(t, numbers);
    suite_add_tcase(s, t);
    return s;
}
