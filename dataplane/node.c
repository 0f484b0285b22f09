#include "node.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/must.h"
#include "bundle/bundle_file.h"
#include "loader/loader.h"
#include "upstream/upstream_names.h"

#define RESOLVE_EVERY_MS 30000u

/* ---- snapshots ---- */

struct publication {
    struct node *node;
    void (*done)(void *arg, struct snap *snap);
    void *arg;
};

static void on_published(void *arg, struct snap *snap)
{
    struct publication *p = arg;

    if (!p->node->live)
        LOG_INFO("serving", LOG_U64("revision", snap->version.revision), LOG_U64("routes", snap->n_routes));
    p->node->live = true;
    p->node->live_since_ms = clock_mono_ms();
    if (p->done != NULL)
        p->done(p->arg, snap);
    free(p);
}

static void want_names(struct node *n, const struct snap *snap)
{
    struct vec names = VEC_INIT(struct slice);

    if (upstream_names(snap, &names) != 0 || upstream_resolver_set(n->resolver, names.p, names.n) != 0)
        LOG_WARN("names not resolved: out of memory");
    vec_fini(&names);
}

void node_publish(struct node *n, struct snap *snap, void (*done)(void *arg, struct snap *snap), void *arg)
{
    struct publication *p = calloc(1, sizeof(*p));

    MUST(p != NULL);
    *p = (struct publication){n, done, arg};
    want_names(n, snap);
    workers_publish(n->workers, snap, on_published, p);
}

int node_publish_file(struct node *n, const char *path, struct err *e)
{
    struct loader_error le = {0};
    struct bundle *b = NULL;
    struct snap *snap = NULL;
    int rc = bundle_file_read(path, &b, e);

    if (rc != 0)
        return rc;
    rc = loader_build(b, workers_snap(n->workers), &snap, &le);
    bundle_unref(b);
    if (rc != 0) {
        n->refused++;
        return err_set(e, ERR_INVALID, "%s: %s %s %s: %s", path, le.type, le.key, le.field, le.message);
    }
    node_publish(n, snap, NULL, NULL);
    return 0;
}

static void on_resolved(void *arg, struct slice host, const struct sock_addr *addresses, size_t count)
{
    struct node *n = arg;

    workers_resolved(n->workers, host, addresses, count);
}

/* ---- drain ---- */

static void arm(struct node *n, uint64_t ms)
{
    struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000};

    (void)event_add(n->drain_timer, &tv);
}

static void on_drain_timer_cb(evutil_socket_t fd, short what, void *arg)
{
    struct node *n = arg;

    (void)fd;
    (void)what;
    if (n->stopping) {
        LOG_WARN("drain timeout: cutting what is left");
        (void)event_base_loopbreak(n->base);
        return;
    }
    n->stopping = true;
    workers_drain(n->workers);
    arm(n, n->options->drain_timeout_ms);
}

static void on_drained(void *arg)
{
    struct node *n = arg;

    LOG_INFO("drained");
    (void)event_base_loopbreak(n->base);
}

void node_drain(struct node *n)
{
    if (n->draining) {
        (void)event_base_loopbreak(n->base);
        return;
    }
    n->draining = true;
    LOG_INFO("draining", LOG_U64("delay_ms", n->options->drain_delay_ms), LOG_U64("timeout_ms", n->options->drain_timeout_ms));
    arm(n, n->options->drain_delay_ms);
    if (n->more_drain != NULL)
        n->more_drain(n);
}

static void on_signal_cb(evutil_socket_t number, short what, void *arg)
{
    struct node *n = arg;
    struct err e = {0};

    (void)what;
    if (number != SIGHUP) {
        node_drain(n);
        return;
    }
    if (n->options->bundle == NULL)
        return;
    if (node_publish_file(n, n->options->bundle, &e) != 0)
        LOG_ERROR("bundle refused, the old one stays", LOG_STR("reason", e.text));
}

/* ---- start and end ---- */

