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

static bool is_room;

static bool room(void *arg, char *why, size_t why_size)
{
    (void)arg;
    if (!is_room)
        (void)snprintf(why, why_size, "revision 1 is held");
    return is_room;
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
    struct sync_core_options o = {.hello = &h, .n_endpoints = 1, .random_below = most, .room = room};

    now_ms = 1000;
    is_room = true;
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

/* ---- an offer when too many snapshots are live ---- */

/* An empty bundle, all of whose leaves are here. */
static void offered(uint64_t revision, uint32_t deadline_ms)
{
    struct bundle *b = bundle_new();
    struct protocol_offer o = {.header = b, .leaf_count = BUNDLE_LEAVES, .apply_deadline_ms = deadline_ms};

    ck_assert_ptr_nonnull(b);
    b->table = leaf_table_new();
    ck_assert_ptr_nonnull(b->table);
    leaf_table_seal(b->table);
    (void)snprintf(b->cluster_id, sizeof(b->cluster_id), "c");
    (void)snprintf(b->environment, sizeof(b->environment), "dev");
    b->schema = 1;
    b->version.epoch = 1;
    b->version.revision = revision;
    memcpy(b->version.root, b->table->root, sizeof(b->version.root));
    b->empty_is_intended = true;
    o.nonce[0] = (uint8_t)revision;
    step(&(struct sync_event){.type = SYNC_EVENT_OFFER, .u.offer = &o});
    bundle_unref(b);
}

static unsigned ticks(uint64_t ms, enum sync_action_type count)
{
    unsigned n = 0;

    for (uint64_t end = now_ms + ms; now_ms < end && !did(SYNC_DO_NACK) && !did(SYNC_DO_BUILD);) {
        now_ms += 250;
        step(&(struct sync_event){.type = SYNC_EVENT_PING});
        step(&(struct sync_event){.type = SYNC_EVENT_TICK});
        n += did(count);
    }
    return n;
}

START_TEST(builds_at_once_where_there_is_room)
{
    welcomed();
    offered(1, 60000);
    ck_assert(did(SYNC_DO_BUILD) && !did(SYNC_DO_MAKE_ROOM));
}
END_TEST

START_TEST(waits_for_room_and_builds)
{
    welcomed();
    is_room = false;
    offered(1, 60000);
    ck_assert(!did(SYNC_DO_BUILD) && !did(SYNC_DO_NACK) && did(SYNC_DO_MAKE_ROOM));
    ck_assert_uint_eq(ticks(40000, SYNC_DO_MAKE_ROOM), 40);
    ck_assert(!did(SYNC_DO_BUILD) && !did(SYNC_DO_NACK));
    is_room = true;
    (void)ticks(250, SYNC_DO_BUILD);
    ck_assert(did(SYNC_DO_BUILD) && !did(SYNC_DO_NACK));
}
END_TEST

START_TEST(is_refused_at_its_deadline)
{
    static const uint32_t deadlines[][2] = {{60000, 58000}, {0, 58000}, {1000, 500}, {UINT32_MAX, 3598000}};

    welcomed();
    is_room = false;
    for (size_t i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++) {
        uint64_t began = now_ms;
        const struct protocol_nack *n = NULL;

        offered(i + 1, deadlines[i][0]);
        (void)ticks(7200000, SYNC_DO_NACK);
        for (size_t k = 0; k < actions.list.n; k++)
            if (VEC_AT(&actions.list, struct sync_action, k).type == SYNC_DO_NACK)
                n = VEC_AT(&actions.list, struct sync_action, k).nack;
        ck_assert_ptr_nonnull(n);
        ck_assert_uint_eq(now_ms - began, deadlines[i][1]);
        ck_assert_int_eq(n->error.code, PROTOCOL_TIMEOUT);
        ck_assert(n->retryable && !did(SYNC_DO_REJECT) && !did(SYNC_DO_BUILD));
        ck_assert_str_eq(n->error.message, "revision 1 is held");
    }
    is_room = true; /* the same one, once there is room */
    offered(4, 60000);
    ck_assert(did(SYNC_DO_BUILD));
}
END_TEST

START_TEST(what_waits_can_be_withdrawn)
{
    const uint8_t nonce[PROTOCOL_NONCE] = {1};

    welcomed();
    is_room = false;
    offered(1, 60000);
    step(&(struct sync_event){.type = SYNC_EVENT_WITHDRAW, .u.nonce = nonce});
    ck_assert_uint_eq(ticks(70000, SYNC_DO_MAKE_ROOM), 0);
    ck_assert(!did(SYNC_DO_NACK) && !did(SYNC_DO_BUILD) && !did(SYNC_DO_DISCARD));
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
    t = tcase_create("room");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, builds_at_once_where_there_is_room);
    tcase_add_test(t, waits_for_room_and_builds);
    tcase_add_test(t, is_refused_at_its_deadline);
    tcase_add_test(t, what_waits_can_be_withdrawn);
    suite_add_tcase(s, t);
    return s;
}
