/* A tree to structs, by the tables of spec_shape.c. */
#include "base/must.h"
#include "validate/validate_int.h"

static const struct spec_field *find_field(const struct spec_shape *shape, struct slice name)
{
    for (const struct spec_field *f = shape->fields; f->name != NULL; f++)
        if (slice_is(name, f->name))
            return f;
    return NULL;
}

/* Returns the field that was probably meant, or NULL. */
static const struct spec_field *unknown_field(struct validate *v, const struct spec_shape *shape, const struct yml_node *key,
                                              const struct validate_path *path)
{
    struct validate_path own = {.up = path, .key = yml_text(key)};
    struct spec_place at = validate_node_place(key);
    const char *words[64];
    struct diag_near near;
    size_t n = 0;
    struct diag *d;

    diag_near_init(&near, yml_text(key));
    for (const struct spec_field *f = shape->fields; f->name != NULL; f++) {
        diag_near_offer(&near, slice_of(f->name));
        if (f->type != SPEC_LATER && n + 1 < ARRAY_LEN(words))
            words[n++] = f->name;
    }
    words[n] = NULL;
    d = validate_error(v, "SL2004", &at, &own, "%s has no field \"%.*s\"", shape->what, SLICE_FMT(yml_text(key)));
    if (near.best.n > 0)
        diag_hint(v->diags, d, "did you mean \"%.*s\"?", SLICE_FMT(near.best));
    else
        diag_hint(v->diags, d, "allowed here: %.*s", SLICE_FMT(validate_list(v->arena, words)));
    return near.best.n > 0 ? find_field(shape, near.best) : NULL;
}

static void *take_objects(struct validate *v, const struct spec_field *f, const struct yml_node *n, struct spec_objects *out,
                          const struct validate_path *path)
{
    out->at = validate_node_place(n);
    if ((int64_t)n->n > f->max) {
        (void)validate_error(v, "SL2006", &out->at, path, "\"%s\" has %u entries; at most %lld are allowed", f->name, n->n,
                             (long long)f->max);
        return NULL;
    }
    if ((int64_t)n->n < f->min) {
        (void)validate_error(v, "SL2006", &out->at, path, "\"%s\" is empty", f->name);
        return NULL;
    }
    out->p = arena_calloc(v->arena, n->n, f->shape->size);
    if (out->p == NULL)
        v->nomem = true;
    else
        out->n = n->n;
    return out->p;
}

static void wrong_type(struct validate *v, const struct spec_field *f, const struct yml_node *n, const char *want,
                       const struct validate_path *path)
{
    struct spec_place at = validate_node_place(n);

    (void)validate_error(v, "SL2005", &at, path, "\"%s\" must be %s, not %s", f->name, want, yml_type_words(n));
}

static void read_list(struct validate *v, const struct spec_field *f, const struct yml_node *n, struct spec_objects *out,
                      const struct validate_path *path)
{
    char *p;

    if (n->type != YML_SEQ) {
        wrong_type(v, f, n, "a list", path);
        return;
    }
    p = take_objects(v, f, n, out, path);
    for (uint32_t i = 0; p != NULL && i < n->n; i++) {
        struct validate_path item = {.up = path, .index = i};

        validate_shape(v, f->shape, &n->u.child[i], p + i * f->shape->size, &item);
    }
}

static void read_map(struct validate *v, const struct spec_field *f, const struct yml_node *n, struct spec_objects *out,
                     const struct validate_path *path)
{
    char *p;

    if (n->type != YML_MAP) {
        wrong_type(v, f, n, "a map", path);
        return;
    }
    p = take_objects(v, f, n, out, path);
    for (uint32_t i = 0; p != NULL && i < n->n; i++) {
        const struct yml_node *key = yml_key(n, i);
        struct validate_path item = {.up = path, .key = yml_text(key)};
        struct spec_object *o = (void *)(p + i * f->shape->size);

        validate_shape(v, f->shape, yml_value(n, i), o, &item);
        o->key = (struct spec_text){yml_text(key), validate_node_place(key)};
        if ((f->flags & SPEC_IS_NAME) != 0 && !validate_name(o->key.v)) {
            struct diag *d = validate_error(v, "SL2008", &o->key.at, &item, "\"%.*s\" cannot be a name", SLICE_FMT(o->key.v));

            diag_hint(v->diags, d, "letters, digits, \".\", \"_\" and \"-\", beginning with a letter or a digit");
        }
    }
}

