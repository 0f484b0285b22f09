/* The node's state machine, case by case: what the simulation's control plane never does. */
#include <check.h>
#include <stdio.h>

#include "sync/sync_core.h"

Suite *test_sync_core_suite(void);

static struct sync_core *core;
static struct sync_actions actions;
static uint64_t now_ms;

static uint64_t most(void *arg, uint64_t bound)
{
    (void)arg;
    return bound - 1;
}

static void step(const struct sync_event *event)
{
    sync_actions_clear(&actions);
    sync_core_step(core, event, (struct sync_now){now_ms}, &actions);
}

static bool did(enum sync_action_type type)
{
    for (size_t i = 0; i < actions.list.n; i++)
        if (VEC_AT(&actions.list, struct sync_action, i).type == type)
            return true;
    return false;
}

/* Ticks until it connects; how long that took. */
static uint64_t until_connect(uint64_t patience_ms)
{
    uint64_t began = now_ms;

    do {
        step(&(struct sync_event){.type = SYNC_EVENT_TICK});
        if (did(SYNC_DO_CONNECT))
            return now_ms - began;
        now_ms += 250;
    } while (now_ms - began < patience_ms);
    return UINT64_MAX;
}

static void welcomed(void)
{
    struct protocol_welcome w = {.cluster_id = "c"};

    ck_assert_uint_ne(until_connect(60000), UINT64_MAX);
    step(&(struct sync_event){.type = SYNC_EVENT_CONNECTED});
    step(&(struct sync_event){.type = SYNC_EVENT_WELCOME, .u.welcome = &w});
}

static void setup(void)
{
    struct protocol_hello h = {.cluster_id = "c", .environment = "dev", .node_id = "a", .schema_min = 1, .schema_max = 1};
    struct sync_core_options o = {.hello = &h, .n_endpoints = 1, .random_below = most};

    now_ms = 1000;
    sync_actions_init(&actions);
    ck_assert_int_eq(sync_core_new(&o, (struct sync_now){now_ms}, &core), 0);
}

static void teardown(void)
{
    sync_actions_fini(&actions);
    sync_core_free(core);
}

static uint64_t away_for(uint32_t after_ms, uint32_t spread_ms)
{
    struct protocol_goaway g = {.reason = "test", .reconnect_after_ms = after_ms, .spread_ms = spread_ms};

    welcomed();
    step(&(struct sync_event){.type = SYNC_EVENT_GOAWAY, .u.goaway = &g});
    ck_assert(did(SYNC_DO_DISCONNECT));
    return until_connect(86400000);
}

START_TEST(sent_away_for_a_while)
{
    ck_assert_uint_eq(away_for(500, 2000), 2500);
}
END_TEST

START_TEST(sent_away_for_ever_comes_back)
{
    ck_assert_uint_eq(away_for(UINT32_MAX, UINT32_MAX), 2ull * SYNC_AWAY_CAP_MS);
}
END_TEST

Suite *test_sync_core_suite(void)
{
    Suite *s = suite_create("sync_core");
    TCase *t = tcase_create("goaway");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, sent_away_for_a_while);
    tcase_add_test(t, sent_away_for_ever_comes_back);
    suite_add_tcase(s, t);
    return s;
}
