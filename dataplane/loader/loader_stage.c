/* A stage's part: its definition, its integrations, its routes, its router. */
#include <stdlib.h>

#include "base/caps.h"
#include "integration/integration_reg.h"
#include "loader/loader_int.h"
#include "router/router.h"

/* An integration before it is built: it may ask for the parameters of all its routes. */
struct pending {
    const struct leaf_resource *resource;
    struct snap_integration *integration;
    struct vec params;                     /* struct slice: names, each once */
};

struct route_numbers {
    uint32_t *ids;
    size_t n;
};

struct stage_build {
    struct loader *l;
    struct loader_plan *plan;
    struct arena *a;
    struct snap_stage *stage;
    struct snap_route *routes;
    size_t n_routes, n_integrations;
    struct route_numbers *numbers;
    struct map integrations;               /* by key: struct pending * */
    struct map uses;                       /* by upstream's name: struct snap_use * */
    struct vec use_list, implied;          /* struct snap_use *; const struct snap_upstream * */
    struct integration_build ib;
    const struct pending *building;
};

static bool host_is_valid(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= 0x20 || c >= 0x7f || (c >= 'A' && c <= 'Z') || c == '/' || c == ':')
            return false;
    }
    return s.n != 0;
}

static bool base_path_is_valid(struct slice s)
{
    unsigned segments = 0;

    if (s.n != 0 && (s.p[0] != '/' || s.p[s.n - 1] == '/'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= 0x20 || c == 0x7f || c == '?' || c == '#' || c == '{' || c == '}')
            return false;
        if (c == '/' && (s.p[i + 1] == '/' || ++segments > CAPS_PATH_SEGMENTS))
            return false;
    }
    return true;
}

static int check_stage(struct stage_build *b, const struct leaf_resource *r, const struct def_stage *def)
{
    struct loader_error *e = b->l->e;
    size_t n = def->api.n;

    if (r->key.n != n + 1 + def->name.n || !slice_starts(r->key, def->api) || r->key.p[n] != '/' || !slice_ends(r->key, def->name))
        return loader_fail(e, LOADER_INVALID_RESOURCE, r, "name", "api and name do not make the key");
    if (!base_path_is_valid(def->base_path))
        return loader_fail(e, LOADER_INVALID_RESOURCE, r, "basePath", "\"%.*s\" is not a base path", SLICE_FMT(def->base_path));
    for (size_t i = 0; i < def->n_hosts; i++)
        if (!host_is_valid(def->hosts[i]))
            return loader_fail(e, LOADER_INVALID_RESOURCE, r, "hosts", "\"%.*s\" is not a host in lower case",
                               SLICE_FMT(def->hosts[i]));
    return 0;
}

static int build_stage_itself(struct stage_build *b, const struct leaf_resource *r)
{
    struct loader_decode d = {b->a, r, b->l->e, 0};
    struct def_stage def;
    int rc = loader_decode_stage(&d, &def);

    if (rc == 0)
        rc = check_stage(b, r, &def);
    if (rc != 0)
        return rc;
    *b->stage = (struct snap_stage){
        .api = def.api,
        .name = def.name,
        .base_path = def.base_path,
        .hosts = def.hosts,
        .n_hosts = def.n_hosts,
        .aws = def.aws,
        .payload_limit = def.payload_limit,
        .variables = def.variables,
        .n_variables = def.n_variables,
    };
    b->plan->part->stage = b->stage;
    return 0;
}

static int add_pending(struct stage_build *b, const struct leaf_resource *r)
{
    struct pending *p = arena_calloc(&b->l->scratch, 1, sizeof(*p));

    if (p == NULL)
        return loader_fail_memory(b->l->e, r);
    p->resource = r;
    vec_init(&p->params, sizeof(struct slice));
    p->integration = arena_calloc(b->a, 1, sizeof(*p->integration));
    if (p->integration == NULL || map_put(&b->integrations, r->key, p, NULL) != 0)
        return loader_fail_memory(b->l->e, r);
    return 0;
}

