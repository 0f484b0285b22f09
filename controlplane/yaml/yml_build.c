#include "yaml/yml_build.h"

#include "base/must.h"

struct anchor {
    struct yml_node node;
    uint64_t weight;
};

void yml_build_init(struct yml_build *b, struct arena *a, struct slice file, uint32_t first_line, struct diag_list *diags)
{
    b->arena = a;
    b->file = file;
    b->diags = diags;
    b->first_line = first_line;
    vec_init(&b->stack, sizeof(struct yml_node));
    b->depth = b->nodes = b->alias_nodes = 0;
    b->weight = 0;
    map_init(&b->anchors);
    b->failed = false;
}

void yml_build_fini(struct yml_build *b)
{
    vec_fini(&b->stack);
    map_fini(&b->anchors);
}

int yml_build_fail(struct yml_build *b, enum err_code code, const char *diag_code, uint32_t line, uint32_t column,
                   uint32_t width, const char *hint, const char *fmt, ...)
{
    struct diag_place at = {b->file, line + b->first_line - 1, column, width};
    struct diag *d;
    va_list ap;

    va_start(ap, fmt);
    d = diag_vadd(b->diags, DIAG_ERROR, diag_code, at, SLICE_NONE, fmt, ap);
    va_end(ap);
    if (hint != NULL)
        diag_hint(b->diags, d, "%s", hint);
    b->failed = true;
    return -(int)code;
}

static int count_node(struct yml_build *b, const struct yml_node *n)
{
    if (++b->nodes > YML_NODES_MAX)
        return yml_build_fail(b, ERR_LIMIT, "SL1005", n->line, n->column, n->width, "split it into several documents",
                              "the document has more than %u values", YML_NODES_MAX);
    return 0;
}

/* A finished node goes onto the stack (its parent's children) and under its anchor. */
static int finish(struct yml_build *b, const struct yml_node *n, uint64_t weight, struct slice anchor)
{
    struct anchor *a;
    struct slice name;

    b->weight = weight;
    if (b->depth > 0)
        b->frames[b->depth - 1].weight += weight;
    if (vec_push(&b->stack, n) == NULL)
        return -ERR_NOMEM;
    if (anchor.n == 0)
        return 0;
    a = arena_alloc(b->arena, sizeof(*a));
    name = arena_dup(b->arena, anchor);
    if (a == NULL || name.p == NULL)
        return -ERR_NOMEM;
    *a = (struct anchor){*n, weight};
    return map_put(&b->anchors, name, a, NULL);
}

int yml_build_open(struct yml_build *b, struct yml_node n, struct slice anchor)
{
    int rc = count_node(b, &n);
    struct slice name = SLICE_NONE;

    if (rc != 0)
        return rc;
    if (b->depth >= YML_DEPTH_MAX)
        return yml_build_fail(b, ERR_LIMIT, "SL1004", n.line, n.column, n.width, NULL, "nested deeper than %u levels",
                              YML_DEPTH_MAX);
    if (anchor.n > 0) {
        name = arena_dup(b->arena, anchor);
        if (name.p == NULL)
            return -ERR_NOMEM;
    }
    b->frames[b->depth++] = (struct yml_frame){n, b->stack.n, 1, name};
    return 0;
}

int yml_build_scalar(struct yml_build *b, struct yml_node n, struct slice text, struct slice anchor)
{
    int rc = count_node(b, &n);

    if (rc != 0)
        return rc;
    if (text.n > YML_SCALAR_MAX)
        return yml_build_fail(b, ERR_LIMIT, "SL1005", n.line, n.column, 1, NULL, "a value of %zu bytes; at most %u are allowed",
                              text.n, YML_SCALAR_MAX);
    if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
        return yml_build_fail(b, ERR_SYNTAX, "SL1003", n.line, n.column, n.width, NULL, "a NUL character in a value");
    text = arena_dup(b->arena, text);
    if (text.p == NULL)
        return -ERR_NOMEM;
    n.n = (uint32_t)text.n;
    n.u.p = text.p;
    return finish(b, &n, 1, anchor);
}

