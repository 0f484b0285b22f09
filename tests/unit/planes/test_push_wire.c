/* The real push server and real nodes (without workers) on one loop, over TLS on loopback. */
#include <check.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "make_bundle.h"
#include "net/graveyard.h"
#include "net/sock.h"
#include "net/tlsctx.h"
#include "push/push.h"
#include "snapshot/snap.h"
#include "sync/sync.h"

#define PATIENCE_MS 30000u
#define NODES 2

struct node {
    char dir[64], name[16];
    struct sync *sync;
    struct snap *serving;
    void (*done)(void *arg, struct snap *snap);
    void *done_arg;
    unsigned published;
};

static struct {
    struct event_base *base;
    struct graveyard *graveyard;
    struct buf ca_pem, ca_key, cert, key;
    struct cert_ca *ca;
    struct tlsctx *tls;
    struct push_server *push;
    uint16_t port;
    char target[64];
    struct node nodes[NODES];
    unsigned enrolled, live, failed, changed, refuse;
    char used_key[65];
} t;

/* ---- the store ------------------------------------------------------------------------------------------------------------ */

static void on_enroll(void *arg, uint64_t ticket, const struct push_enroll_ask *ask)
{
    struct push_enroll_answer a = {.rc = t.refuse ? -ERR_DENIED : 0};

    (void)arg;
    ck_assert_str_eq(ask->token_id, "tid");
    t.enrolled++;
    snprintf(a.environment, sizeof(a.environment), "prod");
    snprintf(a.node_id, sizeof(a.node_id), "%s", ask->node_id);
    push_enroll_answer(t.push, ticket, &a);
}

static void on_head(void *arg, const struct push_head_event *event)
{
    (void)arg;
    t.live += event->outcome == PUSH_BECAME_LIVE;
    t.failed += event->outcome == PUSH_BECAME_FAILED;
}

static void on_changed(void *arg, const char *environment)
{
    (void)arg;
    ck_assert_str_eq(environment, "prod");
    t.changed++;
}

/* ---- the node's workers --------------------------------------------------------------------------------------------------- */

static void taken_cb(evutil_socket_t fd, short what, void *arg)
{
    struct node *n = arg;

    (void)fd;
    (void)what;
    if (n->done != NULL)
        n->done(n->done_arg, n->serving);
}

static void on_publish(void *arg, struct snap *snap, void (*done)(void *done_arg, struct snap *snap), void *done_arg)
{
    struct node *n = arg;
    const struct timeval now = {0, 0};

    snap_unref(n->serving);
    n->serving = snap;
    n->done = done;
    n->done_arg = done_arg;
    n->published++;
    event_base_once(t.base, -1, EV_TIMEOUT, taken_cb, n, &now);
}

static enum protocol_health on_health(void *arg)
{
    const struct node *n = arg;

    return n->serving == NULL ? PROTOCOL_STARTING : PROTOCOL_READY;
}

/* ---- the stage ------------------------------------------------------------------------------------------------------------- */

static void start_server(void)
{
    struct push_options o = {.base = t.base, .graveyard = t.graveyard, .cluster_id = "c1", .instance = "test", .ca = t.ca,
                             .tls = t.tls,
                             .callbacks = {.enroll = on_enroll, .head = on_head, .rollout_changed = on_changed}};
    struct sock_addr a;
    char text[32];
    struct err e;

    snprintf(text, sizeof(text), "127.0.0.1:%u", t.port);
    ck_assert_int_eq(sock_parse(slice_of(text), &a, &e), 0);
    ck_assert_msg(sock_listen(&a, SOCK_ALONE, &o.listen_fd, &e) == 0, "%s", e.text);
    ck_assert_msg(push_server_new(&o, &t.push, &e) == 0, "%s", e.text);
    t.port = push_port(t.push);
    snprintf(t.target, sizeof(t.target), "127.0.0.1:%u", t.port);
}

static void start_node(struct node *n)
{
    struct sync_options o = {.base = t.base, .graveyard = t.graveyard, .control_planes = t.target, .state_dir = n->dir,
                             .node_id = n->name, .software = "test", .workers = 1};
    struct sync_callbacks cb = {.publish = on_publish, .health = on_health};
    struct err e;

    ck_assert_msg(sync_new(&o, &cb, n, &n->sync, &e) == 0, "%s", e.text);
}

static void stop_node(struct node *n)
{
    sync_free(n->sync);
    n->sync = NULL;
    n->done = NULL;
    snap_unref(n->serving);
    n->serving = NULL;
}

