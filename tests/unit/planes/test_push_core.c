/* The control plane's state machine, case by case: what the simulation's nodes never do. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "bundle/leaf.h"
#include "push/push_core.h"

Suite *test_push_core_suite(void);

#define DEADLINE_MS 20000

static struct push_core *core;
static struct push_actions actions;
static uint64_t now_ms;

static void random_cb(void *arg, void *p, size_t n)
{
    static uint8_t next;

    (void)arg;
    memset(p, ++next, n);
}

static struct push_now now(void)
{
    return (struct push_now){now_ms, 1700000000000 + (int64_t)now_ms};
}

static void setup(void)
{
    struct push_core_options o = {.cluster_id = "c", .random = random_cb, .apply_deadline_ms = DEADLINE_MS};

    now_ms = 1000;
    push_actions_init(&actions);
    ck_assert_int_eq(push_core_new(&o, &core), 0);
}

static void teardown(void)
{
    push_actions_fini(&actions);
    push_core_free(core);
}

/* Content of its own for every revision. */
static void publish(uint64_t revision)
{
    uint8_t bytes[] = {0x0a, 9, 0x0a, 1, 't', 0x12, 4, 'a', 'b', 'c', (uint8_t)('a' + revision)};
    struct leaf_table *t = leaf_table_new();
    struct bundle *b = bundle_new();
    struct err e = {0};

    leaf_table_set(t, 7, leaf_new(bytes, sizeof(bytes)));
    leaf_table_seal(t);
    b->version.epoch = 1;
    b->version.revision = revision;
    snprintf(b->cluster_id, sizeof(b->cluster_id), "c");
    snprintf(b->environment, sizeof(b->environment), "dev");
    b->schema = 1;
    bundle_set_table(b, t);
    ck_assert_msg(push_core_publish(core, b, now(), &actions, &e) == 0, "%s", e.text);
    bundle_unref(b);
}

static void step(const struct push_event *event)
{
    push_core_step(core, event, now(), &actions);
}

static void tick(uint64_t ms)
{
    now_ms += ms;
    step(&(struct push_event){.type = PUSH_EVENT_TICK});
}

/* Lives, and says nothing that matters. */
static void status(uint64_t connection)
{
    struct protocol_status s = {.health = PROTOCOL_READY};

    step(&(struct push_event){.type = PUSH_EVENT_STATUS, .connection = connection, .u.status = &s});
}

static void open_stream(uint64_t connection, const char *name)
{
    struct push_event opened = {.type = PUSH_EVENT_OPENED, .connection = connection};

    opened.u.opened.cluster = "c";
    opened.u.opened.environment = "dev";
    opened.u.opened.node = name;
    opened.u.opened.address = "-";
    step(&opened);
}

static void join(uint64_t connection, const char *name)
{
    struct protocol_hello h = {.cluster_id = "c", .environment = "dev", .schema_min = 1, .schema_max = 1, .workers = 1};

    open_stream(connection, name);
    snprintf(h.node_id, sizeof(h.node_id), "%s", name);
    step(&(struct push_event){.type = PUSH_EVENT_HELLO, .connection = connection, .u.hello = &h});
}

/* The newest action of this type for the connection; NULL: none since the last clear. */
static const struct push_action *done(enum push_action_type type, uint64_t connection)
{
    for (size_t i = actions.list.n; i-- > 0;) {
        const struct push_action *a = &VEC_AT(&actions.list, struct push_action, i);

        if (a->type == type && a->connection == connection)
            return a;
    }
    return NULL;
}

static void answer(uint64_t connection, enum protocol_phase upto)
{
    const struct push_action *a = done(PUSH_DO_OFFER, connection);
    struct protocol_ack k = {.workers_active = 1};

    ck_assert_ptr_nonnull(a);
    memcpy(k.nonce, a->nonce, sizeof(k.nonce));
    k.version = a->bundle->version;
    for (int phase = PROTOCOL_RECEIVED; phase <= (int)upto; phase++) {
        k.phase = (enum protocol_phase)phase;
        step(&(struct push_event){.type = PUSH_EVENT_ACK, .connection = connection, .u.ack = &k});
    }
}

static bool stays_for(uint64_t connection, uint64_t ms)
{
    for (uint64_t at = 0; at < ms && done(PUSH_DO_CLOSE, connection) == NULL; at += 1000) {
        tick(1000);
        status(1);
        status(2);
        status(3);
    }
    return done(PUSH_DO_CLOSE, connection) == NULL;
}

