#include <stdlib.h>

#include "base/vec.h"
#include "router/router_int.h"

_Static_assert(HTTP_METHOD_COUNT <= 16, "router_node.set has 16 bits");

struct build {
    struct router_growing table;
    struct vec nodes;      /* struct router_node */
    uint32_t *ends;        /* by route: its node */
    const struct snap_route *routes;
    size_t n;
};

static struct router_node *node_at(struct build *b, uint32_t i)
{
    return &VEC_AT(&b->nodes, struct router_node, i);
}

/* 0: no memory. */
static uint32_t add_node(struct build *b)
{
    if (b->nodes.n >= UINT32_MAX || vec_push(&b->nodes, NULL) == NULL)
        return 0;
    return (uint32_t)b->nodes.n - 1;
}

static int step_static(struct build *b, uint32_t at, struct slice seg, uint32_t *next)
{
    *next = router_growing_find(&b->table, at, seg);
    if (*next != 0)
        return 0;
    *next = add_node(b);
    if (*next == 0)
        return -ERR_NOMEM;
    node_at(b, at)->has_static = true;
    return router_growing_add(&b->table, at, seg, *next);
}

static int step_param(struct build *b, uint32_t at, bool greedy, uint32_t *next)
{
    *next = greedy ? node_at(b, at)->greedy : node_at(b, at)->param;
    if (*next != 0)
        return 0;
    *next = add_node(b);
    if (*next == 0)
        return -ERR_NOMEM;
    if (greedy)
        node_at(b, at)->greedy = *next;
    else
        node_at(b, at)->param = *next;
    return 0;
}

/* The node at which a template ends; the template has been checked. */
static int descend(struct build *b, struct slice path, uint32_t *out)
{
    struct slice seg;
    uint32_t at = ROUTER_ROOT;
    int rc;

    if (path.p[path.n - 1] == '/')
        path.n--;
    while (router_next_segment(&path, &seg)) {
        if (seg.p[0] == '{')
            rc = step_param(b, at, seg.p[seg.n - 2] == '+', &at);
        else
            rc = step_static(b, at, seg, &at);
        if (rc != 0)
            return rc;
    }
    *out = at;
    return 0;
}

static uint32_t method_bit(struct slice method)
{
    if (slice_is(method, "ANY"))
        return ROUTER_ANY;
    return HTTP_METHOD_BIT(http_method_of(method)) & ROUTER_ANY_SET;
}

static size_t place(const struct router_node *node, uint32_t bit)
{
    return node->first + (size_t)__builtin_popcount(node->set & (bit - 1));
}

static int same_place(const struct build *b, size_t i, struct router_fault *fault, struct err *e)
{
    const struct snap_route *r = &b->routes[i];

    *fault = (struct router_fault){i, "path"};
    for (size_t k = 0; k < i; k++)
        if (b->ends[k] == b->ends[i] && slice_eq(b->routes[k].method, r->method))
            return err_set(e, ERR_EXISTS, "no request could tell %.*s %.*s from %.*s", SLICE_FMT(r->method), SLICE_FMT(r->path),
                           SLICE_FMT(b->routes[k].path));
    return err_set(e, ERR_INTERNAL, "a route that is twice there");
}

static int add_route(struct build *b, size_t i, struct router_fault *fault, struct err *e)
{
    const struct snap_route *r = &b->routes[i];
    uint32_t bit = method_bit(r->method);
    struct router_node *node;
    int rc;

    *fault = (struct router_fault){i, "method"};
    if (bit == 0)
        return err_set(e, ERR_INVALID, "\"%.*s\" is not a method that a route can have", r->method.n > 40 ? 40 : (int)r->method.n,
                       r->method.p);
    fault->field = "path";
    rc = descend(b, r->path, &b->ends[i]);
    if (rc != 0)
        return err_set(e, (enum err_code)-rc, "no memory for the router");
    node = node_at(b, b->ends[i]);
    if (node->set & bit)
        return same_place(b, i, fault, e);
    node->set |= (uint16_t)bit;
    return 0;
}

/* All routes are known: each node gets a run of the list, each route its place in the run. */
static int seal(struct build *b, struct arena *a, const struct router **out)
{
    struct router *r = arena_calloc(a, 1, sizeof(*r));
    struct router_node *nodes = arena_alloc(a, b->nodes.n * sizeof(*nodes));
    const struct snap_route **list = arena_calloc(a, b->n, sizeof(*list));
    uint32_t next = 0;

    if (r == NULL || nodes == NULL || list == NULL || router_growing_seal(&b->table, a, &r->table) != 0)
        return -ERR_NOMEM;
    memcpy(nodes, b->nodes.p, b->nodes.n * sizeof(*nodes));
    for (size_t i = 0; i < b->nodes.n; i++) {
        nodes[i].first = next;
        next += (uint32_t)__builtin_popcount(nodes[i].set);
    }
    for (size_t i = 0; i < b->n; i++)
        list[place(&nodes[b->ends[i]], method_bit(b->routes[i].method))] = &b->routes[i];
    r->nodes = nodes;
    r->routes = list;
    *out = r;
    return 0;
}

static int build_all(struct build *b, struct arena *a, const struct router **out, struct router_fault *fault, struct err *e)
{
    int rc = 0;

    /* Node 0 is none, node 1 the root. */
    if (b->ends == NULL || vec_push(&b->nodes, NULL) == NULL || add_node(b) != ROUTER_ROOT)
        rc = -ERR_NOMEM;
    if (rc != 0)
        return err_set(e, ERR_NOMEM, "no memory for the router");
    for (size_t i = 0; rc == 0 && i < b->n; i++)
        rc = add_route(b, i, fault, e);
    if (rc == 0 && seal(b, a, out) != 0)
        rc = err_set(e, ERR_NOMEM, "no memory for the router");
    return rc;
}

int router_build(struct arena *a, const struct snap_route *routes, size_t n, const struct router **out,
                 struct router_fault *fault, struct err *e)
{
    struct build b = {.nodes = VEC_INIT(struct router_node), .routes = routes, .n = n};
    int rc;

    *fault = (struct router_fault){0, ""};
    router_growing_init(&b.table);
    b.ends = calloc(n + 1, sizeof(*b.ends));
    rc = build_all(&b, a, out, fault, e);
    free(b.ends);
    vec_fini(&b.nodes);
    router_growing_fini(&b.table);
    return rc;
}
