#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

void buf_init(struct buf *b, size_t max)
{
    memset(b, 0, sizeof(*b));
    b->max = max;
}

void buf_fini(struct buf *b)
{
    free(b->p);
    buf_init(b, b->max);
}

int buf_reserve(struct buf *b, size_t n)
{
    size_t len = b->w - b->r, need, size;
    char *p;

    if (__builtin_add_overflow(len, n, &need))
        return -ERR_LIMIT;
    if (b->max != 0 && need > b->max)
        return -ERR_LIMIT;
    if (b->size - b->w >= n)
        return 0;
    if (need <= b->size && b->r >= b->size / 2) {
        memmove(b->p, b->p + b->r, len);
        b->r = 0;
        b->w = len;
        return 0;
    }
    for (size = b->size < 256 ? 256 : b->size; size < need + b->r; size *= 2)
        if (size > ((size_t)1 << 62))
            return -ERR_LIMIT;
    p = realloc(b->p, size);
    if (p == NULL)
        return -ERR_NOMEM;
    b->p = p;
    b->size = size;
    return 0;
}

int buf_append(struct buf *b, const void *p, size_t n)
{
    int rc = buf_reserve(b, n);

    if (rc != 0)
        return rc;
    if (n != 0)
        memcpy(b->p + b->w, p, n);
    b->w += n;
    return 0;
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n, rc;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        return -ERR_INTERNAL;
    rc = buf_reserve(b, (size_t)n + 1);
    if (rc != 0)
        return rc;
    (void)vsnprintf(b->p + b->w, (size_t)n + 1, fmt, ap);
    b->w += (size_t)n;
    return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return rc;
}

void buf_consume(struct buf *b, size_t n)
{
    MUST(n <= b->w - b->r);
    b->r += n;
    if (b->r == b->w)
        b->r = b->w = 0;
}
