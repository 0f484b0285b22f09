/* The client: look up, connect, one connection, its calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/must.h"
#include "net/grpc_int.h"
#include "net/resolve.h"
#include "net/tlsctx.h"

struct grpc_client {
    struct grpc_link link; /* ops' arg */
    struct grave grave;
    enum grpc_client_state state;
    struct grpc_limits limits;
    struct tlsctx *tls;
    char target[SOCK_HOST_MAX + 8], host[SOCK_HOST_MAX], server_name[SOCK_HOST_MAX];
    struct resolve *resolve;
    struct event *ev_lookup; /* deadline of the lookup */
    struct sock_addr addrs[RESOLVE_MAX];
    size_t n_addrs, next_addr;
    void (*on_state)(struct grpc_client *c, enum grpc_client_state state, const char *why, void *arg);
    void *arg;
    bool freed, closing;
};

static const struct h2_ops client_ops;

static void set_state(struct grpc_client *c, enum grpc_client_state state, const char *why)
{
    if (state <= c->state || c->freed)
        return;
    c->state = state;
    if (c->on_state != NULL)
        c->on_state(c, state, why, c->arg);
}

static void close_client(struct grpc_client *c, const char *why)
{
    char text[200];

    c->closing = true; /* what on_end asks for comes too late */
    (void)snprintf(text, sizeof(text), "%s", why);
    grpc_link_fini(&c->link, c->freed ? GRPC_CANCELLED : GRPC_UNAVAILABLE, text);
    set_state(c, GRPC_CLIENT_CLOSED, text);
}

/* ---- calls --------------------------------------------------------------------------------------------------------------- */

static struct grpc_call *call_of(struct h2_stream *s)
{
    return CONTAINER_OF(s, struct grpc_call, stream);
}

#define HEADER(n, v) ((struct h2_header){SLICE_LIT(n), (v)})

static int start_call(struct grpc_client *c, struct grpc_call *call)
{
    char timeout[GRPC_TIMEOUT_TEXT];
    struct h2_header v[9];
    size_t n = 0;
    uint64_t now = clock_mono_ms();

    v[n++] = HEADER(":method", SLICE_LIT("POST"));
    v[n++] = HEADER(":scheme", c->tls == NULL ? SLICE_LIT("http") : SLICE_LIT("https"));
    v[n++] = HEADER(":path", slice_of(call->path));
    v[n++] = HEADER(":authority", slice_of(c->target));
    v[n++] = HEADER("te", SLICE_LIT("trailers"));
    v[n++] = HEADER("content-type", SLICE_LIT("application/grpc"));
    v[n++] = HEADER("user-agent", SLICE_LIT("sluice-grpc/" SLUICE_VERSION));
    v[n++] = HEADER("grpc-accept-encoding", SLICE_LIT("identity"));
    if (call->deadline != 0) {
        grpc_wire_timeout_write(call->deadline > now ? (uint32_t)(call->deadline - now) : 1, timeout);
        v[n++] = HEADER("grpc-timeout", slice_of(timeout));
    }
    call->started = true;
    return h2_request(c->link.h2, &call->stream, v, n);
}

int grpc_client_call(struct grpc_client *c, const char *path, uint32_t deadline_ms, const struct grpc_handler *h,
                     void *arg, struct grpc_call **out)
{
    struct grpc_call *call;
    int rc = 0;

    MUST(h->on_end != NULL && path[0] == '/');
    if (c->state >= GRPC_CLIENT_DRAINING || c->freed || c->closing)
        return -ERR_NOTNOW;
    call = grpc_call_new(&c->link, h, arg);
    if (call == NULL)
        return -ERR_NOMEM;
    call->path = path;
    if (deadline_ms != 0)
        rc = grpc_call_arm(call, deadline_ms);
    if (rc == 0 && c->state == GRPC_CLIENT_READY)
        rc = start_call(c, call);
    if (rc != 0) {
        grpc_call_drop(call);
        return rc;
    }
    *out = call;
    return 0;
}

static bool on_header(struct h2_stream *s, struct slice name, struct slice value)
{
    struct grpc_call *c = call_of(s);

    if (slice_is(name, ":status") && value.n == 3)
        c->http_status = (value.p[0] - '0') * 100 + (value.p[1] - '0') * 10 + (value.p[2] - '0');
    else if (slice_is(name, "content-type"))
        c->content_grpc = grpc_content_is_grpc(value);
    else if (slice_is(name, "grpc-status"))
        c->grpc_status = grpc_wire_status(value);
    else if (slice_is(name, "grpc-message"))
        grpc_wire_percent_decode(value, c->message, sizeof(c->message));
    return true;
}

