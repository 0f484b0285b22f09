/* The server: options, the core's clock, and the core's actions done. */
#include <event2/event.h>
#include <stdio.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/random.h"
#include "net/grpc_health.h"
#include "net/grpc_reflection.h"
#include "net/grpc_wire.h"
#include "push/push_int.h"

#define SETTLE_MS 15000u
#define GOAWAY_AFTER_MS 500u
#define GOAWAY_SPREAD_MS 2000u
#define GOAWAY_SPREAD_MAX_MS 60000u
#define GOAWAY_NODE_MS 5u            /* a handshake's share of a core */

extern const unsigned char push_descriptor[];
extern const size_t push_descriptor_size;

struct push_now push_clock(void)
{
    return (struct push_now){clock_mono_ms(), clock_wall_ms()};
}

static void core_random(void *arg, void *p, size_t n)
{
    (void)arg;
    random_bytes(p, n);
}

/* ---- actions -------------------------------------------------------------------------------------------------------------- */

static void note_changed(struct push_server *ps, const char *environment)
{
    char name[PROTOCOL_ENVIRONMENT] = {0};
    const struct timeval now = {0, 0};

    for (size_t i = 0; i < ps->changed.n; i++) {
        if (strcmp((const char *)ps->changed.p + i * sizeof(name), environment) == 0)
            return;
    }
    snprintf(name, sizeof(name), "%s", environment);
    (void)vec_push(&ps->changed, name);
    event_add(ps->tell, &now);
}

static void tell_cb(evutil_socket_t fd, short what, void *arg)
{
    struct push_server *ps = arg;
    struct vec changed = ps->changed;

    (void)fd;
    (void)what;
    vec_init(&ps->changed, PROTOCOL_ENVIRONMENT);
    for (size_t i = 0; i < changed.n; i++)
        ps->o.callbacks.rollout_changed(ps->o.arg, (const char *)changed.p + i * PROTOCOL_ENVIRONMENT);
    vec_fini(&changed);
}

static void tell_head(struct push_server *ps, const struct push_action *a)
{
    static const char *const words[] = {"live", "failed", "superseded"};
    struct push_head_event event = {a->environment, a->version, a->outcome, a->failure};

    if (a->outcome == PUSH_BECAME_FAILED && a->failure != NULL) {
        LOG_WARN("rollout failed", LOG_STR("environment", a->environment), LOG_U64("revision", a->version.revision),
                 LOG_STR("node", a->failure->node), LOG_STR("code", push_code_name(a->failure->error.code)),
                 LOG_STR("resource", a->failure->error.key), LOG_STR("reason", a->failure->error.message));
    } else {
        LOG_INFO("rollout", LOG_STR("environment", a->environment), LOG_U64("revision", a->version.revision),
                 LOG_STR("state", words[a->outcome]));
    }
    ps->stats.activations += a->outcome == PUSH_BECAME_LIVE;
    if (ps->o.callbacks.head != NULL)
        ps->o.callbacks.head(ps->o.arg, &event);
}

static void tell_seen(struct push_server *ps, const struct push_action *a)
{
    struct push_node_view *v = malloc(sizeof(*v));

    if (v == NULL || !push_core_node(ps->core, a->environment, a->node, v)) {
        free(v);
        return;
    }
    LOG_INFO(v->connected ? "node connected" : "node gone", LOG_STR("node", v->id), LOG_STR("environment", v->environment),
             LOG_STR("address", v->address), LOG_U64("revision", v->has_active ? v->active.revision : 0));
    if (ps->o.callbacks.node_seen != NULL)
        ps->o.callbacks.node_seen(ps->o.arg, v);
    free(v);
}

static void send_welcome(struct push_server *ps, struct push_peer *p, const struct push_action *a)
{
    struct protocol_welcome w = {.schema_max = PROTOCOL_SCHEMA_MAX, .status_interval_ms = PROTOCOL_STATUS_MS,
                                 .dead_after_ms = PROTOCOL_DEAD_MS, .backoff_base_ms = 500, .backoff_cap_ms = 30000,
                                 .clock_unix_ms = clock_wall_ms(), .has_head = a->has_version, .head = a->version};
    struct buf b;

    snprintf(w.cluster_id, sizeof(w.cluster_id), "%s", ps->cluster_id);
    snprintf(w.instance, sizeof(w.instance), "%s", ps->instance);
    buf_init(&b, 0);
    if (push_encode_welcome(&b, ++p->seq, &w) == 0)
        push_peer_send(p, &b, NULL);
    buf_fini(&b);
}

