#pragma once
/* A bounded byte queue in one piece of memory: append at the end, consume at the front.
 * Readable bytes are [p + r, p + w). Owns its memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct buf {
    char *p;
    size_t r, w;
    size_t size;   /* allocated */
    size_t max;    /* 0: no bound */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/* Makes room for n more bytes behind w: 0, -ERR_LIMIT (over max), -ERR_NOMEM. May move the bytes. */
MUST_USE int buf_reserve(struct buf *b, size_t n);
MUST_USE int buf_append(struct buf *b, const void *p, size_t n);
MUST_USE int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
MUST_USE int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Drops n readable bytes from the front; n is at most what is readable. */
void buf_consume(struct buf *b, size_t n);
static inline int buf_puts(struct buf *b, struct slice s)
{
    return buf_append(b, s.p, s.n);
}

static inline size_t buf_len(const struct buf *b)
{
    return b->w - b->r;
}

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->p == NULL ? NULL : b->p + b->r, b->w - b->r};
}

static inline void buf_clear(struct buf *b)
{
    b->r = b->w = 0;
}
