#include "store/store_int.h"

static int seen_all(struct store *s, const struct store_node *nodes, size_t n, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "INSERT INTO node(id, environment, serial, not_after, first_seen, last_seen)"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT(id) DO UPDATE SET"
                           " serial = CASE WHEN ?3 = '' THEN serial ELSE ?3 END, not_after = max(not_after, ?4),"
                           " last_seen = max(last_seen, ?5)", e);

    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        store_again(&q);
        store_bind_text(&q, nodes[i].id);
        store_bind_text(&q, nodes[i].environment);
        store_bind_text(&q, nodes[i].serial);
        store_bind_int(&q, nodes[i].not_after_ms);
        store_bind_int(&q, nodes[i].last_seen_ms);
        rc = store_run(s, &q, e);
    }
    store_finish(&q);
    return rc;
}

int store_nodes_seen(struct store *s, const struct store_node *nodes, size_t n, struct err *e)
{
    int rc;

    if (n == 0)
        return 0;
    rc = store_begin(s, e);
    if (rc != 0)
        return rc;
    rc = seen_all(s, nodes, n, e);
    return store_end(s, rc, e);
}

int store_nodes(struct store *s, store_node_cb cb, void *arg, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "SELECT id, environment, serial, not_after, first_seen, last_seen, removed, membership FROM node"
                           " ORDER BY environment, id", e);

    if (rc != 0)
        return rc;
    while ((rc = store_step(s, &q, e)) == 1) {
        struct store_node n = {
            .id = store_col_text(&q, 0),
            .environment = store_col_text(&q, 1),
            .serial = store_col_text(&q, 2),
            .not_after_ms = store_col_int(&q, 3),
            .first_seen_ms = store_col_int(&q, 4),
            .last_seen_ms = store_col_int(&q, 5),
            .removed_ms = store_col_int(&q, 6),
            .membership = (uint64_t)store_col_int(&q, 7),
        };

        rc = cb(arg, &n);
        if (rc != 0)
            break;
    }
    store_finish(&q);
    return rc;
}

int store_node_remove(struct store *s, struct slice environment, struct slice id, int64_t now_ms, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "UPDATE node SET removed = ?3, membership = max(membership + 1, ?3)"
                           " WHERE environment = ?1 AND id = ?2 AND removed = 0", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, environment);
    store_bind_text(&q, id);
    store_bind_int(&q, now_ms);
    rc = store_run(s, &q, e);
    store_finish(&q);
    if (rc == 0 && sqlite3_changes(s->db) == 0)
        return err_set(e, ERR_NOTFOUND, "there is no such node");
    return rc;
}
