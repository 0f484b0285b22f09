/* What a change of an Api means for its routes. */
#include "apply/apply_int.h"

struct route_hash {
    uint8_t hash[32];
};

struct side {
    const struct world_doc *doc;
    struct map routes;            /* "METHOD path" -> struct route_hash */
    struct arena arena;
    struct buf scratch;
};

static const struct world_doc *doc_of(const struct apply_document *d)
{
    return d == NULL ? NULL : (const struct world_doc *)(const void *)((const char *)d - offsetof(struct world_doc, pub));
}

/* A route and the integration that it names, in canonical form. */
static int hash_route(struct side *s, const struct spec_route *r, const struct yml_node *route, const struct yml_node *integrations,
                      struct route_hash *out)
{
    const struct spec_integration *first = s->doc->model->u.api->integrations.p;
    int rc;

    buf_clear(&s->scratch);
    rc = yml_canonical(route, &s->scratch);
    if (rc == 0 && spec_is_set(&r->integration_name.at)) /* the model has them in the order of the tree */
        rc = yml_canonical(yml_value(integrations, (size_t)(r->integration - first)), &s->scratch);
    if (rc == 0)
        digest_sha256(s->scratch.p, s->scratch.w, out->hash);
    return rc;
}

static int add_routes(struct side *s)
{
    const struct spec_api *api = s->doc->model->u.api;
    const struct yml_node *spec = yml_get(s->doc->root, "spec"), *list = yml_get(spec, "routes");
    const struct yml_node *integrations = yml_get(spec, "integrations");
    struct route_hash *hashes = arena_calloc(&s->arena, api->routes.n, sizeof(*hashes));
    int rc = hashes == NULL ? -ERR_NOMEM : 0;

    for (uint32_t i = 0; rc == 0 && i < api->routes.n; i++) {
        const struct spec_route *r = &SPEC_AT(&api->routes, struct spec_route, i);
        struct slice key = arena_printf(&s->arena, "%.*s %.*s", SLICE_FMT(r->method.v), SLICE_FMT(r->path.v));

        rc = key.p == NULL ? -ERR_NOMEM : hash_route(s, r, &list->u.child[i], integrations, &hashes[i]);
        if (rc == 0)
            rc = map_put(&s->routes, key, &hashes[i], NULL);
    }
    return rc;
}

static int begin(struct side *s, const struct apply_document *d)
{
    s->doc = doc_of(d);
    map_init(&s->routes);
    arena_init(&s->arena, 16384, 0);
    buf_init(&s->scratch, 0);
    return s->doc == NULL ? 0 : add_routes(s);
}

static void end(struct side *s)
{
    map_fini(&s->routes);
    arena_fini(&s->arena);
    buf_fini(&s->scratch);
}

/* Everything but routes and integrations. */
static int rest_of(struct side *s)
{
    const struct yml_node *spec = yml_get(s->doc->root, "spec");
    int rc = 0;

    buf_clear(&s->scratch);
    for (uint32_t i = 0; rc == 0 && i < spec->n; i++) {
        struct slice key = yml_text(yml_key(spec, i));

        if (!slice_is(key, "routes") && !slice_is(key, "integrations"))
            rc = yml_canonical(yml_value(spec, i), &s->scratch);
    }
    return rc == 0 ? yml_canonical(yml_get(s->doc->root, "metadata"), &s->scratch) : rc;
}

static void count(struct side *a, struct side *b, struct apply_summary *out)
{
    struct slice key;
    void *value;
    size_t at = 0;

    while (map_next(&a->routes, &at, &key, &value)) {
        const struct route_hash *x = value, *y = map_get(&b->routes, key);

        if (y == NULL)
            out->routes_removed++;
        else if (memcmp(x->hash, y->hash, sizeof(x->hash)) != 0)
            out->routes_changed++;
    }
    at = 0;
    while (map_next(&b->routes, &at, &key, &value))
        out->routes_added += map_get(&a->routes, key) == NULL;
    if (a->doc != NULL && b->doc != NULL)
        out->other_changed = rest_of(a) != 0 || rest_of(b) != 0 || !slice_eq(buf_slice(&a->scratch), buf_slice(&b->scratch));
}

void apply_summarise(const struct apply_change *c, struct apply_summary *out)
{
    struct side a, b;
    int rc;

    *out = (struct apply_summary){.routes_added = 0};
    if (!slice_is(c->kind, "Api") || c->op == APPLY_UNCHANGED)
        return;
    rc = begin(&a, c->before);
    if (begin(&b, c->after) == 0 && rc == 0)
        count(&a, &b, out);
    end(&a);
    end(&b);
}

int apply_summary_text(const struct apply_summary *s, struct buf *out)
{
    const struct {
        uint32_t n;
        const char *word;
    } parts[] = {{s->routes_changed, "changed"}, {s->routes_added, "added"}, {s->routes_removed, "removed"}};
    bool first = true;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < 3; i++) {
        if (parts[i].n == 0)
            continue;
        rc = first ? buf_printf(out, "%u route%s %s", parts[i].n, parts[i].n == 1 ? "" : "s", parts[i].word)
                   : buf_printf(out, ", %u %s", parts[i].n, parts[i].word);
        first = false;
    }
    if (rc == 0 && first && s->other_changed)
        rc = buf_puts(out, SLICE_LIT("settings changed"));
    return rc;
}
