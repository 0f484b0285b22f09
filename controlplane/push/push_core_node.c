/* One node: its Hello, the one offer in flight, its answers. */
#include "push/push_core_int.h"

#include <stdio.h>

#define RETRY_BASE_MS 500u
#define RETRY_CAP_MS 30000u

bool push_node_counts(const struct push_node *n)
{
    return n->connection != NULL && !n->view.draining && !n->ahead;
}

bool push_node_is_at(const struct push_node *n, const struct bundle *b)
{
    return b != NULL && n->view.has_active && protocol_same_root(&n->view.active, &b->version);
}

static bool offer_is(const struct push_node *n, const struct bundle *b)
{
    return n->offer.inflight && protocol_same_root(&n->offer.bundle->version, &b->version);
}

bool push_node_has_built(const struct push_node *n, const struct bundle *b)
{
    return push_node_is_at(n, b) || (offer_is(n, b) && n->offer.phase >= PROTOCOL_BUILT);
}

static const struct protocol_error *incompatible(const struct push_node *n, const struct bundle *b,
                                                 struct protocol_error *out)
{
    memset(out, 0, sizeof(*out));
    if (b->schema < n->schema_min || b->schema > n->schema_max) {
        out->code = PROTOCOL_SCHEMA_UNSUPPORTED;
        snprintf(out->message, sizeof(out->message), "the node loads schema %u to %u, the bundle has %u",
                 n->schema_min, n->schema_max, b->schema);
        return out;
    }
    if (n->limits.max_bundle_bytes != 0 && b->total_bytes > n->limits.max_bundle_bytes) {
        out->code = PROTOCOL_LIMIT_EXCEEDED;
        snprintf(out->message, sizeof(out->message), "the node takes %llu bytes, the bundle has %llu",
                 (unsigned long long)n->limits.max_bundle_bytes, (unsigned long long)b->total_bytes);
        return out;
    }
    if (n->limits.max_routes != 0 && b->routes > n->limits.max_routes) {
        out->code = PROTOCOL_LIMIT_EXCEEDED;
        snprintf(out->message, sizeof(out->message), "the node takes %u routes, the bundle has %u",
                 n->limits.max_routes, b->routes);
        return out;
    }
    return NULL;
}

const struct protocol_error *push_node_refusal(const struct push_node *n, const struct bundle *b,
                                               struct protocol_error *scratch)
{
    for (size_t i = 0; i < n->n_refused; i++) {
        if (protocol_same_root(&n->refused[i].version, &b->version))
            return &n->refused[i].error;
    }
    return incompatible(n, b, scratch);
}

void push_node_refuse(struct push_node *n, const struct bundle_version *v, const struct protocol_error *error)
{
    for (size_t i = 0; i < n->n_refused; i++) {
        if (protocol_same_root(&n->refused[i].version, v))
            return;
    }
    if (n->n_refused == PROTOCOL_REJECTED_MAX) {
        memmove(&n->refused[0], &n->refused[1], (PROTOCOL_REJECTED_MAX - 1) * sizeof(n->refused[0]));
        n->n_refused--;
    }
    n->refused[n->n_refused++] = (struct push_refusal){*v, *error};
}

void push_node_end_offer(struct push_node *n)
{
    bundle_unref(n->offer.bundle);
    n->offer.bundle = NULL;
    n->offer.inflight = false;
}

void push_node_withdraw(struct push_core *c, struct push_node *n, const char *reason)
{
    struct push_action *a = push_act(c, PUSH_DO_WITHDRAW, n->connection->id);

    MUST(n->offer.inflight && n->offer.hold && !n->offer.activated);
    if (a != NULL) {
        memcpy(a->nonce, n->offer.nonce, sizeof(a->nonce));
        snprintf(a->reason, sizeof(a->reason), "%s", reason);
    }
    push_node_end_offer(n);
}

