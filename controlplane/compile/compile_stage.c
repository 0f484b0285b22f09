/* A Stage and its Api to resources: stage variables filled in, defaults filled in, maps sorted (their order means nothing). */
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "bundle.pb-c.h"
#include "compile/compile_int.h"
#include "spec/spec_uri.h"

typedef Sluice__Bundle__V1__KeyValue wire_pair;
typedef Sluice__Bundle__V1__Template wire_template;
typedef Sluice__Bundle__V1__IntegrationResponse wire_response;

struct stage {
    struct compile c;
    const struct spec_document *stage, *api;
    struct arena scratch;           /* messages; dies with the compilation */
    struct slice prefix;            /* "<api>/<stage>" */
    struct buf key, uri;
    struct map upstreams;           /* name -> itself */
};

static int compare_pairs(const void *a, const void *b)
{
    const struct spec_pair *const *x = a, *const *y = b;

    return slice_cmp((*x)->name.v, (*y)->name.v);
}

/* Pairs by name; NULL: no memory. */
static const struct spec_pair **sorted(struct stage *s, const struct spec_pairs *in)
{
    const struct spec_pair **p = arena_calloc(&s->scratch, in->n, sizeof(const struct spec_pair *));

    for (uint32_t i = 0; p != NULL && i < in->n; i++)
        p[i] = &in->p[i];
    if (p != NULL && in->n > 1)
        qsort(p, in->n, sizeof(const struct spec_pair *), compare_pairs);
    return p;
}

static wire_pair **make_pairs(struct stage *s, const struct spec_pairs *in)
{
    const struct spec_pair **from = sorted(s, in);
    wire_pair **out = arena_calloc(&s->scratch, in->n, sizeof(wire_pair *));
    wire_pair *p = arena_calloc(&s->scratch, in->n, sizeof(*p));

    if (from == NULL || out == NULL || p == NULL)
        return NULL;
    for (uint32_t i = 0; i < in->n; i++) {
        sluice__bundle__v1__key_value__init(&p[i]);
        p[i].name = compile_text(from[i]->name.v);
        p[i].value = compile_text(from[i]->value.v);
        out[i] = &p[i];
    }
    return out;
}

static wire_template **make_templates(struct stage *s, const struct spec_pairs *in)
{
    const struct spec_pair **from = sorted(s, in);
    wire_template **out = arena_calloc(&s->scratch, in->n, sizeof(wire_template *));
    wire_template *p = arena_calloc(&s->scratch, in->n, sizeof(*p));

    if (from == NULL || out == NULL || p == NULL)
        return NULL;
    for (uint32_t i = 0; i < in->n; i++) {
        sluice__bundle__v1__template__init(&p[i]);
        p[i].content_type = compile_text(from[i]->name.v);
        p[i].text = compile_text(from[i]->value.v);
        out[i] = &p[i];
    }
    return out;
}

static int compare_responses(const void *a, const void *b)
{
    const struct spec_response *const *x = a, *const *y = b;

    return slice_cmp((*x)->object.key.v, (*y)->object.key.v);
}

static int fill_response(struct stage *s, const struct spec_response *from, wire_response *p)
{
    sluice__bundle__v1__integration_response__init(p);
    if (!slice_is(from->object.key.v, "default"))
        p->selection_pattern = compile_text(from->object.key.v);
    p->status_code = compile_text(spec_is_set(&from->status_code.at) ? from->status_code.v : SLICE_LIT("200"));
    p->n_response_templates = from->templates.n;
    p->response_templates = make_templates(s, &from->templates);
    p->n_response_parameters = from->parameters.n;
    p->response_parameters = make_pairs(s, &from->parameters);
    return p->response_templates == NULL || p->response_parameters == NULL ? -ERR_NOMEM : 0;
}

static wire_response **make_responses(struct stage *s, const struct spec_objects *in)
{
    const struct spec_response **from = arena_calloc(&s->scratch, in->n, sizeof(const struct spec_response *));
    wire_response **out = arena_calloc(&s->scratch, in->n, sizeof(wire_response *));
    wire_response *p = arena_calloc(&s->scratch, in->n, sizeof(*p));

    if (from == NULL || out == NULL || p == NULL)
        return NULL;
    for (uint32_t i = 0; i < in->n; i++)
        from[i] = &SPEC_AT(in, struct spec_response, i);
    if (in->n > 1)
        qsort(from, in->n, sizeof(const struct spec_response *), compare_responses);
    for (uint32_t i = 0; i < in->n; i++) {
        if (fill_response(s, from[i], &p[i]) != 0)
            return NULL;
        out[i] = &p[i];
    }
    return out;
}

