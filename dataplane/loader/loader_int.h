#pragma once
/* Private to loader/. */
#include <pb_decode.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "bundle/leaf_reader.h"
#include "loader/loader.h"
#include "snapshot/snap_def.h"

/* ---- errors (loader_error.c) --------------------------------------------------------------------- */

/* Fills *e, cut at characters' borders, and returns -ERR_X that goes with the code. r may be NULL; field may be "". */
int loader_fail(struct loader_error *e, enum loader_code code, const struct leaf_resource *r, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* For an err of another room: its code picks ours. */
int loader_fail_err(struct loader_error *e, const struct leaf_resource *r, const char *field, const struct err *err);
int loader_fail_memory(struct loader_error *e, const struct leaf_resource *r);

/* ---- one resource (loader_wire.c, loader_decode.c) ------------------------------------------------ */

/* What is read is read for one resource into one arena. */
struct loader_decode {
    struct arena *arena;
    const struct leaf_resource *resource;
    struct loader_error *e;
    int rc;                      /* the first failure, which *e tells */
};

struct def_stage {
    struct slice api, name, base_path;
    const struct slice *hosts;
    size_t n_hosts;
    const struct def_pair *variables;
    size_t n_variables;
    bool aws;
    uint64_t payload_limit;
};

struct def_route {
    struct slice path, method, integration, operation;
    uint64_t payload_limit;
};

struct def_upstream {
    struct slice name, policy;
    const struct snap_endpoint *endpoints;
    size_t n_endpoints;
    uint32_t connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms, total_timeout_ms, max_connections;
};

/* Before nanopb, which skips what it does not know: every field known, of its type, in order, texts in UTF-8 without NUL. A node
 * that left out a field that it does not know would serve something else than was written. */
MUST_USE int loader_wire_check(struct loader_decode *d, const pb_msgdesc_t *desc);

MUST_USE int loader_decode_stage(struct loader_decode *d, struct def_stage *out);
MUST_USE int loader_decode_route(struct loader_decode *d, struct def_route *out);
MUST_USE int loader_decode_integration(struct loader_decode *d, struct def_integration *out);
MUST_USE int loader_decode_upstream(struct loader_decode *d, struct def_upstream *out);

/* ---- one build ------------------------------------------------------------------------------------- */

/* A part that has to be built, and all that it is built from. */
struct loader_plan {
    struct slice name;
    struct vec resources;        /* struct leaf_resource, into the bundle's leaves */
    struct snap_part *part;
};

struct loader {
    const struct bundle *bundle;
    struct snap *base;           /* NULL: build all */
    struct loader_error *e;
    struct arena scratch;        /* plans and their names */
    struct map plans;            /* by name */
    struct vec plan_list;        /* struct loader_plan * */
    struct map upstreams;        /* names of all upstreams that the new snapshot has */
};

/* Which parts have to be built, and from what (loader_plan.c). */
MUST_USE int loader_plan(struct loader *l);
/* loader_upstream.c, loader_stage.c: plan->part is made. */
MUST_USE int loader_build_upstream(struct loader *l, struct loader_plan *plan);
MUST_USE int loader_build_stage(struct loader *l, struct loader_plan *plan);
/* An upstream that a URI names itself, "http://host:port", from its name alone. Keeps name. NULL: no memory or no such form. */
struct snap_upstream *loader_implied_upstream(struct arena *a, struct slice name, struct snap_slot slot);
/* The part's arena gives the slot back when it goes; on failure it has been given back already. */
MUST_USE int loader_hold_slot(struct arena *a, struct slice name, struct snap_slot *out);
