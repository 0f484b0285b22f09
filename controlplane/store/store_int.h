#pragma once
/* Private to this folder: the SQLite handle and small helpers so that the queries read as queries. */
#include <sqlite3.h>

#include "store/store.h"
#include "store/store_identity.h"

#define STORE_SCHEMA 2

struct store {
    sqlite3 *db;
    int lock_fd;
    char cluster_id[STORE_CLUSTER_ID_SIZE];
    uint64_t epoch;
};

/* Statements that bring schema i to i + 1; the last is NULL. */
extern const char *const store_migrations[];

/* ---- errors and transactions ---- */
/* Turns SQLite's last error into ours, with words that say what to do. */
int store_fail(struct store *s, struct err *e, const char *what);
MUST_USE int store_exec(struct store *s, const char *sql, struct err *e);
MUST_USE int store_begin(struct store *s, struct err *e);
/* rc 0: commits; else rolls back. Returns rc, or why the commit failed (then nothing of it is there). */
MUST_USE int store_end(struct store *s, int rc, struct err *e);

/* ---- statements: prepare, bind in order, step ---- */
struct store_stmt {
    sqlite3_stmt *st;
    int next;      /* index of the next parameter */
    int bad;       /* first failure of a bind, told by the step */
};
MUST_USE int store_prepare(struct store *s, struct store_stmt *q, const char *sql, struct err *e);
void store_finish(struct store_stmt *q);
void store_again(struct store_stmt *q);   /* reset, for the next row of a loop */
void store_bind_text(struct store_stmt *q, struct slice v);   /* bytes must live until the step */
void store_bind_blob(struct store_stmt *q, const void *p, size_t n);
void store_bind_int(struct store_stmt *q, int64_t v);
void store_bind_null(struct store_stmt *q);
/* 1: a row, 0: done, <0: -ERR_X. */
MUST_USE int store_step(struct store *s, struct store_stmt *q, struct err *e);
/* Step of a statement that gives no row. */
MUST_USE int store_run(struct store *s, struct store_stmt *q, struct err *e);
struct slice store_col_text(struct store_stmt *q, int i);
struct slice store_col_blob(struct store_stmt *q, int i);
int64_t store_col_int(struct store_stmt *q, int i);
/* -ERR_INVALID unless the blob has exactly n bytes. */
MUST_USE int store_col_fixed(struct store_stmt *q, int i, void *out, size_t n, struct err *e);
/* The one number that a statement without parameters gives; *out stays when it gives no row. */
MUST_USE int store_read_int(struct store *s, const char *sql, int64_t *out, struct err *e);

/* ---- parts ---- */
/* Keeps the text by content; hash is filled. In a transaction. */
MUST_USE int store_blob_put(struct store *s, struct slice text, uint8_t hash[32], struct err *e);
/* Decodes columns (encoding, size, bytes) and checks them against hash. *text is malloc'd: *owned, or points into the row. */
MUST_USE int store_blob_col(struct store_stmt *q, int first, const uint8_t hash[32], struct slice *text, void **owned,
                            struct err *e);
/* In a transaction. */
MUST_USE int store_head_pending(struct store *s, const struct store_root *r, uint64_t revision, int64_t at_ms,
                                struct err *e);
MUST_USE int store_audit_insert(struct store *s, const struct store_audit *a, struct err *e);
