#include <stdio.h>
#include <string.h>

#include "apply/committer_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

/* ---- documents of a revision ---- */

void stored_files_init(struct stored_files *f)
{
    arena_init(&f->arena, 65536, 0);
    vec_init(&f->files, sizeof(struct apply_file));
    vec_init(&f->keys, sizeof(struct apply_key));
}

void stored_files_fini(struct stored_files *f)
{
    vec_fini(&f->keys);
    vec_fini(&f->files);
    arena_fini(&f->arena);
}

static int take_document(void *arg, const struct store_document *d)
{
    struct stored_files *f = arg;
    struct apply_file file = {.name = arena_dup(&f->arena, d->file), .text = arena_dup(&f->arena, d->text),
                              .first_line = d->line > UINT32_MAX ? 1 : (uint32_t)d->line};
    struct apply_key key = {.kind = arena_dup(&f->arena, d->kind), .name = arena_dup(&f->arena, d->name)};

    if (file.name.p == NULL || file.text.p == NULL || key.kind.p == NULL || key.name.p == NULL)
        return -ERR_NOMEM;
    if (vec_push(&f->files, &file) == NULL || vec_push(&f->keys, &key) == NULL)
        return -ERR_NOMEM;
    return 0;
}

int stored_files_read(struct store *s, uint64_t revision, struct stored_files *f, struct err *e)
{
    int rc = store_documents_at(s, revision, true, take_document, f, e);

    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "documents of a revision") : rc;
}

static int build_world(struct committer *c, struct store *s, uint64_t revision, struct world **out, struct diag_list *diags,
                       struct err *e)
{
    struct vec changes = VEC_INIT(struct apply_change);
    struct stored_files f;
    struct apply_request ar = {.from_store = true, .single_environment = c->options.single_environment,
                               .implicit_stage = c->options.implicit_stage};
    int rc;

    stored_files_init(&f);
    rc = stored_files_read(s, revision, &f, e);
    if (rc == 0) {
        ar.files = f.files.p;
        ar.n_files = f.files.n;
        rc = apply_run(&ar, NULL, out, &changes, diags, e);
    }
    diag_source_clear(diags);
    vec_fini(&changes);
    stored_files_fini(&f);
    return rc;
}

/* ---- heads ---- */

/* A head as the store has it, kept while the rows are read. */
struct stored_head {
    char name[129];
    struct store_head h;
    char reason[ERR_TEXT_MAX];
};

static int take_head(void *arg, const struct store_head *h)
{
    struct vec *v = arg;
    struct stored_head *sh;

    if (h->environment.n >= sizeof(sh->name))
        return -ERR_INVALID;
    sh = vec_push(v, NULL);
    if (sh == NULL)
        return -ERR_NOMEM;
    sh->h = *h;
    memcpy(sh->name, h->environment.p, h->environment.n);
    (void)snprintf(sh->reason, sizeof(sh->reason), "%.*s", (int)(h->reason.n > 500 ? 500 : h->reason.n), h->reason.p);
    sh->h.environment = sh->h.reason = SLICE_NONE;
    return 0;
}

static int take_facts(void *arg, const struct store_revision *r)
{
    struct bundle_facts *f = arg;

    f->created_ms = r->at_ms;
    f->restores_revision = r->restores_revision;
    return 0;
}

static int bundle_at(struct store *s, const struct world *w, const struct stored_head *sh, uint64_t revision,
                     struct bundle **out, struct err *e)
{
    struct bundle_facts f = {.cluster_id = store_cluster_id(s), .epoch = sh->h.epoch, .revision = revision};
    int rc = store_revision_get(s, revision, take_facts, &f, e);

    return rc != 0 ? rc : committer_bundle(w, slice_of(sh->name), &f, out, e);
}

/* What was live is made again from the documents of its revision. *cache: the world built last. */
struct live_cache {
    uint64_t revision;
    struct world *world;
};

static int live_bundle(struct committer *c, struct store *s, const struct stored_head *sh, struct live_cache *cache,
                       struct bundle **out, struct err *e)
{
    struct bundle *b = NULL;
    struct diag_list diags;
    int rc = 0;

    if (cache->world == NULL || cache->revision != sh->h.live_revision) {
        if (cache->world != NULL)
            world_unref(TAKE(&cache->world));
        diag_init(&diags);
        rc = build_world(c, s, sh->h.live_revision, &cache->world, &diags, e);
        diag_fini(&diags);
        cache->revision = sh->h.live_revision;
    }
    if (rc == 0)
        rc = bundle_at(s, cache->world, sh, sh->h.live_revision, &b, e);
    if (rc == 0 && memcmp(b->version.root, sh->h.live_root, BUNDLE_HASH) == 0) {
        *out = b;
        return 0;
    }
    bundle_unref(b);
    if (rc != 0 && rc != -ERR_INVALID)
        return rc;
    /* Its nodes keep what they have; there is only nothing to give to a new one until the next revision is live. */
    LOG_WARN("what was live cannot be compiled to the same bytes any more", LOG_STR("environment", sh->name),
             LOG_U64("revision", sh->h.live_revision));
    return 0;
}

static int load_head(struct committer *c, struct store *s, const struct stored_head *sh, struct live_cache *cache,
                     struct vec *out, struct err *e)
{
    struct committer_head *h = vec_push(out, NULL);
    int rc = 0;

