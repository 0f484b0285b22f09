/* Resources, encoded. */
#include <stdlib.h>

#include "base/must.h"
#include "bundle.pb-c.h"
#include "compile/compile_int.h"

int compile_begin(struct compile *c, struct slice id, const uint8_t input[32])
{
    struct compile_unit *u = calloc(1, sizeof(*u));

    memset(c, 0, sizeof(*c));
    vec_init(&c->resources, sizeof(struct compile_resource));
    if (u == NULL)
        return -ERR_NOMEM;
    c->unit = u;
    ref_init(&u->ref);
    arena_init(&u->arena, 16384, 0);
    memcpy(u->input, input, sizeof(u->input));
    u->id = arena_dup(&u->arena, id);
    c->part = u->id;
    return u->id.p == NULL ? -ERR_NOMEM : 0;
}

static uint8_t *scratch(struct compile *c, size_t n)
{
    if (c->scratch_size < n) {
        size_t size = n < 4096 ? 4096 : n * 2;
        uint8_t *p = realloc(c->scratch, size);

        if (p == NULL)
            return NULL;
        c->scratch = p;
        c->scratch_size = size;
    }
    return c->scratch;
}

int compile_add(struct compile *c, const char *type, struct slice key, const ProtobufCMessage *body)
{
    Sluice__Bundle__V1__Resource resource;
    struct compile_resource r = {.type = slice_of(type), .key = arena_dup(&c->unit->arena, key)};
    size_t n = protobuf_c_message_get_packed_size(body), head = 1;
    uint8_t *out;

    sluice__bundle__v1__resource__init(&resource);
    resource.body.data = scratch(c, n + 1);
    if (r.key.p == NULL || resource.body.data == NULL)
        return -ERR_NOMEM;
    MUST(key.n <= BUNDLE_KEY_MAX);
    resource.body.len = protobuf_c_message_pack(body, resource.body.data);
    resource.type = compile_text(r.type);
    resource.key = compile_text(r.key);
    resource.part = compile_text(c->part);
    n = sluice__bundle__v1__resource__get_packed_size(&resource);
    out = arena_alloc(&c->unit->arena, n + 6);
    if (out == NULL)
        return -ERR_NOMEM;
    out[0] = 0x0a; /* Leaf.resources, length-delimited */
    for (size_t left = n;; left >>= 7) {
        out[head++] = (uint8_t)(left < 0x80 ? left : (left & 0x7f) | 0x80);
        if (left < 0x80)
            break;
    }
    n = head + sluice__bundle__v1__resource__pack(&resource, out + head);
    r.bytes = slice_from(out, n);
    r.leaf = (uint16_t)leaf_index(r.type, r.key);
    c->unit->bytes += n;
    return vec_push(&c->resources, &r) == NULL ? -ERR_NOMEM : 0;
}

static int compare(const void *a, const void *b)
{
    const struct compile_resource *x = a, *y = b;
    int c;

    if (x->leaf != y->leaf)
        return x->leaf < y->leaf ? -1 : 1;
    c = slice_cmp(x->type, y->type);
    return c != 0 ? c : slice_cmp(x->key, y->key);
}

int compile_end(struct compile *c, int rc, struct compile_unit **out, struct err *e)
{
    struct compile_unit *u = c->unit;

    if (rc == 0 && c->resources.n > 0) {
        struct compile_resource *p = arena_alloc(&u->arena, c->resources.n * sizeof(*p));

        if (p == NULL)
            rc = -ERR_NOMEM;
        else {
            memcpy(p, c->resources.p, c->resources.n * sizeof(*p));
            qsort(p, c->resources.n, sizeof(*p), compare);
            u->resources = p;
            u->n_resources = (uint32_t)c->resources.n;
        }
    }
    vec_fini(&c->resources);
    free(c->scratch);
    if (rc != 0) {
        compile_unit_unref(u);
        return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "compile") : rc;
    }
    *out = u;
    return 0;
}

struct compile_unit *compile_unit_ref(struct compile_unit *u)
{
    ref_take(&u->ref);
    return u;
}

void compile_unit_unref(struct compile_unit *u)
{
    if (u == NULL || !ref_drop(&u->ref))
        return;
    arena_fini(&u->arena);
    free(u);
}
