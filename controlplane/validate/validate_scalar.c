/* Values by their field's type. */
#include "validate/validate_int.h"

static void wrong_type(struct validate *v, const struct spec_field *f, const struct yml_node *n, const char *want,
                       const struct validate_path *path)
{
    struct spec_place at = validate_node_place(n);
    struct diag *d = validate_error(v, "SL2005", &at, path, "\"%s\" must be %s, not %s", f->name, want, yml_type_words(n));

    if (f->example != NULL)
        diag_hint(v->diags, d, "for example %s", f->example);
    else if (f->type == SPEC_TEXT && yml_is_scalar(n) && n->type != YML_NULL)
        diag_hint(v->diags, d, "write \"%.*s\" in quotes", SLICE_FMT(yml_text(n)));
}

static bool take_text(struct validate *v, const struct spec_field *f, const struct yml_node *n, struct spec_text *out,
                      const struct validate_path *path)
{
    if (n->type != YML_STRING && ((f->flags & SPEC_ANY_SCALAR) == 0 || !yml_is_scalar(n) || n->type == YML_NULL)) {
        wrong_type(v, f, n, "a string", path);
        return false;
    }
    *out = (struct spec_text){yml_text(n), validate_node_place(n)};
    return true;
}

static void read_text(struct validate *v, const struct spec_field *f, const struct yml_node *n, struct spec_text *out,
                      const struct validate_path *path)
{
    struct diag *d;

    if (!take_text(v, f, n, out, path))
        return;
    if ((int64_t)out->v.n < f->min || (int64_t)out->v.n > f->max) {
        if (out->v.n == 0)
            (void)validate_error(v, "SL2006", &out->at, path, "\"%s\" is empty", f->name);
        else
            (void)validate_error(v, "SL2006", &out->at, path, "\"%s\" has %zu bytes; at most %lld are allowed", f->name, out->v.n,
                                 (long long)f->max);
        return;
    }
    if ((f->flags & SPEC_IS_NAME) != 0 && !validate_name(out->v)) {
        d = validate_error(v, "SL2008", &out->at, path, "\"%.*s\" cannot be a name", SLICE_FMT(out->v));
        diag_hint(v->diags, d, "letters, digits, \".\", \"_\" and \"-\", beginning with a letter or a digit");
    }
}

static struct slice change_case(struct validate *v, struct slice s, bool upper)
{
    struct slice t = arena_dup(v->arena, s);
    char *p = (char *)(uintptr_t)t.p;

    if (p == NULL) {
        v->nomem = true;
        return s;
    }
    for (size_t i = 0; i < t.n; i++) {
        if (upper && p[i] >= 'a' && p[i] <= 'z')
            p[i] = (char)(p[i] - 0x20);
        else if (!upper && p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] + 0x20);
    }
    return t;
}

static bool has_upper_or_lower(struct slice s, char from, char to)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= from && s.p[i] <= to)
            return true;
    return false;
}

static void read_word(struct validate *v, const struct spec_field *f, const struct yml_node *n, struct spec_text *out,
                      const struct validate_path *path)
{
    struct diag_near near;
    struct diag *d;

    if (!take_text(v, f, n, out, path))
        return;
    if ((f->flags & SPEC_UPPER) != 0 && has_upper_or_lower(out->v, 'a', 'z'))
        out->v = change_case(v, out->v, true);
    else if ((f->flags & SPEC_LOWER) != 0 && has_upper_or_lower(out->v, 'A', 'Z'))
        out->v = change_case(v, out->v, false);
    diag_near_init(&near, out->v);
    for (const char *const *w = f->words; *w != NULL; w++) {
        if (slice_is(out->v, *w)) {
            out->v = slice_of(*w);
            return;
        }
        diag_near_offer(&near, slice_of(*w));
    }
    for (const char *const *w = f->later; w != NULL && *w != NULL; w++)
        if (slice_is(out->v, *w)) {
            d = validate_error(v, "SL2009", &out->at, path, "%s \"%s\" is not supported by this version", f->name, *w);
            diag_hint(v->diags, d, "supported: %.*s", SLICE_FMT(validate_list(v->arena, f->words)));
            return;
        }
    d = validate_error(v, "SL2007", &out->at, path, "\"%.*s\" is not a %s", SLICE_FMT(yml_text(n)), f->name);
    if (near.best.n > 0)
        diag_hint(v->diags, d, "did you mean \"%.*s\"?", SLICE_FMT(near.best));
    else
        diag_hint(v->diags, d, "one of %.*s", SLICE_FMT(validate_list(v->arena, f->words)));
}

static void read_int(struct validate *v, const struct spec_field *f, const struct yml_node *n, struct spec_int *out,
                     const struct validate_path *path)
{
    if (n->type != YML_INT) {
        wrong_type(v, f, n, "an integer", path);
        return;
    }
    out->at = validate_node_place(n);
    if (!yml_int(n, &out->v) || out->v < f->min || out->v > f->max)
        (void)validate_error(v, "SL2006", &out->at, path, "\"%s\" is %.*s; allowed are %lld to %lld", f->name, SLICE_FMT(yml_text(n)),
                             (long long)f->min, (long long)f->max);
}

