/* C client against C server on one loop, over TLS on loopback. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/must.h"
#include "crypto/cert.h"
#include "grpc_echo.h"
#include "net/graveyard.h"
#include "net/grpc.h"
#include "net/tlsctx.h"

Suite *test_grpc_suite(void);

static struct event_base *base;
static struct graveyard *yard;
static struct grpc_server *server;
static struct grpc_client *client;
static struct cert_ca *ca;
static struct buf ca_cert, ca_key, server_cert, server_key, node_key, node_csr, node_der, node_pem;
static struct tlsctx *server_tls;
static struct err e;
static struct grpc_limits server_limits;

/* One client call as the tests see it. */
struct seen {
    unsigned long messages, bytes, to_send, sent, size;
    int opens, ends, status, resumes;
    char text[256], message[256];
    bool pause_first, free_client, half_close_last;
    struct grpc_call *call;
    char *filler;
};

static int states[4], open_calls;
static char last_why[256];

static void on_state(struct grpc_client *c, enum grpc_client_state state, const char *why, void *arg)
{
    (void)c, (void)arg;
    states[state]++;
    (void)snprintf(last_why, sizeof(last_why), "%s", why);
    if (state == GRPC_CLIENT_CLOSED)
        event_base_loopbreak(base);
}

static void on_open(struct grpc_call *c)
{
    ((struct seen *)grpc_call_arg(c))->opens++;
}

static void on_message(struct grpc_call *c, struct slice m)
{
    struct seen *s = grpc_call_arg(c);

    s->messages++;
    s->bytes += m.n;
    (void)snprintf(s->text, sizeof(s->text), "%.*s", m.n > 200 ? 200 : (int)m.n, m.p == NULL ? "" : m.p);
    if (s->pause_first && s->messages == 1) {
        grpc_call_pause(c);
        event_base_loopbreak(base);
    }
    if (s->free_client) {
        grpc_client_free(client);
        client = NULL;
    }
}

static void on_end(struct grpc_call *c, int status, const char *message)
{
    struct seen *s = grpc_call_arg(c);

    ck_assert_int_eq(s->ends, 0);
    s->ends++;
    s->status = status;
    s->call = NULL;
    (void)snprintf(s->message, sizeof(s->message), "%s", message);
    if (--open_calls == 0)
        event_base_loopbreak(base);
}

static void send_more(struct grpc_call *c)
{
    struct seen *s = grpc_call_arg(c);

    while (s->sent < s->to_send) {
        struct slice m = {s->filler, s->size};
        int rc = grpc_call_send(c, &m, 1);

        if (rc == -ERR_LIMIT)
            return;
        ck_assert_int_eq(rc, 0);
        s->sent++;
    }
    grpc_call_half_close(c);
}

static const struct grpc_handler handler = {
    .on_open = on_open, .on_message = on_message, .on_writable = send_more, .on_end = on_end};

static void make_certs(void)
{
    static const char *const names[] = {"localhost", "127.0.0.1"};
    struct buf *all[] = {&ca_cert, &ca_key, &server_cert, &server_key, &node_key, &node_csr, &node_der, &node_pem};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_init(all[i], 0);
    ck_assert_int_eq(cert_make_ca("Test CA", 10, &ca_cert, &ca_key, &e), 0);
    ck_assert_int_eq(cert_ca_load(buf_slice(&ca_cert), buf_slice(&ca_key), &ca, &e), 0);
    ck_assert_int_eq(cert_make_server(ca, names, 2, 5, &server_cert, &server_key, &e), 0);
    ck_assert_int_eq(cert_make_csr("node", &node_key, &node_csr, &e), 0);
    ck_assert_int_eq(cert_sign_csr(ca, buf_slice(&node_csr), "spiffe://c/dp/prod/n1", 0, 3600, &node_der, &e), 0);
    ck_assert_int_eq(cert_der_to_pem(buf_slice(&node_der), &node_pem, &e), 0);
}

