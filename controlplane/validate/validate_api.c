/* An Api by itself: what its integrations mean and which stage variables it uses. */
#include "validate/validate_int.h"

/* ---- http_proxy ---- */

static void uri_error(struct validate *v, const struct spec_integration *i, const struct spec_uri_error *e, const struct validate_path *path)
{
    struct diag *d = validate_error_in(v, "SL2303", &i->uri, e->offset, e->width, path, "%s", e->message);

    if (e->hint[0] != '\0')
        diag_hint(v->diags, d, "%s", e->hint);
}

/* integration.request.path.<name of the URI> <- method.request.path.<name of the route>. */
static void map_param(const struct spec_integration *i, struct slice *name)
{
    static const struct slice to = {"integration.request.path.", 25}, from = {"method.request.path.", 20};

    for (uint32_t k = 0; k < i->request_parameters.n; k++) {
        const struct spec_pair *p = &i->request_parameters.p[k];

        if (slice_starts(p->name.v, to) && slice_eq(slice_sub(p->name.v, to.n, p->name.v.n), *name) && slice_starts(p->value.v, from))
            *name = slice_sub(p->value.v, from.n, p->value.v.n);
    }
}

static void take_params(struct validate *v, struct spec_integration *i, const struct spec_uri_part *parts, size_t n)
{
    size_t count = 0;

    for (size_t k = 0; k < n; k++) {
        count += parts[k].kind == SPEC_URI_PARAM;
        i->has_variables |= parts[k].kind == SPEC_URI_VARIABLE;
    }
    if (count == 0)
        return;
    i->params = arena_calloc(v->arena, count, sizeof(*i->params));
    if (i->params == NULL) {
        v->nomem = true;
        return;
    }
    for (size_t k = 0; k < n; k++) {
        size_t end = k + 1 < n ? parts[k + 1].offset : i->uri.v.n;
        struct spec_param *p = &i->params[i->n_params];

        if (parts[k].kind != SPEC_URI_PARAM)
            continue;
        *p = (struct spec_param){parts[k].text, (uint32_t)parts[k].offset, (uint32_t)(end - parts[k].offset)};
        map_param(i, &p->name);
        i->n_params++;
    }
}

static void check_request_parameters(struct validate *v, const struct spec_integration *i, const struct validate_path *path)
{
    static const struct slice to = {"integration.request.path.", 25}, from = {"method.request.path.", 20};
    struct validate_path own = {.up = path, .name = "requestParameters"};

    for (uint32_t k = 0; k < i->request_parameters.n; k++) {
        const struct spec_pair *p = &i->request_parameters.p[k];
        struct diag *d = NULL;

        if (!slice_starts(p->name.v, to) || p->name.v.n == to.n)
            d = validate_error(v, "SL2009", &p->name.at, &own, "mapping to \"%.*s\" is not supported by this version", SLICE_FMT(p->name.v));
        else if (!slice_starts(p->value.v, from) || p->value.v.n == from.n)
            d = validate_error(v, "SL2009", &p->value.at, &own, "mapping from \"%.*s\" is not supported by this version",
                               SLICE_FMT(p->value.v));
        diag_hint(v->diags, d, "supported: integration.request.path.<name>: method.request.path.<name>");
    }
}

static void check_uri(struct validate *v, struct spec_integration *i, const struct validate_path *path)
{
    struct spec_uri_part parts[SPEC_URI_PARTS_MAX];
    struct validate_path own = {.up = path, .name = "uri"};
    struct spec_uri_error e;
    struct spec_uri uri;
    size_t n = 0;

    if (!spec_is_set(&i->uri.at)) {
        struct diag *d = validate_error(v, "SL2003", &i->object.at, path, "an http_proxy integration has no \"uri\"");

        diag_hint(v->diags, d, "add uri: http://host/path or upstream://name/path");
        return;
    }
    if (spec_uri_split(i->uri.v, parts, &n, &e) != 0) {
        uri_error(v, i, &e, &own);
        return;
    }
    take_params(v, i, parts, n);
    if (!i->has_variables && spec_uri_check(i->uri.v, &uri, &e) != 0) {
        uri_error(v, i, &e, &own);
        return;
    }
    if (i->has_variables && parts[0].kind == SPEC_URI_LITERAL && memchr(i->uri.v.p, ':', parts[0].text.n) != NULL &&
        !slice_starts(parts[0].text, SLICE_LIT("http://")) && !slice_starts(parts[0].text, SLICE_LIT("upstream://")) &&
        spec_uri_check(parts[0].text, &uri, &e) != 0) {
        uri_error(v, i, &e, &own);
        return;
    }
    i->is_checked = true;
}

static void no_effect(struct validate *v, const struct spec_integration *i, const struct spec_place *at, const char *field,
                      const struct validate_path *path)
{
    struct validate_path own = {.up = path, .name = field};

    if (spec_is_set(at))
        (void)validate_warning(v, "SL2391", at, &own, "\"%s\" has no effect on an integration of type %.*s", field,
                               SLICE_FMT(i->type.v));
}

