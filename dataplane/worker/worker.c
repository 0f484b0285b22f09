/* One serving thread: its loop, its pools, and how a snapshot changes under it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/stat.h"
#include "worker/worker_int.h"

#define BUFFERS_DEFAULT (1024ull << 20)
#define WARM 32           /* exchanges that a worker is ready for from the start; two blocks each */
#define ACCEPT_REST 4096  /* connections taken from the kernel's queue before the listener closes */

/* ---- accept ---- */

static void on_accept_cb(int fd, const struct sock_addr *from, void *arg)
{
    struct worker *w = arg;

    connection_accept(&w->connections, fd, from);
}

/* Closing a listener resets what waits in its queue: take that first. */
static void stop_accepting(struct worker *w)
{
    for (int i = 0; w->listen_fd >= 0 && i < ACCEPT_REST; i++) {
        struct sock_addr from = {.len = sizeof(from.ss)};
        int fd = accept4(w->listen_fd, (struct sockaddr *)&from.ss, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            break;
        sock_nodelay(fd);
        connection_accept(&w->connections, fd, &from);
    }
    listener_free(TAKE(&w->listener));
    w->listen_fd = -1;
}

/* ---- snapshots ---- */

static void on_unused(struct exchange_env *env, struct exchange_generation *g)
{
    struct worker_generation *wg = CONTAINER_OF(g, struct worker_generation, g);

    (void)env;
    workers_tell(wg->worker->group, &wg->unused);
}

/* Between two events: no exchange of this worker is on the stack. */
static void take_generation(struct worker *w, struct worker_generation *wg)
{
    uint64_t begin = clock_mono_ns(), took;
    struct exchange_generation *old = w->exchanges.generation;

    w->exchanges.generation = &wg->g;
    if (old != NULL) {
        old->retired = true;
        if (old->running == 0)
            on_unused(&w->exchanges, old);
    }
    workers_tell(w->group, &wg->taken);
    took = clock_mono_ns() - begin;
    STAT_ADD(w->shard.swaps);
    STAT_SET(w->shard.swap_ns_last, took);
    if (took > w->shard.swap_ns_max)
        STAT_SET(w->shard.swap_ns_max, took);
}

static void on_mail_cb(struct mail *m, void *arg)
{
    struct worker *w = arg;
    struct worker_mail *mail = CONTAINER_OF(m, struct worker_mail, mail);
    struct worker_resolved *r;

    OBJ_CHECK(w, WORKER_MAGIC);
    switch (mail->kind) {
    case WORKER_MAIL_SWAP:
        take_generation(w, CONTAINER_OF(mail, struct worker_generation, to));
        break;
    case WORKER_MAIL_RESOLVED:
        r = CONTAINER_OF(mail, struct worker_resolved, mail);
        upstream_set_resolved(w->exchanges.upstreams, slice_from(r->host, r->host_n), r->addresses, r->n);
        free(r);
        break;
    case WORKER_MAIL_DRAIN:
        if (w->listener != NULL)
            listener_pause(w->listener);
        w->draining = true;
        break;
    case WORKER_MAIL_STOP:
        w->stop = true;
        break;
    case WORKER_MAIL_UNPIN:
        w->unpin.closed = connection_unpin(&w->connections, w->unpin.number, w->unpin.begin_ns);
        workers_tell(w->group, &w->unpin.done);
        break;
    default:
        MUST(false);
    }
}

/* ---- the loop ---- */

static void on_finished(struct exchange_env *env, const struct exchange *ex)
{
    struct worker *w = CONTAINER_OF(env, struct worker, exchanges);

    telemetry_count(&w->shard, ex, clock_mono_ns());
}

static void on_tick_cb(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    uint64_t now_us = clock_mono_us();
    int64_t wall_ms = clock_wall_ms();

    (void)fd;
    (void)what;
    if (w->next_tick_us != 0 && now_us > w->next_tick_us && now_us - w->next_tick_us > w->shard.lag_us_max)
        STAT_SET(w->shard.lag_us_max, now_us - w->next_tick_us);
    w->next_tick_us = now_us + WHEEL_TICK_MS * 1000u;
    wheel_advance(&w->wheel, now_us / 1000);
    if (wall_ms / 1000 != w->date_second) {
        w->date_second = wall_ms / 1000;
        exchange_env_date(&w->exchanges, wall_ms);
    }
    STAT_SET(w->open, (uint64_t)w->connections.n_open);
    STAT_SET(w->shard.exchanges, (uint64_t)w->exchanges.n_running);
    STAT_SET(w->shard.buffer_bytes, w->blocks.used_bytes);
    STAT_SET(w->connections.stats.starved, w->listener == NULL ? 0 : listener_starved(w->listener));
}

/* libevent takes the listener out of epoll at the begin of a turn; only then is its descriptor closed, which from that moment may be
 * another thread's. */
static void drain_turn(struct worker *w)
{
    if (!w->deaf) {
        w->deaf = true;
        event_active(w->tick, EV_TIMEOUT, 0); /* the next turn begins at once */
        return;
    }
    if (!w->connections.draining) {
        stop_accepting(w);
        connection_drain(&w->connections);
    }
    if (w->connections.n_open == 0 && !w->told_drained) {
        w->told_drained = true;
        STAT_SET(w->open, 0);
        workers_tell(w->group, &w->drained_mail);
    }
}

static void *run(void *arg)
{
    struct worker *w = arg;
    char name[16];

    (void)snprintf(name, sizeof(name), "worker-%u", w->index);
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
    while (!w->stop) {
        (void)event_base_loop(w->base, EVLOOP_ONCE);
        connection_turn(&w->connections);
        upstream_set_turn(w->exchanges.upstreams);
        if (UNLIKELY(w->draining))
            drain_turn(w);
    }
    if (w->listener != NULL)
        stop_accepting(w);
    connection_close_all(&w->connections);
    return NULL;
}

/* ---- birth and death, on the main thread ---- */

static int make_loop(struct worker *w, struct err *e)
{
    struct event_config *config = event_config_new();
    struct timeval tick = {0, WHEEL_TICK_MS * 1000};
    int rc;

    if (config == NULL)
        return err_set(e, ERR_NOMEM, "worker");
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    w->base = event_base_new_with_config(config);
    event_config_free(config);
    if (w->base == NULL)
        return err_set(e, ERR_NOMEM, "worker");
    w->tick = event_new(w->base, -1, EV_PERSIST, on_tick_cb, w);
    if (w->tick == NULL || event_add(w->tick, &tick) != 0)
        return err_set(e, ERR_NOMEM, "worker");
    rc = graveyard_new(w->base, &w->graveyard, e);
    if (rc == 0)
        rc = mailbox_new(w->base, on_mail_cb, w, &w->mailbox, e);
    return rc;
}

static void make_envs(struct worker *w, const struct workers_options *o)
{
    wheel_init(&w->wheel, clock_mono_ms());
    block_pool_init(&w->blocks, o->buffer_bytes_max != 0 ? o->buffer_bytes_max : BUFFERS_DEFAULT);
    block_pool_warm(&w->blocks, 2 * WARM);
    exchange_env_init(&w->exchanges);
    exchange_env_warm(&w->exchanges, WARM);
    w->exchanges.finished = on_finished;
    w->exchanges.unused = on_unused;
    w->date_second = clock_wall_ms() / 1000;
    exchange_env_date(&w->exchanges, clock_wall_ms());
    w->upstream_env = (struct upstream_env){
        .base = w->base, .blocks = &w->blocks, .wheel = &w->wheel, .graveyard = w->graveyard, .h1 = o->limits.h1};
    w->connections = (struct connection_env){
        .base = w->base,           .exchanges = &w->exchanges, .blocks = &w->blocks, .wheel = &w->wheel,
        .graveyard = w->graveyard, .limits = o->limits,        .port = sock_addr_port(&o->listen),
    };
}

int worker_init(struct worker *w, struct workers *group, unsigned index, int fd, const struct workers_options *o, struct err *e)
{
    int rc;

    *w = (struct worker){.magic = WORKER_MAGIC, .group = group, .index = index, .listen_fd = -1};
    w->drain_mail.kind = WORKER_MAIL_DRAIN;
    w->stop_mail.kind = WORKER_MAIL_STOP;
    w->drained_mail.kind = WORKER_MAIL_DRAINED;
    w->unpin.to.kind = WORKER_MAIL_UNPIN;
    w->unpin.done.kind = WORKER_MAIL_UNPINNED;
    rc = make_loop(w, e);
    if (rc != 0) {
        (void)close(fd);
        return rc;
    }
    make_envs(w, o);
    w->exchanges.upstreams = upstream_set_new(&w->upstream_env);
    if (w->exchanges.upstreams == NULL || connection_env_init(&w->connections) != 0) {
        (void)close(fd);
        return err_set(e, ERR_NOMEM, "worker");
    }
    rc = listener_new(w->base, fd, on_accept_cb, w, &w->listener, e);
    if (rc != 0)
        (void)close(fd);
    else
        w->listen_fd = fd;
    return rc;
}

int worker_start(struct worker *w, struct err *e)
{
    int rc = pthread_create(&w->thread, NULL, run, w);

    if (rc != 0) {
        errno = rc;
        return err_errno(e, "worker thread");
    }
    w->started = true;
    return 0;
}

static void drop_mail(struct mail *m, void *arg)
{
    struct worker_mail *mail = CONTAINER_OF(m, struct worker_mail, mail);
    struct worker *w = arg;

    if (mail->kind == WORKER_MAIL_RESOLVED)
        free(CONTAINER_OF(mail, struct worker_resolved, mail));
    else if (mail->kind == WORKER_MAIL_SWAP)
        workers_tell(w->group, &CONTAINER_OF(mail, struct worker_generation, to)->unused);
}

void worker_fini(struct worker *w)
{
    listener_free(TAKE(&w->listener));
    if (w->connections.scratch != NULL)
        connection_env_fini(&w->connections);
    upstream_set_free(TAKE(&w->exchanges.upstreams));
    exchange_env_fini(&w->exchanges);
    telemetry_shard_fini(&w->shard);
    if (w->mailbox != NULL)
        mailbox_free(TAKE(&w->mailbox), drop_mail);
    graveyard_free(TAKE(&w->graveyard));
    block_pool_fini(&w->blocks);
    if (w->tick != NULL)
        event_free(TAKE(&w->tick));
    if (w->base != NULL)
        event_base_free(TAKE(&w->base));
}
