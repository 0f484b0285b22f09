#include "net/grpc_pb.h"

#include "base/err.h"

static int take_varint(struct slice *in, uint64_t *out)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 10 && i < in->n; i++) {
        unsigned char b = (unsigned char)in->p[i];

        if (i == 9 && b > 1)
            return -ERR_SYNTAX;
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if ((b & 0x80) == 0) {
            *in = slice_sub(*in, i + 1, in->n);
            *out = v;
            return 0;
        }
    }
    return -ERR_SYNTAX;
}

static int take_fixed(struct slice *in, size_t n, uint64_t *out)
{
    if (in->n < n)
        return -ERR_SYNTAX;
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out |= (uint64_t)(unsigned char)in->p[i] << (8 * i);
    *in = slice_sub(*in, n, in->n);
    return 0;
}

int grpc_pb_next(struct slice *in, struct grpc_pb_field *out)
{
    uint64_t tag;

    if (in->n == 0)
        return 0;
    if (take_varint(in, &tag) != 0 || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return -ERR_SYNTAX;
    *out = (struct grpc_pb_field){.number = (uint32_t)(tag >> 3), .is_bytes = (tag & 7) == 2};
    switch (tag & 7) {
    case 0:
        return take_varint(in, &out->value) != 0 ? -ERR_SYNTAX : 1;
    case 1:
        return take_fixed(in, 8, &out->value) != 0 ? -ERR_SYNTAX : 1;
    case 5:
        return take_fixed(in, 4, &out->value) != 0 ? -ERR_SYNTAX : 1;
    case 2:
        if (take_varint(in, &out->value) != 0 || out->value > in->n)
            return -ERR_SYNTAX;
        out->bytes = slice_sub(*in, 0, out->value);
        *in = slice_sub(*in, out->value, in->n);
        return 1;
    default:
        return -ERR_SYNTAX;
    }
}

static int put_varint(struct buf *b, uint64_t v)
{
    unsigned char out[10];
    size_t n = 0;

    do {
        out[n++] = (unsigned char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        v >>= 7;
    } while (v != 0);
    return buf_append(b, out, n);
}

int grpc_pb_put_uint(struct buf *b, uint32_t number, uint64_t v)
{
    int rc = put_varint(b, (uint64_t)number << 3);

    return rc != 0 ? rc : put_varint(b, v);
}

int grpc_pb_put_bytes(struct buf *b, uint32_t number, struct slice v)
{
    int rc = put_varint(b, (uint64_t)number << 3 | 2);

    if (rc == 0)
        rc = put_varint(b, v.n);
    return rc != 0 || v.n == 0 ? rc : buf_append(b, v.p, v.n);
}
