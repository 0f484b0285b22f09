/* One Sync stream: messages in, messages out. What they mean is the core's. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "push/push_int.h"

static bool take_part(struct slice *rest, char *out, size_t size)
{
    const char *end = memchr(rest->p, '/', rest->n);
    size_t n = end == NULL ? rest->n : (size_t)(end - rest->p);

    if (n == 0 || n >= size)
        return false;
    memcpy(out, rest->p, n);
    out[n] = '\0';
    *rest = slice_sub(*rest, end == NULL ? n : n + 1, rest->n);
    return true;
}

bool push_parse_identity(const char *uri, struct push_identity_parts *out)
{
    const struct slice scheme = SLICE_LIT("spiffe://");
    struct slice rest = slice_of(uri);
    char dp[8];

    if (!slice_starts(rest, scheme))
        return false;
    rest = slice_sub(rest, scheme.n, rest.n);
    return take_part(&rest, out->cluster, sizeof(out->cluster)) && take_part(&rest, dp, sizeof(dp)) &&
           strcmp(dp, "dp") == 0 && take_part(&rest, out->environment, sizeof(out->environment)) &&
           take_part(&rest, out->node, sizeof(out->node)) && rest.n == 0;
}

const char *push_refusal_of(const struct push_server *ps, const struct grpc_peer *peer, struct push_identity_parts *who)
{
    if (!push_parse_identity(peer->uri, who) || strcmp(who->cluster, ps->cluster_id) != 0)
        return "the certificate is not a node's of this cluster";
    if (peer->not_after != 0 && clock_wall_ms() / 1000 >= peer->not_after)
        return "the certificate has expired";
    if (ps->o.callbacks.node_allowed != NULL &&
        !ps->o.callbacks.node_allowed(ps->o.arg, who->environment, who->node, peer->mark))
        return "this node is not allowed any more";
    return NULL;
}

/* ---- out ------------------------------------------------------------------------------------------------------------------ */

struct push_peer *push_peer_find(struct push_server *ps, uint64_t id)
{
    return map_get(&ps->peers, slice_from(&id, sizeof(id)));
}

/* A stream that has no room for a short message has not moved for long: it is closed rather than waited for. */
void push_peer_send(struct push_peer *p, const struct buf *message, const struct buf *tail)
{
    struct slice pieces[2] = {buf_slice(message), tail == NULL ? SLICE_NONE : buf_slice(tail)};
    int rc = grpc_call_send(p->call, pieces, tail == NULL ? 1 : 2);

    if (rc == 0)
        push_progress_give(&p->progress, pieces[0].n + pieces[1].n);
    if (rc == 0 || rc == -ERR_CLOSED)
        return;
    p->server->stats.closed_slow++;
    LOG_WARN("stream closed", LOG_U64("stream", p->id), LOG_STR("reason", "the node does not take what it is sent"));
    push_peer_close(p, GRPC_RESOURCE_EXHAUSTED, "too many bytes wait for this node");
}

void push_peer_close(struct push_peer *p, int status, const char *reason)
{
    if (p->closing_ms == 0)
        p->closing_ms = clock_mono_ms();
    grpc_call_finish(p->call, status, reason);
}

/* No callback comes out of the calls made here, so the list stays as it is. */
void push_peers_tick(struct push_server *ps, uint64_t now_ms)
{
    for (struct list *l = ps->all_peers.next; l != &ps->all_peers; l = l->next) {
        struct push_peer *p = CONTAINER_OF(l, struct push_peer, link);
        uint64_t stalled = push_progress_stalled(&p->progress, p->call, now_ms);

        if (p->closing_ms != 0 && now_ms >= p->closing_ms + PUSH_CLOSE_MS) {
            grpc_call_cancel(p->call); /* it reads nothing: the status cannot reach it */
        } else if (p->closing_ms == 0 && stalled >= ps->o.stall_ms) {
            ps->stats.closed_slow++;
            LOG_WARN("stream closed", LOG_U64("stream", p->id), LOG_STR("reason", "the node takes nothing of what it is sent"),
                     LOG_U64("waiting", grpc_call_pending(p->call)));
            push_peer_close(p, GRPC_RESOURCE_EXHAUSTED, "the node takes nothing of what it is sent");
        }
    }
}

static bool is_same_offer(const struct push_encoded *x, const struct push_action *a)
{
    return x->used != 0 && bundle_version_eq(&x->version, &a->bundle->version) && x->has_base == (a->base != NULL) &&
           (a->base == NULL || memcmp(x->base_root, a->base_version.root, BUNDLE_HASH) == 0) &&
           strcmp(x->environment, a->bundle->environment) == 0;
}

/* Encoded once for all nodes with the same base; the one unused longest makes room. NULL: no memory. */
static struct push_encoded *encoded_offer(struct push_server *ps, const struct push_action *a)
{
    struct push_encoded *x = &ps->offers[0];

    for (size_t i = 0; i < PUSH_OFFERS_KEPT; i++) {
        if (is_same_offer(&ps->offers[i], a)) {
            ps->offers[i].used = ++ps->uses;
            return &ps->offers[i];
        }
        if (ps->offers[i].used < x->used)
            x = &ps->offers[i];
    }
    buf_fini(&x->bytes);
    buf_init(&x->bytes, 0);
    x->used = 0;
    if (push_encode_offer_shared(&x->bytes, a->bundle, a->base, &a->base_version) != 0)
        return NULL;
    snprintf(x->environment, sizeof(x->environment), "%s", a->bundle->environment);
    x->version = a->bundle->version;
    x->has_base = a->base != NULL;
    memcpy(x->base_root, a->base_version.root, BUNDLE_HASH);
    x->used = ++ps->uses;
    return x;
}

