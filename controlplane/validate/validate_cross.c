/* Documents among each other: a Stage with its Api and its Upstreams, stages with stages. */
#include <stdlib.h>

#include "validate/validate_int.h"

struct cross {
    struct validate v;               /* of the Stage */
    const struct validate_ref *stage;
    const struct validate_scope *scope;
    struct validate_ref api;
    struct buf uri;                  /* filled in */
};

static void offer_name(void *arg, struct slice name)
{
    diag_near_offer(arg, name);
}

static void suggest(struct cross *c, struct diag *d, enum spec_kind kind, struct slice word, const char *otherwise)
{
    struct diag_near near;

    if (d == NULL)
        return;
    diag_near_init(&near, word);
    c->scope->each_name(c->scope->arg, kind, offer_name, &near);
    validate_suggest(&c->v, d, &near, otherwise);
}

static bool has_variable(const struct spec_stage *s, struct slice name)
{
    for (uint32_t i = 0; i < s->variables.n; i++)
        if (slice_eq(s->variables.p[i].name.v, name))
            return true;
    return false;
}

/* The use is what a person must look at; the Stage is named with its place. */
static void check_variables(struct cross *c, const struct spec_api *api)
{
    const struct spec_stage *s = c->stage->document->u.stage;
    struct slice name = c->stage->document->metadata.name.v;
    struct validate in_api = {.src = c->api.source, .arena = c->v.arena, .diags = c->v.diags};

    for (uint32_t i = 0; i < api->n_variables; i++) {
        const struct spec_place *where = spec_is_set(&s->variables.at) ? &s->variables.at : &s->object.at;
        struct diag_place at = validate_place(c->stage->source, where);
        struct diag_near near;
        struct diag *d;

        if (has_variable(s, api->variables[i].name))
            continue;
        d = validate_error(&in_api, "SL2401", &api->variables[i].at, NULL,
                           "stage variable \"%.*s\" is used here, but Stage \"%.*s/%.*s\" (%.*s:%u:%u) does not have it",
                           SLICE_FMT(api->variables[i].name), SLICE_FMT(s->api.v), SLICE_FMT(name), SLICE_FMT(at.file), at.line, at.column);
        diag_near_init(&near, api->variables[i].name);
        for (uint32_t k = 0; k < s->variables.n; k++)
            diag_near_offer(&near, s->variables.p[k].name.v);
        if (near.best.n > 0)
            diag_hint(c->v.diags, d, "did you mean \"%.*s\"?", SLICE_FMT(near.best));
        else
            diag_hint(c->v.diags, d, "add \"%.*s\" to spec.variables of the Stage", SLICE_FMT(api->variables[i].name));
        c->v.bad = true;
    }
}

/* Which variable put byte `offset` into the filled URI; NULL: the Api's own text. *own: the offset in the unfilled URI. */
static const struct spec_pair *blame(const struct spec_stage *s, struct slice uri, size_t offset, size_t *own)
{
    struct spec_uri_part parts[SPEC_URI_PARTS_MAX];
    struct spec_uri_error e;
    size_t n = 0, filled = 0;

    *own = 0;
    if (spec_uri_split(uri, parts, &n, &e) != 0)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t end = i + 1 < n ? parts[i + 1].offset : uri.n;
        size_t size = end - parts[i].offset;
        const struct spec_pair *p = NULL;

        for (uint32_t k = 0; parts[i].kind == SPEC_URI_VARIABLE && k < s->variables.n; k++)
            if (slice_eq(s->variables.p[k].name.v, parts[i].text)) {
                p = &s->variables.p[k];
                size = p->value.v.n;
            }
        if (offset < filled + size || (offset == filled && p != NULL)) {
            *own = p != NULL ? offset - filled : parts[i].offset + (offset - filled);
            return p;
        }
        filled += size;
    }
    *own = uri.n > 0 ? uri.n - 1 : 0;
    return NULL;
}

static void tell_filled(struct cross *c, const struct spec_integration *i, const struct spec_uri_error *e)
{
    const struct spec_stage *s = c->stage->document->u.stage;
    struct validate in_api = {.src = c->api.source, .arena = c->v.arena, .diags = c->v.diags};
    const struct spec_pair *p;
    struct diag *d;
    size_t own;

    p = blame(s, i->uri.v, e->offset, &own);
    if (p != NULL)
        d = validate_error_in(&c->v, "SL2303", &p->value, own, e->width, NULL, "the URI \"%.*s\" becomes \"%.*s\": %s",
                              SLICE_FMT(i->uri.v), SLICE_FMT(buf_slice(&c->uri)), e->message);
    else
        d = validate_error_in(&in_api, "SL2303", &i->uri, own, e->width, NULL, "the URI becomes \"%.*s\" in Stage \"%.*s/%.*s\": %s",
                              SLICE_FMT(buf_slice(&c->uri)), SLICE_FMT(s->api.v), SLICE_FMT(c->stage->document->metadata.name.v),
                              e->message);
    if (e->hint[0] != '\0')
        diag_hint(c->v.diags, d, "%s", e->hint);
    c->v.bad = true;
}

