#pragma once
/* The node's bundle client: enrols, keeps a stream to one of the control planes, brings what is offered over disk-proven,
 * hashed and built snapshots to the workers. Lives on the main thread's loop; building and disk are a thread of its own. State
 * drawings: README.md. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "protocol/protocol.h"

struct event_base;
struct graveyard;
struct snap;
struct sync;

struct sync_options {
    struct event_base *base;
    struct graveyard *graveyard;       /* of the same loop; outlives sync */
    const char *control_planes;        /* "host:port,host:port" */
    const char *state_dir;
    const char *join_token_file;       /* may be NULL: SLUICE_JOIN_TOKEN, if it is set */
    const char *node_id;               /* may be NULL: the control plane names the node */
    const char *software;
    uint32_t workers;
    uint64_t soak_ms;                  /* 0: DISK_SOAK_MS */
};

struct sync_callbacks {
    /* Hand snap (one reference, taken over) to all workers; done(done_arg, snap) on this thread when all have it. */
    void (*publish)(void *arg, struct snap *snap, void (*done)(void *done_arg, struct snap *snap), void *done_arg);
    enum protocol_health (*health)(void *arg);
    /* May be NULL: always. Whether one more snapshot may be published; if not, why says what is in the way. */
    bool (*room)(void *arg, char *why, size_t why_size);
    /* May be NULL. There is no room and something waits for it: asked again every second. */
    void (*make_room)(void *arg);
    /* May be NULL. Fills what the owner knows: delta, live_generations, rss_bytes, uptime_s. */
    void (*fill_status)(void *arg, struct protocol_status *out);
};

MUST_USE int sync_new(const struct sync_options *o, const struct sync_callbacks *cb, void *arg, struct sync **out,
                      struct err *e);
/* Waits for the thread (a build may be running). No callback comes any more. NULL is fine. */
void sync_free(struct sync *s);
/* Health changed: tell the control plane at once. */
void sync_changed(struct sync *s);
/* The node drains: nobody waits for it any more. */
void sync_bye(struct sync *s, const char *reason);

struct sync_status {
    const char *state;                 /* "enrolling", "offline", "connecting", "synced", "applying" */
    bool enrolled, connected, has_active, has_head;
    struct bundle_version active, head;
    enum protocol_source source;
    uint64_t behind_ms;                /* since when something else is live; 0: not */
    int64_t cert_not_after;            /* seconds since 1970; 0: none */
    char node_id[PROTOCOL_NODE], environment[PROTOCOL_ENVIRONMENT];
    char last_error[PROTOCOL_MESSAGE]; /* of connecting or of the last bundle refused */
    bool disk_failed;                  /* the last bundle could not be kept */
    uint64_t connects, acks, nacks, applied, renewals;
    uint64_t received_bytes;           /* of leaves, since the start */
};
void sync_status(const struct sync *s, struct sync_status *out);
