#include <inttypes.h>
#include <string.h>

#include "admin/admin_int.h"
#include "base/must.h"

/* What there is now, and what there was: documents, revisions, differences. Backstage. */

#define LIMIT_DEFAULT 50u
#define LIMIT_MAX 1000u

static const struct world *world_of(const struct admin_call *call)
{
    return committer_world(call->admin->o.committer);
}

/* ?before=...&limit=...: which rows of a list that only grows. */
static int read_page(struct admin_call *call, uint64_t *before, uint64_t *limit, struct err *e)
{
    int rc;

    *before = 0;
    *limit = LIMIT_DEFAULT;
    rc = admin_query_number(call, "before", INT64_MAX, before, e);
    return rc != 0 ? rc : admin_query_number(call, "limit", LIMIT_MAX, limit, e);
}

/* ---- documents ---- */

struct listing {
    struct json_writer *w;
    struct slice kind;
};

static int put_document_row(void *arg, const struct store_document *d)
{
    struct listing *l = arg;

    if (l->kind.n > 0 && !slice_eq(l->kind, d->kind))
        return 0;
    json_begin_object(l->w);
    json_member_slice(l->w, "kind", d->kind);
    json_member_slice(l->w, "name", d->name);
    json_member_uint(l->w, "revision", d->revision);
    json_member_slice(l->w, "file", d->file);
    json_member_uint(l->w, "line", d->line);
    json_end_object(l->w);
    return 0;
}

int admin_run_documents(struct admin_call *call, struct store *s, struct err *e)
{
    struct json_writer w;
    struct listing l = {&w, SLICE_NONE};
    int rc;

    (void)admin_query(call, "kind", &l.kind);
    json_writer_init(&w, &call->out, 0);
    json_begin_array(&w);
    rc = store_documents_at(s, committer_revision(call->admin->o.committer), false, put_document_row, &l, e);
    json_end_array(&w);
    return admin_end(&w, rc, e);
}

struct seek {
    struct slice kind, name;
    uint64_t revision;
};

static int seek_document(void *arg, const struct store_document *d)
{
    struct seek *seek = arg;

    if (slice_eq(seek->kind, d->kind) && slice_eq(seek->name, d->name))
        seek->revision = d->revision;
    return 0;
}

int admin_run_document(struct admin_call *call, struct store *s, struct err *e)
{
    const struct world *world = world_of(call);
    const struct apply_document *d = world == NULL ? NULL : world_document(world, call->args[0], call->args[1]);
    struct seek seek = {call->args[0], call->args[1], 0};
    struct json_writer w;
    struct buf spec;
    int rc;

    if (d == NULL || d->is_implicit)
        return err_set(e, ERR_NOTFOUND, "there is no %.*s %.*s", (int)(seek.kind.n > 100 ? 100 : seek.kind.n), seek.kind.p,
                       (int)(seek.name.n > 200 ? 200 : seek.name.n), seek.name.p);
    rc = store_documents_at(s, committer_revision(call->admin->o.committer), false, seek_document, &seek, e);
    if (rc != 0)
        return rc;
    buf_init(&spec, 0);
    rc = apply_document_json(d, &spec);
    json_writer_init(&w, &call->out, 0);
    json_begin_object(&w);
    json_member_slice(&w, "kind", d->kind);
    json_member_slice(&w, "name", d->name);
    json_member_uint(&w, "revision", seek.revision);
    json_member_slice(&w, "file", d->file);
    json_member_uint(&w, "line", d->line);
    json_member_slice(&w, "text", d->text);
    json_key(&w, "spec");
    json_put_raw(&w, buf_slice(&spec));
    json_end_object(&w);
    if (rc != 0 || json_writer_end(&w) != 0)
        rc = err_set(e, ERR_NOMEM, "answer");
    buf_fini(&spec);
    return rc;
}

/* ---- revisions ---- */

struct revisions {
    struct json_writer *w;
    bool open;               /* leave the object open for more */
};

