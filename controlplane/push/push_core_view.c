/* What people see of rollouts and nodes. */
#include <stdio.h>

#include "base/must.h"
#include "push/push_core_int.h"

static enum push_node_state node_state(const struct push_node *n)
{
    const struct push_environment *env = n->environment;
    const struct bundle *goal = env->head != NULL ? env->head : env->live;
    struct protocol_error scratch;

    if (n->connection == NULL)
        return PUSH_NODE_OFFLINE;
    if (n->ahead)
        return PUSH_NODE_AHEAD;
    if (n->offer.inflight) {
        if (n->offer.phase < PROTOCOL_VERIFIED)
            return PUSH_NODE_OFFERED;
        if (n->offer.phase < PROTOCOL_BUILT)
            return PUSH_NODE_VERIFIED;
        return n->offer.hold && !n->offer.activated ? PUSH_NODE_BUILT : PUSH_NODE_ACTIVATING;
    }
    if (env->has_failed && n->view.has_error && protocol_same_root(&n->view.error_version, &env->failed))
        return PUSH_NODE_REFUSED;
    if (goal != NULL && push_node_is_at(n, goal))
        return PUSH_NODE_CURRENT;
    if (goal != NULL && push_node_refusal(n, goal, &scratch) != NULL)
        return PUSH_NODE_REFUSED;
    return push_node_is_at(n, env->live) ? PUSH_NODE_CURRENT : PUSH_NODE_IDLE;
}

static void node_view(const struct push_node *n, struct push_node_view *out)
{
    *out = n->view;
    out->state = node_state(n);
}

int push_core_rollout(const struct push_core *c, const char *environment, struct push_rollout *out)
{
    const struct push_environment *env = map_get(&c->environments, slice_of(environment));
    const struct bundle *goal;
    size_t n_nodes = 0;

    if (env == NULL)
        return -ERR_NOTFOUND;
    memset(out, 0, sizeof(*out));
    for (struct list *l = env->nodes.next; l != &env->nodes; l = l->next)
        n_nodes++;
    out->nodes = calloc(n_nodes + 1, sizeof(*out->nodes));
    if (out->nodes == NULL)
        return -ERR_NOMEM;
    snprintf(out->environment, sizeof(out->environment), "%s", env->name);
    out->state = env->state;
    out->since_ms = env->since_ms;
    out->failure = env->failure;
    goal = env->head != NULL ? env->head : env->live;
    out->has_live = env->live != NULL;
    if (env->live != NULL)
        out->live = env->live->version;
    out->has_head = goal != NULL || env->has_failed;
    if (env->has_failed)
        out->head = env->failed;
    else if (goal != NULL)
        out->head = goal->version;
    for (struct list *l = env->nodes.next; l != &env->nodes; l = l->next) {
        const struct push_node *n = CONTAINER_OF(l, struct push_node, link);
        struct push_node_view *v = &out->nodes[out->n_nodes++];

        node_view(n, v);
        if (n->connection == NULL)
            continue;
        out->connected++;
        out->built += goal != NULL && push_node_has_built(n, goal);
        out->active += goal != NULL && push_node_is_at(n, goal);
        out->lagging += v->lagging;
        out->refused += v->state == PUSH_NODE_REFUSED;
    }
    return 0;
}

void push_rollout_fini(struct push_rollout *r)
{
    free(r->nodes);
    r->nodes = NULL;
    r->n_nodes = 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in order; NULL when memory is out. The caller frees the array. */
static const char **sorted_environments(const struct push_core *c, size_t *n)
{
    const char **names = calloc(c->environments.n + 1, sizeof(*names));
    struct slice key;
    size_t at = 0;
    void *value;

    *n = 0;
    if (names == NULL)
        return NULL;
    while (map_next(&c->environments, &at, &key, &value))
        names[(*n)++] = ((const struct push_environment *)value)->name;
    qsort(names, *n, sizeof(*names), by_name);
    return names;
}

void push_core_environments(const struct push_core *c, void (*cb)(void *arg, const char *environment), void *arg)
{
    size_t n;
    const char **names = sorted_environments(c, &n);

    for (size_t i = 0; i < n; i++)
        cb(arg, names[i]);
    free(names);
}

void push_core_nodes(const struct push_core *c, void (*cb)(void *arg, const struct push_node_view *node), void *arg)
{
    size_t n;
    const char **names = sorted_environments(c, &n);

    for (size_t i = 0; i < n; i++) {
        const struct push_environment *env = map_get(&c->environments, slice_of(names[i]));

        for (struct list *l = env->nodes.next; l != &env->nodes; l = l->next) {
            struct push_node_view v;

            node_view(CONTAINER_OF(l, struct push_node, link), &v);
            cb(arg, &v);
        }
    }
    free(names);
}

bool push_core_node(const struct push_core *c, const char *environment, const char *node_id, struct push_node_view *out)
{
    char key[PROTOCOL_ENVIRONMENT + PROTOCOL_NODE];
    const struct push_node *n;

    snprintf(key, sizeof(key), "%s\n%s", environment, node_id);
    n = map_get(&c->nodes, slice_of(key));
    if (n == NULL)
        return false;
    node_view(n, out);
    return true;
}

const char *push_state_name(enum push_state s)
{
    static const char *const names[] = {"empty", "pending", "activating", "live", "failed"};

    return (size_t)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

const char *push_node_state_name(enum push_node_state s)
{
    static const char *const names[] = {"offline", "idle",    "offered", "verified", "built",
                                        "activating", "current", "refused", "ahead"};

    return (size_t)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

const char *push_code_name(enum protocol_code c)
{
    static const char *const names[] = {
        "unset",         "signature",      "hash_mismatch",     "decode",           "schema_unsupported",
        "capability_missing", "limit_exceeded", "invalid_resource", "dangling_reference", "no_memory",
        "no_disk",       "stale_version",  "base_mismatch",     "timeout",          "bind_failed",
        "crashed_before", "internal",
    };

    return (size_t)c < ARRAY_LEN(names) ? names[c] : "unknown";
}
