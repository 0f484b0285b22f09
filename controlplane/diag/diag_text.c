/* Diagnostics as people read them. */
#include "diag/diag.h"

#include "text/utf8.h"

struct paint {
    const char *bold, *error, *warning, *dim, *off;
};

static const struct paint PLAIN = {"", "", "", "", ""};
static const struct paint COLOUR = {"\033[1m", "\033[1;31m", "\033[1;33m", "\033[2m", "\033[0m"};

/* One source line: tabs and control characters as one blank each, so that the caret stands right; bytes that are no UTF-8 as
 * question marks. */
static int put_line(struct buf *out, struct slice s)
{
    int rc = buf_reserve(out, s.n + 1);

    while (rc == 0 && s.n > 0) {
        uint32_t c = 0;
        unsigned n = utf8_read(s, &c);

        if (n == 0)
            rc = buf_append(out, "?", 1);
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            rc = buf_append(out, " ", 1);
        else
            rc = buf_append(out, s.p, n);
        s = slice_sub(s, n == 0 ? 1 : n, s.n);
    }
    return rc;
}

static uint32_t characters(struct slice s)
{
    uint32_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0u) != 0x80;
    return n;
}

static int put_caret(struct buf *out, const struct diag *d, const struct paint *c)
{
    uint32_t length = characters(d->excerpt[d->n_excerpt - 1].text);
    uint32_t caret = d->caret == 0 ? 1 : d->caret, width = d->place.width == 0 ? 1 : d->place.width;
    int rc;

    if (caret > length + 1)
        caret = length + 1;
    if (caret + width > length + 1)
        width = length >= caret ? length + 1 - caret : 1;
    rc = buf_printf(out, "%s      | %s%*s%s", c->dim, c->off, (int)caret - 1, "", d->severity == DIAG_ERROR ? c->error : c->warning);
    for (uint32_t i = 0; rc == 0 && i < width; i++)
        rc = buf_append(out, "^", 1);
    if (rc == 0 && d->hint.n > 0)
        rc = buf_printf(out, " %.*s", SLICE_FMT(d->hint));
    return rc == 0 ? buf_printf(out, "%s\n", c->off) : rc;
}

static int put_place(struct buf *out, const struct diag_place *at)
{
    if (at->file.n == 0)
        return 0;
    if (at->line == 0)
        return buf_printf(out, "%.*s: ", SLICE_FMT(at->file));
    if (at->column == 0)
        return buf_printf(out, "%.*s:%u: ", SLICE_FMT(at->file), at->line);
    return buf_printf(out, "%.*s:%u:%u: ", SLICE_FMT(at->file), at->line, at->column);
}

static int put_diag(struct buf *out, const struct diag *d, const struct paint *c)
{
    int rc = buf_printf(out, "%s", c->bold);

    if (rc == 0)
        rc = put_place(out, &d->place);
    if (rc == 0)
        rc = buf_printf(out, "%s%s[%s]:%s %.*s\n", d->severity == DIAG_ERROR ? c->error : c->warning,
                        d->severity == DIAG_ERROR ? "error" : "warning", d->code, c->off, SLICE_FMT(d->message));
    for (uint32_t i = 0; rc == 0 && i < d->n_excerpt; i++) {
        rc = buf_printf(out, "%s%5u | %s", c->dim, d->excerpt[i].line, c->off);
        if (rc == 0)
            rc = put_line(out, d->excerpt[i].text);
        if (rc == 0)
            rc = buf_append(out, "\n", 1);
    }
    if (rc == 0 && d->n_excerpt > 0)
        return put_caret(out, d, c);
    if (rc == 0 && d->hint.n > 0)
        rc = buf_printf(out, "      = %.*s\n", SLICE_FMT(d->hint));
    return rc;
}

int diag_text(const struct diag_list *l, struct buf *out, bool colour)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < l->items.n; i++)
        rc = put_diag(out, &VEC_AT(&l->items, struct diag, i), colour ? &COLOUR : &PLAIN);
    if (rc == 0 && l->dropped > 0)
        rc = buf_printf(out, "... and %zu more\n", l->dropped);
    return rc;
}

int diag_count_text(const struct diag_list *l, struct buf *out)
{
    return buf_printf(out, "%zu error%s, %zu warning%s", l->errors, l->errors == 1 ? "" : "s", l->warnings,
                      l->warnings == 1 ? "" : "s");
}
