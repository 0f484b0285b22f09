#pragma once
/* The newest world, and how a change to it becomes a revision: apply_run, prove each changed environment's bundle in a
 * child, commit. Blocking: lives on the backstage thread (but for committer_new and _free). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apply/apply.h"
#include "base/err.h"
#include "base/vec.h"
#include "bundle/bundle.h"
#include "diag/diag.h"
#include "store/store.h"

struct committer;

struct committer_options {
    const char *checker;              /* program for check_child; NULL: no check */
    uint32_t check_timeout_ms;        /* 0: CHECK_CHILD_MS */
    struct slice single_environment;  /* see apply_request; both outlive the committer */
    bool implicit_stage;
};

MUST_USE int committer_new(const struct committer_options *o, struct committer **out, struct err *e);
void committer_free(struct committer *c);
/* NULL before committer_load. Borrowed; take a reference to keep it. */
struct world *committer_world(const struct committer *c);
uint64_t committer_revision(const struct committer *c);

/* ---- start ---- */

/* What push is told of one environment at start. */
struct committer_head {
    char environment[129];
    struct bundle *live;          /* NULL: nothing was live, or it cannot be made again */
    struct bundle *pending;       /* the head, when it had not reached its end */
    bool failed;                  /* the head was refused: */
    struct bundle_version version;
    char reason[ERR_TEXT_MAX];
};
/* Reads the newest revision, compiles it, and compares with what the heads say. What compiles to something else (a newer
 * compiler) becomes a new revision. heads: initialised for struct committer_head; the caller frees each.
 * -ERR_INVALID: what is stored does not compile any more (told in *diags). */
MUST_USE int committer_load(struct committer *c, struct store *s, struct vec *heads, struct diag_list *diags,
                            struct err *e);
void committer_head_fini(struct committer_head *h);

/* ---- changes ---- */

struct commit_result;
struct commit_request {
    const struct apply_file *files;
    size_t n_files;
    const struct apply_key *deletes;
    size_t n_deletes;
    uint64_t base_revision;       /* what the caller has seen; 0: do not compare */
    uint64_t restores_revision;   /* 0: not a restore */
    bool dry_run;
    bool no_check;                /* a dry run that need not ask the check child */
    struct slice who, action, message;
    struct store_audit *audit;    /* written with the revision; may be NULL */
    /* May be NULL. Called last before the commit, with r as it will be: what it refuses is not committed, and behind the commit
     * nothing fails any more. Not called where nothing is committed. */
    int (*prepare)(void *arg, const struct commit_result *r, struct err *e);
    void *prepare_arg;
};

struct commit_environment {
    char name[129];
    uint64_t revision;            /* the one that this change makes */
    uint8_t root[BUNDLE_HASH];
    struct bundle *bundle;        /* to be published; NULL on a dry run */
};

struct commit_result {
    bool changed;
    uint64_t revision;            /* the new one, or the newest when nothing changed or on a dry run */
    struct vec changes;           /* struct apply_change, also the unchanged */
    struct vec environments;      /* struct commit_environment: those that get something else to run */
    struct diag_list diags;
    struct world *before, *after; /* the changes point into them */
};

void commit_result_init(struct commit_result *r);
void commit_result_fini(struct commit_result *r);

/* -ERR_INVALID: r->diags has every error, or (without errors in there) *e the reason of the check child;
 * -ERR_CONFLICT: base_revision is old; store errors. On failure nothing has changed. */
MUST_USE int committer_apply(struct committer *c, struct store *s, const struct commit_request *q,
                             struct commit_result *r, struct err *e);
/* Brings the documents of an old revision back as a new one; q: who, action, message, dry_run, audit.
 * -ERR_NOTFOUND: no such revision. */
MUST_USE int committer_restore(struct committer *c, struct store *s, uint64_t revision, const struct commit_request *q,
                               struct commit_result *r, struct err *e);