static void on_head(struct h2_stream *s, bool end)
{
    struct grpc_call *c = call_of(s);
    char text[64];

    if (c->head_done || c->ended || (c->http_status >= 100 && c->http_status < 200))
        return;
    c->head_done = true;
    if (end && c->grpc_status >= 0)
        return; /* trailers-only: on_end has the status */
    (void)snprintf(text, sizeof(text), "HTTP status %d", c->http_status);
    if (c->http_status != 200)
        grpc_flow_fail(c, grpc_wire_from_http(c->http_status), text);
    else if (!c->content_grpc)
        grpc_flow_fail(c, GRPC_UNKNOWN, "the answer is not gRPC");
    else if (c->handler->on_open != NULL)
        c->handler->on_open(c);
}

static void on_close(struct h2_stream *s, uint32_t code)
{
    struct grpc_call *c = call_of(s);
    struct grpc_client *client = (struct grpc_client *)(void *)c->owner;
    char text[64];

    c->gone = true;
    (void)snprintf(text, sizeof(text), "stream reset by the server, code %u", code);
    if (code == H2_CONNECTION_LOST)
        grpc_call_end(c, client->freed ? GRPC_CANCELLED : GRPC_UNAVAILABLE, h2_reason(c->owner->h2));
    else if (c->cancelled)
        grpc_call_end(c, GRPC_CANCELLED, "cancelled");
    else if (!s->remote_ended)
        grpc_call_end(c, c->grpc_status > 0 ? c->grpc_status : grpc_wire_from_h2(code),
                      c->grpc_status > 0 ? c->message : text);
    else if (!c->ended)
        grpc_flow_deliver(c); /* it may be paused: then it ends when the last message was taken */
    grpc_call_gone(c);
}

/* ---- the connection ------------------------------------------------------------------------------------------------------ */

static void on_ready(struct h2 *h, void *arg)
{
    struct grpc_client *c = arg;

    (void)h;
    grpc_link_set_peer(&c->link, &c->addrs[c->next_addr - 1]);
    set_state(c, GRPC_CLIENT_READY, "");
    for (struct list *n = c->link.calls.next, *next; n != &c->link.calls && !c->freed; n = next) {
        struct grpc_call *call = CONTAINER_OF(n, struct grpc_call, link);

        next = n->next;
        if (!call->started && !call->cancelled && start_call(c, call) != 0) {
            call->gone = true;
            call->cancelled = true;
            grpc_call_wake(call);
        }
    }
}

static void on_goaway(struct h2 *h, void *arg)
{
    (void)h;
    set_state(arg, GRPC_CLIENT_DRAINING, "the server is going away");
}

static void connect_next(struct grpc_client *c, const char *why);

static void on_closed(struct h2 *h, enum h2_why why, const char *text, void *arg)
{
    struct grpc_client *c = arg;

    (void)h, (void)why;
    c->link.h2 = NULL;
    if (c->state == GRPC_CLIENT_CONNECTING && !c->freed)
        connect_next(c, text);
    else
        close_client(c, text);
}

static int connect_to(struct grpc_client *c, const struct sock_addr *a, struct err *e)
{
    struct h2_options o = {
        .base = c->link.base,
        .graveyard = c->link.graveyard,
        .limits = grpc_limits_h2(&c->limits),
        .ops = &client_ops,
        .arg = &c->link,
    };
    int rc = sock_connect(a, &o.fd, e);

    if (rc != 0)
        return rc;
    if (c->tls != NULL)
        rc = tlsctx_ssl(c->tls, o.fd, c->server_name, &o.ssl, e);
    if (rc == 0)
        rc = h2_new(&o, &c->link.h2, e);
    if (rc != 0) {
        SSL_free(o.ssl);
        (void)close(o.fd);
    }
    return rc;
}

/* The next address of the name; when there is none left, `why` is why. */
static void connect_next(struct grpc_client *c, const char *why)
{
    struct err e;
    char text[ERR_TEXT_MAX + 200], at[SOCK_TEXT_MAX];

    (void)snprintf(text, sizeof(text), "%s", why);
    while (c->next_addr < c->n_addrs) {
        const struct sock_addr *a = &c->addrs[c->next_addr++];

        if (connect_to(c, a, &e) == 0)
            return;
        (void)snprintf(text, sizeof(text), "%s", e.text);
    }
    if (c->n_addrs > 0) {
        sock_format(&c->addrs[c->n_addrs - 1], at);
        (void)snprintf(e.text, sizeof(e.text), "%s: %.400s", at, text);
        close_client(c, e.text);
    } else {
        close_client(c, text);
    }
}

