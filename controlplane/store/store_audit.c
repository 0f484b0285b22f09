#include "store/store_int.h"

#define PRUNE_EVERY 1000

/* Old rows go in one stroke now and then, not one a write. */
static int prune(struct store *s, int64_t newest, struct err *e)
{
    struct store_stmt q;
    int rc;

    if (newest % PRUNE_EVERY != 0)
        return 0;
    rc = store_prepare(s, &q, "DELETE FROM audit WHERE id <= ?1", e);
    if (rc != 0)
        return rc;
    store_bind_int(&q, newest - (int64_t)STORE_AUDIT_KEEP);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc;
}

int store_audit_insert(struct store *s, const struct store_audit *a, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "INSERT INTO audit(at, who, peer, action, target, request, status)"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)", e);

    if (rc != 0)
        return rc;
    store_bind_int(&q, a->at_ms);
    store_bind_text(&q, a->who);
    store_bind_text(&q, a->peer);
    store_bind_text(&q, a->action);
    store_bind_text(&q, a->target);
    store_bind_text(&q, a->request_id);
    store_bind_int(&q, a->status);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc != 0 ? rc : prune(s, sqlite3_last_insert_rowid(s->db), e);
}

int store_audit_add(struct store *s, const struct store_audit *a, struct err *e)
{
    int rc = store_begin(s, e);

    if (rc != 0)
        return rc;
    rc = store_audit_insert(s, a, e);
    return store_end(s, rc, e);
}

int store_audit_each(struct store *s, uint64_t before, uint32_t limit, store_audit_cb cb, void *arg, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "SELECT id, at, who, peer, action, target, request, status FROM audit WHERE id < ?1"
                           " ORDER BY id DESC LIMIT ?2", e);

    if (rc != 0)
        return rc;
    store_bind_int(&q, before == 0 || before > INT64_MAX ? INT64_MAX : (int64_t)before);
    store_bind_int(&q, (int64_t)limit);
    while ((rc = store_step(s, &q, e)) == 1) {
        struct store_audit a = {
            .id = (uint64_t)store_col_int(&q, 0),
            .at_ms = store_col_int(&q, 1),
            .who = store_col_text(&q, 2),
            .peer = store_col_text(&q, 3),
            .action = store_col_text(&q, 4),
            .target = store_col_text(&q, 5),
            .request_id = store_col_text(&q, 6),
            .status = (uint16_t)store_col_int(&q, 7),
        };

        rc = cb(arg, &a);
        if (rc != 0)
            break;
    }
    store_finish(&q);
    return rc;
}
