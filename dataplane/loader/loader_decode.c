#include "bundle.pb.h"
#include "loader/loader_int.h"

/* Bounds of bundle.proto. */
enum {
    NAME_MAX_ = 128,
    HOST_MAX = 255,
    HOSTS_MAX = 64,
    PATH_MAX_ = 2048,
    METHOD_MAX = 16,
    PAIR_NAME_MAX = 256,
    PAIR_VALUE_MAX = 16 << 10,
    VARIABLES_MAX = 100,
    LABELS_MAX = 64,
    URI_MAX = 4096,
    WORD_MAX = 64,
    TEMPLATES_MAX = 32,
    TEMPLATE_MAX = 300 << 10,
    RESPONSES_MAX = 64,
    PARAMETERS_MAX = 128,
    PATTERN_MAX = 1024,
    ENDPOINTS_MAX = 1024,
};

struct text {
    struct loader_decode *d;
    const char *name;
    size_t max;
    struct slice *out;
};

struct list {
    struct loader_decode *d;
    const char *name;
    size_t max;
    struct vec *out;
    bool (*item)(pb_istream_t *s, struct list *l, void *out); /* out: a zeroed element */
};

static bool fail_limit(struct loader_decode *d, const char *name, size_t n, size_t max, const char *what)
{
    if (d->rc == 0)
        d->rc = loader_fail(d->e, LOADER_LIMIT_EXCEEDED, d->resource, name, "%zu %s, at most %zu", n, what, max);
    return false;
}

static bool fail_memory(struct loader_decode *d)
{
    if (d->rc == 0)
        d->rc = loader_fail_memory(d->e, d->resource);
    return false;
}

static bool read_text(pb_istream_t *s, const struct text *t)
{
    size_t n = s->bytes_left;
    char *p;

    if (n > t->max)
        return fail_limit(t->d, t->name, n, t->max, "bytes");
    p = arena_alloc(t->d->arena, n + 1);
    if (p == NULL)
        return fail_memory(t->d);
    p[n] = '\0';
    *t->out = (struct slice){p, n};
    return pb_read(s, (pb_byte_t *)p, n);
}

static bool on_text(pb_istream_t *s, const pb_field_t *f, void **arg)
{
    (void)f;
    return read_text(s, *arg);
}

static bool on_item(pb_istream_t *s, const pb_field_t *f, void **arg)
{
    struct list *l = *arg;
    void *out;

    (void)f;
    if (l->out->n == l->max)
        return fail_limit(l->d, l->name, l->max + 1, l->max, "entries");
    out = vec_push(l->out, NULL);
    if (out == NULL)
        return fail_memory(l->d);
    return l->item(s, l, out);
}

static pb_callback_t text_cb(struct text *t)
{
    return (pb_callback_t){.funcs.decode = on_text, .arg = t};
}

static pb_callback_t list_cb(struct list *l)
{
    return (pb_callback_t){.funcs.decode = on_item, .arg = l};
}

/* A list's elements move into the arena; the vec is let go. */
static const void *keep(struct loader_decode *d, struct vec *v, size_t *n)
{
    void *p = NULL;

    *n = v->n;
    if (v->n != 0 && d->rc == 0) {
        p = arena_alloc(d->arena, v->n * v->elem);
        if (p == NULL)
            (void)fail_memory(d);
        else
            memcpy(p, v->p, v->n * v->elem);
    }
    vec_fini(v);
    return p;
}

static bool item_text(pb_istream_t *s, struct list *l, void *out)
{
    struct text t = {l->d, l->name, HOST_MAX, out};

    return read_text(s, &t);
}

static bool item_pair(pb_istream_t *s, struct list *l, void *out)
{
    struct def_pair *p = out;
    struct text name = {l->d, l->name, PAIR_NAME_MAX, &p->name}, value = {l->d, l->name, PAIR_VALUE_MAX, &p->value};
    sluice_bundle_v1_KeyValue m = {.name = text_cb(&name), .value = text_cb(&value)};

    return pb_decode(s, sluice_bundle_v1_KeyValue_fields, &m);
}

