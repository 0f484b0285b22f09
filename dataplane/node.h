#pragma once
/* The main thread's view of a data plane: its loop, its workers, what it serves, and whether it is ready to. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "snapshot/snap.h"
#include "telemetry/admin.h"
#include "upstream/upstream_dns.h"
#include "worker/worker.h"

struct event;
struct event_base;

struct node_options {
    const char *listen, *admin_listen, *state_dir, *bundle;
    uint64_t workers, drain_delay_ms, drain_timeout_ms, connections_max, idle_timeout_ms, head_timeout_ms, body_timeout_ms,
        write_timeout_ms, generation_pin_ms;
};

struct node {
    const struct node_options *options;
    struct event_base *base;
    struct workers *workers;
    struct admin *admin;
    struct upstream_resolver *resolver;
    struct event *signals[3], *drain_timer;
    struct sock_addr admin_address;
    uint64_t started_ms, live_since_ms;
    uint64_t refused;          /* configurations that could not be built */
    bool draining, stopping;
    bool live;                 /* every worker serves a snapshot */
    /* More for /readyz?verbose and /metrics, from whoever brings configurations (sync); may be NULL. */
    int (*more_ready)(struct node *n, struct buf *out);
    int (*more_metrics)(struct node *n, struct buf *out);
    void (*more_drain)(struct node *n);
    void *more_arg;
};

/* Binds, starts the workers and the admin listener, writes addresses.json. On failure everything made is still to be ended. */
MUST_USE int node_start(struct node *n, const struct node_options *o, struct err *e);
/* Takes over a reference. done: every worker serves it. Main thread. */
void node_publish(struct node *n, struct snap *snap, void (*done)(void *arg, struct snap *snap), void *arg);
/* Reads and builds a bundle file and publishes it. Blocks the main thread, never a worker. */
MUST_USE int node_publish_file(struct node *n, const char *path, struct err *e);
/* Not ready from now on; after the drain delay no new connections; ends the loop when the last one is gone or time is up. A second
 * call ends it at once. */
void node_drain(struct node *n);
void node_end(struct node *n);

/* pages.c */
extern const struct admin_page node_pages[];
