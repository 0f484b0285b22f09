/* One environment: from a new head over BUILT everywhere to live, or back. */
#include "push/push_core_int.h"

#include <stdio.h>

static void set_state(struct push_core *c, struct push_environment *env, enum push_state state)
{
    env->state = state;
    env->since_ms = c->now.wall_ms;
    push_changed(c, env);
}

static void tell_store(struct push_core *c, struct push_environment *env, const struct bundle_version *v,
                       enum push_outcome outcome)
{
    struct push_action *a = push_act(c, PUSH_DO_HEAD, 0);

    if (a == NULL)
        return;
    snprintf(a->environment, sizeof(a->environment), "%s", env->name);
    a->version = *v;
    a->has_version = true;
    a->outcome = outcome;
    if (outcome != PUSH_BECAME_FAILED)
        return;
    a->failure = malloc(sizeof(*a->failure));
    if (a->failure == NULL)
        c->out->failed = true;
    else
        *a->failure = env->failure;
}

/* Keeps the table as a base for deltas; the oldest of PROTOCOL_RECENT goes. */
static void remember(struct push_environment *env, const struct bundle *b)
{
    size_t i = 0;

    while (i < env->n_recent && !protocol_same_root(&env->recent[i].version, &b->version))
        i++;
    if (i == env->n_recent && i == PROTOCOL_RECENT)
        i--;
    if (i < env->n_recent)
        leaf_table_unref(env->recent[i].table);
    else
        env->n_recent++;
    memmove(&env->recent[1], &env->recent[0], i * sizeof(env->recent[0]));
    env->recent[0] = (struct push_recent){b->version, leaf_table_ref(b->table)};
}

static void set_live(struct push_environment *env, struct bundle *b /* taken */)
{
    bundle_unref(env->live);
    env->live = b;
    remember(env, b);
}

static void begin(struct push_core *c, struct push_environment *env, struct bundle *b /* taken */);

static void begin_next(struct push_core *c, struct push_environment *env)
{
    struct bundle *b = TAKE(&env->next);

    if (b == NULL)
        return;
    env->chain_ms = c->now.mono_ms;
    begin(c, env, b);
}

/* Nodes that are not waited for any more are lagging; with nobody left to wait for, the environment is live. */
static void check_activating(struct push_core *c, struct push_environment *env)
{
    bool late = c->now.mono_ms >= env->deadline_ms;
    struct protocol_error scratch;

    for (struct list *l = env->nodes.next; l != &env->nodes; l = l->next) {
        struct push_node *n = CONTAINER_OF(l, struct push_node, link);

        if (!push_node_counts(n) || n->view.lagging || push_node_is_at(n, env->live))
            continue;
        if (!late && push_node_refusal(n, env->live, &scratch) == NULL)
            return;
        n->view.lagging = true;
    }
    set_state(c, env, PUSH_LIVE);
    begin_next(c, env);
}

static void commit(struct push_core *c, struct push_environment *env)
{
    set_live(env, TAKE(&env->head));
    set_state(c, env, PUSH_ACTIVATING);
    env->deadline_ms = c->now.mono_ms + c->o.activate_deadline_ms;
    tell_store(c, env, &env->live->version, PUSH_BECAME_LIVE);
    for (struct list *l = env->nodes.next; l != &env->nodes; l = l->next) {
        struct push_node *n = CONTAINER_OF(l, struct push_node, link);

        n->view.lagging = push_node_counts(n) && !push_node_has_built(n, env->live);
        n->lost = false;
        n->offer.due_ms = c->now.mono_ms + c->o.apply_deadline_ms;
        if (n->offer.inflight && n->offer.phase == PROTOCOL_BUILT && protocol_same_root(&n->offer.bundle->version,
                                                                                     &env->live->version))
            push_node_activate(c, n);
        push_node_advance(c, n);
    }
    check_activating(c, env);
}

