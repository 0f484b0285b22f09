/* A Stage by itself, and an Upstream by itself. */
#include "validate/validate_int.h"

static void check_host(struct validate *v, struct spec_text *h, const struct validate_path *path)
{
    struct diag *d = NULL;
    const char *colon = memchr(h->v.p, ':', h->v.n);
    struct slice lower;

    if (slice_starts(h->v, SLICE_LIT("*."))) {
        d = validate_error(v, "SL2009", &h->at, path, "the wildcard host \"%.*s\" is not supported by this version", SLICE_FMT(h->v));
        diag_hint(v->diags, d, "list the hosts, or none for every host");
        return;
    }
    if (colon != NULL) {
        d = validate_error_in(v, "SL2402", h, (size_t)(colon - h->v.p), h->v.n - (size_t)(colon - h->v.p), path,
                              "\"%.*s\": a host has no port here", SLICE_FMT(h->v));
        diag_hint(v->diags, d, "\"%.*s\" serves every port", (int)(colon - h->v.p), h->v.p);
        return;
    }
    if (!spec_host_is_valid(h->v)) {
        d = validate_error(v, "SL2402", &h->at, path, "\"%.*s\" is not a host name", SLICE_FMT(h->v));
        diag_hint(v->diags, d, "letters, digits, hyphens and dots: api.example.com");
        return;
    }
    lower = arena_dup(v->arena, h->v);
    if (lower.p == NULL) {
        v->nomem = true;
        return;
    }
    for (size_t i = 0; i < lower.n; i++)
        if (lower.p[i] >= 'A' && lower.p[i] <= 'Z')
            ((char *)(uintptr_t)lower.p)[i] = (char)(lower.p[i] | 0x20);
    h->v = lower;
}

static void check_hosts(struct validate *v, struct spec_stage *s, const struct validate_path *spec)
{
    struct validate_path list = {.up = spec, .name = "hosts"};

    for (uint32_t i = 0; i < s->hosts.n; i++) {
        struct validate_path item = {.up = &list, .index = i};

        check_host(v, &s->hosts.p[i], &item);
        for (uint32_t j = 0; j < i; j++)
            if (slice_eq(s->hosts.p[i].v, s->hosts.p[j].v)) {
                struct diag *d = validate_error(v, "SL2403", &s->hosts.p[i].at, &item, "the host \"%.*s\" stands twice",
                                                SLICE_FMT(s->hosts.p[i].v));

                diag_hint(v->diags, d, "the first one is at line %u, column %u", s->hosts.p[j].at.line + v->src->line - 1,
                          s->hosts.p[j].at.column);
                break;
            }
    }
}

