/* The server: its listener, its connections, its methods. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/log.h"
#include "base/must.h"
#include "net/grpc_int.h"
#include "net/listener.h"
#include "net/tlsctx.h"

struct grpc_server {
    struct grave grave;
    struct event_base *base;
    struct graveyard *graveyard;
    struct tlsctx *tls;
    struct grpc_limits limits;
    struct listener *listener;
    uint16_t port;
    struct map methods;
    struct list conns;
    size_t n_conns, n_handshakes;
    struct grpc_server_stats stats;
    struct event *ev_done;   /* shutdown: all connections are gone */
    void (*done)(void *arg);
    void *done_arg;
    bool shutting_down, freed;
};

struct conn {
    struct grpc_link link; /* ops' arg */
    struct grave grave;
    struct list node;
    struct grpc_server *server;
    struct sock_addr from;
    bool ready;
};

static struct conn *conn_of(const struct grpc_link *l)
{
    return (struct conn *)(uintptr_t)l; /* the first member */
}

static void conn_free(void *obj)
{
    free(obj);
}

const struct grpc_method *grpc_server_find(const struct grpc_link *l, struct slice path)
{
    return map_get(&conn_of(l)->server->methods, path);
}

void grpc_server_count(struct grpc_link *l)
{
    struct grpc_server *s = conn_of(l)->server;

    s->stats.calls++;
    s->stats.calls_total++;
}

void grpc_server_on_ready(struct h2 *h, void *arg)
{
    struct conn *c = arg;

    (void)h;
    c->ready = true;
    c->server->n_handshakes--;
    grpc_link_set_peer(&c->link, &c->from);
}

void grpc_server_on_closed(struct h2 *h, enum h2_why why, const char *text, void *arg)
{
    struct conn *c = arg;
    struct grpc_server *s = c->server;

    (void)h;
    if (!c->ready) {
        s->n_handshakes--;
        s->stats.handshake_failed++;
    }
    s->stats.closed_flood += why == H2_WHY_FLOOD;
    s->stats.closed_stalled += why == H2_WHY_STALLED;
    if (why == H2_WHY_FLOOD || why == H2_WHY_STALLED || why == H2_WHY_PROTOCOL)
        LOG_WARN("grpc connection closed", LOG_STR("peer", c->link.peer.address), LOG_STR("reason", text));
    else
        LOG_DEBUG("grpc connection closed", LOG_STR("peer", c->link.peer.address), LOG_STR("reason", text));
    list_remove(&c->node);
    s->n_conns--;
    grpc_link_fini(&c->link, GRPC_UNAVAILABLE, text);
    graveyard_add(s->graveyard, &c->grave, c, conn_free);
    if (s->shutting_down && s->n_conns == 0 && !s->freed)
        event_active(s->ev_done, 0, 0);
}

static int conn_open(struct grpc_server *s, struct conn *c, int fd, struct err *e)
{
    struct h2_options o = {
        .base = s->base,
        .graveyard = s->graveyard,
        .fd = fd,
        .server = true,
        .limits = grpc_limits_h2(&s->limits),
        .ops = &grpc_server_ops,
        .arg = &c->link,
    };
    int rc = grpc_link_init(&c->link, s->base, s->graveyard, &s->limits, true, e);

    if (rc == 0 && s->tls != NULL)
        rc = tlsctx_ssl(s->tls, fd, NULL, &o.ssl, e);
    if (rc == 0)
        rc = h2_new(&o, &c->link.h2, e);
    if (rc != 0) {
        SSL_free(o.ssl);
        grpc_link_fini(&c->link, GRPC_UNAVAILABLE, "");
    }
    return rc;
}

static void accept_cb(int fd, const struct sock_addr *from, void *arg)
{
    struct grpc_server *s = arg;
    struct conn *c = NULL;
    struct err e;

    /* Refusing before the handshake costs microseconds; a handshake a millisecond. */
    if (s->n_conns < s->limits.connections_max && s->n_handshakes < s->limits.handshakes_max)
        c = calloc(1, sizeof(*c));
    if (c == NULL) {
        s->stats.refused++;
        (void)close(fd);
        return;
    }
    c->server = s;
    c->from = *from;
    if (conn_open(s, c, fd, &e) != 0) {
        LOG_WARN("grpc connection refused", LOG_STR("reason", e.text));
        s->stats.refused++;
        (void)close(fd);
        free(c);
        return;
    }
    c->link.n_calls = &s->stats.calls;
    sock_format(from, c->link.peer.address);
    list_append(&s->conns, &c->node);
    s->n_conns++;
    s->n_handshakes++;
    s->stats.accepted++;
}

