#include "apply/committer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apply/check_child.h"
#include "apply/committer_int.h"
#include "base/clock.h"
#include "base/must.h"
#include "text/json.h"

int committer_new(const struct committer_options *o, struct committer **out, struct err *e)
{
    struct committer *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_set(e, ERR_NOMEM, "committer");
    c->options = *o;
    if (c->options.check_timeout_ms == 0)
        c->options.check_timeout_ms = CHECK_CHILD_MS;
    vec_init(&c->heads, sizeof(struct known_head));
    *out = c;
    return 0;
}

void committer_free(struct committer *c)
{
    if (c == NULL)
        return;
    if (c->world != NULL)
        world_unref(c->world);
    vec_fini(&c->heads);
    free(c);
}

struct world *committer_world(const struct committer *c)
{
    return c->world;
}

uint64_t committer_revision(const struct committer *c)
{
    return c->revision;
}

void commit_result_init(struct commit_result *r)
{
    memset(r, 0, sizeof(*r));
    vec_init(&r->changes, sizeof(struct apply_change));
    vec_init(&r->environments, sizeof(struct commit_environment));
    diag_init(&r->diags);
}

void commit_result_fini(struct commit_result *r)
{
    for (size_t i = 0; i < r->environments.n; i++)
        bundle_unref(VEC_AT(&r->environments, struct commit_environment, i).bundle);
    vec_fini(&r->environments);
    vec_fini(&r->changes);
    diag_fini(&r->diags);
    if (r->before != NULL)
        world_unref(TAKE(&r->before));
    if (r->after != NULL)
        world_unref(TAKE(&r->after));
}

/* ---- from changes to a revision ---- */

static bool any_change(const struct vec *changes)
{
    for (size_t i = 0; i < changes->n; i++)
        if (VEC_AT(changes, struct apply_change, i).op != APPLY_UNCHANGED)
            return true;
    return false;
}

static enum store_op op_of(enum apply_op op)
{
    return op == APPLY_CREATED ? STORE_CREATED : op == APPLY_UPDATED ? STORE_UPDATED : STORE_DELETED;
}

static int collect_documents(const struct vec *changes, struct vec *out, struct err *e)
{
    for (size_t i = 0; i < changes->n; i++) {
        const struct apply_change *ch = &VEC_AT(changes, struct apply_change, i);
        struct store_document d = {.kind = ch->kind, .name = ch->name, .op = op_of(ch->op)};

        if (ch->op == APPLY_UNCHANGED || (ch->after != NULL && ch->after->is_implicit))
            continue;
        if (ch->after != NULL) {
            d.text = ch->after->text;
            d.file = ch->after->file;
            d.line = ch->after->line;
        }
        if (vec_push(out, &d) == NULL)
            return err_set(e, ERR_NOMEM, "changes");
    }
    return 0;
}

/* What history shows: [{"kind","name","op","summary"}], the unchanged left out. */
static int summarise(const struct vec *changes, struct buf *out)
{
    struct json_writer w;
    struct buf text;
    int rc = 0;

    buf_init(&text, 0);
    json_writer_init(&w, out, 0);
    json_begin_array(&w);
    for (size_t i = 0; rc == 0 && i < changes->n; i++) {
        const struct apply_change *ch = &VEC_AT(changes, struct apply_change, i);
        struct apply_summary sum;

        if (ch->op == APPLY_UNCHANGED)
            continue;
        buf_clear(&text);
        apply_summarise(ch, &sum);
        rc = apply_summary_text(&sum, &text);
        json_begin_object(&w);
        json_member_slice(&w, "kind", ch->kind);
        json_member_slice(&w, "name", ch->name);
        json_member_str(&w, "op", apply_op_name(ch->op));
        if (buf_len(&text) > 0)
            json_member_slice(&w, "summary", buf_slice(&text));
        json_end_object(&w);
    }
    json_end_array(&w);
    buf_fini(&text);
    return rc != 0 ? rc : json_writer_end(&w);
}

static int check_one(struct committer *c, const struct commit_environment *ce, struct err *e)
{
    struct check_verdict v;
    int rc;

    if (c->options.checker == NULL)
        return 0;
    rc = check_child(c->options.checker, ce->bundle, c->options.check_timeout_ms, &v, e);
    return rc == 0 ? 0 : err_prefix(e, "environment %s would be refused by its nodes", ce->name);
}

static int build_and_check(struct committer *c, struct store *s, const struct commit_request *q, struct commit_result *r,
                           int64_t now, struct err *e)
{
    struct bundle_facts f = {.cluster_id = store_cluster_id(s), .epoch = store_epoch(s), .revision = c->revision + 1,
                             .restores_revision = q->restores_revision, .created_ms = now};
    int rc = committer_changed(c, r->after, c->revision + 1, &r->environments, e);

    for (size_t i = 0; rc == 0 && i < r->environments.n; i++) {
        struct commit_environment *ce = &VEC_AT(&r->environments, struct commit_environment, i);

        rc = committer_bundle(r->after, slice_of(ce->name), &f, &ce->bundle, e);
        if (rc == 0 && !q->no_check)
            rc = check_one(c, ce, e);
    }
    return rc;
}