void push_roll_fail(struct push_core *c, struct push_environment *env, const char *node, const struct protocol_error *e)
{
    struct bundle *head = TAKE(&env->head);

    env->has_failed = true;
    env->failed = head->version;
    memset(&env->failure, 0, sizeof(env->failure));
    snprintf(env->failure.node, sizeof(env->failure.node), "%s", node);
    env->failure.error = *e;
    for (struct list *l = env->nodes.next; l != &env->nodes; l = l->next) {
        struct push_node *n = CONTAINER_OF(l, struct push_node, link);

        n->lost = false;
        if (n->offer.inflight && n->offer.hold && protocol_same_root(&n->offer.bundle->version, &head->version))
            push_node_withdraw(c, n, "a node refused it");
    }
    set_state(c, env, PUSH_FAILED);
    tell_store(c, env, &head->version, PUSH_BECAME_FAILED);
    bundle_unref(head);
    begin_next(c, env);
}

struct tally {
    uint32_t connected, built;
    bool is_served;       /* a node serves it already: it was decided before a restart of ours */
    bool lost, lost_long; /* somebody vanished while building: wait a little; wait longer while nobody else is here */
};

/* False: the head has failed. */
static bool count_nodes(struct push_core *c, struct push_environment *env, struct tally *t)
{
    struct protocol_error scratch;

    for (struct list *l = env->nodes.next; l != &env->nodes; l = l->next) {
        struct push_node *n = CONTAINER_OF(l, struct push_node, link);
        const struct protocol_error *why;

        if (n->connection == NULL && n->lost && protocol_same_root(&n->lost_version, &env->head->version)) {
            t->lost_long = true;
            t->lost |= c->now.mono_ms < n->lost_ms + c->o.lost_ms;
        }
        if (!push_node_counts(n))
            continue;
        t->connected++;
        t->is_served |= push_node_is_at(n, env->head) &&
                        bundle_version_cmp(&n->view.active, &env->head->version) == 0;
        if (push_node_has_built(n, env->head)) {
            t->built++;
            continue;
        }
        why = push_node_refusal(n, env->head, &scratch);
        if (why != NULL) {
            struct protocol_error copy = *why;

            push_roll_fail(c, env, n->view.id, &copy);
            return false;
        }
    }
    return true;
}

static void check_pending(struct push_core *c, struct push_environment *env)
{
    struct tally t = {0};
    bool late = c->now.mono_ms >= env->deadline_ms;

    if (!count_nodes(c, env, &t))
        return;
    if (t.connected >= env->expected || c->now.mono_ms >= env->settle_ms)
        env->expected = 0;
    if (t.is_served)
        commit(c, env);
    else if (env->expected > 0)
        return;
    else if (t.connected > 0 && t.built > 0 && (late || (t.built == t.connected && !t.lost)))
        commit(c, env);
    else if (t.connected == 0 && (late || !t.lost_long))
        commit(c, env);
}

void push_roll_check(struct push_core *c, struct push_environment *env)
{
    if (env->state == PUSH_PENDING)
        check_pending(c, env);
    else if (env->state == PUSH_ACTIVATING)
        check_activating(c, env);
}

static void begin(struct push_core *c, struct push_environment *env, struct bundle *b /* taken */)
{
    env->has_failed = false;
    if (env->live != NULL && protocol_same_root(&env->live->version, &b->version)) {
        /* What is served is right already; only its number is new. */
        set_live(env, b);
        tell_store(c, env, &b->version, PUSH_BECAME_LIVE);
        set_state(c, env, PUSH_LIVE);
        return;
    }
    env->head = b;
    env->deadline_ms = c->now.mono_ms + c->o.apply_deadline_ms;
    set_state(c, env, PUSH_PENDING);
    for (struct list *l = env->nodes.next; l != &env->nodes; l = l->next)
        push_node_advance(c, CONTAINER_OF(l, struct push_node, link));
    check_pending(c, env);
}

static void supersede(struct push_core *c, struct push_environment *env, struct bundle *by)
{
    struct bundle *old = TAKE(&env->head);

    for (struct list *l = env->nodes.next; l != &env->nodes; l = l->next) {
        struct push_node *n = CONTAINER_OF(l, struct push_node, link);

        if (n->offer.inflight && n->offer.hold && protocol_same_root(&n->offer.bundle->version, &old->version) &&
            !protocol_same_root(&by->version, &old->version))
            push_node_withdraw(c, n, "a newer one is there");
    }
    tell_store(c, env, &old->version, PUSH_SUPERSEDED);
    bundle_unref(old);
}