static int add_params(struct pending *p, const struct snap_route *route)
{
    for (uint16_t i = 0; i < route->n_params; i++) {
        size_t k = 0;

        while (k < p->params.n && !slice_eq(VEC_AT(&p->params, struct slice, k), route->params[i]))
            k++;
        if (k == p->params.n && vec_push(&p->params, &route->params[i]) == NULL)
            return -ERR_NOMEM;
    }
    return 0;
}

/* "<api>/<stage>/<METHOD> <path>" */
static bool key_fits(const struct leaf_resource *r, size_t prefix, const struct def_route *def)
{
    struct slice rest = slice_sub(r->key, prefix, r->key.n);

    return rest.n == def->method.n + 1 + def->path.n && slice_starts(rest, def->method) && rest.p[def->method.n] == ' ' &&
           slice_ends(rest, def->path);
}

static int add_route(struct stage_build *b, const struct leaf_resource *r)
{
    struct loader_decode d = {b->a, r, b->l->e, 0};
    struct snap_route *route = &b->routes[b->n_routes];
    struct pending *p;
    struct def_route def;
    struct err err;
    int rc = loader_decode_route(&d, &def);

    if (rc != 0)
        return rc;
    if (!key_fits(r, b->plan->name.n - strlen("stage/") + 1, &def))
        return loader_fail(b->l->e, LOADER_INVALID_RESOURCE, r, "key", "method and path do not make the key");
    p = map_get(&b->integrations, def.integration);
    if (p == NULL)
        return loader_fail(b->l->e, LOADER_DANGLING_REFERENCE, r, "integration", "there is no integration \"%.*s\"",
                           def.integration.n > 200 ? 200 : (int)def.integration.n, def.integration.p);
    *route = (struct snap_route){
        .stage = b->stage,
        .path = def.path,
        .method = def.method,
        .operation = def.operation,
        .payload_limit = def.payload_limit != 0 ? def.payload_limit : b->stage->payload_limit,
        .integration = p->integration,
    };
    if (router_template_params(b->a, def.path, &route->params, &route->n_params, &route->greedy, &err) != 0) {
        /* A template that is wrong is a wrong resource, not bytes that cannot be read. */
        if (err.code == ERR_SYNTAX)
            return loader_fail(b->l->e, LOADER_INVALID_RESOURCE, r, "path", "%s", err.text);
        return loader_fail_err(b->l->e, r, "path", &err);
    }
    rc = snap_route_id_take(r->key, &route->id);
    if (rc != 0)
        return loader_fail(b->l->e, rc == -ERR_LIMIT ? LOADER_LIMIT_EXCEEDED : LOADER_NO_MEMORY, r, "", "too many routes");
    b->numbers->ids[b->numbers->n++] = route->id;
    b->n_routes++;
    return add_params(p, route) == 0 ? 0 : loader_fail_memory(b->l->e, r);
}

/* ---- upstreams that integrations name ------------------------------------------------------------- */

static int add_use(struct stage_build *b, struct slice name, bool implied, struct snap_use **out)
{
    struct snap_use *u = arena_calloc(b->a, 1, sizeof(*u));
    struct snap_upstream *up;
    struct snap_slot slot;
    int rc = u == NULL ? -ERR_NOMEM : 0;

    if (rc == 0) {
        u->name = arena_dup(b->a, name);
        u->key = b->building->integration->key;
        u->implied = implied;
        rc = u->name.p == NULL ? -ERR_NOMEM : loader_hold_slot(b->a, u->name, &slot);
    }
    if (rc != 0)
        return rc;
    u->slot = slot.slot;
    if (implied) {
        up = loader_implied_upstream(b->a, u->name, slot);
        if (up == NULL || vec_push(&b->implied, &up) == NULL)
            return -ERR_NOMEM;
    }
    if (vec_push(&b->use_list, &u) == NULL || map_put(&b->uses, u->name, u, NULL) != 0)
        return -ERR_NOMEM;
    *out = u;
    return 0;
}

