#include "push/push_core.h"

#include <stdio.h>

#include "base/must.h"
#include "push/push_core_int.h"

#define APPLY_DEADLINE_MS 60000u
#define ACTIVATE_DEADLINE_MS 10000u
#define SUPERSEDE_MS 2000u
#define LOST_MS 5000u

/* ---- actions ----------------------------------------------------------------------------------------------------------- */

void push_actions_init(struct push_actions *a)
{
    vec_init(&a->list, sizeof(struct push_action));
    a->failed = false;
}

void push_actions_clear(struct push_actions *a)
{
    for (size_t i = 0; i < a->list.n; i++) {
        struct push_action *act = &VEC_AT(&a->list, struct push_action, i);

        bundle_unref(act->bundle);
        leaf_table_unref(act->base);
        free(act->failure);
    }
    vec_clear(&a->list);
    a->failed = false;
}

void push_actions_fini(struct push_actions *a)
{
    push_actions_clear(a);
    vec_fini(&a->list);
}

struct push_action *push_act(struct push_core *c, enum push_action_type type, uint64_t connection)
{
    struct push_action *a = vec_push(&c->out->list, NULL);

    if (a == NULL) {
        c->out->failed = true;
        return NULL;
    }
    a->type = type;
    a->connection = connection;
    return a;
}

void push_changed(struct push_core *c, struct push_environment *env)
{
    if (list_is_empty(&env->dirty))
        list_append(&c->dirty, &env->dirty);
}

void push_alarm(struct push_core *c, const struct push_environment *env, const char *node, const char *text)
{
    struct push_action *a = push_act(c, PUSH_DO_ALARM, 0);

    if (a == NULL)
        return;
    snprintf(a->environment, sizeof(a->environment), "%s", env->name);
    snprintf(a->node, sizeof(a->node), "%s", node);
    snprintf(a->reason, sizeof(a->reason), "%s", text);
}

/* ---- connections -------------------------------------------------------------------------------------------------------- */

static struct slice id_key(const uint64_t *id)
{
    return slice_from(id, sizeof(*id));
}

static void connection_end(struct push_core *c, struct push_connection *conn, bool graceful)
{
    (void)map_del(&c->connections, id_key(&conn->id));
    list_remove(&conn->link);
    if (conn->node != NULL)
        push_node_gone(c, conn->node, graceful);
    free(conn);
}

void push_close(struct push_core *c, struct push_connection *conn, enum push_close status, const char *reason)
{
    struct push_action *a = push_act(c, PUSH_DO_CLOSE, conn->id);

    if (a != NULL) {
        a->status = status;
        snprintf(a->reason, sizeof(a->reason), "%s", reason);
    }
    connection_end(c, conn, false);
}

static void on_opened(struct push_core *c, const struct push_event *event)
{
    struct push_connection *conn = calloc(1, sizeof(*conn));
    struct push_action *a;

    if (conn != NULL) {
        conn->id = event->connection;
        snprintf(conn->cluster, sizeof(conn->cluster), "%s", event->u.opened.cluster);
        snprintf(conn->environment, sizeof(conn->environment), "%s", event->u.opened.environment);
        snprintf(conn->name, sizeof(conn->name), "%s", event->u.opened.node);
        snprintf(conn->address, sizeof(conn->address), "%s", event->u.opened.address);
        conn->not_after = event->u.opened.not_after;
        conn->opened_ms = conn->heard_ms = conn->pinged_ms = c->now.mono_ms;
        if (map_put(&c->connections, id_key(&conn->id), conn, NULL) == 0) {
            list_append(&c->all_connections, &conn->link);
            return;
        }
    }
    free(conn);
    a = push_act(c, PUSH_DO_CLOSE, event->connection);
    if (a != NULL)
        a->status = PUSH_CLOSE_EXHAUSTED;
}

static void on_bye(struct push_core *c, struct push_node *n, const struct protocol_bye *bye)
{
    /* A draining node still serves what it has; nobody waits for it any more. */
    n->view.draining = true;
    if (bye->draining)
        n->view.health = PROTOCOL_DRAINING;
    push_changed(c, n->environment);
    push_roll_check(c, n->environment);
}