static void start_server(void)
{
    struct tlsctx_def def = {.server = true,
                             .cert_pem = buf_slice(&server_cert),
                             .key_pem = buf_slice(&server_key),
                             .roots_pem = buf_slice(&ca_cert),
                             .client_cert = TLSCTX_CLIENT_OPTIONAL,
                             .alpn = "h2",
                             .alpn_required = true};
    struct grpc_server_options o = {.base = base, .graveyard = yard, .limits = server_limits};
    struct sock_addr a;

    if (server_tls == NULL)
        ck_assert_int_eq(tlsctx_new(&def, &server_tls, &e), 0);
    ck_assert_int_eq(sock_parse(SLICE_LIT("127.0.0.1:0"), &a, &e), 0);
    ck_assert_int_eq(sock_listen(&a, SOCK_ALONE, &o.listen_fd, &e), 0);
    o.tls = server_tls;
    ck_assert_int_eq(grpc_server_new(&o, &server, &e), 0);
    ck_assert_int_eq(grpc_echo_register(server), 0);
}

static void connect_with(struct tlsctx_def *def, const char *host, const char *name, struct grpc_limits limits)
{
    struct grpc_client_options o = {
        .base = base, .graveyard = yard, .server_name = name, .on_state = on_state, .limits = limits};
    char target[64];

    def->alpn = "h2";
    (void)snprintf(target, sizeof(target), "%s:%u", host, grpc_server_port(server));
    o.target = target;
    ck_assert_int_eq(tlsctx_new(def, &o.tls, &e), 0);
    ck_assert_int_eq(grpc_client_new(&o, &client, &e), 0);
    tlsctx_unref(o.tls);
}

static void connect_plainly(void)
{
    struct tlsctx_def def = {.roots_pem = buf_slice(&ca_cert)};

    connect_with(&def, "127.0.0.1", NULL, (struct grpc_limits){0});
}

static void start_call(struct seen *s, const char *path, uint32_t deadline_ms, const char *message)
{
    struct slice m = slice_of(message);

    ck_assert_int_eq(grpc_client_call(client, path, deadline_ms, &handler, s, &s->call), 0);
    open_calls++;
    if (message != NULL) {
        ck_assert_int_eq(grpc_call_send(s->call, &m, 1), 0);
        grpc_call_half_close(s->call);
    }
}

static void setup(void)
{
    base = event_base_new();
    ck_assert_int_eq(graveyard_new(base, &yard, &e), 0);
    make_certs();
    memset(&server_limits, 0, sizeof(server_limits));
    start_server();
}

static void teardown(void)
{
    struct buf *all[] = {&ca_cert, &ca_key, &server_cert, &server_key, &node_key, &node_csr, &node_der, &node_pem};

    grpc_client_free(client);
    grpc_server_free(server);
    ck_assert_int_eq(grpc_echo_open, 0);
    tlsctx_unref(server_tls);
    graveyard_free(yard);
    event_base_free(base);
    cert_ca_free(ca);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        cert_wipe(all[i]);
}

static void run(void)
{
    event_base_dispatch(base);
}

START_TEST(unary)
{
    struct seen a = {0}, b = {0}, none = {0};

    connect_plainly();
    start_call(&a, "/test.Echo/Unary", 0, "hello"); /* before the connection is there */
    start_call(&b, "/test.Echo/Unary", 0, "fail");
    start_call(&none, "/test.Echo/Nothing", 0, "x");
    run();
    ck_assert_int_eq(a.status, GRPC_OK);
    ck_assert_str_eq(a.text, "hello");
    ck_assert_int_eq(a.opens, 1);
    ck_assert_int_eq(b.status, GRPC_FAILED_PRECONDITION);
    ck_assert_str_eq(b.message, "50% fail: \xc3\xa9");
    ck_assert_int_eq(b.messages, 0);
    ck_assert_int_eq(none.status, GRPC_UNIMPLEMENTED);
    ck_assert_int_eq(states[GRPC_CLIENT_READY], 1);
}
END_TEST

