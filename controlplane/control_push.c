#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/random.h"
#include "control_int.h"
#include "crypto/digest.h"
#include "text/json.h"

/* What push asks of the store, and what it tells it: each a job on backstage. */

#define SEEN_MAX 20000u     /* nodes between two flushes; those over it are written when they are seen again */

/* ---- joining ---- */

struct enroll_job {
    struct backstage_job job;
    struct control *control;
    uint64_t ticket;
    struct push_enroll_ask ask;
    struct push_enroll_answer answer;
    struct err error;
};

static bool good_node_id(const char *id)
{
    for (const char *p = id; *p != '\0'; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' || *p == '.'))
            return false;
    return true;
}

static void enroll_run(struct backstage_job *job, struct store *s)
{
    struct enroll_job *x = CONTAINER_OF(job, struct enroll_job, job);
    struct store_join j = {.id = slice_of(x->ask.token_id), .now_ms = clock_wall_ms()};
    struct store_joined got;
    char made[32], hex[17];
    uint8_t random[8];

    memcpy(j.secret_hash, x->ask.secret_sha256, sizeof(j.secret_hash));
    memcpy(j.key_hash, x->ask.key_sha256, sizeof(j.key_hash));
    random_bytes(random, sizeof(random));
    digest_hex(random, sizeof(random), hex);
    (void)snprintf(made, sizeof(made), "node-%s", hex);
    j.node_id = slice_of(x->ask.node_id[0] == '\0' ? made : x->ask.node_id);
    x->answer.rc = good_node_id(x->ask.node_id)
                       ? store_token_join(s, &j, &got, &x->error)
                       : err_set(&x->error, ERR_DENIED, "a node's name is of letters, digits, '-', '_' and '.'");
    if (x->answer.rc != 0)
        return;
    (void)snprintf(x->answer.environment, sizeof(x->answer.environment), "%s", got.environment);
    (void)snprintf(x->answer.node_id, sizeof(x->answer.node_id), "%s", got.node_id);
    x->answer.membership = got.membership;
}

/* From here on its certificates count, but none of an earlier membership. */
static int welcome(struct control *c, const struct push_enroll_answer *answer)
{
    struct removed_node node = {.membership = answer->membership, .is_back = true};

    (void)snprintf(node.id, sizeof(node.id), "%s", answer->node_id);
    return node.membership == 0 ? 0 : control_remember_removed(c, &node);
}

static void enroll_done(struct backstage_job *job)
{
    struct enroll_job *x = CONTAINER_OF(job, struct enroll_job, job);
    struct control *c = x->control;

    if (x->answer.rc == 0)
        x->answer.rc = welcome(c, &x->answer) == 0 ? 0 : err_set(&x->error, ERR_NOMEM, "out of memory");
    if (x->answer.rc == 0) {
        LOG_INFO("node joins", LOG_STR("node", x->answer.node_id), LOG_STR("environment", x->answer.environment),
                 LOG_STR("token", x->ask.token_id), LOG_STR("address", x->ask.address));
    } else {
        LOG_WARN("node was refused to join", LOG_STR("why", x->error.text), LOG_STR("token", x->ask.token_id),
                 LOG_STR("address", x->ask.address));
    }
    push_enroll_answer(c->push, x->ticket, &x->answer);
    free(x);
}

static void on_enroll(void *arg, uint64_t ticket, const struct push_enroll_ask *ask)
{
    struct control *c = arg;
    struct push_enroll_answer later = {.rc = -ERR_AGAIN};
    struct enroll_job *x = calloc(1, sizeof(*x));

    if (x != NULL) {
        x->control = c;
        x->ticket = ticket;
        x->ask = *ask;
        x->job.run = enroll_run;
        x->job.done = enroll_done;
        if (backstage_submit(c->backstage, &x->job) == 0)
            return;
        free(x);
    }
    push_enroll_answer(c->push, ticket, &later);
}

/* ---- heads ---- */

int control_reason_write(const struct push_failure *f, char *out, size_t size)
{
    struct json_writer w;
    struct buf b;
    int rc;

    buf_init(&b, size - 1);
    json_writer_init(&w, &b, 0);
    json_begin_object(&w);
    json_member_str(&w, "node", f->node);
    json_member_int(&w, "code", (int64_t)f->error.code);
    json_member_str(&w, "type", f->error.type);
    json_member_str(&w, "key", f->error.key);
    json_member_str(&w, "field", f->error.field);
    json_member_str(&w, "message", f->error.message);
    json_end_object(&w);
    rc = json_writer_end(&w);
    (void)snprintf(out, size, "%.*s", rc == 0 ? (int)buf_len(&b) : 0, rc == 0 ? buf_slice(&b).p : "");
    buf_fini(&b);
    return rc;
}

static void copy_member(const struct json *v, const char *name, char *out, size_t size)
{
    struct slice s = json_string(json_get_str(v, name), SLICE_NONE);

    (void)snprintf(out, size, "%.*s", SLICE_FMT(s));
}

void control_reason_read(const char *text, struct push_failure *out)
{
    struct arena a;
    struct json *v = NULL;
    int64_t code = PROTOCOL_INTERNAL;

    memset(out, 0, sizeof(*out));
    arena_init(&a, 0, 1u << 20);
    if (json_read(&a, slice_of(text), NULL, &v, NULL) == 0) {
        copy_member(v, "node", out->node, sizeof(out->node));
        copy_member(v, "type", out->error.type, sizeof(out->error.type));
        copy_member(v, "key", out->error.key, sizeof(out->error.key));
        copy_member(v, "field", out->error.field, sizeof(out->error.field));
        copy_member(v, "message", out->error.message, sizeof(out->error.message));
        if (json_int64(json_get_str(v, "code"), &code) != 0)
            code = PROTOCOL_INTERNAL;
    }
    out->error.code = (enum protocol_code)code;
    arena_fini(&a);
}

struct head_job {
    struct backstage_job job;
    char environment[129];
    uint64_t revision;
    bool live;
    char reason[4096];
};

static void head_run(struct backstage_job *job, struct store *s)
{
    struct head_job *x = CONTAINER_OF(job, struct head_job, job);
    struct err e;
    int rc;

    if (x->live)
        rc = store_head_live(s, slice_of(x->environment), x->revision, clock_wall_ms(), &e);
    else
        rc = store_head_failed(s, slice_of(x->environment), x->revision, slice_of(x->reason), clock_wall_ms(), &e);
    /* A newer head came between: its own end will be told. Else: the next start tries the bundle again, which is harmless. */
    if (rc != 0 && rc != -ERR_MISMATCH)
        LOG_ERROR("the state of a head could not be written", LOG_STR("environment", x->environment),
                  LOG_U64("revision", x->revision), LOG_STR("why", e.text));
}

static void head_done(struct backstage_job *job)
{
    free(CONTAINER_OF(job, struct head_job, job));
}

static void on_head(void *arg, const struct push_head_event *event)
{
    struct control *c = arg;
    struct head_job *x;

    if (event->outcome == PUSH_SUPERSEDED)
        return;
    x = calloc(1, sizeof(*x));
    if (x == NULL)
        return;
    (void)snprintf(x->environment, sizeof(x->environment), "%s", event->environment);
    x->revision = event->version.revision;
    x->live = event->outcome == PUSH_BECAME_LIVE;
    if (event->failure != NULL && control_reason_write(event->failure, x->reason, sizeof(x->reason)) != 0)
        LOG_WARN("the reason of a failed head is too long to be kept", LOG_STR("environment", event->environment));
    if (x->live)
        LOG_INFO("revision is live", LOG_STR("environment", event->environment), LOG_U64("revision", x->revision));
    else
        LOG_WARN("revision failed", LOG_STR("environment", event->environment), LOG_U64("revision", x->revision),
                 LOG_STR("node", event->failure == NULL ? "" : event->failure->node),
                 LOG_STR("why", event->failure == NULL ? "" : event->failure->error.message));
    x->job.run = head_run;
    x->job.done = head_done;
    if (backstage_submit_own(c->backstage, &x->job) != 0)
        free(x);
}

/* ---- nodes ---- */

static void on_rollout_changed(void *arg, const char *environment)
{
    struct control *c = arg;

    admin_rollout_changed(c->admin, environment);
}

/* A node may be in the list twice: the later one wins in the store. */
static void on_node_seen(void *arg, const struct push_node_view *node)
{
    struct control *c = arg;
    struct seen_node *x = c->seen.n < SEEN_MAX ? vec_push(&c->seen, NULL) : NULL;

    if (x == NULL)
        return;
    (void)snprintf(x->id, sizeof(x->id), "%s", node->id);
    (void)snprintf(x->environment, sizeof(x->environment), "%s", node->environment);
    x->not_after_ms = node->cert_not_after * 1000;
    x->last_seen_ms = clock_wall_ms();
}

struct seen_job {
    struct backstage_job job;
    struct vec seen;
};

static void seen_run(struct backstage_job *job, struct store *s)
{
    struct seen_job *x = CONTAINER_OF(job, struct seen_job, job);
    struct store_node *rows = calloc(x->seen.n, sizeof(*rows));
    struct err e;

    for (size_t i = 0; rows != NULL && i < x->seen.n; i++) {
        const struct seen_node *n = &VEC_AT(&x->seen, struct seen_node, i);

        rows[i] = (struct store_node){.id = slice_of(n->id), .environment = slice_of(n->environment),
                                      .not_after_ms = n->not_after_ms, .last_seen_ms = n->last_seen_ms};
    }
    if (rows != NULL && store_nodes_seen(s, rows, x->seen.n, &e) != 0)
        LOG_WARN("when nodes were seen could not be written", LOG_STR("why", e.text));
    free(rows);
}

static void seen_done(struct backstage_job *job)
{
    struct seen_job *x = CONTAINER_OF(job, struct seen_job, job);

    vec_fini(&x->seen);
    free(x);
}

static void see_connected(void *arg, const struct push_node_view *node)
{
    if (node->connected)
        on_node_seen(arg, node);
}

void control_flush_seen(struct control *c)
{
    struct seen_job *x;

    if (c->push != NULL)
        push_nodes(c->push, see_connected, c);
    x = c->seen.n == 0 ? NULL : calloc(1, sizeof(*x));
    if (x == NULL)
        return;
    x->seen = c->seen;
    x->job.run = seen_run;
    x->job.done = seen_done;
    if (backstage_submit_own(c->backstage, &x->job) != 0) {
        free(x);
        return;
    }
    vec_init(&c->seen, sizeof(struct seen_node));
}

static bool on_node_allowed(void *arg, const char *environment, const char *node_id, uint64_t membership)
{
    struct control *c = arg;
    const struct removed_node *node = map_get(&c->removed, slice_of(node_id));

    (void)environment;
    return node == NULL || (node->is_back && membership >= node->membership);
}

int control_remember_removed(struct control *c, const struct removed_node *node)
{
    struct removed_node *known = map_get(&c->removed, slice_of(node->id));
    void *old = NULL;

    if (known != NULL) {
        *known = *node;
        return 0;
    }
    known = malloc(sizeof(*known));
    if (known == NULL)
        return -ERR_NOMEM;
    *known = *node;
    if (map_put(&c->removed, slice_of(known->id), known, &old) != 0) {
        free(known);
        return -ERR_NOMEM;
    }
    MUST(old == NULL);
    return 0;
}

/* What membership comes next is told when the node joins again. */
void control_node_removed(void *arg, const char *node_id)
{
    struct control *c = arg;
    struct removed_node node = {.is_back = false};

    (void)snprintf(node.id, sizeof(node.id), "%s", node_id);
    if (control_remember_removed(c, &node) != 0)
        LOG_ERROR("no memory to refuse a removed node until the next start", LOG_STR("node", node_id));
}

struct push_callbacks control_push_callbacks(void)
{
    return (struct push_callbacks){.enroll = on_enroll, .head = on_head, .rollout_changed = on_rollout_changed,
                                   .node_seen = on_node_seen, .node_allowed = on_node_allowed};
}