static int put_revision(void *arg, const struct store_revision *r)
{
    struct revisions *rs = arg;
    struct json_writer *w = rs->w;

    json_begin_object(w);
    json_member_uint(w, "revision", r->revision);
    json_member_uint(w, "epoch", r->epoch);
    admin_member_time(w, "at", r->at_ms);
    json_member_slice(w, "who", r->who);
    json_member_slice(w, "action", r->action);
    json_member_slice(w, "message", r->message);
    if (r->restores_revision != 0)
        json_member_uint(w, "restores", r->restores_revision);
    json_key(w, "changes");
    json_put_raw(w, r->summary.n == 0 ? SLICE_LIT("[]") : r->summary);
    if (!rs->open)
        json_end_object(w);
    return 0;
}

int admin_run_revisions(struct admin_call *call, struct store *s, struct err *e)
{
    uint64_t before, limit;
    struct json_writer w;
    struct revisions rs = {&w, false};
    int rc = read_page(call, &before, &limit, e);

    if (rc != 0)
        return rc;
    json_writer_init(&w, &call->out, 0);
    json_begin_array(&w);
    rc = store_revisions(s, before, (uint32_t)limit, put_revision, &rs, e);
    json_end_array(&w);
    return admin_end(&w, rc, e);
}

static int put_root(void *arg, const struct store_root *r)
{
    struct json_writer *w = arg;

    json_begin_object(w);
    json_member_slice(w, "name", r->environment);
    admin_member_root(w, "root", r->root);
    json_end_object(w);
    return 0;
}

static int put_changed_document(void *arg, const struct store_document *d)
{
    struct json_writer *w = arg;

    json_begin_object(w);
    json_member_slice(w, "kind", d->kind);
    json_member_slice(w, "name", d->name);
    json_member_str(w, "op", store_op_name(d->op));
    json_member_slice(w, "file", d->file);
    json_member_uint(w, "line", d->line);
    json_member_slice(w, "text", d->text);
    json_end_object(w);
    return 0;
}

int admin_run_revision(struct admin_call *call, struct store *s, struct err *e)
{
    struct json_writer w;
    struct revisions rs = {&w, true};
    uint64_t revision;
    int rc = admin_arg_number(call, 0, &revision, e);

    if (rc != 0)
        return rc;
    json_writer_init(&w, &call->out, 0);
    rc = store_revision_get(s, revision, put_revision, &rs, e);
    if (rc != 0)
        return rc;
    json_key(&w, "environments");
    json_begin_array(&w);
    rc = store_revision_roots(s, revision, put_root, &w, e);
    json_end_array(&w);
    json_key(&w, "documents");
    json_begin_array(&w);
    if (rc == 0)
        rc = store_revision_changes(s, revision, true, put_changed_document, &w, e);
    json_end_array(&w);
    json_end_object(&w);
    return admin_end(&w, rc, e);
}

/* ---- the difference of two revisions ---- */

struct text_row {
    struct slice kind, name, text;
};
struct text_rows {
    struct arena *arena;
    struct vec rows;
};

static int keep_row(void *arg, const struct store_document *d)
{
    struct text_rows *t = arg;
    struct text_row row = {arena_dup(t->arena, d->kind), arena_dup(t->arena, d->name), arena_dup(t->arena, d->text)};

    if (row.kind.p == NULL || row.name.p == NULL || row.text.p == NULL || vec_push(&t->rows, &row) == NULL)
        return -ERR_NOMEM;
    return 0;
}

static int put_difference(struct json_writer *w, const struct text_row *a, const struct text_row *b)
{
    const struct text_row *any = a != NULL ? a : b;
    struct buf text;
    int rc;

    if (a != NULL && b != NULL && slice_eq(a->text, b->text))
        return 0;
    buf_init(&text, 0);
    rc = apply_diff(SLICE_NONE, a == NULL ? SLICE_NONE : a->text, SLICE_NONE, b == NULL ? SLICE_NONE : b->text, &text);
    json_begin_object(w);
    json_member_slice(w, "kind", any->kind);
    json_member_slice(w, "name", any->name);
    json_member_str(w, "op", apply_op_name(a == NULL ? APPLY_CREATED : b == NULL ? APPLY_DELETED : APPLY_UPDATED));
    json_member_slice(w, "diff", buf_slice(&text));
    json_end_object(w);
    buf_fini(&text);
    return rc;
}

