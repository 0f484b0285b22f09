#pragma once
/* The control plane's side of the protocol as a pure state machine: events and the time go in, actions come out. No I/O, no
 * clock, no randomness of its own, so a simulation can run it. One core holds all environments and all nodes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "base/vec.h"
#include "protocol/protocol.h"
#include "push/push.h"

struct push_core;

#define PUSH_NODES_MAX 20000u        /* nodes remembered; a Hello over it gets RESOURCE_EXHAUSTED unless one offline can go */
#define PUSH_ENVIRONMENTS_MAX 1024u  /* publish over it is refused */
#define PUSH_RETRIES_MAX 5u          /* retryable refusals of one root by one node; then it counts as refused in the rollout */

struct push_core_options {
    const char *cluster_id;
    void (*random)(void *arg, void *p, size_t n);  /* for nonces */
    void *random_arg;
    uint32_t apply_deadline_ms;      /* after it, nodes that have not built are lagging */
    uint32_t activate_deadline_ms;   /* after it, nodes that have not swapped are lagging */
    uint32_t supersede_ms;           /* a pending head may be replaced by newer ones for so long; then it finishes first */
    uint32_t lost_ms;                /* a node that vanished while it was building is waited for so long */
    uint32_t settle_ms;              /* after push_load, the expected nodes get this time to come back before anything is decided */
};

enum push_event_type {
    PUSH_EVENT_OPENED,
    PUSH_EVENT_CLOSED,
    PUSH_EVENT_HELLO,
    PUSH_EVENT_ACK,
    PUSH_EVENT_NACK,
    PUSH_EVENT_STATUS,
    PUSH_EVENT_BYE,
    PUSH_EVENT_TICK,                 /* several times a second */
};

struct push_now {
    uint64_t mono_ms;                /* orders and times out */
    int64_t wall_ms;                 /* shown; and certificates' ends */
};

struct push_event {
    enum push_event_type type;
    uint64_t connection;             /* a number that is never used twice; not of TICK */
    union {
        struct {
            const char *cluster, *environment, *node;  /* of the certificate */
            const char *address;
            int64_t not_after;       /* seconds since 1970; 0: unknown */
        } opened;
        const struct protocol_hello *hello;
        const struct protocol_ack *ack;
        const struct protocol_nack *nack;
        const struct protocol_status *status;
        const struct protocol_bye *bye;
    } u;
};

enum push_action_type {
    PUSH_DO_WELCOME,
    PUSH_DO_OFFER,
    PUSH_DO_WITHDRAW,
    PUSH_DO_ACTIVATE,
    PUSH_DO_PING,
    PUSH_DO_CLOSE,                   /* finish the stream with status and reason; a CLOSED event is not needed any more */
    PUSH_DO_HEAD,                    /* tell the store */
    PUSH_DO_CHANGED,                 /* the environment's rollout looks different */
    PUSH_DO_SEEN,                    /* the node came or went */
    PUSH_DO_ALARM,                   /* log it loudly */
};

/* PUSH_DO_CLOSE: gRPC's numbers, without gRPC's header. */
enum push_close {
    PUSH_CLOSE_INVALID = 3,
    PUSH_CLOSE_DEADLINE = 4,
    PUSH_CLOSE_DENIED = 7,
    PUSH_CLOSE_EXHAUSTED = 8,
    PUSH_CLOSE_PRECONDITION = 9,
    PUSH_CLOSE_ABORTED = 10,
    PUSH_CLOSE_UNAUTHENTICATED = 16,
};

struct push_action {
    enum push_action_type type;
    uint64_t connection;
    char environment[PROTOCOL_ENVIRONMENT];   /* HEAD, CHANGED, SEEN, ALARM */
    char node[PROTOCOL_NODE];                 /* SEEN, ALARM */
    uint8_t nonce[PROTOCOL_NONCE];            /* OFFER, WITHDRAW, ACTIVATE */
    bool has_version;
    struct bundle_version version;            /* WELCOME, PING: what is live; HEAD */
    struct bundle *bundle;                    /* OFFER; owned by the action */
    struct leaf_table *base;                  /* OFFER: delta from it, NULL: the full list; owned */
    struct bundle_version base_version;
    bool hold;                                /* OFFER */
    uint32_t deadline_ms;                     /* OFFER */
    enum push_close status;                   /* CLOSE */
    enum push_outcome outcome;                /* HEAD */
    char reason[PROTOCOL_MESSAGE];            /* CLOSE, WITHDRAW, ALARM */
    struct push_failure *failure;             /* HEAD that failed; owned */
};

/* Actions in the order in which they are to be done. failed: memory ran out; close every stream (nodes resume by hash). */
struct push_actions {
    struct vec list;                 /* struct push_action */
    bool failed;
};

void push_actions_init(struct push_actions *a);
/* Drops all actions and what they own; reusable. */
void push_actions_clear(struct push_actions *a);
void push_actions_fini(struct push_actions *a);

MUST_USE int push_core_new(const struct push_core_options *o, struct push_core **out);
void push_core_free(struct push_core *c);

/* Appends to out. Never fails: what is wrong with an event closes its stream. Unknown connections are ignored. */
void push_core_step(struct push_core *c, const struct push_event *event, struct push_now now, struct push_actions *out);

/* As push.h says of push_publish and push_load. */
MUST_USE int push_core_publish(struct push_core *c, struct bundle *b, struct push_now now, struct push_actions *out,
                               struct err *e);
MUST_USE int push_core_load(struct push_core *c, struct bundle *live, struct bundle *pending, uint32_t expected_nodes,
                            struct push_now now, struct push_actions *out, struct err *e);
MUST_USE int push_core_load_failed(struct push_core *c, const char *environment, const struct bundle_version *version,
                                   const struct push_failure *failure, struct push_now now, struct err *e);
/* Closes the node's stream, if it has one, and drops what is known of it. */
void push_core_forget(struct push_core *c, const char *node_id, struct push_now now, struct push_actions *out);

/* The table with this root, of what is live, pending or recent in the environment; borrowed; NULL: none. */
struct leaf_table *push_core_table(const struct push_core *c, const char *environment,
                                   const uint8_t root[BUNDLE_HASH]);

MUST_USE int push_core_rollout(const struct push_core *c, const char *environment, struct push_rollout *out);
void push_core_environments(const struct push_core *c, void (*cb)(void *arg, const char *environment), void *arg);
void push_core_nodes(const struct push_core *c, void (*cb)(void *arg, const struct push_node_view *node), void *arg);
/* False: unknown. */
bool push_core_node(const struct push_core *c, const char *environment, const char *node_id, struct push_node_view *out);
