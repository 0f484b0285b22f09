#pragma once
/* The threads that serve. A group of workers, seen from the main thread: start, publish a snapshot, drain, stop, read counters. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "connection/connection.h"
#include "net/sock.h"
#include "snapshot/snap.h"
#include "telemetry/telemetry.h"
#include "upstream/upstream.h"

struct event_base;
struct workers;

struct workers_options {
    struct event_base *main_base;   /* answers of workers come to this loop */
    struct sock_addr listen;        /* port 0: one is chosen; workers_address tells */
    unsigned count;                 /* 0: one a core */
    uint64_t buffer_bytes_max;      /* of one worker's buffers; 0: the default */
    uint64_t pin_ms;                /* workers_unpin leaves an exchange alone for so long; 0: the default, 10 minutes */
    struct connection_limits limits;
    /* Main thread: all workers have let their last connection go after workers_drain. */
    void (*drained)(void *arg);
    void *arg;
};

/* Binds and starts the threads. They answer 503 until a snapshot is published. */
MUST_USE int workers_new(const struct workers_options *o, struct workers **out, struct err *e);
const struct sock_addr *workers_address(const struct workers *w);
/* snap (a reference of the caller's is taken over) is what each worker serves from its next turn on. done (may be NULL) is called on
 * the main thread when all have taken it; the one before is released when its last exchange ends. */
void workers_publish(struct workers *w, struct snap *snap, void (*done)(void *arg, struct snap *snap), void *arg);
/* The snapshot published last; NULL: none. */
struct snap *workers_snap(const struct workers *w);
/* Any thread. */
void workers_resolved(struct workers *w, struct slice host, const struct sock_addr *addresses, size_t n);
/* Stop accepting, close idle connections, no keep-alive. Once. */
void workers_drain(struct workers *w);
/* Cuts what is left, ends the threads and waits for them. NULL is fine. */
void workers_free(struct workers *w);

/* Counters: sums over all workers, read while they run. */
void workers_connection_stats(const struct workers *w, struct connection_stats *out, uint64_t *open);
void workers_upstream_stats(const struct workers *w, struct upstream_stats *out);
/* The shards, as many as *n. */
struct telemetry_shard *const *workers_shards(const struct workers *w, size_t *n);
/* The most snapshots that are live at once: the newest, and older ones that exchanges still run on. */
#define WORKERS_LIVE_MAX 4u
/* Snapshots that a worker still holds. */
uint32_t workers_live_snapshots(const struct workers *w);
/* Whether one more may be published. If not, why says which ones exchanges hold and since when. */
bool workers_room(const struct workers *w, char *why, size_t why_size);
/* Ends the exchanges that run on the oldest snapshot for longer than pin_ms, unless it is the newest. Cheap while it still does. */
void workers_unpin(struct workers *w);