void push_offers_fini(struct push_server *ps)
{
    for (size_t i = 0; i < PUSH_OFFERS_KEPT; i++)
        buf_fini(&ps->offers[i].bytes);
}

void push_peer_offer(struct push_peer *p, const struct push_action *a)
{
    struct push_encoded *x = encoded_offer(p->server, a);
    struct buf own;

    buf_init(&own, 0);
    if (x == NULL ||
        push_encode_offer_own(&own, ++p->seq, a->nonce, a->hold, a->deadline_ms, buf_len(&x->bytes)) != 0) {
        push_peer_close(p, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        p->server->stats.offers++;
        push_peer_send(p, &own, &x->bytes);
    }
    buf_fini(&own);
}

/* ---- in ------------------------------------------------------------------------------------------------------------------- */

static void peer_gone(struct push_peer *p)
{
    struct push_event event = {.type = PUSH_EVENT_CLOSED, .connection = p->id};
    struct push_server *ps = p->server;

    (void)map_del(&ps->peers, slice_from(&p->id, sizeof(p->id)));
    list_remove(&p->link);
    push_feed(ps, &event);
    free(p);
}

static struct push_peer *peer_new(struct push_server *ps, struct grpc_call *call)
{
    struct push_peer *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    *p = (struct push_peer){.server = ps, .call = call, .id = ++ps->ids};
    if (map_put(&ps->peers, slice_from(&p->id, sizeof(p->id)), p, NULL) != 0) {
        free(p);
        return NULL;
    }
    list_append(&ps->all_peers, &p->link);
    return p;
}

static void on_open(struct grpc_call *call)
{
    struct push_server *ps = grpc_call_arg(call);
    const struct grpc_peer *peer = grpc_call_peer(call);
    struct push_event event = {.type = PUSH_EVENT_OPENED};
    struct push_identity_parts who;
    struct push_peer *p;
    const char *why;

    grpc_call_set_arg(call, NULL);
    if (!ps->is_ready) {
        grpc_call_finish(call, GRPC_UNAVAILABLE, "this control plane is not ready");
        return;
    }
    why = push_refusal_of(ps, peer, &who);
    if (why != NULL) {
        grpc_call_finish(call, GRPC_PERMISSION_DENIED, why);
        return;
    }
    p = peer_new(ps, call);
    if (p == NULL) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    grpc_call_set_arg(call, p);
    event.connection = p->id;
    event.u.opened.cluster = who.cluster;
    event.u.opened.environment = who.environment;
    event.u.opened.node = who.node;
    event.u.opened.address = peer->address;
    event.u.opened.not_after = peer->not_after;
    push_feed(ps, &event);
}

static void count(struct push_server *ps, const struct push_message *m)
{
    ps->stats.acks += m->said == PUSH_SAID_ACK;
    ps->stats.nacks += m->said == PUSH_SAID_NACK;
    if (m->said == PUSH_SAID_NACK) {
        LOG_WARN("node refused a bundle", LOG_U64("revision", m->u.nack.rejected.revision),
                 LOG_STR("code", push_code_name(m->u.nack.error.code)), LOG_STR("type", m->u.nack.error.type),
                 LOG_STR("key", m->u.nack.error.key), LOG_STR("reason", m->u.nack.error.message));
    }
}

static void on_message(struct grpc_call *call, struct slice bytes)
{
    static const enum push_event_type types[] = {
        [PUSH_SAID_HELLO] = PUSH_EVENT_HELLO,   [PUSH_SAID_ACK] = PUSH_EVENT_ACK, [PUSH_SAID_NACK] = PUSH_EVENT_NACK,
        [PUSH_SAID_STATUS] = PUSH_EVENT_STATUS, [PUSH_SAID_BYE] = PUSH_EVENT_BYE,
    };
    struct push_peer *p = grpc_call_arg(call);
    struct push_event event = {.type = PUSH_EVENT_TICK};
    struct push_message *m;
    struct err e;

    if (p == NULL)
        return;
    m = p->server->message;
    if (push_decode(bytes, m, &e) != 0) {
        push_peer_close(p, GRPC_INVALID_ARGUMENT, e.text);
        return;
    }
    if (m->said == PUSH_SAID_NOTHING)
        return;
    count(p->server, m);
    event.type = types[m->said];
    event.connection = p->id;
    if (m->said == PUSH_SAID_HELLO)
        event.u.hello = &m->u.hello;
    else if (m->said == PUSH_SAID_ACK)
        event.u.ack = &m->u.ack;
    else if (m->said == PUSH_SAID_NACK)
        event.u.nack = &m->u.nack;
    else if (m->said == PUSH_SAID_STATUS)
        event.u.status = &m->u.status;
    else
        event.u.bye = &m->u.bye;
    push_feed(p->server, &event);
}

static void on_half_close(struct grpc_call *call)
{
    struct push_peer *p = grpc_call_arg(call);

    if (p == NULL)
        grpc_call_finish(call, GRPC_OK, NULL);
    else
        push_peer_close(p, GRPC_OK, NULL);
}

static void on_end(struct grpc_call *call, int status, const char *message)
{
    struct push_peer *p = grpc_call_arg(call);

    (void)status;
    (void)message;
    grpc_call_set_arg(call, NULL);
    if (p != NULL)
        peer_gone(p);
}

const struct grpc_handler push_sync_handler = {
    .on_open = on_open, .on_message = on_message, .on_half_close = on_half_close, .on_end = on_end};
