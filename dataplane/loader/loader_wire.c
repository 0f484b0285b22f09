#include <pb_common.h>

#include "bundle/wire.h"
#include "loader/loader_int.h"
#include "text/utf8.h"

#define DEPTH_MAX 4u /* messages within messages: the schema has three levels */

static int bad(struct loader_decode *d, uint32_t number, const char *what)
{
    d->rc = loader_fail(d->e, LOADER_DECODE, d->resource, "", "field %u %s", (unsigned)number, what);
    return d->rc;
}

static bool text_is_valid(struct slice s)
{
    return memchr(s.p, 0, s.n) == NULL && utf8_is_valid(s);
}

static int check_message(struct loader_decode *d, const pb_msgdesc_t *desc, struct slice bytes, unsigned depth);

static int check_bytes(struct loader_decode *d, const pb_field_iter_t *it, const struct wire_field *f, unsigned depth)
{
    if (f->type != WIRE_BYTES)
        return bad(d, f->number, "is not of its type");
    if (PB_LTYPE_IS_SUBMSG(it->type))
        return check_message(d, it->submsg_desc, f->bytes, depth + 1);
    if (f->bytes.n == 0 && PB_HTYPE(it->type) != PB_HTYPE_REPEATED)
        return bad(d, f->number, "is empty and written all the same");
    if (PB_LTYPE(it->type) == PB_LTYPE_STRING && f->bytes.n != 0 && !text_is_valid(f->bytes))
        return bad(d, f->number, "is not UTF-8 text");
    return 0;
}

static int check_field(struct loader_decode *d, pb_field_iter_t *it, const struct wire_field *f, uint32_t last, unsigned depth)
{
    if (!pb_field_iter_find(it, f->number))
        return bad(d, f->number, "is not known to this program");
    if (f->number < last || (f->number == last && PB_HTYPE(it->type) != PB_HTYPE_REPEATED))
        return bad(d, f->number, "is out of order");
    switch (PB_LTYPE(it->type)) {
    case PB_LTYPE_STRING:
    case PB_LTYPE_BYTES:
    case PB_LTYPE_SUBMESSAGE:
    case PB_LTYPE_SUBMSG_W_CB:
        return check_bytes(d, it, f, depth);
    default:
        if (f->type != WIRE_VARINT || f->value == 0)
            return bad(d, f->number, "is not of its type, or a default that is written all the same");
        if (it->data_size < 8 && f->value > UINT32_MAX)
            return bad(d, f->number, "is out of range");
        return 0;
    }
}

static int check_message(struct loader_decode *d, const pb_msgdesc_t *desc, struct slice bytes, unsigned depth)
{
    struct wire_field f;
    pb_field_iter_t it;
    uint32_t last = 0;
    char none[256] = {0}; /* larger than any message: the iterator computes addresses of members, and reads none of them */
    int rc;

    if (depth > DEPTH_MAX)
        return bad(d, 0, "is nested too deeply");
    if (!pb_field_iter_begin(&it, desc, none))
        return bytes.n == 0 ? 0 : bad(d, 0, "is not known to this program");
    while ((rc = wire_next(&bytes, &f)) == 1) {
        rc = check_field(d, &it, &f, last, depth);
        if (rc != 0)
            return rc;
        last = f.number;
    }
    return rc < 0 ? bad(d, last, "is followed by bytes that are no field") : 0;
}

int loader_wire_check(struct loader_decode *d, const pb_msgdesc_t *desc)
{
    return check_message(d, desc, d->resource->body, 0);
}
