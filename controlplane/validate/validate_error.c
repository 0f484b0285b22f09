#include "validate/validate_int.h"

struct diag_place validate_place(const struct validate_source *src, const struct spec_place *at)
{
    if (!spec_is_set(at))
        return (struct diag_place){src->file, src->line, 0, 0};
    return (struct diag_place){src->file, at->line + src->line - 1, at->column, at->width};
}

struct spec_place validate_node_place(const struct yml_node *n)
{
    return (struct spec_place){n->line, n->column, n->width, n->style};
}

static size_t put_path(const struct validate_path *p, char *out, size_t size)
{
    size_t n = 0;
    int len;

    if (p == NULL)
        return 0;
    n = put_path(p->up, out, size);
    if (n >= size)
        return n;
    if (p->name != NULL)
        len = snprintf(out + n, size - n, "%s%s", n > 0 ? "." : "", p->name);
    else if (p->key.p != NULL)
        len = snprintf(out + n, size - n, "%s%.*s", n > 0 ? "." : "", SLICE_FMT(p->key));
    else
        len = snprintf(out + n, size - n, "[%u]", p->index);
    return n + (len > 0 ? (size_t)len : 0);
}

static struct diag *add(struct validate *v, enum diag_severity severity, const char *code, struct diag_place at,
                        const struct validate_path *path, const char *fmt, va_list ap) __attribute__((format(printf, 6, 0)));

static struct diag *add(struct validate *v, enum diag_severity severity, const char *code, struct diag_place at,
                        const struct validate_path *path, const char *fmt, va_list ap)
{
    char text[512];
    size_t n = put_path(path, text, sizeof(text));

    if (severity == DIAG_ERROR)
        v->bad = true;
    return diag_vadd(v->diags, severity, code, at, slice_from(text, n < sizeof(text) ? n : sizeof(text) - 1), fmt, ap);
}

struct diag *validate_warning(struct validate *v, const char *code, const struct spec_place *at, const struct validate_path *path,
                              const char *fmt, ...)
{
    struct diag *d;
    va_list ap;

    va_start(ap, fmt);
    d = add(v, DIAG_WARNING, code, validate_place(v->src, at), path, fmt, ap);
    va_end(ap);
    return d;
}

struct diag *validate_error(struct validate *v, const char *code, const struct spec_place *at, const struct validate_path *path,
                            const char *fmt, ...)
{
    struct diag *d;
    va_list ap;

    va_start(ap, fmt);
    d = add(v, DIAG_ERROR, code, validate_place(v->src, at), path, fmt, ap);
    va_end(ap);
    return d;
}

struct diag *validate_error_in(struct validate *v, const char *code, const struct spec_text *t, size_t offset, size_t width,
                               const struct validate_path *path, const char *fmt, ...)
{
    bool full = v->diags->errors >= DIAG_MAX; /* only counted: no need to look for the place */
    struct yml_place in = full ? (struct yml_place){t->at.line, t->at.column}
                               : yml_locate(v->src->text, (enum yml_style)t->at.style, t->at.line, t->at.column, t->v, offset);
    struct spec_place at = {in.line, in.column, (uint16_t)(width > UINT16_MAX ? UINT16_MAX : width), t->at.style};
    struct diag *d;
    va_list ap;

    va_start(ap, fmt);
    d = add(v, DIAG_ERROR, code, validate_place(v->src, &at), path, fmt, ap);
    va_end(ap);
    return d;
}

void validate_suggest(struct validate *v, struct diag *d, const struct diag_near *near, const char *otherwise)
{
    if (near->best.n > 0)
        diag_hint(v->diags, d, "did you mean \"%.*s\"?", SLICE_FMT(near->best));
    else if (otherwise != NULL)
        diag_hint(v->diags, d, "%s", otherwise);
}

struct slice validate_list(struct arena *a, const char *const *words)
{
    struct slice s = SLICE_LIT("");

    for (; words != NULL && *words != NULL; words++)
        s = arena_printf(a, "%.*s%s%s", SLICE_FMT(s), s.n > 0 ? ", " : "", *words);
    return s.p == NULL ? SLICE_LIT("") : s;
}

bool validate_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!alnum && (i == 0 || (c != '.' && c != '_' && c != '-')))
            return false;
    }
    return s.n > 0 && s.n <= CAPS_NAME_MAX;
}