/* Keys begin with "<api>/<stage>". Put together by hand: printf would cost a tenth of an apply of 10,000 routes. */
static int start_key(struct stage *s)
{
    buf_clear(&s->key);
    return buf_puts(&s->key, s->prefix);
}

static int route_key(struct stage *s, const struct spec_route *r)
{
    int rc = start_key(s);

    if (rc == 0)
        rc = buf_append(&s->key, "/", 1);
    if (rc == 0)
        rc = buf_puts(&s->key, r->method.v);
    if (rc == 0)
        rc = buf_append(&s->key, " ", 1);
    return rc == 0 ? buf_puts(&s->key, r->path.v) : rc;
}

static int integration_key(struct stage *s, const struct spec_integration *i, const struct spec_route *r)
{
    int rc;

    if (!spec_is_set(&r->integration_name.at))
        return route_key(s, r);
    rc = start_key(s);
    if (rc == 0)
        rc = buf_append(&s->key, "/", 1);
    return rc == 0 ? buf_puts(&s->key, i->object.key.v) : rc;
}

static int use_upstream(struct stage *s, struct slice name)
{
    struct slice own;

    if (map_get(&s->upstreams, name) != NULL)
        return 0;
    own = arena_dup(&s->c.unit->arena, name);
    return own.p == NULL ? -ERR_NOMEM : map_put(&s->upstreams, own, (void *)(uintptr_t)own.p, NULL);
}

static int fill_uri(struct stage *s, const struct spec_integration *i)
{
    struct spec_uri_error ue;
    struct slice missing;
    struct spec_uri uri;
    int rc = 0;

    buf_clear(&s->uri);
    if (i->has_variables)
        rc = spec_uri_fill(i->uri.v, &s->stage->u.stage->variables, &s->uri, &missing);
    else
        rc = buf_puts(&s->uri, i->uri.v);
    if (rc == 0)
        rc = buf_append(&s->uri, "", 1);
    if (rc != 0)
        return rc;
    rc = spec_uri_check(slice_from(s->uri.p, s->uri.w - 1), &uri, &ue);
    return rc == 0 && uri.is_upstream ? use_upstream(s, uri.host) : rc;
}

static int add_integration(struct stage *s, const struct spec_integration *i, const struct spec_route *r)
{
    Sluice__Bundle__V1__Integration m;
    bool mock = slice_is(i->type.v, "mock");
    int rc = 0;

    sluice__bundle__v1__integration__init(&m);
    m.type = mock ? SLUICE__BUNDLE__V1__INTEGRATION__TYPE__MOCK : SLUICE__BUNDLE__V1__INTEGRATION__TYPE__HTTP_PROXY;
    m.timeout_ms = (uint32_t)(spec_is_set(&i->timeout_ms.at) ? i->timeout_ms.v : SPEC_TIMEOUT_DEFAULT);
    if (mock) {
        m.passthrough_behavior = compile_text(i->passthrough_behavior.v);
        m.n_request_templates = i->request_templates.n;
        m.request_templates = make_templates(s, &i->request_templates);
        m.n_responses = i->responses.n;
        m.responses = make_responses(s, &i->responses);
        if (m.request_templates == NULL || m.responses == NULL)
            return -ERR_NOMEM;
    } else {
        rc = fill_uri(s, i);
        m.uri = s->uri.p;
        m.http_method = compile_text(slice_is(i->http_method.v, "ANY") ? SLICE_NONE : i->http_method.v);
        m.n_request_parameters = i->request_parameters.n;
        m.request_parameters = make_pairs(s, &i->request_parameters);
        if (rc == 0 && m.request_parameters == NULL)
            rc = -ERR_NOMEM;
    }
    if (rc == 0)
        rc = integration_key(s, i, r);
    return rc == 0 ? compile_add(&s->c, "integration", buf_slice(&s->key), &m.base) : rc;
}

static int add_route(struct stage *s, const struct spec_route *r)
{
    Sluice__Bundle__V1__Route m;
    struct slice key;
    int rc = integration_key(s, r->integration, r);

    sluice__bundle__v1__route__init(&m);
    if (rc != 0)
        return rc;
    key = arena_dup(&s->scratch, buf_slice(&s->key));
    if (key.p == NULL)
        return -ERR_NOMEM;
    m.path = compile_text(r->path.v);
    m.method = compile_text(r->method.v);
    m.integration = compile_text(key);
    m.operation = compile_text(r->operation.v);
    rc = route_key(s, r);
    return rc == 0 ? compile_add(&s->c, "route", buf_slice(&s->key), &m.base) : rc;
}

static int compare_text(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;

    return slice_cmp(*x, *y);
}