static int order(const struct text_row *a, const struct text_row *b)
{
    int c = slice_cmp(a->kind, b->kind);

    return c != 0 ? c : slice_cmp(a->name, b->name);
}

/* Both lists are sorted by kind and name: walk them side by side. */
static int put_differences(struct json_writer *w, const struct vec *from, const struct vec *to)
{
    size_t i = 0, k = 0;
    int rc = 0;

    while (rc == 0 && (i < from->n || k < to->n)) {
        const struct text_row *a = i < from->n ? &VEC_AT(from, struct text_row, i) : NULL;
        const struct text_row *b = k < to->n ? &VEC_AT(to, struct text_row, k) : NULL;
        int c = a == NULL ? 1 : b == NULL ? -1 : order(a, b);

        rc = put_difference(w, c <= 0 ? a : NULL, c >= 0 ? b : NULL);
        i += c <= 0;
        k += c >= 0;
    }
    return rc;
}

static int nothing(void *arg, const struct store_revision *r)
{
    (void)arg;
    (void)r;
    return 0;
}

/* Revision 0 is the empty one before the first. */
static int read_side(struct admin_call *call, struct store *s, size_t arg, struct text_rows *t, struct err *e)
{
    uint64_t revision = 0;
    int rc = slice_is(call->args[arg], "0") ? 0 : admin_arg_number(call, arg, &revision, e);

    if (rc == 0 && revision != 0)
        rc = store_revision_get(s, revision, nothing, NULL, e);
    if (rc == 0)
        rc = store_documents_at(s, revision, true, keep_row, t, e);
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "documents") : rc;
}

int admin_run_revision_diff(struct admin_call *call, struct store *s, struct err *e)
{
    struct text_rows from = {&call->arena, VEC_INIT(struct text_row)}, to = {&call->arena, VEC_INIT(struct text_row)};
    struct json_writer w;
    int rc = read_side(call, s, 0, &from, e);

    if (rc == 0)
        rc = read_side(call, s, 1, &to, e);
    if (rc == 0) {
        json_writer_init(&w, &call->out, 0);
        json_begin_object(&w);
        json_key(&w, "changes");
        json_begin_array(&w);
        rc = put_differences(&w, &from.rows, &to.rows);
        json_end_array(&w);
        json_end_object(&w);
        if (rc != 0 || json_writer_end(&w) != 0)
            rc = err_set(e, ERR_NOMEM, "answer");
    }
    vec_fini(&from.rows);
    vec_fini(&to.rows);
    return rc;
}

/* ---- audit ---- */

static int put_audit(void *arg, const struct store_audit *a)
{
    struct json_writer *w = arg;

    json_begin_object(w);
    json_member_uint(w, "id", a->id);
    admin_member_time(w, "at", a->at_ms);
    json_member_slice(w, "who", a->who);
    json_member_slice(w, "peer", a->peer);
    json_member_slice(w, "action", a->action);
    json_member_slice(w, "target", a->target);
    json_member_slice(w, "requestId", a->request_id);
    json_member_uint(w, "status", a->status);
    json_end_object(w);
    return 0;
}

int admin_run_audit(struct admin_call *call, struct store *s, struct err *e)
{
    uint64_t before, limit;
    struct json_writer w;
    int rc = read_page(call, &before, &limit, e);

    if (rc != 0)
        return rc;
    json_writer_init(&w, &call->out, 0);
    json_begin_array(&w);
    rc = store_audit_each(s, before, (uint32_t)limit, put_audit, &w, e);
    json_end_array(&w);
    return admin_end(&w, rc, e);
}
