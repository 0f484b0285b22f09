#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "net/listener.h"
#include "net/tlsctx.h"

#define TICK_S 60

/* ---- tokens' last use: now and then, all at once ---- */

struct touch_job {
    struct backstage_job job;
    size_t n;
    struct {
        char id[STORE_TOKEN_ID_MAX + 1];
        int64_t at_ms;
    } used[64];
};

static void touch_run(struct backstage_job *job, struct store *s)
{
    struct touch_job *t = CONTAINER_OF(job, struct touch_job, job);
    struct err e;

    for (size_t i = 0; i < t->n; i++)
        if (store_token_touch(s, slice_of(t->used[i].id), t->used[i].at_ms, &e) != 0)
            LOG_DEBUG("last use of a token not written", LOG_STR("why", e.text));
}

static void touch_done(struct backstage_job *job)
{
    free(CONTAINER_OF(job, struct touch_job, job));
}

static void touch_cb(void *arg, struct slice id, int64_t at_ms)
{
    struct touch_job *t = arg;

    if (t->n == ARRAY_LEN(t->used) || id.n >= sizeof(t->used[0].id))
        return; /* it is only shown: the next use will be written */
    memcpy(t->used[t->n].id, id.p, id.n);
    t->used[t->n++].at_ms = at_ms;
}

static void tick_cb(evutil_socket_t fd, short what, void *arg)
{
    struct admin *a = arg;
    struct touch_job *t = calloc(1, sizeof(*t));

    (void)fd;
    (void)what;
    if (t == NULL)
        return;
    admin_auth_used(a->auth, touch_cb, t);
    t->job.run = touch_run;
    t->job.done = touch_done;
    if (t->n == 0 || backstage_submit(a->o.backstage, &t->job) != 0)
        free(t);
}

/* ---- life ---- */

static void accept_cb(int fd, const struct sock_addr *from, void *arg)
{
    admin_conn_new(arg, fd, from);
}

static int start(struct admin *a, struct store *store, struct err *e)
{
    struct timeval tick = {TICK_S, 0};
    int rc = admin_auth_new(&a->auth, store, e);

    if (rc == 0 && admin_openapi_build(&a->openapi) != 0)
        rc = err_set(e, ERR_NOMEM, "openapi.json");
    if (rc == 0) {
        a->ticker = event_new(a->o.base, -1, EV_PERSIST, tick_cb, a);
        if (a->ticker == NULL || event_add(a->ticker, &tick) != 0)
            rc = err_set(e, ERR_NOMEM, "admin");
    }
    if (rc == 0)
        rc = listener_new(a->o.base, a->o.listen_fd, accept_cb, a, &a->listener, e);
    return rc;
}

int admin_new(const struct admin_options *o, struct store *store, struct admin **out, struct err *e)
{
    struct admin *a = calloc(1, sizeof(*a));
    int rc;

    if (a == NULL)
        return err_set(e, ERR_NOMEM, "admin");
    a->o = *o;
    if (a->o.connections_max == 0)
        a->o.connections_max = 256;
    if (a->o.idle_timeout_ms == 0)
        a->o.idle_timeout_ms = 60000;
    if (a->o.request_timeout_ms == 0)
        a->o.request_timeout_ms = 15000;
    a->o.tls = tlsctx_ref(o->tls);
    a->started_ms = clock_wall_ms();
    list_init(&a->conns);
    list_init(&a->parked);
    buf_init(&a->openapi, 0);
    rc = start(a, store, e);
    if (rc != 0) {
        admin_free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void admin_ready(struct admin *a, struct push_server *push)
{
    a->push = push;
}

size_t admin_connections(const struct admin *a)
{
    return a->n_conns;
}

void admin_stop(struct admin *a)
{
    a->stopping = true;
    if (a->listener != NULL)
        listener_free(TAKE(&a->listener));
    admin_rollout_changed(a, NULL);
    admin_conn_close_all(a, true);
}

void admin_free(struct admin *a)
{
    if (a == NULL)
        return;
    a->stopping = true;
    if (a->listener != NULL)
        listener_free(TAKE(&a->listener));
    admin_conn_close_all(a, false);
    if (a->ticker != NULL)
        event_free(a->ticker);
    admin_auth_free(a->auth);
    tlsctx_unref(a->o.tls);
    buf_fini(&a->openapi);
    free(a);
}
