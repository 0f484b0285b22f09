#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/random.h"
#include "crypto/digest.h"

struct admin_call *admin_call_new(struct admin *a, struct admin_conn *conn)
{
    struct admin_call *call = calloc(1, sizeof(*call));
    uint8_t id[16];

    if (call == NULL)
        return NULL;
    call->admin = a;
    call->conn = conn;
    call->began_ms = clock_mono_ms();
    arena_init(&call->arena, 8192, 0);
    buf_init(&call->body, 1);
    buf_init(&call->out, 0);
    vec_init(&call->publish, sizeof(struct bundle *));
    list_init(&call->parked);
    random_bytes(id, sizeof(id));
    digest_hex(id, sizeof(id), call->request_id);
    return call;
}

static void unpark(struct admin_call *call)
{
    if (!call->is_parked)
        return;
    call->is_parked = false;
    list_remove(&call->parked);
    call->admin->n_parked--;
    (void)event_del(call->timer);
}

void admin_call_free(struct admin_call *call)
{
    if (call == NULL)
        return;
    unpark(call);
    if (call->timer != NULL)
        event_free(call->timer);
    for (size_t i = 0; i < call->publish.n; i++)
        bundle_unref(VEC_AT(&call->publish, struct bundle *, i));
    vec_fini(&call->publish);
    call->admin->body_bytes -= buf_len(&call->body);
    buf_fini(&call->body);
    buf_fini(&call->out);
    arena_fini(&call->arena);
    free(call);
}

static void log_call(const struct admin_call *call)
{
    bool quiet = call->status < 400 && (call->route == NULL || !call->route->audited);

    LOG_AT(quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "admin request", LOG_SLICE("method", call->method),
           LOG_SLICE("path", call->path), LOG_U64("status", call->status), LOG_STR("who", call->who),
           LOG_STR("peer", call->peer), LOG_STR("request", call->request_id), LOG_U64("ms", clock_mono_ms() - call->began_ms),
           LOG_STR("why", call->status < 400 ? "" : call->error.text));
}

void admin_call_answer(struct admin_call *call)
{
    struct admin_stats *stats = &call->admin->stats;

    unpark(call);
    if (call->status == 0)
        call->status = 500;
    stats->problems_4xx += call->status >= 400 && call->status < 500;
    stats->problems_5xx += call->status >= 500;
    log_call(call);
    if (call->conn != NULL)
        admin_conn_answer(call->conn, call);
    admin_call_free(call);
}

/* ---- parking ---- */

static void finish(struct admin_call *call)
{
    int rc = call->route->finish == NULL ? 0 : call->route->finish(call, &call->error);

    if (rc == -ERR_AGAIN && call->is_parked)
        return;
    if (rc != 0 && call->status < 400)
        admin_problem_err(call, &call->error);
    if (call->status == 0) {
        call->status = 200;
        call->content_type = "application/json";
    }
    admin_call_answer(call);
}

static void look_last(struct admin_call *call)
{
    call->last_look = true;
    finish(call);
}

static void timeout_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    look_last(arg);
}

int admin_call_park(struct admin_call *call, uint32_t timeout_ms)
{
    struct admin *a = call->admin;
    struct timeval tv = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};

    if (call->is_parked)
        return 0;
    if (a->n_parked >= ADMIN_PARKED_MAX || a->stopping)
        return -ERR_LIMIT;
    call->timer = event_new(a->o.base, -1, 0, timeout_cb, call);
    if (call->timer == NULL || event_add(call->timer, &tv) != 0)
        return -ERR_NOMEM;
    call->is_parked = true;
    list_append(&a->parked, &call->parked);
    a->n_parked++;
    return 0;
}

void admin_rollout_changed(struct admin *a, const char *environment)
{
    struct list *l = a->parked.next, *next;

    for (; l != &a->parked; l = next) {
        struct admin_call *call = CONTAINER_OF(l, struct admin_call, parked);

        next = l->next;
        if (environment == NULL)
            look_last(call);
        else if (strcmp(call->environment, environment) == 0)
            finish(call);
    }
}

/* ---- running ---- */

/* What the call did, if its handler has not written that in its own transaction. */
static void audit(struct admin_call *call, struct store *s)
{
    struct store_audit row = {
        .at_ms = clock_wall_ms(),
        .who = slice_of(call->who),
        .peer = slice_of(call->peer),
        .action = slice_of(call->route->id),
        .target = call->path,
        .request_id = slice_of(call->request_id),
        .status = (uint16_t)(call->status != 0 ? call->status : call->error.code == ERR_NONE ? 200 : admin_status_of(&call->error)),
    };
    struct err e;

    if (store_audit_add(s, &row, &e) != 0)
        LOG_ERROR("the audit row could not be written", LOG_STR("why", e.text), LOG_STR("request", call->request_id));
}

static void run_cb(struct backstage_job *job, struct store *s)
{
    struct admin_call *call = CONTAINER_OF(job, struct admin_call, job);

    call->error.code = ERR_NONE;
    if (call->route->run(call, s, &call->error) == 0)
        call->error.code = ERR_NONE;
    else if (call->error.code == ERR_NONE)
        (void)err_set(&call->error, ERR_INTERNAL, "the request failed");
    if (call->route->audited && !call->audit_written)
        audit(call, s);
}

static void publish(struct admin_call *call)
{
    for (size_t i = 0; i < call->publish.n; i++) {
        struct bundle *b = VEC_AT(&call->publish, struct bundle *, i);
        struct err e;

        /* It is committed: the next start would publish it. Nothing that a client could do about it. */
        if (push_publish(call->admin->push, b, false, &e) != 0)
            LOG_ERROR("a committed revision could not be published", LOG_STR("environment", b->environment),
                      LOG_U64("revision", b->version.revision), LOG_STR("why", e.text));
    }
}

static void done_cb(struct backstage_job *job)
{
    struct admin_call *call = CONTAINER_OF(job, struct admin_call, job);

    publish(call);
    if (call->error.code != ERR_NONE) {
        if (call->status == 0)
            admin_problem_err(call, &call->error);
        admin_call_answer(call);
        return;
    }
    finish(call);
}

void admin_call_run(struct admin_call *call)
{
    if (call->route->run == NULL) {
        finish(call);
        return;
    }
    call->job.run = run_cb;
    call->job.done = done_cb;
    if (backstage_submit(call->admin->o.backstage, &call->job) == 0)
        return;
    call->retry_after_s = 1;
    admin_problem(call, 503, SLICE_LIT("too many requests are waiting"), SLICE_NONE);
    admin_call_answer(call);
}
