/* A tree to JSON, in the order of the source. */
#include <math.h>

#include "text/json.h"
#include "yaml/yml.h"

static int put_number(const struct yml_node *n, struct buf *out)
{
    struct slice s = yml_text(n);
    int64_t i;
    double d;

    if (yml_int(n, &i))
        return buf_printf(out, "%lld", (long long)i);
    if (!yml_number(n, &d))
        return json_write_string(out, s); /* an integer over 64 bits: its digits, not a rounded number */
    if (!isfinite(d))
        return buf_puts(out, SLICE_LIT("null"));
    for (int digits = 15; digits <= 17; digits++) {
        char text[40];

        (void)snprintf(text, sizeof(text), "%.*g", digits, d);
        if (digits == 17 || strtod(text, NULL) == d)
            return buf_printf(out, "%s", text);
    }
    return -ERR_INTERNAL;
}

static int new_line(struct buf *out, unsigned indent, unsigned depth)
{
    return indent == 0 ? 0 : buf_printf(out, "\n%*s", (int)(indent * depth), "");
}

static int write_at(const struct yml_node *n, struct buf *out, unsigned indent, unsigned depth);

static int write_collection(const struct yml_node *n, struct buf *out, unsigned indent, unsigned depth)
{
    bool map = n->type == YML_MAP;
    int rc = buf_append(out, map ? "{" : "[", 1);

    for (uint32_t i = 0; rc == 0 && i < n->n; i++) {
        if (i > 0)
            rc = buf_append(out, ",", 1);
        if (rc == 0)
            rc = new_line(out, indent, depth + 1);
        if (rc == 0 && map)
            rc = json_write_string(out, yml_text(yml_key(n, i)));
        if (rc == 0 && map)
            rc = buf_append(out, ": ", indent == 0 ? 1 : 2);
        if (rc == 0)
            rc = write_at(map ? yml_value(n, i) : &n->u.child[i], out, indent, depth + 1);
    }
    if (rc == 0 && n->n > 0)
        rc = new_line(out, indent, depth);
    return rc == 0 ? buf_append(out, map ? "}" : "]", 1) : rc;
}

static int write_at(const struct yml_node *n, struct buf *out, unsigned indent, unsigned depth)
{
    switch ((enum yml_type)n->type) {
    case YML_NULL:
        return buf_puts(out, SLICE_LIT("null"));
    case YML_BOOL:
        return buf_puts(out, yml_bool(n) ? SLICE_LIT("true") : SLICE_LIT("false"));
    case YML_INT:
    case YML_FLOAT:
        return put_number(n, out);
    case YML_STRING:
        return json_write_string(out, yml_text(n));
    case YML_SEQ:
    case YML_MAP:
        return write_collection(n, out, indent, depth);
    default:
        return -ERR_INTERNAL;
    }
}

int yml_write_json(const struct yml_node *n, struct buf *out, unsigned indent)
{
    return write_at(n, out, indent, 0);
}
