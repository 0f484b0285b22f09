#pragma once
/* The node's side of the protocol as a pure state machine: events and the time go in, actions come out. No I/O, no clock, no
 * randomness of its own, so a simulation can run it. It holds leaf tables; snapshots it knows only by the number of the
 * job that builds them.
 *
 *   OFFLINE -> CONNECTING -> HELLO_SENT -> SYNCED <-> APPLYING -> (any) -> OFFLINE
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "protocol/protocol.h"

struct sync_core;

enum sync_state { SYNC_OFFLINE, SYNC_CONNECTING, SYNC_HELLO_SENT, SYNC_SYNCED, SYNC_APPLYING };

#define SYNC_BACKOFF_BASE_MS 500u
#define SYNC_BACKOFF_CAP_MS 30000u
#define SYNC_AWAY_CAP_MS 300000u     /* at most what a GoAway asks for, and at most its spread: no word keeps a node away for ever */
#define SYNC_DENIED_CAP_MS 300000u   /* after PERMISSION_DENIED, FAILED_PRECONDITION, UNAUTHENTICATED */
#define SYNC_STABLE_MS 60000u        /* a stream that lived so long resets the back-off */
#define SYNC_ROOM_MS 1000u            /* between two calls for room */
#define SYNC_DEADLINE_MS 60000u      /* of an offer that names none */
#define SYNC_DEADLINE_CAP_MS 3600000u
#define SYNC_DEADLINE_SPARE_MS 2000u /* at most; a refusal should be back before the deadline */
#define SYNC_CONNECT_MS 20000u       /* connecting and welcome together */

struct sync_core_options {
    const struct protocol_hello *hello;      /* who we are; active, stored and rejected are filled in each time */
    struct protocol_limits limits;           /* what this node takes */
    size_t n_endpoints;
    uint32_t first_delay_ms;                 /* the first try comes within it (0: at once) */
    uint64_t (*random_below)(void *arg, uint64_t bound);
    void *random_arg;
    /* Whether one more snapshot may be made live beside those that still are; if not, why says what is in the way. NULL: always. */
    bool (*room)(void *arg, char *why, size_t why_size);
    void *room_arg;
};

enum sync_event_type {
    SYNC_EVENT_CONNECTED,      /* the stream is open: Hello may go */
    SYNC_EVENT_DISCONNECTED,   /* it could not be opened, or has ended */
    SYNC_EVENT_WELCOME,
    SYNC_EVENT_OFFER,
    SYNC_EVENT_WITHDRAW,
    SYNC_EVENT_ACTIVATE,
    SYNC_EVENT_PING,
    SYNC_EVENT_GOAWAY,
    SYNC_EVENT_LEAF,           /* a whole leaf of a fetch */
    SYNC_EVENT_FETCH_END,
    SYNC_EVENT_BUILT,
    SYNC_EVENT_SWAPPED,        /* every worker serves it */
    SYNC_EVENT_SAVED,
    SYNC_EVENT_CHANGED,        /* health changed: say so at once */
    SYNC_EVENT_TICK,           /* several times a second */
};

struct sync_now {
    uint64_t mono_ms;
};

struct sync_event {
    enum sync_event_type type;
    union {
        struct {
            int status;                          /* gRPC's number */
            const char *reason;
        } disconnected;
        const struct protocol_welcome *welcome;
        const struct protocol_offer *offer;
        const uint8_t *nonce;                    /* WITHDRAW, ACTIVATE */
        struct {
            bool has_head;
            struct bundle_version head;
        } ping;
        const struct protocol_goaway *goaway;
        struct {
            uint64_t fetch;
            uint8_t hash[BUNDLE_HASH];           /* as the sender says */
            struct slice bytes;
        } leaf;
        struct {
            uint64_t fetch;
            int status;                          /* 0: the stream ended in order */
            const char *reason;
        } fetch_end;
        struct {
            uint64_t job;
            const struct protocol_error *error;  /* NULL: built */
            uint64_t build_us;
        } built;
        struct {
            uint64_t job;
            uint32_t workers;
            uint64_t swap_us;
        } swapped;
        struct {
            struct bundle_version version;
            bool ok;
            uint64_t persist_us;
        } saved;
    } u;
};

enum sync_action_type {
    SYNC_DO_CONNECT,           /* to endpoint */
    SYNC_DO_DISCONNECT,        /* no DISCONNECTED event is needed for it */
    SYNC_DO_HELLO,
    SYNC_DO_ACK,
    SYNC_DO_NACK,
    SYNC_DO_STATUS,
    SYNC_DO_FETCH,             /* want: hashes of leaves of version */
    SYNC_DO_FETCH_CANCEL,
    SYNC_DO_MAKE_ROOM,         /* an offer waits for it */
    SYNC_DO_BUILD,             /* bundle, as job; one BUILT follows, whatever happens */
    SYNC_DO_DISCARD,           /* job's snapshot is not wanted any more; it may still be building */
    SYNC_DO_SWAP,              /* job's snapshot to all workers */
    SYNC_DO_SAVE,              /* bundle to disk */
    SYNC_DO_REJECT,            /* remember version as one that must not be tried again */
    SYNC_DO_ALARM,
};

struct sync_want {
    uint8_t hash[BUNDLE_HASH];
};

struct sync_action {
    enum sync_action_type type;
    size_t endpoint;
    struct protocol_hello *hello;    /* HELLO; owned */
    struct protocol_nack *nack;      /* NACK; owned */
    struct protocol_ack ack;
    struct bundle *bundle;           /* BUILD, SAVE; owned */
    uint64_t job;                    /* BUILD, DISCARD, SWAP; FETCH, FETCH_CANCEL: the fetch */
    struct bundle_version version;   /* FETCH, REJECT */
    struct sync_want *want;          /* FETCH; owned; at most PROTOCOL_WANT_MAX */
    size_t n_want;
    char reason[PROTOCOL_MESSAGE];   /* ALARM */
};

/* failed: memory ran out; end the stream (the next one resumes by hash). */
struct sync_actions {
    struct vec list;                 /* struct sync_action */
    bool failed;
};

void sync_actions_init(struct sync_actions *a);
void sync_actions_clear(struct sync_actions *a);
void sync_actions_fini(struct sync_actions *a);

MUST_USE int sync_core_new(const struct sync_core_options *o, struct sync_now now, struct sync_core **out);
void sync_core_free(struct sync_core *c);
/* What was started from disk or a file: b is served already (referenced). Before the first step. */
void sync_core_set_active(struct sync_core *c, struct bundle *b, enum protocol_source source);
/* What the disk remembers. */
void sync_core_set_disk(struct sync_core *c, uint64_t restart_count, const struct bundle_version *stored /* may be NULL */,
                        const struct bundle_version *rejected, size_t n_rejected);
/* Never fails: what is wrong with an event is refused or ends the stream. */
void sync_core_step(struct sync_core *c, const struct sync_event *event, struct sync_now now, struct sync_actions *out);

struct sync_core_view {
    enum sync_state state;
    bool has_active, has_head;
    struct bundle_version active, head;
    enum protocol_source source;
    struct bundle *active_bundle;    /* borrowed */
    uint64_t synced_ms;              /* when the stream was welcomed; 0: not now */
    uint64_t behind_since_ms;        /* 0: serving what is live as far as we know */
    enum protocol_phase phase;       /* of the offer in work */
    char last_error[PROTOCOL_MESSAGE];
    uint64_t acks, nacks, applied, connects, received_bytes;
};
void sync_core_view(const struct sync_core *c, struct sync_core_view *out);
const char *sync_state_name(enum sync_state s);
