#include "diag/diag.h"

#include <stdlib.h>

#include "base/must.h"

#define MESSAGE_MAX 1000u

struct diag_source {
    struct slice file, text;
    uint32_t first_line;
    struct diag_source *next;
};

void diag_init(struct diag_list *l)
{
    arena_init(&l->arena, 4096, 0);
    vec_init(&l->items, sizeof(struct diag));
    l->errors = l->warnings = l->dropped = 0;
    l->sources = NULL;
}

void diag_fini(struct diag_list *l)
{
    vec_fini(&l->items);
    arena_fini(&l->arena);
    l->sources = NULL;
}

void diag_source_add(struct diag_list *l, struct slice file, struct slice text, uint32_t first_line)
{
    struct diag_source *s = arena_alloc(&l->arena, sizeof(*s));

    if (s == NULL)
        return; /* diagnostics come without their source lines */
    *s = (struct diag_source){file, text, first_line, l->sources};
    l->sources = s;
}

void diag_source_clear(struct diag_list *l)
{
    l->sources = NULL;
}

/* Takes one line (without its end) off *rest; false when there is none. */
static bool take_line(struct slice *rest, struct slice *out)
{
    const char *nl = rest->n == 0 ? NULL : memchr(rest->p, '\n', rest->n);
    size_t n = nl == NULL ? rest->n : (size_t)(nl - rest->p);

    if (rest->p == NULL)
        return false;
    *out = slice_sub(*rest, 0, n > 0 && rest->p[n - 1] == '\r' ? n - 1 : n);
    *rest = nl == NULL ? SLICE_NONE : slice_sub(*rest, n + 1, rest->n);
    return true;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0u) == 0x80;
}

/* Cuts a long line so that the column is in it; *column is then that of the cut line. */
static struct slice cut_line(struct slice s, uint32_t *column)
{
    size_t at = 0, from = 0, to;

    for (uint32_t c = 1; c < *column && at < s.n; c++)
        do
            at++;
        while (at < s.n && is_continuation(s.p[at]));
    if (s.n <= DIAG_EXCERPT_BYTES)
        return s;
    if (at > DIAG_EXCERPT_BYTES / 2)
        from = at - DIAG_EXCERPT_BYTES / 2;
    while (from < s.n && is_continuation(s.p[from]))
        from++;
    to = from + DIAG_EXCERPT_BYTES < s.n ? from + DIAG_EXCERPT_BYTES : s.n;
    while (to > from && to < s.n && is_continuation(s.p[to]))
        to--;
    *column = 1;
    for (size_t i = from; i < at && i < to; i++)
        *column += !is_continuation(s.p[i]);
    return slice_sub(s, from, to);
}

/* The lines [from, place.line] of a text; false when it does not have them. One pass: the text may be large. */
static bool copy_lines(struct diag_list *l, struct diag *d, struct slice text, uint32_t skip, uint32_t from)
{
    struct slice line;

    while (skip-- > 0)
        if (!take_line(&text, &line))
            return false;
    d->n_excerpt = 0;
    for (uint32_t number = from; number <= d->place.line; number++) {
        uint32_t column = number == d->place.line ? d->place.column : 1;

        if (!take_line(&text, &line))
            return false;
        line = arena_dup(&l->arena, cut_line(line, &column));
        if (line.p != NULL)
            d->excerpt[d->n_excerpt++] = (struct diag_excerpt){number, line};
        d->caret = column;
    }
    return true;
}

static void fill_excerpt(struct diag_list *l, struct diag *d)
{
    uint32_t line = d->place.line;

    for (const struct diag_source *s = l->sources; s != NULL && line > 0; s = s->next) {
        uint32_t from = line >= s->first_line + DIAG_EXCERPT_LINES ? line - (DIAG_EXCERPT_LINES - 1) : s->first_line;

        if (!slice_eq(s->file, d->place.file) || line < s->first_line)
            continue;
        if (copy_lines(l, d, s->text, from - s->first_line, from))
            return;
        d->n_excerpt = 0;
    }
}

static struct slice vformat(struct diag_list *l, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* A copy for people: cut at the bound, control characters made harmless. */
static struct slice vformat(struct diag_list *l, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static struct slice vformat(struct diag_list *l, const char *fmt, va_list ap)
{
    char text[MESSAGE_MAX + 1];
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    size_t len = n < 0 ? 0 : (size_t)n;

    if (len > MESSAGE_MAX) {
        len = MESSAGE_MAX;
        while (len > 0 && is_continuation(text[len]))
            len--;
    }
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
    return arena_dup(&l->arena, slice_from(text, len));
}

struct diag *diag_vadd(struct diag_list *l, enum diag_severity severity, const char *code, struct diag_place place,
                       struct slice path, const char *fmt, va_list ap)
{
    struct diag d = {.severity = severity, .place = place, .order = (uint32_t)l->items.n};
    bool full = severity == DIAG_ERROR ? l->errors++ >= DIAG_MAX : l->warnings++ >= DIAG_WARNINGS_MAX;

    if (full) {
        l->dropped++;
        return NULL;
    }
    (void)snprintf(d.code, sizeof(d.code), "%s", code);
    d.place.file = arena_dup(&l->arena, place.file);
    d.path = arena_dup(&l->arena, path);
    d.message = vformat(l, fmt, ap);
    fill_excerpt(l, &d);
    d.file_order = d.order;
    for (size_t i = 0; i < l->items.n; i++)
        if (slice_eq(VEC_AT(&l->items, struct diag, i).place.file, d.place.file)) {
            d.file_order = VEC_AT(&l->items, struct diag, i).file_order;
            break;
        }
    return vec_push(&l->items, &d);
}

struct diag *diag_add(struct diag_list *l, enum diag_severity severity, const char *code, struct diag_place place,
                      struct slice path, const char *fmt, ...)
{
    struct diag *d;
    va_list ap;

    va_start(ap, fmt);
    d = diag_vadd(l, severity, code, place, path, fmt, ap);
    va_end(ap);
    return d;
}

void diag_hint(struct diag_list *l, struct diag *d, const char *fmt, ...)
{
    va_list ap;

    if (d == NULL)
        return;
    va_start(ap, fmt);
    d->hint = vformat(l, fmt, ap);
    va_end(ap);
}

static int compare(const void *a, const void *b)
{
    const struct diag *x = a, *y = b;

    if (x->file_order != y->file_order)
        return x->file_order < y->file_order ? -1 : 1;
    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    if (x->place.column != y->place.column)
        return x->place.column < y->place.column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void diag_sort(struct diag_list *l)
{
    if (l->items.n > 1)
        qsort(l->items.p, l->items.n, sizeof(struct diag), compare);
}
