#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "snapshot/snap.h"

Suite *test_snap_suite(void);

START_TEST(slots_are_stable)
{
    struct snap_slot a, b, again, c;

    ck_assert_int_eq(snap_slot_take(SLICE_LIT("orders"), &a), 0);
    ck_assert_int_eq(snap_slot_take(SLICE_LIT("users"), &b), 0);
    ck_assert_uint_ne(a.slot, b.slot);
    ck_assert_int_eq(snap_slot_take(SLICE_LIT("orders"), &again), 0);
    ck_assert_uint_eq(again.slot, a.slot);
    ck_assert_uint_eq(again.id, a.id);
    snap_slot_release(a.slot);
    ck_assert_int_eq(snap_slot_take(SLICE_LIT("orders"), &again), 0);
    ck_assert_uint_eq(again.id, a.id); /* somebody held it all the time */
    snap_slot_release(a.slot);
    snap_slot_release(a.slot);
    ck_assert_int_eq(snap_slot_take(SLICE_LIT("carts"), &c), 0);
    ck_assert_uint_eq(c.slot, a.slot); /* the number again, under another id */
    ck_assert_uint_ne(c.id, a.id);
    snap_slot_release(b.slot);
    snap_slot_release(c.slot);
}
END_TEST

START_TEST(slots_are_bounded)
{
    static uint32_t held[SNAP_SLOTS_MAX];
    struct snap_slot s;
    char name[32];

    for (uint32_t i = 0; i < SNAP_SLOTS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "upstream-%u", i);
        ck_assert_int_eq(snap_slot_take(slice_of(name), &s), 0);
        held[i] = s.slot;
    }
    ck_assert_int_eq(snap_slot_take(SLICE_LIT("one more"), &s), -ERR_LIMIT);
    ck_assert_int_eq(snap_slot_take(SLICE_LIT("upstream-7"), &s), 0);
    ck_assert_uint_eq(s.slot, held[7]);
    snap_slot_release(held[7]);
    for (uint32_t i = 0; i < SNAP_SLOTS_MAX; i++)
        snap_slot_release(held[i]);
    ck_assert_int_eq(snap_slot_take(SLICE_LIT("one more"), &s), 0);
    ck_assert_uint_lt(s.slot, SNAP_SLOTS_MAX);
    snap_slot_release(s.slot);
}
END_TEST

START_TEST(route_ids_are_their_own)
{
    uint32_t a, b;

    ck_assert_int_eq(snap_route_id_take(SLICE_LIT("shop/prod/GET /x"), &a), 0);
    ck_assert_int_eq(snap_route_id_take(SLICE_LIT("shop/prod/GET /y"), &b), 0);
    ck_assert_uint_ne(a, b);
    ck_assert_uint_lt(a + b, 2);
    snap_route_id_release(a);
    snap_route_id_release(b);
}
END_TEST

static int dropped;
static void on_drop(void *arg)
{
    (void)arg;
    dropped++;
}

START_TEST(parts_outlive_snapshots)
{
    struct snap_part *p = snap_part_new(SLICE_LIT("stage/shop/prod"), 4096, 0);
    struct snap *s[2];

    dropped = 0;
    ck_assert_int_eq(arena_hold(&p->arena, on_drop, NULL), 0);
    for (int i = 0; i < 2; i++) {
        s[i] = calloc(1, sizeof(*s[i]));
        ref_init(&s[i]->ref);
        arena_init(&s[i]->arena, 4096, 0);
        s[i]->parts = arena_alloc(&s[i]->arena, sizeof(p));
        s[i]->parts[0] = i == 0 ? p : snap_part_ref(p);
        s[i]->n_parts = 1;
    }
    snap_unref(snap_ref(s[0]));
    snap_unref(s[0]);
    ck_assert_int_eq(dropped, 0);
    ck_assert(slice_is(s[1]->parts[0]->name, "stage/shop/prod"));
    snap_unref(s[1]);
    ck_assert_int_eq(dropped, 1);
    snap_unref(NULL);
    snap_part_unref(NULL);
}
END_TEST

Suite *test_snap_suite(void)
{
    Suite *s = suite_create("snap");
    TCase *t = tcase_create("snap");

    tcase_add_test(t, slots_are_stable);
    tcase_add_test(t, slots_are_bounded);
    tcase_add_test(t, route_ids_are_their_own);
    tcase_add_test(t, parts_outlive_snapshots);
    suite_add_tcase(s, t);
    return s;
}
