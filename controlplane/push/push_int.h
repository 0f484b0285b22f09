#pragma once
/* Private to push_srv.c, push_peer.c, push_fetch.c, push_identity.c. */
#include "base/list.h"
#include "base/map.h"
#include "net/grpc.h"
#include "push/push.h"
#include "push/push_codec.h"
#include "push/push_core.h"

struct event;
struct grpc_health;
struct grpc_reflection;
struct ZSTD_CCtx_s;

#define PUSH_TICK_MS 250
#define PUSH_STALL_MS 30000u
#define PUSH_CLOSE_MS 1000u          /* for a status to go out behind what waits; then the stream is reset */
#define PUSH_REQUEST_MS 10000u       /* for the one request of an Enroll */
#define PUSH_SEND_MAX (1u << 20)     /* unsent bytes a call; a node's stream over it is closed */
#define PUSH_FETCHES_RUNNING 32u     /* others wait in line */
#define PUSH_FETCHES_MAX 4096u       /* in line; more get RESOURCE_EXHAUSTED */
#define PUSH_FETCHES_NODE 2u         /* of one node */
#define PUSH_ENROLLS_MAX 256u        /* waiting for the store; more get RESOURCE_EXHAUSTED */
#define PUSH_OFFERS_KEPT 16u         /* encoded offers */
#define PUSH_TABLES_KEPT 2u          /* tables with compressed leaves */

struct push_identity_parts {
    char cluster[PROTOCOL_CLUSTER], environment[PROTOCOL_ENVIRONMENT], node[PROTOCOL_NODE];
};

/* Does the other side take what waits for it? HTTP/2 takes care of connections that stand still; a stream may stand still
 * alone, when its reader opens no window. */
struct push_progress {
    uint64_t given, taken, since_ms; /* bytes; since_ms: the last step forward */
};

/* One Sync stream. */
struct push_peer {
    struct list link;
    struct push_server *server;
    struct grpc_call *call;
    uint64_t id, seq;
    struct push_progress progress;
    uint64_t closing_ms;             /* when it was finished; 0: not yet */
};

/* An offer without what differs from node to node. */
struct push_encoded {
    char environment[PROTOCOL_ENVIRONMENT];
    struct bundle_version version;
    bool has_base;
    uint8_t base_root[BUNDLE_HASH];
    uint64_t used;
    struct buf bytes;
};

struct push_compressed {
    size_t n;
    char bytes[];
};

struct push_kept_table {
    struct leaf_table *table;
    uint64_t used;
    struct push_compressed *leaves[BUNDLE_LEAVES];
};

struct push_server {
    struct push_options o;
    char cluster_id[PROTOCOL_CLUSTER], instance[PROTOCOL_NODE];
    struct grpc_server *grpc;
    struct grpc_health *health;
    struct grpc_reflection *reflection;
    struct push_core *core;
    struct event *tick, *tell;
    bool is_ready, is_frozen;        /* frozen: it ends; the core is not asked any more */
    uint64_t ids, uses;
    struct map peers;                /* id -> push_peer */
    struct list all_peers;
    struct list fetches, waiting;    /* push_fetch: running, in line */
    size_t n_running, n_waiting;
    struct list enrolls;             /* push_join */
    size_t n_enrolls;
    struct push_encoded offers[PUSH_OFFERS_KEPT];
    struct push_kept_table *tables[PUSH_TABLES_KEPT];
    struct ZSTD_CCtx_s *zstd;
    struct vec changed;              /* char[PROTOCOL_ENVIRONMENT]: to be told at the end of the turn */
    struct push_message *message;    /* scratch: decoded one at a time */
    struct push_stats stats;
};

/* push_srv.c */
struct push_now push_clock(void);
/* One event into the core, and everything that follows from it. */
void push_feed(struct push_server *ps, const struct push_event *event);
void push_run(struct push_server *ps, struct push_actions *actions);
/* After n bytes of message were taken by grpc_call_send. */
void push_progress_give(struct push_progress *g, size_t n);
/* How long the call has stood still, with something to take. */
uint64_t push_progress_stalled(struct push_progress *g, const struct grpc_call *call, uint64_t now_ms);
/* May this caller have anything? Its certificate says a node of this cluster, has not ended since the connection was made, and
 * the owner has nothing against it. NULL; or why not, to be told to it. */
const char *push_refusal_of(const struct push_server *ps, const struct grpc_peer *peer, struct push_identity_parts *who);

/* push_peer.c */
extern const struct grpc_handler push_sync_handler;
/* "spiffe://cluster/dp/environment/node". */
bool push_parse_identity(const char *uri, struct push_identity_parts *out);
struct push_peer *push_peer_find(struct push_server *ps, uint64_t id);
void push_peer_send(struct push_peer *p, const struct buf *message, const struct buf *tail);
void push_peer_offer(struct push_peer *p, const struct push_action *a);
/* Ends the stream: the status goes behind what waits, if it goes soon. */
void push_peer_close(struct push_peer *p, int status, const char *reason);
void push_peers_tick(struct push_server *ps, uint64_t now_ms);
void push_offers_fini(struct push_server *ps);

/* push_fetch.c */
extern const struct grpc_handler push_fetch_handler;
void push_fetch_fini(struct push_server *ps);
void push_fetch_tick(struct push_server *ps, uint64_t now_ms);

/* push_identity.c */
extern const struct grpc_handler push_enroll_handler, push_renew_handler;
void push_identity_tick(struct push_server *ps, uint64_t now_ms);