static char **make_labels(struct stage *s, const struct spec_pairs *in)
{
    const struct spec_pair **from = sorted(s, in);
    char **out = arena_calloc(&s->scratch, in->n, sizeof(char *));

    for (uint32_t i = 0; from != NULL && out != NULL && i < in->n; i++) {
        struct slice t = arena_printf(&s->scratch, "%.*s=%.*s", SLICE_FMT(from[i]->name.v), SLICE_FMT(from[i]->value.v));

        if (t.p == NULL)
            return NULL;
        out[i] = compile_text(t);
    }
    return from == NULL ? NULL : out;
}

static int add_stage(struct stage *s)
{
    Sluice__Bundle__V1__Stage m;
    const struct spec_stage *def = s->stage->u.stage;
    char path[SPEC_PATH_MAX];
    struct slice base = arena_dup(&s->scratch, spec_base_path(def, s->stage->metadata.name.v, path, sizeof(path)));
    int rc;

    sluice__bundle__v1__stage__init(&m);
    m.api = compile_text(def->api.v);
    m.name = compile_text(s->stage->metadata.name.v);
    m.n_hosts = def->hosts.n;
    m.hosts = arena_calloc(&s->scratch, def->hosts.n, sizeof(char *));
    m.n_variables = def->variables.n;
    m.variables = make_pairs(s, &def->variables);
    m.n_labels = s->stage->metadata.labels.n;
    m.labels = make_labels(s, &s->stage->metadata.labels);
    m.compatibility = s->api->u.api->compatibility == SPEC_AWS ? 1 : 0;
    if (base.p == NULL || m.hosts == NULL || m.variables == NULL || m.labels == NULL)
        return -ERR_NOMEM;
    m.base_path = compile_text(base);
    for (uint32_t i = 0; i < def->hosts.n; i++)
        m.hosts[i] = compile_text(def->hosts.p[i].v);
    rc = start_key(s);
    return rc == 0 ? compile_add(&s->c, "stage", buf_slice(&s->key), &m.base) : rc;
}

/* Named integrations once, when a route uses them; inline ones with their route. */
static int add_routes(struct stage *s)
{
    const struct spec_api *api = s->api->u.api;
    struct map done;
    int rc = 0;

    map_init(&done);
    for (uint32_t i = 0; rc == 0 && i < api->routes.n; i++) {
        const struct spec_route *r = &SPEC_AT(&api->routes, struct spec_route, i);
        struct arena_mark mark = arena_mark(&s->scratch);

        rc = add_route(s, r);
        if (rc == 0 && !spec_is_set(&r->integration_name.at))
            rc = add_integration(s, r->integration, r);
        else if (rc == 0 && map_get(&done, r->integration_name.v) == NULL) {
            rc = map_put(&done, r->integration_name.v, r->integration, NULL);
            if (rc == 0)
                rc = add_integration(s, r->integration, r);
        }
        arena_rollback(&s->scratch, mark);
    }
    map_fini(&done);
    s->c.unit->routes = api->routes.n;
    return rc;
}

static int list_upstreams(struct stage *s)
{
    struct slice *p = arena_calloc(&s->c.unit->arena, s->upstreams.n, sizeof(*p)), key;
    size_t at = 0, n = 0;
    void *value;

    if (p == NULL)
        return -ERR_NOMEM;
    while (map_next(&s->upstreams, &at, &key, &value))
        p[n++] = key;
    if (n > 1)
        qsort(p, n, sizeof(*p), compare_text);
    s->c.unit->upstreams = p;
    s->c.unit->n_upstreams = (uint32_t)n;
    return 0;
}

int compile_stage(const struct spec_document *stage, const struct spec_document *api, const uint8_t input[32],
                  struct compile_unit **out, struct err *e)
{
    struct stage s = {.stage = stage, .api = api};
    char id[2 * CAPS_NAME_MAX + 16];
    int rc, n = snprintf(id, sizeof(id), "stage/%.*s/%.*s", SLICE_FMT(api->metadata.name.v), SLICE_FMT(stage->metadata.name.v));

    arena_init(&s.scratch, 16384, 0);
    buf_init(&s.key, 0);
    buf_init(&s.uri, 0);
    map_init(&s.upstreams);
    rc = compile_begin(&s.c, slice_from(id, (size_t)n), input);
    s.prefix = slice_from(id + sizeof("stage/") - 1, (size_t)n - (sizeof("stage/") - 1));
    if (rc == 0)
        rc = add_stage(&s);
    if (rc == 0)
        rc = add_routes(&s);
    if (rc == 0)
        rc = list_upstreams(&s);
    if (rc != 0 && rc != -ERR_NOMEM)
        rc = err_set(e, ERR_INTERNAL, "%s: a URI that was valid cannot be compiled", id);
    rc = compile_end(&s.c, rc, out, e);
    map_fini(&s.upstreams);
    buf_fini(&s.uri);
    buf_fini(&s.key);
    arena_fini(&s.scratch);
    return rc;
}
