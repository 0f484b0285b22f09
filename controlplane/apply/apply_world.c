/* Worlds: their documents and environments. */
#include <stdlib.h>

#include "apply/apply_int.h"
#include "base/must.h"

struct slice world_key(struct slice kind, struct slice name, char buf[WORLD_KEY_MAX])
{
    int n = snprintf(buf, WORLD_KEY_MAX, "%.*s/%.*s", SLICE_FMT(kind), SLICE_FMT(name));

    return slice_from(buf, n < 0 ? 0 : n < (int)WORLD_KEY_MAX ? (size_t)n : WORLD_KEY_MAX - 1);
}

struct world_doc *world_doc_ref(struct world_doc *d)
{
    ref_take(&d->ref);
    return d;
}

void world_doc_unref(struct world_doc *d)
{
    if (d == NULL || !ref_drop(&d->ref))
        return;
    arena_fini(&d->arena);
    free(d);
}

int world_doc_compare(const void *a, const void *b)
{
    const struct world_doc *const *x = a, *const *y = b;
    int c = slice_cmp((*x)->pub.kind, (*y)->pub.kind);

    return c != 0 ? c : slice_cmp((*x)->pub.name, (*y)->pub.name);
}

struct world *world_ref(struct world *w)
{
    ref_take(&w->ref);
    return w;
}

void world_unref(struct world *w)
{
    if (w == NULL || !ref_drop(&w->ref))
        return;
    for (size_t i = 0; i < w->n_envs; i++) {
        for (size_t k = 0; k < w->envs[i].n_units; k++)
            compile_unit_unref(w->envs[i].units[k]);
        leaf_table_unref(w->envs[i].pub.leaves);
    }
    for (size_t i = 0; i < w->n_docs; i++)
        world_doc_unref(w->docs[i]);
    map_fini(&w->by_key);
    arena_fini(&w->arena);
    free(w);
}

struct world_doc *world_find(const struct world *w, struct slice kind, struct slice name)
{
    char key[WORLD_KEY_MAX];

    return w == NULL ? NULL : map_get(&w->by_key, world_key(kind, name, key));
}

const struct apply_document *world_each_document(const struct world *w, size_t *at)
{
    return *at < w->n_docs ? &w->docs[(*at)++]->pub : NULL;
}

const struct apply_document *world_document(const struct world *w, struct slice kind, struct slice name)
{
    const struct world_doc *d = world_find(w, kind, name);

    return d == NULL ? NULL : &d->pub;
}

size_t world_document_count(const struct world *w)
{
    return w->n_docs;
}

const struct world_environment *world_each_environment(const struct world *w, size_t *at)
{
    return *at < w->n_envs ? &w->envs[(*at)++].pub : NULL;
}

const struct world_environment *world_environment(const struct world *w, struct slice name)
{
    size_t low = 0, high = w->n_envs;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = slice_cmp(w->envs[mid].pub.name, name);

        if (c == 0)
            return &w->envs[mid].pub;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const char *apply_op_name(enum apply_op op)
{
    static const char *const names[] = {"created", "updated", "unchanged", "deleted"};

    MUST((size_t)op < ARRAY_LEN(names));
    return names[op];
}
