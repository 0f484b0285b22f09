/* What has changed since the base, and so which parts must be built, from which resources. */
#include "loader/loader_int.h"
#include "text/utf8.h"

static int fail_leaf(struct loader *l, uint32_t index, const struct err *e)
{
    struct err named = *e;

    (void)err_prefix(&named, "leaf %u", (unsigned)index);
    return loader_fail_err(l->e, NULL, "", &named);
}

static int mark(struct loader *l, struct slice part)
{
    struct loader_plan *p = map_get(&l->plans, part);

    if (p != NULL)
        return 0;
    p = arena_calloc(&l->scratch, 1, sizeof(*p));
    if (p == NULL || vec_push(&l->plan_list, &p) == NULL)
        return loader_fail_memory(l->e, NULL);
    vec_init(&p->resources, sizeof(struct leaf_resource));
    p->name = arena_dup(&l->scratch, part);
    if (p->name.p == NULL || map_put(&l->plans, p->name, p, NULL) != 0)
        return loader_fail_memory(l->e, NULL);
    return 0;
}

static bool text_is_valid(struct slice s)
{
    return memchr(s.p, 0, s.n) == NULL && utf8_is_valid(s);
}

/* "stage/shop/prod" or "upstream/orders": the part that the key belongs to. */
static bool part_fits(const struct leaf_resource *r)
{
    static const struct slice stage = {"stage/", 6}, upstream = {"upstream/", 9};
    struct slice name;

    if (slice_is(r->type, "upstream"))
        return slice_starts(r->part, upstream) && slice_eq(slice_sub(r->part, upstream.n, r->part.n), r->key);
    if (!slice_starts(r->part, stage))
        return false;
    name = slice_sub(r->part, stage.n, r->part.n);
    if (slice_is(r->type, "stage"))
        return slice_eq(name, r->key);
    return r->key.n > name.n + 1 && slice_starts(r->key, name) && r->key.p[name.n] == '/';
}

static int check_resource(struct loader *l, const struct leaf_resource *r, uint32_t index)
{
    static const char *const types[] = {"stage", "route", "integration", "upstream"};
    size_t t = 0;

    if (!text_is_valid(r->type) || !text_is_valid(r->key) || !text_is_valid(r->part))
        return loader_fail(l->e, LOADER_DECODE, r, "", "type, key and part are UTF-8 text");
    while (t < ARRAY_LEN(types) && !slice_is(r->type, types[t]))
        t++;
    if (t == ARRAY_LEN(types))
        return loader_fail(l->e, LOADER_INVALID_RESOURCE, r, "type", "this program does not know the resource type");
    if (leaf_index(r->type, r->key) != index)
        return loader_fail(l->e, LOADER_INVALID_RESOURCE, r, "key", "the resource is in leaf %u, which is not its own",
                           (unsigned)index);
    if (!part_fits(r))
        return loader_fail(l->e, LOADER_INVALID_RESOURCE, r, "part", "the part \"%.*s\" is not the one of this key",
                           r->part.n > 200 ? 200 : (int)r->part.n, r->part.p);
    return 0;
}

/* A cursor over a leaf; done when there is none or it has ended. */
struct cursor {
    struct leaf_reader reader;
    struct leaf_resource at, last;
    bool done, first;
};

static int cursor_next(struct loader *l, struct cursor *c, uint32_t index, bool check)
{
    struct err e;
    int rc;

    c->last = c->at;
    rc = leaf_reader_next(&c->reader, &c->at, &e);
    c->done = rc == 0;
    if (rc < 0)
        return fail_leaf(l, index, &e);
    rc = 0;
    if (!c->done && check)
        rc = check_resource(l, &c->at, index);
    if (rc == 0 && !c->done && !c->first && leaf_resource_cmp(&c->last, &c->at) >= 0)
        rc = loader_fail(l->e, LOADER_INVALID_RESOURCE, &c->at, "key", "twice in the bundle, or out of order");
    c->first = false;
    return rc;
}

static int cursor_begin(struct loader *l, struct cursor *c, const struct leaf *leaf, uint32_t index, bool check)
{
    *c = (struct cursor){.first = true, .done = leaf == NULL};
    if (leaf == NULL)
        return 0;
    leaf_reader_init(&c->reader, slice_from(leaf->bytes, leaf->size));
    return cursor_next(l, c, index, check);
}

/* Two forms of a leaf side by side: the parts of whatever is not the same in both. */
static int diff_leaf(struct loader *l, uint32_t index)
{
    const struct leaf *was = l->base == NULL ? NULL : l->base->leaves->leaves[index];
    struct cursor a, b;
    int rc = cursor_begin(l, &a, was, index, false);

    if (rc == 0)
        rc = cursor_begin(l, &b, l->bundle->table->leaves[index], index, true);
    while (rc == 0 && !(a.done && b.done)) {
        int c = a.done ? 1 : b.done ? -1 : leaf_resource_cmp(&a.at, &b.at);
        bool same = c == 0 && slice_eq(a.at.body, b.at.body) && slice_eq(a.at.part, b.at.part);

        if (!same && c <= 0)
            rc = mark(l, a.at.part);
        if (rc == 0 && !same && c >= 0)
            rc = mark(l, b.at.part);
        if (rc == 0 && c <= 0)
            rc = cursor_next(l, &a, index, false);
        if (rc == 0 && c >= 0)
            rc = cursor_next(l, &b, index, true);
    }
    return rc;
}

static int collect(struct loader *l, const struct leaf *leaf, uint32_t index)
{
    struct loader_plan *plan = NULL;
    struct slice plan_of = SLICE_NONE;
    struct leaf_reader reader;
    struct leaf_resource r;
    struct err e;
    int rc;

    leaf_reader_init(&reader, slice_from(leaf->bytes, leaf->size));
    while ((rc = leaf_reader_next(&reader, &r, &e)) == 1) {
        if (plan_of.n == 0 || !slice_eq(plan_of, r.part)) {
            plan = map_get(&l->plans, r.part);
            plan_of = r.part;
        }
        if (plan != NULL && vec_push(&plan->resources, &r) == NULL)
            return loader_fail_memory(l->e, &r);
    }
    return rc < 0 ? fail_leaf(l, index, &e) : 0;
}

int loader_plan(struct loader *l)
{
    uint16_t changed[BUNDLE_LEAVES];
    size_t n = leaf_table_diff(l->base == NULL ? NULL : l->base->leaves, l->bundle->table, changed);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = diff_leaf(l, changed[i]);
    if (l->plan_list.n == 0)
        return rc;
    for (uint32_t i = 0; rc == 0 && i < BUNDLE_LEAVES; i++)
        if (l->bundle->table->leaves[i] != NULL)
            rc = collect(l, l->bundle->table->leaves[i], i);
    return rc;
}