int yml_build_alias(struct yml_build *b, struct yml_node n, struct slice name)
{
    const struct anchor *a;
    int rc = count_node(b, &n);

    if (rc != 0)
        return rc;
    for (size_t i = 0; i < b->depth; i++)
        if (b->frames[i].anchor.n > 0 && slice_eq(b->frames[i].anchor, name))
            return yml_build_fail(b, ERR_SYNTAX, "SL1008", n.line, n.column, n.width, NULL,
                                  "\"*%.*s\" stands inside of what it names", SLICE_FMT(name));
    a = map_get(&b->anchors, name);
    if (a == NULL)
        return yml_build_fail(b, ERR_SYNTAX, "SL1008", n.line, n.column, n.width, "an anchor stands before its aliases",
                              "there is no anchor \"&%.*s\"", SLICE_FMT(name));
    if (a->weight > YML_ALIAS_NODES_MAX || b->alias_nodes + a->weight > YML_ALIAS_NODES_MAX)
        return yml_build_fail(b, ERR_LIMIT, "SL1009", n.line, n.column, n.width, NULL,
                              "the aliases of this document stand for more than %u values", YML_ALIAS_NODES_MAX);
    b->alias_nodes += a->weight;
    return finish(b, &a->node, a->weight, SLICE_NONE);
}

static int check_key(struct yml_build *b, const struct yml_node *key)
{
    if (!yml_is_scalar(key))
        return yml_build_fail(b, ERR_SYNTAX, "SL1007", key->line, key->column, key->width, NULL, "a key must be a plain value, not %s",
                              yml_type_words(key));
    if (key->n > YML_KEY_MAX)
        return yml_build_fail(b, ERR_LIMIT, "SL1005", key->line, key->column, 1, NULL, "a key of %u bytes; at most %u are allowed",
                              key->n, YML_KEY_MAX);
    return 0;
}

static void tell_duplicate(struct yml_build *b, const struct yml_node *first, const struct yml_node *second)
{
    struct slice k = yml_text(second);
    char hint[128];

    (void)snprintf(hint, sizeof(hint), "the first one is at line %u, column %u%s", first->line + b->first_line - 1, first->column,
                   b->depth == 0 && slice_is(k, "apiVersion") ? "; is the line \"---\" between two documents missing?" : "");
    (void)yml_build_fail(b, ERR_SYNTAX, "SL1006", second->line, second->column, second->width, hint, "duplicate key \"%.*s\"",
                         SLICE_FMT(k));
}

/* Few keys are compared one with another, many by a hash map. All duplicates are told. */
static int check_duplicates(struct yml_build *b, const struct yml_node *kv, size_t n)
{
    struct map seen;
    int rc = 0;

    if (n <= 12) {
        for (size_t i = 1; i < n; i++)
            for (size_t j = 0; j < i; j++)
                if (slice_eq(yml_text(&kv[2 * i]), yml_text(&kv[2 * j]))) {
                    tell_duplicate(b, &kv[2 * j], &kv[2 * i]);
                    break;
                }
        return 0;
    }
    map_init(&seen);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct yml_node key = kv[2 * i], *copy;
        const struct yml_node *old = map_get(&seen, yml_text(&key));

        if (old != NULL) {
            tell_duplicate(b, old, &key);
            continue;
        }
        copy = arena_alloc(b->arena, sizeof(*copy));
        if (copy == NULL) {
            rc = -ERR_NOMEM;
            break;
        }
        *copy = key;
        rc = map_put(&seen, yml_text(copy), copy, NULL);
    }
    map_fini(&seen);
    return rc;
}

static bool is_merge(const struct yml_node *key)
{
    return key->style == YML_PLAIN && key->n == 2 && memcmp(key->u.p, "<<", 2) == 0;
}