static void resolved_cb(const struct sock_addr *addrs, size_t n, const char *why, void *arg)
{
    struct grpc_client *c = arg;

    c->resolve = NULL;
    (void)event_del(c->ev_lookup);
    memcpy(c->addrs, addrs, n * sizeof(*addrs));
    c->n_addrs = n;
    connect_next(c, why);
}

/* Both for "begin, but not inside grpc_client_new" and for the lookup's deadline. */
static void lookup_cb(evutil_socket_t fd, short what, void *arg)
{
    struct grpc_client *c = arg;

    (void)fd, (void)what;
    if (c->resolve != NULL) {
        resolve_cancel(TAKE(&c->resolve));
        close_client(c, "looking up the name took too long");
        return;
    }
    connect_next(c, "");
}

static int begin(struct grpc_client *c, const char *host, uint16_t port, struct err *e)
{
    uint32_t ms = c->limits.handshake_ms;
    struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

    c->ev_lookup = evtimer_new(c->link.base, lookup_cb, c);
    if (c->ev_lookup == NULL)
        return err_set(e, ERR_NOMEM, "gRPC client");
    if (sock_from_ip(host, port, &c->addrs[0])) {
        c->n_addrs = 1;
        event_active(c->ev_lookup, 0, 0);
        return 0;
    }
    if (event_add(c->ev_lookup, &tv) != 0)
        return err_set(e, ERR_NOMEM, "gRPC client");
    return resolve_start(c->link.base, host, port, resolved_cb, c, &c->resolve, e);
}

static void client_free_cb(void *obj)
{
    struct grpc_client *c = obj;

    if (c->ev_lookup != NULL)
        event_free(c->ev_lookup);
    tlsctx_unref(c->tls);
    free(c);
}

int grpc_client_new(const struct grpc_client_options *o, struct grpc_client **out, struct err *e)
{
    struct grpc_client *c = calloc(1, sizeof(*c));
    uint16_t port = 0;
    int rc;

    if (c == NULL)
        return err_set(e, ERR_NOMEM, "gRPC client");
    c->limits = o->limits;
    grpc_limits_fill(&c->limits);
    c->on_state = o->on_state;
    c->arg = o->arg;
    c->tls = o->tls == NULL ? NULL : tlsctx_ref(o->tls);
    rc = sock_split(slice_of(o->target), false, c->host, &port, e);
    if (rc == 0 && o->server_name != NULL && strlen(o->server_name) >= sizeof(c->server_name))
        rc = err_set(e, ERR_INVALID, "the server name is too long");
    if (rc == 0) {
        (void)snprintf(c->target, sizeof(c->target), "%s", o->target);
        (void)snprintf(c->server_name, sizeof(c->server_name), "%s", o->server_name == NULL ? c->host : o->server_name);
        rc = grpc_link_init(&c->link, o->base, o->graveyard, &c->limits, false, e);
    }
    if (rc == 0)
        rc = begin(c, c->host, port, e);
    if (rc != 0) {
        if (c->link.ev_wake != NULL)
            event_free(c->link.ev_wake);
        client_free_cb(c);
        return rc;
    }
    *out = c;
    return 0;
}

void grpc_client_free(struct grpc_client *c)
{
    if (c == NULL || c->freed)
        return;
    c->freed = true;
    resolve_cancel(TAKE(&c->resolve));
    (void)event_del(c->ev_lookup);
    if (c->link.h2 != NULL)
        h2_close(c->link.h2, H2_WHY_LOCAL, "closed");
    else
        close_client(c, "closed");
    graveyard_add(c->link.graveyard, &c->grave, c, client_free_cb);
}

enum grpc_client_state grpc_client_state(const struct grpc_client *c)
{
    return c->state;
}

static const struct h2_ops client_ops = {
    .on_ready = on_ready,
    .on_header = on_header,
    .on_head = on_head,
    .on_data = grpc_flow_data,
    .on_end = grpc_flow_end,
    .read = grpc_flow_read,
    .on_close = on_close,
    .on_goaway = on_goaway,
    .on_closed = on_closed,
};
