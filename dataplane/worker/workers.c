/* The group of workers, from the main thread. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/stat.h"
#include "worker/worker_int.h"

#define PIN_MS 600000u

/* One snapshot on its way to all workers. */
struct workers_publication {
    struct snap *snap;
    struct list live;      /* oldest first */
    uint64_t number;       /* of its generations */
    int64_t old_since_ms;  /* wall clock; 0: it is the newest */
    unsigned waiting;      /* workers that have not taken it */
    unsigned held;         /* workers that may still use it, and the group itself; the last one releases it */
    void (*done)(void *arg, struct snap *snap);
    void *arg;
};

struct workers {
    struct workers_options options;
    struct sock_addr address;
    struct worker *all;
    struct telemetry_shard **shards;
    unsigned count, n_ready, drained;
    struct mailbox *mailbox;   /* from workers to main */
    struct workers_publication *newest;
    uint64_t generation;
    struct list all_live;
    uint32_t live;
    unsigned unpinning;        /* workers that look for what to end */
    uint32_t unpinned;         /* what they ended */
    uint64_t unpin_told;       /* the generation that the log spoke of last */
};

void workers_tell(struct workers *g, struct worker_mail *m)
{
    mailbox_post(g->mailbox, &m->mail);
}

static void release(struct workers *g, struct workers_publication *p)
{
    if (p == NULL || --p->held != 0)
        return;
    snap_unref(p->snap);
    list_remove(&p->live);
    g->live--;
    free(p);
}

static void generation_taken(struct worker_generation *wg)
{
    struct workers_publication *p = wg->publication;

    if (--p->waiting == 0 && p->done != NULL)
        p->done(p->arg, p->snap);
}

static void unpin_done(struct workers *g, const struct worker_unpin *u)
{
    g->unpinned += u->closed;
    if (--g->unpinning != 0 || g->unpinned == 0 || g->unpin_told == u->number)
        return;
    g->unpin_told = u->number;
    LOG_WARN("requests that held an old configuration for too long are cut", LOG_U64("connections", g->unpinned),
             LOG_U64("live", g->live));
}

static void on_mail_cb(struct mail *m, void *arg)
{
    struct workers *g = arg;
    struct worker_mail *mail = CONTAINER_OF(m, struct worker_mail, mail);
    struct worker_generation *wg;

    switch (mail->kind) {
    case WORKER_MAIL_TAKEN:
        generation_taken(CONTAINER_OF(mail, struct worker_generation, taken));
        break;
    case WORKER_MAIL_UNUSED:
        wg = CONTAINER_OF(mail, struct worker_generation, unused);
        release(g, wg->publication);
        free(wg);
        break;
    case WORKER_MAIL_UNPINNED:
        unpin_done(g, CONTAINER_OF(mail, struct worker_unpin, done));
        break;
    case WORKER_MAIL_DRAINED:
        if (++g->drained == g->count && g->options.drained != NULL)
            g->options.drained(g->options.arg);
        break;
    default:
        MUST(false);
    }
}

static int listen_for_all(struct workers *g, struct err *e)
{
    struct workers_options o = g->options;

    for (unsigned i = 0; i < g->count; i++) {
        int fd, rc = sock_listen(&o.listen, i == 0 ? SOCK_SHARED_FIRST : SOCK_SHARED_NEXT, &fd, e);

        if (rc != 0)
            return rc;
        if (i == 0) { /* port 0: the others share what the first got */
            rc = sock_local(fd, &g->address, e);
            if (rc != 0) {
                (void)close(fd);
                return rc;
            }
            o.listen = g->address;
        }
        g->n_ready = i + 1; /* worker_fini copes with a worker that is half made */
        rc = worker_init(&g->all[i], g, i, fd, &o, e);
        if (rc != 0)
            return rc;
        g->shards[i] = &g->all[i].shard;
    }
    return 0;
}

