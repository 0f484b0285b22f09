#include "apply/apply.h"

#include <stdlib.h>

#include "apply/apply_int.h"

static void begin(struct apply *a, const struct apply_request *r, const struct world *base, struct diag_list *diags, struct err *e)
{
    *a = (struct apply){.request = r, .base = base, .diags = diags, .e = e};
    arena_init(&a->scratch, 8192, 0);
    map_init(&a->base_texts);
    map_init(&a->given_keys);
    map_init(&a->broken);
    map_init(&a->docs_keys);
    vec_init(&a->given, sizeof(struct world_doc *));
    vec_init(&a->docs, sizeof(struct world_doc *));
}

static void unref_all(struct vec *docs)
{
    for (size_t i = 0; i < docs->n; i++)
        world_doc_unref(VEC_AT(docs, struct world_doc *, i));
    vec_fini(docs);
}

static void end(struct apply *a)
{
    diag_source_clear(a->diags);
    unref_all(&a->given);
    unref_all(&a->docs);
    map_fini(&a->base_texts);
    map_fini(&a->given_keys);
    map_fini(&a->broken);
    map_fini(&a->docs_keys);
    arena_fini(&a->scratch);
}

/* A world of a->docs, with their references. */
static int make_world(struct apply *a, struct world **out)
{
    struct world *w = calloc(1, sizeof(*w));
    int rc = 0;

    if (w == NULL)
        return -ERR_NOMEM;
    ref_init(&w->ref);
    arena_init(&w->arena, 4096, 0);
    map_init(&w->by_key);
    w->docs = arena_calloc(&w->arena, a->docs.n, sizeof(struct world_doc *));
    if (w->docs == NULL)
        rc = -ERR_NOMEM;
    if (rc == 0 && a->docs.n > 0) {
        memcpy(w->docs, a->docs.p, a->docs.n * sizeof(struct world_doc *));
        w->n_docs = a->docs.n;
        vec_clear(&a->docs);
        qsort(w->docs, w->n_docs, sizeof(struct world_doc *), world_doc_compare);
    }
    for (size_t i = 0; rc == 0 && i < w->n_docs; i++) {
        char text[WORLD_KEY_MAX];
        struct slice key = arena_dup(&w->arena, world_key(w->docs[i]->pub.kind, w->docs[i]->pub.name, text));

        rc = key.p == NULL ? -ERR_NOMEM : map_put(&w->by_key, key, w->docs[i], NULL);
    }
    if (rc == 0)
        rc = apply_compile(a, w);
    if (rc != 0) {
        world_unref(w);
        return rc;
    }
    *out = w;
    return 0;
}

static int compare_changes(const void *a, const void *b)
{
    const struct apply_change *x = a, *y = b;
    int c = slice_cmp(x->kind, y->kind);

    return c != 0 ? c : slice_cmp(x->name, y->name);
}

/* What the request named, before and after. */
static int list_changes(struct apply *a, const struct world *w, struct vec *changes)
{
    for (size_t i = 0; i < a->given.n; i++) {
        const struct apply_document *d = &VEC_AT(&a->given, struct world_doc *, i)->pub;
        const struct world_doc *old = world_find(a->base, d->kind, d->name);
        struct apply_change c = {.kind = d->kind, .name = d->name, .after = world_document(w, d->kind, d->name)};

        c.before = old == NULL || old->pub.is_implicit ? NULL : &old->pub;
        c.op = c.before == NULL ? APPLY_CREATED : c.before == c.after ? APPLY_UNCHANGED : APPLY_UPDATED;
        c.kind = c.after->kind;
        c.name = c.after->name;
        if (vec_push(changes, &c) == NULL)
            return -ERR_NOMEM;
    }
    for (size_t i = 0; i < a->request->n_deletes; i++) {
        const struct apply_document *d = world_document(a->base, a->request->deletes[i].kind, a->request->deletes[i].name);
        struct apply_change c = {.op = APPLY_DELETED, .kind = d->kind, .name = d->name, .before = d};

        if (vec_push(changes, &c) == NULL)
            return -ERR_NOMEM;
    }
    if (changes->n > 1)
        qsort(changes->p, changes->n, sizeof(struct apply_change), compare_changes);
    return 0;
}

int apply_run(const struct apply_request *r, struct world *base, struct world **out, struct vec *changes, struct diag_list *diags,
              struct err *e)
{
    struct world *w = NULL;
    struct apply a;
    int rc;

    begin(&a, r, base, diags, e);
    rc = apply_read(&a);
    if (rc == 0)
        rc = apply_merge(&a);
    if (rc == 0)
        rc = apply_check(&a);
    if (rc == 0 && a.bad)
        rc = err_set(e, ERR_INVALID, "%zu error%s", diags->errors, diags->errors == 1 ? "" : "s");
    if (rc == 0)
        rc = make_world(&a, &w);
    if (rc == 0)
        rc = list_changes(&a, w, changes);
    diag_sort(diags);
    end(&a);
    if (rc != 0) {
        vec_clear(changes);
        world_unref(w);
        return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "apply") : rc;
    }
    *out = w;
    return 0;
}
