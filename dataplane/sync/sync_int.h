#pragma once
/* Private to sync.c, sync_link.c, sync_join.c. */
#include "net/grpc.h"
#include "sync/sync.h"
#include "sync/sync_builder.h"
#include "sync/sync_codec.h"
#include "sync/sync_core.h"
#include "sync/sync_identity.h"

struct event;
struct ZSTD_DCtx_s;

#define SYNC_ENDPOINTS_MAX 16
#define SYNC_TICK_MS 250
#define SYNC_SOAK_TICKS 20

/* One FetchChunks call. Freed by its on_end. */
struct sync_fetch {
    struct sync *sync;
    struct grpc_call *call;
    uint64_t id;
    bool dead;                   /* cancelled: what still comes is not looked at */
    uint8_t hash[BUNDLE_HASH];
    uint32_t raw_size;
    struct buf bytes;            /* of the leaf at hand */
};

/* Enrolment and renewal. */
struct sync_join {
    struct grpc_client *client;  /* enrolment's own; pinned by the token */
    struct grpc_call *call;
    struct tlsctx *tls;
    struct sync_token token;
    struct buf key, answer;
    uint64_t next_ms;
    uint32_t failures;
    size_t endpoint;
    int64_t renew_at;            /* seconds since 1970 */
    bool renewing, alarmed;
};

struct sync {
    struct sync_options o;
    struct sync_callbacks cb;
    void *arg;
    char *targets[SYNC_ENDPOINTS_MAX];
    size_t n_targets;
    char *state_dir, *token_file;
    struct event *tick;
    struct sync_identity identity;
    struct sync_join join;
    struct sync_builder *builder;
    struct sync_core *core;      /* made when we know who we are and what the disk has */
    bool disk_read, disk_failed, ending, soak_pending;
    struct disk_report report;
    struct bundle *from_disk;
    struct snap *serving;        /* what the next build shares with */
    uint64_t built_job, swap_job, swap_began_us;
    struct snap *built;
    struct sync_job *building;   /* on its way in the builder; not ours to free */
    uint64_t ticks, started_ms, active_since_ms, renewals;
    char join_error[PROTOCOL_MESSAGE];
    /* the link */
    struct grpc_client *client;
    struct grpc_call *stream;
    struct sync_fetch *fetch;
    uint64_t seq;
    int64_t link_not_after;      /* of the certificate that opened it */
    bool closing;
    struct sync_message *message;
    struct ZSTD_DCtx_s *zstd;
    char piece[262144];
};

/* sync.c */
void sync_feed(struct sync *s, const struct sync_event *event);
/* We are enrolled: the core may begin. */
void sync_begin(struct sync *s);
uint64_t sync_random_below(void *arg, uint64_t bound);

/* sync_link.c */
void sync_link_open(struct sync *s, size_t endpoint);
void sync_link_close(struct sync *s);
void sync_link_tick(struct sync *s);
void sync_link_send(struct sync *s, const struct buf *message);
void sync_link_fetch(struct sync *s, const struct sync_action *a);
void sync_link_fetch_cancel(struct sync *s, uint64_t id);

/* sync_join.c */
void sync_join_tick(struct sync *s);
void sync_join_plan_renewal(struct sync *s);
void sync_join_fini(struct sync *s);