START_TEST(many_streams)
{
    static struct seen all[1000];

    connect_plainly();
    memset(all, 0, sizeof(all));
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        start_call(&all[i], "/test.Echo/Unary", 0, "x"); /* ten times the server's bound: the excess waits */
    run();
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        ck_assert_int_eq(all[i].status * 10 + (int)all[i].messages, 1);
}
END_TEST

START_TEST(server_stream)
{
    struct seen s = {0}, large = {0};

    connect_plainly();
    start_call(&s, "/test.Echo/Count", 0, "20000 100");
    start_call(&large, "/test.Echo/Count", 0, "20 524288");
    run();
    ck_assert_int_eq(s.status, 0);
    ck_assert_uint_eq(s.messages, 20000);
    ck_assert(strncmp(s.text, "19999 ", 6) == 0);
    ck_assert_uint_eq(large.messages, 20);
    ck_assert_uint_eq(large.bytes, 20 * 524288);
    ck_assert_uint_le(grpc_echo_pending_max, 524288 + 5);
}
END_TEST

START_TEST(client_stream)
{
    struct seen s = {.to_send = 20000, .size = 100}, large = {.to_send = 30, .size = 524288};

    s.filler = large.filler = calloc(1, 524288);
    connect_plainly();
    start_call(&s, "/test.Echo/Sum", 0, NULL);
    start_call(&large, "/test.Echo/Sum", 0, NULL);
    send_more(s.call);
    send_more(large.call);
    run();
    ck_assert_str_eq(s.text, "20000 2000000");
    ck_assert_str_eq(large.text, "30 15728640");
    free(s.filler);
}
END_TEST

START_TEST(bidi)
{
    struct seen s = {.to_send = 20000, .size = 50};

    s.filler = calloc(1, 50);
    connect_plainly();
    start_call(&s, "/test.Echo/Bidi", 0, NULL);
    send_more(s.call);
    run();
    ck_assert_int_eq(s.status, 0);
    ck_assert_uint_eq(s.messages, 20000);
    free(s.filler);
}
END_TEST

START_TEST(too_large)
{
    struct seen s = {0};
    struct tlsctx_def def = {.roots_pem = buf_slice(&ca_cert)};
    struct grpc_limits limits = {.message_max = 1 << 20};
    struct slice m = {calloc(1, 600000), 600000};

    connect_with(&def, "127.0.0.1", NULL, limits);
    start_call(&s, "/test.Echo/Unary", 0, NULL);
    ck_assert_int_eq(grpc_call_send(s.call, &m, 1), 0);
    run();
    ck_assert_int_eq(s.status, GRPC_RESOURCE_EXHAUSTED);
    memset(&s, 0, sizeof(s));
    grpc_client_free(client);
    connect_plainly();
    start_call(&s, "/test.Echo/Count", 0, "1 600000"); /* the server's own bound stops it */
    ck_assert_int_eq(grpc_call_send(s.call, &m, 1), -ERR_CLOSED);
    open_calls = 1;
    grpc_call_cancel(s.call);
    run();
    ck_assert_int_eq(s.status, GRPC_CANCELLED);
    free((char *)(uintptr_t)m.p);
}
END_TEST

START_TEST(request_count)
{
    struct seen two = {0}, none = {0};
    struct slice m = SLICE_LIT("hang");

    connect_plainly();
    start_call(&two, "/test.Echo/Unary", 0, NULL);
    ck_assert_int_eq(grpc_call_send(two.call, &m, 1), 0);
    ck_assert_int_eq(grpc_call_send(two.call, &m, 1), 0);
    start_call(&none, "/test.Echo/Unary", 0, NULL);
    grpc_call_half_close(none.call);
    run();
    ck_assert_int_eq(two.status, GRPC_UNIMPLEMENTED);
    ck_assert_int_eq(none.status, GRPC_INTERNAL);
}
END_TEST

