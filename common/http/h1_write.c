#include "http/h1_write.h"

#include "http/http.h"

void h1_write_request_line(struct h1_writer *w, struct slice method, struct slice target)
{
    char *p = w->p;

    if ((size_t)(w->end - p) < method.n + target.n + 12) {
        w->full = true;
        w->end = w->p;
        return;
    }
    memcpy(p, method.p, method.n);
    p += method.n;
    *p++ = ' ';
    memcpy(p, target.p, target.n);
    p += target.n;
    memcpy(p, " HTTP/1.1\r\n", 11);
    w->p = p + 11;
}

void h1_write_status_line(struct h1_writer *w, unsigned status, struct slice reason)
{
    struct slice line = http_status_line(status);
    char digits[3];

    if (reason.n == 0 && line.n != 0) {
        h1_write_bytes(w, line);
        return;
    }
    digits[0] = (char)('0' + status / 100 % 10);
    digits[1] = (char)('0' + status / 10 % 10);
    digits[2] = (char)('0' + status % 10);
    h1_write_bytes(w, SLICE_LIT("HTTP/1.1 "));
    h1_write_bytes(w, slice_from(digits, 3));
    h1_write_bytes(w, SLICE_LIT(" "));
    h1_write_bytes(w, reason);
    h1_write_end(w);
}

void h1_write_u64(struct h1_writer *w, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    h1_write_bytes(w, slice_from(digits + at, sizeof(digits) - at));
}

void h1_write_header_u64(struct h1_writer *w, struct slice name, uint64_t value)
{
    h1_write_bytes(w, name);
    h1_write_bytes(w, SLICE_LIT(": "));
    h1_write_u64(w, value);
    h1_write_end(w);
}

void h1_write_chunk_size(struct h1_writer *w, uint64_t size)
{
    char digits[H1_CHUNK_SIZE_MAX];
    size_t at = sizeof(digits);

    digits[--at] = '\n';
    digits[--at] = '\r';
    do {
        digits[--at] = "0123456789abcdef"[size & 15];
        size >>= 4;
    } while (size != 0);
    h1_write_bytes(w, slice_from(digits + at, sizeof(digits) - at));
}