static int on_upstream(struct integration_build *ib, struct slice name, bool implied, uint32_t *slot, struct err *e)
{
    struct stage_build *b = CONTAINER_OF(ib, struct stage_build, ib);
    struct snap_use *u = map_get(&b->uses, name);
    int rc = 0;

    if (u == NULL && !implied && map_get(&b->l->upstreams, name) == NULL)
        return err_set(e, ERR_NOTFOUND, "there is no upstream \"%.*s\"", name.n > 200 ? 200 : (int)name.n, name.p);
    if (u == NULL)
        rc = add_use(b, name, implied, &u);
    if (rc != 0)
        return err_set(e, (enum err_code)-rc, rc == -ERR_LIMIT ? "more than %u upstreams" : "no memory (%u slots)", SNAP_SLOTS_MAX);
    *slot = u->slot;
    return 0;
}

static int build_integration(struct stage_build *b, struct pending *p)
{
    struct loader_decode d = {b->a, p->resource, b->l->e, 0};
    struct def_integration *def = arena_alloc(b->a, sizeof(*def));
    struct snap_integration *i = p->integration;
    struct err err = {ERR_NONE, ""};
    char field[129];
    int rc;

    if (def == NULL)
        return loader_fail_memory(b->l->e, p->resource);
    rc = loader_decode_integration(&d, def);
    if (rc != 0)
        return rc;
    i->ops = integration_reg_find(def->type);
    if (i->ops == NULL)
        return loader_fail(b->l->e, LOADER_INVALID_RESOURCE, p->resource, "type", "this program does not know integration type %d",
                           (int)def->type);
    i->key = def->key = arena_dup(b->a, p->resource->key);
    i->timeout_ms = def->timeout_ms;
    if (i->key.p == NULL)
        return loader_fail_memory(b->l->e, p->resource);
    b->building = p;
    b->ib.params = p->params.p;
    b->ib.n_params = p->params.n;
    b->ib.field = SLICE_NONE;
    rc = i->ops->build(&b->ib, def, &i->conf, &err);
    if (rc == 0)
        return 0;
    (void)snprintf(field, sizeof(field), "%.*s", b->ib.field.n > 128 ? 128 : (int)b->ib.field.n,
                   b->ib.field.p == NULL ? "" : b->ib.field.p);
    if (err.code == ERR_SYNTAX)
        err.code = ERR_INVALID;
    return loader_fail_err(b->l->e, p->resource, field, &err);
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static const struct leaf_resource *resource_at(const struct stage_build *b, size_t i)
{
    return &VEC_AT(&b->plan->resources, struct leaf_resource, i);
}

static void release_numbers(void *arg)
{
    const struct route_numbers *numbers = arg;

    for (size_t i = 0; i < numbers->n; i++)
        snap_route_id_release(numbers->ids[i]);
}

/* First the stage, then what routes name, then routes: they lie in the leaves in any order. */
static int read_resources(struct stage_build *b)
{
    size_t n_routes = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->plan->resources.n; i++) {
        const struct leaf_resource *r = resource_at(b, i);

        if (slice_is(r->type, "stage"))
            rc = build_stage_itself(b, r);
        else if (slice_is(r->type, "integration"))
            rc = add_pending(b, r);
        else
            n_routes++;
    }
    if (rc == 0 && b->plan->part->stage == NULL)
        return loader_fail(b->l->e, LOADER_DANGLING_REFERENCE, resource_at(b, 0), "part", "there is no stage for the part \"%.*s\"",
                           b->plan->name.n > 200 ? 200 : (int)b->plan->name.n, b->plan->name.p);
    if (rc != 0)
        return rc;
    b->routes = arena_calloc(b->a, n_routes, sizeof(*b->routes));
    b->numbers = arena_calloc(b->a, 1, sizeof(*b->numbers));
    if (b->numbers != NULL)
        b->numbers->ids = arena_calloc(b->a, n_routes, sizeof(*b->numbers->ids));
    if (b->routes == NULL || b->numbers == NULL || b->numbers->ids == NULL || arena_hold(b->a, release_numbers, b->numbers) != 0)
        return loader_fail_memory(b->l->e, NULL);
    for (size_t i = 0; rc == 0 && i < b->plan->resources.n; i++)
        if (slice_is(resource_at(b, i)->type, "route"))
            rc = add_route(b, resource_at(b, i));
    return rc;
}

