#pragma once
/* What the control plane keeps: documents, revisions, heads, tokens, nodes, audit. One home today: SQLite.
 * Every function blocks: call them on the backstage thread only (backstage.h), or before the loop runs.
 * What a call acknowledged survives kill -9 and power loss; what it refused left nothing behind. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define STORE_ROOT_SIZE 32
#define STORE_CLUSTER_ID_SIZE 65

struct store;

/* Opens or makes the file. Checks it (-ERR_INVALID: damaged, -ERR_UNSUPPORTED: written by a newer program, -ERR_NOTNOW:
 * another process has it), moves an older schema forward. The text of *e says what to do. */
MUST_USE int store_open(const char *path, struct store **out, struct err *e);
void store_close(struct store *s);
const char *store_cluster_id(const struct store *s);
uint64_t store_epoch(const struct store *s);
/* After a backup was brought back: a new lineage, so that nodes take its revisions although they have seen higher ones. */
MUST_USE int store_epoch_raise(struct store *s, struct err *e);
/* A consistent copy of the whole store in a new file; -ERR_EXISTS when it is there. */
MUST_USE int store_backup(struct store *s, const char *path, struct err *e);

/* ---- revisions ------------------------------------------------------------------------------ */

enum store_op { STORE_CREATED = 1, STORE_UPDATED = 2, STORE_DELETED = 3 };
const char *store_op_name(enum store_op op);

struct store_document {
    struct slice kind, name;
    struct slice text;   /* empty when deleted */
    struct slice file;   /* where the user had it */
    uint64_t line;       /* of its first line in there */
    uint64_t revision;   /* that gave it this form (filled by readers) */
    enum store_op op;
};

struct store_root {
    struct slice environment;
    uint8_t root[STORE_ROOT_SIZE];
};

struct store_audit {
    uint64_t id;            /* filled by readers */
    int64_t at_ms;
    struct slice who, peer, action, target, request_id;
    uint16_t status;        /* of the answer */
};

struct store_commit {
    uint64_t base_revision;       /* what the change was made against; 0: the store was empty */
    struct slice who, action, message;
    struct slice summary;         /* JSON, given back as it is */
    uint64_t restores_revision;   /* 0: not a restore */
    int64_t at_ms;
    const struct store_document *changes;
    size_t n_changes;
    const struct store_root *roots;   /* environments whose content this revision changes */
    size_t n_roots;
    const struct store_audit *audit;  /* may be NULL; written in the same transaction */
};

/* One transaction. The heads of the environments in roots become (revision, root, pending); documents are kept by
 * content. *revision is the new number. -ERR_CONFLICT: base_revision is not the newest any more. */
MUST_USE int store_commit(struct store *s, const struct store_commit *c, uint64_t *revision, struct err *e);

struct store_revision {
    uint64_t revision, epoch, restores_revision;
    int64_t at_ms;
    struct slice who, action, message, summary;
};

/* Row callbacks: slices live until it returns; a result that is not 0 stops and is given back by the caller. */
typedef int (*store_revision_cb)(void *arg, const struct store_revision *r);
typedef int (*store_document_cb)(void *arg, const struct store_document *d);
typedef int (*store_root_cb)(void *arg, const struct store_root *r);

/* The newest revision; 0 when there is none. */
MUST_USE int store_revision_newest(struct store *s, uint64_t *out, struct err *e);
/* Newest first, those below before (0: from the newest), at most limit. */
MUST_USE int store_revisions(struct store *s, uint64_t before, uint32_t limit, store_revision_cb cb, void *arg,
                             struct err *e);
/* -ERR_NOTFOUND. cb is called once. */
MUST_USE int store_revision_get(struct store *s, uint64_t revision, store_revision_cb cb, void *arg, struct err *e);
/* What one revision changed, by kind and name. with_text false: text stays empty. */
MUST_USE int store_revision_changes(struct store *s, uint64_t revision, bool with_text, store_document_cb cb, void *arg,
                                    struct err *e);
/* The roots that a revision gave to the environments it changed. */
MUST_USE int store_revision_roots(struct store *s, uint64_t revision, store_root_cb cb, void *arg, struct err *e);
/* Everything that existed at a revision, by kind and name. Revision 0 has nothing. with_text false: text stays empty. */
MUST_USE int store_documents_at(struct store *s, uint64_t revision, bool with_text, store_document_cb cb, void *arg,
                                struct err *e);

/* ---- heads ---------------------------------------------------------------------------------- */

enum store_head_state { STORE_HEAD_PENDING, STORE_HEAD_LIVE, STORE_HEAD_FAILED };

struct store_head {
    struct slice environment;
    uint64_t epoch;
    uint64_t head_revision, live_revision;   /* live 0: nothing was live yet */
    uint8_t head_root[STORE_ROOT_SIZE], live_root[STORE_ROOT_SIZE];
    enum store_head_state state;             /* of the head */
    struct slice reason;                     /* why it failed */
    int64_t changed_ms;
};
typedef int (*store_head_cb)(void *arg, const struct store_head *h);

MUST_USE int store_heads(struct store *s, store_head_cb cb, void *arg, struct err *e);
/* Live moves forward only: -ERR_MISMATCH when revision is not the head and not the live one (somebody published since). */
MUST_USE int store_head_live(struct store *s, struct slice environment, uint64_t revision, int64_t at_ms, struct err *e);
/* -ERR_MISMATCH when revision is not the head any more. */
MUST_USE int store_head_failed(struct store *s, struct slice environment, uint64_t revision, struct slice reason,
                               int64_t at_ms, struct err *e);

/* ---- audit ---------------------------------------------------------------------------------- */

#define STORE_AUDIT_KEEP 100000u   /* rows; older ones go */
typedef int (*store_audit_cb)(void *arg, const struct store_audit *a);
MUST_USE int store_audit_add(struct store *s, const struct store_audit *a, struct err *e);
/* Newest first, ids below before (0: from the newest). */
MUST_USE int store_audit_each(struct store *s, uint64_t before, uint32_t limit, store_audit_cb cb, void *arg,
                              struct err *e);
