#include <check.h>
#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/list.h"
#include "base/map.h"
#include "base/opt.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/vec.h"

Suite *test_base_suite(void);

static int held;
static void on_hold(void *arg)
{
    held = held * 10 + *(int *)arg;
}

START_TEST(arena_caps_and_holds)
{
    static int one = 1, two = 2;
    struct arena a;
    struct arena_mark m;

    arena_init(&a, 256, 4096);
    ck_assert_ptr_nonnull(arena_alloc(&a, 0));
    m = arena_mark(&a);
    for (int i = 0; i < 10; i++)
        ck_assert_ptr_nonnull(arena_alloc(&a, 100));
    arena_rollback(&a, m);
    ck_assert_ptr_null(arena_alloc(&a, 5000));
    ck_assert_ptr_null(arena_calloc(&a, (size_t)-1, 16));
    ck_assert_ptr_null(arena_alloc(&a, (size_t)-8));
    ck_assert_int_eq(arena_hold(&a, on_hold, &one), 0);
    ck_assert_int_eq(arena_hold(&a, on_hold, &two), 0);
    ck_assert_str_eq(arena_printf(&a, "%d-%s", 7, "x").p, "7-x");
    held = 0;
    arena_fini(&a);
    ck_assert_int_eq(held, 21);
    ck_assert_uint_eq(a.used, 0);
}
END_TEST

START_TEST(buf_bounds)
{
    struct buf b;

    buf_init(&b, 1000);
    for (int round = 0; round < 200; round++) {
        ck_assert_int_eq(buf_append(&b, "0123456789", 10), 0);
        if (buf_len(&b) >= 500)
            buf_consume(&b, 490);
    }
    ck_assert_int_eq(buf_reserve(&b, 1000), -ERR_LIMIT);
    buf_clear(&b);
    ck_assert_int_eq(buf_printf(&b, "%s", "abc"), 0);
    ck_assert(slice_is(buf_slice(&b), "abc"));
    buf_fini(&b);
}
END_TEST

START_TEST(map_against_a_model)
{
    static char keys[2000][24];
    static int present[2000];
    struct map m;
    size_t n = 0;

    map_init(&m);
    for (int i = 0; i < 2000; i++)
        (void)snprintf(keys[i], sizeof(keys[i]), "key-%d", i);
    for (int step = 0; step < 100000; step++) {
        size_t i = (size_t)random_below(2000);
        struct slice key = slice_of(keys[i]);

        if (random_below(2) == 0) {
            ck_assert_int_eq(map_put(&m, key, keys[i], NULL), 0);
            n += present[i] == 0;
            present[i] = 1;
        } else {
            ck_assert_ptr_eq(map_del(&m, key), present[i] ? keys[i] : NULL);
            n -= present[i] == 1;
            present[i] = 0;
        }
        ck_assert_uint_eq(m.n, n);
    }
    for (int i = 0; i < 2000; i++)
        ck_assert_ptr_eq(map_get(&m, slice_of(keys[i])), present[i] ? keys[i] : NULL);
    map_fini(&m);
}
END_TEST

/* Key 00..0f, input 00.. of each length: by a second implementation, whose SipHash-2-4 gives the paper's a129ca6149be45e5. */
static const uint64_t siphash_13[16] = {
    0xabac0158050fc4dcu, 0xc9f49bf37d57ca93u, 0x82cb9b024dc7d44du, 0x8bf80ab8e7ddf7fbu,
    0xcf75576088d38328u, 0xdef9d52f49533b67u, 0xc50d2b50c59f22a7u, 0xd3927d989bb11140u,
    0x369095118d299a8eu, 0x25a48eb36c063de4u, 0x79de85ee92ff097fu, 0x70c118c1f94dc352u,
    0x78a384b157b4d9a2u, 0x306f760c1229ffa7u, 0x605aa111c0f95d34u, 0xd320d86d2a519956u,
};

START_TEST(siphash_reference)
{
    /* SipHash-1-3, key 00..0f, input 00..0e. */
    unsigned char in[15];

    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (unsigned char)i;
    ck_assert_uint_eq(map_siphash(0x0706050403020100u, 0x0f0e0d0c0b0a0908u, in, 0), 0xabac0158050fc4dcu);
    for (size_t n = 0; n <= sizeof(in); n++)
        ck_assert_uint_eq(map_siphash(0x0706050403020100u, 0x0f0e0d0c0b0a0908u, in, n), siphash_13[n]);
}
END_TEST

