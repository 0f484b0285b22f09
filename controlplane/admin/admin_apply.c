#include <inttypes.h>
#include <string.h>

#include "admin/admin_int.h"
#include "base/caps.h"
#include "base/clock.h"
#include "base/must.h"

/* Everything that makes a revision: apply, delete, restore, stage variables. All of it on backstage. */

#define FILES_MAX 10000u
#define MESSAGE_MAX 1000u

/* ---- what the peer asks for ---- */

static int read_file(const struct json *v, struct vec *files, struct err *e)
{
    static const char *const names[] = {"name", "text", NULL};
    struct apply_file f = {0};
    int rc;

    if (!json_is(v, JSON_OBJECT))
        return err_set(e, ERR_SYNTAX, "\"files\" must be a list of objects with \"name\" and \"text\"");
    rc = admin_members(v, names, e);
    if (rc == 0)
        rc = admin_text(v, "name", &f.name, e);
    if (rc == 0)
        rc = admin_text(v, "text", &f.text, e);
    if (rc == 0 && json_get_str(v, "text") == NULL)
        rc = err_set(e, ERR_SYNTAX, "a file has no \"text\"");
    if (rc == 0 && f.name.n > 1024)
        rc = err_set(e, ERR_SYNTAX, "a file's name is too long");
    if (f.name.n == 0)
        f.name = SLICE_LIT("(body)");
    if (rc == 0 && vec_push(files, &f) == NULL)
        rc = err_set(e, ERR_NOMEM, "files");
    return rc;
}

static int read_files(const struct json *body, struct vec *files, struct err *e)
{
    const struct json *list = json_get_str(body, "files");
    int rc = 0;

    if (list == NULL && json_get_str(body, "deletes") != NULL)
        return 0; /* only deletes */
    if (!json_is(list, JSON_ARRAY) || list->count == 0)
        return err_set(e, ERR_SYNTAX, "\"files\" must be a list with at least one file");
    if (list->count > FILES_MAX)
        return err_set(e, ERR_LIMIT, "more than %u files", FILES_MAX);
    for (const struct json *v = list->first; rc == 0 && v != NULL; v = v->next)
        rc = read_file(v, files, e);
    return rc;
}

/* Documents that go in the same revision, each by its kind and name. */
static int read_deletes(const struct json *body, struct vec *keys, struct err *e)
{
    static const char *const names[] = {"kind", "name", NULL};
    const struct json *list = json_get_str(body, "deletes");
    int rc = 0;

    if (list != NULL && (!json_is(list, JSON_ARRAY) || list->count > FILES_MAX))
        return err_set(e, ERR_SYNTAX, "\"deletes\" must be a list of at most %u objects with \"kind\" and \"name\"", FILES_MAX);
    for (const struct json *v = list == NULL ? NULL : list->first; rc == 0 && v != NULL; v = v->next) {
        struct apply_key key = {0};

        rc = json_is(v, JSON_OBJECT) ? admin_members(v, names, e) : err_set(e, ERR_SYNTAX, "\"deletes\" must be a list of objects");
        if (rc == 0)
            rc = admin_text(v, "kind", &key.kind, e);
        if (rc == 0)
            rc = admin_text(v, "name", &key.name, e);
        if (rc == 0 && (key.kind.n == 0 || key.name.n == 0))
            rc = err_set(e, ERR_SYNTAX, "what is deleted needs a \"kind\" and a \"name\"");
        if (rc == 0 && vec_push(keys, &key) == NULL)
            rc = err_set(e, ERR_NOMEM, "deletes");
    }
    return rc;
}

static int read_options(const struct json *body, struct commit_request *q, struct err *e)
{
    const struct json *dry = json_get_str(body, "dryRun");
    int rc = admin_text(body, "message", &q->message, e);

    if (rc == 0)
        rc = admin_number(body, "baseRevision", &q->base_revision, e);
    if (rc == 0 && q->message.n > MESSAGE_MAX)
        rc = err_set(e, ERR_SYNTAX, "the message is longer than %u bytes", MESSAGE_MAX);
    if (rc == 0 && dry != NULL && !json_is(dry, JSON_TRUE) && !json_is(dry, JSON_FALSE))
        rc = err_set(e, ERR_SYNTAX, "\"dryRun\" must be true or false");
    q->dry_run = json_bool(dry, false);
    return rc;
}

/* A body is not needed where all its members are options. */
static int optional_body(struct admin_call *call, const char *const *names, const struct json **out, struct err *e)
{
    int rc;

    *out = NULL;
    if (buf_len(&call->body) == 0)
        return 0;
    rc = admin_body(call, out, e);
    return rc != 0 ? rc : admin_members(*out, names, e);
}

/* ---- what it is told ---- */

