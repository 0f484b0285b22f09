#include <check.h>

#include "base/must.h"
#include "net/block.h"
#include "net/wheel.h"

struct item {
    struct wheel_timer timer;
    struct wheel *wheel;
    int fired;
    uint64_t again_ms, at_ms;
};

static void on_fire(struct wheel_timer *t)
{
    struct item *i = CONTAINER_OF(t, struct item, timer);

    i->fired++;
    i->at_ms = i->wheel->now_ms;
    if (i->again_ms != 0)
        wheel_set(i->wheel, t, i->again_ms);
}

static void start(struct wheel *w, struct item *i)
{
    *i = (struct item){.wheel = w};
    wheel_timer_init(&i->timer, on_fire);
}

START_TEST(never_early_at_most_two_ticks_late)
{
    static const uint64_t after[] = {0, 1, 24, 25, 26, 1000, 6399, 6400, 6401, 20000, 310000};

    for (size_t k = 0; k < ARRAY_LEN(after); k++) {
        struct wheel w;
        struct item i;

        wheel_init(&w, 1000003);
        start(&w, &i);
        wheel_set(&w, &i.timer, after[k]);
        for (uint64_t now = 1000003; i.fired == 0 && now < 2000000; now += 7)
            wheel_advance(&w, now);
        ck_assert_int_eq(i.fired, 1);
        ck_assert_uint_ge(i.at_ms, 1000003 + after[k]);
        ck_assert_uint_le(i.at_ms, 1000003 + after[k] + 3 * WHEEL_TICK_MS);
    }
}
END_TEST

START_TEST(moved_away_and_back)
{
    struct wheel w;
    struct item i;

    wheel_init(&w, 0);
    start(&w, &i);
    wheel_set(&w, &i.timer, 100);
    wheel_set(&w, &i.timer, 60000); /* a store: it stays in the early slot */
    wheel_advance(&w, 500);
    ck_assert_int_eq(i.fired, 0);
    wheel_set(&w, &i.timer, 100);   /* nearer than its slot: it moves */
    wheel_advance(&w, 500 + 100 + 3 * WHEEL_TICK_MS);
    ck_assert_int_eq(i.fired, 1);
    wheel_set(&w, &i.timer, 100);
    wheel_sleep(&i.timer);
    wheel_advance(&w, 100000);
    ck_assert_int_eq(i.fired, 1);
    wheel_set(&w, &i.timer, 100);
    wheel_remove(&i.timer);
    wheel_advance(&w, 200000);
    ck_assert_int_eq(i.fired, 1);
}
END_TEST

START_TEST(a_callback_may_set_it_again)
{
    struct wheel w;
    struct item i;

    wheel_init(&w, 0);
    start(&w, &i);
    i.again_ms = 1;
    wheel_set(&w, &i.timer, 1);
    for (uint64_t now = 0; now <= 1000; now += WHEEL_TICK_MS)
        wheel_advance(&w, now);
    ck_assert_int_ge(i.fired, 10);
    ck_assert_int_le(i.fired, 40);
    wheel_advance(&w, 10000000); /* after a long stop: each slot once, and soon */
    wheel_remove(&i.timer);
}
END_TEST

START_TEST(blocks_are_reused_and_bounded)
{
    struct block_pool p;
    struct block *a, *b;

    block_pool_init(&p, BLOCK_LARGE + BLOCK_SMALL);
    a = block_take(&p, BLOCK_LARGE);
    b = block_take(&p, BLOCK_SMALL);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_uint_eq(p.used_bytes, BLOCK_LARGE + BLOCK_SMALL);
    ck_assert_ptr_null(block_take(&p, BLOCK_SMALL)); /* over the bound */
    block_give(&p, b);
    ck_assert_ptr_nonnull(b = block_take(&p, BLOCK_SMALL));
    block_give(&p, a);
    block_give(&p, b);
    block_give(&p, NULL);
    ck_assert_uint_eq(p.used_bytes, 0);
    block_pool_fini(&p);
}
END_TEST

Suite *test_wheel_suite(void);
Suite *test_wheel_suite(void)
{
    Suite *s = suite_create("wheel");
    TCase *t = tcase_create("wheel");

    tcase_add_test(t, never_early_at_most_two_ticks_late);
    tcase_add_test(t, moved_away_and_back);
    tcase_add_test(t, a_callback_may_set_it_again);
    tcase_add_test(t, blocks_are_reused_and_bounded);
    suite_add_tcase(s, t);
    return s;
}
