/* Documents to units and leaves, environment by environment. Units of the base are taken over when their input is the same. */
#include <stdlib.h>

#include "apply/apply_int.h"

struct env {
    struct slice name;
    struct vec units;          /* struct compile_unit *, one reference each */
    struct map upstreams;      /* names that its stages use */
    uint32_t stages;
};

static const struct world_env *base_env(const struct apply *a, struct slice name)
{
    const struct world_environment *e = a->base == NULL ? NULL : world_environment(a->base, name);

    return (const struct world_env *)(const void *)e; /* pub is its first member */
}

/* A unit of the base with this id and input, or NULL. */
static struct compile_unit *reuse(const struct world_env *old, struct slice id, const uint8_t input[32])
{
    size_t low = 0, high = old == NULL ? 0 : old->n_units;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = slice_cmp(old->units[mid]->id, id);

        if (c == 0)
            return memcmp(old->units[mid]->input, input, 32) == 0 ? old->units[mid] : NULL;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* Takes over the reference. */
static int add_unit(struct env *env, struct compile_unit *u)
{
    int rc = 0;

    if (vec_push(&env->units, &u) == NULL) {
        compile_unit_unref(u);
        return -ERR_NOMEM;
    }
    for (uint32_t i = 0; rc == 0 && i < u->n_upstreams; i++)
        rc = map_put(&env->upstreams, u->upstreams[i], env, NULL);
    return rc;
}

static int add_stage(struct apply *a, const struct world *w, struct env *env, const struct world_doc *d)
{
    const struct world_doc *api = world_find(w, SLICE_LIT("Api"), d->model->u.stage->api.v);
    const struct slice parts[] = {SLICE_LIT("stage"), slice_from(d->pub.hash, 32), slice_from(api->pub.hash, 32)};
    char id[2 * CAPS_NAME_MAX + 16];
    struct compile_unit *u;
    uint8_t input[32];
    int rc = 0;

    digest_sha256_parts(parts, 3, input);
    (void)snprintf(id, sizeof(id), "stage/%.*s", SLICE_FMT(d->pub.name));
    u = reuse(base_env(a, env->name), slice_of(id), input);
    if (u != NULL)
        (void)compile_unit_ref(u);
    else
        rc = compile_stage(d->model, api->model, input, &u, a->e);
    env->stages++;
    return rc == 0 ? add_unit(env, u) : rc;
}

static int add_upstream(struct apply *a, const struct world *w, struct env *env, struct slice name)
{
    const struct world_doc *d = world_find(w, SLICE_LIT("Upstream"), name);
    char id[CAPS_NAME_MAX + 16];
    struct compile_unit *u;
    int rc = 0;

    if (d == NULL)
        return err_set(a->e, ERR_INTERNAL, "upstream \"%.*s\" is gone", SLICE_FMT(name));
    (void)snprintf(id, sizeof(id), "upstream/%.*s", SLICE_FMT(name));
    u = reuse(base_env(a, env->name), slice_of(id), d->pub.hash);
    if (u != NULL)
        (void)compile_unit_ref(u);
    else
        rc = compile_upstream(d->model, d->pub.hash, &u, a->e);
    return rc == 0 ? add_unit(env, u) : rc;
}

static int compare_units(const void *a, const void *b)
{
    const struct compile_unit *const *x = a, *const *y = b;

    return slice_cmp((*x)->id, (*y)->id);
}

static bool same_units(const struct world_env *old, const struct env *env)
{
    return old != NULL && old->n_units == env->units.n &&
           (env->units.n == 0 || memcmp(old->units, env->units.p, env->units.n * sizeof(struct compile_unit *)) == 0);
}

/* The environment's units become w's; on failure they stay with env. */
static int finish(struct apply *a, struct world *w, struct env *env, struct world_env *out)
{
    const struct world_env *old = base_env(a, env->name);
    struct compile_unit **units = arena_calloc(&w->arena, env->units.n, sizeof(struct compile_unit *));
    int rc = 0;

    if (env->units.n > 1)
        qsort(env->units.p, env->units.n, sizeof(struct compile_unit *), compare_units);
    out->pub.name = arena_dup(&w->arena, env->name);
    if (units == NULL || out->pub.name.p == NULL)
        return -ERR_NOMEM;
    if (same_units(old, env))
        out->pub.leaves = leaf_table_ref(old->pub.leaves);
    else
        rc = compile_leaves(env->units.p, env->units.n, old == NULL ? NULL : old->units, old == NULL ? 0 : old->n_units,
                            old == NULL ? NULL : old->pub.leaves, &out->pub.leaves, a->e);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < env->units.n; i++) {
        units[i] = VEC_AT(&env->units, struct compile_unit *, i);
        out->pub.routes += units[i]->routes;
        out->pub.resources += units[i]->n_resources;
        out->pub.bytes += units[i]->bytes;
    }
    out->units = units;
    out->n_units = env->units.n;
    out->pub.stages = env->stages;
    out->pub.upstreams = (uint32_t)env->units.n - env->stages;
    vec_clear(&env->units);
    return 0;
}

