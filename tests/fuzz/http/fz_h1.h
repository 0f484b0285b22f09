#pragma once
/* What the HTTP/1 targets share. */
#include <stdint.h>
#include <stdlib.h>

#include "base/must.h"
#include "http/h1.h"

#define FIELDS 24

/* Every slice of a head lies within [p, p + n), or is one of the codec's own literals, or empty. */
static inline void check_inside(struct slice s, const char *p, size_t n)
{
    MUST(s.n == 0 || (s.p >= p && s.p + s.n <= p + n));
}

static inline void check_fields(const struct h1_head *h, const char *p, size_t n)
{
    MUST(h->n_headers <= h->headers_cap);
    for (uint32_t i = 0; i < h->n_headers; i++) {
        const struct h1_header *f = &h->headers[i];

        check_inside(f->name, p, n);
        check_inside(f->value, p, n);
        MUST(http_token_is_valid(f->name) && http_value_is_valid(f->value));
        MUST(f->id == (uint16_t)http_header_of(f->name));
        MUST(f->id == HTTP_HEADER_OTHER || slice_ieq(http_header_name((enum http_header)f->id), f->name));
    }
}
