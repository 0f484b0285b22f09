#pragma once
/* Bundles for tests, fuzz targets and measurements: add resources in any order, get leaves, tables and bundles. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/slice.h"
#include "bundle/bundle.h"
#include "bundle/leaf_reader.h"
#include "bundle/wire.h"

struct mb_resource {
    struct slice type, key, body, part;
    uint32_t index;
};

struct mb {
    struct mb_resource *list;
    size_t n, size;
};

static inline struct slice mb_dup(struct slice s)
{
    char *p = malloc(s.n + 1);

    MUST(p != NULL);
    if (s.n != 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct slice){p, s.n};
}

static inline void mb_add(struct mb *m, struct slice type, struct slice key, struct slice body, struct slice part)
{
    if (m->n == m->size) {
        m->size = m->size == 0 ? 64 : m->size * 2;
        m->list = realloc(m->list, m->size * sizeof(*m->list));
        MUST(m->list != NULL);
    }
    m->list[m->n++] = (struct mb_resource){mb_dup(type), mb_dup(key), mb_dup(body), mb_dup(part), leaf_index(type, key)};
}

static inline void mb_drop(struct mb_resource *r)
{
    free((void *)(uintptr_t)r->type.p);
    free((void *)(uintptr_t)r->key.p);
    free((void *)(uintptr_t)r->body.p);
    free((void *)(uintptr_t)r->part.p);
}

static inline void mb_del(struct mb *m, struct slice type, struct slice key)
{
    for (size_t i = 0; i < m->n; i++) {
        if (!slice_eq(m->list[i].type, type) || !slice_eq(m->list[i].key, key))
            continue;
        mb_drop(&m->list[i]);
        m->list[i--] = m->list[--m->n];
    }
}

static inline void mb_fini(struct mb *m)
{
    for (size_t i = 0; i < m->n; i++)
        mb_drop(&m->list[i]);
    free(m->list);
    *m = (struct mb){NULL, 0, 0};
}

static inline int mb_order(const void *a, const void *b)
{
    const struct mb_resource *x = a, *y = b;
    int c;

    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    c = slice_cmp(x->type, y->type);
    return c != 0 ? c : slice_cmp(x->key, y->key);
}

static inline struct leaf *mb_leaf(const struct mb_resource *r, size_t n)
{
    size_t room = 64;
    struct wire_writer w;
    struct leaf *l;
    uint8_t *p;

    for (size_t i = 0; i < n; i++)
        room += r[i].type.n + r[i].key.n + r[i].body.n + r[i].part.n + 40;
    p = malloc(room);
    MUST(p != NULL);
    w = (struct wire_writer){p, p + room, false};
    for (size_t i = 0; i < n; i++) {
        uint8_t head[64];
        struct wire_writer h = {head, head + sizeof(head), false};
        struct slice f[4] = {r[i].type, r[i].key, r[i].body, r[i].part};
        size_t total = 0;

        for (uint32_t k = 0; k < 4; k++)
            if (f[k].n != 0)
                wire_put_head(&h, k + 1, f[k].n);
        total = (size_t)(h.p - head) + f[0].n + f[1].n + f[2].n + f[3].n;
        wire_put_head(&w, 1, total);
        for (uint32_t k = 0; k < 4; k++)
            wire_put_bytes(&w, k + 1, f[k]);
    }
    MUST(!w.full);
    l = leaf_new(p, (size_t)(w.p - p));
    free(p);
    return l;
}

/* A sealed table, one reference. */
static inline struct leaf_table *mb_table(struct mb *m)
{
    struct leaf_table *t = leaf_table_new();

    MUST(t != NULL);
    if (m->n != 0)
        qsort(m->list, m->n, sizeof(*m->list), mb_order);
    for (size_t i = 0, j; i < m->n; i = j) {
        for (j = i; j < m->n && m->list[j].index == m->list[i].index; j++)
            ;
        leaf_table_set(t, m->list[i].index, mb_leaf(m->list + i, j - i));
    }
    leaf_table_seal(t);
    return t;
}

static inline struct bundle *mb_bundle(struct mb *m, uint64_t epoch, uint64_t revision)
{
    struct bundle *b = bundle_new();

    MUST(b != NULL);
    b->version.epoch = epoch;
    b->version.revision = revision;
    (void)snprintf(b->cluster_id, sizeof(b->cluster_id), "c1");
    (void)snprintf(b->environment, sizeof(b->environment), "prod");
    b->empty_is_intended = m->n == 0;
    bundle_set_table(b, mb_table(m));
    return b;
}