static const struct bundle_version *newest(const struct push_environment *env)
{
    if (env->next != NULL)
        return &env->next->version;
    if (env->head != NULL)
        return &env->head->version;
    if (env->has_failed && (env->live == NULL || bundle_version_cmp(&env->failed, &env->live->version) > 0))
        return &env->failed;
    return env->live == NULL ? NULL : &env->live->version;
}

int push_core_publish(struct push_core *c, struct bundle *b, struct push_now now, struct push_actions *out,
                      struct err *e)
{
    struct push_environment *env;
    const struct bundle_version *top;

    if (b->environment[0] == '\0' || strcmp(b->cluster_id, c->cluster_id) != 0)
        return err_set(e, ERR_INVALID, "the bundle is not this cluster's");
    env = push_environment_get(c, b->environment, true);
    if (env == NULL)
        return err_set(e, ERR_LIMIT, "more than %u environments", PUSH_ENVIRONMENTS_MAX);
    top = newest(env);
    if (top != NULL && bundle_version_cmp(&b->version, top) <= 0) {
        return err_set(e, ERR_CONFLICT, "revision %llu of %s is not newer than %llu",
                       (unsigned long long)b->version.revision, env->name, (unsigned long long)top->revision);
    }
    push_core_begin(c, now, out);
    (void)bundle_ref(b);
    if (env->state == PUSH_ACTIVATING ||
        (env->state == PUSH_PENDING && now.mono_ms >= env->chain_ms + c->o.supersede_ms)) {
        if (env->next != NULL)
            tell_store(c, env, &env->next->version, PUSH_SUPERSEDED);
        bundle_unref(env->next);
        env->next = b;
        push_changed(c, env);
    } else {
        if (env->state == PUSH_PENDING)
            supersede(c, env, b);
        else
            env->chain_ms = now.mono_ms;
        begin(c, env, b);
    }
    push_core_end(c);
    return 0;
}

int push_core_load(struct push_core *c, struct bundle *live, struct bundle *pending, uint32_t expected_nodes,
                   struct push_now now, struct push_actions *out, struct err *e)
{
    struct bundle *any = live != NULL ? live : pending;
    struct push_environment *env;

    if (any == NULL)
        return 0;
    env = push_environment_get(c, any->environment, true);
    if (env == NULL)
        return err_set(e, ERR_LIMIT, "more than %u environments", PUSH_ENVIRONMENTS_MAX);
    if (env->live != NULL || env->head != NULL || env->next != NULL)
        return err_set(e, ERR_CONFLICT, "%s is loaded already", env->name);
    push_core_begin(c, now, out);
    env->settle_ms = now.mono_ms + c->o.settle_ms;
    env->expected = expected_nodes;
    env->chain_ms = now.mono_ms;
    if (live != NULL) {
        set_live(env, bundle_ref(live));
        set_state(c, env, env->has_failed ? PUSH_FAILED : PUSH_LIVE);
    }
    if (pending != NULL)
        begin(c, env, bundle_ref(pending));
    push_core_end(c);
    return 0;
}

int push_core_load_failed(struct push_core *c, const char *environment, const struct bundle_version *version,
                          const struct push_failure *failure, struct push_now now, struct err *e)
{
    struct push_environment *env = push_environment_get(c, environment, true);

    if (env == NULL)
        return err_set(e, ERR_LIMIT, "more than %u environments", PUSH_ENVIRONMENTS_MAX);
    if (env->head != NULL)
        return err_set(e, ERR_NOTNOW, "%s has a pending head", env->name);
    env->has_failed = true;
    env->failed = *version;
    memset(&env->failure, 0, sizeof(env->failure));
    if (failure != NULL)
        env->failure = *failure;
    env->state = PUSH_FAILED;
    env->since_ms = now.wall_ms;
    return 0;
}

void push_roll_free(struct push_environment *env)
{
    for (size_t i = 0; i < env->n_recent; i++)
        leaf_table_unref(env->recent[i].table);
    bundle_unref(env->live);
    bundle_unref(env->head);
    bundle_unref(env->next);
    free(env);
}
