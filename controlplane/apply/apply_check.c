/* The new world's documents among each other. */
#include "apply/apply_int.h"

struct slice apply_environment(const struct apply *a, const struct spec_stage *s)
{
    return a->request->single_environment.n > 0 ? a->request->single_environment : s->environment.v;
}

static const struct slice KINDS[] = {[SPEC_API] = {"Api", 3}, [SPEC_STAGE] = {"Stage", 5}, [SPEC_UPSTREAM] = {"Upstream", 8}};

static struct validate_ref find(void *arg, enum spec_kind kind, struct slice name)
{
    const struct apply *a = arg;
    char text[WORLD_KEY_MAX];
    struct slice key = world_key(KINDS[kind], name, text);
    const struct world_doc *d = map_get(&a->docs_keys, key);

    if (d == NULL)
        return (struct validate_ref){.is_unknown = a->unreadable || map_get(&a->broken, key) != NULL};
    return (struct validate_ref){.document = d->model, .source = &d->source};
}

static void each_name(void *arg, enum spec_kind kind, void (*fn)(void *fn_arg, struct slice name), void *fn_arg)
{
    const struct apply *a = arg;

    for (size_t i = 0; i < a->docs.n; i++) {
        const struct world_doc *d = VEC_AT(&a->docs, struct world_doc *, i);

        if (d->model->kind == kind)
            fn(fn_arg, d->model->metadata.name.v);
    }
}

/* Source lines of documents that this apply does not bring. */
static void show_sources(struct apply *a)
{
    for (size_t i = 0; a->base != NULL && i < a->base->n_docs; i++) {
        const struct world_doc *d = a->base->docs[i];
        char key[WORLD_KEY_MAX];

        if (map_get(&a->docs_keys, world_key(d->pub.kind, d->pub.name, key)) == d)
            diag_source_add(a->diags, d->pub.file, d->pub.text, d->pub.line);
    }
}

/* Nothing that this stage depends on is different from the base, where it was right. */
static bool is_settled(const struct apply *a, const struct world_doc *stage)
{
    char key[WORLD_KEY_MAX];
    struct slice api = world_key(KINDS[SPEC_API], stage->model->u.stage->api.v, key);
    const struct world_doc *d = map_get(&a->docs_keys, api);

    return a->base != NULL && a->request->n_deletes == 0 && d != NULL && map_get(&a->base->by_key, api) == d &&
           world_find(a->base, stage->pub.kind, stage->pub.name) == stage;
}

static int add_mounts(struct apply *a, struct vec *mounts, const struct world_doc *d)
{
    const struct spec_stage *s = d->model->u.stage;
    struct validate_mount m = {.environment = apply_environment(a, s), .stage = {.document = d->model, .source = &d->source}};
    char path[SPEC_PATH_MAX];

    m.base_path = arena_dup(&a->scratch, spec_base_path(s, d->model->metadata.name.v, path, sizeof(path)));
    if (m.base_path.p == NULL)
        return -ERR_NOMEM;
    m.at = spec_is_set(&s->base_path.at) ? s->base_path.at : d->model->metadata.name.at;
    if (s->hosts.n == 0)
        return vec_push(mounts, &m) == NULL ? -ERR_NOMEM : 0;
    for (uint32_t i = 0; i < s->hosts.n; i++) {
        m.host = s->hosts.p[i].v;
        m.at = s->hosts.p[i].at;
        if (vec_push(mounts, &m) == NULL)
            return -ERR_NOMEM;
    }
    return 0;
}

int apply_check(struct apply *a)
{
    struct validate_scope scope = {find, each_name, a};
    struct vec mounts = VEC_INIT(struct validate_mount);
    int rc = 0;

    show_sources(a);
    for (size_t i = 0; rc == 0 && i < a->docs.n; i++) {
        const struct world_doc *d = VEC_AT(&a->docs, struct world_doc *, i);
        struct validate_ref ref = {.document = d->model, .source = &d->source};

        if (d->model->kind != SPEC_STAGE)
            continue;
        rc = add_mounts(a, &mounts, d);
        if (rc == 0 && !is_settled(a, d))
            rc = validate_stage(&ref, &scope, a->diags);
        if (rc == -ERR_INVALID) {
            a->bad = true;
            rc = 0;
        }
    }
    if (rc == 0)
        rc = validate_mounts(mounts.p, mounts.n, a->diags);
    if (rc == -ERR_INVALID) {
        a->bad = true;
        rc = 0;
    }
    vec_fini(&mounts);
    return rc;
}
