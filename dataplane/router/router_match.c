#include "router/router_int.h"

struct walk {
    const struct router *router;
    const char *end;              /* of the path, without trailing slashes */
    uint32_t method;              /* its bit; 0: no route can have it */
    struct router_match *out;
};

/* A path ends at node: the route of this method, or NULL. */
static const struct snap_route *ends_at(struct walk *w, uint32_t at)
{
    const struct router_node *node = &w->router->nodes[at];
    uint32_t bit = w->method;

    if ((node->set & bit) == 0) {
        w->out->allow |= node->set;
        if (bit == 0 || (node->set & ROUTER_ANY) == 0)
            return NULL;
        bit = ROUTER_ANY;
    }
    return w->router->routes[node->first + (uint32_t)__builtin_popcount(node->set & (bit - 1))];
}

static const struct snap_route *descend(struct walk *w, uint32_t at, const char *p);

static const struct snap_route *take_param(struct walk *w, uint32_t at, struct slice value, const char *next)
{
    const struct snap_route *r;

    w->out->values[w->out->n_values++] = value;
    r = descend(w, at, next);
    if (r == NULL)
        w->out->n_values--;
    return r;
}

/* One segment or more, without the slashes at either end. */
static const struct snap_route *take_greedy(struct walk *w, uint32_t at, const char *p)
{
    const struct snap_route *r = ends_at(w, at);

    if (r == NULL)
        return NULL;
    while (*p == '/')
        p++;
    w->out->values[w->out->n_values++] = (struct slice){p, (size_t)(w->end - p)};
    return r;
}

/* p: where the next segment begins; NULL: none is left. As deep as the deepest template, which has a bound. */
static const struct snap_route *descend(struct walk *w, uint32_t at, const char *p)
{
    const struct router_node *node = &w->router->nodes[at];
    const struct snap_route *r = NULL;
    const char *slash, *next;
    struct slice seg;

    if (p == NULL)
        return ends_at(w, at);
    slash = memchr(p, '/', (size_t)(w->end - p));
    next = slash == NULL ? NULL : slash + 1;
    seg = (struct slice){p, (size_t)((slash == NULL ? w->end : slash) - p)};
    if (seg.n != 0 && node->has_static) {
        uint32_t child = router_find(&w->router->table, at, seg);

        if (child != 0)
            r = descend(w, child, next);
    }
    if (r == NULL && seg.n != 0 && node->param != 0)
        r = take_param(w, node->param, seg, next);
    if (r == NULL && node->greedy != 0)
        r = take_greedy(w, node->greedy, p);
    return r;
}

enum router_result router_match_stage(const struct snap_stage *stage, enum http_method method, struct slice rest,
                                      struct router_match *out)
{
    struct walk w = {stage->router, rest.n == 0 ? rest.p : rest.p + rest.n, HTTP_METHOD_BIT(method) & ROUTER_ANY_SET, out};
    const char *p = rest.p;

    out->stage = stage;
    out->rest = rest;
    out->route = NULL;
    out->n_values = 0;
    out->allow = 0;
    if (rest.n != 0 && *p != '/')
        return ROUTER_NO_ROUTE; /* "*": no path */
    while (w.end > p && w.end[-1] == '/')
        w.end--;
    while (p < w.end && *p == '/')
        p++;
    out->route = descend(&w, ROUTER_ROOT, p == w.end ? NULL : p);
    if (out->route != NULL)
        return ROUTER_OK;
    if (out->allow & ROUTER_ANY)
        out->allow = (out->allow & ~ROUTER_ANY) | ROUTER_ANY_SET;
    return out->allow == 0 ? ROUTER_NO_ROUTE : ROUTER_NO_METHOD;
}

/* The stage with the longest base path below a host's node; *rest is cut to what is behind it. */
static const struct snap_stage *find_stage(const struct snap_hosts *h, uint32_t at, struct slice path, struct slice *rest)
{
    const struct snap_stage *best = h->stages[at];
    const char *p = path.p, *end = path.n == 0 ? path.p : path.p + path.n;

    *rest = path;
    while (p < end && *p == '/')
        p++;
    while (p < end) {
        const char *slash = memchr(p, '/', (size_t)(end - p)), *stop = slash == NULL ? end : slash;

        if (stop == p)
            break;
        at = router_find(&h->table, at, (struct slice){p, (size_t)(stop - p)});
        if (at == 0)
            break;
        if (h->stages[at] != NULL) {
            best = h->stages[at];
            *rest = (struct slice){stop, (size_t)(end - stop)};
        }
        p = slash == NULL ? end : slash + 1;
    }
    return best;
}

enum router_result router_match(const struct snap *s, struct slice host, enum http_method method, struct slice path,
                                struct router_match *out)
{
    const struct snap_hosts *h = s->hosts;
    const struct snap_stage *stage = NULL;
    struct slice rest = path;
    uint32_t at;

    if (path.n == 0 || *path.p == '/') {
        at = host.n == 0 || !h->has_hosts ? 0 : router_find(&h->table, 0, host);
        if (at != 0)
            stage = find_stage(h, at, path, &rest);
        if (stage == NULL && h->any != 0)
            stage = find_stage(h, h->any, path, &rest);
    }
    if (stage != NULL)
        return router_match_stage(stage, method, rest, out);
    out->stage = NULL;
    out->route = NULL;
    out->n_values = 0;
    out->allow = 0;
    out->rest = path;
    return ROUTER_NO_STAGE;
}