static int write_addresses(struct node *n, struct err *e)
{
    char listen[SOCK_TEXT_MAX], admin[SOCK_TEXT_MAX], path[PATH_MAX], text[256];
    int len;

    sock_format(workers_address(n->workers), listen);
    sock_format(&n->admin_address, admin);
    len = snprintf(text, sizeof(text), "{\"listen\":\"%s\",\"admin\":\"%s\",\"pid\":%ld}\n", listen, admin, (long)getpid());
    if (snprintf(path, sizeof(path), "%s/addresses.json", n->options->state_dir) >= (int)sizeof(path))
        return err_set(e, ERR_LIMIT, "--state-dir is too long");
    LOG_INFO("ready", LOG_STR("listen", listen), LOG_STR("admin", admin));
    return file_write_atomic(path, text, (size_t)len, 0644, e);
}

static int start_admin(struct node *n, struct err *e)
{
    struct sock_addr a;
    int fd, rc = sock_parse(slice_of(n->options->admin_listen), &a, e);

    if (rc == 0)
        rc = sock_listen(&a, SOCK_ALONE, &fd, e);
    if (rc != 0)
        return rc;
    rc = sock_local(fd, &n->admin_address, e);
    if (rc != 0) {
        (void)close(fd);
        return rc;
    }
    return admin_new(n->base, fd, node_pages, n, &n->admin, e);
}

static int start_workers(struct node *n, struct err *e)
{
    const struct node_options *o = n->options;
    struct workers_options w = {.main_base = n->base, .count = (unsigned)o->workers, .pin_ms = o->generation_pin_ms,
                                .drained = on_drained, .arg = n};
    int rc = sock_parse(slice_of(o->listen), &w.listen, e);

    if (rc != 0)
        return rc;
    connection_limits_default(&w.limits);
    if (o->connections_max != 0)
        w.limits.connections_max = (uint32_t)o->connections_max;
    if (o->idle_timeout_ms != 0)
        w.limits.idle_timeout_ms = (uint32_t)o->idle_timeout_ms;
    if (o->head_timeout_ms != 0)
        w.limits.head_timeout_ms = (uint32_t)o->head_timeout_ms;
    if (o->body_timeout_ms != 0)
        w.limits.body_timeout_ms = (uint32_t)o->body_timeout_ms;
    if (o->write_timeout_ms != 0)
        w.limits.write_timeout_ms = (uint32_t)o->write_timeout_ms;
    return workers_new(&w, &n->workers, e);
}

static int start_signals(struct node *n, struct err *e)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        n->signals[i] = evsignal_new(n->base, numbers[i], on_signal_cb, n);
        if (n->signals[i] == NULL || event_add(n->signals[i], NULL) != 0)
            return err_set(e, ERR_NOMEM, "signals");
    }
    n->drain_timer = evtimer_new(n->base, on_drain_timer_cb, n);
    return n->drain_timer == NULL ? err_set(e, ERR_NOMEM, "timer") : 0;
}

int node_start(struct node *n, const struct node_options *o, struct err *e)
{
    int rc;

    *n = (struct node){.options = o, .started_ms = clock_mono_ms()};
    n->base = event_base_new();
    if (n->base == NULL)
        return err_set(e, ERR_NOMEM, "loop");
    rc = file_mkdirs(o->state_dir, 0700, e);
    if (rc == 0)
        rc = start_signals(n, e);
    if (rc == 0)
        rc = start_workers(n, e);
    if (rc == 0)
        rc = upstream_resolver_new(RESOLVE_EVERY_MS, on_resolved, n, &n->resolver, e);
    if (rc == 0 && o->bundle != NULL)
        rc = node_publish_file(n, o->bundle, e);
    if (rc == 0)
        rc = start_admin(n, e);
    if (rc == 0)
        rc = write_addresses(n, e);
    return rc;
}

void node_end(struct node *n)
{
    admin_free(n->admin);
    upstream_resolver_free(n->resolver);
    workers_free(n->workers);
    for (size_t i = 0; i < ARRAY_LEN(n->signals); i++) {
        if (n->signals[i] != NULL)
            event_free(n->signals[i]);
    }
    if (n->drain_timer != NULL)
        event_free(n->drain_timer);
    if (n->base != NULL)
        event_base_free(n->base);
}