void push_node_activate(struct push_core *c, struct push_node *n)
{
    struct push_action *a;

    if (!n->offer.hold || n->offer.activated)
        return;
    a = push_act(c, PUSH_DO_ACTIVATE, n->connection->id);
    if (a != NULL)
        memcpy(a->nonce, n->offer.nonce, sizeof(a->nonce));
    n->offer.activated = true;
}

/* A table that the node holds and we still know: what the delta starts from. */
static struct leaf_table *delta_base(const struct push_node *n)
{
    const struct push_environment *env = n->environment;

    if (!n->can_delta || n->full_list || !n->view.has_active)
        return NULL;
    for (size_t i = 0; i < env->n_recent; i++) {
        if (protocol_same_root(&env->recent[i].version, &n->view.active))
            return env->recent[i].table;
    }
    return NULL;
}

static void offer(struct push_core *c, struct push_node *n, struct bundle *b, bool hold)
{
    struct push_action *a = push_act(c, PUSH_DO_OFFER, n->connection->id);
    struct leaf_table *base = delta_base(n);

    n->offer = (struct push_offer){.inflight = true, .hold = hold, .bundle = bundle_ref(b),
                                   .due_ms = c->now.mono_ms + c->o.apply_deadline_ms};
    c->o.random(c->o.random_arg, n->offer.nonce, sizeof(n->offer.nonce));
    n->full_list = false;
    push_changed(c, n->environment);
    if (a == NULL)
        return;
    memcpy(a->nonce, n->offer.nonce, sizeof(a->nonce));
    a->bundle = bundle_ref(b);
    a->base = base == NULL ? NULL : leaf_table_ref(base);
    a->base_version = n->view.active;
    a->hold = hold;
    a->deadline_ms = c->o.apply_deadline_ms;
}

/* May b be offered now? Never what it refused, never something older than it has. */
static bool is_offerable(const struct push_core *c, const struct push_node *n, const struct bundle *b)
{
    struct protocol_error scratch;

    if (push_node_is_at(n, b) || push_node_refusal(n, b, &scratch) != NULL)
        return false;
    if (n->view.has_active && bundle_version_cmp(&n->view.active, &b->version) >= 0)
        return false;
    return n->retries == 0 || !protocol_same_root(&n->retry, &b->version) || c->now.mono_ms >= n->retry_ms;
}

static void judge_ahead(struct push_core *c, struct push_node *n)
{
    const struct push_environment *env = n->environment;
    bool was = n->ahead;

    n->ahead = n->view.has_active && env->live != NULL && !push_node_is_at(n, env->live) &&
               bundle_version_cmp(&n->view.active, &env->live->version) >= 0 &&
               !(env->head != NULL && (push_node_is_at(n, env->head) ||
                                       bundle_version_cmp(&n->view.active, &env->head->version) < 0));
    if (n->ahead && !was) {
        push_alarm(c, env, n->view.id, "the node serves something newer than this control plane has; it is left alone");
        push_changed(c, n->environment);
    }
}

void push_node_advance(struct push_core *c, struct push_node *n)
{
    struct push_environment *env = n->environment;

    if (n->connection == NULL)
        return;
    judge_ahead(c, n);
    if (n->offer.inflight && n->offer.hold && !n->offer.activated && !(env->live != NULL && offer_is(n, env->live)) &&
        !(env->head != NULL && offer_is(n, env->head)))
        push_node_withdraw(c, n, "a newer one is live"); /* it lagged so long that nobody will activate it */
    if (n->offer.inflight)
        return;
    if (env->live != NULL && is_offerable(c, n, env->live))
        offer(c, n, env->live, false);
    else if (env->head != NULL && is_offerable(c, n, env->head))
        offer(c, n, env->head, true);
}

void push_node_tick(struct push_core *c, struct push_node *n)
{
    const struct push_environment *env = n->environment;

    if (n->connection == NULL)
        return;
    if (n->offer.inflight && env->live != NULL && offer_is(n, env->live) && c->now.mono_ms >= n->offer.due_ms)
        push_close(c, n->connection, PUSH_CLOSE_DEADLINE, "the node has not answered an offer in time");
    else if (n->retries > 0 && !n->offer.inflight)
        push_node_advance(c, n);
}

