#include "cpctl/cpctl_out.h"

#include <stdarg.h>
#include <string.h>

#include "base/must.h"
#include "cpctl/cpctl_say.h"
#include "diag/diag.h"

#define GAP 3

void cpctl_table_init(struct cpctl_table *t, struct cpctl *c, const char *const *heads)
{
    t->c = c;
    vec_init(&t->cells, sizeof(const char *));
    for (t->columns = 0; heads[t->columns] != NULL; t->columns++)
        cpctl_table_cell(t, heads[t->columns]);
}

void cpctl_table_slice(struct cpctl_table *t, struct slice text)
{
    const char *clean = text.n == 0 ? "-" : cpctl_clean(t->c, text, false);

    if (clean == NULL || vec_push(&t->cells, &clean) == NULL)
        MUST(!"out of memory");
}

void cpctl_table_cell(struct cpctl_table *t, const char *text)
{
    cpctl_table_slice(t, slice_of(text));
}

void cpctl_table_printf(struct cpctl_table *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    cpctl_table_slice(t, arena_vprintf(&t->c->arena, fmt, ap));
    va_end(ap);
}

/* Characters, not bytes: continuation bytes do not count. */
static size_t width(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static size_t widest(const struct cpctl_table *t, size_t column)
{
    size_t most = 0;

    for (size_t i = column; i < t->cells.n; i += t->columns) {
        size_t n = width(VEC_AT(&t->cells, const char *, i));

        most = n > most ? n : most;
    }
    return most;
}

void cpctl_table_print(struct cpctl_table *t)
{
    size_t *widths = arena_calloc(&t->c->arena, t->columns, sizeof(*widths));

    MUST(widths != NULL);
    for (size_t k = 0; k < t->columns; k++)
        widths[k] = widest(t, k);
    for (size_t i = 0; i < t->cells.n; i++) {
        const char *cell = VEC_AT(&t->cells, const char *, i);
        size_t k = i % t->columns;
        bool last = k + 1 == t->columns;

        if (k == 0 && i < t->columns)
            fputs(cpctl_ink(t->c->color_out, CPCTL_INK_BOLD), t->c->out);
        fprintf(t->c->out, "%s%*s", cell, last ? 0 : (int)(widths[k] - width(cell) + GAP), "");
        if (last)
            fprintf(t->c->out, "%s\n", cpctl_ink(t->c->color_out && i < t->columns, CPCTL_INK_NONE));
    }
    vec_fini(&t->cells);
}

const char *cpctl_clean(struct cpctl *c, struct slice text, bool lines)
{
    char *p = arena_alloc(&c->arena, text.n + 1), *out = p;

    if (p == NULL)
        return NULL;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char byte = (unsigned char)text.p[i], next = i + 1 < text.n ? (unsigned char)text.p[i + 1] : 0;
        bool c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0; /* U+0080 to U+009F: some terminals obey them */

        if (c1 || ((byte < 0x20 || byte == 0x7f) && !(lines && (byte == '\n' || byte == '\t'))))
            *out++ = '?';
        else
            *out++ = text.p[i];
        i += c1;
    }
    *out = '\0';
    return p;
}

int cpctl_print_diags(struct cpctl *c, FILE *to, const struct diag_list *diags)
{
    struct buf b;
    int rc;

    buf_init(&b, 0);
    rc = diag_text(diags, &b, to == c->out ? c->color_out : c->color_err);
    if (rc == 0 && buf_len(&b) != 0)
        (void)fwrite(b.p + b.r, 1, buf_len(&b), to);
    buf_fini(&b);
    return rc;
}