static int build_router(struct stage_build *b)
{
    struct leaf_resource r = {SLICE_LIT("route"), SLICE_NONE, SLICE_NONE, SLICE_NONE};
    const struct snap_route *bad;
    struct router_fault fault;
    struct err err;
    int rc = router_build(b->a, b->routes, b->n_routes, &b->stage->router, &fault, &err);

    if (rc == 0)
        return 0;
    if (fault.route >= b->n_routes)
        return loader_fail_err(b->l->e, NULL, fault.field, &err);
    bad = &b->routes[fault.route];
    r.key = arena_printf(&b->l->scratch, "%.*s/%.*s %.*s", (int)(b->plan->name.n - strlen("stage/")),
                         b->plan->name.p + strlen("stage/"), SLICE_FMT(bad->method), SLICE_FMT(bad->path));
    return loader_fail_err(b->l->e, &r, fault.field, &err);
}

/* Lists that grew on the heap move into the part. */
static int keep_lists(struct stage_build *b)
{
    struct snap_part *part = b->plan->part;
    struct snap_use *uses = arena_alloc(b->a, b->use_list.n * sizeof(*uses));
    const struct snap_upstream **implied = arena_alloc(b->a, b->implied.n * sizeof(*implied));

    if (uses == NULL || implied == NULL)
        return loader_fail_memory(b->l->e, NULL);
    for (size_t i = 0; i < b->use_list.n; i++)
        uses[i] = *VEC_AT(&b->use_list, struct snap_use *, i);
    for (size_t i = 0; i < b->implied.n; i++)
        implied[i] = VEC_AT(&b->implied, const struct snap_upstream *, i);
    part->uses = uses;
    part->n_uses = b->use_list.n;
    part->implied = implied;
    part->n_implied = b->implied.n;
    part->routes = b->routes;
    part->n_routes = b->n_routes;
    return 0;
}

static int build_all(struct stage_build *b)
{
    struct slice key;
    void *value;
    size_t at = 0;
    int rc = read_resources(b);

    b->ib.arena = b->a;
    b->ib.upstream = on_upstream;
    b->ib.aws = b->stage->aws;
    while (rc == 0 && map_next(&b->integrations, &at, &key, &value))
        rc = build_integration(b, value);
    if (rc == 0)
        rc = build_router(b);
    return rc == 0 ? keep_lists(b) : rc;
}

int loader_build_stage(struct loader *l, struct loader_plan *plan)
{
    struct stage_build b = {
        .l = l,
        .plan = plan,
        .a = &plan->part->arena,
        .use_list = VEC_INIT(struct snap_use *),
        .implied = VEC_INIT(const struct snap_upstream *),
    };
    struct slice key;
    void *value;
    size_t at = 0;
    int rc;

    map_init(&b.integrations);
    map_init(&b.uses);
    b.stage = arena_calloc(b.a, 1, sizeof(*b.stage));
    rc = b.stage == NULL ? loader_fail_memory(l->e, NULL) : build_all(&b);
    while (map_next(&b.integrations, &at, &key, &value))
        vec_fini(&((struct pending *)value)->params);
    map_fini(&b.integrations);
    map_fini(&b.uses);
    vec_fini(&b.use_list);
    vec_fini(&b.implied);
    return rc;
}