static void setup(void)
{
    struct tlsctx_def def = {.server = true, .client_cert = TLSCTX_CLIENT_OPTIONAL, .alpn = "h2", .alpn_required = true};
    const char *const names[] = {"localhost", "127.0.0.1"};
    char token[160] = "tid.secret.";
    struct err e;

    memset(&t, 0, sizeof(t));
    buf_init(&t.ca_pem, 0);
    buf_init(&t.ca_key, 0);
    buf_init(&t.cert, 0);
    buf_init(&t.key, 0);
    t.base = event_base_new();
    ck_assert_int_eq(graveyard_new(t.base, &t.graveyard, &e), 0);
    ck_assert_int_eq(cert_make_ca("test CA", 10, &t.ca_pem, &t.ca_key, &e), 0);
    ck_assert_int_eq(cert_ca_load(buf_slice(&t.ca_pem), buf_slice(&t.ca_key), &t.ca, &e), 0);
    ck_assert_int_eq(cert_make_server(t.ca, names, 2, 10, &t.cert, &t.key, &e), 0);
    def.cert_pem = buf_slice(&t.cert);
    def.key_pem = buf_slice(&t.key);
    def.roots_pem = buf_slice(&t.ca_pem);
    ck_assert_msg(tlsctx_new(&def, &t.tls, &e) == 0, "%s", e.text);
    digest_hex(cert_ca_sha256(t.ca), 32, token + strlen(token));
    setenv("SLUICE_JOIN_TOKEN", token, 1);
    for (int i = 0; i < NODES; i++) {
        snprintf(t.nodes[i].dir, sizeof(t.nodes[i].dir), "/tmp/sluice-wire-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(t.nodes[i].dir));
        snprintf(t.nodes[i].name, sizeof(t.nodes[i].name), "node-%d", i);
    }
    start_server();
}

static void teardown(void)
{
    char command[128];

    for (int i = 0; i < NODES; i++) {
        stop_node(&t.nodes[i]);
        snprintf(command, sizeof(command), "rm -rf %s", t.nodes[i].dir);
        ck_assert_int_eq(system(command), 0);
    }
    push_server_free(t.push);
    tlsctx_unref(t.tls);
    cert_ca_free(t.ca);
    graveyard_free(t.graveyard);
    event_base_loop(t.base, EVLOOP_NONBLOCK);
    event_base_free(t.base);
    buf_fini(&t.ca_pem);
    buf_fini(&t.ca_key);
    buf_fini(&t.cert);
    buf_fini(&t.key);
}

static void run_until(bool (*is_true)(void *arg), void *arg, const char *what)
{
    uint64_t end = clock_mono_ms() + PATIENCE_MS;

    while (!is_true(arg)) {
        ck_assert_msg(clock_mono_ms() < end, "waited for: %s", what);
        event_base_loop(t.base, EVLOOP_ONCE);
    }
}

static void put_upstream(struct mb *m, const char *name, unsigned port)
{
    uint8_t endpoint[64], body[256];
    struct wire_writer e = {endpoint, endpoint + sizeof(endpoint), false}, b = {body, body + sizeof(body), false};
    char part[160];

    wire_put_bytes(&e, 1, SLICE_LIT("127.0.0.1"));
    wire_put_u64(&e, 2, port);
    wire_put_u64(&e, 3, 1);
    wire_put_bytes(&b, 1, slice_of(name));
    wire_put_bytes(&b, 2, slice_from(endpoint, (size_t)(e.p - endpoint)));
    wire_put_bytes(&b, 7, SLICE_LIT("roundRobin"));
    snprintf(part, sizeof(part), "upstream/%s", name);
    mb_add(m, SLICE_LIT("upstream"), slice_of(name), slice_from(body, (size_t)(b.p - body)), slice_of(part));
}

/* count upstreams; one of them as the port says. */
static struct bundle *make(uint64_t revision, unsigned count, unsigned port, bool poison)
{
    struct mb m = {NULL, 0, 0};
    struct bundle *b;
    char name[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "u%u", i);
        put_upstream(&m, name, i == 0 ? port : 80);
    }
    if (poison)
        mb_add(&m, SLICE_LIT("spell"), SLICE_LIT("curse"), SLICE_LIT("x"), SLICE_LIT("upstream/u0"));
    b = mb_bundle(&m, 1, revision);
    mb_fini(&m);
    return b;
}

static void publish(struct bundle *b)
{
    struct err e;

    ck_assert_msg(push_publish(t.push, b, false, &e) == 0, "%s", e.text);
    bundle_unref(b);
}

struct goal {
    enum push_state state;
    uint64_t revision;
    uint32_t active;
};

static bool is_reached(void *arg)
{
    const struct goal *g = arg;
    struct push_rollout r;
    bool ok;

    if (push_rollout(t.push, "prod", &r) != 0)
        return false;
    ok = r.state == g->state && r.head.revision == g->revision && r.active >= g->active;
    push_rollout_fini(&r);
    return ok;
}

static void reach(enum push_state state, uint64_t revision, uint32_t active)
{
    struct goal g = {state, revision, active};

    run_until(is_reached, &g, push_state_name(state));
}