START_TEST(deadline_and_cancel)
{
    struct seen late = {0}, cancelled = {0}, ok = {0};

    connect_plainly();
    start_call(&late, "/test.Echo/Unary", 30, "hang");
    start_call(&cancelled, "/test.Echo/Unary", 0, "hang");
    grpc_call_cancel(cancelled.call);
    run();
    ck_assert_int_eq(late.status, GRPC_DEADLINE_EXCEEDED);
    ck_assert_int_eq(cancelled.status, GRPC_CANCELLED);
    memset(&cancelled, 0, sizeof(cancelled));
    start_call(&cancelled, "/test.Echo/Count", 0, "1000000 100");
    cancelled.pause_first = true;
    run();
    grpc_call_cancel(cancelled.call);
    run();
    ck_assert_int_eq(cancelled.status, GRPC_CANCELLED);
    start_call(&ok, "/test.Echo/Unary", 10000, "still there");
    run();
    ck_assert_str_eq(ok.text, "still there");
    ck_assert_int_eq(grpc_echo_open, 0);
    /* the stream for sure; the other two only if they were out before they ended */
    ck_assert_int_ge(grpc_echo_ended[GRPC_DEADLINE_EXCEEDED] + grpc_echo_ended[GRPC_CANCELLED], 1);
}
END_TEST

START_TEST(paused_reader)
{
    struct seen slow = {.pause_first = true}, other = {0}, up = {.to_send = 5000, .size = 1000};
    struct slice pause = SLICE_LIT("pause");

    grpc_echo_pending_max = 0;
    connect_plainly();
    start_call(&slow, "/test.Echo/Count", 0, "50000 1000");
    run();
    ck_assert_uint_eq(slow.messages, 1);
    for (int i = 0; i < 50; i++) { /* others pass, and what waits is bounded */
        memset(&other, 0, sizeof(other));
        start_call(&other, "/test.Echo/Unary", 0, "quick");
        open_calls = 1;
        run();
        ck_assert_str_eq(other.text, "quick");
    }
    ck_assert_uint_eq(slow.messages, 1);
    ck_assert_uint_le(grpc_echo_pending_max, 262144);
    /* a server that reads no more stops a client that sends */
    up.filler = calloc(1, up.size);
    start_call(&up, "/test.Echo/Bidi", 0, NULL);
    ck_assert_int_eq(grpc_call_send(up.call, &pause, 1), 0);
    send_more(up.call);
    for (int i = 0; i < 50; i++) {
        memset(&other, 0, sizeof(other));
        start_call(&other, "/test.Echo/Unary", 0, "quick");
        open_calls = 1;
        run();
    }
    ck_assert_uint_lt(up.sent, up.to_send);
    ck_assert_uint_gt(up.sent, 1000); /* a window's worth went */
    open_calls = 2;
    grpc_call_cancel(up.call);
    slow.pause_first = false;
    grpc_call_resume(slow.call);
    run();
    ck_assert_int_eq(slow.status, 0);
    ck_assert_uint_eq(slow.messages, 50000);
    free(up.filler);
}
END_TEST

/* The stream is over before the reader goes on: it still gets everything, then the end. */
START_TEST(paused_past_the_end)
{
    struct seen slow = {.pause_first = true}, other = {0};

    connect_plainly();
    start_call(&slow, "/test.Echo/Count", 0, "10 10");
    run();
    open_calls = 1;
    start_call(&other, "/test.Echo/Unary", 0, "x");
    open_calls = 1;
    run();
    ck_assert_int_eq(slow.ends, 0);
    open_calls = 1;
    grpc_call_resume(slow.call);
    run();
    ck_assert_uint_eq(slow.messages, 10);
    ck_assert_int_eq(slow.status, 0);
    memset(&slow, 0, sizeof(slow));
    slow.pause_first = true;
    start_call(&slow, "/test.Echo/Count", 0, "10 10");
    run();
    ck_assert_uint_eq(slow.messages, 1);
    grpc_client_free(client); /* on_end all the same */
    client = NULL;
    ck_assert_int_eq(slow.status, GRPC_CANCELLED);
}
END_TEST

