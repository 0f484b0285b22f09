#include <stdlib.h>
#include <string.h>

#include "admin/admin_int.h"
#include "base/clock.h"
#include "base/must.h"

/* Rollouts and nodes, as the push server sees them: on the loop. Nodes that are not connected come from the store. */

static void put_version(struct json_writer *w, const char *key, bool has, const struct bundle_version *v)
{
    json_key(w, key);
    if (!has) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_member_uint(w, "epoch", v->epoch);
    json_member_uint(w, "revision", v->revision);
    admin_member_root(w, "root", v->root);
    json_end_object(w);
}

static void put_error(struct json_writer *w, const struct protocol_error *error)
{
    json_key(w, "error");
    json_begin_object(w);
    json_member_str(w, "code", push_code_name(error->code));
    json_member_str(w, "type", error->type);
    json_member_str(w, "key", error->key);
    json_member_str(w, "field", error->field);
    json_member_str(w, "message", error->message);
    json_member_bool(w, "retryable", error->retryable);
    json_end_object(w);
}

static const char *health_name(enum protocol_health h)
{
    static const char *const names[] = {"unknown", "ready", "degraded", "draining", "starting"};

    return (size_t)h < ARRAY_LEN(names) ? names[h] : "unknown";
}

static const char *source_name(enum protocol_source s)
{
    static const char *const names[] = {"none", "last_good", "seed_file", "control_plane"};

    return (size_t)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

static void put_node(struct json_writer *w, const struct push_node_view *n, const struct store_node *known)
{
    json_begin_object(w);
    json_member_str(w, "id", n->id);
    json_member_str(w, "environment", n->environment);
    json_member_str(w, "state", push_node_state_name(n->state));
    json_member_bool(w, "connected", n->connected);
    json_member_bool(w, "draining", n->draining);
    json_member_bool(w, "lagging", n->lagging);
    put_version(w, "active", n->has_active, &n->active);
    json_member_str(w, "health", health_name(n->health));
    json_member_str(w, "source", source_name(n->source));
    json_member_str(w, "version", n->software);
    json_member_str(w, "address", n->address);
    json_member_str(w, "labels", n->labels);
    json_member_uint(w, "workers", n->workers);
    json_member_uint(w, "restarts", n->restart_count);
    json_member_uint(w, "uptimeSeconds", n->uptime_s);
    json_member_uint(w, "rssBytes", n->rss_bytes);
    json_member_uint(w, "requests", n->requests);
    json_member_uint(w, "liveGenerations", n->live_generations);
    json_member_int(w, "clockSkewMillis", n->clock_skew_ms);
    admin_member_time(w, "connectedAt", n->connected_at_ms);
    admin_member_time(w, "lastSeen", n->last_seen_ms);
    admin_member_time(w, "firstSeen", known == NULL ? 0 : known->first_seen_ms);
    admin_member_time(w, "certificateNotAfter", n->cert_not_after != 0 ? n->cert_not_after * 1000 : known == NULL ? 0 : known->not_after_ms);
    if (n->has_error) {
        put_error(w, &n->error);
        put_version(w, "errorVersion", true, &n->error_version);
        admin_member_time(w, "errorAt", n->error_at_ms);
    }
    json_end_object(w);
}

/* ---- rollouts ---- */

static void put_rollout(struct json_writer *w, const struct push_rollout *r)
{
    json_begin_object(w);
    json_member_str(w, "environment", r->environment);
    json_member_str(w, "state", push_state_name(r->state));
    put_version(w, "live", r->has_live, &r->live);
    put_version(w, "head", r->has_head, &r->head);
    json_member_uint(w, "connected", r->connected);
    json_member_uint(w, "built", r->built);
    json_member_uint(w, "active", r->active);
    json_member_uint(w, "lagging", r->lagging);
    json_member_uint(w, "refused", r->refused);
    admin_member_time(w, "since", r->since_ms);
    json_key(w, "failure");
    if (r->state == PUSH_FAILED) {
        json_begin_object(w);
        json_member_str(w, "node", r->failure.node);
        put_error(w, &r->failure.error);
        json_end_object(w);
    } else {
        json_put_null(w);
    }
    json_key(w, "nodes");
    json_begin_array(w);
    for (size_t i = 0; i < r->n_nodes; i++)
        put_node(w, &r->nodes[i], NULL);
    json_end_array(w);
    json_end_object(w);
}

struct all_rollouts {
    struct admin *admin;
    struct json_writer *w;
};

static void one_rollout(void *arg, const char *environment)
{
    struct all_rollouts *all = arg;
    struct push_rollout r;

    if (push_rollout(all->admin->push, environment, &r) != 0)
        return;
    put_rollout(all->w, &r);
    push_rollout_fini(&r);
}

int admin_finish_rollouts(struct admin_call *call, struct err *e)
{
    struct json_writer w;
    struct all_rollouts all = {call->admin, &w};

    json_writer_init(&w, &call->out, 0);
    json_begin_array(&w);
    push_environments(call->admin->push, one_rollout, &all);
    json_end_array(&w);
    return admin_end_good(call, &w, e);
}

/* Has the rollout of this revision, or of a later one, come to an end? */
static bool is_over(const struct push_rollout *r, uint64_t revision)
{
    if (r->has_live && r->live.revision >= revision && r->state != PUSH_ACTIVATING)
        return true;
    return r->state == PUSH_FAILED && r->head.revision >= revision;
}

int admin_finish_rollout(struct admin_call *call, struct err *e)
{
    uint64_t revision = 0, timeout_ms = 30000;
    struct push_rollout r;
    struct json_writer w;
    int rc = admin_query_number(call, "waitRevision", INT64_MAX, &revision, e);

    if (rc == 0)
        rc = admin_query_number(call, "timeoutMillis", ADMIN_WAIT_MAX_MS, &timeout_ms, e);
    if (rc != 0)
        return rc;
    if (call->args[0].n >= sizeof(call->environment))
        return err_set(e, ERR_NOTFOUND, "there is no environment of this name");
    (void)snprintf(call->environment, sizeof(call->environment), "%.*s", SLICE_FMT(call->args[0]));
    rc = push_rollout(call->admin->push, call->environment, &r);
    if (rc == -ERR_NOTFOUND)
        return err_set(e, ERR_NOTFOUND, "there is no environment %s", call->environment);
    if (rc != 0)
        return err_set(e, ERR_NOMEM, "rollout");
    if (revision != 0 && !is_over(&r, revision) && !call->last_look && timeout_ms > 0 &&
        admin_call_park(call, (uint32_t)timeout_ms) == 0) {
        push_rollout_fini(&r);
        return -ERR_AGAIN;
    }
    json_writer_init(&w, &call->out, 0);
    put_rollout(&w, &r);
    push_rollout_fini(&r);
    return admin_end_good(call, &w, e);
}

/* ---- nodes ---- */

struct known_nodes {
    struct arena *arena;
    struct vec nodes;        /* struct store_node */
};

static int keep_node(void *arg, const struct store_node *n)
{
    struct known_nodes *k = arg;
    struct store_node copy = *n;

    if (n->removed_ms != 0)
        return 0;
    copy.id = arena_dup(k->arena, n->id);
    copy.environment = arena_dup(k->arena, n->environment);
    copy.serial = SLICE_NONE;
    if (copy.id.p == NULL || copy.environment.p == NULL || vec_push(&k->nodes, &copy) == NULL)
        return -ERR_NOMEM;
    return 0;
}

int admin_run_nodes(struct admin_call *call, struct store *s, struct err *e)
{
    struct known_nodes k = {&call->arena, VEC_INIT(struct store_node)};
    struct known_nodes *kept;
    int rc = store_nodes(s, keep_node, &k, e);

    kept = rc == 0 ? arena_alloc(&call->arena, sizeof(*kept)) : NULL;
    if (kept != NULL) {
        *kept = k;
        call->data = kept;
        /* The vector dies with the call, wherever that ends. */
        if (arena_hold(&call->arena, (void (*)(void *))vec_fini, &kept->nodes) == 0)
            return 0;
        call->data = NULL;
    }
    vec_fini(&k.nodes);
    return rc != 0 && rc != -ERR_NOMEM ? rc : err_set(e, ERR_NOMEM, "nodes");
}

struct node_list {
    struct json_writer *w;
    struct vec *known;
};

static void one_node(void *arg, const struct push_node_view *n)
{
    struct node_list *l = arg;
    struct store_node *known = NULL;

    for (size_t i = 0; i < l->known->n; i++) {
        struct store_node *k = &VEC_AT(l->known, struct store_node, i);

        if (slice_is(k->id, n->id)) {
            known = k;
            put_node(l->w, n, known);
            known->id = SLICE_NONE; /* told */
            return;
        }
    }
    put_node(l->w, n, NULL);
}

int admin_finish_nodes(struct admin_call *call, struct err *e)
{
    struct known_nodes *k = call->data;
    struct json_writer w;
    struct node_list l = {&w, &k->nodes};

    json_writer_init(&w, &call->out, 0);
    json_begin_array(&w);
    push_nodes(call->admin->push, one_node, &l);
    for (size_t i = 0; i < k->nodes.n; i++) {
        const struct store_node *known = &VEC_AT(&k->nodes, struct store_node, i);
        struct push_node_view view = {.state = PUSH_NODE_OFFLINE, .last_seen_ms = known->last_seen_ms};

        if (known->id.n == 0)
            continue;
        (void)snprintf(view.id, sizeof(view.id), "%.*s", SLICE_FMT(known->id));
        (void)snprintf(view.environment, sizeof(view.environment), "%.*s", SLICE_FMT(known->environment));
        put_node(&w, &view, known);
    }
    json_end_array(&w);
    return admin_end_good(call, &w, e);
}

/* Forgets a node and refuses the certificates that it was given so far, for good: it must join again. */
int admin_run_node_delete(struct admin_call *call, struct store *s, struct err *e)
{
    int rc = store_node_remove(s, call->args[0], call->args[1], clock_wall_ms(), e);

    call->status = rc == 0 ? 204 : 0;
    return rc;
}

int admin_finish_node_delete(struct admin_call *call, struct err *e)
{
    char id[129];

    (void)e;
    (void)snprintf(id, sizeof(id), "%.*s", SLICE_FMT(call->args[1]));
    if (call->admin->o.node_removed != NULL)
        call->admin->o.node_removed(call->admin->o.arg, id);
    push_forget(call->admin->push, id);
    return 0;
}
