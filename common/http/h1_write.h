#pragma once
/* Writes HTTP/1 heads and chunk lines into a caller's memory. No printf, no allocation. What does not fit is not written, and `full`
 * stays set: check it once, at the end. The writers trust their input: values from templates pass http_value_is_valid first. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

struct h1_writer {
    char *p;   /* next free byte */
    char *end;
    bool full;
};

/* Room for the longest h1_write_chunk_size. */
#define H1_CHUNK_SIZE_MAX 18u
/* Ends a chunked body without trailers. */
#define H1_LAST_CHUNK "0\r\n\r\n"

static inline void h1_writer_init(struct h1_writer *w, char *p, size_t n)
{
    w->p = p;
    w->end = p + n;
    w->full = false;
}

static inline void h1_write_bytes(struct h1_writer *w, struct slice s)
{
    if (__builtin_expect((size_t)(w->end - w->p) < s.n, 0)) {
        w->full = true;
        w->end = w->p; /* nothing later may fit either: no gaps */
        return;
    }
    if (s.n != 0)
        memcpy(w->p, s.p, s.n);
    w->p += s.n;
}

/* "Name: value\r\n" */
static inline void h1_write_header(struct h1_writer *w, struct slice name, struct slice value)
{
    char *p = w->p;

    if (__builtin_expect((size_t)(w->end - p) < name.n + value.n + 4, 0)) {
        w->full = true;
        w->end = w->p;
        return;
    }
    memcpy(p, name.p, name.n);
    p += name.n;
    memcpy(p, ": ", 2);
    p += 2;
    if (value.n != 0)
        memcpy(p, value.p, value.n);
    p += value.n;
    memcpy(p, "\r\n", 2);
    w->p = p + 2;
}

/* The empty line behind the last header. */
static inline void h1_write_end(struct h1_writer *w)
{
    h1_write_bytes(w, SLICE_LIT("\r\n"));
}

/* "GET /a?b HTTP/1.1\r\n" */
void h1_write_request_line(struct h1_writer *w, struct slice method, struct slice target);
/* "HTTP/1.1 200 OK\r\n"; status 100 to 999. An empty reason: the table's own. */
void h1_write_status_line(struct h1_writer *w, unsigned status, struct slice reason);
/* Decimal digits. */
void h1_write_u64(struct h1_writer *w, uint64_t value);
/* "Name: 123\r\n" */
void h1_write_header_u64(struct h1_writer *w, struct slice name, uint64_t value);
/* "1f4\r\n": goes before `size` bytes of data, which "\r\n" follows. size is not 0: that is H1_LAST_CHUNK. */
void h1_write_chunk_size(struct h1_writer *w, uint64_t size);
