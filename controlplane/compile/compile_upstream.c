#include "bundle.pb-c.h"
#include "compile/compile_int.h"

typedef Sluice__Bundle__V1__Endpoint wire_endpoint;

static int add_upstream(struct compile *c, const struct spec_document *doc, struct arena *scratch)
{
    Sluice__Bundle__V1__Upstream m;
    const struct spec_upstream *u = doc->u.upstream;
    wire_endpoint *p = arena_calloc(scratch, u->endpoints.n, sizeof(*p));

    sluice__bundle__v1__upstream__init(&m);
    m.endpoints = arena_calloc(scratch, u->endpoints.n, sizeof(wire_endpoint *));
    if (p == NULL || m.endpoints == NULL)
        return -ERR_NOMEM;
    for (uint32_t i = 0; i < u->endpoints.n; i++) {
        const struct spec_endpoint *from = &SPEC_AT(&u->endpoints, struct spec_endpoint, i);
        struct slice host = arena_dup(scratch, from->host);

        if (host.p == NULL)
            return -ERR_NOMEM;
        sluice__bundle__v1__endpoint__init(&p[i]);
        p[i].host = compile_text(host);
        p[i].port = from->port;
        p[i].weight = spec_is_set(&from->weight.at) ? (uint32_t)from->weight.v : 1;
        p[i].priority = (uint32_t)from->priority.v;
        m.endpoints[i] = &p[i];
    }
    m.n_endpoints = u->endpoints.n;
    m.name = compile_text(doc->metadata.name.v);
    m.connect_timeout_ms = (uint32_t)u->timeouts.connect.v;
    m.first_byte_timeout_ms = (uint32_t)u->timeouts.first_byte.v;
    m.idle_timeout_ms = (uint32_t)u->timeouts.idle.v;
    m.total_timeout_ms = (uint32_t)u->timeouts.total.v;
    m.policy = compile_text(u->balancing.policy.v.n > 0 ? u->balancing.policy.v : SLICE_LIT("roundRobin"));
    return compile_add(c, "upstream", doc->metadata.name.v, &m.base);
}

int compile_upstream(const struct spec_document *upstream, const uint8_t input[32], struct compile_unit **out, struct err *e)
{
    struct compile c;
    struct arena scratch;
    char id[CAPS_NAME_MAX + 16];
    int rc, n = snprintf(id, sizeof(id), "upstream/%.*s", SLICE_FMT(upstream->metadata.name.v));

    arena_init(&scratch, 0, 0);
    rc = compile_begin(&c, slice_from(id, (size_t)n), input);
    if (rc == 0)
        rc = add_upstream(&c, upstream, &scratch);
    rc = compile_end(&c, rc, out, e);
    arena_fini(&scratch);
    return rc;
}
