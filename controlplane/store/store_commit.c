#include "store/store_int.h"

#include <inttypes.h>

#define DOCUMENT_SQL                                                                                                   \
    "INSERT INTO revision_document(kind, name, revision, op, blob, file, line) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"

const char *store_op_name(enum store_op op)
{
    switch (op) {
    case STORE_CREATED: return "created";
    case STORE_UPDATED: return "updated";
    case STORE_DELETED: return "deleted";
    }
    return "unknown";
}

static int put_revision(struct store *s, const struct store_commit *c, uint64_t revision, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "INSERT INTO revision(revision, epoch, at, who, action, message, summary, restores)"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", e);

    if (rc != 0)
        return rc;
    store_bind_int(&q, (int64_t)revision);
    store_bind_int(&q, (int64_t)s->epoch);
    store_bind_int(&q, c->at_ms);
    store_bind_text(&q, c->who);
    store_bind_text(&q, c->action);
    store_bind_text(&q, c->message);
    store_bind_text(&q, c->summary);
    store_bind_int(&q, (int64_t)c->restores_revision);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc;
}

static int put_document(struct store *s, struct store_stmt *q, const struct store_document *d, uint64_t revision,
                        struct err *e)
{
    uint8_t hash[32];
    int rc = d->op == STORE_DELETED ? 0 : store_blob_put(s, d->text, hash, e);

    if (rc != 0)
        return rc;
    store_again(q);
    store_bind_text(q, d->kind);
    store_bind_text(q, d->name);
    store_bind_int(q, (int64_t)revision);
    store_bind_int(q, (int64_t)d->op);
    if (d->op == STORE_DELETED)
        store_bind_null(q);
    else
        store_bind_blob(q, hash, sizeof(hash));
    store_bind_text(q, d->file);
    store_bind_int(q, (int64_t)d->line);
    return store_run(s, q, e);
}

static int put_documents(struct store *s, const struct store_commit *c, uint64_t revision, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, DOCUMENT_SQL, e);

    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < c->n_changes; i++)
        rc = put_document(s, &q, &c->changes[i], revision, e);
    store_finish(&q);
    return rc;
}

static int put_root(struct store *s, const struct store_root *r, uint64_t revision, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, "INSERT INTO revision_root(revision, environment, root) VALUES(?1, ?2, ?3)", e);

    if (rc != 0)
        return rc;
    store_bind_int(&q, (int64_t)revision);
    store_bind_text(&q, r->environment);
    store_bind_blob(&q, r->root, sizeof(r->root));
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc;
}

static int put_all(struct store *s, const struct store_commit *c, uint64_t revision, struct err *e)
{
    int rc = put_revision(s, c, revision, e);

    if (rc == 0)
        rc = put_documents(s, c, revision, e);
    for (size_t i = 0; rc == 0 && i < c->n_roots; i++) {
        rc = put_root(s, &c->roots[i], revision, e);
        if (rc == 0)
            rc = store_head_pending(s, &c->roots[i], revision, c->at_ms, e);
    }
    if (rc == 0 && c->audit != NULL)
        rc = store_audit_insert(s, c->audit, e);
    return rc;
}

int store_revision_newest(struct store *s, uint64_t *out, struct err *e)
{
    int64_t newest = 0;
    int rc = store_read_int(s, "SELECT ifnull(max(revision), 0) FROM revision", &newest, e);

    if (rc == 0)
        *out = (uint64_t)newest;
    return rc;
}

int store_commit(struct store *s, const struct store_commit *c, uint64_t *revision, struct err *e)
{
    uint64_t newest = 0;
    int rc = store_begin(s, e);

    if (rc != 0)
        return rc;
    rc = store_revision_newest(s, &newest, e);
    if (rc == 0 && newest != c->base_revision)
        rc = err_set(e, ERR_CONFLICT, "the configuration is at revision %" PRIu64 " by now, this change was made against %" PRIu64,
                     newest, c->base_revision);
    if (rc == 0)
        rc = put_all(s, c, newest + 1, e);
    rc = store_end(s, rc, e);
    if (rc == 0)
        *revision = newest + 1;
    return rc;
}