START_TEST(free_inside_callbacks)
{
    struct seen a = {.free_client = true}, b = {0};

    connect_plainly();
    start_call(&a, "/test.Echo/Count", 0, "100 10");
    start_call(&b, "/test.Echo/Unary", 0, "hang");
    run();
    ck_assert_int_eq(a.status, GRPC_CANCELLED);
    ck_assert_int_eq(b.status, GRPC_CANCELLED);
    ck_assert_int_eq(states[GRPC_CLIENT_CLOSED], 0);
}
END_TEST

START_TEST(server_dies)
{
    struct seen a = {.pause_first = true}, b = {0};

    connect_plainly();
    start_call(&b, "/test.Echo/Unary", 0, "hang");
    start_call(&a, "/test.Echo/Count", 0, "100000 1000");
    run();
    grpc_server_free(server);
    server = NULL;
    ck_assert_int_eq(grpc_echo_open, 0);
    ck_assert_int_eq(grpc_echo_ended[GRPC_UNAVAILABLE], 2);
    event_base_dispatch(base);
    if (states[GRPC_CLIENT_CLOSED] == 0)
        event_base_dispatch(base);
    ck_assert_int_eq(a.status, GRPC_UNAVAILABLE);
    ck_assert_int_eq(b.status, GRPC_UNAVAILABLE);
    ck_assert_int_eq(states[GRPC_CLIENT_CLOSED], 1);
    ck_assert_int_eq(grpc_client_call(client, "/x/y", 0, &handler, &a, &a.call), -ERR_NOTNOW);
}
END_TEST

static void shut_cb(void *arg)
{
    ++*(int *)arg;
    event_base_loopbreak(base);
}

START_TEST(graceful)
{
    struct seen hang = {0}, ok = {.pause_first = true};
    int done = 0;

    connect_plainly();
    start_call(&ok, "/test.Echo/Count", 0, "3000 1000");
    run();
    grpc_server_shutdown(server, 20000, shut_cb, &done);
    grpc_call_resume(ok.call);
    while (done == 0 || states[GRPC_CLIENT_CLOSED] == 0)
        run();
    ck_assert_int_eq(ok.ends, 1);
    ck_assert_int_eq(ok.status, 0); /* what had begun was allowed to end */
    ck_assert_uint_eq(ok.messages, 3000);
    ck_assert_int_eq(states[GRPC_CLIENT_DRAINING], 1);
    grpc_client_free(client);
    grpc_server_free(server);
    start_server();
    connect_plainly();
    start_call(&hang, "/test.Echo/Unary", 0, "hang");
    start_call(&ok, "/test.Echo/Unary", 0, "x");
    memset(&ok, 0, sizeof(ok));
    open_calls = 1;
    run();
    done = 0;
    grpc_server_shutdown(server, 50, shut_cb, &done);
    while (done == 0 || states[GRPC_CLIENT_CLOSED] < 2)
        run();
    ck_assert_int_eq(hang.status, GRPC_UNAVAILABLE);
}
END_TEST

START_TEST(identity)
{
    struct seen with = {0}, without = {0};
    struct tlsctx_def def = {.roots_pem = buf_slice(&ca_cert)};

    connect_plainly();
    start_call(&without, "/test.Echo/Who", 0, "x");
    run();
    ck_assert_int_eq(without.status, GRPC_UNAUTHENTICATED);
    grpc_client_free(client);
    def.cert_pem = buf_slice(&node_pem);
    def.key_pem = buf_slice(&node_key);
    connect_with(&def, "localhost", NULL, (struct grpc_limits){0}); /* a name: looked up, verified */
    start_call(&with, "/test.Echo/Who", 0, "x");
    run();
    ck_assert_str_eq(with.text, "spiffe://c/dp/prod/n1");
}
END_TEST