static bool item_template(pb_istream_t *s, struct list *l, void *out)
{
    struct def_template *t = out;
    struct text type = {l->d, l->name, PAIR_NAME_MAX, &t->content_type}, text = {l->d, l->name, TEMPLATE_MAX, &t->text};
    sluice_bundle_v1_Template m = {.content_type = text_cb(&type), .text = text_cb(&text)};

    return pb_decode(s, sluice_bundle_v1_Template_fields, &m);
}

static bool item_response(pb_istream_t *s, struct list *l, void *out)
{
    struct def_response *r = out;
    struct vec templates = VEC_INIT(struct def_template), parameters = VEC_INIT(struct def_pair);
    struct list tl = {l->d, "responses.responseTemplates", TEMPLATES_MAX, &templates, item_template};
    struct list pl = {l->d, "responses.responseParameters", PARAMETERS_MAX, &parameters, item_pair};
    struct text pattern = {l->d, "responses.selectionPattern", PATTERN_MAX, &r->selection_pattern};
    struct text status = {l->d, "responses.statusCode", WORD_MAX, &r->status_code};
    sluice_bundle_v1_IntegrationResponse m = {.selection_pattern = text_cb(&pattern), .status_code = text_cb(&status),
                                              .response_templates = list_cb(&tl), .response_parameters = list_cb(&pl)};
    bool ok = pb_decode(s, sluice_bundle_v1_IntegrationResponse_fields, &m);

    r->templates = keep(l->d, &templates, &r->n_templates);
    r->parameters = keep(l->d, &parameters, &r->n_parameters);
    return ok && l->d->rc == 0;
}

static bool item_endpoint(pb_istream_t *s, struct list *l, void *out)
{
    struct snap_endpoint *p = out;
    struct text host = {l->d, "endpoints.address", HOST_MAX, &p->host};
    sluice_bundle_v1_Endpoint m = {.host = text_cb(&host)};
    const char *wrong = NULL;

    if (!pb_decode(s, sluice_bundle_v1_Endpoint_fields, &m))
        return false;
    if (p->host.n == 0 || m.port == 0 || m.port > 65535)
        wrong = "endpoints.address";
    else if (m.weight == 0 || m.weight > 1000)
        wrong = "endpoints.weight";
    else if (m.priority > 255)
        wrong = "endpoints.priority";
    if (wrong != NULL) {
        l->d->rc = loader_fail(l->d->e, LOADER_INVALID_RESOURCE, l->d->resource, wrong,
                               "endpoint %zu: an address has host and port, a weight is 1 to 1000, a priority 0 to 255", l->out->n);
        return false;
    }
    p->port = (uint16_t)m.port;
    p->weight = (uint16_t)m.weight;
    p->priority = (uint8_t)m.priority;
    return true;
}

static int decode(struct loader_decode *d, const pb_msgdesc_t *desc, void *message)
{
    struct slice body = d->resource->body;
    pb_istream_t s = pb_istream_from_buffer((const pb_byte_t *)body.p, body.n);

    d->rc = 0;
    if (loader_wire_check(d, desc) != 0)
        return d->rc;
    if (!pb_decode(&s, desc, message) && d->rc == 0)
        d->rc = loader_fail(d->e, LOADER_DECODE, d->resource, "", "%s", PB_GET_ERROR(&s));
    return d->rc;
}

int loader_decode_stage(struct loader_decode *d, struct def_stage *out)
{
    struct vec hosts = VEC_INIT(struct slice), labels = VEC_INIT(struct slice), variables = VEC_INIT(struct def_pair);
    struct text api = {d, "api", NAME_MAX_, &out->api}, name = {d, "name", NAME_MAX_, &out->name};
    struct text base = {d, "basePath", PATH_MAX_, &out->base_path};
    struct list hl = {d, "hosts", HOSTS_MAX, &hosts, item_text}, ll = {d, "labels", LABELS_MAX, &labels, item_text};
    struct list vl = {d, "variables", VARIABLES_MAX, &variables, item_pair};
    sluice_bundle_v1_Stage m = {.api = text_cb(&api), .name = text_cb(&name), .hosts = list_cb(&hl), .base_path = text_cb(&base),
                                .variables = list_cb(&vl), .labels = list_cb(&ll)};

    memset(out, 0, sizeof(*out));
    (void)decode(d, sluice_bundle_v1_Stage_fields, &m);
    out->hosts = keep(d, &hosts, &out->n_hosts);
    out->variables = keep(d, &variables, &out->n_variables);
    vec_fini(&labels);
    if (d->rc == 0 && m.compatibility > 1)
        d->rc = loader_fail(d->e, LOADER_INVALID_RESOURCE, d->resource, "compatibility", "%u is not known", (unsigned)m.compatibility);
    out->aws = m.compatibility == 1;
    out->payload_limit = m.payload_limit;
    return d->rc;
}