static void put_changes(struct json_writer *w, const struct vec *changes)
{
    json_key(w, "changes");
    json_begin_array(w);
    for (size_t i = 0; i < changes->n; i++) {
        const struct apply_change *ch = &VEC_AT(changes, struct apply_change, i);
        struct apply_summary sum;
        struct buf text;

        json_begin_object(w);
        json_member_slice(w, "kind", ch->kind);
        json_member_slice(w, "name", ch->name);
        json_member_str(w, "op", apply_op_name(ch->op));
        buf_init(&text, 0);
        apply_summarise(ch, &sum);
        if (ch->op != APPLY_UNCHANGED && apply_summary_text(&sum, &text) == 0 && buf_len(&text) > 0)
            json_member_slice(w, "summary", buf_slice(&text));
        buf_fini(&text);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_environments(struct json_writer *w, const struct vec *environments)
{
    json_key(w, "environments");
    json_begin_array(w);
    for (size_t i = 0; i < environments->n; i++) {
        const struct commit_environment *ce = &VEC_AT(environments, struct commit_environment, i);

        json_begin_object(w);
        json_member_str(w, "name", ce->name);
        json_member_uint(w, "revision", ce->revision);
        admin_member_root(w, "root", ce->root);
        json_end_object(w);
    }
    json_end_array(w);
}

static int put_result(struct admin_call *call, const struct commit_result *r, bool dry_run)
{
    struct json_writer w;
    struct buf diags;
    int rc;

    buf_init(&diags, 0);
    rc = diag_json(&r->diags, &diags);
    json_writer_init(&w, &call->out, 0);
    json_begin_object(&w);
    json_member_uint(&w, "revision", r->revision);
    json_member_bool(&w, "changed", r->changed);
    json_member_bool(&w, "dryRun", dry_run);
    put_changes(&w, &r->changes);
    put_environments(&w, &r->environments);
    json_key(&w, "diagnostics");
    json_put_raw(&w, buf_slice(&diags));
    json_end_object(&w);
    buf_fini(&diags);
    return rc != 0 ? rc : json_writer_end(&w);
}

/* 422 with everything that is wrong, as people read it in "detail" and as data in "diagnostics". */
static int refuse(struct admin_call *call, const struct commit_result *r, struct err *e)
{
    struct buf json, text;
    int rc;

    if (r->diags.errors == 0)
        return -(int)e->code; /* the check child's reason */
    buf_init(&json, 0);
    buf_init(&text, 0);
    rc = diag_json(&r->diags, &json);
    if (rc == 0)
        rc = diag_count_text(&r->diags, &text);
    if (rc == 0 && buf_puts(&text, SLICE_LIT("; nothing was applied")) != 0)
        rc = -ERR_NOMEM;
    if (rc == 0) {
        call->error.text[0] = '\0';
        admin_problem(call, 422, buf_slice(&text), buf_slice(&json));
    }
    buf_fini(&json);
    buf_fini(&text);
    return rc != 0 ? err_set(e, ERR_NOMEM, "diagnostics") : -ERR_INVALID;
}

static void drop_prepared(struct admin_call *call)
{
    for (size_t i = 0; i < call->publish.n; i++)
        bundle_unref(VEC_AT(&call->publish, struct bundle *, i));
    vec_clear(&call->publish);
    buf_clear(&call->out);
}

/* What is published and answered, made before the commit: a revision that is committed is never answered as one that failed,
 * and never waits for the next start. */
static int prepare(void *arg, const struct commit_result *r, struct err *e)
{
    struct admin_call *call = arg;

    for (size_t i = 0; i < r->environments.n; i++) {
        struct bundle *b = VEC_AT(&r->environments, struct commit_environment, i).bundle;

        if (b != NULL && vec_push(&call->publish, &b) == NULL)
            return err_set(e, ERR_NOMEM, "bundles");
        if (b != NULL)
            (void)bundle_ref(b);
    }
    return put_result(call, r, false) == 0 ? 0 : err_set(e, ERR_NOMEM, "answer");
}

typedef int (*commit_fn)(struct committer *c, struct store *s, const struct commit_request *q, struct commit_result *r,
                         void *arg, struct err *e);

static int do_apply(struct committer *c, struct store *s, const struct commit_request *q, struct commit_result *r, void *arg,
                    struct err *e)
{
    (void)arg;
    return committer_apply(c, s, q, r, e);
}

static int do_restore(struct committer *c, struct store *s, const struct commit_request *q, struct commit_result *r, void *arg,
                      struct err *e)
{
    return committer_restore(c, s, *(const uint64_t *)arg, q, r, e);
}

static int commit(struct admin_call *call, struct store *s, struct commit_request *q, commit_fn fn, void *arg, struct err *e)
{
    struct store_audit audit = {.at_ms = clock_wall_ms(), .who = slice_of(call->who), .peer = slice_of(call->peer),
                                .action = slice_of(call->route->id), .target = call->path,
                                .request_id = slice_of(call->request_id), .status = 200};
    struct commit_result r;
    int rc;

    q->who = slice_of(call->who);
    q->audit = &audit;
    q->prepare = prepare;
    q->prepare_arg = call;
    commit_result_init(&r);
    rc = fn(call->admin->o.committer, s, q, &r, arg, e);
    if (rc == 0) {
        /* A dry run and one that changes nothing are not worth a row. */
        call->audit_written = true;
        if ((q->dry_run || !r.changed) && put_result(call, &r, q->dry_run) != 0)
            rc = err_set(e, ERR_NOMEM, "answer");
    } else {
        drop_prepared(call);
        if (rc == -ERR_INVALID)
            rc = refuse(call, &r, e);
    }
    call->revision = rc == 0 && r.changed && !q->dry_run ? r.revision : 0;
    commit_result_fini(&r);
    return rc;
}

int admin_finish_commit(struct admin_call *call, struct err *e)
{
    (void)e;
    if (call->revision != 0)
        call->admin->stats.revisions++;
    call->status = 200;
    call->content_type = "application/json";
    return 0;
}

/* ---- the endpoints ---- */

int admin_run_apply(struct admin_call *call, struct store *s, struct err *e)
{
    static const char *const names[] = {"files", "deletes", "dryRun", "message", "baseRevision", NULL};
    struct vec files = VEC_INIT(struct apply_file), deletes = VEC_INIT(struct apply_key);
    struct commit_request q = {.action = SLICE_LIT("apply")};
    const struct json *body;
    int rc = admin_body(call, &body, e);

    if (rc == 0)
        rc = admin_members(body, names, e);
    if (rc == 0)
        rc = read_files(body, &files, e);
    if (rc == 0)
        rc = read_deletes(body, &deletes, e);
    if (rc == 0)
        rc = read_options(body, &q, e);
    if (rc == 0) {
        q.files = files.p;
        q.n_files = files.n;
        q.deletes = deletes.p;
        q.n_deletes = deletes.n;
        if (files.n == 0)
            q.action = SLICE_LIT("delete");
        rc = commit(call, s, &q, do_apply, NULL, e);
    }
    vec_fini(&files);
    vec_fini(&deletes);
    return rc;
}

int admin_run_delete(struct admin_call *call, struct store *s, struct err *e)
{
    static const char *const names[] = {"dryRun", "message", "baseRevision", NULL};
    struct apply_key key = {call->args[0], call->args[1]};
    struct commit_request q = {.action = SLICE_LIT("delete"), .deletes = &key, .n_deletes = 1};
    const struct world *w = committer_world(call->admin->o.committer);
    const struct json *body;
    int rc = optional_body(call, names, &body, e);

    if (rc == 0)
        rc = read_options(body, &q, e);
    if (rc == 0 && (w == NULL || world_document(w, key.kind, key.name) == NULL))
        rc = err_set(e, ERR_NOTFOUND, "there is no %.*s %.*s", (int)(key.kind.n > 100 ? 100 : key.kind.n), key.kind.p,
                     (int)(key.name.n > 200 ? 200 : key.name.n), key.name.p);
    return rc != 0 ? rc : commit(call, s, &q, do_apply, NULL, e);
}

int admin_run_restore(struct admin_call *call, struct store *s, struct err *e)
{
    static const char *const names[] = {"dryRun", "message", "baseRevision", NULL};
    struct commit_request q = {.action = SLICE_LIT("restore")};
    const struct json *body;
    uint64_t revision = 0;
    int rc = admin_arg_number(call, 0, &revision, e);

    if (rc == 0)
        rc = optional_body(call, names, &body, e);
    if (rc == 0)
        rc = read_options(body, &q, e);
    return rc != 0 ? rc : commit(call, s, &q, do_restore, &revision, e);
}

static int read_variables(const struct json *body, struct vec *set, struct vec *unset, struct err *e)
{
    const struct json *sets = json_get_str(body, "set"), *unsets = json_get_str(body, "unset");

    if ((sets != NULL && !json_is(sets, JSON_OBJECT)) || (unsets != NULL && !json_is(unsets, JSON_ARRAY)))
        return err_set(e, ERR_SYNTAX, "\"set\" must be an object, \"unset\" a list");
    for (const struct json *v = sets == NULL ? NULL : sets->first; v != NULL; v = v->next) {
        if (!json_is(v, JSON_STRING))
            return err_set(e, ERR_SYNTAX, "the value of a variable must be a string");
        if (vec_push(set, &(struct apply_variable){v->key, v->text}) == NULL)
            return err_set(e, ERR_NOMEM, "variables");
    }
    for (const struct json *v = unsets == NULL ? NULL : unsets->first; v != NULL; v = v->next) {
        if (!json_is(v, JSON_STRING))
            return err_set(e, ERR_SYNTAX, "\"unset\" must be a list of names");
        if (vec_push(unset, &v->text) == NULL)
            return err_set(e, ERR_NOMEM, "variables");
    }
    if (set->n + unset->n == 0)
        return err_set(e, ERR_SYNTAX, "there is nothing to set or unset");
    return 0;
}

static int stage_file(struct admin_call *call, const struct vec *set, const struct vec *unset, struct apply_file *out,
                      struct buf *text, struct err *e)
{
    const struct world *w = committer_world(call->admin->o.committer);
    struct slice name = arena_printf(&call->arena, "%.*s/%.*s", SLICE_FMT(call->args[0]), SLICE_FMT(call->args[1]));
    const struct apply_document *d = w == NULL || name.p == NULL ? NULL : world_document(w, SLICE_LIT("Stage"), name);
    int rc;

    if (d == NULL || d->is_implicit)
        return err_set(e, ERR_NOTFOUND, "there is no Stage %.*s", (int)(name.n > 200 ? 200 : name.n), name.p);
    rc = apply_stage_text(d, set->p, set->n, unset->p, unset->n, text, e);
    /* The text is written anew: its lines are not those of the file that the stage came from. */
    out->name = arena_printf(&call->arena, "stage/%.*s", SLICE_FMT(name));
    out->text = buf_slice(text);
    return rc == 0 && out->name.p == NULL ? err_set(e, ERR_NOMEM, "stage") : rc;
}

int admin_run_variables(struct admin_call *call, struct store *s, struct err *e)
{
    static const char *const names[] = {"set", "unset", "dryRun", "message", "baseRevision", NULL};
    struct vec set = VEC_INIT(struct apply_variable), unset = VEC_INIT(struct slice);
    struct commit_request q = {.action = SLICE_LIT("stage variables"), .n_files = 1};
    struct apply_file file = {0};
    const struct json *body;
    struct buf text;
    int rc = admin_body(call, &body, e);

    buf_init(&text, CAPS_SPEC_FILE_MAX);
    if (rc == 0)
        rc = admin_members(body, names, e);
    if (rc == 0)
        rc = read_variables(body, &set, &unset, e);
    if (rc == 0)
        rc = read_options(body, &q, e);
    if (rc == 0)
        rc = stage_file(call, &set, &unset, &file, &text, e);
    if (rc == 0) {
        q.files = &file;
        rc = commit(call, s, &q, do_apply, NULL, e);
    }
    buf_fini(&text);
    vec_fini(&set);
    vec_fini(&unset);
    return rc;
}

static int put_diff(struct admin_call *call, const struct vec *changes)
{
    struct json_writer w;
    int rc = 0;

    json_writer_init(&w, &call->out, 0);
    json_begin_object(&w);
    json_key(&w, "changes");
    json_begin_array(&w);
    for (size_t i = 0; rc == 0 && i < changes->n; i++) {
        const struct apply_change *ch = &VEC_AT(changes, struct apply_change, i);
        struct buf text;

        buf_init(&text, 0);
        if (ch->op != APPLY_UNCHANGED)
            rc = apply_document_diff(ch->before, ch->after, &text);
        json_begin_object(&w);
        json_member_slice(&w, "kind", ch->kind);
        json_member_slice(&w, "name", ch->name);
        json_member_str(&w, "op", apply_op_name(ch->op));
        json_member_slice(&w, "diff", buf_slice(&text));
        json_end_object(&w);
        buf_fini(&text);
    }
    json_end_array(&w);
    json_end_object(&w);
    return rc != 0 ? rc : json_writer_end(&w);
}

int admin_run_diff(struct admin_call *call, struct store *s, struct err *e)
{
    static const char *const names[] = {"files", NULL};
    struct vec files = VEC_INIT(struct apply_file);
    struct commit_request q = {.dry_run = true, .no_check = true};
    struct commit_result r;
    const struct json *body;
    int rc = admin_body(call, &body, e);

    commit_result_init(&r);
    if (rc == 0)
        rc = admin_members(body, names, e);
    if (rc == 0)
        rc = read_files(body, &files, e);
    if (rc == 0) {
        q.files = files.p;
        q.n_files = files.n;
        rc = committer_apply(call->admin->o.committer, s, &q, &r, e);
        if (rc == -ERR_INVALID)
            rc = refuse(call, &r, e);
        else if (rc == 0 && put_diff(call, &r.changes) != 0)
            rc = err_set(e, ERR_NOMEM, "diff");
    }
    commit_result_fini(&r);
    vec_fini(&files);
    return rc;
}
