#include "store/store_int.h"

#include <string.h>

int store_fail(struct store *s, struct err *e, const char *what)
{
    int code = sqlite3_extended_errcode(s->db);
    const char *text = sqlite3_errmsg(s->db);

    switch (code & 0xff) {
    case SQLITE_FULL:
        return err_set(e, ERR_IO, "store: %s: the disk is full; nothing was changed", what);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_AGAIN, "store: %s: another program holds the database", what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(e, ERR_INVALID, "store: %s: the database is damaged (%s); bring a backup back", what, text);
    case SQLITE_NOMEM:
        return err_set(e, ERR_NOMEM, "store: %s", what);
    case SQLITE_CONSTRAINT:
        return err_set(e, ERR_EXISTS, "store: %s: %s", what, text);
    default:
        return err_set(e, ERR_IO, "store: %s: %s (SQLite code %d)", what, text, code);
    }
}

int store_exec(struct store *s, const char *sql, struct err *e)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return store_fail(s, e, "statement");
}

int store_begin(struct store *s, struct err *e)
{
    if (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return store_fail(s, e, "begin");
}

int store_end(struct store *s, int rc, struct err *e)
{
    if (rc == 0) {
        if (sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
            return 0;
        rc = store_fail(s, e, "commit");
    }
    /* SQLite rolls back by itself on some errors; then there is no transaction to end. */
    if (sqlite3_get_autocommit(s->db) == 0)
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int store_prepare(struct store *s, struct store_stmt *q, const char *sql, struct err *e)
{
    memset(q, 0, sizeof(*q));
    q->next = 1;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q->st, NULL) == SQLITE_OK)
        return 0;
    q->st = NULL;
    return store_fail(s, e, "prepare");
}

void store_finish(struct store_stmt *q)
{
    (void)sqlite3_finalize(q->st);
    q->st = NULL;
}

void store_again(struct store_stmt *q)
{
    (void)sqlite3_reset(q->st);
    (void)sqlite3_clear_bindings(q->st);
    q->next = 1;
    q->bad = 0;
}

static void bound(struct store_stmt *q, int rc)
{
    if (rc != SQLITE_OK && q->bad == 0)
        q->bad = rc;
}

void store_bind_text(struct store_stmt *q, struct slice v)
{
    bound(q, sqlite3_bind_text64(q->st, q->next++, v.n == 0 ? "" : v.p, v.n, SQLITE_STATIC, SQLITE_UTF8));
}

void store_bind_blob(struct store_stmt *q, const void *p, size_t n)
{
    bound(q, sqlite3_bind_blob64(q->st, q->next++, n == 0 ? "" : p, n, SQLITE_STATIC));
}

void store_bind_int(struct store_stmt *q, int64_t v)
{
    bound(q, sqlite3_bind_int64(q->st, q->next++, v));
}

void store_bind_null(struct store_stmt *q)
{
    bound(q, sqlite3_bind_null(q->st, q->next++));
}

int store_step(struct store *s, struct store_stmt *q, struct err *e)
{
    int rc;

    if (q->bad != 0)
        return err_set(e, q->bad == SQLITE_NOMEM ? ERR_NOMEM : ERR_LIMIT, "store: a value is too large");
    rc = sqlite3_step(q->st);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    return store_fail(s, e, "query");
}

int store_run(struct store *s, struct store_stmt *q, struct err *e)
{
    int rc = store_step(s, q, e);

    return rc == 1 ? 0 : rc;
}

struct slice store_col_text(struct store_stmt *q, int i)
{
    const unsigned char *p = sqlite3_column_text(q->st, i);

    return p == NULL ? SLICE_NONE : slice_from(p, (size_t)sqlite3_column_bytes(q->st, i));
}

struct slice store_col_blob(struct store_stmt *q, int i)
{
    const void *p = sqlite3_column_blob(q->st, i);

    return p == NULL ? SLICE_NONE : slice_from(p, (size_t)sqlite3_column_bytes(q->st, i));
}

int64_t store_col_int(struct store_stmt *q, int i)
{
    return sqlite3_column_int64(q->st, i);
}

int store_col_fixed(struct store_stmt *q, int i, void *out, size_t n, struct err *e)
{
    struct slice v = store_col_blob(q, i);

    if (v.n != n)
        return err_set(e, ERR_INVALID, "store: a hash has %zu bytes instead of %zu: the database is damaged", v.n, n);
    memcpy(out, v.p, n);
    return 0;
}

int store_read_int(struct store *s, const char *sql, int64_t *out, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, sql, e);

    if (rc != 0)
        return rc;
    rc = store_step(s, &q, e);
    if (rc == 1)
        *out = store_col_int(&q, 0);
    store_finish(&q);
    return rc < 0 ? rc : 0;
}
