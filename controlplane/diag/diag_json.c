/* Diagnostics as JSON, both ways. */
#include "diag/diag.h"
#include "text/json.h"

static void put(struct json_writer *w, const struct diag *d)
{
    json_begin_object(w);
    json_member_str(w, "severity", d->severity == DIAG_ERROR ? "error" : "warning");
    json_member_str(w, "code", d->code);
    json_member_slice(w, "file", d->place.file);
    json_member_uint(w, "line", d->place.line);
    json_member_uint(w, "column", d->place.column);
    json_member_uint(w, "width", d->place.width);
    json_member_slice(w, "path", d->path);
    json_member_slice(w, "message", d->message);
    json_member_slice(w, "hint", d->hint);
    json_key(w, "excerpt");
    json_begin_array(w);
    for (uint32_t i = 0; i < d->n_excerpt; i++) {
        json_begin_object(w);
        json_member_uint(w, "line", d->excerpt[i].line);
        json_member_slice(w, "text", d->excerpt[i].text);
        json_end_object(w);
    }
    json_end_array(w);
    json_member_uint(w, "caret", d->caret);
    json_end_object(w);
}

int diag_json(const struct diag_list *l, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 0);
    json_begin_array(&w);
    for (size_t i = 0; i < l->items.n; i++)
        put(&w, &VEC_AT(&l->items, struct diag, i));
    if (l->dropped > 0) { /* an entry of its own, so that nobody takes the list for complete */
        json_begin_object(&w);
        json_member_str(&w, "severity", "error");
        json_member_str(&w, "code", "SL2699");
        json_member_uint(&w, "dropped", l->dropped);
        json_member_uint(&w, "errors", l->errors);
        json_member_uint(&w, "warnings", l->warnings);
        json_end_object(&w);
    }
    json_end_array(&w);
    return json_writer_end(&w);
}

static uint32_t number(const struct json *v, const char *key)
{
    uint64_t n;

    return json_uint64(json_get_str(v, key), &n) == 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static struct slice text(const struct json *v, const char *key)
{
    return json_string(json_get_str(v, key), SLICE_LIT(""));
}

static void read_excerpt(struct diag_list *l, struct diag *d, const struct json *v)
{
    const struct json *list = json_get_str(v, "excerpt");

    d->n_excerpt = 0;
    for (const struct json *x = json_is(list, JSON_ARRAY) ? list->first : NULL; x != NULL && d->n_excerpt < DIAG_EXCERPT_LINES; x = x->next) {
        struct slice line = arena_dup(&l->arena, text(x, "text"));

        if (line.p != NULL)
            d->excerpt[d->n_excerpt++] = (struct diag_excerpt){number(x, "line"), line};
    }
    d->caret = number(v, "caret");
}

static void read_one(struct diag_list *l, const struct json *v)
{
    struct diag_place at = {text(v, "file"), number(v, "line"), number(v, "column"), number(v, "width")};
    enum diag_severity severity = slice_is(text(v, "severity"), "warning") ? DIAG_WARNING : DIAG_ERROR;
    char code[8];
    struct diag *d;

    if (json_get_str(v, "dropped") != NULL) {
        uint32_t errors = number(v, "errors"), warnings = number(v, "warnings");

        l->dropped += number(v, "dropped");
        l->errors = errors > l->errors ? errors : l->errors;
        l->warnings = warnings > l->warnings ? warnings : l->warnings;
        return;
    }
    (void)snprintf(code, sizeof(code), "%.*s", SLICE_FMT(text(v, "code")));
    d = diag_add(l, severity, code, at, text(v, "path"), "%.*s", SLICE_FMT(text(v, "message")));
    if (d == NULL)
        return;
    if (text(v, "hint").n > 0)
        diag_hint(l, d, "%.*s", SLICE_FMT(text(v, "hint")));
    read_excerpt(l, d, v);
}

int diag_read_json(struct diag_list *l, struct slice json, struct err *e)
{
    struct arena a;
    struct json *root;
    int rc;

    arena_init(&a, 0, 64u << 20);
    rc = json_read_err(&a, json, NULL, &root, e);
    if (rc == 0 && !json_is(root, JSON_ARRAY))
        rc = err_set(e, ERR_SYNTAX, "diagnostics are an array");
    for (const struct json *v = rc == 0 ? root->first : NULL; v != NULL; v = v->next)
        read_one(l, v);
    arena_fini(&a);
    return rc;
}