static void send_small(struct push_server *ps, struct push_peer *p, const struct push_action *a)
{
    struct buf b;
    int rc;

    buf_init(&b, 0);
    p->seq++;
    if (a->type == PUSH_DO_WITHDRAW) {
        ps->stats.withdrawals++;
        rc = push_encode_withdraw(&b, p->seq, a->nonce, a->reason);
    } else if (a->type == PUSH_DO_ACTIVATE) {
        rc = push_encode_activate(&b, p->seq, a->nonce);
    } else {
        rc = push_encode_ping(&b, p->seq, clock_wall_ms(), a->has_version ? &a->version : NULL);
    }
    if (rc == 0)
        push_peer_send(p, &b, NULL);
    buf_fini(&b);
}

static void run_one(struct push_server *ps, struct push_action *a)
{
    struct push_peer *p = a->connection == 0 ? NULL : push_peer_find(ps, a->connection);

    if (a->type == PUSH_DO_HEAD)
        tell_head(ps, a);
    else if (a->type == PUSH_DO_CHANGED)
        note_changed(ps, a->environment);
    else if (a->type == PUSH_DO_SEEN)
        tell_seen(ps, a);
    else if (a->type == PUSH_DO_ALARM)
        LOG_ERROR("node alarm", LOG_STR("node", a->node), LOG_STR("environment", a->environment), LOG_STR("reason", a->reason));
    if (p == NULL)
        return;
    if (a->type == PUSH_DO_WELCOME)
        send_welcome(ps, p, a);
    else if (a->type == PUSH_DO_OFFER)
        push_peer_offer(p, a);
    else if (a->type == PUSH_DO_WITHDRAW || a->type == PUSH_DO_ACTIVATE || a->type == PUSH_DO_PING)
        send_small(ps, p, a);
    else if (a->type == PUSH_DO_CLOSE) {
        LOG_WARN("stream closed", LOG_U64("stream", p->id), LOG_STR("reason", a->reason));
        ps->stats.refused++;
        push_peer_close(p, (int)a->status, a->reason);
    }
}

/* Takes what actions has. A callback may come back here with the next event, so the list is ours alone. */
void push_run(struct push_server *ps, struct push_actions *actions)
{
    bool failed = actions->failed;

    for (size_t i = 0; i < actions->list.n; i++)
        run_one(ps, &VEC_AT(&actions->list, struct push_action, i));
    push_actions_fini(actions);
    if (!failed)
        return;
    LOG_ERROR("out of memory", LOG_STR("what", "all node streams are closed"));
    for (struct list *l = ps->all_peers.next; l != &ps->all_peers; l = l->next)
        grpc_call_cancel(CONTAINER_OF(l, struct push_peer, link)->call);
}

void push_feed(struct push_server *ps, const struct push_event *event)
{
    struct push_actions actions;

    if (ps->is_frozen)
        return;
    push_actions_init(&actions);
    push_core_step(ps->core, event, push_clock(), &actions);
    push_run(ps, &actions);
}

void push_progress_give(struct push_progress *g, size_t n)
{
    g->given += GRPC_PREFIX + n;
}

uint64_t push_progress_stalled(struct push_progress *g, const struct grpc_call *call, uint64_t now_ms)
{
    size_t pending = grpc_call_pending(call);
    uint64_t taken = g->given - pending;

    if (pending == 0 || taken != g->taken || g->since_ms == 0) {
        g->taken = taken;
        g->since_ms = now_ms;
    }
    return now_ms - g->since_ms;
}

static void tick_cb(evutil_socket_t fd, short what, void *arg)
{
    struct push_server *ps = arg;
    struct push_event event = {.type = PUSH_EVENT_TICK};

    (void)fd;
    (void)what;
    push_feed(ps, &event);
    push_peers_tick(ps, clock_mono_ms());
    push_fetch_tick(ps, clock_mono_ms());
    push_identity_tick(ps, clock_mono_ms());
}

/* ---- life -------------------------------------------------------------------------------------------------------------------- */

