/* A connection as its calls see it: limits, the peer's identity, the waking of calls outside HTTP/2's own callbacks. */
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "base/must.h"
#include "crypto/cert.h"
#include "net/grpc_int.h"

static void fill(uint32_t *v, uint32_t standard)
{
    if (*v == 0)
        *v = standard;
}

void grpc_limits_fill(struct grpc_limits *l)
{
    fill(&l->message_max, 512u << 10);
    fill(&l->send_max, 256u << 10);
    fill(&l->streams_max, 100);
    fill(&l->header_list_max, 16384);
    fill(&l->connections_max, 10000);
    fill(&l->handshakes_max, 1024);
    fill(&l->handshake_ms, 10000);
    fill(&l->idle_ms, 300000);
    fill(&l->stall_ms, 30000);
    fill(&l->keepalive_timeout_ms, 20000);
    fill(&l->control_burst, 2000);
    fill(&l->control_rate, 200);
}

struct h2_limits grpc_limits_h2(const struct grpc_limits *l)
{
    /* nghttp2 opens a window again when half of it was taken: less than twice a message could wait forever for its rest. */
    return (struct h2_limits){
        .window = l->message_max > (256u << 20) ? 512u << 20 : 2 * l->message_max + 65536,
        .streams_max = l->streams_max,
        .header_list_max = l->header_list_max,
        .handshake_ms = l->handshake_ms,
        .idle_ms = l->idle_ms,
        .stall_ms = l->stall_ms,
        .keepalive_ms = l->keepalive_ms,
        .keepalive_timeout_ms = l->keepalive_timeout_ms,
        .control_burst = l->control_burst,
        .control_rate = l->control_rate,
    };
}

void grpc_link_set_peer(struct grpc_link *l, const struct sock_addr *from)
{
    struct ssl_st *ssl = l->h2 == NULL ? NULL : h2_ssl(l->h2);
    struct cert_info info;
    X509 *x;

    if (from != NULL)
        sock_format(from, l->peer.address);
    if (ssl == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
        return;
    x = SSL_get1_peer_certificate(ssl);
    if (x == NULL)
        return;
    /* A certificate that cannot be read counts as none: nobody is let in by half a name. */
    if (cert_info_x509(x, &info, NULL) == 0) {
        l->peer.verified = true;
        memcpy(l->peer.uri, info.uri, sizeof(l->peer.uri));
        memcpy(l->peer.sha256, info.sha256, sizeof(l->peer.sha256));
        l->peer.not_after = info.not_after;
        l->peer.mark = info.mark;
    }
    X509_free(x);
}

static void on_wake(struct grpc_call *c)
{
    size_t low = c->owner->limits->send_max / 2;

    if (c->cancelled) {
        grpc_call_end(c, GRPC_CANCELLED, "cancelled");
        return;
    }
    if (c->refused_send && !c->closing && buf_len(&c->tx) <= low) {
        c->refused_send = false;
        if (c->handler->on_writable != NULL)
            c->handler->on_writable(c);
    }
    if (!c->ended)
        grpc_flow_deliver(c);
}

static void wake_cb(evutil_socket_t fd, short what, void *arg)
{
    struct grpc_link *l = arg;
    struct list batch, *first;

    (void)fd, (void)what;
    list_init(&batch);
    while ((first = list_first(&l->woken)) != NULL) {
        list_remove(first);
        list_append(&batch, first);
    }
    /* A call that ends takes itself off the batch; the link lies in the graveyard at worst. */
    while ((first = list_first(&batch)) != NULL) {
        list_remove(first);
        on_wake(CONTAINER_OF(first, struct grpc_call, wake));
    }
}

void grpc_call_wake(struct grpc_call *c)
{
    if (c->ended)
        return;
    list_remove(&c->wake);
    list_append(&c->owner->woken, &c->wake);
    event_active(c->owner->ev_wake, 0, 0);
}

int grpc_link_init(struct grpc_link *l, struct event_base *base, struct graveyard *g,
                   const struct grpc_limits *limits, bool server, struct err *e)
{
    l->base = base;
    l->graveyard = g;
    l->limits = limits;
    l->server = server;
    list_init(&l->calls);
    list_init(&l->woken);
    l->ev_wake = event_new(base, -1, 0, wake_cb, l);
    return l->ev_wake == NULL ? err_set(e, ERR_NOMEM, "gRPC") : 0;
}

void grpc_link_fini(struct grpc_link *l, int status, const char *message)
{
    struct list *first;

    while ((first = list_first(&l->calls)) != NULL) {
        struct grpc_call *c = CONTAINER_OF(first, struct grpc_call, link);

        c->gone = true;
        grpc_call_end(c, status, message);
    }
    if (l->ev_wake != NULL)
        event_free(l->ev_wake);
    l->ev_wake = NULL;
}