/* ---- Hello ---------------------------------------------------------------------------------------------------------- */

static struct push_node *node_new(struct push_core *c, struct push_environment *env, const char *id)
{
    struct push_node *n = calloc(1, sizeof(*n));
    struct list *at = &env->nodes;

    if (n == NULL)
        return NULL;
    snprintf(n->key, sizeof(n->key), "%s\n%s", env->name, id);
    snprintf(n->view.id, sizeof(n->view.id), "%s", id);
    snprintf(n->view.environment, sizeof(n->view.environment), "%s", env->name);
    n->environment = env;
    if (map_put(&c->nodes, slice_of(n->key), n, NULL) != 0) {
        free(n);
        return NULL;
    }
    while (at->prev != &env->nodes && strcmp(CONTAINER_OF(at->prev, struct push_node, link)->view.id, id) > 0)
        at = at->prev;
    list_append(at, &n->link);
    return n;
}

/* The table of nodes is full: the one that is offline longest goes. */
static bool make_room(struct push_core *c)
{
    struct push_node *oldest = NULL;
    size_t at = 0;
    struct slice key;
    void *value;

    if (c->nodes.n < PUSH_NODES_MAX)
        return true;
    while (map_next(&c->nodes, &at, &key, &value)) {
        struct push_node *n = value;

        if (n->connection == NULL && (oldest == NULL || n->view.last_seen_ms < oldest->view.last_seen_ms))
            oldest = n;
    }
    if (oldest == NULL)
        return false;
    (void)map_del(&c->nodes, slice_of(oldest->key));
    list_remove(&oldest->link);
    free(oldest);
    return true;
}

static struct push_node *node_get(struct push_core *c, const char *environment, const char *id)
{
    char key[PROTOCOL_ENVIRONMENT + PROTOCOL_NODE];
    struct push_environment *env;
    struct push_node *n;

    snprintf(key, sizeof(key), "%s\n%s", environment, id);
    n = map_get(&c->nodes, slice_of(key));
    if (n != NULL)
        return n;
    env = make_room(c) ? push_environment_get(c, environment, true) : NULL;
    return env == NULL ? NULL : node_new(c, env, id);
}

static bool hello_is_allowed(struct push_core *c, struct push_connection *conn, const struct protocol_hello *h)
{
    if (strcmp(h->cluster_id, c->cluster_id) != 0 || strcmp(conn->cluster, c->cluster_id) != 0)
        push_close(c, conn, PUSH_CLOSE_DENIED, "this is another cluster");
    else if (strcmp(h->environment, conn->environment) != 0)
        push_close(c, conn, PUSH_CLOSE_DENIED, "the environment is not the certificate's");
    else if (strcmp(h->node_id, conn->name) != 0)
        push_close(c, conn, PUSH_CLOSE_DENIED, "the node id is not the certificate's");
    else if (h->schema_max < PROTOCOL_SCHEMA_MIN || h->schema_min > PROTOCOL_SCHEMA_MAX || h->schema_min > h->schema_max)
        push_close(c, conn, PUSH_CLOSE_PRECONDITION, "no bundle schema that both sides know: upgrade the older side");
    else
        return true;
    return false;
}