static int fill_roots(const struct commit_result *r, struct vec *roots, struct err *e)
{
    for (size_t i = 0; i < r->environments.n; i++) {
        const struct commit_environment *ce = &VEC_AT(&r->environments, struct commit_environment, i);
        struct store_root root = {.environment = slice_of(ce->name)};

        memcpy(root.root, ce->root, sizeof(root.root));
        if (vec_push(roots, &root) == NULL)
            return err_set(e, ERR_NOMEM, "roots");
    }
    return 0;
}

/* Makes room for what is known of each environment before the commit, so that nothing can fail behind it. */
static int learn(struct committer *c, const struct commit_result *r, struct err *e)
{
    static const uint8_t none[BUNDLE_HASH];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->environments.n; i++) {
        struct slice name = slice_of(VEC_AT(&r->environments, struct commit_environment, i).name);

        if (committer_known(c, name) == NULL)
            rc = committer_know(c, name, 0, none, e);
    }
    return rc;
}

static void adopt(struct committer *c, const struct commit_result *r, uint64_t revision)
{
    c->revision = revision;
    world_unref(c->world);
    c->world = world_ref(r->after);
    for (size_t i = 0; i < r->environments.n; i++) {
        const struct commit_environment *ce = &VEC_AT(&r->environments, struct commit_environment, i);
        struct known_head *h = committer_known(c, slice_of(ce->name));

        MUST(h != NULL);
        h->revision = revision;
        memcpy(h->root, ce->root, BUNDLE_HASH);
    }
}

static int write_revision(struct committer *c, struct store *s, const struct commit_request *q, struct commit_result *r,
                          int64_t now, struct err *e)
{
    struct vec documents = VEC_INIT(struct store_document), roots = VEC_INIT(struct store_root);
    struct store_commit sc = {.base_revision = c->revision, .who = q->who, .action = q->action, .message = q->message,
                              .restores_revision = q->restores_revision, .at_ms = now, .audit = q->audit};
    struct buf summary;
    uint64_t revision = 0;
    int rc;

    buf_init(&summary, 0);
    rc = collect_documents(&r->changes, &documents, e);
    if (rc == 0)
        rc = fill_roots(r, &roots, e);
    if (rc == 0 && summarise(&r->changes, &summary) != 0)
        rc = err_set(e, ERR_NOMEM, "summary");
    if (rc == 0)
        rc = learn(c, r, e);
    r->revision = c->revision + 1;
    if (rc == 0 && q->prepare != NULL)
        rc = q->prepare(q->prepare_arg, r, e);
    if (rc == 0) {
        sc.summary = buf_slice(&summary);
        sc.changes = documents.p;
        sc.n_changes = documents.n;
        sc.roots = roots.p;
        sc.n_roots = roots.n;
        rc = store_commit(s, &sc, &revision, e);
    }
    if (rc == 0) {
        MUST(revision == r->revision);
        adopt(c, r, revision);
    } else {
        r->revision = c->revision;
    }
    buf_fini(&summary);
    vec_fini(&roots);
    vec_fini(&documents);
    return rc;
}

static void drop_bundles(struct commit_result *r)
{
    for (size_t i = 0; i < r->environments.n; i++)
        bundle_unref(TAKE(&VEC_AT(&r->environments, struct commit_environment, i).bundle));
}

int committer_apply(struct committer *c, struct store *s, const struct commit_request *q, struct commit_result *r,
                    struct err *e)
{
    struct apply_request ar = {.files = q->files, .n_files = q->n_files, .deletes = q->deletes, .n_deletes = q->n_deletes,
                               .single_environment = c->options.single_environment,
                               .implicit_stage = c->options.implicit_stage};
    int64_t now = clock_wall_ms();
    int rc;

    if (c->world == NULL)
        return err_set(e, ERR_NOTNOW, "the configuration is not loaded yet");
    if (q->base_revision != 0 && q->base_revision != c->revision)
        return err_set(e, ERR_CONFLICT, "the configuration is at revision %" PRIu64 " by now, this change was made against %" PRIu64,
                       c->revision, q->base_revision);
    r->before = world_ref(c->world);
    r->revision = c->revision;
    rc = apply_run(&ar, c->world, &r->after, &r->changes, &r->diags, e);
    if (rc != 0)
        return rc;
    r->changed = any_change(&r->changes);
    if (!r->changed)
        return 0;
    rc = build_and_check(c, s, q, r, now, e);
    if (rc == 0 && !q->dry_run)
        rc = write_revision(c, s, q, r, now, e);
    if (rc != 0 || q->dry_run)
        drop_bundles(r);
    return rc;
}
