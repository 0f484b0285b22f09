#pragma once
/* What a node counts and shows. Each worker counts into a shard of its own with plain increments; the main thread reads all of
 * them when somebody asks. */
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "exchange/exchange.h"
#include "snapshot/snap.h"

#define TELEMETRY_BUCKETS 15u      /* and +Inf */
#define TELEMETRY_PAGE 64u
#define TELEMETRY_PAGES 256u       /* routes with a number over 16,383 are counted together, as "other" */
#define TELEMETRY_SERIES_MAX 2000u /* routes in one answer of /metrics; sluice_metric_series_dropped_total counts the rest */

/* Of one route on one worker. */
struct telemetry_route {
    uint64_t by_class[6];          /* [status / 100]; [0]: ended without an answer */
    uint64_t from_upstream[6];     /* those of them that an upstream answered */
    uint64_t buckets[TELEMETRY_BUCKETS + 1];
    uint64_t sum_ns, bytes_in, bytes_out;
};

struct telemetry_page {
    struct telemetry_route routes[TELEMETRY_PAGE];
};

/* One a worker; zeroed is ready. */
struct telemetry_shard {
    struct telemetry_page *pages[TELEMETRY_PAGES]; /* made when a route of theirs is first used */
    struct telemetry_route other, unrouted;
    uint64_t swaps, swap_ns_last, swap_ns_max;      /* taking a snapshot: the pause it makes in the loop */
    uint64_t lag_us_max;                            /* how late the loop's tick came at worst */
    uint64_t exchanges;                             /* running now */
    uint64_t buffer_bytes;
};

void telemetry_shard_fini(struct telemetry_shard *s);
/* An exchange ended. */
void telemetry_count(struct telemetry_shard *s, const struct exchange *ex, uint64_t now_ns);

/* Appends "# TYPE name type\n". */
MUST_USE int telemetry_type(struct buf *out, const char *name, const char *type);
/* Appends "name value\n", or with labels "name{labels} value\n". */
MUST_USE int telemetry_value(struct buf *out, const char *name, const char *labels, uint64_t value);
/* Numbers without labels, each with its type before it. */
struct telemetry_number {
    const char *name, *type;
    uint64_t value;
};
MUST_USE int telemetry_numbers(struct buf *out, const struct telemetry_number *all, size_t n);
/* Requests and durations of all routes of a snapshot (may be NULL), summed over the shards. */
MUST_USE int telemetry_routes(struct buf *out, const struct snap *snap, struct telemetry_shard *const *shards, size_t n);
/* The snapshot as JSON: version, stages, routes, upstreams. No secrets are in it. */
MUST_USE int telemetry_config(struct buf *out, const struct snap *snap);