START_TEST(pinned_root)
{
    struct seen s = {0};
    uint8_t pin[32];
    struct tlsctx_def def = {.pin_root_sha256 = pin};

    memcpy(pin, cert_ca_sha256(ca), 32);
    connect_with(&def, "127.0.0.1", NULL, (struct grpc_limits){0});
    start_call(&s, "/test.Echo/Unary", 0, "x");
    run();
    ck_assert_int_eq(s.status, 0);
    grpc_client_free(client);
    connect_with(&def, "127.0.0.1", "elsewhere.example", (struct grpc_limits){0}); /* right root, wrong name */
    run();
    ck_assert_ptr_nonnull(strstr(last_why, "ertificate"));
    grpc_client_free(client);
    pin[0] ^= 1;
    connect_with(&def, "127.0.0.1", NULL, (struct grpc_limits){0});
    memset(&s, 0, sizeof(s));
    start_call(&s, "/test.Echo/Unary", 0, "x");
    run();
    ck_assert_int_eq(s.status, GRPC_UNAVAILABLE);
    ck_assert_int_eq(states[GRPC_CLIENT_CLOSED], 2 - (s.ends == 0));
}
END_TEST

START_TEST(certificate_replaced)
{
    static const char *const names[] = {"second.example"};
    struct seen s = {0}, old = {0};
    struct tlsctx_def def = {.server = true, .alpn = "h2"}, mine = {.roots_pem = buf_slice(&ca_cert)};
    struct buf cert, key;
    struct grpc_client *first;

    connect_plainly();
    start_call(&old, "/test.Echo/Unary", 0, "x");
    run();
    first = client;
    buf_init(&cert, 0);
    buf_init(&key, 0);
    ck_assert_int_eq(cert_make_server(ca, names, 1, 1, &cert, &key, &e), 0);
    def.cert_pem = buf_slice(&cert);
    def.key_pem = buf_slice(&server_key);
    ck_assert_int_eq(tlsctx_replace(server_tls, &def, &e), -ERR_MISMATCH); /* nothing changes */
    def.key_pem = buf_slice(&key);
    ck_assert_int_eq(tlsctx_replace(server_tls, &def, &e), 0);
    connect_with(&mine, "127.0.0.1", "second.example", (struct grpc_limits){0});
    start_call(&s, "/test.Echo/Unary", 0, "new");
    run();
    ck_assert_str_eq(s.text, "new");
    grpc_client_free(client);
    client = first;
    memset(&old, 0, sizeof(old));
    start_call(&old, "/test.Echo/Unary", 0, "old");
    run();
    ck_assert_str_eq(old.text, "old"); /* the connection from before lives on */
    buf_fini(&cert);
    cert_wipe(&key);
}
END_TEST

START_TEST(nobody_there)
{
    struct grpc_client_options o = {.base = base, .graveyard = yard, .on_state = on_state, .target = "127.0.0.1:1"};
    struct grpc_limits limits = {.handshake_ms = 50};
    struct tlsctx_def def = {.insecure = true};
    struct sock_addr a;
    struct seen s = {0};
    char target[64];
    int fd;

    ck_assert_int_eq(grpc_client_new(&o, &client, &e), 0);
    start_call(&s, "/test.Echo/Unary", 0, "x");
    run();
    ck_assert_int_eq(s.status, GRPC_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(s.message, "refused"));
    if (states[GRPC_CLIENT_CLOSED] == 0)
        run();
    grpc_client_free(client);
    /* a listener that never answers: the deadline of the handshake */
    ck_assert_int_eq(sock_parse(SLICE_LIT("127.0.0.1:0"), &a, &e), 0);
    ck_assert_int_eq(sock_listen(&a, SOCK_ALONE, &fd, &e), 0);
    ck_assert_int_eq(sock_local(fd, &a, &e), 0);
    (void)snprintf(target, sizeof(target), "127.0.0.1:%u", sock_addr_port(&a));
    o.target = target;
    o.limits = limits;
    def.alpn = "h2";
    ck_assert_int_eq(tlsctx_new(&def, &o.tls, &e), 0);
    ck_assert_int_eq(grpc_client_new(&o, &client, &e), 0);
    run();
    ck_assert_ptr_nonnull(strstr(last_why, "too long"));
    tlsctx_unref(o.tls);
    (void)close(fd);
}
END_TEST

