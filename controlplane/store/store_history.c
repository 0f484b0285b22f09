#include "store/store_int.h"

#include <inttypes.h>
#include <stdlib.h>

#define REVISION_COLUMNS "SELECT revision, epoch, at, who, action, message, summary, restores FROM revision "

static void read_revision(struct store_stmt *q, struct store_revision *r)
{
    r->revision = (uint64_t)store_col_int(q, 0);
    r->epoch = (uint64_t)store_col_int(q, 1);
    r->at_ms = store_col_int(q, 2);
    r->who = store_col_text(q, 3);
    r->action = store_col_text(q, 4);
    r->message = store_col_text(q, 5);
    r->summary = store_col_text(q, 6);
    r->restores_revision = (uint64_t)store_col_int(q, 7);
}

static int each_revision(struct store *s, struct store_stmt *q, store_revision_cb cb, void *arg, size_t *n, struct err *e)
{
    int rc;

    while ((rc = store_step(s, q, e)) == 1) {
        struct store_revision r;

        read_revision(q, &r);
        (*n)++;
        rc = cb(arg, &r);
        if (rc != 0)
            break;
    }
    store_finish(q);
    return rc;
}

int store_revisions(struct store *s, uint64_t before, uint32_t limit, store_revision_cb cb, void *arg, struct err *e)
{
    struct store_stmt q;
    size_t n = 0;
    int rc = store_prepare(s, &q, REVISION_COLUMNS "WHERE revision < ?1 ORDER BY revision DESC LIMIT ?2", e);

    if (rc != 0)
        return rc;
    store_bind_int(&q, before == 0 || before > INT64_MAX ? INT64_MAX : (int64_t)before);
    store_bind_int(&q, (int64_t)limit);
    return each_revision(s, &q, cb, arg, &n, e);
}

int store_revision_get(struct store *s, uint64_t revision, store_revision_cb cb, void *arg, struct err *e)
{
    struct store_stmt q;
    size_t n = 0;
    int rc;

    if (revision > INT64_MAX)
        return err_set(e, ERR_NOTFOUND, "there is no revision %" PRIu64, revision);
    rc = store_prepare(s, &q, REVISION_COLUMNS "WHERE revision = ?1", e);
    if (rc != 0)
        return rc;
    store_bind_int(&q, (int64_t)revision);
    rc = each_revision(s, &q, cb, arg, &n, e);
    if (rc == 0 && n == 0)
        return err_set(e, ERR_NOTFOUND, "there is no revision %" PRIu64, revision);
    return rc;
}

/* Columns: kind, name, revision, op, file, line, blob, encoding, size, bytes. */
static int give_document(struct store_stmt *q, bool with_text, store_document_cb cb, void *arg, struct err *e)
{
    struct store_document d = {
        .kind = store_col_text(q, 0),
        .name = store_col_text(q, 1),
        .revision = (uint64_t)store_col_int(q, 2),
        .op = (enum store_op)store_col_int(q, 3),
        .file = store_col_text(q, 4),
        .line = (uint64_t)store_col_int(q, 5),
    };
    void *owned = NULL;
    uint8_t hash[32];
    int rc = 0;

    if (with_text && d.op != STORE_DELETED) {
        rc = store_col_fixed(q, 6, hash, sizeof(hash), e);
        if (rc == 0)
            rc = store_blob_col(q, 7, hash, &d.text, &owned, e);
        if (rc != 0)
            return err_prefix(e, "%.*s %.*s", SLICE_FMT(d.kind), SLICE_FMT(d.name));
    }
    rc = cb(arg, &d);
    free(owned);
    return rc;
}

static int each_document(struct store *s, const char *sql, uint64_t revision, bool with_text, store_document_cb cb,
                         void *arg, struct err *e)
{
    struct store_stmt q;
    int rc;

    if (revision > INT64_MAX)
        return 0;
    rc = store_prepare(s, &q, sql, e);
    if (rc != 0)
        return rc;
    store_bind_int(&q, (int64_t)revision);
    while ((rc = store_step(s, &q, e)) == 1) {
        rc = give_document(&q, with_text, cb, arg, e);
        if (rc != 0)
            break;
    }
    store_finish(&q);
    return rc;
}

int store_revision_changes(struct store *s, uint64_t revision, bool with_text, store_document_cb cb, void *arg, struct err *e)
{
    static const char full[] = "SELECT d.kind, d.name, d.revision, d.op, d.file, d.line, d.blob, b.encoding, b.size, b.bytes"
                               " FROM revision_document d LEFT JOIN blob b ON b.hash = d.blob"
                               " WHERE d.revision = ?1 ORDER BY d.kind, d.name";
    static const char names[] = "SELECT kind, name, revision, op, file, line FROM revision_document"
                                " WHERE revision = ?1 ORDER BY kind, name";

    return each_document(s, with_text ? full : names, revision, with_text, cb, arg, e);
}

#define AT_SQL(columns, blob)                                                                                          \
    "SELECT " columns " FROM (SELECT kind, name, max(revision) AS newest FROM revision_document WHERE revision <= ?1"  \
    "       GROUP BY kind, name) n"                                                                                    \
    " JOIN revision_document d ON d.kind = n.kind AND d.name = n.name AND d.revision = n.newest " blob                 \
    " ORDER BY d.kind, d.name"

int store_documents_at(struct store *s, uint64_t revision, bool with_text, store_document_cb cb, void *arg, struct err *e)
{
    static const char full[] = AT_SQL("d.kind, d.name, d.revision, d.op, d.file, d.line, d.blob, b.encoding, b.size, b.bytes",
                                      "JOIN blob b ON b.hash = d.blob");
    static const char names[] = AT_SQL("d.kind, d.name, d.revision, d.op, d.file, d.line", "WHERE d.blob IS NOT NULL");

    return each_document(s, with_text ? full : names, revision, with_text, cb, arg, e);
}

int store_revision_roots(struct store *s, uint64_t revision, store_root_cb cb, void *arg, struct err *e)
{
    struct store_stmt q;
    int rc;

    if (revision > INT64_MAX)
        return 0;
    rc = store_prepare(s, &q, "SELECT environment, root FROM revision_root WHERE revision = ?1 ORDER BY environment", e);
    if (rc != 0)
        return rc;
    store_bind_int(&q, (int64_t)revision);
    while ((rc = store_step(s, &q, e)) == 1) {
        struct store_root r = {.environment = store_col_text(&q, 0)};

        rc = store_col_fixed(&q, 1, r.root, sizeof(r.root), e);
        if (rc == 0)
            rc = cb(arg, &r);
        if (rc != 0)
            break;
    }
    store_finish(&q);
    return rc;
}
