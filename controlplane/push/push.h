#pragma once
/* The push server: gRPC for nodes (ConfigService, EnrollService, IdentityService, health, reflection), and what the rest of
 * the control plane may ask of it. One thread, the loop's. Nothing here blocks; the store is reached through callbacks
 * that may answer later. State drawings: README.md. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "protocol/protocol.h"

struct cert_ca;
struct event_base;
struct graveyard;
struct push_server;
struct tlsctx;

enum push_state {
    PUSH_EMPTY,        /* nothing was ever published */
    PUSH_PENDING,      /* the newest bundle is offered; k of n nodes have built it */
    PUSH_ACTIVATING,   /* decided: it is live, nodes are swapping */
    PUSH_LIVE,         /* every node that is not lagging serves it */
    PUSH_FAILED,       /* the newest bundle was refused; what was live stays live */
};

/* ---- rollouts and nodes, as people see them ---------------------------------------------------------------------- */

enum push_node_state {
    PUSH_NODE_OFFLINE,
    PUSH_NODE_IDLE,        /* connected, serves something else, nothing in flight */
    PUSH_NODE_OFFERED,
    PUSH_NODE_VERIFIED,
    PUSH_NODE_BUILT,
    PUSH_NODE_ACTIVATING,
    PUSH_NODE_CURRENT,     /* serves what is live */
    PUSH_NODE_REFUSED,     /* said no to what is live or offered */
    PUSH_NODE_AHEAD,       /* serves something newer than this control plane knows: left alone */
};

struct push_node_view {
    char id[PROTOCOL_NODE], environment[PROTOCOL_ENVIRONMENT], software[PROTOCOL_SOFTWARE], address[64];
    char labels[1024];
    enum push_node_state state;
    bool connected, draining, lagging, has_active;
    struct bundle_version active;
    enum protocol_health health;
    enum protocol_source source;
    uint32_t workers;
    uint64_t restart_count, uptime_s, rss_bytes, requests; /* requests: sum of the counters seen on this stream */
    uint32_t live_generations;
    int64_t connected_at_ms, last_seen_ms;  /* wall clock */
    int64_t clock_skew_ms;                  /* node's clock minus ours, network time included */
    int64_t cert_not_after;                 /* seconds since 1970 */
    bool has_error;
    struct protocol_error error;            /* the last one */
    struct bundle_version error_version;
    int64_t error_at_ms;
};

struct push_failure {
    char node[PROTOCOL_NODE];               /* empty: not a node's refusal */
    struct protocol_error error;
};

struct push_rollout {
    char environment[PROTOCOL_ENVIRONMENT];
    enum push_state state;
    bool has_live, has_head;
    struct bundle_version live;
    struct bundle_version head;             /* the newest: pending or failed; equal to live when that is the newest */
    uint32_t connected, built, active, lagging, refused;
    int64_t since_ms;                       /* wall clock: when the state was entered */
    struct push_failure failure;            /* PUSH_FAILED */
    struct push_node_view *nodes;           /* of this environment, by id */
    size_t n_nodes;
};

/* ---- what the owner is told ---------------------------------------------------------------------------------------- */

/* A head reached its end. The store writes it down; until it has, a restart would try the bundle again, which is harmless. */
enum push_outcome {
    PUSH_BECAME_LIVE,
    PUSH_BECAME_FAILED,
    PUSH_SUPERSEDED,     /* a newer one took its place before it was live */
};

struct push_head_event {
    const char *environment;
    struct bundle_version version;
    enum push_outcome outcome;
    const struct push_failure *failure;     /* PUSH_BECAME_FAILED */
};

/* A node asks for its first certificate. The store checks the token, burns one use of it for this key (the same token and
 * key within the token's life: the same answer, no second use) and names environment and node, all in one transaction. */
struct push_enroll_ask {
    char token_id[65];
    uint8_t secret_sha256[32];              /* of the token's secret */
    uint8_t key_sha256[32];                 /* of the public key in the CSR */
    char node_id[PROTOCOL_NODE];            /* the wish; empty: the store makes one up */
    char address[64];
};

struct push_enroll_answer {
    int rc;                                 /* 0; -ERR_DENIED (unknown, used up, expired), -ERR_EXISTS (name taken), others: try later */
    char environment[PROTOCOL_ENVIRONMENT], node_id[PROTOCOL_NODE];
    uint64_t membership;                    /* goes into the certificate, and from there into each renewed one */
};