START_TEST(bounds)
{
    struct seen s = {0};
    struct grpc_server_stats stats;

    grpc_server_free(server);
    server_limits = (struct grpc_limits){.connections_max = 1, .idle_ms = 30};
    start_server();
    connect_plainly();
    start_call(&s, "/test.Echo/Unary", 0, "x");
    run();
    ck_assert_int_eq(s.status, 0);
    ck_assert_int_eq(states[GRPC_CLIENT_CLOSED], 0);
    {
        struct grpc_client *first = client;

        connect_plainly();
        run(); /* one too many, closed at accept */
        ck_assert_int_eq(grpc_client_state(client), GRPC_CLIENT_CLOSED);
        grpc_client_free(client);
        client = first;
    }
    while (grpc_client_state(client) != GRPC_CLIENT_CLOSED)
        run(); /* idle */
    grpc_server_stats(server, &stats);
    ck_assert_uint_eq(stats.refused, 1);
    ck_assert_uint_eq(stats.accepted, 1);
    ck_assert_uint_eq(stats.connections, 0);
    ck_assert_uint_eq(stats.calls_total, 1);
    ck_assert_uint_eq(stats.calls, 0);
}
END_TEST

/* ---- peers made by hand, in plain text ------------------------------------------------------------------------------------ */

static int plain_pair(int *listener)
{
    struct sock_addr a;

    ck_assert_int_eq(sock_parse(SLICE_LIT("127.0.0.1:0"), &a, &e), 0);
    ck_assert_int_eq(sock_listen(&a, SOCK_ALONE, listener, &e), 0);
    ck_assert_int_eq(sock_local(*listener, &a, &e), 0);
    return sock_addr_port(&a);
}

static size_t put_frame(unsigned char *out, unsigned char kind, unsigned char flags, unsigned char stream,
                        const void *p, size_t n)
{
    unsigned char head[9] = {0, (unsigned char)(n >> 8), (unsigned char)n, kind, flags, 0, 0, 0, stream};

    memcpy(out, head, sizeof(head));
    if (n > 0)
        memcpy(out + sizeof(head), p, n);
    return sizeof(head) + n;
}

static size_t put_header(unsigned char *out, const char *name, const char *value)
{
    size_t n = strlen(name), v = strlen(value);

    out[0] = 0; /* literal, not indexed */
    out[1] = (unsigned char)n;
    memcpy(out + 2, name, n);
    out[2 + n] = (unsigned char)v;
    memcpy(out + 3 + n, value, v);
    return 3 + n + v;
}

/* Asks for 200 MB with all windows open, and reads nothing. */
static size_t greedy_request(unsigned char *out)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    unsigned char head[256];
    size_t n = sizeof(preface) - 1, h = 0;

    memcpy(out, preface, n);
    n += put_frame(out + n, 4, 0, 0, "\0\4\177\377\377\377", 6);
    n += put_frame(out + n, 8, 0, 0, "\177\377\0\0", 4);
    h += put_header(head + h, ":method", "POST");
    h += put_header(head + h, ":scheme", "http");
    h += put_header(head + h, ":path", "/test.Echo/Count");
    h += put_header(head + h, ":authority", "x");
    h += put_header(head + h, "te", "trailers");
    h += put_header(head + h, "content-type", "application/grpc");
    n += put_frame(out + n, 1, 4, 1, head, h);
    n += put_frame(out + n, 0, 1, 1, "\0\0\0\0\012" "200 100000", 15);
    return n;
}