static void on_message(struct push_core *c, struct push_connection *conn, const struct push_event *event)
{
    conn->heard_ms = c->now.mono_ms;
    if (event->type == PUSH_EVENT_HELLO) {
        push_node_hello(c, conn, event->u.hello);
        return;
    }
    if (conn->node == NULL) {
        push_close(c, conn, PUSH_CLOSE_INVALID, "the first message must be Hello");
        return;
    }
    conn->node->view.last_seen_ms = c->now.wall_ms;
    if (event->type == PUSH_EVENT_ACK)
        push_node_ack(c, conn->node, event->u.ack);
    else if (event->type == PUSH_EVENT_NACK)
        push_node_nack(c, conn->node, event->u.nack);
    else if (event->type == PUSH_EVENT_STATUS)
        push_node_status(c, conn->node, event->u.status);
    else
        on_bye(c, conn->node, event->u.bye);
}

/* ---- time ---------------------------------------------------------------------------------------------------------------- */

static void tick_connection(struct push_core *c, struct push_connection *conn)
{
    uint64_t now = c->now.mono_ms;
    const struct bundle *live;
    struct push_action *a;

    if (conn->node == NULL && now >= conn->opened_ms + PROTOCOL_HELLO_MS) {
        push_close(c, conn, PUSH_CLOSE_DEADLINE, "no Hello in time");
        return;
    }
    if (now >= conn->heard_ms + PROTOCOL_DEAD_MS) {
        push_close(c, conn, PUSH_CLOSE_DEADLINE, "the node is silent");
        return;
    }
    if (conn->not_after != 0 && c->now.wall_ms / 1000 >= conn->not_after) {
        push_close(c, conn, PUSH_CLOSE_UNAUTHENTICATED, "the certificate has expired");
        return;
    }
    if (conn->node == NULL || now < conn->pinged_ms + PROTOCOL_PING_MS)
        return;
    conn->pinged_ms = now;
    live = conn->node->environment->live;
    a = push_act(c, PUSH_DO_PING, conn->id);
    if (a != NULL && live != NULL) {
        a->has_version = true;
        a->version = live->version;
    }
}

static void on_tick(struct push_core *c)
{
    for (struct list *l = c->all_connections.next; l != &c->all_connections;) {
        struct push_connection *conn = CONTAINER_OF(l, struct push_connection, link);

        l = l->next;
        tick_connection(c, conn);
    }
    for (struct list *l = c->all_environments.next; l != &c->all_environments; l = l->next) {
        struct push_environment *env = CONTAINER_OF(l, struct push_environment, link);

        for (struct list *k = env->nodes.next; k != &env->nodes; k = k->next)
            push_node_tick(c, CONTAINER_OF(k, struct push_node, link));
        push_roll_check(c, env);
    }
}

static void emit_changes(struct push_core *c)
{
    struct list *l;

    while ((l = list_first(&c->dirty)) != NULL) {
        struct push_environment *env = CONTAINER_OF(l, struct push_environment, dirty);
        struct push_action *a = push_act(c, PUSH_DO_CHANGED, 0);

        list_remove(l);
        if (a != NULL)
            snprintf(a->environment, sizeof(a->environment), "%s", env->name);
    }
}

void push_core_begin(struct push_core *c, struct push_now now, struct push_actions *out)
{
    c->now = now;
    c->out = out;
}

void push_core_end(struct push_core *c)
{
    emit_changes(c);
    c->out = NULL;
}

void push_core_step(struct push_core *c, const struct push_event *event, struct push_now now, struct push_actions *out)
{
    struct push_connection *conn;

    push_core_begin(c, now, out);
    if (event->type == PUSH_EVENT_TICK) {
        on_tick(c);
    } else if (event->type == PUSH_EVENT_OPENED) {
        on_opened(c, event);
    } else if ((conn = map_get(&c->connections, id_key(&event->connection))) != NULL) {
        if (event->type == PUSH_EVENT_CLOSED)
            connection_end(c, conn, false);
        else
            on_message(c, conn, event);
    }
    push_core_end(c);
}