static bool are_durable(void *arg)
{
    for (int i = 0; i < NODES; i++) {
        char path[128];
        struct stat st;

        snprintf(path, sizeof(path), "%s/gen-1-%llu.bundle", t.nodes[i].dir, *(const unsigned long long *)arg);
        if (stat(path, &st) != 0)
            return false;
    }
    return true;
}

/* ---- tests -------------------------------------------------------------------------------------------------------------------- */

START_TEST(test_rollouts)
{
    struct push_rollout r;
    struct push_stats before, after;
    struct stat st;
    char path[128];

    push_ready(t.push);
    publish(make(1, 3, 1001, false));
    for (int i = 0; i < NODES; i++)
        start_node(&t.nodes[i]);
    reach(PUSH_LIVE, 1, 2);
    ck_assert_uint_eq(t.enrolled, 2);
    ck_assert_uint_eq(t.nodes[0].serving->version.revision, 1);
    snprintf(path, sizeof(path), "%s/node.pem", t.nodes[0].dir);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);

    push_stats(t.push, &before);
    publish(make(2, 3, 1002, false));
    reach(PUSH_LIVE, 2, 2);
    push_stats(t.push, &after);
    ck_assert_uint_eq(after.chunks, before.chunks); /* one leaf: it rode along */
    ck_assert_uint_eq(t.nodes[1].serving->version.revision, 2);

    publish(make(3, 3, 1003, true));
    reach(PUSH_FAILED, 3, 0);
    ck_assert_int_eq(push_rollout(t.push, "prod", &r), 0);
    ck_assert_str_eq(r.failure.error.type, "spell");
    ck_assert_str_eq(r.failure.error.key, "curse");
    ck_assert_int_eq(r.failure.error.code, PROTOCOL_INVALID_RESOURCE);
    ck_assert_uint_eq(r.live.revision, 2);
    push_rollout_fini(&r);
    ck_assert_uint_eq(t.nodes[0].serving->version.revision, 2);

    publish(make(4, 20000, 1004, false)); /* too much to ride along, and more than one list of hashes */
    reach(PUSH_LIVE, 4, 2);
    push_stats(t.push, &after);
    ck_assert_uint_ge(after.chunks, 2 * 4000);
    ck_assert_uint_eq(t.nodes[0].serving->version.revision, 4);
    ck_assert_uint_eq(t.failed, 1);
    ck_assert_uint_ge(t.changed, 4);
}
END_TEST

static bool are_connected(void *arg)
{
    struct push_stats s;

    push_stats(t.push, &s);
    return s.connections == *(const unsigned *)arg && is_reached(&(struct goal){PUSH_LIVE, 1, 2});
}

static bool is_back(void *arg)
{
    const struct node *n = arg;
    struct sync_status s;

    sync_status(n->sync, &s);
    return s.connected && n->serving != NULL;
}

START_TEST(test_resume_by_hash)
{
    struct bundle *b = make(1, 500, 1001, false);
    unsigned long long revision = 1;
    unsigned two = 2;
    struct push_stats s;
    struct err e;

    push_ready(t.push);
    ck_assert_int_eq(push_publish(t.push, b, false, &e), 0);
    for (int i = 0; i < NODES; i++)
        start_node(&t.nodes[i]);
    reach(PUSH_LIVE, 1, 2);
    run_until(are_durable, &revision, "bundles on disk");

    push_server_free(t.push);
    start_server();
    ck_assert_int_eq(push_load(t.push, b, NULL, 2, &e), 0);
    push_ready(t.push);
    run_until(are_connected, &two, "nodes are back");
    push_stats(t.push, &s);
    ck_assert_uint_eq(s.offers, 0);
    ck_assert_uint_eq(s.chunk_bytes, 0);

    stop_node(&t.nodes[0]);
    start_node(&t.nodes[0]);
    run_until(is_back, &t.nodes[0], "a node starts from its disk");
    ck_assert_uint_eq(t.nodes[0].serving->version.revision, 1);
    push_stats(t.push, &s);
    ck_assert_uint_eq(s.offers, 0);
    ck_assert_uint_eq(t.enrolled, 2);
    bundle_unref(b);
}
END_TEST

static bool is_refused(void *arg)
{
    struct sync_status s;

    sync_status(t.nodes[0].sync, &s);
    (void)arg;
    return s.last_error[0] != '\0';
}

START_TEST(test_refused_token)
{
    struct sync_status s;

    t.refuse = 1;
    push_ready(t.push);
    start_node(&t.nodes[0]);
    run_until(is_refused, NULL, "a refusal");
    sync_status(t.nodes[0].sync, &s);
    ck_assert(!s.enrolled);
    ck_assert_ptr_nonnull(strstr(s.last_error, "join token"));
}
END_TEST

Suite *test_push_wire_suite(void)
{
    Suite *s = suite_create("push_wire");
    TCase *c = tcase_create("wire");

    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_rollouts);
    tcase_add_test(c, test_resume_by_hash);
    tcase_add_test(c, test_refused_token);
    suite_add_tcase(s, c);
    return s;
}