int workers_new(const struct workers_options *o, struct workers **out, struct err *e)
{
    struct workers *g = calloc(1, sizeof(*g));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int rc;

    if (g == NULL)
        return err_set(e, ERR_NOMEM, "workers");
    list_init(&g->all_live);
    g->options = *o;
    if (g->options.pin_ms == 0)
        g->options.pin_ms = PIN_MS;
    g->count = o->count != 0 ? o->count : (unsigned)(cores > 0 ? cores : 1);
    g->all = calloc(g->count, sizeof(*g->all));
    g->shards = calloc(g->count, sizeof(*g->shards));
    if (g->all == NULL || g->shards == NULL)
        rc = err_set(e, ERR_NOMEM, "workers");
    else
        rc = mailbox_new(o->main_base, on_mail_cb, g, &g->mailbox, e);
    if (rc == 0)
        rc = listen_for_all(g, e);
    for (unsigned i = 0; rc == 0 && i < g->count; i++)
        rc = worker_start(&g->all[i], e);
    if (rc != 0) {
        workers_free(g);
        return rc;
    }
    *out = g;
    return 0;
}

const struct sock_addr *workers_address(const struct workers *w)
{
    return &w->address;
}

struct snap *workers_snap(const struct workers *w)
{
    return w->newest == NULL ? NULL : w->newest->snap;
}

static struct worker_generation *make_generation(struct workers *w, unsigned i, struct workers_publication *p)
{
    struct worker_generation *wg = calloc(1, sizeof(*wg));

    MUST(wg != NULL); /* some hundred bytes, beside a snapshot that was just built */
    wg->g = (struct exchange_generation){.snap = p->snap, .number = w->generation};
    wg->to.kind = WORKER_MAIL_SWAP;
    wg->taken.kind = WORKER_MAIL_TAKEN;
    wg->unused.kind = WORKER_MAIL_UNUSED;
    wg->worker = &w->all[i];
    wg->publication = p;
    return wg;
}

void workers_publish(struct workers *w, struct snap *snap, void (*done)(void *arg, struct snap *snap), void *arg)
{
    struct workers_publication *p = calloc(1, sizeof(*p));

    MUST(p != NULL);
    *p = (struct workers_publication){.snap = snap, .waiting = w->count, .held = w->count + 1, .done = done, .arg = arg};
    w->live++;
    p->number = ++w->generation;
    list_append(&w->all_live, &p->live);
    if (w->newest != NULL)
        w->newest->old_since_ms = clock_wall_ms();
    release(w, w->newest);
    w->newest = p;
    for (unsigned i = 0; i < w->count; i++)
        mailbox_post(w->all[i].mailbox, &make_generation(w, i, p)->to.mail);
}

void workers_resolved(struct workers *w, struct slice host, const struct sock_addr *addresses, size_t n)
{
    for (unsigned i = 0; i < w->count; i++) {
        struct worker_resolved *r = calloc(1, sizeof(*r) + host.n + 1);

        if (r == NULL)
            continue; /* asked again in a while */
        r->mail.kind = WORKER_MAIL_RESOLVED;
        r->n = n < UPSTREAM_ADDRESSES_MAX ? n : UPSTREAM_ADDRESSES_MAX;
        if (r->n != 0)
            memcpy(r->addresses, addresses, r->n * sizeof(*addresses));
        r->host_n = host.n;
        memcpy(r->host, host.p, host.n);
        mailbox_post(w->all[i].mailbox, &r->mail.mail);
    }
}

void workers_drain(struct workers *w)
{
    for (unsigned i = 0; i < w->count; i++)
        mailbox_post(w->all[i].mailbox, &w->all[i].drain_mail.mail);
}

static void free_generation_of(struct worker *w)
{
    struct exchange_generation *g = TAKE(&w->exchanges.generation);
    struct worker_generation *wg;

    if (g == NULL)
        return;
    wg = CONTAINER_OF(g, struct worker_generation, g);
    release(w->group, wg->publication);
    free(wg);
}

/* Mail that nobody reads any more. */
static void drop_mail(struct mail *m, void *arg)
{
    if (CONTAINER_OF(m, struct worker_mail, mail)->kind == WORKER_MAIL_UNUSED)
        on_mail_cb(m, arg);
}