int loader_decode_route(struct loader_decode *d, struct def_route *out)
{
    struct text path = {d, "path", PATH_MAX_, &out->path}, method = {d, "method", METHOD_MAX, &out->method};
    struct text integration = {d, "integration", BUNDLE_KEY_MAX, &out->integration};
    struct text operation = {d, "operationId", PATTERN_MAX, &out->operation};
    sluice_bundle_v1_Route m = {.path = text_cb(&path), .method = text_cb(&method), .integration = text_cb(&integration),
                                .operation = text_cb(&operation)};

    memset(out, 0, sizeof(*out));
    (void)decode(d, sluice_bundle_v1_Route_fields, &m);
    out->payload_limit = m.payload_limit;
    return d->rc;
}

int loader_decode_integration(struct loader_decode *d, struct def_integration *out)
{
    struct vec templates = VEC_INIT(struct def_template), responses = VEC_INIT(struct def_response);
    struct vec parameters = VEC_INIT(struct def_pair);
    struct text uri = {d, "uri", URI_MAX, &out->uri}, method = {d, "httpMethod", WORD_MAX, &out->http_method};
    struct text passthrough = {d, "passthroughBehavior", WORD_MAX, &out->passthrough_behavior};
    struct list tl = {d, "requestTemplates", TEMPLATES_MAX, &templates, item_template};
    struct list rl = {d, "responses", RESPONSES_MAX, &responses, item_response};
    struct list pl = {d, "requestParameters", PARAMETERS_MAX, &parameters, item_pair};
    sluice_bundle_v1_Integration m = {.uri = text_cb(&uri), .http_method = text_cb(&method), .request_templates = list_cb(&tl),
                                      .responses = list_cb(&rl), .request_parameters = list_cb(&pl),
                                      .passthrough_behavior = text_cb(&passthrough)};

    memset(out, 0, sizeof(*out));
    (void)decode(d, sluice_bundle_v1_Integration_fields, &m);
    out->type = (enum def_integration_type)m.type;
    out->timeout_ms = m.timeout_ms;
    out->request_templates = keep(d, &templates, &out->n_request_templates);
    out->responses = keep(d, &responses, &out->n_responses);
    out->request_parameters = keep(d, &parameters, &out->n_request_parameters);
    return d->rc;
}

int loader_decode_upstream(struct loader_decode *d, struct def_upstream *out)
{
    struct vec endpoints = VEC_INIT(struct snap_endpoint);
    struct text name = {d, "name", PAIR_NAME_MAX, &out->name}, policy = {d, "loadBalancing.policy", WORD_MAX, &out->policy};
    struct list el = {d, "endpoints", ENDPOINTS_MAX, &endpoints, item_endpoint};
    sluice_bundle_v1_Upstream m = {.name = text_cb(&name), .endpoints = list_cb(&el), .policy = text_cb(&policy)};

    memset(out, 0, sizeof(*out));
    (void)decode(d, sluice_bundle_v1_Upstream_fields, &m);
    out->endpoints = keep(d, &endpoints, &out->n_endpoints);
    out->connect_timeout_ms = m.connect_timeout_ms;
    out->first_byte_timeout_ms = m.first_byte_timeout_ms;
    out->idle_timeout_ms = m.idle_timeout_ms;
    out->total_timeout_ms = m.total_timeout_ms;
    out->max_connections = m.max_connections;
    return d->rc;
}
