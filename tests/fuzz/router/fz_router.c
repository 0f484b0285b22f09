/* Any host, method and path against a fixed set of routes that has every kind of template; then any set of templates. */
#include <stdint.h>

#include "base/must.h"
#include "router/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *const fixed[] = {
    "GET /", "GET /a", "ANY /a/{x}", "POST /a/{x}/b", "GET /a/{g+}", "GET /{y}/b/{z}/c", "ANY /{all+}", "GET /a/b/c/d/e/f", "DELETE /{p}/{q}/{r}",
};

static struct arena fixed_arena;
static struct snap fixed_snap;

static const struct snap_stage *make_stage(struct arena *a, const struct slice *templates, size_t n, const char *base)
{
    struct snap_route *routes = arena_calloc(a, n, sizeof(*routes));
    struct snap_stage *s = arena_calloc(a, 1, sizeof(*s));
    struct router_fault fault;
    struct err e;

    MUST(routes != NULL && s != NULL);
    s->base_path = slice_of(base);
    for (size_t i = 0; i < n; i++) {
        const char *space = templates[i].n == 0 ? NULL : memchr(templates[i].p, ' ', templates[i].n);
        size_t at = space == NULL ? 0 : (size_t)(space - templates[i].p);

        if (space == NULL)
            return NULL;
        routes[i].stage = s;
        routes[i].method = slice_sub(templates[i], 0, at);
        routes[i].path = slice_sub(templates[i], at + 1, templates[i].n);
        if (router_template_params(a, routes[i].path, &routes[i].params, &routes[i].n_params, &routes[i].greedy, &e) != 0)
            return NULL;
    }
    return router_build(a, routes, n, &s->router, &fault, &e) == 0 ? s : NULL;
}

static void make_fixed(void)
{
    struct slice templates[ARRAY_LEN(fixed)];
    const struct snap_stage *stages[2];
    struct router_fault fault;
    struct err e;

    if (fixed_snap.hosts != NULL)
        return;
    arena_init(&fixed_arena, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        templates[i] = slice_of(fixed[i]);
    stages[0] = make_stage(&fixed_arena, templates, ARRAY_LEN(fixed), "");
    stages[1] = make_stage(&fixed_arena, templates, ARRAY_LEN(fixed), "/v1/x");
    MUST(router_hosts_build(&fixed_arena, stages, 2, &fixed_snap.hosts, &fault, &e) == 0);
}

static void ck_match(enum router_result rc, const struct router_match *m, struct slice path)
{
    MUST((rc == ROUTER_OK) == (m->route != NULL));
    MUST((rc == ROUTER_NO_STAGE) == (m->stage == NULL));
    MUST((rc == ROUTER_NO_METHOD) == (m->allow != 0) || rc == ROUTER_OK);
    if (rc != ROUTER_OK)
        return;
    MUST(m->n_values == m->route->n_params);
    for (uint16_t i = 0; i < m->n_values; i++) {
        struct slice v = m->values[i];

        MUST(v.n != 0 && v.p >= path.p && v.p + v.n <= path.p + path.n && v.p[0] != '/' && v.p[v.n - 1] != '/');
        MUST(memchr(v.p, '/', v.n) == NULL || (m->route->greedy && i + 1 == m->n_values));
    }
}

/* One template a line; the last line is the path. */
static void try_templates(struct slice in, enum http_method method)
{
    struct slice lines[33];
    const struct snap_stage *s;
    struct router_match m;
    struct arena a;
    size_t n = 0;

    while (in.n != 0 && n < ARRAY_LEN(lines)) {
        const char *end = memchr(in.p, '\n', in.n);

        lines[n] = slice_from(in.p, end == NULL ? in.n : (size_t)(end - in.p));
        in = slice_sub(in, lines[n].n + (end != NULL), in.n);
        n++;
    }
    if (n == 0)
        return;
    arena_init(&a, 0, 0);
    s = make_stage(&a, lines, n - 1, "");
    if (s != NULL)
        ck_match(router_match_stage(s, method, lines[n - 1], &m), &m, lines[n - 1]);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct slice in = slice_from(p, n);
    enum http_method method;
    struct router_match m;

    make_fixed();
    if (n < 2)
        return 0;
    method = (enum http_method)(p[0] % HTTP_METHOD_COUNT);
    in = slice_sub(in, 2, n);
    if (p[1] & 1)
        try_templates(in, method);
    else
        ck_match(router_match(&fixed_snap, SLICE_LIT("h.example"), method, in, &m), &m, in);
    return 0;
}
