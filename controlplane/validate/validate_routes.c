/* The routes of an Api: paths, what no request could tell apart, and the integrations that they name. */
#include "validate/validate_int.h"

struct routes {
    struct validate *v;
    const struct spec_api *api;
    struct map names;            /* integration name -> struct spec_integration */
    struct map forms;            /* "METHOD /users/{}" -> struct spec_route */
};

static void check_same(struct routes *r, struct spec_route *route, const struct validate_path *path)
{
    char *key = arena_alloc(r->v->arena, route->method.v.n + 1 + route->path.v.n);
    struct spec_route *first;
    struct slice form;
    struct diag *d;

    if (key == NULL) {
        r->v->nomem = true;
        return;
    }
    memcpy(key, route->method.v.p, route->method.v.n);
    key[route->method.v.n] = ' ';
    form = validate_path_form(route->path.v, key + route->method.v.n + 1);
    form = slice_from(key, form.n + route->method.v.n + 1);
    first = map_get(&r->forms, form);
    if (first == NULL) {
        if (map_put(&r->forms, form, route, NULL) != 0)
            r->v->nomem = true;
        return;
    }
    if (slice_eq(first->path.v, route->path.v))
        d = validate_error(r->v, "SL2205", &route->path.at, path, "the route %.*s %.*s stands twice", SLICE_FMT(route->method.v),
                           SLICE_FMT(route->path.v));
    else
        d = validate_error(r->v, "SL2205", &route->path.at, path, "no request could tell %.*s %.*s from %.*s",
                           SLICE_FMT(route->method.v), SLICE_FMT(route->path.v), SLICE_FMT(first->path.v));
    diag_hint(r->v->diags, d, "the other one is at line %u, column %u", first->path.at.line + r->v->src->line - 1,
              first->path.at.column);
}

static void unknown_integration(struct routes *r, const struct spec_route *route, const struct validate_path *path)
{
    struct validate_path own = {.up = path, .name = "integration"};
    struct diag *d = validate_error(r->v, "SL2301", &route->integration_name.at, &own, "integration \"%.*s\" is not defined",
                                    SLICE_FMT(route->integration_name.v));
    struct diag_near near;
    const struct spec_integration *best = NULL;

    diag_near_init(&near, route->integration_name.v);
    for (uint32_t i = 0; d != NULL && i < r->api->integrations.n; i++) { /* nobody hears what is over the list's bound */
        const struct spec_integration *one = &SPEC_AT(&r->api->integrations, struct spec_integration, i);
        struct slice before = near.best;

        diag_near_offer(&near, one->object.key.v);
        if (near.best.p != before.p)
            best = one;
    }
    if (best != NULL)
        diag_hint(r->v->diags, d, "did you mean \"%.*s\" (line %u)?", SLICE_FMT(near.best),
                  best->object.key.at.line + r->v->src->line - 1);
    else
        diag_hint(r->v->diags, d, "define it below spec.integrations");
}

static bool has_param(const struct validate_params *params, struct slice name)
{
    for (size_t i = 0; i < params->n; i++)
        if (slice_eq(params->names[i], name))
            return true;
    return false;
}

/* Each {name} of the URI must be a parameter of the path. */
static void check_params(struct routes *r, const struct spec_route *route, const struct validate_params *params,
                         const struct validate_path *path)
{
    const struct spec_integration *i = route->integration;
    bool named = spec_is_set(&route->integration_name.at);

    for (uint32_t k = 0; k < i->n_params; k++) {
        struct slice name = i->params[k].name;
        struct diag_near near;
        struct diag *d;

        if (has_param(params, name))
            continue;
        diag_near_init(&near, name);
        for (size_t p = 0; p < params->n; p++)
            diag_near_offer(&near, params->names[p]);
        if (named) {
            struct validate_path own = {.up = path, .name = "integration"};

            d = validate_error(r->v, "SL2304", &route->integration_name.at, &own,
                               "the URI of \"%.*s\" needs the parameter \"%.*s\", which %.*s does not have",
                               SLICE_FMT(route->integration_name.v), SLICE_FMT(name), SLICE_FMT(route->path.v));
        } else {
            struct validate_path own = {.up = path, .name = "integration.uri"};

            d = validate_error_in(r->v, "SL2304", &i->uri, i->params[k].offset, i->params[k].width, &own,
                                  "%.*s has no parameter \"%.*s\"", SLICE_FMT(route->path.v), SLICE_FMT(name));
        }
        validate_suggest(r->v, d, &near, named ? "another path, or an integration of its own" : NULL);
    }
}

static void check_route(struct routes *r, struct spec_route *route, const struct validate_path *path)
{
    struct validate_path own = {.up = path, .name = "path"};
    struct validate_params params = {.n = 0};
    struct spec_uri_error e;
    bool path_ok = false;

    if (spec_is_set(&route->path.at)) {
        path_ok = validate_path_split(route->path.v, &params, &e) == 0;
        if (!path_ok) {
            struct diag *d = validate_error_in(r->v, "SL2201", &route->path, e.offset, e.width, &own, "%s", e.message);

            if (e.hint[0] != '\0')
                diag_hint(r->v->diags, d, "%s", e.hint);
        }
    }
    if (path_ok && spec_is_set(&route->method.at))
        check_same(r, route, path);
    if (spec_is_set(&route->integration_name.at)) {
        route->integration = map_get(&r->names, route->integration_name.v);
        if (route->integration == NULL)
            unknown_integration(r, route, path);
    } else if (route->integration != NULL) {
        struct validate_path inside = {.up = path, .name = "integration"};

        validate_integration(r->v, r->api, route->integration, &inside);
    }
    if (route->integration != NULL) {
        route->integration->n_routes++;
        if (path_ok)
            check_params(r, route, &params, path);
    }
}

void validate_routes(struct validate *v, struct spec_api *api, const struct validate_path *path)
{
    struct validate_path list = {.up = path, .name = "routes"};
    struct routes r = {.v = v, .api = api};

    map_init(&r.names);
    map_init(&r.forms);
    for (uint32_t i = 0; i < api->integrations.n; i++) {
        struct spec_integration *one = &SPEC_AT(&api->integrations, struct spec_integration, i);

        if (one->object.key.v.n > 0 && map_put(&r.names, one->object.key.v, one, NULL) != 0)
            v->nomem = true;
    }
    for (uint32_t i = 0; i < api->routes.n; i++) {
        struct validate_path item = {.up = &list, .index = i};

        check_route(&r, &SPEC_AT(&api->routes, struct spec_route, i), &item);
    }
    map_fini(&r.names);
    map_fini(&r.forms);
}
