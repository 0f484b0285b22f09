/* One document: what it is, then what its kind says. */
#include "validate/validate_int.h"

static const struct spec_kind_def *find_kind(struct validate *v, const struct yml_node *n)
{
    struct validate_path own = {.name = "kind"};
    struct spec_place at = validate_node_place(n);
    struct slice name = yml_text(n);
    struct diag_near near;
    struct diag *d;

    diag_near_init(&near, name);
    for (const struct spec_kind_def *k = spec_kinds; k->name != NULL; k++) {
        if (slice_is(name, k->name))
            return k;
        diag_near_offer(&near, slice_of(k->name));
    }
    for (const char *const *k = spec_kinds_later; *k != NULL; k++)
        if (slice_is(name, *k)) {
            d = validate_error(v, "SL2009", &at, &own, "kind \"%s\" is not supported by this version", *k);
            diag_hint(v->diags, d, "supported: Api, Stage, Upstream");
            return NULL;
        }
    d = validate_error(v, "SL2001", &at, &own, "there is no kind \"%.*s\"", SLICE_FMT(name));
    validate_suggest(v, d, &near, "Api, Stage or Upstream");
    return NULL;
}

/* A misspelt field was told already, with the right word. */
static bool is_misspelt(const struct yml_node *root, const char *name)
{
    for (uint32_t i = 0; i < root->n; i++) {
        struct diag_near near;

        diag_near_init(&near, yml_text(yml_key(root, i)));
        diag_near_offer(&near, slice_of(name));
        if (near.best.n > 0)
            return true;
    }
    return false;
}

/* A string at the top, or NULL (told). */
static const struct yml_node *top_text(struct validate *v, const struct yml_node *root, const char *name, const char *hint)
{
    const struct yml_node *n = yml_get(root, name);
    struct validate_path own = {.name = name};
    struct spec_place at = validate_node_place(n == NULL || n->type == YML_NULL ? root : n);

    if (n != NULL && n->type == YML_STRING)
        return n;
    if (n == NULL || n->type == YML_NULL) {
        at.width = 1;
        if (n != NULL || !is_misspelt(root, name))
            diag_hint(v->diags, validate_error(v, "SL2003", &at, NULL, "the document has no \"%s\"", name), "%s", hint);
    } else {
        diag_hint(v->diags, validate_error(v, "SL2005", &at, &own, "\"%s\" must be a string, not %s", name, yml_type_words(n)), "%s",
                  hint);
    }
    return NULL;
}

static void check_version(struct validate *v, const struct yml_node *root)
{
    const struct yml_node *n = top_text(v, root, "apiVersion", "apiVersion: " SPEC_API_VERSION);
    struct validate_path own = {.name = "apiVersion"};
    struct spec_place at;

    if (n == NULL || slice_is(yml_text(n), SPEC_API_VERSION))
        return;
    at = validate_node_place(n);
    diag_hint(v->diags,
              validate_error(v, "SL2002", &at, &own, "apiVersion \"%.*s\" is not known", SLICE_FMT(yml_text(n))),
              "apiVersion: " SPEC_API_VERSION);
}

static void check_top_fields(struct validate *v, const struct yml_node *root)
{
    static const char *const fields[] = {"apiVersion", "kind", "metadata", "spec", NULL};

    for (uint32_t i = 0; i < root->n; i++) {
        const struct yml_node *key = yml_key(root, i);
        struct spec_place at = validate_node_place(key);
        struct diag_near near;
        const char *const *f = fields;

        diag_near_init(&near, yml_text(key));
        for (; *f != NULL && !slice_is(yml_text(key), *f); f++)
            diag_near_offer(&near, slice_of(*f));
        if (*f == NULL)
            validate_suggest(v, validate_error(v, "SL2004", &at, NULL, "a document has no field \"%.*s\"", SLICE_FMT(yml_text(key))),
                             &near, "allowed here: apiVersion, kind, metadata, spec");
    }
}

static void read_part(struct validate *v, const struct yml_node *root, const char *name, const struct spec_shape *shape, void *out)
{
    const struct yml_node *n = yml_get(root, name);
    struct validate_path own = {.name = name};
    struct spec_place at = validate_node_place(root);

    if (n == NULL || n->type == YML_NULL) {
        at.width = 1;
        if (n != NULL || !is_misspelt(root, name))
            diag_hint(v->diags, validate_error(v, "SL2003", &at, NULL, "the document has no \"%s\"", name), "add %s", name);
        return;
    }
    validate_shape(v, shape, n, out, &own);
}

/* OpenAPI files are for a later version: say so instead of four unknown fields. */
static bool is_foreign(struct validate *v, const struct yml_node *root)
{
    const struct yml_node *n = yml_get(root, "openapi");
    struct spec_place at;

    if (n == NULL)
        n = yml_get(root, "swagger");
    if (n == NULL || yml_get(root, "kind") != NULL)
        return false;
    at = validate_node_place(n);
    diag_hint(v->diags, validate_error(v, "SL2009", &at, NULL, "OpenAPI files are not supported by this version"),
              "write a document of kind Api");
    return true;
}

static void read_document(struct validate *v, const struct yml_node *root, struct spec_document *doc)
{
    const struct spec_kind_def *def = NULL;
    const struct yml_node *kind;

    check_version(v, root);
    check_top_fields(v, root);
    kind = top_text(v, root, "kind", "one of Api, Stage, Upstream");
    if (kind != NULL)
        def = find_kind(v, kind);
    read_part(v, root, "metadata", &spec_metadata_shape, &doc->metadata);
    if (def == NULL)
        return;
    doc->kind = def->kind;
    doc->kind_text = (struct spec_text){slice_of(def->name), validate_node_place(kind)};
    doc->u.any = arena_calloc(v->arena, 1, def->shape->size);
    if (doc->u.any == NULL) {
        v->nomem = true;
        return;
    }
    read_part(v, root, "spec", def->shape, doc->u.any);
    if (def->kind == SPEC_API)
        validate_api(v, doc->u.api);
    else if (def->kind == SPEC_STAGE)
        validate_stage_alone(v, doc->u.stage);
    else
        validate_upstream(v, doc->u.upstream);
}

int validate_document(const struct validate_source *src, const struct yml_node *root, struct arena *a, struct spec_document **out,
                      struct diag_list *diags)
{
    struct validate v = {.src = src, .arena = a, .diags = diags};
    struct spec_document *doc = arena_calloc(a, 1, sizeof(*doc));
    struct spec_place at = validate_node_place(root);

    if (doc == NULL)
        return -ERR_NOMEM;
    if (root->type != YML_MAP) {
        diag_hint(diags, validate_error(&v, "SL2005", &at, NULL, "a document must be a map, not %s", yml_type_words(root)),
                  "it begins with apiVersion: " SPEC_API_VERSION);
        return -ERR_INVALID;
    }
    if (!is_foreign(&v, root))
        read_document(&v, root, doc);
    if (v.nomem)
        return -ERR_NOMEM;
    if (v.bad)
        return -ERR_INVALID;
    *out = doc;
    return 0;
}