void workers_free(struct workers *w)
{
    if (w == NULL)
        return;
    for (unsigned i = 0; i < w->n_ready; i++) {
        if (w->all[i].started)
            mailbox_post(w->all[i].mailbox, &w->all[i].stop_mail.mail);
    }
    for (unsigned i = 0; i < w->n_ready; i++) {
        if (w->all[i].started)
            (void)pthread_join(w->all[i].thread, NULL);
        worker_fini(&w->all[i]);
        free_generation_of(&w->all[i]);
    }
    release(w, TAKE(&w->newest));
    if (w->mailbox != NULL)
        mailbox_free(w->mailbox, drop_mail);
    free(w->all);
    free(w->shards);
    free(w);
}

/* ---- counters ---- */

void workers_connection_stats(const struct workers *w, struct connection_stats *out, uint64_t *open)
{
    *out = (struct connection_stats){0};
    *open = 0;
    for (unsigned i = 0; i < w->count; i++) {
        const struct connection_stats *s = &w->all[i].connections.stats;

        out->accepted += STAT_GET(s->accepted);
        out->closed += STAT_GET(s->closed);
        out->refused += STAT_GET(s->refused);
        out->heads_refused += STAT_GET(s->heads_refused);
        out->timeouts += STAT_GET(s->timeouts);
        out->aborted += STAT_GET(s->aborted);
        out->starved += STAT_GET(s->starved);
        out->pinned_closed += STAT_GET(s->pinned_closed);
        *open += STAT_GET(w->all[i].open);
    }
}

void workers_upstream_stats(const struct workers *w, struct upstream_stats *out)
{
    *out = (struct upstream_stats){0};
    for (unsigned i = 0; i < w->count; i++) {
        const struct upstream_stats *s = &w->all[i].upstream_env.stats;

        out->connects += STAT_GET(s->connects);
        out->connect_failures += STAT_GET(s->connect_failures);
        out->reused += STAT_GET(s->reused);
        out->retries += STAT_GET(s->retries);
        out->timeouts += STAT_GET(s->timeouts);
        out->bad_responses += STAT_GET(s->bad_responses);
        out->truncated += STAT_GET(s->truncated);
        out->overloaded += STAT_GET(s->overloaded);
        out->open += STAT_GET(s->open);
    }
}

struct telemetry_shard *const *workers_shards(const struct workers *w, size_t *n)
{
    *n = w->count;
    return w->shards;
}

uint32_t workers_live_snapshots(const struct workers *w)
{
    return w->live;
}

/* ---- how many may be live --------------------------------------------------------------------------------------------------- */

static int put_old(const struct workers_publication *p, char *out, size_t size)
{
    time_t t = (time_t)(p->old_since_ms / 1000);
    char since[32] = "?";
    struct tm tm;

    if (gmtime_r(&t, &tm) != NULL)
        (void)strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return snprintf(out, size, " revision %llu since %s;", (unsigned long long)p->snap->version.revision, since);
}

bool workers_room(const struct workers *w, char *why, size_t why_size)
{
    size_t at;

    if (w->live < WORKERS_LIVE_MAX)
        return true;
    at = (size_t)snprintf(why, why_size, "%u configurations are live; older ones that requests still hold:", w->live);
    for (struct list *n = w->all_live.next; n != &w->all_live && at < why_size; n = n->next) {
        struct workers_publication *p = CONTAINER_OF(n, struct workers_publication, live);

        if (p != w->newest)
            at += (size_t)put_old(p, why + at, why_size - at);
    }
    return false;
}

void workers_unpin(struct workers *w)
{
    const struct workers_publication *oldest;
    uint64_t now_ns = clock_mono_ns(), pin_ns = w->options.pin_ms * 1000000u;

    if (w->unpinning != 0 || list_is_empty(&w->all_live) || now_ns < pin_ns)
        return;
    oldest = CONTAINER_OF(w->all_live.next, struct workers_publication, live);
    if (oldest == w->newest)
        return;
    w->unpinning = w->count;
    w->unpinned = 0;
    for (unsigned i = 0; i < w->count; i++) {
        struct worker_unpin *u = &w->all[i].unpin;

        u->number = oldest->number;
        u->begin_ns = now_ns - pin_ns;
        mailbox_post(w->all[i].mailbox, &u->to.mail);
    }
}
