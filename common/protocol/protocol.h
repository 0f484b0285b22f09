#pragma once
/* What the planes say to each other (proto/push.proto) as plain structs, so that both state machines can be pure code.
 * Each plane translates its generated messages into these. Numbers of enums are those on the wire. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "bundle/bundle.h"
#include "bundle/leaf.h"

#define PROTOCOL_SCHEMA_MIN 1u
#define PROTOCOL_SCHEMA_MAX 1u
#define PROTOCOL_NONCE 16
#define PROTOCOL_INSTANCE 16
#define PROTOCOL_CLUSTER 65          /* sizes of texts, with their NUL */
#define PROTOCOL_NODE 129
#define PROTOCOL_ENVIRONMENT 129
#define PROTOCOL_SOFTWARE 65
#define PROTOCOL_REASON 257
#define PROTOCOL_MESSAGE 513
#define PROTOCOL_RECENT 64           /* roots of an environment that a delta may start from; older nodes get the full list */
#define PROTOCOL_REJECTED_MAX 8      /* versions a node remembers to have refused; the oldest is forgotten */
#define PROTOCOL_ERRORS_MAX 16       /* errors of a nack; more are cut */
#define PROTOCOL_LABELS_MAX 32       /* labels of a node; more are refused */
#define PROTOCOL_CAPABILITIES_MAX 64
#define PROTOCOL_WANT_MAX 1024       /* hashes of one fetch; more are refused */
#define PROTOCOL_INLINE_MAX 65536u   /* bytes of leaves inside an offer */
#define PROTOCOL_HELLO_MS 5000       /* the first message must come in this time */
#define PROTOCOL_PING_MS 10000
#define PROTOCOL_STATUS_MS 10000
#define PROTOCOL_DEAD_MS 30000       /* silence after which the other side is taken for dead */

enum protocol_phase {
    PROTOCOL_PHASE_UNSET = 0,
    PROTOCOL_RECEIVED = 1,
    PROTOCOL_VERIFIED = 2,
    PROTOCOL_BUILT = 3,
    PROTOCOL_ACTIVE = 4,
    PROTOCOL_DURABLE = 5,
};

enum protocol_source { PROTOCOL_NONE = 0, PROTOCOL_LAST_GOOD = 1, PROTOCOL_SEED_FILE = 2, PROTOCOL_CONTROL_PLANE = 3 };

enum protocol_health {
    PROTOCOL_HEALTH_UNSET = 0,
    PROTOCOL_READY = 1,
    PROTOCOL_DEGRADED = 2,
    PROTOCOL_DRAINING = 3,
    PROTOCOL_STARTING = 4,
};

enum protocol_code {
    PROTOCOL_CODE_UNSET = 0,
    PROTOCOL_SIGNATURE = 1,
    PROTOCOL_HASH_MISMATCH = 2,
    PROTOCOL_DECODE = 3,
    PROTOCOL_SCHEMA_UNSUPPORTED = 4,
    PROTOCOL_CAPABILITY_MISSING = 5,
    PROTOCOL_LIMIT_EXCEEDED = 6,
    PROTOCOL_INVALID_RESOURCE = 7,
    PROTOCOL_DANGLING_REFERENCE = 8,
    PROTOCOL_NO_MEMORY = 9,
    PROTOCOL_NO_DISK = 10,
    PROTOCOL_STALE_VERSION = 11,
    PROTOCOL_BASE_MISMATCH = 12,
    PROTOCOL_TIMEOUT = 13,
    PROTOCOL_BIND_FAILED = 14,
    PROTOCOL_CRASHED = 15,
    PROTOCOL_INTERNAL = 16,
};

struct protocol_limits {
    uint64_t max_bundle_bytes;
    uint32_t max_chunk_bytes, max_routes;   /* 0: not said */
};

/* ---- node to control plane ---------------------------------------------------------------------------------------- */

