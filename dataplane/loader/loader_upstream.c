#include "loader/loader_int.h"

struct held {
    uint32_t slot;
};

static void release(void *arg)
{
    const struct held *h = arg;

    snap_slot_release(h->slot);
}

int loader_hold_slot(struct arena *a, struct slice name, struct snap_slot *out)
{
    struct held *h = arena_alloc(a, sizeof(*h));
    int rc = h == NULL ? -ERR_NOMEM : snap_slot_take(name, out);

    if (rc != 0)
        return rc;
    h->slot = out->slot;
    rc = arena_hold(a, release, h);
    if (rc != 0)
        snap_slot_release(out->slot);
    return rc;
}

static const struct {
    const char *text;
    enum snap_policy policy;
} policies[] = {
    {"", SNAP_ROUND_ROBIN}, {"roundRobin", SNAP_ROUND_ROBIN}, {"leastRequest", SNAP_LEAST_REQUEST}, {"random", SNAP_RANDOM},
};

static int fill(struct loader *l, const struct leaf_resource *r, const struct def_upstream *def, struct snap_upstream *up)
{
    size_t p = 0;

    if (!slice_eq(def->name, r->key))
        return loader_fail(l->e, LOADER_INVALID_RESOURCE, r, "name", "\"%.*s\" is not the key", SLICE_FMT(def->name));
    if (def->n_endpoints == 0)
        return loader_fail(l->e, LOADER_INVALID_RESOURCE, r, "endpoints", "an upstream has at least one endpoint");
    while (p < ARRAY_LEN(policies) && !slice_is(def->policy, policies[p].text))
        p++;
    if (p == ARRAY_LEN(policies))
        return loader_fail(l->e, LOADER_INVALID_RESOURCE, r, "loadBalancing.policy", "this program does not know \"%.*s\"",
                           SLICE_FMT(def->policy));
    *up = (struct snap_upstream){
        .name = def->name,
        .endpoints = def->endpoints,
        .n_endpoints = def->n_endpoints,
        .policy = policies[p].policy,
        .connect_timeout_ms = def->connect_timeout_ms,
        .first_byte_timeout_ms = def->first_byte_timeout_ms,
        .idle_timeout_ms = def->idle_timeout_ms,
        .total_timeout_ms = def->total_timeout_ms,
        .max_connections = def->max_connections,
    };
    return 0;
}

int loader_build_upstream(struct loader *l, struct loader_plan *plan)
{
    const struct leaf_resource *r = plan->resources.p;
    struct arena *a = &plan->part->arena;
    struct snap_upstream *up = arena_calloc(a, 1, sizeof(*up));
    struct loader_decode d = {a, r, l->e, 0};
    struct def_upstream def;
    struct snap_slot slot;
    int rc;

    if (up == NULL)
        return loader_fail_memory(l->e, r);
    rc = loader_decode_upstream(&d, &def);
    if (rc == 0)
        rc = fill(l, r, &def, up);
    if (rc != 0)
        return rc;
    rc = loader_hold_slot(a, def.name, &slot);
    if (rc != 0)
        return loader_fail(l->e, rc == -ERR_LIMIT ? LOADER_LIMIT_EXCEEDED : LOADER_NO_MEMORY, r, "",
                           "more than %u upstreams", SNAP_SLOTS_MAX);
    up->slot = slot.slot;
    up->id = slot.id;
    plan->part->upstream = up;
    return 0;
}

struct snap_upstream *loader_implied_upstream(struct arena *a, struct slice name, struct snap_slot slot)
{
    static const struct slice http = {"http://", 7};
    struct snap_upstream *up = arena_calloc(a, 1, sizeof(*up));
    struct snap_endpoint *at = arena_calloc(a, 1, sizeof(*at));
    size_t colon = name.n;
    unsigned port = 0;

    if (up == NULL || at == NULL || !slice_starts(name, http))
        return NULL;
    while (colon > http.n && name.p[colon - 1] != ':')
        colon--;
    for (size_t i = colon; i < name.n; i++)
        port = port < 65536 && name.p[i] >= '0' && name.p[i] <= '9' ? port * 10 + (unsigned)(name.p[i] - '0') : 65536;
    if (colon <= http.n + 1 || port == 0 || port > 65535)
        return NULL;
    at->host = slice_sub(name, http.n, colon - 1);
    if (at->host.n > 2 && at->host.p[0] == '[' && at->host.p[at->host.n - 1] == ']')
        at->host = slice_sub(at->host, 1, at->host.n - 1);
    at->host = arena_dup(a, at->host);
    if (at->host.p == NULL || at->host.n == 0)
        return NULL;
    at->port = (uint16_t)port;
    at->weight = 1;
    up->name = name;
    up->slot = slot.slot;
    up->id = slot.id;
    up->endpoints = at;
    up->n_endpoints = 1;
    return up;
}