/* Adds the pairs of one map that are not there yet. */
static int merge_map(struct yml_build *b, struct vec *pairs, struct map *seen, const struct yml_node *from)
{
    if (from->type != YML_MAP)
        return yml_build_fail(b, ERR_SYNTAX, "SL1010", from->line, from->column, from->width, NULL,
                              "\"<<\" merges a map or a list of maps, not %s", yml_type_words(from));
    for (uint32_t i = 0; i < from->n; i++) {
        int rc;

        if (map_get(seen, yml_text(yml_key(from, i))) != NULL)
            continue;
        if (vec_push(pairs, yml_key(from, i)) == NULL || vec_push(pairs, yml_value(from, i)) == NULL)
            return -ERR_NOMEM;
        rc = map_put(seen, yml_text(yml_key(from, i)), pairs, NULL);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* `<<: *base`: the pairs of base that the map lacks, behind its own. */
static int merge(struct yml_build *b, const struct yml_node *kv, size_t n, size_t at, struct vec *pairs)
{
    const struct yml_node *from = &kv[2 * at + 1];
    struct map seen;
    int rc = 0;

    map_init(&seen);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (i == at)
            continue;
        if (vec_push(pairs, &kv[2 * i]) == NULL || vec_push(pairs, &kv[2 * i + 1]) == NULL)
            rc = -ERR_NOMEM;
        else
            rc = map_put(&seen, yml_text(&kv[2 * i]), pairs, NULL);
    }
    if (rc == 0 && from->type != YML_SEQ)
        rc = merge_map(b, pairs, &seen, from);
    for (uint32_t i = 0; rc == 0 && from->type == YML_SEQ && i < from->n; i++)
        rc = merge_map(b, pairs, &seen, &from->u.child[i]);
    map_fini(&seen);
    return rc;
}

static int take_children(struct yml_build *b, struct yml_node *n, const struct yml_node *from, size_t count)
{
    struct yml_node *to = arena_alloc(b->arena, count * sizeof(*to));

    if (to == NULL)
        return -ERR_NOMEM;
    if (count > 0)
        memcpy(to, from, count * sizeof(*to));
    n->u.child = to;
    n->n = (uint32_t)(n->type == YML_MAP ? count / 2 : count);
    return 0;
}

static int close_map(struct yml_build *b, struct yml_node *n, const struct yml_node *kv, size_t count)
{
    struct vec pairs = VEC_INIT(struct yml_node);
    size_t merge_at = SIZE_MAX;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count / 2; i++) {
        rc = check_key(b, &kv[2 * i]);
        if (is_merge(&kv[2 * i]))
            merge_at = i;
    }
    if (rc == 0)
        rc = check_duplicates(b, kv, count / 2);
    if (rc != 0 || merge_at == SIZE_MAX)
        return rc != 0 ? rc : take_children(b, n, kv, count);
    rc = merge(b, kv, count / 2, merge_at, &pairs);
    if (rc == 0)
        rc = take_children(b, n, pairs.p, pairs.n);
    vec_fini(&pairs);
    return rc;
}

int yml_build_close(struct yml_build *b)
{
    struct yml_frame f;
    const struct yml_node *children;
    size_t count;
    int rc;

    MUST(b->depth > 0);
    f = b->frames[--b->depth];
    count = b->stack.n - f.start;
    children = count == 0 ? NULL : &VEC_AT(&b->stack, struct yml_node, f.start);
    rc = f.node.type == YML_MAP ? close_map(b, &f.node, children, count) : take_children(b, &f.node, children, count);
    if (rc != 0)
        return rc;
    b->stack.n = f.start;
    return finish(b, &f.node, f.weight, f.anchor);
}

int yml_build_root(struct yml_build *b, const struct yml_node **root)
{
    struct yml_node *n = arena_calloc(b->arena, 1, sizeof(*n));

    if (n == NULL)
        return -ERR_NOMEM;
    if (b->stack.n == 0)
        *n = (struct yml_node){.type = YML_NULL, .line = 1, .column = 1, .width = 1, .u.p = ""};
    else
        *n = VEC_AT(&b->stack, struct yml_node, 0);
    *root = n;
    return b->failed ? -ERR_SYNTAX : 0;
}
