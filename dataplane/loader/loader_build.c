#include <stdlib.h>

#include "loader/loader_int.h"
#include "router/router.h"

#define SCRATCH_BLOCK (64u << 10)
#define PART_BLOCK_SMALL (4u << 10)
#define PART_BLOCK_LARGE (256u << 10)
#define PART_LARGE 64u /* resources */

static bool is_upstream(struct slice part)
{
    static const struct slice prefix = {"upstream/", 9};

    return slice_starts(part, prefix);
}

static struct slice upstream_name(struct slice part)
{
    return slice_sub(part, strlen("upstream/"), part.n);
}

/* Is this part of the base in the new snapshot as it is? */
static bool is_shared(const struct loader *l, const struct snap_part *p)
{
    return map_get(&l->plans, p->name) == NULL;
}

static int check_header(struct loader *l)
{
    struct err err;
    int rc = bundle_verify(l->bundle, &err);

    if (rc == -ERR_UNSUPPORTED)
        return loader_fail(l->e, LOADER_SCHEMA_UNSUPPORTED, NULL, "schema", "%s", err.text);
    if (rc != 0)
        return loader_fail_err(l->e, NULL, "", &err);
    if (l->bundle->n_capabilities != 0)
        return loader_fail(l->e, LOADER_CAPABILITY_MISSING, NULL, "required_capabilities", "this program cannot do \"%s\"",
                           l->bundle->capabilities[0]);
    return 0;
}

/* The names that integrations may refer to: needed before the first stage is built. */
static int name_upstreams(struct loader *l)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < l->plan_list.n; i++) {
        struct loader_plan *p = VEC_AT(&l->plan_list, struct loader_plan *, i);

        if (p->resources.n != 0 && is_upstream(p->name))
            rc = map_put(&l->upstreams, upstream_name(p->name), p, NULL);
    }
    for (size_t i = 0; rc == 0 && l->base != NULL && i < l->base->n_parts; i++) {
        struct snap_part *p = l->base->parts[i];

        if (p->upstream != NULL && is_shared(l, p))
            rc = map_put(&l->upstreams, p->upstream->name, p, NULL);
    }
    return rc == 0 ? 0 : loader_fail_memory(l->e, NULL);
}

static int build_part(struct loader *l, struct loader_plan *p)
{
    if (p->resources.n == 0)
        return 0; /* it is gone */
    p->part = snap_part_new(p->name, p->resources.n < PART_LARGE ? PART_BLOCK_SMALL : PART_BLOCK_LARGE, 0);
    if (p->part == NULL)
        return loader_fail_memory(l->e, NULL);
    return is_upstream(p->name) ? loader_build_upstream(l, p) : loader_build_stage(l, p);
}

/* ---- the snapshot's tables ------------------------------------------------------------------------- */

static int part_order(const void *a, const void *b)
{
    const struct snap_part *const *x = a, *const *y = b;

    return slice_cmp((*x)->name, (*y)->name);
}

static int gather_parts(struct loader *l, struct snap *s)
{
    size_t n_base = l->base == NULL ? 0 : l->base->n_parts;

    s->parts = arena_calloc(&s->arena, n_base + l->plan_list.n, sizeof(*s->parts));
    if (s->parts == NULL)
        return loader_fail_memory(l->e, NULL);
    for (size_t i = 0; i < n_base; i++)
        if (is_shared(l, l->base->parts[i]))
            s->parts[s->n_parts++] = snap_part_ref(l->base->parts[i]);
    for (size_t i = 0; i < l->plan_list.n; i++) {
        struct loader_plan *p = VEC_AT(&l->plan_list, struct loader_plan *, i);

        if (p->part == NULL)
            continue;
        s->bytes += p->part->arena.used;
        s->parts[s->n_parts++] = TAKE(&p->part);
    }
    qsort(s->parts, s->n_parts, sizeof(*s->parts), part_order);
    for (size_t i = 0; i < s->n_parts; i++) {
        const struct snap_part *p = s->parts[i];

        s->n_routes += p->n_routes;
        for (size_t k = 0; k < p->n_routes; k++)
            if (p->routes[k].id >= s->route_ids)
                s->route_ids = p->routes[k].id + 1;
    }
    return 0;
}

static size_t slots_needed(const struct snap *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_parts; i++) {
        const struct snap_part *p = s->parts[i];

        if (p->upstream != NULL && p->upstream->slot >= n)
            n = (size_t)p->upstream->slot + 1;
        for (size_t k = 0; k < p->n_uses; k++)
            if (p->uses[k].slot >= n)
                n = (size_t)p->uses[k].slot + 1;
    }
    return n;
}