/* "250ms", "1s", "5m", "1h". */
static bool parse_duration(struct slice s, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    int64_t n = 0;
    size_t i = 0;

    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        n = n * 10 + (s.p[i] - '0');
        if (n > 1000000000)
            return false;
    }
    for (size_t u = 0; i > 0 && u < sizeof(units) / sizeof(units[0]); u++)
        if (slice_is(slice_sub(s, i, s.n), units[u].unit)) {
            *out = n * units[u].ms;
            return true;
        }
    return false;
}

static void read_duration(struct validate *v, const struct spec_field *f, const struct yml_node *n, struct spec_int *out,
                          const struct validate_path *path)
{
    struct slice s = yml_text(n);
    struct diag *d;

    if (n->type == YML_SEQ || n->type == YML_MAP || n->type == YML_NULL || n->type == YML_BOOL) {
        wrong_type(v, f, n, "a duration", path);
        return;
    }
    out->at = validate_node_place(n);
    if (!parse_duration(s, &out->v)) {
        d = validate_error(v, "SL2012", &out->at, path, "\"%.*s\" is not a duration", SLICE_FMT(s));
        if (n->type == YML_INT)
            diag_hint(v->diags, d, "write the unit: %.*sms or %.*ss", SLICE_FMT(s), SLICE_FMT(s));
        else
            diag_hint(v->diags, d, "a whole number and ms, s, m or h: 250ms, 5s");
        return;
    }
    if (out->v < f->min || out->v > f->max)
        (void)validate_error(v, "SL2006", &out->at, path, "\"%s\" is %.*s; allowed are %lldms to %lldms", f->name, SLICE_FMT(s),
                             (long long)f->min, (long long)f->max);
}

/* An array for what a list or map holds; NULL: too many, or no memory. */
static void *room_for_items(struct validate *v, const struct spec_field *f, const struct yml_node *n, size_t size,
                            const struct validate_path *path)
{
    struct spec_place at = validate_node_place(n);
    void *room = NULL;

    if ((int64_t)n->n > f->max) {
        (void)validate_error(v, "SL2006", &at, path, "\"%s\" has %u entries; at most %lld are allowed", f->name, n->n, (long long)f->max);
        return NULL;
    }
    room = arena_calloc(v->arena, n->n, size);
    v->nomem = v->nomem || room == NULL;
    return room;
}

static void read_texts(struct validate *v, const struct spec_field *f, const struct yml_node *n, struct spec_texts *out,
                       const struct validate_path *path)
{
    if (n->type != YML_SEQ) {
        wrong_type(v, f, n, "a list of strings", path);
        return;
    }
    out->at = validate_node_place(n);
    out->p = room_for_items(v, f, n, sizeof(*out->p), path);
    if (out->p == NULL)
        return;
    for (uint32_t i = 0; i < n->n; i++) {
        struct validate_path item = {.up = path, .index = i};

        if (take_text(v, f, &n->u.child[i], &out->p[out->n], &item))
            out->n++;
    }
}

static void read_pairs(struct validate *v, const struct spec_field *f, const struct yml_node *n, struct spec_pairs *out,
                       const struct validate_path *path)
{
    if (n->type != YML_MAP) {
        wrong_type(v, f, n, "a map of names to strings", path);
        return;
    }
    out->at = validate_node_place(n);
    out->p = room_for_items(v, f, n, sizeof(*out->p), path);
    if (out->p == NULL)
        return;
    for (uint32_t i = 0; i < n->n; i++) {
        const struct yml_node *key = yml_key(n, i), *value = yml_value(n, i);
        struct spec_field as = *f;
        struct validate_path item = {.up = path, .key = yml_text(key)};
        struct spec_pair *p = &out->p[out->n];
        char name[128];

        (void)snprintf(name, sizeof(name), "%.*s", SLICE_FMT(yml_text(key)));
        as.name = name;
        as.example = NULL;
        as.type = SPEC_TEXT;
        p->name = (struct spec_text){yml_text(key), validate_node_place(key)};
        if (value->type == YML_NULL && (f->flags & SPEC_NULL_IS_EMPTY) != 0)
            p->value = (struct spec_text){SLICE_LIT(""), validate_node_place(value)};
        else if (!take_text(v, &as, value, &p->value, &item))
            continue;
        out->n++;
    }
}

void validate_scalar(struct validate *v, const struct spec_field *f, const struct yml_node *n, void *out,
                     const struct validate_path *path)
{
    switch (f->type) {
    case SPEC_TEXT: read_text(v, f, n, out, path); break;
    case SPEC_WORD: read_word(v, f, n, out, path); break;
    case SPEC_INT: read_int(v, f, n, out, path); break;
    case SPEC_DURATION: read_duration(v, f, n, out, path); break;
    case SPEC_TEXTS: read_texts(v, f, n, out, path); break;
    case SPEC_PAIRS: read_pairs(v, f, n, out, path); break;
    case SPEC_OBJECT:
    case SPEC_LIST:
    case SPEC_MAP:
    case SPEC_NAME_OR_OBJECT:
    case SPEC_LATER:
    default: break;
    }
}
