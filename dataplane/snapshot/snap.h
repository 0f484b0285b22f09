#pragma once
/* One immutable configuration, ready to serve. Built aside by the loader, published by the main thread, read by workers.
 *
 * A snapshot is a small tree of parts (an Api at a stage, an upstream), each in an arena of its own with a reference count,
 * shared with the next snapshot where nothing changed. A part never points into another part: what a route needs of an
 * upstream it names by slot, and the snapshot's table of slots has the pointer.
 *
 * Workers take one reference a snapshot and count their exchanges themselves: no shared line is written on the request path. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/ref.h"
#include "base/slice.h"
#include "bundle/bundle.h"

struct def_pair;        /* snapshot/snap_def.h */
struct integration_ops; /* exchange/exchange_ops.h */
struct filter_ops;      /* exchange/exchange_ops.h */
struct router;          /* router/router.h */
struct snap_hosts;      /* router/router.h: host and base path -> stage */

struct snap_endpoint {
    struct slice host; /* name or address, NUL-terminated */
    uint16_t port;
    uint16_t weight;   /* 1 to 1000 */
    uint8_t priority;  /* 0 first */
};

enum snap_policy { SNAP_ROUND_ROBIN, SNAP_LEAST_REQUEST, SNAP_RANDOM };

/* A group of endpoints. Pools, health and breakers live in workers, keyed by slot and id, and outlive snapshots. */
struct snap_upstream {
    struct slice name;      /* "orders"; "http://10.0.0.1:8080" where a URI names the host itself */
    uint32_t slot;          /* small number, stable while any snapshot has the name */
    uint64_t id;            /* never given twice: tells a slot's new owner from its old one */
    const struct snap_endpoint *endpoints;
    size_t n_endpoints;
    enum snap_policy policy;
    uint32_t connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms, total_timeout_ms; /* 0: the default */
    uint32_t max_connections; /* a worker and endpoint; 0: the default */
};

struct snap_integration {
    struct slice key;
    const struct integration_ops *ops;
    const void *conf;       /* made by ops->build, in the part's arena */
    uint32_t timeout_ms;    /* of the whole call; 0: the upstream's */
};

/* One step of a route's plan. */
struct snap_step {
    const struct filter_ops *ops;
    const void *conf;
};

struct snap_stage {
    struct slice api, name;
    struct slice base_path;          /* "/v1", or empty for the root; no slash at the end */
    const struct slice *hosts;       /* lower case; none: every host */
    size_t n_hosts;
    bool aws;                        /* compatibility: aws */
    uint64_t payload_limit;          /* bytes of a request body; 0: the default */
    const struct def_pair *variables;
    size_t n_variables;
    const struct router *router;
};

struct snap_route {
    const struct snap_stage *stage;
    struct slice path;               /* "/users/{id}" */
    struct slice method;             /* "GET" or "ANY" */
    struct slice operation;
    const struct slice *params;      /* names in the order of the path; a greedy one without its plus */
    uint16_t n_params;
    bool greedy;                     /* the last parameter takes the rest of the path */
    uint32_t id;                     /* stable number of (api, stage, method, path): for metrics; small and dense */
    uint64_t payload_limit;          /* 0: the default */
    const struct snap_integration *integration;
    const struct snap_step *steps;
    uint16_t n_steps;
};

/* An upstream that a part's integrations name, and where it must be in any snapshot that has the part. */
struct snap_use {
    struct slice name;
    uint32_t slot;
    bool implied;                    /* the part brings it itself */
    struct slice key;                /* of the integration that names it */
};

struct snap_part {
    struct ref ref;
    struct arena arena;              /* holds everything below, and the part itself dies with its last reference */
    struct slice name;               /* "stage/shop/prod", "upstream/orders" */
    struct snap_stage *stage;        /* one of these two */
    struct snap_upstream *upstream;
    const struct snap_upstream *const *implied; /* upstreams that the part's URIs name themselves */
    size_t n_implied;
    const struct snap_use *uses;     /* each name once */
    size_t n_uses;
    const struct snap_route *routes; /* in the order of the bundle's leaves */
    size_t n_routes;
};

struct snap {
    struct ref ref;
    struct bundle_version version;
    struct snap_part **parts;        /* sorted by name */
    size_t n_parts;
    const struct snap_upstream **upstreams; /* by slot; NULL: no such upstream in this snapshot */
    size_t n_upstreams;
    const struct snap_hosts *hosts;
    size_t n_routes;
    uint32_t route_ids;              /* every route's id is below it: for tables of counters */
    struct arena arena;              /* the tables above */
    struct leaf_table *leaves;       /* what the snapshot was built from, kept for the next delta */
    uint64_t bytes;                  /* memory of the parts that only this build made */
};

/* Another owner / one owner less. The last one frees: parts drop their own counts. Frees big arenas: not on a worker. */
struct snap *snap_ref(struct snap *s);
void snap_unref(struct snap *s); /* NULL is fine */

/* An empty part whose arena the maker fills, and everything in it dies with. name is copied. NULL: no memory. */
struct snap_part *snap_part_new(struct slice name, size_t block_size, size_t cap);
struct snap_part *snap_part_ref(struct snap_part *p);
void snap_part_unref(struct snap_part *p); /* NULL is fine */

/* Process-wide numbering of upstream names and of routes (snap_intern.c). Builder thread and main thread only (a mutex inside).
 * The number of a name is stable while somebody holds it; it is given back once for each take. */
#define SNAP_SLOTS_MAX 65536u

struct snap_slot {
    uint32_t slot;
    uint64_t id;                     /* never given twice */
};
/* -ERR_LIMIT: SNAP_SLOTS_MAX names are held. -ERR_NOMEM. */
MUST_USE int snap_slot_take(struct slice name, struct snap_slot *out);
void snap_slot_release(uint32_t slot);
/* Route numbers: as slots, in a space of their own, up to CAPS_ROUTES_MAX twice. label: "shop/prod/GET /users/{id}". */
MUST_USE int snap_route_id_take(struct slice label, uint32_t *out);
void snap_route_id_release(uint32_t id);