static int compile_env(struct apply *a, struct world *w, struct env *env)
{
    size_t at = 0;
    struct slice name;
    void *value;
    int rc = 0;

    while (rc == 0 && map_next(&env->upstreams, &at, &name, &value))
        rc = add_upstream(a, w, env, name);
    if (rc == 0)
        rc = finish(a, w, env, &w->envs[w->n_envs]);
    if (rc == 0)
        w->n_envs++;
    return rc;
}

static int compare_stages(const void *a, const void *b)
{
    const struct env *x = a, *y = b;

    return slice_cmp(x->name, y->name);
}

static int add_env(struct vec *envs, struct slice name)
{
    struct env *env = vec_push(envs, NULL);

    if (env == NULL)
        return -ERR_NOMEM;
    env->name = name;
    vec_init(&env->units, sizeof(struct compile_unit *));
    map_init(&env->upstreams);
    return 0;
}

static void free_envs(struct vec *envs)
{
    for (size_t i = 0; i < envs->n; i++) {
        struct env *env = &VEC_AT(envs, struct env, i);

        for (size_t k = 0; k < env->units.n; k++)
            compile_unit_unref(VEC_AT(&env->units, struct compile_unit *, k));
        vec_fini(&env->units);
        map_fini(&env->upstreams);
    }
    vec_fini(envs);
}

/* The environments that stages name, sorted. */
static int find_envs(const struct apply *a, const struct world *w, struct vec *envs)
{
    struct map seen;
    int rc = 0;

    map_init(&seen);
    for (size_t i = 0; rc == 0 && i < w->n_docs; i++) {
        struct slice name;

        if (w->docs[i]->model->kind != SPEC_STAGE)
            continue;
        name = apply_environment(a, w->docs[i]->model->u.stage);
        if (map_get(&seen, name) != NULL)
            continue;
        rc = map_put(&seen, name, envs, NULL);
        if (rc == 0)
            rc = add_env(envs, name);
    }
    map_fini(&seen);
    if (rc == 0 && envs->n > 1)
        qsort(envs->p, envs->n, sizeof(struct env), compare_stages);
    return rc;
}

int apply_compile(struct apply *a, struct world *w)
{
    struct vec envs = VEC_INIT(struct env);
    int rc = find_envs(a, w, &envs);

    for (size_t i = 0; rc == 0 && i < w->n_docs; i++) {
        const struct world_doc *d = w->docs[i];
        struct env *env, want;

        if (d->model->kind != SPEC_STAGE)
            continue;
        want.name = apply_environment(a, d->model->u.stage);
        env = bsearch(&want, envs.p, envs.n, sizeof(want), compare_stages);
        rc = add_stage(a, w, env, d);
    }
    if (rc == 0) {
        w->envs = arena_calloc(&w->arena, envs.n, sizeof(*w->envs));
        rc = w->envs == NULL ? -ERR_NOMEM : 0;
    }
    for (size_t i = 0; rc == 0 && i < envs.n; i++)
        rc = compile_env(a, w, &VEC_AT(&envs, struct env, i));
    free_envs(&envs);
    return rc;
}
