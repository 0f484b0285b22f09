#pragma once
/* Private to upstream/. */
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/caps.h"
#include "base/list.h"
#include "base/map.h"
#include "net/graveyard.h"
#include "upstream/upstream.h"

#define UPSTREAM_CONN_MAGIC 0x5550434eu
#define UPSTREAM_IDLE_MAX 512u             /* pooled connections of an endpoint; the oldest goes */
#define UPSTREAM_CONNECTIONS_DEFAULT 1024u /* of an endpoint and worker; calls wait beyond */
#define UPSTREAM_WAITING_MAX 1024u         /* calls that wait for an endpoint; beyond: overloaded */
#define UPSTREAM_ATTEMPTS_MAX 4u
#define UPSTREAM_CONNECT_MS 5000u
#define UPSTREAM_FIRST_BYTE_MS 29000u      /* AWS's integration timeout */
#define UPSTREAM_STALL_MS 60000u           /* an answer's body that stands still, where no total is set */
#define UPSTREAM_IDLE_MS 60000u
#define UPSTREAM_COOL_MS 1000u             /* after a failed connect an endpoint comes last for so long */

struct upstream_endpoint {
    struct slice host;               /* NUL-terminated */
    uint16_t port, weight;
    uint8_t priority;
    bool literal, resolved;
    struct slice authority;
    struct sock_addr addresses[UPSTREAM_ADDRESSES_MAX];
    uint32_t n_addresses, next_address;
    struct upstream_set *set;
    struct list idle;                /* newest first */
    struct list waiting;             /* calls */
    uint32_t n_idle, n_open, n_busy, n_waiting;
    int64_t smooth;                  /* weighted round robin */
    uint64_t cool_until_ms;
    struct upstream_endpoint *next;  /* of the target */
    bool current;                    /* of the definition that was used last */
};

/* An upstream's state: all endpoints that it has or had. */
struct upstream_target {
    uint64_t id, generation;
    struct upstream_endpoint *all;
    struct upstream_endpoint **list; /* those of the definition that was used last */
    size_t n;
};

enum upstream_conn_state { UPCONN_CONNECTING, UPCONN_IDLE, UPCONN_BUSY, UPCONN_CLOSED };

struct upstream_conn {
    struct wheel_timer timer;
    struct list node;                /* endpoint's idle list */
    uint32_t magic;
    uint8_t state;
    bool reading, writing;
    bool reused;
    bool seen;                       /* a byte of this answer came */
    bool stalled;                    /* the caller is full */
    bool in_callback;
    int fd;
    struct upstream_endpoint *endpoint;
    struct upstream_call *call;
    struct block *in;
    uint32_t in_r, in_w;
    size_t scanned;
    enum h1_framing framing;
    bool keep_alive, body_over;
    uint64_t body_left;
    uint32_t held, held_behind;
    bool held_last;
    uint32_t interim;                /* 1xx heads of this answer */
    uint64_t idle_ms;
    struct h1_chunk chunk;
    struct event read_event, write_event;
    struct grave grave;
};

struct upstream_set {
    struct upstream_env *env;
    struct upstream_target **targets; /* by slot */
    size_t n_targets;
    struct map hosts;                 /* name -> struct upstream_host */
    uint64_t random;
    struct list closed;               /* connections that ended in this turn of the loop */
    struct h1_header headers[CAPS_HEADERS_MAX];
};

/* What the resolver last said of a name. */
struct upstream_host {
    struct sock_addr addresses[UPSTREAM_ADDRESSES_MAX];
    uint32_t n;
    char name[];
};

/* upstream_set.c */
struct upstream_target *upstream_target_of(struct upstream_set *set, const struct snap_upstream *up, uint64_t generation);
/* upstream_lb.c: the next endpoint to try, NULL: none. tried: bits of the first 64 endpoints that failed in this call. */
struct upstream_endpoint *upstream_choose(struct upstream_set *set, struct upstream_target *t, enum snap_policy policy,
                                          uint64_t *tried);
/* upstream_pool.c */
struct upstream_conn *upstream_conn_take_idle(struct upstream_endpoint *ep);
/* On its way; NULL: failed at once. */
struct upstream_conn *upstream_conn_open(struct upstream_endpoint *ep, uint64_t timeout_ms);
void upstream_conn_park(struct upstream_conn *c);
void upstream_conn_close(struct upstream_conn *c);
void upstream_conn_read_on(struct upstream_conn *c);
void upstream_conn_read_off(struct upstream_conn *c);
void upstream_conn_write_on(struct upstream_conn *c);
void upstream_conn_write_off(struct upstream_conn *c);
/* upstream_h1.c */
void upstream_h1_begin(struct upstream_conn *c);
void upstream_h1_readable(struct upstream_conn *c);
/* Delivers what is buffered of the body. */
void upstream_h1_deliver(struct upstream_conn *c);
/* upstream_call.c */
void upstream_call_connected(struct upstream_conn *c, bool ok);
void upstream_call_writable(struct upstream_conn *c);
/* The connection broke before a byte of the answer: again, elsewhere or on a fresh one, or the end. */
void upstream_call_lost(struct upstream_conn *c);
/* Ends the call; keep: the connection may be pooled. */
void upstream_call_finish(struct upstream_conn *c, enum upstream_result r, bool keep);
void upstream_call_deadline(struct upstream_conn *c);
/* An endpoint can serve one more: wakes calls that wait. */
void upstream_call_wake(struct upstream_endpoint *ep);
