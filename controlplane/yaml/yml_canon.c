/* The canonical form: what equality and hashes of documents are made of. */
#include <stdlib.h>

#include "yaml/yml.h"

#define FEW 24u

static int put_sized(struct buf *out, char tag, struct slice s)
{
    unsigned char head[5] = {(unsigned char)tag, (unsigned char)(s.n >> 24), (unsigned char)(s.n >> 16),
                             (unsigned char)(s.n >> 8), (unsigned char)s.n};
    int rc = buf_append(out, head, sizeof(head));

    return rc == 0 ? buf_puts(out, s) : rc;
}

static int put_number(const struct yml_node *n, struct buf *out)
{
    char text[40];
    int64_t i;
    double d = 0;
    int len;

    if (n->type == YML_INT && yml_int(n, &i))
        len = snprintf(text, sizeof(text), "%lld", (long long)i);
    else if (n->type == YML_FLOAT && yml_number(n, &d))
        len = snprintf(text, sizeof(text), "%.17g", d);
    else
        return put_sized(out, 'i', yml_text(n)); /* over 64 bits: as written */
    return put_sized(out, n->type == YML_INT ? 'i' : 'f', slice_from(text, (size_t)len));
}

static int compare_keys(const void *a, const void *b)
{
    const struct yml_node *const *x = a, *const *y = b;

    return slice_cmp(yml_text(*x), yml_text(*y));
}

/* Short maps (nearly all) are sorted in place by insertion, without an allocation. */
static void sort_keys(const struct yml_node **keys, size_t n)
{
    if (n > FEW) {
        qsort(keys, n, sizeof(const struct yml_node *), compare_keys);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        const struct yml_node *k = keys[i];
        size_t j = i;

        for (; j > 0 && slice_cmp(yml_text(keys[j - 1]), yml_text(k)) > 0; j--)
            keys[j] = keys[j - 1];
        keys[j] = k;
    }
}

static int put_map(const struct yml_node *n, struct buf *out)
{
    const struct yml_node *few[FEW], **keys = few;
    int rc = 0;

    if (n->n > FEW) {
        keys = malloc(n->n * sizeof(const struct yml_node *));
        if (keys == NULL)
            return -ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n->n; i++)
        keys[i] = yml_key(n, i);
    sort_keys(keys, n->n);
    for (uint32_t i = 0; rc == 0 && i < n->n; i++) {
        rc = put_sized(out, 'k', yml_text(keys[i]));
        if (rc == 0)
            rc = yml_canonical(keys[i] + 1, out);
    }
    if (keys != few)
        free(keys);
    return rc;
}

int yml_canonical(const struct yml_node *n, struct buf *out)
{
    int rc;

    switch ((enum yml_type)n->type) {
    case YML_NULL:
        return buf_append(out, "n", 1);
    case YML_BOOL:
        return buf_append(out, yml_bool(n) ? "T" : "F", 1);
    case YML_INT:
    case YML_FLOAT:
        return put_number(n, out);
    case YML_STRING:
        return put_sized(out, 's', yml_text(n));
    case YML_SEQ:
        rc = buf_append(out, "[", 1);
        for (uint32_t i = 0; rc == 0 && i < n->n; i++)
            rc = yml_canonical(&n->u.child[i], out);
        return rc == 0 ? buf_append(out, "]", 1) : rc;
    case YML_MAP:
        rc = buf_append(out, "{", 1);
        if (rc == 0)
            rc = put_map(n, out);
        return rc == 0 ? buf_append(out, "}", 1) : rc;
    default:
        return -ERR_INTERNAL;
    }
}
