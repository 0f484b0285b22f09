#include "bundle/wire.h"

static int take_varint(struct slice *rest, uint64_t *out)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 10 && i < rest->n; i++) {
        uint8_t c = (uint8_t)rest->p[i];

        if (i == 9 && c > 1)
            return -1;
        v |= (uint64_t)(c & 0x7f) << (7 * i);
        if (c & 0x80)
            continue;
        if (c == 0 && i != 0)
            return -1; /* a needless byte: not canonical */
        *rest = slice_sub(*rest, i + 1, rest->n);
        *out = v;
        return 0;
    }
    return -1;
}

static int take_fixed(struct slice *rest, unsigned n, uint64_t *out)
{
    uint64_t v = 0;

    if (rest->n < n)
        return -1;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)(uint8_t)rest->p[i] << (8 * i);
    *rest = slice_sub(*rest, n, rest->n);
    *out = v;
    return 0;
}

static int take_bytes(struct slice *rest, struct slice *out)
{
    uint64_t n;

    if (take_varint(rest, &n) != 0 || n > rest->n)
        return -1;
    *out = slice_sub(*rest, 0, (size_t)n);
    *rest = slice_sub(*rest, (size_t)n, rest->n);
    return 0;
}

int wire_next(struct slice *rest, struct wire_field *out)
{
    struct slice at = *rest;
    uint64_t tag;
    int rc;

    if (at.n == 0)
        return 0;
    if (take_varint(&at, &tag) != 0 || tag >> 3 == 0 || tag > UINT32_MAX)
        return -1;
    *out = (struct wire_field){.number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7)};
    switch (out->type) {
    case WIRE_VARINT:
        rc = take_varint(&at, &out->value);
        break;
    case WIRE_FIXED64:
        rc = take_fixed(&at, 8, &out->value);
        break;
    case WIRE_FIXED32:
        rc = take_fixed(&at, 4, &out->value);
        break;
    case WIRE_BYTES:
        rc = take_bytes(&at, &out->bytes);
        break;
    default:
        rc = -1;
    }
    if (rc != 0)
        return -1;
    *rest = at;
    return 1;
}

static void put(struct wire_writer *w, const void *p, size_t n)
{
    if (w->full || (size_t)(w->end - w->p) < n) {
        w->full = true;
        return;
    }
    if (n != 0)
        memcpy(w->p, p, n);
    w->p += n;
}

void wire_put_varint(struct wire_writer *w, uint64_t v)
{
    uint8_t b[10];
    size_t n = 0;

    while (v >= 0x80) {
        b[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    b[n++] = (uint8_t)v;
    put(w, b, n);
}

void wire_put_u64(struct wire_writer *w, uint32_t number, uint64_t v)
{
    if (v == 0)
        return;
    wire_put_varint(w, (uint64_t)number << 3 | WIRE_VARINT);
    wire_put_varint(w, v);
}

void wire_put_head(struct wire_writer *w, uint32_t number, size_t n)
{
    wire_put_varint(w, (uint64_t)number << 3 | WIRE_BYTES);
    wire_put_varint(w, n);
}

void wire_put_bytes(struct wire_writer *w, uint32_t number, struct slice s)
{
    if (s.n == 0)
        return;
    wire_put_head(w, number, s.n);
    put(w, s.p, s.n);
}
