#include "store/store_int.h"

#include <inttypes.h>

int store_head_pending(struct store *s, const struct store_root *r, uint64_t revision, int64_t at_ms, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "INSERT INTO head(environment, epoch, head_revision, head_root, live_revision, live_root, state,"
                           " reason, changed) VALUES(?1, ?2, ?3, ?4, 0, zeroblob(32), 0, '', ?5)"
                           " ON CONFLICT(environment) DO UPDATE SET epoch = ?2, head_revision = ?3, head_root = ?4,"
                           " state = 0, reason = '', changed = ?5", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, r->environment);
    store_bind_int(&q, (int64_t)s->epoch);
    store_bind_int(&q, (int64_t)revision);
    store_bind_blob(&q, r->root, sizeof(r->root));
    store_bind_int(&q, at_ms);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc;
}

int store_heads(struct store *s, store_head_cb cb, void *arg, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "SELECT environment, epoch, head_revision, head_root, live_revision, live_root, state, reason,"
                           " changed FROM head ORDER BY environment", e);

    if (rc != 0)
        return rc;
    while ((rc = store_step(s, &q, e)) == 1) {
        struct store_head h = {
            .environment = store_col_text(&q, 0),
            .epoch = (uint64_t)store_col_int(&q, 1),
            .head_revision = (uint64_t)store_col_int(&q, 2),
            .live_revision = (uint64_t)store_col_int(&q, 4),
            .state = (enum store_head_state)store_col_int(&q, 6),
            .reason = store_col_text(&q, 7),
            .changed_ms = store_col_int(&q, 8),
        };

        rc = store_col_fixed(&q, 3, h.head_root, sizeof(h.head_root), e);
        if (rc == 0)
            rc = store_col_fixed(&q, 5, h.live_root, sizeof(h.live_root), e);
        if (rc == 0)
            rc = cb(arg, &h);
        if (rc != 0)
            break;
    }
    store_finish(&q);
    return rc;
}

static int changed_one(struct store *s, struct slice environment, uint64_t revision, struct err *e)
{
    if (sqlite3_changes(s->db) != 0)
        return 0;
    return err_set(e, ERR_MISMATCH, "revision %" PRIu64 " is not the head of environment %.*s any more", revision,
                   SLICE_FMT(environment));
}

int store_head_live(struct store *s, struct slice environment, uint64_t revision, int64_t at_ms, struct err *e)
{
    struct store_stmt q;
    /* The newest head may have been replaced while this one became live: then it is the live one, and the head waits. */
    int rc = store_prepare(s, &q,
                           "UPDATE head SET live_revision = ?2, live_root = (SELECT root FROM revision_root"
                           " WHERE revision = ?2 AND environment = ?1),"
                           " state = CASE WHEN head_revision = ?2 THEN 1 ELSE state END,"
                           " reason = CASE WHEN head_revision = ?2 THEN '' ELSE reason END, changed = ?3"
                           " WHERE environment = ?1 AND live_revision <= ?2 AND head_revision >= ?2"
                           " AND EXISTS(SELECT 1 FROM revision_root WHERE revision = ?2 AND environment = ?1)", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, environment);
    store_bind_int(&q, (int64_t)revision);
    store_bind_int(&q, at_ms);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc != 0 ? rc : changed_one(s, environment, revision, e);
}

int store_head_failed(struct store *s, struct slice environment, uint64_t revision, struct slice reason, int64_t at_ms,
                      struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "UPDATE head SET state = 2, reason = ?3, changed = ?4"
                           " WHERE environment = ?1 AND head_revision = ?2", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, environment);
    store_bind_int(&q, (int64_t)revision);
    store_bind_text(&q, reason);
    store_bind_int(&q, at_ms);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc != 0 ? rc : changed_one(s, environment, revision, e);
}