void validate_integration(struct validate *v, const struct spec_api *api, struct spec_integration *i, const struct validate_path *path)
{
    if (api->compatibility == SPEC_AWS && i->timeout_ms.v > SPEC_TIMEOUT_AWS_MAX) {
        struct validate_path own = {.up = path, .name = "timeoutInMillis"};
        struct diag *d = validate_error(v, "SL2006", &i->timeout_ms.at, &own, "\"timeoutInMillis\" is %lld; allowed are %d to %d",
                                        (long long)i->timeout_ms.v, SPEC_TIMEOUT_MIN, SPEC_TIMEOUT_AWS_MAX);

        diag_hint(v->diags, d, "with compatibility standard up to %d", SPEC_TIMEOUT_MAX);
    }
    if (slice_is(i->type.v, "mock")) {
        no_effect(v, i, &i->uri.at, "uri", path);
        validate_mock(v, i, path);
    } else if (slice_is(i->type.v, "http_proxy")) {
        no_effect(v, i, &i->request_templates.at, "requestTemplates", path);
        no_effect(v, i, &i->responses.at, "responses", path);
        no_effect(v, i, &i->passthrough_behavior.at, "passthroughBehavior", path);
        check_request_parameters(v, i, path);
        check_uri(v, i, path);
    }
}

/* ---- the stage variables of an Api ---- */

struct uses {
    struct validate *v;
    struct map seen;
    struct vec list;     /* struct spec_use */
};

static void add_uses(struct uses *u, const struct spec_integration *i)
{
    struct spec_uri_part parts[SPEC_URI_PARTS_MAX];
    struct spec_uri_error e;
    size_t n = 0;

    if (!i->is_checked || !i->has_variables || u->list.n > SPEC_VARIABLES_MAX || spec_uri_split(i->uri.v, parts, &n, &e) != 0)
        return;
    for (size_t k = 0; k < n; k++) {
        size_t end = k + 1 < n ? parts[k + 1].offset : i->uri.v.n;
        struct yml_place in;
        struct spec_use use;

        if (parts[k].kind != SPEC_URI_VARIABLE || map_get(&u->seen, parts[k].text) != NULL)
            continue;
        in = yml_locate(u->v->src->text, (enum yml_style)i->uri.at.style, i->uri.at.line, i->uri.at.column, i->uri.v, parts[k].offset);
        use = (struct spec_use){parts[k].text, {in.line, in.column, (uint16_t)(end - parts[k].offset), i->uri.at.style}};
        if (map_put(&u->seen, use.name, u, NULL) != 0 || vec_push(&u->list, &use) == NULL)
            u->v->nomem = true;
    }
}

static void find_uses(struct validate *v, struct spec_api *api)
{
    struct uses u = {.v = v};

    map_init(&u.seen);
    vec_init(&u.list, sizeof(struct spec_use));
    for (uint32_t i = 0; i < api->integrations.n; i++)
        if (SPEC_AT(&api->integrations, struct spec_integration, i).n_routes > 0)
            add_uses(&u, &SPEC_AT(&api->integrations, struct spec_integration, i));
    for (uint32_t i = 0; i < api->routes.n; i++) {
        const struct spec_route *r = &SPEC_AT(&api->routes, struct spec_route, i);

        if (r->integration != NULL && !spec_is_set(&r->integration_name.at))
            add_uses(&u, r->integration);
    }
    api->variables = arena_calloc(v->arena, u.list.n, sizeof(*api->variables));
    if (u.list.n > SPEC_VARIABLES_MAX)
        (void)validate_error(v, "SL2006", &VEC_AT(&u.list, struct spec_use, SPEC_VARIABLES_MAX).at, NULL,
                             "the Api uses more than %u stage variables; no Stage can have them", SPEC_VARIABLES_MAX);
    if (api->variables == NULL)
        v->nomem = true;
    else if (u.list.n > 0)
        memcpy(api->variables, u.list.p, u.list.n * sizeof(*api->variables));
    api->n_variables = api->variables == NULL ? 0 : (uint32_t)u.list.n;
    vec_fini(&u.list);
    map_fini(&u.seen);
}

void validate_api(struct validate *v, struct spec_api *api)
{
    struct validate_path spec = {.name = "spec"}, integrations = {.up = &spec, .name = "integrations"};

    api->compatibility = slice_is(api->compatibility_text.v, "aws") ? SPEC_AWS : SPEC_STANDARD;
    for (uint32_t i = 0; i < api->integrations.n; i++) {
        struct spec_integration *one = &SPEC_AT(&api->integrations, struct spec_integration, i);
        struct validate_path own = {.up = &integrations, .key = one->object.key.v};

        validate_integration(v, api, one, &own);
    }
    validate_routes(v, api, &spec);
    find_uses(v, api);
    for (uint32_t i = 0; i < api->integrations.n; i++) {
        struct spec_integration *one = &SPEC_AT(&api->integrations, struct spec_integration, i);
        struct validate_path own = {.up = &integrations, .key = one->object.key.v};

        if (one->n_routes == 0 && !v->bad)
            (void)validate_warning(v, "SL2390", &one->object.key.at, &own, "no route uses the integration \"%.*s\"",
                                   SLICE_FMT(one->object.key.v));
    }
}
