#include "store/store_int.h"

#include <string.h>

#include "base/secret.h"

#define TOKEN_COLUMNS                                                                                                  \
    "SELECT id, hash, kind, role, environment, name, created_by, created, expires, last_used, revoked, uses_left"      \
    " FROM token "

static const char *const role_names[] = {"none", "viewer", "editor", "admin"};
static const char *const kind_names[] = {"", "api", "join"};

const char *store_token_kind_name(enum store_token_kind kind)
{
    return kind == STORE_TOKEN_API || kind == STORE_TOKEN_JOIN ? kind_names[kind] : "unknown";
}

const char *store_role_name(enum store_role role)
{
    return role >= STORE_ROLE_NONE && role <= STORE_ROLE_ADMIN ? role_names[role] : "unknown";
}

int store_token_kind_parse(struct slice text, enum store_token_kind *out)
{
    for (int i = STORE_TOKEN_API; i <= STORE_TOKEN_JOIN; i++) {
        if (slice_is(text, kind_names[i])) {
            *out = (enum store_token_kind)i;
            return 0;
        }
    }
    return -ERR_INVALID;
}

int store_role_parse(struct slice text, enum store_role *out)
{
    for (int i = STORE_ROLE_VIEWER; i <= STORE_ROLE_ADMIN; i++) {
        if (slice_is(text, role_names[i])) {
            *out = (enum store_role)i;
            return 0;
        }
    }
    return -ERR_INVALID;
}

static int count_tokens(struct store *s, int64_t *n, struct err *e)
{
    *n = 0;
    return store_read_int(s, "SELECT count(*) FROM token WHERE revoked = 0", n, e);
}

static int insert_token(struct store *s, const struct store_token *t, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "INSERT INTO token(id, hash, kind, role, environment, name, created_by, created, expires,"
                           " uses_left) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, t->id);
    store_bind_blob(&q, t->hash, sizeof(t->hash));
    store_bind_int(&q, (int64_t)t->kind);
    store_bind_int(&q, (int64_t)t->role);
    store_bind_text(&q, t->environment);
    store_bind_text(&q, t->name);
    store_bind_text(&q, t->created_by);
    store_bind_int(&q, t->created_ms);
    store_bind_int(&q, t->expires_ms);
    store_bind_int(&q, (int64_t)t->uses_left);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc;
}

int store_token_add(struct store *s, const struct store_token *t, struct err *e)
{
    int64_t n = 0;
    int rc = store_begin(s, e);

    if (rc != 0)
        return rc;
    rc = count_tokens(s, &n, e);
    if (rc == 0 && n >= (int64_t)STORE_TOKENS_MAX)
        rc = err_set(e, ERR_LIMIT, "there are %u tokens already: revoke some", STORE_TOKENS_MAX);
    if (rc == 0)
        rc = insert_token(s, t, e);
    return store_end(s, rc, e);
}

static int read_token(struct store_stmt *q, struct store_token *t, struct err *e)
{
    memset(t, 0, sizeof(*t));
    t->id = store_col_text(q, 0);
    t->kind = (enum store_token_kind)store_col_int(q, 2);
    t->role = (enum store_role)store_col_int(q, 3);
    t->environment = store_col_text(q, 4);
    t->name = store_col_text(q, 5);
    t->created_by = store_col_text(q, 6);
    t->created_ms = store_col_int(q, 7);
    t->expires_ms = store_col_int(q, 8);
    t->last_used_ms = store_col_int(q, 9);
    t->revoked_ms = store_col_int(q, 10);
    t->uses_left = (uint64_t)store_col_int(q, 11);
    return store_col_fixed(q, 1, t->hash, sizeof(t->hash), e);
}

int store_tokens(struct store *s, store_token_cb cb, void *arg, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, TOKEN_COLUMNS "ORDER BY created DESC, id", e);

    if (rc != 0)
        return rc;
    while ((rc = store_step(s, &q, e)) == 1) {
        struct store_token t;

        rc = read_token(&q, &t, e);
        if (rc == 0)
            rc = cb(arg, &t);
        if (rc != 0)
            break;
    }
    store_finish(&q);
    return rc;
}

static int update_time(struct store *s, const char *sql, struct slice id, int64_t now_ms, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, sql, e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, id);
    store_bind_int(&q, now_ms);
    rc = store_run(s, &q, e);
    store_finish(&q);
    if (rc == 0 && sqlite3_changes(s->db) == 0)
        return err_set(e, ERR_NOTFOUND, "there is no token %.*s", (int)(id.n > 64 ? 64 : id.n), id.p);
    return rc;
}

int store_token_revoke(struct store *s, struct slice id, int64_t now_ms, struct err *e)
{
    return update_time(s, "UPDATE token SET revoked = ?2 WHERE id = ?1 AND revoked = 0", id, now_ms, e);
}

int store_token_touch(struct store *s, struct slice id, int64_t now_ms, struct err *e)
{
    return update_time(s, "UPDATE token SET last_used = max(last_used, ?2) WHERE id = ?1", id, now_ms, e);
}

/* ---- joining -------------------------------------------------------------------------------- */

/* 1: this key has used the token before, and as which node. */
static int used_before(struct store *s, const struct store_join *j, struct store_joined *out, struct err *e)
{
    struct store_stmt q;
    struct slice node;
    int rc = store_prepare(s, &q, "SELECT node FROM token_use WHERE token = ?1 AND key_hash = ?2", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, j->id);
    store_bind_blob(&q, j->key_hash, sizeof(j->key_hash));
    rc = store_step(s, &q, e);
    if (rc == 1) {
        node = store_col_text(&q, 0);
        if (node.n < sizeof(out->node_id)) {
            memcpy(out->node_id, node.p, node.n);
            out->node_id[node.n] = '\0';
            out->again = true;
        } else {
            rc = err_set(e, ERR_INVALID, "store: a node's name is too long: the database is damaged");
        }
    }
    store_finish(&q);
    return rc;
}