static int fill_upstreams(struct loader *l, struct snap *s)
{
    s->n_upstreams = slots_needed(s);
    s->upstreams = arena_calloc(&s->arena, s->n_upstreams, sizeof(*s->upstreams));
    if (s->upstreams == NULL)
        return loader_fail_memory(l->e, NULL);
    for (size_t i = 0; i < s->n_parts; i++) {
        const struct snap_part *p = s->parts[i];

        if (p->upstream != NULL)
            s->upstreams[p->upstream->slot] = p->upstream;
        for (size_t k = 0; k < p->n_implied; k++)
            if (s->upstreams[p->implied[k]->slot] == NULL)
                s->upstreams[p->implied[k]->slot] = p->implied[k];
    }
    return 0;
}

/* A part that is shared may name an upstream that has gone. */
static int check_uses(struct loader *l, const struct snap *s)
{
    for (size_t i = 0; i < s->n_parts; i++) {
        for (size_t k = 0; k < s->parts[i]->n_uses; k++) {
            const struct snap_use *u = &s->parts[i]->uses[k];
            struct leaf_resource r = {SLICE_LIT("integration"), u->key, SLICE_NONE, SLICE_NONE};

            if (s->upstreams[u->slot] == NULL)
                return loader_fail(l->e, LOADER_DANGLING_REFERENCE, &r, "uri", "there is no upstream \"%.*s\"",
                                   u->name.n > 200 ? 200 : (int)u->name.n, u->name.p);
        }
    }
    return 0;
}

static int build_hosts(struct loader *l, struct snap *s)
{
    const struct snap_stage **stages = arena_alloc(&l->scratch, s->n_parts * sizeof(*stages));
    struct leaf_resource r = {SLICE_LIT("stage"), SLICE_NONE, SLICE_NONE, SLICE_NONE};
    struct router_fault fault;
    struct err err;
    size_t n = 0;

    if (stages == NULL)
        return loader_fail_memory(l->e, NULL);
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i]->stage != NULL)
            stages[n++] = s->parts[i]->stage;
    if (router_hosts_build(&s->arena, stages, n, &s->hosts, &fault, &err) == 0)
        return 0;
    if (err.code == ERR_NOMEM || fault.route >= n)
        return loader_fail_err(l->e, NULL, "", &err);
    r.key = arena_printf(&l->scratch, "%.*s/%.*s", SLICE_FMT(stages[fault.route]->api), SLICE_FMT(stages[fault.route]->name));
    return loader_fail_err(l->e, &r, fault.field, &err);
}

static int assemble(struct loader *l, struct snap **out)
{
    struct snap *s = calloc(1, sizeof(*s));
    int rc;

    if (s == NULL)
        return loader_fail_memory(l->e, NULL);
    ref_init(&s->ref);
    arena_init(&s->arena, 0, 0);
    s->version = l->bundle->version;
    rc = gather_parts(l, s);
    if (rc == 0)
        rc = fill_upstreams(l, s);
    if (rc == 0)
        rc = check_uses(l, s);
    if (rc == 0)
        rc = build_hosts(l, s);
    if (rc != 0) {
        snap_unref(s);
        return rc;
    }
    s->leaves = leaf_table_ref(l->bundle->table);
    s->bytes += s->arena.used;
    *out = s;
    return 0;
}

static int build(struct loader *l, struct snap **out)
{
    int rc = check_header(l);

    if (rc == 0)
        rc = loader_plan(l);
    if (rc == 0)
        rc = name_upstreams(l);
    for (size_t i = 0; rc == 0 && i < l->plan_list.n; i++)
        rc = build_part(l, VEC_AT(&l->plan_list, struct loader_plan *, i));
    return rc == 0 ? assemble(l, out) : rc;
}

int loader_build(const struct bundle *b, struct snap *base, struct snap **out, struct loader_error *e)
{
    struct loader l = {.bundle = b, .base = base, .e = e, .plan_list = VEC_INIT(struct loader_plan *)};
    int rc;

    memset(e, 0, sizeof(*e));
    if (base != NULL && base->leaves == NULL)
        l.base = NULL;
    arena_init(&l.scratch, SCRATCH_BLOCK, 0);
    map_init(&l.plans);
    map_init(&l.upstreams);
    rc = build(&l, out);
    for (size_t i = 0; i < l.plan_list.n; i++) {
        struct loader_plan *p = VEC_AT(&l.plan_list, struct loader_plan *, i);

        vec_fini(&p->resources);
        snap_part_unref(p->part);
    }
    vec_fini(&l.plan_list);
    map_fini(&l.plans);
    map_fini(&l.upstreams);
    arena_fini(&l.scratch);
    return rc;
}
