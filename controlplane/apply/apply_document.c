/* Faces of one document: canonical YAML, JSON, diff, a Stage with other variables. */
#include "apply/apply_int.h"

static const struct world_doc *doc_of(const struct apply_document *d)
{
    return (const struct world_doc *)(const void *)((const char *)d - offsetof(struct world_doc, pub));
}

int apply_document_yaml(const struct apply_document *d, struct buf *out)
{
    return yml_write(doc_of(d)->root, out);
}

int apply_document_json(const struct apply_document *d, struct buf *out)
{
    return yml_write_json(doc_of(d)->root, out, 0);
}

static int name_side(const struct apply_document *d, const char *prefix, struct arena *a, struct slice *out)
{
    *out = d == NULL ? SLICE_LIT("/dev/null") : arena_printf(a, "%s/%.*s/%.*s", prefix, SLICE_FMT(d->kind), SLICE_FMT(d->name));
    return out->p == NULL ? -ERR_NOMEM : 0;
}

int apply_document_diff(const struct apply_document *before, const struct apply_document *after, struct buf *out)
{
    struct slice left, right;
    struct buf a, b;
    struct arena names;
    int rc;

    buf_init(&a, 0);
    buf_init(&b, 0);
    arena_init(&names, 1024, 0);
    rc = name_side(before, "before", &names, &left);
    if (rc == 0)
        rc = name_side(after, "after", &names, &right);
    if (rc == 0 && before != NULL)
        rc = apply_document_yaml(before, &a);
    if (rc == 0 && after != NULL)
        rc = apply_document_yaml(after, &b);
    if (rc == 0)
        rc = apply_diff(left, buf_slice(&a), right, buf_slice(&b), out);
    arena_fini(&names);
    buf_fini(&a);
    buf_fini(&b);
    return rc;
}

/* ---- a Stage with other variables ---- */

static struct yml_node string_node(struct slice s)
{
    return (struct yml_node){.type = YML_STRING, .style = YML_PLAIN, .width = 1, .line = 1, .column = 1, .n = (uint32_t)s.n, .u.p = s.p};
}

/* A copy of a map with room for more pairs. p NULL: no memory. map may be NULL (an empty one). */
static struct yml_node *copy_pairs(struct arena *a, const struct yml_node *map, size_t more)
{
    size_t n = map == NULL || map->type != YML_MAP ? 0 : map->n;
    struct yml_node *p = arena_calloc(a, 2 * (n + more), sizeof(*p));

    if (p != NULL && n > 0)
        memcpy(p, map->u.child, 2 * n * sizeof(*p));
    return p;
}

/* Replaces the value of a key, or adds the pair. */
static void set_pair(struct yml_node *pairs, uint32_t *n, struct slice key, struct yml_node value)
{
    uint32_t i = 0;

    while (i < *n && !slice_eq(yml_text(&pairs[2 * i]), key))
        i++;
    if (i == *n) {
        pairs[2 * i] = string_node(key);
        (*n)++;
    }
    pairs[2 * i + 1] = value;
}

static void unset_pair(struct yml_node *pairs, uint32_t *n, struct slice key)
{
    for (uint32_t i = 0; i < *n; i++)
        if (slice_eq(yml_text(&pairs[2 * i]), key)) {
            memmove(&pairs[2 * i], &pairs[2 * i + 2], 2 * (*n - i - 1) * sizeof(*pairs));
            (*n)--;
            return;
        }
}

static struct yml_node map_node(struct yml_node *pairs, uint32_t n)
{
    return (struct yml_node){.type = YML_MAP, .style = YML_BLOCK, .width = 1, .line = 1, .column = 1, .n = n, .u.child = pairs};
}

int apply_stage_text(const struct apply_document *d, const struct apply_variable *set, size_t n_set, const struct slice *unset,
                     size_t n_unset, struct buf *out, struct err *e)
{
    const struct yml_node *root = doc_of(d)->root, *spec = yml_get(root, "spec"), *old = yml_get(spec, "variables");
    struct yml_node *variables, *fields, *top, new_root;
    uint32_t n_variables, n_fields = spec->n, n_top = root->n;
    struct arena a;
    int rc = -ERR_NOMEM;

    if (!slice_is(d->kind, "Stage"))
        return err_set(e, ERR_INVALID, "%.*s \"%.*s\" has no stage variables", SLICE_FMT(d->kind), SLICE_FMT(d->name));
    arena_init(&a, 0, 0);
    variables = copy_pairs(&a, old, n_set);
    fields = copy_pairs(&a, spec, 1);
    top = copy_pairs(&a, root, 1);
    n_variables = old == NULL || old->type != YML_MAP ? 0 : old->n;
    if (variables != NULL && fields != NULL && top != NULL) {
        for (size_t i = 0; i < n_unset; i++)
            unset_pair(variables, &n_variables, unset[i]);
        for (size_t i = 0; i < n_set; i++)
            set_pair(variables, &n_variables, set[i].name, string_node(set[i].value));
        set_pair(fields, &n_fields, SLICE_LIT("variables"), map_node(variables, n_variables));
        set_pair(top, &n_top, SLICE_LIT("spec"), map_node(fields, n_fields));
        new_root = map_node(top, n_top);
        rc = yml_write(&new_root, out);
    }
    arena_fini(&a);
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "stage text");
}