static void read_name_or_object(struct validate *v, const struct spec_field *f, const struct yml_node *n, char *out,
                                const struct validate_path *path)
{
    void **inline_one = (void **)(void *)(out + f->offset2);

    if (n->type == YML_STRING) {
        *(struct spec_text *)(void *)(out + f->offset) = (struct spec_text){yml_text(n), validate_node_place(n)};
        return;
    }
    if (n->type != YML_MAP) {
        wrong_type(v, f, n, "a name or a map", path);
        return;
    }
    *inline_one = arena_calloc(v->arena, 1, f->shape->size);
    if (*inline_one == NULL)
        v->nomem = true;
    else
        validate_shape(v, f->shape, n, *inline_one, path);
}

static void read_field(struct validate *v, const struct spec_field *f, const struct yml_node *key, const struct yml_node *n, char *out,
                       const struct validate_path *path)
{
    struct spec_place at = validate_node_place(key);

    switch (f->type) {
    case SPEC_LATER:
        (void)validate_error(v, "SL2009", &at, path, "\"%s\" is not supported by this version", f->name);
        break;
    case SPEC_OBJECT:
        validate_shape(v, f->shape, n, out + f->offset, path);
        break;
    case SPEC_LIST:
        read_list(v, f, n, (void *)(out + f->offset), path);
        break;
    case SPEC_MAP:
        read_map(v, f, n, (void *)(out + f->offset), path);
        break;
    case SPEC_NAME_OR_OBJECT:
        read_name_or_object(v, f, n, out, path);
        break;
    case SPEC_TEXT:
    case SPEC_WORD:
    case SPEC_INT:
    case SPEC_DURATION:
    case SPEC_TEXTS:
    case SPEC_PAIRS:
    default:
        validate_scalar(v, f, n, out + f->offset, path);
        break;
    }
}

/* Required fields that are not there; the place is the object's. */
static void check_required(struct validate *v, const struct spec_shape *shape, const struct yml_node *n, uint64_t seen,
                           const struct validate_path *path)
{
    struct spec_place at = validate_node_place(n);

    at.width = 1;
    for (size_t i = 0; shape->fields[i].name != NULL; i++) {
        const struct spec_field *f = &shape->fields[i];
        struct diag *d;

        if ((f->flags & SPEC_REQUIRED) == 0 || (seen & (UINT64_C(1) << i)) != 0)
            continue;
        d = validate_error(v, "SL2003", &at, path, "%s has no \"%s\"", shape->what, f->name);
        if (f->example != NULL)
            diag_hint(v->diags, d, "add %s: %s", f->name, f->example);
        else if (f->words != NULL)
            diag_hint(v->diags, d, "add %s: one of %.*s", f->name, SLICE_FMT(validate_list(v->arena, f->words)));
        else
            diag_hint(v->diags, d, "add %s", f->name);
    }
}

void validate_shape(struct validate *v, const struct spec_shape *shape, const struct yml_node *n, void *out,
                    const struct validate_path *path)
{
    struct spec_object *object = out;
    uint64_t seen = 0;

    if (n->type != YML_MAP) {
        struct spec_place at = validate_node_place(n);

        (void)validate_error(v, "SL2005", &at, path, "%s must be a map, not %s", shape->what, yml_type_words(n));
        return;
    }
    object->at = validate_node_place(n);
    for (uint32_t i = 0; i < n->n; i++) {
        const struct yml_node *key = yml_key(n, i), *value = yml_value(n, i);
        const struct spec_field *f = find_field(shape, yml_text(key));
        struct validate_path own = {.up = path};

        if (f == NULL) {
            f = unknown_field(v, shape, key, path);
            if (f != NULL) /* it is not told a second time as missing */
                seen |= UINT64_C(1) << (f - shape->fields);
            continue;
        }
        own.name = f->name;
        if (value->type == YML_NULL && f->type != SPEC_LATER)
            continue; /* "field:" with nothing behind it: as if it were not there */
        MUST(f - shape->fields < 64);
        seen |= UINT64_C(1) << (f - shape->fields);
        read_field(v, f, key, value, out, &own);
    }
    check_required(v, shape, n, seen, path);
}
