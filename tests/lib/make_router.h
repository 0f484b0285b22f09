#pragma once
/* Stages and snapshots for router tests: from "GET /a/{b}" lines, without a bundle. */
#include <check.h>
#include <stdlib.h>

#include "base/must.h"
#include "router/router.h"

struct mr {
    struct arena arena;
    struct snap snap;
    struct snap_stage *stages[16];
    size_t n_stages;
    struct err err;
    struct router_fault fault;
};

static inline void mr_init(struct mr *m)
{
    memset(m, 0, sizeof(*m));
    arena_init(&m->arena, 65536, 0);
}

static inline void mr_fini(struct mr *m)
{
    arena_fini(&m->arena);
}

/* texts: "GET /a"; 0 or -ERR_X of the router. */
static inline int mr_stage(struct mr *m, const char *name, const char *host, const char *base_path, const char *const *texts,
                           size_t n)
{
    struct snap_route *routes = arena_calloc(&m->arena, n + 1, sizeof(*routes));
    struct snap_stage *s = arena_calloc(&m->arena, 1, sizeof(*s));
    int rc = 0;

    MUST(routes != NULL && s != NULL && m->n_stages < ARRAY_LEN(m->stages));
    s->api = SLICE_LIT("api");
    s->name = slice_of(name);
    s->base_path = slice_of(base_path);
    if (host != NULL) {
        struct slice *hosts = arena_alloc(&m->arena, sizeof(*hosts));

        hosts[0] = slice_of(host);
        s->hosts = hosts;
        s->n_hosts = 1;
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *space = strchr(texts[i], ' ');

        routes[i].stage = s;
        routes[i].method = slice_from(texts[i], (size_t)(space - texts[i]));
        routes[i].path = slice_of(space + 1);
        routes[i].operation = slice_of(texts[i]);
        rc = router_template_params(&m->arena, routes[i].path, &routes[i].params, &routes[i].n_params, &routes[i].greedy, &m->err);
    }
    if (rc == 0)
        rc = router_build(&m->arena, routes, n, &s->router, &m->fault, &m->err);
    if (rc == 0)
        m->stages[m->n_stages++] = s;
    return rc;
}

static inline int mr_seal(struct mr *m)
{
    return router_hosts_build(&m->arena, (const struct snap_stage *const *)m->stages, m->n_stages, &m->snap.hosts, &m->fault,
                              &m->err);
}
