#pragma once
/* The whole line from spec bytes to compiled leaves: split, parse, check shape, check across, compile. Pure: no clock, no
 * files, no network; the same input gives the same bytes in whatever order the documents come. A world is what all documents
 * at one revision mean; worlds share what did not change. A world is immutable: any thread may read it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/vec.h"
#include "diag/diag.h"

struct world;
struct leaf_table; /* bundle/leaf.h */

struct apply_file {
    struct slice name;       /* as diagnostics name it */
    struct slice text;
    uint32_t first_line;     /* number of the text's first line; 0 and 1: a whole file. For documents that come from a store */
};

/* A document of a world. Lives as long as the world. */
struct apply_document {
    struct slice kind;       /* "Api", "Stage", "Upstream" */
    struct slice name;       /* "shop"; of a Stage "shop/prod" */
    struct slice text;       /* its own source, as it was given */
    struct slice file;
    uint32_t line;           /* of file, where text begins */
    uint8_t hash[32];        /* SHA-256 of the canonical form */
    bool is_implicit;        /* made by implicit_stage: not stored, not shown */
};

struct apply_key {
    struct slice kind, name;
};

enum apply_op { APPLY_CREATED, APPLY_UPDATED, APPLY_UNCHANGED, APPLY_DELETED };

/* One document that the request names. before: NULL when created; after: NULL when deleted. Live as long as the two worlds. */
struct apply_change {
    enum apply_op op;
    struct slice kind, name;
    const struct apply_document *before, *after;
};

struct apply_request {
    const struct apply_file *files;
    size_t n_files;
    const struct apply_key *deletes;
    size_t n_deletes;
    struct slice single_environment; /* dev: all stages are served by this environment; empty: as the Stages say */
    bool from_store;                 /* everything that a store holds: the bound on the bytes of one apply does not count */
    bool implicit_stage;             /* dev: an Api without a Stage gets stage "dev", at "/" when it is the only one */
};

/* Applies a request to base (NULL: an empty world). 0: *out is the new world (one reference, the caller's), changes
 * (initialised for struct apply_change) has one entry for each document named, sorted by kind and name; diags may have warnings.
 * -ERR_INVALID: diags (initialised by the caller) has every error, sorted; *out is untouched, changes is empty.
 * -ERR_NOMEM, -ERR_LIMIT with *e filled. When nothing changed, *out is a new world with the same roots.
 * Base is only read: a failed apply leaves no trace. */
MUST_USE int apply_run(const struct apply_request *r, struct world *base, struct world **out, struct vec *changes,
                       struct diag_list *diags, struct err *e);

struct world *world_ref(struct world *w);
void world_unref(struct world *w);

/* Documents, sorted by kind and name. Start with *at = 0. Implicit ones are told too. */
const struct apply_document *world_each_document(const struct world *w, size_t *at);
const struct apply_document *world_document(const struct world *w, struct slice kind, struct slice name);
size_t world_document_count(const struct world *w);

/* What the nodes of one environment run. */
struct world_environment {
    struct slice name;
    struct leaf_table *leaves;     /* borrowed */
    uint32_t stages, routes, upstreams, resources;
    uint64_t bytes;
};

/* Sorted by name. An environment exists as long as a Stage names it. */
const struct world_environment *world_each_environment(const struct world *w, size_t *at);
const struct world_environment *world_environment(const struct world *w, struct slice name);
static inline struct leaf_table *world_leaves(const struct world *w, struct slice environment)
{
    const struct world_environment *e = world_environment(w, environment);

    return e == NULL ? NULL : e->leaves;
}

/* "created", "updated", "unchanged", "deleted". */
const char *apply_op_name(enum apply_op op);

/* The document in canonical YAML (order kept, comments gone), and as JSON. -ERR_NOMEM. */
MUST_USE int apply_document_yaml(const struct apply_document *d, struct buf *out);
MUST_USE int apply_document_json(const struct apply_document *d, struct buf *out);
/* One unified diff of the documents' canonical YAML with three lines of context; either may be NULL. Nothing when equal. */
MUST_USE int apply_document_diff(const struct apply_document *before, const struct apply_document *after, struct buf *out);
/* Unified diff of two texts by lines (no heading when names are empty). Falls back to "all out, all in" beyond 2,000
 * differences. Nothing is written when they are equal. */
MUST_USE int apply_diff(struct slice before_name, struct slice before, struct slice after_name, struct slice after,
                        struct buf *out);

/* Routes of one changed Api. */
struct apply_summary {
    uint32_t routes_added, routes_removed, routes_changed;
    bool other_changed;      /* something besides routes and the integrations they use */
};
/* Of an Api that was created, updated or deleted; zeroes for other kinds. */
void apply_summarise(const struct apply_change *c, struct apply_summary *out);
/* "3 routes changed, 1 added" (empty: nothing to say). */
MUST_USE int apply_summary_text(const struct apply_summary *s, struct buf *out);

struct apply_variable {
    struct slice name, value;
};
/* The text of a Stage with variables set and unset, the rest kept (order, not comments): input for apply_run.
 * -ERR_INVALID: d is no Stage. Names and values are judged by apply_run. */
MUST_USE int apply_stage_text(const struct apply_document *d, const struct apply_variable *set, size_t n_set,
                              const struct slice *unset, size_t n_unset, struct buf *out, struct err *e);
