#include "bundle/leaf_reader.h"

#include "bundle/wire.h"

void leaf_reader_init(struct leaf_reader *r, struct slice bytes)
{
    r->rest = bytes;
}

static int read_field(const struct wire_field *f, struct leaf_resource *out, struct err *e)
{
    static const struct {
        const char *name;
        size_t max; /* 0: the leaf's own bound */
    } bounds[] = {{"type", BUNDLE_TYPE_MAX}, {"key", BUNDLE_KEY_MAX}, {"body", 0}, {"part", BUNDLE_KEY_MAX}};
    struct slice *to[] = {&out->type, &out->key, &out->body, &out->part};

    if (f->number < 1 || f->number > 4)
        return err_set(e, ERR_SYNTAX, "field %u of a resource is not known", (unsigned)f->number);
    if (f->type != WIRE_BYTES || f->bytes.n == 0)
        return err_set(e, ERR_SYNTAX, "%s of a resource is not encoded canonically", bounds[f->number - 1].name);
    if (bounds[f->number - 1].max != 0 && f->bytes.n > bounds[f->number - 1].max)
        return err_set(e, ERR_LIMIT, "%s of a resource has %zu bytes, at most %zu", bounds[f->number - 1].name, f->bytes.n,
                       bounds[f->number - 1].max);
    *to[f->number - 1] = f->bytes;
    return 0;
}

int leaf_reader_next(struct leaf_reader *r, struct leaf_resource *out, struct err *e)
{
    struct wire_field f;
    struct slice rest;
    uint32_t last = 0;
    int rc = wire_next(&r->rest, &f);

    *out = (struct leaf_resource){SLICE_NONE, SLICE_NONE, SLICE_NONE, SLICE_NONE};
    if (rc == 0)
        return 0;
    if (rc < 0 || f.number != 1 || f.type != WIRE_BYTES)
        return err_set(e, ERR_SYNTAX, "a leaf is not encoded canonically");
    for (rest = f.bytes; (rc = wire_next(&rest, &f)) == 1; last = f.number) {
        if (f.number <= last)
            return err_set(e, ERR_SYNTAX, "the fields of a resource are not in order");
        rc = read_field(&f, out, e);
        if (rc != 0)
            return rc;
    }
    if (rc < 0)
        return err_set(e, ERR_SYNTAX, "a resource is cut or not encoded canonically");
    if (out->type.n == 0 || out->key.n == 0 || out->part.n == 0)
        return err_set(e, ERR_SYNTAX, "a resource without type, key or part");
    return 1;
}

int leaf_resource_cmp(const struct leaf_resource *a, const struct leaf_resource *b)
{
    int c = slice_cmp(a->type, b->type);

    return c != 0 ? c : slice_cmp(a->key, b->key);
}