static void done_cb(evutil_socket_t fd, short what, void *arg)
{
    struct grpc_server *s = arg;
    void (*done)(void *) = s->done;

    (void)fd, (void)what;
    s->done = NULL;
    if (done != NULL)
        done(s->done_arg);
}

static void server_free_cb(void *obj)
{
    struct grpc_server *s = obj;
    struct slice key;
    void *method;

    for (size_t at = 0; map_next(&s->methods, &at, &key, &method);)
        free(method);
    map_fini(&s->methods);
    tlsctx_unref(s->tls);
    if (s->ev_done != NULL)
        event_free(s->ev_done);
    free(s);
}

int grpc_server_new(const struct grpc_server_options *o, struct grpc_server **out, struct err *e)
{
    struct grpc_server *s = calloc(1, sizeof(*s));
    struct sock_addr local;
    int rc;

    if (s == NULL)
        return err_set(e, ERR_NOMEM, "gRPC server");
    s->base = o->base;
    s->graveyard = o->graveyard;
    s->limits = o->limits;
    grpc_limits_fill(&s->limits);
    map_init(&s->methods);
    list_init(&s->conns);
    rc = sock_local(o->listen_fd, &local, e);
    if (rc == 0) {
        s->port = sock_addr_port(&local);
        s->ev_done = event_new(o->base, -1, 0, done_cb, s);
        rc = s->ev_done == NULL ? err_set(e, ERR_NOMEM, "gRPC server")
                                : listener_new(o->base, o->listen_fd, accept_cb, s, &s->listener, e);
    }
    if (rc != 0) {
        server_free_cb(s);
        return rc;
    }
    s->tls = o->tls == NULL ? NULL : tlsctx_ref(o->tls);
    *out = s;
    return 0;
}

int grpc_server_method(struct grpc_server *s, const char *path, unsigned flags, const struct grpc_handler *h,
                       void *arg)
{
    struct grpc_method *m;
    int rc;

    MUST(h->on_end != NULL && path[0] == '/' && strchr(path + 1, '/') != NULL);
    if (map_get(&s->methods, slice_of(path)) != NULL)
        return -ERR_EXISTS;
    m = calloc(1, sizeof(*m));
    if (m == NULL)
        return -ERR_NOMEM;
    *m = (struct grpc_method){path, h, arg, flags};
    rc = map_put(&s->methods, slice_of(path), m, NULL);
    if (rc != 0)
        free(m);
    return rc;
}

void grpc_server_services(struct grpc_server *s, void (*fn)(struct slice name, void *arg), void *arg)
{
    struct slice key, name, other;
    void *method, *m;

    for (size_t at = 0; map_next(&s->methods, &at, &key, &method);) {
        bool first = true;

        name = slice_sub(key, 1, (size_t)(strchr(key.p + 1, '/') - key.p));
        for (size_t i = 0; map_next(&s->methods, &i, &other, &m) && m != method;) {
            if (other.n > name.n + 1 && other.p[name.n + 1] == '/' && slice_eq(slice_sub(other, 1, name.n + 1), name))
                first = false;
        }
        if (first)
            fn(name, arg);
    }
}

uint16_t grpc_server_port(const struct grpc_server *s)
{
    return s->port;
}

void grpc_server_stats(const struct grpc_server *s, struct grpc_server_stats *out)
{
    *out = s->stats;
    out->connections = s->n_conns;
}

void grpc_server_shutdown(struct grpc_server *s, uint32_t grace_ms, void (*done)(void *arg), void *arg)
{
    s->shutting_down = true;
    s->done = done;
    s->done_arg = arg;
    listener_free(s->listener);
    s->listener = NULL;
    for (struct list *n = s->conns.next; n != &s->conns; n = n->next)
        h2_shutdown(CONTAINER_OF(n, struct conn, node)->link.h2, grace_ms);
    if (s->n_conns == 0)
        event_active(s->ev_done, 0, 0);
}

void grpc_server_free(struct grpc_server *s)
{
    struct list *first;

    if (s == NULL || s->freed)
        return;
    s->freed = true;
    listener_free(s->listener);
    s->listener = NULL;
    (void)event_del(s->ev_done);
    while ((first = list_first(&s->conns)) != NULL)
        h2_close(CONTAINER_OF(first, struct conn, node)->link.h2, H2_WHY_LOCAL, "the server stops");
    graveyard_add(s->graveyard, &s->grave, s, server_free_cb);
}
