#pragma once
/* Calls to backends over HTTP/1, from one worker. Knows nothing of exchanges. Pools, addresses and cool-downs live here and outlive
 * snapshots; they are keyed by a snapshot's upstream (slot and id) and by endpoint. */
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "http/h1.h"
#include "net/block.h"
#include "net/sock.h"
#include "net/wheel.h"
#include "snapshot/snap.h"

struct event_base;
struct graveyard;
struct upstream_call;
struct upstream_conn;
struct upstream_endpoint;
struct upstream_set;

#define UPSTREAM_ADDRESSES_MAX 8u

/* Plain counters of one worker; the main thread reads them (relaxed). */
struct upstream_stats {
    uint64_t connects, connect_failures, reused, retries, timeouts, bad_responses, truncated, overloaded, idle, open;
};

struct upstream_env {
    struct event_base *base;
    struct block_pool *blocks;
    struct wheel *wheel;
    struct graveyard *graveyard;
    struct h1_limits h1;
    struct upstream_stats stats;
};

enum upstream_result {
    UPSTREAM_OK,
    UPSTREAM_UNREACHABLE,   /* no connection to any endpoint */
    UPSTREAM_CLOSED,        /* the connection ended before a head came */
    UPSTREAM_BAD,           /* what came is not an answer that can be passed on */
    UPSTREAM_TRUNCATED,     /* the answer broke off behind its head */
    UPSTREAM_TIMEOUT,
    UPSTREAM_OVERLOADED,    /* no room for another call, or no memory */
    UPSTREAM_RESULTS
};

struct upstream_call_ops {
    /* Write the request's head. Called again for each attempt. authority: "host:port" of the endpoint (":80" left out). */
    void (*write_head)(struct upstream_call *call, struct h1_writer *w, struct slice authority);
    /* The answer's head; slices live only during the call. 1xx never come here. */
    void (*on_head)(struct upstream_call *call, const struct h1_head *head);
    /* A piece of the body (decoded). Returns the bytes taken; when fewer, upstream_call_resume asks for the rest. */
    size_t (*on_body)(struct upstream_call *call, struct slice bytes);
    /* Exactly once, unless cancelled. The call is not touched afterwards: it may be freed in here. */
    void (*on_end)(struct upstream_call *call, enum upstream_result result);
    /* More of the request's body can be sent. */
    void (*on_writable)(struct upstream_call *call);
    /* Nothing more comes in this turn of the loop. */
    void (*on_pause)(struct upstream_call *call);
};

/* Embedded in the caller's object. The first part is the caller's to fill (the rest zero). */
struct upstream_call {
    const struct upstream_call_ops *ops;
    void *arg;
    const struct snap_upstream *upstream;
    uint64_t generation;       /* of the snapshot: two calls with the same number mean the same definition */
    enum http_method method;
    bool idempotent;           /* may be sent again when nobody knows whether it was seen */
    bool has_body, chunked;    /* of the request; chunked: its length is not known */
    uint64_t timeout_ms;       /* of the whole call; 0: the upstream's */

    /* upstream's own */
    struct upstream_set *set;
    struct upstream_endpoint *endpoint;
    struct upstream_conn *conn;
    struct wheel_timer timer;  /* only while it waits for a connection */
    struct list waiting;
    uint64_t deadline_ms, tried;
    uint32_t attempts;
    struct block *out;
    uint32_t out_r, out_w, out_head;
    bool body_sent;            /* the request's last byte is in out or gone */
    bool replayable;           /* all that was sent is still in out */
    bool tail_due;             /* the last chunk did not fit yet */
    bool send_broken;          /* the connection takes no more; the answer may still come */
    bool blocked, told_full, head_done, started, fresh_only;
};

/* One a worker. */
struct upstream_set *upstream_set_new(struct upstream_env *env);
/* No calls are running. Not inside a callback. */
void upstream_set_free(struct upstream_set *set);
/* After each turn of the loop: buries the connections that ended in it. */
void upstream_set_turn(struct upstream_set *set);
/* The addresses of a name; n 0: it has none (calls that wait for it fail; addresses known before are kept). */
void upstream_set_resolved(struct upstream_set *set, struct slice host, const struct sock_addr *addresses, size_t n);

/* Begins. Never fails at once: errors come by on_end, which may happen inside. The head is written but not sent: send or flush. */
void upstream_call_start(struct upstream_set *set, struct upstream_call *call);
/* A piece of the request's body. Returns the bytes taken; when fewer, on_writable follows. last counts only when all were taken.
 * A call without a body needs no send. */
size_t upstream_call_send(struct upstream_call *call, struct slice bytes, bool last);
void upstream_call_flush(struct upstream_call *call);
/* on_body can take more. */
void upstream_call_resume(struct upstream_call *call);
/* Forget it: no callback follows. Allowed inside a callback of the call. Harmless after the end. */
void upstream_call_cancel(struct upstream_call *call);
const char *upstream_result_name(enum upstream_result r);