struct protocol_hello {
    char cluster_id[PROTOCOL_CLUSTER], node_id[PROTOCOL_NODE], environment[PROTOCOL_ENVIRONMENT];
    char software[PROTOCOL_SOFTWARE];
    uint8_t instance_id[PROTOCOL_INSTANCE];
    uint64_t restart_count;
    char labels[1024];                      /* "name=value,..." for people; cut */
    uint32_t schema_min, schema_max;
    bool can_delta, can_zstd;               /* the capabilities that this schema knows: "delta.v1", "zstd" */
    struct protocol_limits limits;
    bool has_active, has_stored;
    struct bundle_version active, stored;
    struct bundle_version rejected[PROTOCOL_REJECTED_MAX];
    size_t n_rejected;
    enum protocol_source source;
    uint32_t workers;
};

struct protocol_timings {
    uint64_t fetch_us, verify_us, build_us, swap_us, persist_us, bytes_received;
};

struct protocol_ack {
    uint8_t nonce[PROTOCOL_NONCE];
    struct bundle_version version;
    enum protocol_phase phase;
    struct protocol_timings timings;
    uint32_t workers_active;
};

struct protocol_error {
    enum protocol_code code;
    char type[33], key[513], field[129], message[PROTOCOL_MESSAGE];
    bool retryable;
};

struct protocol_nack {
    uint8_t nonce[PROTOCOL_NONCE];
    struct bundle_version rejected, still_active;
    bool has_active;
    struct protocol_error error;            /* the first one: what people are shown */
    uint32_t n_errors;
    bool retryable;                         /* all of them are */
};

struct protocol_counters {
    uint64_t revision, requests, resp_5xx_local, resp_5xx_upstream, route_miss, auth_denied, plugin_errors;
    uint64_t latency_us_log2[32];
};

struct protocol_status {
    bool has_active;
    struct bundle_version active;
    uint64_t uptime_s;
    uint64_t active_since_unix_ms;
    enum protocol_health health;
    struct protocol_counters delta;
    uint32_t live_generations;
    uint64_t oldest_generation_age_s, rss_bytes;
    int64_t clock_unix_ms, cert_not_after_unix;
    char last_error[PROTOCOL_MESSAGE];
};

struct protocol_bye {
    char reason[PROTOCOL_REASON];
    bool draining;
};

/* ---- control plane to node ---------------------------------------------------------------------------------------- */

struct protocol_welcome {
    char cluster_id[PROTOCOL_CLUSTER], instance[PROTOCOL_NODE];
    uint32_t schema_max, status_interval_ms, dead_after_ms, backoff_base_ms, backoff_cap_ms;
    int64_t clock_unix_ms;
    bool has_head;
    struct bundle_version head;
};

struct protocol_leaf_ref {
    uint16_t index;
    bool is_empty;                          /* the leaf holds nothing now; hash and size are zero */
    uint32_t size;
    uint8_t hash[32];
};

struct protocol_inline_leaf {
    uint16_t index;
    struct slice bytes;                     /* decoded */
};

/* An offer as the node sees it. header: a bundle without its table. Arrays live as long as the call that hands it over. */
struct protocol_offer {
    uint8_t nonce[PROTOCOL_NONCE];
    const struct bundle *header;
    const char *header_error;               /* NULL: it could be read; else only version and schema of header are filled */
    uint32_t leaf_count;
    char missing_capability[65];            /* one that the header requires and this program lacks; empty: none */
    bool has_base;
    struct bundle_version base;
    const struct protocol_leaf_ref *refs;
    size_t n_refs;
    const struct protocol_inline_leaf *inlined;
    size_t n_inlined;
    bool hold;
    uint32_t apply_deadline_ms, start_jitter_ms;
};

struct protocol_goaway {
    char reason[PROTOCOL_REASON];
    uint32_t reconnect_after_ms, spread_ms;
};

static inline bool protocol_same_root(const struct bundle_version *a, const struct bundle_version *b)
{
    return memcmp(a->root, b->root, sizeof(a->root)) == 0;
}