static int start_core(struct push_server *ps, struct err *e)
{
    struct push_core_options o = {.cluster_id = ps->cluster_id, .random = core_random,
                                  .apply_deadline_ms = ps->o.apply_deadline_ms, .settle_ms = SETTLE_MS};

    return push_core_new(&o, &ps->core) == 0 ? 0 : err_set(e, ERR_NOMEM, "push");
}

static int start_grpc(struct push_server *ps, struct err *e)
{
    struct grpc_server_options o = {.base = ps->o.base, .graveyard = ps->o.graveyard, .listen_fd = ps->o.listen_fd,
                                    .tls = ps->o.tls, .limits = {.send_max = PUSH_SEND_MAX, .streams_max = 16,
                                               .stall_ms = ps->o.stall_ms}};
    const struct slice set = slice_from(push_descriptor, push_descriptor_size);
    int rc = grpc_server_new(&o, &ps->grpc, e);

    if (rc == 0)
        rc = grpc_server_method(ps->grpc, "/sluice.push.v1.ConfigService/Sync", GRPC_NEEDS_CERTIFICATE, &push_sync_handler, ps);
    if (rc == 0)
        rc = grpc_server_method(ps->grpc, "/sluice.push.v1.ConfigService/FetchChunks",
                                GRPC_NEEDS_CERTIFICATE | GRPC_ONE_REQUEST, &push_fetch_handler, ps);
    if (rc == 0)
        rc = grpc_server_method(ps->grpc, "/sluice.push.v1.EnrollService/Enroll", GRPC_ONE_REQUEST, &push_enroll_handler, ps);
    if (rc == 0)
        rc = grpc_server_method(ps->grpc, "/sluice.push.v1.IdentityService/Renew",
                                GRPC_NEEDS_CERTIFICATE | GRPC_ONE_REQUEST, &push_renew_handler, ps);
    if (rc == 0)
        rc = grpc_health_new(ps->grpc, &ps->health, e);
    return rc == 0 ? grpc_reflection_new(ps->grpc, &set, 1, &ps->reflection, e) : rc;
}

static int start_timers(struct push_server *ps, struct err *e)
{
    const struct timeval every = {0, PUSH_TICK_MS * 1000};

    ps->tick = event_new(ps->o.base, -1, EV_PERSIST, tick_cb, ps);
    ps->tell = event_new(ps->o.base, -1, 0, tell_cb, ps);
    ps->zstd = ZSTD_createCCtx();
    if (ps->tick == NULL || ps->tell == NULL || ps->zstd == NULL || event_add(ps->tick, &every) != 0)
        return err_set(e, ERR_NOMEM, "push");
    return 0;
}

static void release(struct push_server *ps)
{
    ps->is_frozen = true; /* streams that end now are no news for a rollout */
    grpc_server_free(ps->grpc);
    grpc_reflection_free(ps->reflection);
    grpc_health_free(ps->health);
    push_core_free(ps->core);
    if (ps->tick != NULL)
        event_free(ps->tick);
    if (ps->tell != NULL)
        event_free(ps->tell);
    push_offers_fini(ps);
    push_fetch_fini(ps);
    ZSTD_freeCCtx(ps->zstd);
    map_fini(&ps->peers);
    vec_fini(&ps->changed);
    free(ps->message);
    free(ps);
}

int push_server_new(const struct push_options *o, struct push_server **out, struct err *e)
{
    struct push_server *ps = calloc(1, sizeof(*ps));
    int rc;

    if (ps == NULL)
        return err_set(e, ERR_NOMEM, "push");
    ps->o = *o;
    ps->o.stall_ms = o->stall_ms == 0 ? PUSH_STALL_MS : o->stall_ms;
    snprintf(ps->cluster_id, sizeof(ps->cluster_id), "%s", o->cluster_id);
    snprintf(ps->instance, sizeof(ps->instance), "%s", o->instance == NULL ? "" : o->instance);
    map_init(&ps->peers);
    list_init(&ps->all_peers);
    list_init(&ps->fetches);
    list_init(&ps->waiting);
    list_init(&ps->enrolls);
    vec_init(&ps->changed, PROTOCOL_ENVIRONMENT);
    ps->message = malloc(sizeof(*ps->message));
    rc = ps->message == NULL ? err_set(e, ERR_NOMEM, "push") : start_core(ps, e);
    if (rc == 0)
        rc = start_timers(ps, e);
    if (rc == 0)
        rc = start_grpc(ps, e);
    if (rc != 0) {
        release(ps);
        return rc;
    }
    *out = ps;
    return 0;
}

