#pragma once
/* Private to sync_core*.c. */
#include "base/must.h"
#include "sync/sync_core.h"

enum sync_stage {
    SYNC_STAGE_NONE,
    SYNC_STAGE_JITTER,       /* waits before it fetches */
    SYNC_STAGE_FETCHING,
    SYNC_STAGE_WAITING,      /* verified; as many snapshots are live as may be */
    SYNC_STAGE_BUILDING,
    SYNC_STAGE_HELD,         /* BUILT; waits for Activate */
    SYNC_STAGE_SWAPPING,     /* cannot be taken back */
};

struct sync_missing {
    uint16_t index;
    bool here;
    uint32_t size;
    uint8_t hash[BUNDLE_HASH];
};

/* The offer in work. */
struct sync_offer {
    enum sync_stage stage;
    bool answer;                 /* its stream still lives: acknowledge on it */
    bool hold;
    uint8_t nonce[PROTOCOL_NONCE];
    struct bundle *bundle;       /* header and, being filled, its table */
    struct sync_missing *missing;
    size_t n_missing, n_here, cursor;
    size_t n_goal;               /* n_here when the fetch that runs is done */
    uint64_t fetch, job;
    uint64_t start_ms;           /* of JITTER: when to begin */
    uint64_t began_ms, deadline_ms;
    uint64_t room_ms;            /* of WAITING: when to call for room */
    enum protocol_phase phase;
    struct protocol_timings timings;
};

struct sync_core {
    struct sync_core_options o;
    struct protocol_hello hello;
    enum sync_state state;
    uint32_t failures;           /* in a row: the exponent of the back-off */
    uint64_t next_ms;            /* OFFLINE: when to connect */
    uint64_t began_ms;           /* CONNECTING: since when */
    uint64_t synced_ms, heard_ms, status_ms;
    size_t endpoint;
    struct bundle *active;
    enum protocol_source source;
    bool has_head;
    struct bundle_version head;
    uint64_t behind_ms;
    struct sync_offer offer;
    struct leaf_table *spare;    /* leaves of the last offer that did not become live: not fetched twice */
    uint64_t numbers;            /* of fetches and jobs */
    bool save_answer;            /* DURABLE is owed */
    uint8_t save_nonce[PROTOCOL_NONCE];
    struct bundle_version save_version;
    struct protocol_timings save_timings;
    char last_error[PROTOCOL_MESSAGE];
    uint64_t acks, nacks, applied, connects, received_bytes;
    struct sync_now now;
    struct sync_actions *out;
};

/* sync_core.c */
struct sync_action *sync_act(struct sync_core *c, enum sync_action_type type);
void sync_note_head(struct sync_core *c, bool has_head, const struct bundle_version *head);
void sync_send_status(struct sync_core *c);

/* sync_core_offer.c */
void sync_offer_begin(struct sync_core *c, const struct protocol_offer *o);
void sync_offer_tick(struct sync_core *c);
void sync_offer_leaf(struct sync_core *c, const struct sync_event *event);
void sync_offer_fetched(struct sync_core *c, const struct sync_event *event);
void sync_offer_built(struct sync_core *c, const struct sync_event *event);
void sync_offer_activate(struct sync_core *c, const uint8_t *nonce);
void sync_offer_withdraw(struct sync_core *c, const uint8_t *nonce);
void sync_offer_swapped(struct sync_core *c, const struct sync_event *event);
void sync_offer_saved(struct sync_core *c, const struct sync_event *event);
/* The stream is gone: what can be taken back is; what is swapping goes on without acknowledgements. */
void sync_offer_cut(struct sync_core *c);
void sync_offer_fini(struct sync_offer *o);