struct push_callbacks {
    /* Answer by push_enroll_answer(ticket), now or later, from the loop's thread. */
    void (*enroll)(void *arg, uint64_t ticket, const struct push_enroll_ask *ask);
    void (*head)(void *arg, const struct push_head_event *event);
    /* Something that push_rollout(environment) shows is different now. At most once an environment and loop turn. */
    void (*rollout_changed)(void *arg, const char *environment);
    /* May be NULL. A node connected or left. */
    void (*node_seen)(void *arg, const struct push_node_view *node);
    /* May be NULL. A certificate was signed for the node (enrolled or renewed). */
    void (*issued)(void *arg, const char *environment, const char *node_id, const char *serial, int64_t not_after);
    /* May be NULL: false refuses a node at Sync, FetchChunks and Renew. membership: that of the certificate shown; 0 also for
     * one that carries none. */
    bool (*node_allowed)(void *arg, const char *environment, const char *node_id, uint64_t membership);
};

struct push_options {
    struct event_base *base;
    struct graveyard *graveyard;            /* of the same loop; outlives the server */
    int listen_fd;                          /* listening; taken over on success */
    const char *cluster_id;
    const char *instance;                   /* this control plane's name, shown by nodes */
    const struct cert_ca *ca;               /* outlives the server: signs nodes' certificates */
    struct tlsctx *tls;                     /* referenced. server, TLSCTX_CLIENT_OPTIONAL with the CA as roots, alpn "h2" required */
    const char *const *endpoints;           /* "host:port" told to enrolling nodes; may be none */
    size_t n_endpoints;
    struct push_callbacks callbacks;
    void *arg;
    uint32_t apply_deadline_ms;             /* 0: 60000 */
    uint32_t cert_life_s;                   /* 0: 86400 */
    uint32_t stall_ms;                      /* a node that takes nothing of what waits for it is cut off; 0: 30000 */
};

/* Starts to listen; health says NOT_SERVING until push_ready. Nodes that connect earlier are told UNAVAILABLE: a control
 * plane that has not loaded its heads must say nothing. */
MUST_USE int push_server_new(const struct push_options *o, struct push_server **out, struct err *e);
/* The orderly end: nobody new is let in, nodes are told to come back (GoAway; the more nodes, the wider they spread), streams
 * end behind that, what is left after grace_ms is cut. No rollout moves any more. Free the server when push_is_gone. */
void push_server_goodbye(struct push_server *ps, const char *reason, uint32_t grace_ms);
/* After the goodbye: the last connection has ended. */
bool push_is_gone(const struct push_server *ps);
/* All streams are cut. Not inside one of the callbacks. */
void push_server_free(struct push_server *ps);
uint16_t push_port(const struct push_server *ps);
void push_ready(struct push_server *ps);

/* At start, before push_ready, for each environment that the store knows: what was live, and the head if it had not
 * reached its end (pending) or had failed. Bundles are referenced; either may be NULL, as failure.
 * expected_nodes: how many nodes the store saw there lately. Until so many are back, or 15 s have passed, nothing becomes
 * live: a restart must not decide with the first node that comes back. 0: nobody is waited for. */
MUST_USE int push_load(struct push_server *ps, struct bundle *live, struct bundle *pending, uint32_t expected_nodes,
                       struct err *e);
MUST_USE int push_load_failed(struct push_server *ps, const char *environment, const struct bundle_version *version,
                              const struct push_failure *failure, struct err *e);
/* A new head of b->environment; b is referenced. first_load: it was live before a restart (as push_load(b, NULL, 0)).
 * -ERR_CONFLICT: not newer than what is live or pending. */
MUST_USE int push_publish(struct push_server *ps, struct bundle *b, bool first_load, struct err *e);

/* -ERR_NOTFOUND: an environment that was never published to and has no nodes. Fini frees what out holds. */
MUST_USE int push_rollout(const struct push_server *ps, const char *environment, struct push_rollout *out);
void push_rollout_fini(struct push_rollout *r);
/* Names of all environments in order, then each node (by environment and id). */
void push_environments(const struct push_server *ps, void (*cb)(void *arg, const char *environment), void *arg);
void push_nodes(const struct push_server *ps, void (*cb)(void *arg, const struct push_node_view *node), void *arg);
void push_enroll_answer(struct push_server *ps, uint64_t ticket, const struct push_enroll_answer *answer);
/* Closes the node's stream at once and forgets the node (after a revocation). */
void push_forget(struct push_server *ps, const char *node_id);

struct push_stats {
    uint64_t connections, offers, activations, withdrawals, acks, nacks, fetches, chunks, chunk_bytes, enrolled, renewed,
        refused, closed_slow;
};
void push_stats(const struct push_server *ps, struct push_stats *out);

/* "pending", "live", ... ; "built", "current", ... ; "invalid_resource", ... Never NULL. */
const char *push_state_name(enum push_state s);
const char *push_node_state_name(enum push_node_state s);
const char *push_code_name(enum protocol_code c);
