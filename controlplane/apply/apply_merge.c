/* The documents of the new world: the base's, without the deleted, with the given. */
#include "apply/apply_int.h"
#include "diag/diag_near.h"

static int add(struct apply *a, struct world_doc *d)
{
    struct slice key = apply_key_dup(a, d->pub.kind, d->pub.name);
    struct world_doc *own = world_doc_ref(d);

    if (key.p == NULL || vec_push(&a->docs, &own) == NULL) {
        world_doc_unref(own);
        return -ERR_NOMEM;
    }
    return map_put(&a->docs_keys, key, d, NULL);
}

static void unknown_delete(struct apply *a, const struct apply_key *k)
{
    struct diag *d = diag_add(a->diags, DIAG_ERROR, "SL2602", (struct diag_place){.line = 0}, SLICE_NONE,
                              "there is no %.*s \"%.*s\" to delete", SLICE_FMT(k->kind), SLICE_FMT(k->name));
    struct diag_near near;

    diag_near_init(&near, k->name);
    for (size_t i = 0; a->base != NULL && i < a->base->n_docs; i++)
        if (slice_eq(a->base->docs[i]->pub.kind, k->kind) && !a->base->docs[i]->pub.is_implicit)
            diag_near_offer(&near, a->base->docs[i]->pub.name);
    if (near.best.n > 0)
        diag_hint(a->diags, d, "did you mean \"%.*s\"?", SLICE_FMT(near.best));
    a->bad = true;
}

/* Keys to delete -> a. */
static int check_deletes(struct apply *a, struct map *gone)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < a->request->n_deletes; i++) {
        const struct apply_key *k = &a->request->deletes[i];
        struct slice key = apply_key_dup(a, k->kind, k->name);
        const struct world_doc *d = world_find(a->base, k->kind, k->name);

        if (key.p == NULL)
            return -ERR_NOMEM;
        if (d == NULL || d->pub.is_implicit) {
            unknown_delete(a, k);
            continue;
        }
        if (map_get(&a->given_keys, key) != NULL) {
            (void)diag_add(a->diags, DIAG_ERROR, "SL2603", (struct diag_place){.line = 0}, SLICE_NONE,
                           "%.*s \"%.*s\" is applied and deleted at once", SLICE_FMT(k->kind), SLICE_FMT(k->name));
            a->bad = true;
        }
        rc = map_put(gone, key, a, NULL);
    }
    return rc;
}

/* A given document that means the same as the base's leaves the base's in place: its text and its places stay. */
static struct world_doc *choose(const struct apply *a, struct world_doc *given)
{
    struct world_doc *old = world_find(a->base, given->pub.kind, given->pub.name);

    return old != NULL && !old->pub.is_implicit && memcmp(old->pub.hash, given->pub.hash, 32) == 0 ? old : given;
}

static int merge(struct apply *a, const struct map *gone)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && a->base != NULL && i < a->base->n_docs; i++) {
        struct world_doc *d = a->base->docs[i];
        char key[WORLD_KEY_MAX];
        struct slice k = world_key(d->pub.kind, d->pub.name, key);

        if (!d->pub.is_implicit && map_get(gone, k) == NULL && map_get(&a->given_keys, k) == NULL)
            rc = add(a, d);
    }
    for (size_t i = 0; rc == 0 && i < a->given.n; i++) {
        struct world_doc *d = VEC_AT(&a->given, struct world_doc *, i);
        char key[WORLD_KEY_MAX];

        if (map_get(&a->given_keys, world_key(d->pub.kind, d->pub.name, key)) == d)
            rc = add(a, choose(a, d));
    }
    return rc;
}

/* ---- dev: an Api without a Stage gets one ---- */

static int add_implicit(struct apply *a, struct slice api, bool at_root)
{
    struct slice env = a->request->single_environment.n > 0 ? a->request->single_environment : SLICE_LIT("dev");
    struct slice text = arena_printf(&a->scratch,
                                     "apiVersion: sluice/v1\nkind: Stage\nmetadata: {name: dev}\n"
                                     "spec: {api: \"%.*s\", environment: \"%.*s\", basePath: \"/%.*s\"}\n",
                                     SLICE_FMT(api), SLICE_FMT(env), at_root ? 0 : (int)api.n, api.p);
    struct yml_piece piece = {text, 1};
    struct world_doc *d;
    int rc;

    if (text.p == NULL)
        return -ERR_NOMEM;
    rc = apply_read_document(a, SLICE_LIT("(stage made for dev)"), &piece, &d);
    if (rc != 0 || d == NULL)
        return rc;
    d->pub.is_implicit = true;
    rc = add(a, d);
    world_doc_unref(d);
    return rc;
}

static int add_implicit_stages(struct apply *a)
{
    struct map staged;
    size_t n = a->docs.n, apis = 0;
    int rc = 0;

    map_init(&staged);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct world_doc *d = VEC_AT(&a->docs, struct world_doc *, i);

        apis += d->model->kind == SPEC_API;
        if (d->model->kind == SPEC_STAGE)
            rc = map_put(&staged, d->model->u.stage->api.v, a, NULL);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct world_doc *d = VEC_AT(&a->docs, struct world_doc *, i);

        if (d->model->kind == SPEC_API && map_get(&staged, d->pub.name) == NULL)
            rc = add_implicit(a, d->pub.name, apis == 1);
    }
    map_fini(&staged);
    return rc;
}

int apply_merge(struct apply *a)
{
    struct map gone;
    int rc;

    map_init(&gone);
    rc = check_deletes(a, &gone);
    if (rc == 0)
        rc = merge(a, &gone);
    map_fini(&gone);
    if (rc == 0 && a->request->implicit_stage && !a->unreadable)
        rc = add_implicit_stages(a);
    return rc;
}