static void forget_node(struct push_core *c, struct push_node *n)
{
    struct push_environment *env = n->environment;

    if (n->connection != NULL)
        push_close(c, n->connection, PUSH_CLOSE_DENIED, "this node was removed");
    (void)map_del(&c->nodes, slice_of(n->key));
    list_remove(&n->link);
    free(n);
    push_changed(c, env);
}

void push_core_forget(struct push_core *c, const char *node_id, struct push_now now, struct push_actions *out)
{
    push_core_begin(c, now, out);
    for (struct list *l = c->all_environments.next; l != &c->all_environments; l = l->next) {
        struct push_environment *env = CONTAINER_OF(l, struct push_environment, link);

        for (struct list *k = env->nodes.next; k != &env->nodes;) {
            struct push_node *n = CONTAINER_OF(k, struct push_node, link);

            k = k->next;
            if (strcmp(n->view.id, node_id) == 0)
                forget_node(c, n);
        }
    }
    /* Streams that were let in before and have not said Hello. */
    for (struct list *l = c->all_connections.next; l != &c->all_connections;) {
        struct push_connection *conn = CONTAINER_OF(l, struct push_connection, link);

        l = l->next;
        if (strcmp(conn->name, node_id) == 0)
            push_close(c, conn, PUSH_CLOSE_DENIED, "this node was removed");
    }
    push_core_end(c);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------ */

static uint32_t or_default(uint32_t v, uint32_t d)
{
    return v == 0 ? d : v;
}

int push_core_new(const struct push_core_options *o, struct push_core **out)
{
    struct push_core *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return -ERR_NOMEM;
    c->o = *o;
    c->o.apply_deadline_ms = or_default(o->apply_deadline_ms, APPLY_DEADLINE_MS);
    c->o.activate_deadline_ms = or_default(o->activate_deadline_ms, ACTIVATE_DEADLINE_MS);
    c->o.supersede_ms = or_default(o->supersede_ms, SUPERSEDE_MS);
    c->o.lost_ms = or_default(o->lost_ms, LOST_MS);
    snprintf(c->cluster_id, sizeof(c->cluster_id), "%s", o->cluster_id);
    map_init(&c->connections);
    map_init(&c->nodes);
    map_init(&c->environments);
    list_init(&c->all_connections);
    list_init(&c->all_environments);
    list_init(&c->dirty);
    *out = c;
    return 0;
}

void push_core_free(struct push_core *c)
{
    struct slice key;
    size_t at = 0;
    void *value;

    if (c == NULL)
        return;
    while (map_next(&c->connections, &at, &key, &value))
        free(value);
    for (at = 0; map_next(&c->nodes, &at, &key, &value);) {
        push_node_end_offer(value);
        free(value);
    }
    for (at = 0; map_next(&c->environments, &at, &key, &value);)
        push_roll_free(value);
    map_fini(&c->connections);
    map_fini(&c->nodes);
    map_fini(&c->environments);
    free(c);
}

struct push_environment *push_environment_get(struct push_core *c, const char *name, bool make)
{
    struct push_environment *env = map_get(&c->environments, slice_of(name));

    if (env != NULL || !make || c->environments.n >= PUSH_ENVIRONMENTS_MAX)
        return env;
    env = calloc(1, sizeof(*env));
    if (env == NULL)
        return NULL;
    snprintf(env->name, sizeof(env->name), "%s", name);
    list_init(&env->nodes);
    list_init(&env->dirty);
    if (map_put(&c->environments, slice_of(env->name), env, NULL) != 0) {
        free(env);
        return NULL;
    }
    list_append(&c->all_environments, &env->link);
    return env;
}

struct leaf_table *push_core_table(const struct push_core *c, const char *environment, const uint8_t root[BUNDLE_HASH])
{
    const struct push_environment *env = map_get(&c->environments, slice_of(environment));

    if (env == NULL)
        return NULL;
    if (env->head != NULL && memcmp(env->head->version.root, root, BUNDLE_HASH) == 0)
        return env->head->table;
    for (size_t i = 0; i < env->n_recent; i++) {
        if (memcmp(env->recent[i].version.root, root, BUNDLE_HASH) == 0)
            return env->recent[i].table;
    }
    return NULL;
}