START_TEST(vec_and_list)
{
    struct vec v = VEC_INIT(int);
    struct list head, a, b;

    for (int i = 0; i < 1000; i++)
        ck_assert_ptr_nonnull(vec_push(&v, &i));
    ck_assert_int_eq(VEC_AT(&v, int, 999), 999);
    vec_fini(&v);
    list_init(&head);
    list_init(&a);
    list_init(&b);
    list_append(&head, &a);
    list_prepend(&head, &b);
    ck_assert_ptr_eq(list_first(&head), &b);
    list_remove(&b);
    list_remove(&b);
    ck_assert_ptr_eq(list_first(&head), &a);
    list_remove(&a);
    ck_assert(list_is_empty(&head));
}
END_TEST

START_TEST(file_old_or_new)
{
    char path[] = "/tmp/sluice-test-XXXXXX", missing[64];
    struct buf b;
    struct err e;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    ck_assert_int_eq(file_write_atomic(path, "hello", 5, 0600, &e), 0);
    buf_init(&b, 0);
    ck_assert_int_eq(file_read(path, 4, &b, &e), -ERR_LIMIT);
    buf_clear(&b);
    ck_assert_int_eq(file_read(path, 5, &b, &e), 0);
    ck_assert(slice_is(buf_slice(&b), "hello"));
    (void)snprintf(missing, sizeof(missing), "%s-none", path);
    ck_assert_int_eq(file_read(missing, 5, &b, &e), -ERR_NOTFOUND);
    ck_assert_int_eq(file_write_atomic("/nonexistent/x", "", 0, 0600, &e), -ERR_IO);
    buf_fini(&b);
    (void)unlink(path);
}
END_TEST

START_TEST(opt_precedence_and_errors)
{
    const char *name = "default";
    uint64_t count = 3;
    bool flag = false;
    struct err e;
    struct opt opts[] = {
        {.name = "name", .type = OPT_STRING, .arg = "NAME", .help = "", .out = &name},
        {.name = "count", .type = OPT_U64, .arg = "N", .help = "", .out = &count, .min = 1, .max = 9},
        {.name = "flag", .type = OPT_FLAG, .help = "", .out = &flag},
        {.name = NULL},
    };
    char *good[] = {(char[]){"x"}, (char[]){"--name=flag"}, (char[]){"--flag"}, (char[]){"rest"}, NULL};
    char *big[] = {(char[]){"x"}, (char[]){"--count"}, (char[]){"10"}, NULL};
    char *unknown[] = {(char[]){"x"}, (char[]){"--nome"}, NULL};
    char *bare[] = {(char[]){"x"}, (char[]){"--name"}, NULL};

    ck_assert_int_eq(setenv("T_NAME", "environment", 1), 0);
    ck_assert_int_eq(setenv("T_COUNT", "5", 1), 0);
    ck_assert_int_eq(opt_parse(opts, 4, good, "T_", &e), 3);
    ck_assert_str_eq(name, "flag");
    ck_assert_uint_eq(count, 5);
    ck_assert(flag);
    ck_assert_int_eq(opt_parse(opts, 3, big, NULL, &e), -ERR_INVALID);
    ck_assert_int_eq(opt_parse(opts, 2, unknown, NULL, &e), -ERR_INVALID);
    ck_assert_int_eq(opt_parse(opts, 2, bare, NULL, &e), -ERR_INVALID);
    free((char *)(uintptr_t)name); /* else it lives as long as the process */
}
END_TEST

START_TEST(time_secret_random)
{
    char out[32], id[37];

    clock_format(0, out, sizeof(out));
    ck_assert_str_eq(out, "1970-01-01T00:00:00.000Z");
    clock_fake(5000000, 1700000000123);
    ck_assert_uint_eq(clock_mono_ms(), 5);
    clock_format(clock_wall_ms(), out, sizeof(out));
    clock_fake(0, 0);
    ck_assert_str_eq(out, "2023-11-14T22:13:20.123Z");
    ck_assert(secret_equal(SLICE_LIT("abc"), SLICE_LIT("abc")));
    ck_assert(!secret_equal(SLICE_LIT("abc"), SLICE_LIT("abd")));
    ck_assert(!secret_equal(SLICE_LIT("abc"), SLICE_LIT("ab")));
    random_uuid(id);
    ck_assert_uint_eq(strlen(id), 36);
    ck_assert_int_eq(id[14], '4');
}
END_TEST

Suite *test_base_suite(void)
{
    Suite *s = suite_create("base");
    TCase *t = tcase_create("base");

    tcase_add_test(t, arena_caps_and_holds);
    tcase_add_test(t, buf_bounds);
    tcase_add_test(t, map_against_a_model);
    tcase_add_test(t, siphash_reference);
    tcase_add_test(t, vec_and_list);
    tcase_add_test(t, file_old_or_new);
    tcase_add_test(t, opt_precedence_and_errors);
    tcase_add_test(t, time_secret_random);
    suite_add_tcase(s, t);
    return s;
}