static int burn(struct store *s, const struct store_join *j, struct err *e)
{
    struct store_stmt q;
    int rc = update_time(s, "UPDATE token SET uses_left = uses_left - 1, last_used = ?2 WHERE id = ?1 AND uses_left > 0",
                         j->id, j->now_ms, e);

    if (rc == -ERR_NOTFOUND)
        return err_set(e, ERR_DENIED, "the token is used up");
    if (rc == 0)
        rc = store_prepare(s, &q,
                           "INSERT INTO token_use(token, key_hash, node, at, membership)"
                           " SELECT ?1, ?2, id, ?4, membership FROM node WHERE id = ?3", e);
    if (rc != 0)
        return rc;
    store_bind_text(&q, j->id);
    store_bind_blob(&q, j->key_hash, sizeof(j->key_hash));
    store_bind_text(&q, j->node_id);
    store_bind_int(&q, j->now_ms);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc;
}

static int know_node(struct store *s, const struct store_join *j, const char *environment, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "INSERT INTO node(id, environment, serial, not_after, first_seen, last_seen)"
                           " VALUES(?1, ?2, '', 0, ?3, ?3)"
                           " ON CONFLICT(id) DO UPDATE SET environment = ?2, last_seen = max(last_seen, ?3), removed = 0", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, j->node_id);
    store_bind_text(&q, slice_of(environment));
    store_bind_int(&q, j->now_ms);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc;
}

/* The same key again, but its node was thrown out meanwhile, and may have come back with another use: it needs a new one. */
static int still_welcome(struct store *s, const struct store_join *j, const char *node, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q,
                           "SELECT node.removed <> 0 OR token_use.membership < node.membership FROM token_use, node"
                           " WHERE token_use.token = ?1 AND token_use.key_hash = ?2 AND node.id = ?3", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, j->id);
    store_bind_blob(&q, j->key_hash, sizeof(j->key_hash));
    store_bind_text(&q, slice_of(node));
    rc = store_step(s, &q, e);
    if (rc == 1 && store_col_int(&q, 0) != 0)
        rc = err_set(e, ERR_DENIED, "the node was removed");
    store_finish(&q);
    return rc < 0 ? rc : 0;
}

static int read_membership(struct store *s, struct store_joined *out, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, "SELECT membership FROM node WHERE id = ?1", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, slice_of(out->node_id));
    rc = store_step(s, &q, e);
    if (rc == 1)
        out->membership = (uint64_t)store_col_int(&q, 0);
    store_finish(&q);
    return rc < 0 ? rc : 0;
}

/* A node's name is unique: a token of one environment cannot take over the name of another's node. */
static int node_is_free(struct store *s, const struct store_join *j, const char *environment, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, "SELECT environment FROM node WHERE id = ?1 AND removed = 0", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, j->node_id);
    rc = store_step(s, &q, e);
    if (rc == 1 && !slice_is(store_col_text(&q, 0), environment))
        rc = err_set(e, ERR_EXISTS, "a node of this name belongs to another environment");
    store_finish(&q);
    return rc < 0 ? rc : 0;
}

static int check(const struct store_token *t, const struct store_join *j, struct err *e)
{
    if (!secret_equal(slice_from(t->hash, 32), slice_from(j->secret_hash, 32)) || t->kind != STORE_TOKEN_JOIN)
        return err_set(e, ERR_DENIED, "the token's secret is wrong");
    if (t->revoked_ms != 0)
        return err_set(e, ERR_DENIED, "the token was revoked");
    if (t->expires_ms != 0 && t->expires_ms <= j->now_ms)
        return err_set(e, ERR_DENIED, "the token has expired");
    return 0;
}

static int find_and_check(struct store *s, const struct store_join *j, struct store_joined *out, struct err *e)
{
    struct store_token t;
    struct store_stmt q;
    int rc = store_prepare(s, &q, TOKEN_COLUMNS "WHERE id = ?1", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, j->id);
    rc = store_step(s, &q, e);
    if (rc == 0)
        rc = err_set(e, ERR_DENIED, "there is no such token");
    else if (rc == 1)
        rc = read_token(&q, &t, e);
    if (rc == 0)
        rc = check(&t, j, e);
    if (rc == 0 && t.environment.n >= sizeof(out->environment))
        rc = err_set(e, ERR_INVALID, "store: an environment's name is too long: the database is damaged");
    if (rc == 0) {
        memcpy(out->environment, t.environment.p, t.environment.n);
        out->environment[t.environment.n] = '\0';
    }
    store_finish(&q);
    return rc;
}

int store_token_join(struct store *s, const struct store_join *j, struct store_joined *out, struct err *e)
{
    int rc;

    memset(out, 0, sizeof(*out));
    if (j->node_id.n >= sizeof(out->node_id))
        return err_set(e, ERR_DENIED, "the node's name is too long");
    rc = store_begin(s, e);
    if (rc != 0)
        return rc;
    rc = find_and_check(s, j, out, e);
    if (rc == 0)
        rc = used_before(s, j, out, e);
    if (rc == 1) {
        rc = still_welcome(s, j, out->node_id, e);
    } else if (rc == 0) {
        rc = node_is_free(s, j, out->environment, e);
        if (rc == 0)
            rc = know_node(s, j, out->environment, e);
        if (rc == 0)
            rc = burn(s, j, e);
        if (rc == 0) {
            memcpy(out->node_id, j->node_id.p, j->node_id.n);
            out->node_id[j->node_id.n] = '\0';
        }
    }
    if (rc == 0)
        rc = read_membership(s, out, e);
    return store_end(s, rc, e);
}
