/* Units to leaves. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/vec.h"
#include "compile/compile.h"

struct leaves {
    uint64_t dirty[BUNDLE_LEAVES / 64];
    size_t n_dirty;
    struct vec list;      /* const struct compile_resource *: all resources of the dirty leaves */
};

static void mark(struct leaves *l, uint16_t leaf)
{
    uint64_t bit = UINT64_C(1) << (leaf % 64);

    l->n_dirty += (l->dirty[leaf / 64] & bit) == 0;
    l->dirty[leaf / 64] |= bit;
}

static bool is_dirty(const struct leaves *l, uint16_t leaf)
{
    return (l->dirty[leaf / 64] >> (leaf % 64) & 1) != 0;
}

static int compare(const struct compile_resource *x, const struct compile_resource *y)
{
    int c;

    if (x->leaf != y->leaf)
        return x->leaf < y->leaf ? -1 : 1;
    c = slice_cmp(x->type, y->type);
    return c != 0 ? c : slice_cmp(x->key, y->key);
}

static int compare_refs(const void *a, const void *b)
{
    const struct compile_resource *const *x = a, *const *y = b;

    return compare(*x, *y);
}

/* Marks the leaves in which two forms of a unit differ. Either may be NULL. */
static void mark_differences(struct leaves *l, const struct compile_unit *a, const struct compile_unit *b)
{
    uint32_t i = 0, j = 0, n = a == NULL ? 0 : a->n_resources, m = b == NULL ? 0 : b->n_resources;

    while (i < n || j < m) {
        int c = i == n ? 1 : j == m ? -1 : compare(&a->resources[i], &b->resources[j]);

        if (c < 0)
            mark(l, a->resources[i++].leaf);
        else if (c > 0)
            mark(l, b->resources[j++].leaf);
        else {
            if (!slice_eq(a->resources[i].bytes, b->resources[j].bytes))
                mark(l, a->resources[i].leaf);
            i++;
            j++;
        }
    }
}

/* Both lists are sorted by id: side by side. */
static void find_dirty(struct leaves *l, struct compile_unit *const *units, size_t n, struct compile_unit *const *old, size_t n_old)
{
    size_t i = 0, j = 0;

    while (i < n || j < n_old) {
        int c = i == n ? 1 : j == n_old ? -1 : slice_cmp(units[i]->id, old[j]->id);

        if (c < 0)
            mark_differences(l, NULL, units[i++]);
        else if (c > 0)
            mark_differences(l, old[j++], NULL);
        else {
            if (units[i] != old[j])
                mark_differences(l, old[j], units[i]);
            i++;
            j++;
        }
    }
}

static int take(struct leaves *l, const struct compile_resource *r)
{
    return vec_push(&l->list, &r) == NULL ? -ERR_NOMEM : 0;
}

/* First resource of a leaf, by halves. */
static uint32_t first_of(const struct compile_unit *u, uint16_t leaf)
{
    uint32_t low = 0, high = u->n_resources;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (u->resources[mid].leaf < leaf)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int collect(struct leaves *l, const struct compile_unit *u)
{
    int rc = 0;

    if (l->n_dirty * 16 > u->n_resources) {
        for (uint32_t i = 0; rc == 0 && i < u->n_resources; i++)
            if (is_dirty(l, u->resources[i].leaf))
                rc = take(l, &u->resources[i]);
        return rc;
    }
    for (uint16_t leaf = 0; leaf < BUNDLE_LEAVES; leaf++) {
        if (!is_dirty(l, leaf))
            continue;
        for (uint32_t i = first_of(u, leaf); rc == 0 && i < u->n_resources && u->resources[i].leaf == leaf; i++)
            rc = take(l, &u->resources[i]);
    }
    return rc;
}

static int make_leaf(struct leaf_table *t, uint16_t index, const struct compile_resource *const *r, size_t n, struct buf *scratch,
                     struct err *e)
{
    struct leaf *leaf;

    buf_clear(scratch);
    for (size_t i = 0; i < n; i++)
        if (buf_puts(scratch, r[i]->bytes) != 0)
            return err_set(e, ERR_NOMEM, "leaf");
    if (buf_len(scratch) > CAPS_LEAF_MAX)
        return err_set(e, ERR_LIMIT, "a leaf of %zu bytes; at most %u are allowed (the largest resource is \"%.*s\")", buf_len(scratch),
                       CAPS_LEAF_MAX, SLICE_FMT(r[0]->key));
    leaf = leaf_new(scratch->p, buf_len(scratch));
    if (leaf == NULL)
        return err_set(e, ERR_NOMEM, "leaf");
    leaf_table_set(t, index, leaf);
    return 0;
}

static int make_leaves(struct leaves *l, struct leaf_table *t, struct err *e)
{
    const struct compile_resource **r = l->list.p;
    struct buf scratch;
    size_t at = 0;
    int rc = 0;

    if (l->list.n > 1)
        qsort(r, l->list.n, sizeof(const struct compile_resource *), compare_refs);
    for (uint16_t leaf = 0; leaf < BUNDLE_LEAVES; leaf++)
        if (is_dirty(l, leaf))
            leaf_table_set(t, leaf, NULL);
    buf_init(&scratch, 0);
    while (rc == 0 && at < l->list.n) {
        size_t end = at + 1;

        while (end < l->list.n && r[end]->leaf == r[at]->leaf)
            end++;
        rc = make_leaf(t, r[at]->leaf, r + at, end - at, &scratch, e);
        at = end;
    }
    buf_fini(&scratch);
    return rc;
}

static int check_bounds(struct compile_unit *const *units, size_t n, struct err *e)
{
    uint64_t routes = 0, bytes = 0;

    for (size_t i = 0; i < n; i++) {
        routes += units[i]->routes;
        bytes += units[i]->bytes;
    }
    if (routes > CAPS_ROUTES_MAX)
        return err_set(e, ERR_LIMIT, "%llu routes in one environment; at most %u are allowed", (unsigned long long)routes, CAPS_ROUTES_MAX);
    if (bytes > CAPS_BUNDLE_MAX)
        return err_set(e, ERR_LIMIT, "%llu bytes in one environment; at most %u are allowed", (unsigned long long)bytes, CAPS_BUNDLE_MAX);
    return 0;
}

int compile_leaves(struct compile_unit *const *units, size_t n, struct compile_unit *const *old, size_t n_old,
                   const struct leaf_table *old_table, struct leaf_table **out, struct err *e)
{
    struct leaves l = {.n_dirty = 0};
    struct leaf_table *t;
    int rc = check_bounds(units, n, e);

    if (rc != 0)
        return rc;
    t = old_table == NULL ? leaf_table_new() : leaf_table_copy(old_table);
    if (t == NULL)
        return err_set(e, ERR_NOMEM, "leaves");
    vec_init(&l.list, sizeof(const struct compile_resource *));
    find_dirty(&l, units, n, old, old_table == NULL ? 0 : n_old);
    for (size_t i = 0; rc == 0 && i < n && l.n_dirty > 0; i++)
        rc = collect(&l, units[i]);
    if (rc == -ERR_NOMEM)
        rc = err_set(e, ERR_NOMEM, "leaves");
    if (rc == 0)
        rc = make_leaves(&l, t, e);
    vec_fini(&l.list);
    if (rc != 0) {
        leaf_table_unref(t);
        return rc;
    }
    leaf_table_seal(t);
    *out = t;
    return 0;
}