static void check_base_path(struct validate *v, const struct spec_stage *s, const struct validate_path *spec)
{
    struct validate_path own = {.up = spec, .name = "basePath"};
    struct slice path = s->base_path.v;
    struct validate_params params;
    struct spec_uri_error e;
    struct diag *d;

    if (!spec_is_set(&s->base_path.at) || path.n == 0)
        return;
    if (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (validate_path_split(path, &params, &e) == 0 && params.n > 0) {
        e = (struct spec_uri_error){.offset = params.offsets[0], .width = params.names[0].n + 2};
        (void)snprintf(e.message, sizeof(e.message), "a parameter in a base path");
        (void)snprintf(e.hint, sizeof(e.hint), "parameters belong into the paths of routes");
    } else if (validate_path_split(path, &params, &e) == 0) {
        return;
    }
    d = validate_error_in(v, "SL2404", &s->base_path, e.offset, e.width, &own, "%s", e.message);
    if (e.hint[0] != '\0')
        diag_hint(v->diags, d, "%s", e.hint);
}

/* traffic.md 5: [A-Za-z0-9_]{1,64} = [A-Za-z0-9-._~:/?#&=,]{0,512}. */
static void check_variable(struct validate *v, const struct spec_pair *p, const struct validate_path *path)
{
    struct validate_path own = {.up = path, .key = p->name.v};
    bool ok = p->name.v.n > 0 && p->name.v.n <= SPEC_VARIABLE_NAME_MAX;
    struct diag *d;

    for (size_t i = 0; ok && i < p->name.v.n; i++) {
        char c = p->name.v.p[i];

        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    }
    if (!ok) {
        d = validate_error(v, "SL2405", &p->name.at, &own, "\"%.*s\" cannot be a stage variable's name", SLICE_FMT(p->name.v));
        diag_hint(v->diags, d, "letters, digits and underscores, at most %u", SPEC_VARIABLE_NAME_MAX);
    }
    if (p->value.v.n > SPEC_VARIABLE_VALUE_MAX) {
        (void)validate_error(v, "SL2406", &p->value.at, &own, "the value of \"%.*s\" has %zu characters; at most %u are allowed",
                             SLICE_FMT(p->name.v), p->value.v.n, SPEC_VARIABLE_VALUE_MAX);
        return;
    }
    for (size_t i = 0; i < p->value.v.n; i++) {
        char c = p->value.v.p[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c != '\0' && strchr("-._~:/?#&=,", c) != NULL))
            continue;
        d = validate_error_in(v, "SL2406", &p->value, i, 1, &own, "the value of \"%.*s\" has a character that is not allowed",
                              SLICE_FMT(p->name.v));
        diag_hint(v->diags, d, "letters, digits and any of -._~:/?#&=,");
        return;
    }
}

void validate_stage_alone(struct validate *v, struct spec_stage *s)
{
    struct validate_path spec = {.name = "spec"}, variables = {.up = &spec, .name = "variables"};

    check_hosts(v, s, &spec);
    check_base_path(v, s, &spec);
    for (uint32_t i = 0; i < s->variables.n; i++)
        check_variable(v, &s->variables.p[i], &variables);
}

static void check_endpoint(struct validate *v, struct spec_endpoint *one, const struct validate_path *path)
{
    struct validate_path own = {.up = path, .name = "address"};
    struct spec_uri_error e;
    struct diag *d;

    if (!spec_is_set(&one->address.at))
        return;
    if (memmem(one->address.v.p, one->address.v.n, "://", 3) != NULL) {
        d = validate_error(v, "SL2501", &one->address.at, &own, "\"%.*s\": an address has no scheme", SLICE_FMT(one->address.v));
        diag_hint(v->diags, d, "host:port, like 10.0.0.5:8080");
        return;
    }
    if (spec_address_check(one->address.v, 0, &one->host, &one->port, &e) == 0)
        return;
    d = validate_error_in(v, "SL2501", &one->address, e.offset, e.width, &own, "%s", e.message);
    if (e.hint[0] != '\0')
        diag_hint(v->diags, d, "%s", e.hint);
}

void validate_upstream(struct validate *v, struct spec_upstream *u)
{
    struct validate_path spec = {.name = "spec"}, list = {.up = &spec, .name = "endpoints"};

    for (uint32_t i = 0; i < u->endpoints.n; i++) {
        struct spec_endpoint *one = &SPEC_AT(&u->endpoints, struct spec_endpoint, i);
        struct validate_path item = {.up = &list, .index = i};

        check_endpoint(v, one, &item);
        for (uint32_t j = 0; j < i && one->host.n > 0; j++) {
            const struct spec_endpoint *other = &SPEC_AT(&u->endpoints, struct spec_endpoint, j);

            if (one->port != other->port || !slice_ieq(one->host, other->host))
                continue;
            diag_hint(v->diags,
                      validate_error(v, "SL2502", &one->address.at, &item, "the endpoint %.*s stands twice", SLICE_FMT(one->address.v)),
                      "the first one is at line %u; raise its weight instead", other->address.at.line + v->src->line - 1);
            break;
        }
    }
}