static void hello_take(struct push_core *c, struct push_node *n, const struct push_connection *conn,
                       const struct protocol_hello *h)
{
    struct push_node_view *v = &n->view;

    if (strcmp(v->software, h->software) != 0)
        n->n_refused = 0;
    for (size_t i = 0; i < h->n_rejected; i++) {
        struct protocol_error error = {.code = PROTOCOL_CRASHED,
                                       .message = "the node refused this bundle or crashed on it before"};

        push_node_refuse(n, &h->rejected[i], &error);
    }
    snprintf(v->software, sizeof(v->software), "%s", h->software);
    snprintf(v->address, sizeof(v->address), "%s", conn->address);
    snprintf(v->labels, sizeof(v->labels), "%s", h->labels);
    memcpy(n->instance_id, h->instance_id, sizeof(n->instance_id));
    n->schema_min = h->schema_min;
    n->schema_max = h->schema_max;
    n->limits = h->limits;
    n->can_delta = h->can_delta;
    n->full_list = false;
    n->retries = 0;
    n->lost = false;
    n->ahead = false;
    n->diverged = 0;
    v->has_active = h->has_active;
    v->active = h->active;
    v->source = h->source;
    v->workers = h->workers;
    v->restart_count = h->restart_count;
    v->connected = true;
    v->draining = v->lagging = false;
    v->connected_at_ms = v->last_seen_ms = c->now.wall_ms;
    v->cert_not_after = conn->not_after;
    v->requests = 0;
}

void push_node_hello(struct push_core *c, struct push_connection *conn, const struct protocol_hello *h)
{
    struct push_node *n;
    struct push_action *a;

    if (conn->node != NULL) {
        push_close(c, conn, PUSH_CLOSE_INVALID, "a second Hello");
        return;
    }
    if (!hello_is_allowed(c, conn, h))
        return;
    n = node_get(c, h->environment, h->node_id);
    if (n == NULL) {
        push_close(c, conn, PUSH_CLOSE_EXHAUSTED, "too many nodes");
        return;
    }
    if (n->connection != NULL)
        push_close(c, n->connection, PUSH_CLOSE_ABORTED, "a newer stream of this node is here");
    hello_take(c, n, conn, h);
    n->connection = conn;
    conn->node = n;
    /* Who comes to a decided rollout is not waited for. */
    n->view.lagging = n->environment->state == PUSH_ACTIVATING && !push_node_is_at(n, n->environment->live);
    a = push_act(c, PUSH_DO_WELCOME, conn->id);
    if (a != NULL && n->environment->live != NULL) {
        a->has_version = true;
        a->version = n->environment->live->version;
    }
    a = push_act(c, PUSH_DO_SEEN, conn->id);
    if (a != NULL) {
        snprintf(a->environment, sizeof(a->environment), "%s", n->view.environment);
        snprintf(a->node, sizeof(a->node), "%s", n->view.id);
    }
    push_changed(c, n->environment);
    push_node_advance(c, n);
    push_roll_check(c, n->environment);
}

/* ---- answers --------------------------------------------------------------------------------------------------------- */

static bool is_inflight(const struct push_node *n, const uint8_t nonce[PROTOCOL_NONCE])
{
    return n->offer.inflight && memcmp(n->offer.nonce, nonce, PROTOCOL_NONCE) == 0;
}

static void became_active(struct push_core *c, struct push_node *n)
{
    n->view.has_active = true;
    n->view.active = n->offer.bundle->version;
    n->view.source = PROTOCOL_CONTROL_PLANE;
    n->view.lagging = false;
    n->view.has_error = false;
    n->retries = 0;
    n->diverged = 0;
    push_node_end_offer(n);
    push_node_advance(c, n);
}

void push_node_ack(struct push_core *c, struct push_node *n, const struct protocol_ack *a)
{
    struct push_environment *env = n->environment;

    if (!is_inflight(n, a->nonce))
        return; /* it crossed with a withdrawal, or is DURABLE of an offer that is done */
    if (!protocol_same_root(&a->version, &n->offer.bundle->version) || a->phase <= n->offer.phase ||
        a->phase > PROTOCOL_ACTIVE || (a->phase == PROTOCOL_ACTIVE && n->offer.hold && !n->offer.activated)) {
        push_close(c, n->connection, PUSH_CLOSE_INVALID, "an acknowledgement out of order");
        return;
    }
    n->offer.phase = a->phase;
    push_changed(c, env);
    if (a->phase == PROTOCOL_ACTIVE)
        became_active(c, n);
    else if (a->phase != PROTOCOL_BUILT)
        return;
    else if (env->live != NULL && offer_is(n, env->live))
        push_node_activate(c, n);   /* it lagged: the others serve it already */
    push_roll_check(c, env);
}