static void check_upstream(struct cross *c, const struct spec_integration *i, struct slice name)
{
    struct validate in_api = {.src = c->api.source, .arena = c->v.arena, .diags = c->v.diags};
    struct diag *d;
    struct validate_ref found = c->scope->find(c->scope->arg, SPEC_UPSTREAM, name);
    const struct spec_pair *p = NULL;
    size_t own;

    if (found.document != NULL || found.is_unknown)
        return;
    if (i->has_variables)
        p = blame(c->stage->document->u.stage, i->uri.v, sizeof("upstream://") - 1, &own);
    if (p != NULL)
        d = validate_error(&c->v, "SL2302", &p->value.at, NULL, "upstream \"%.*s\" is not defined", SLICE_FMT(name));
    else
        d = validate_error(&in_api, "SL2302", &i->uri.at, NULL, "upstream \"%.*s\" is not defined", SLICE_FMT(name));
    suggest(c, d, SPEC_UPSTREAM, name, "add a document of kind Upstream with this name");
    c->v.bad = true;
}

static void check_integration(struct cross *c, const struct spec_integration *i)
{
    const struct spec_stage *s = c->stage->document->u.stage;
    struct spec_uri_error e;
    struct slice missing;
    struct spec_uri uri;

    if (!i->is_checked)
        return;
    if (!i->has_variables) {
        if (slice_starts(i->uri.v, SLICE_LIT("upstream://")) && spec_uri_check(i->uri.v, &uri, &e) == 0)
            check_upstream(c, i, uri.host);
        return;
    }
    buf_clear(&c->uri);
    switch (spec_uri_fill(i->uri.v, &s->variables, &c->uri, &missing)) {
    case 0:
        break;
    case -ERR_NOMEM:
        c->v.nomem = true;
        return;
    default:
        return; /* a missing variable is told once, by check_variables */
    }
    if (spec_uri_check(buf_slice(&c->uri), &uri, &e) != 0)
        tell_filled(c, i, &e);
    else if (uri.is_upstream)
        check_upstream(c, i, uri.host);
}

static void check_uris(struct cross *c, const struct spec_api *api)
{
    for (uint32_t i = 0; i < api->integrations.n; i++)
        if (SPEC_AT(&api->integrations, struct spec_integration, i).n_routes > 0)
            check_integration(c, &SPEC_AT(&api->integrations, struct spec_integration, i));
    for (uint32_t i = 0; i < api->routes.n; i++) {
        const struct spec_route *r = &SPEC_AT(&api->routes, struct spec_route, i);

        if (!spec_is_set(&r->integration_name.at) && r->integration != NULL)
            check_integration(c, r->integration);
    }
}

int validate_stage(const struct validate_ref *stage, const struct validate_scope *scope, struct diag_list *diags)
{
    const struct spec_stage *s = stage->document->u.stage;
    struct cross c = {.stage = stage, .scope = scope};
    struct arena scratch;

    arena_init(&scratch, 0, 0);
    c.v = (struct validate){.src = stage->source, .arena = &scratch, .diags = diags};
    buf_init(&c.uri, 0);
    c.api = scope->find(scope->arg, SPEC_API, s->api.v);
    if (c.api.document == NULL && !c.api.is_unknown) {
        struct validate_path spec = {.name = "spec"}, own = {.up = &spec, .name = "api"};
        struct diag *d = validate_error(&c.v, "SL2400", &s->api.at, &own, "Api \"%.*s\" is not defined", SLICE_FMT(s->api.v));

        suggest(&c, d, SPEC_API, s->api.v, "add a document of kind Api with this name");
    } else if (c.api.document != NULL) {
        check_variables(&c, c.api.document->u.api);
        check_uris(&c, c.api.document->u.api);
    }
    buf_fini(&c.uri);
    arena_fini(&scratch);
    if (c.v.nomem)
        return -ERR_NOMEM;
    return c.v.bad ? -ERR_INVALID : 0;
}

static int compare_mounts(const void *a, const void *b)
{
    const struct validate_mount *x = a, *y = b;
    int c = slice_cmp(x->environment, y->environment);

    if (c == 0)
        c = slice_cmp(x->host, y->host);
    if (c == 0)
        c = slice_cmp(x->base_path, y->base_path);
    if (c == 0)
        c = slice_cmp(x->stage.document->u.stage->api.v, y->stage.document->u.stage->api.v);
    return c != 0 ? c : slice_cmp(x->stage.document->metadata.name.v, y->stage.document->metadata.name.v);
}

int validate_mounts(struct validate_mount *mounts, size_t n, struct diag_list *diags)
{
    int rc = 0;

    if (n > 1)
        qsort(mounts, n, sizeof(*mounts), compare_mounts);
    for (size_t i = 1; i < n; i++) {
        const struct validate_mount *a = &mounts[i - 1], *b = &mounts[i];
        struct diag_place first, at;
        struct diag *d;

        if (!slice_eq(a->environment, b->environment) || !slice_eq(a->host, b->host) || !slice_eq(a->base_path, b->base_path) ||
            a->stage.document == b->stage.document)
            continue;
        first = validate_place(a->stage.source, &a->at);
        at = validate_place(b->stage.source, &b->at);
        d = diag_add(diags, DIAG_ERROR, "SL2407", at, SLICE_NONE, "Stages \"%.*s/%.*s\" and \"%.*s/%.*s\" both serve %.*s%.*s in environment \"%.*s\"",
                     SLICE_FMT(a->stage.document->u.stage->api.v), SLICE_FMT(a->stage.document->metadata.name.v),
                     SLICE_FMT(b->stage.document->u.stage->api.v), SLICE_FMT(b->stage.document->metadata.name.v), SLICE_FMT(b->host),
                     SLICE_FMT(b->base_path.n == 0 ? SLICE_LIT("/") : b->base_path), SLICE_FMT(b->environment));
        diag_hint(diags, d, "the other one is at %.*s:%u:%u; give one of them another basePath or host", SLICE_FMT(first.file), first.line,
                  first.column);
        rc = -ERR_INVALID;
    }
    return rc;
}