START_TEST(peer_takes_nothing)
{
    struct grpc_server_options o = {.base = base, .graveyard = yard, .limits = {.stall_ms = 50}};
    struct grpc_server_stats stats = {0};
    unsigned char out[1024];
    struct sock_addr a;
    size_t n;
    int fd;

    grpc_server_free(server);
    (void)plain_pair(&o.listen_fd);
    ck_assert_int_eq(sock_local(o.listen_fd, &a, &e), 0);
    ck_assert_int_eq(grpc_server_new(&o, &server, &e), 0);
    ck_assert_int_eq(grpc_echo_register(server), 0);
    ck_assert_int_eq(sock_connect(&a, &fd, &e), 0);
    n = greedy_request(out);
    ck_assert_int_eq(write(fd, out, n), (ssize_t)n);
    while (stats.closed_stalled == 0) {
        event_base_loop(base, EVLOOP_ONCE);
        grpc_server_stats(server, &stats);
    }
    ck_assert_uint_eq(stats.calls_total, 1);
    ck_assert_int_eq(grpc_echo_open, 0);
    ck_assert_int_eq(grpc_echo_ended[GRPC_UNAVAILABLE], 1);
    (void)close(fd);
}
END_TEST

static int mute_fd = -1;

static void mute_cb(evutil_socket_t fd, short what, void *arg)
{
    unsigned char settings[9];

    (void)what, (void)arg;
    mute_fd = accept(fd, NULL, NULL);
    ck_assert_int_eq(write(mute_fd, settings, put_frame(settings, 4, 0, 0, "", 0)), 9);
}

START_TEST(peer_says_nothing)
{
    struct grpc_client_options o = {
        .base = base, .graveyard = yard, .on_state = on_state, .limits = {.keepalive_ms = 20, .keepalive_timeout_ms = 30}};
    struct event *ev;
    char target[64];
    int fd;

    (void)snprintf(target, sizeof(target), "127.0.0.1:%d", plain_pair(&fd));
    o.target = target;
    ev = event_new(base, fd, EV_READ, mute_cb, NULL);
    ck_assert_int_eq(event_add(ev, NULL), 0);
    ck_assert_int_eq(grpc_client_new(&o, &client, &e), 0);
    run();
    ck_assert_int_eq(states[GRPC_CLIENT_READY], 1);
    ck_assert_int_eq(states[GRPC_CLIENT_CLOSED], 1);
    ck_assert_ptr_nonnull(strstr(last_why, "PING"));
    event_free(ev);
    (void)close(fd);
    (void)close(mute_fd);
}
END_TEST

Suite *test_grpc_suite(void)
{
    Suite *s = suite_create("grpc");
    TCase *t = tcase_create("grpc");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, unary);
    tcase_add_test(t, many_streams);
    tcase_add_test(t, server_stream);
    tcase_add_test(t, client_stream);
    tcase_add_test(t, bidi);
    tcase_add_test(t, too_large);
    tcase_add_test(t, request_count);
    tcase_add_test(t, deadline_and_cancel);
    tcase_add_test(t, paused_reader);
    tcase_add_test(t, paused_past_the_end);
    tcase_add_test(t, free_inside_callbacks);
    tcase_add_test(t, server_dies);
    tcase_add_test(t, graceful);
    tcase_add_test(t, identity);
    tcase_add_test(t, pinned_root);
    tcase_add_test(t, certificate_replaced);
    tcase_add_test(t, nobody_there);
    tcase_add_test(t, bounds);
    tcase_add_test(t, peer_takes_nothing);
    tcase_add_test(t, peer_says_nothing);
    suite_add_tcase(s, t);
    return s;
}