void push_server_free(struct push_server *ps)
{
    if (ps != NULL)
        release(ps);
}

static uint32_t goaway_spread(size_t peers)
{
    uint64_t ms = (uint64_t)peers * GOAWAY_NODE_MS;

    return ms < GOAWAY_SPREAD_MS ? GOAWAY_SPREAD_MS : ms > GOAWAY_SPREAD_MAX_MS ? GOAWAY_SPREAD_MAX_MS : (uint32_t)ms;
}

void push_server_goodbye(struct push_server *ps, const char *reason, uint32_t grace_ms)
{
    struct protocol_goaway g = {.reconnect_after_ms = GOAWAY_AFTER_MS, .spread_ms = goaway_spread(ps->peers.n)};

    snprintf(g.reason, sizeof(g.reason), "%s", reason);
    ps->is_ready = false;
    ps->is_frozen = true;
    if (grpc_health_set(ps->health, "", GRPC_NOT_SERVING) != 0)
        LOG_ERROR("health", LOG_STR("service", ""));
    for (struct list *l = ps->all_peers.next; l != &ps->all_peers; l = l->next) {
        struct push_peer *p = CONTAINER_OF(l, struct push_peer, link);
        struct buf b;

        buf_init(&b, 0);
        if (push_encode_goaway(&b, ++p->seq, &g) == 0)
            push_peer_send(p, &b, NULL);
        buf_fini(&b);
        push_peer_close(p, GRPC_UNAVAILABLE, g.reason);
    }
    grpc_server_shutdown(ps->grpc, grace_ms, NULL, NULL);
}

bool push_is_gone(const struct push_server *ps)
{
    struct grpc_server_stats stats;

    grpc_server_stats(ps->grpc, &stats);
    return stats.connections == 0;
}

uint16_t push_port(const struct push_server *ps)
{
    return grpc_server_port(ps->grpc);
}

void push_ready(struct push_server *ps)
{
    static const char *const services[] = {"", "sluice.push.v1.ConfigService", "sluice.push.v1.EnrollService",
                                           "sluice.push.v1.IdentityService"};

    ps->is_ready = true;
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        if (grpc_health_set(ps->health, services[i], GRPC_SERVING) != 0)
            LOG_ERROR("health", LOG_STR("service", services[i]));
    }
}

/* ---- what the rest of the control plane asks ---------------------------------------------------------------------------------- */

int push_load(struct push_server *ps, struct bundle *live, struct bundle *pending, uint32_t expected_nodes, struct err *e)
{
    struct push_actions actions;
    int rc;

    push_actions_init(&actions);
    rc = push_core_load(ps->core, live, pending, expected_nodes, push_clock(), &actions, e);
    push_run(ps, &actions);
    return rc;
}

int push_load_failed(struct push_server *ps, const char *environment, const struct bundle_version *version,
                     const struct push_failure *failure, struct err *e)
{
    return push_core_load_failed(ps->core, environment, version, failure, push_clock(), e);
}

int push_publish(struct push_server *ps, struct bundle *b, bool first_load, struct err *e)
{
    struct push_actions actions;
    int rc;

    if (first_load)
        return push_load(ps, b, NULL, 0, e);
    if (ps->is_frozen)
        return 0; /* it is in the store: the next start offers it */
    push_actions_init(&actions);
    rc = push_core_publish(ps->core, b, push_clock(), &actions, e);
    push_run(ps, &actions);
    return rc;
}

int push_rollout(const struct push_server *ps, const char *environment, struct push_rollout *out)
{
    return push_core_rollout(ps->core, environment, out);
}

void push_environments(const struct push_server *ps, void (*cb)(void *arg, const char *environment), void *arg)
{
    push_core_environments(ps->core, cb, arg);
}

void push_nodes(const struct push_server *ps, void (*cb)(void *arg, const struct push_node_view *node), void *arg)
{
    push_core_nodes(ps->core, cb, arg);
}

void push_forget(struct push_server *ps, const char *node_id)
{
    struct push_actions actions;

    if (ps->is_frozen)
        return;
    push_actions_init(&actions);
    push_core_forget(ps->core, node_id, push_clock(), &actions);
    push_run(ps, &actions);
}

void push_stats(const struct push_server *ps, struct push_stats *out)
{
    *out = ps->stats;
    out->connections = ps->peers.n;
}