    if (h == NULL)
        return err_set(e, ERR_NOMEM, "heads");
    (void)snprintf(h->environment, sizeof(h->environment), "%s", sh->name);
    if (sh->h.state == STORE_HEAD_LIVE)
        return bundle_at(s, c->world, sh, sh->h.head_revision, &h->live, e);
    if (sh->h.live_revision != 0)
        rc = live_bundle(c, s, sh, cache, &h->live, e);
    if (rc == 0 && sh->h.state == STORE_HEAD_PENDING)
        return bundle_at(s, c->world, sh, sh->h.head_revision, &h->pending, e);
    h->failed = true;
    h->version.epoch = sh->h.epoch;
    h->version.revision = sh->h.head_revision;
    memcpy(h->version.root, sh->h.head_root, BUNDLE_HASH);
    (void)snprintf(h->reason, sizeof(h->reason), "%s", sh->reason);
    return rc;
}

static int read_heads(struct committer *c, struct store *s, struct vec *stored, struct err *e)
{
    int rc;

    vec_clear(stored);
    rc = store_heads(s, take_head, stored, e);
    for (size_t i = 0; rc == 0 && i < stored->n; i++) {
        const struct stored_head *sh = &VEC_AT(stored, struct stored_head, i);

        rc = committer_know(c, slice_of(sh->name), sh->h.head_revision, sh->h.head_root, e);
    }
    return rc;
}

/* The same documents, other bytes: this program compiles differently from the one that wrote the heads. */
static int recompile(struct committer *c, struct store *s, struct err *e)
{
    struct vec changed = VEC_INIT(struct commit_environment), roots = VEC_INIT(struct store_root);
    struct store_commit sc = {.base_revision = c->revision, .who = SLICE_LIT("sluice-controlplane"),
                              .action = SLICE_LIT("recompile"), .message = SLICE_LIT("compiled by version " SLUICE_VERSION),
                              .summary = SLICE_LIT("[]"), .at_ms = clock_wall_ms()};
    int rc = committer_changed(c, c->world, c->revision + 1, &changed, e);

    for (size_t i = 0; rc == 0 && i < changed.n; i++) {
        const struct commit_environment *ce = &VEC_AT(&changed, struct commit_environment, i);
        struct store_root r = {.environment = slice_of(ce->name)};

        memcpy(r.root, ce->root, sizeof(r.root));
        if (vec_push(&roots, &r) == NULL)
            rc = err_set(e, ERR_NOMEM, "roots");
    }
    if (rc == 0 && roots.n > 0) {
        LOG_INFO("the stored configuration compiles to other bundles with this version", LOG_U64("environments", roots.n));
        sc.roots = roots.p;
        sc.n_roots = roots.n;
        rc = store_commit(s, &sc, &c->revision, e);
    }
    vec_fini(&roots);
    vec_fini(&changed);
    return rc;
}

int committer_load(struct committer *c, struct store *s, struct vec *heads, struct diag_list *diags, struct err *e)
{
    struct vec stored = VEC_INIT(struct stored_head);
    struct live_cache cache = {0, NULL};
    int rc = store_revision_newest(s, &c->revision, e);

    if (rc == 0)
        rc = build_world(c, s, c->revision, &c->world, diags, e);
    if (rc == 0)
        rc = read_heads(c, s, &stored, e);
    if (rc == 0)
        rc = recompile(c, s, e);
    if (rc == 0)
        rc = read_heads(c, s, &stored, e);
    for (size_t i = 0; rc == 0 && i < stored.n; i++)
        rc = load_head(c, s, &VEC_AT(&stored, struct stored_head, i), &cache, heads, e);
    if (cache.world != NULL)
        world_unref(cache.world);
    vec_fini(&stored);
    return rc;
}

void committer_head_fini(struct committer_head *h)
{
    bundle_unref(TAKE(&h->live));
    bundle_unref(TAKE(&h->pending));
}

/* ---- restore ---- */

static int forget_later(const struct committer *c, struct stored_files *f, struct vec *deletes, struct err *e)
{
    const struct apply_document *d;
    size_t at = 0;

    while ((d = world_each_document(c->world, &at)) != NULL) {
        bool kept = d->is_implicit;

        for (size_t i = 0; !kept && i < f->keys.n; i++) {
            const struct apply_key *k = &VEC_AT(&f->keys, struct apply_key, i);

            kept = slice_eq(k->kind, d->kind) && slice_eq(k->name, d->name);
        }
        if (!kept && vec_push(deletes, &(struct apply_key){d->kind, d->name}) == NULL)
            return err_set(e, ERR_NOMEM, "restore");
    }
    return 0;
}

static int nothing(void *arg, const struct store_revision *r)
{
    (void)arg;
    (void)r;
    return 0;
}

int committer_restore(struct committer *c, struct store *s, uint64_t revision, const struct commit_request *q,
                      struct commit_result *r, struct err *e)
{
    struct vec deletes = VEC_INIT(struct apply_key);
    struct commit_request full = *q;
    struct stored_files f;
    int rc;

    if (c->world == NULL)
        return err_set(e, ERR_NOTNOW, "the configuration is not loaded yet");
    stored_files_init(&f);
    rc = store_revision_get(s, revision, nothing, NULL, e);
    if (rc == 0)
        rc = stored_files_read(s, revision, &f, e);
    if (rc == 0)
        rc = forget_later(c, &f, &deletes, e);
    if (rc == 0) {
        full.files = f.files.p;
        full.n_files = f.files.n;
        full.deletes = deletes.p;
        full.n_deletes = deletes.n;
        full.restores_revision = revision;
        rc = committer_apply(c, s, &full, r, e);
    }
    diag_source_clear(&r->diags);
    vec_fini(&deletes);
    stored_files_fini(&f);
    return rc;
}