/* It is offered what is live and never answers, though it lives: it does not hide behind that offer for ever. */
START_TEST(offer_of_live_has_a_deadline)
{
    publish(1); /* nobody is here: live */
    join(1, "a");
    ck_assert_ptr_nonnull(done(PUSH_DO_OFFER, 1));
    ck_assert(!done(PUSH_DO_OFFER, 1)->hold);
    ck_assert(stays_for(1, DEADLINE_MS - 1000));
    ck_assert(!stays_for(1, 2000));
    ck_assert_int_eq(done(PUSH_DO_CLOSE, 1)->status, PUSH_CLOSE_DEADLINE);
    publish(2);
    push_actions_clear(&actions);
    join(3, "a"); /* it comes back, and gets the newest */
    ck_assert_ptr_nonnull(done(PUSH_DO_OFFER, 3));
    ck_assert_uint_eq(done(PUSH_DO_OFFER, 3)->bundle->version.revision, 2);
}
END_TEST

/* Told to activate, it does not: the same. */
START_TEST(activation_has_a_deadline)
{
    join(1, "a");
    join(2, "b");
    publish(1);
    answer(1, PROTOCOL_BUILT);
    ck_assert(stays_for(1, DEADLINE_MS / 2));
    answer(2, PROTOCOL_BUILT);
    ck_assert_ptr_nonnull(done(PUSH_DO_ACTIVATE, 1));
    {
        struct protocol_ack k = {.phase = PROTOCOL_ACTIVE, .workers_active = 1};
        const struct push_action *a = done(PUSH_DO_OFFER, 2);

        memcpy(k.nonce, a->nonce, sizeof(k.nonce));
        k.version = a->bundle->version;
        step(&(struct push_event){.type = PUSH_EVENT_ACK, .connection = 2, .u.ack = &k});
    }
    ck_assert(stays_for(1, DEADLINE_MS - 1000)); /* from then on */
    ck_assert(!stays_for(1, 2000));
    ck_assert_ptr_null(done(PUSH_DO_CLOSE, 2));
}
END_TEST

/* Who has built waits for the others as long as it takes; and who is alone with a pending bundle is its rollout's affair. */
START_TEST(pending_is_not_cut)
{
    join(1, "a");
    publish(1);
    ck_assert(stays_for(1, 5 * DEADLINE_MS));
    answer(1, PROTOCOL_BUILT);
    ck_assert_ptr_nonnull(done(PUSH_DO_ACTIVATE, 1));
}
END_TEST

/* A node that was thrown out is cut, is not shown any more, and nobody waits for it. */
START_TEST(forgotten)
{
    struct push_node_view v;
    struct push_rollout r;

    join(1, "a");
    join(2, "b");
    publish(1);
    answer(2, PROTOCOL_BUILT);
    ck_assert_ptr_null(done(PUSH_DO_ACTIVATE, 2));
    open_stream(4, "a"); /* it could say Hello after the removal */
    open_stream(5, "c");
    push_core_forget(core, "a", now(), &actions);
    ck_assert_int_eq(done(PUSH_DO_CLOSE, 4)->status, PUSH_CLOSE_DENIED);
    ck_assert_ptr_null(done(PUSH_DO_CLOSE, 5));
    ck_assert_int_eq(done(PUSH_DO_CLOSE, 1)->status, PUSH_CLOSE_DENIED);
    ck_assert(!push_core_node(core, "dev", "a", &v));
    ck_assert(push_core_node(core, "dev", "b", &v));
    ck_assert_int_eq(push_core_rollout(core, "dev", &r), 0);
    ck_assert_uint_eq(r.n_nodes, 1);
    push_rollout_fini(&r);
    status(1); /* what still comes from it is nobody's */
    tick(1000);
    ck_assert_ptr_nonnull(done(PUSH_DO_ACTIVATE, 2));
    push_core_forget(core, "nobody", now(), &actions);
    join(3, "a"); /* it joined again */
    ck_assert(push_core_node(core, "dev", "a", &v));
}
END_TEST

Suite *test_push_core_suite(void)
{
    Suite *s = suite_create("push_core");
    TCase *t = tcase_create("deadline");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, offer_of_live_has_a_deadline);
    tcase_add_test(t, activation_has_a_deadline);
    tcase_add_test(t, pending_is_not_cut);
    suite_add_tcase(s, t);
    t = tcase_create("nodes");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, forgotten);
    suite_add_tcase(s, t);
    return s;
}