static void retry_later(struct push_core *c, struct push_node *n, const struct bundle_version *v,
                        const struct protocol_error *error)
{
    uint64_t wait = RETRY_BASE_MS;

    if (!protocol_same_root(&n->retry, v))
        n->retries = 0;
    n->retry = *v;
    n->retries++;
    if (error->code == PROTOCOL_BASE_MISMATCH && n->retries == 1) {
        n->full_list = true;
        n->retry_ms = c->now.mono_ms;
        return;
    }
    for (uint32_t i = 1; i < n->retries && wait < RETRY_CAP_MS; i++)
        wait *= 2;
    n->retry_ms = c->now.mono_ms + (wait < RETRY_CAP_MS ? wait : RETRY_CAP_MS);
}

void push_node_nack(struct push_core *c, struct push_node *n, const struct protocol_nack *k)
{
    struct push_environment *env = n->environment;
    struct bundle_version v;

    if (!is_inflight(n, k->nonce))
        return;
    v = n->offer.bundle->version;
    push_node_end_offer(n);
    n->view.has_error = true;
    n->view.error = k->error;
    n->view.error_version = v;
    n->view.error_at_ms = c->now.wall_ms;
    push_changed(c, env);
    if (k->retryable)
        retry_later(c, n, &v, &k->error);
    else
        push_node_refuse(n, &v, &k->error);
    if (k->retryable && n->retries > PUSH_RETRIES_MAX && env->head != NULL &&
        protocol_same_root(&env->head->version, &v)) {
        push_roll_fail(c, env, n->view.id, &k->error);
    }
    push_node_advance(c, n);
    push_roll_check(c, env);
}

void push_node_status(struct push_core *c, struct push_node *n, const struct protocol_status *s)
{
    struct push_node_view *v = &n->view;
    bool draining = s->health == PROTOCOL_DRAINING;

    if (v->health != s->health || v->draining != draining)
        push_changed(c, n->environment);
    v->health = s->health;
    v->uptime_s = s->uptime_s;
    v->rss_bytes = s->rss_bytes;
    v->live_generations = s->live_generations;
    v->requests += s->delta.requests;
    v->clock_skew_ms = s->clock_unix_ms - c->now.wall_ms;
    if (s->cert_not_after_unix != 0)
        v->cert_not_after = s->cert_not_after_unix;
    if (v->draining != draining) {
        v->draining = draining;
        push_roll_check(c, n->environment);
    }
    if (n->offer.inflight || !s->has_active || (v->has_active && protocol_same_root(&s->active, &v->active))) {
        n->diverged = 0;
        return;
    }
    /* It serves something else than it told us: believe what it serves, and bring it back. */
    if (++n->diverged == 1)
        return; /* the status and an acknowledgement may have crossed */
    push_alarm(c, n->environment, v->id, "the node serves something else than it acknowledged");
    v->has_active = true;
    v->active = s->active;
    n->diverged = 0;
    push_changed(c, n->environment);
    push_node_advance(c, n);
    push_roll_check(c, n->environment);
}

void push_node_gone(struct push_core *c, struct push_node *n, bool graceful)
{
    struct push_action *a = push_act(c, PUSH_DO_SEEN, n->connection->id);

    if (a != NULL) {
        snprintf(a->environment, sizeof(a->environment), "%s", n->view.environment);
        snprintf(a->node, sizeof(a->node), "%s", n->view.id);
    }
    if (n->offer.inflight && n->offer.phase < PROTOCOL_BUILT && !graceful && !n->view.draining) {
        n->lost = true;
        n->lost_version = n->offer.bundle->version;
        n->lost_ms = c->now.mono_ms;
    }
    push_node_end_offer(n);
    n->connection->node = NULL;
    n->connection = NULL;
    n->view.connected = false;
    n->view.lagging = false;
    n->view.last_seen_ms = c->now.wall_ms;
    push_changed(c, n->environment);
    push_roll_check(c, n->environment);
}
