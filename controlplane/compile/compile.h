#pragma once
/* Models to bundles: pure and deterministic. A unit is what one Stage (with its Api) or one Upstream compiles to: its resources,
 * encoded and in the leaves' order. Units are immutable, counted, and shared between revisions; leaves are made of the units of
 * an environment, and only those leaves are made anew whose resources differ. */
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/ref.h"
#include "bundle/leaf.h"
#include "spec/spec.h"

struct compile_resource {
    uint16_t leaf;
    struct slice type, key;   /* order in a leaf: type, then key */
    struct slice bytes;       /* the field of the Leaf message: tag, length, encoded Resource */
};

struct compile_unit {
    struct ref ref;
    struct arena arena;
    struct slice id;                    /* "stage/shop/prod", "upstream/orders": the part of its resources */
    uint8_t input[32];                  /* hash of what it was compiled from */
    const struct compile_resource *resources; /* by leaf, type, key */
    uint32_t n_resources, routes;
    uint64_t bytes;
    const struct slice *upstreams;      /* names that its URIs use, sorted, each once */
    uint32_t n_upstreams;
};

/* stage: a validated Stage; name: its name; api: its validated Api. Everything is copied. 0, -ERR_LIMIT (over a bound), -ERR_NOMEM. */
MUST_USE int compile_stage(const struct spec_document *stage, const struct spec_document *api, const uint8_t input[32],
                           struct compile_unit **out, struct err *e);
MUST_USE int compile_upstream(const struct spec_document *upstream, const uint8_t input[32], struct compile_unit **out, struct err *e);
struct compile_unit *compile_unit_ref(struct compile_unit *u);
void compile_unit_unref(struct compile_unit *u); /* NULL is fine */

/* The leaves of an environment: units sorted by id. old, old_table: what it was before (0, NULL: nothing); leaves whose resources
 * are the same are shared with it. *out is sealed, one reference. -ERR_LIMIT: a leaf, the routes or the bytes are over their bound. */
MUST_USE int compile_leaves(struct compile_unit *const *units, size_t n, struct compile_unit *const *old, size_t n_old,
                            const struct leaf_table *old_table, struct leaf_table **out, struct err *e);
