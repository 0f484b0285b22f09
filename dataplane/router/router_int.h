#pragma once
/* Private to router/: the tree of segments. Nodes are numbers, 0 is none; a node's static children are entries of one table under
 * a keyed hash of (node, segment), so a lookup costs the same however many there are. */
#include "base/map.h"
#include "router/router.h"

#define ROUTER_ROOT 1u

struct router_entry {
    uint32_t parent, child;   /* child 0: free */
    uint32_t hash;
    uint32_t n;
    const char *p;
};

struct router_table {
    uint64_t k0, k1;
    uint32_t mask;
    struct router_entry *slots;
};

/* HTTP_METHOD_OTHER is nobody's method: its bit stands for ANY. */
#define ROUTER_ANY HTTP_METHOD_BIT(HTTP_METHOD_OTHER)
#define ROUTER_ANY_SET                                                                              \
    (HTTP_METHOD_BIT(HTTP_METHOD_DELETE) | HTTP_METHOD_BIT(HTTP_METHOD_GET) | HTTP_METHOD_BIT(HTTP_METHOD_HEAD) |  \
     HTTP_METHOD_BIT(HTTP_METHOD_OPTIONS) | HTTP_METHOD_BIT(HTTP_METHOD_PATCH) | HTTP_METHOD_BIT(HTTP_METHOD_POST) |  \
     HTTP_METHOD_BIT(HTTP_METHOD_PUT))

struct router_node {
    uint32_t param, greedy;   /* children */
    uint32_t first;           /* of its routes in router.routes, in the order of the bits of set */
    uint16_t set;             /* methods that end here */
    bool has_static;
};

struct router {
    struct router_table table;
    const struct router_node *nodes;
    const struct snap_route *const *routes;
};

struct snap_hosts {
    struct router_table table;                /* hosts below node 0, base paths below their host's node */
    const struct snap_stage *const *stages;   /* by node; NULL: none ends there */
    uint32_t any;                             /* the node of "every host"; 0: none */
    bool has_hosts;                           /* some stage is on a host of its own */
};

static inline uint32_t router_hash(const struct router_table *t, uint32_t parent, struct slice s)
{
    return (uint32_t)map_siphash(t->k0 ^ parent, t->k1, s.p, s.n);
}

/* The child of parent by that name, 0: none. */
static inline uint32_t router_find(const struct router_table *t, uint32_t parent, struct slice s)
{
    uint32_t hash = router_hash(t, parent, s);

    for (uint32_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        const struct router_entry *e = &t->slots[i];

        if (e->child == 0)
            return 0;
        if (e->hash == hash && e->parent == parent && e->n == s.n && memcmp(e->p, s.p, s.n) == 0)
            return e->child;
    }
}

/* The table while it is built, on the heap. */
struct router_growing {
    struct router_table table;
    uint32_t n;
};

void router_growing_init(struct router_growing *g);
void router_growing_fini(struct router_growing *g);
/* Keeps s.p. -ERR_NOMEM. */
MUST_USE int router_growing_add(struct router_growing *g, uint32_t parent, struct slice s, uint32_t child);
static inline uint32_t router_growing_find(const struct router_growing *g, uint32_t parent, struct slice s)
{
    return g->table.slots == NULL ? 0 : router_find(&g->table, parent, s);
}
/* Its final form in the arena; there is always at least one free slot. -ERR_NOMEM. */
MUST_USE int router_growing_seal(const struct router_growing *g, struct arena *a, struct router_table *out);

/* Cuts the next segment of a template or base path ("/a/b"): false at the end. */
static inline bool router_next_segment(struct slice *rest, struct slice *out)
{
    const char *slash;

    if (rest->n == 0)
        return false;
    rest->p++; /* the slash before */
    rest->n--;
    slash = rest->n == 0 ? NULL : memchr(rest->p, '/', rest->n);
    out->p = rest->p;
    out->n = slash == NULL ? rest->n : (size_t)(slash - rest->p);
    rest->p += out->n;
    rest->n -= out->n;
    return true;
}
