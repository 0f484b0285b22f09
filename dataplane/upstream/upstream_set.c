/* What a worker knows of upstreams: endpoints, their addresses, their connections. */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/random.h"
#include "upstream/upstream_int.h"

struct upstream_set *upstream_set_new(struct upstream_env *env)
{
    struct upstream_set *set = calloc(1, sizeof(*set));

    if (set == NULL)
        return NULL;
    set->env = env;
    random_bytes(&set->random, sizeof(set->random));
    set->random |= 1;
    list_init(&set->closed);
    map_init(&set->hosts);
    return set;
}

static void close_idle(struct upstream_endpoint *ep)
{
    struct list *n;

    while ((n = list_first(&ep->idle)) != NULL)
        upstream_conn_close(CONTAINER_OF(n, struct upstream_conn, node));
}

static void endpoint_free(struct upstream_endpoint *ep)
{
    free((void *)(uintptr_t)ep->host.p);
    free((void *)(uintptr_t)ep->authority.p);
    free(ep);
}

static void target_free(struct upstream_target *t)
{
    while (t != NULL && t->all != NULL) {
        struct upstream_endpoint *ep = t->all;

        t->all = ep->next;
        close_idle(ep);
        MUST(ep->n_open == 0 && ep->n_waiting == 0);
        endpoint_free(ep);
    }
    if (t != NULL)
        free(t->list);
    free(t);
}

void upstream_set_free(struct upstream_set *set)
{
    struct slice key;
    void *host;
    size_t at = 0;

    if (set == NULL)
        return;
    for (size_t i = 0; i < set->n_targets; i++)
        target_free(set->targets[i]);
    upstream_set_turn(set);
    free(set->targets);
    while (map_next(&set->hosts, &at, &key, &host))
        free(host);
    map_fini(&set->hosts);
    free(set);
}

/* ---- endpoints ---- */

static void take_addresses(struct upstream_endpoint *ep, const struct sock_addr *addresses, size_t n)
{
    ep->resolved = true;
    if (n == 0)
        return; /* what was known stays */
    ep->n_addresses = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        struct sock_addr *a = &ep->addresses[i];

        *a = addresses[i];
        if (a->ss.ss_family == AF_INET6)
            ((struct sockaddr_in6 *)(void *)&a->ss)->sin6_port = htons(ep->port);
        else
            ((struct sockaddr_in *)(void *)&a->ss)->sin_port = htons(ep->port);
    }
    if (ep->next_address >= n)
        ep->next_address = 0;
}

static struct slice make_authority(struct slice host, uint16_t port)
{
    size_t size = host.n + 10;
    bool v6 = memchr(host.p, ':', host.n) != NULL;
    char *p = malloc(size);
    int n;

    if (p == NULL)
        return SLICE_NONE;
    n = port == 80 ? snprintf(p, size, "%s%.*s%s", v6 ? "[" : "", SLICE_FMT(host), v6 ? "]" : "")
                   : snprintf(p, size, "%s%.*s%s:%u", v6 ? "[" : "", SLICE_FMT(host), v6 ? "]" : "", port);
    return slice_from(p, (size_t)n);
}

/* A literal in brackets is an address too. */
static struct slice bare_host(struct slice host)
{
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return slice_sub(host, 1, host.n - 1);
    return host;
}

static struct upstream_endpoint *endpoint_new(struct upstream_set *set, const struct snap_endpoint *def)
{
    struct upstream_endpoint *ep = calloc(1, sizeof(*ep));
    struct slice host = bare_host(def->host);
    const struct upstream_host *known;

    if (ep == NULL)
        return NULL;
    ep->set = set;
    ep->port = def->port;
    ep->host = slice_from(strndup(host.p, host.n), host.n);
    ep->authority = make_authority(host, def->port);
    list_init(&ep->idle);
    list_init(&ep->waiting);
    if (ep->host.p == NULL || ep->authority.p == NULL) {
        endpoint_free(ep);
        return NULL;
    }
    ep->literal = sock_from_ip(ep->host.p, ep->port, &ep->addresses[0]);
    if (ep->literal) {
        ep->resolved = true;
        ep->n_addresses = 1;
        return ep;
    }
    known = map_get(&set->hosts, ep->host);
    if (known != NULL)
        take_addresses(ep, known->addresses, known->n);
    return ep;
}

static bool is_same(const struct upstream_endpoint *ep, const struct snap_endpoint *def)
{
    return ep->port == def->port && slice_eq(ep->host, bare_host(def->host));
}

/* Frees endpoints that no definition has and nobody uses. */
static void sweep(struct upstream_target *t)
{
    struct upstream_endpoint **at = &t->all;

    while (*at != NULL) {
        struct upstream_endpoint *ep = *at;

        if (!ep->current)
            close_idle(ep);
        if (!ep->current && ep->n_open == 0 && ep->n_waiting == 0 && ep->n_busy == 0) {
            *at = ep->next;
            endpoint_free(ep);
        } else {
            at = &ep->next;
        }
    }
}

static struct upstream_endpoint *find_or_make(struct upstream_set *set, struct upstream_target *t, const struct snap_endpoint *def,
                                              size_t index)
{
    struct upstream_endpoint *ep;

    if (index < t->n && is_same(t->list[index], def))
        return t->list[index];
    for (ep = t->all; ep != NULL; ep = ep->next) {
        if (is_same(ep, def))
            return ep;
    }
    ep = endpoint_new(set, def);
    if (ep != NULL) {
        ep->next = t->all;
        t->all = ep;
    }
    return ep;
}

/* Makes the target's list that of the definition. What both have keeps its connections. */
static void sync_target(struct upstream_set *set, struct upstream_target *t, const struct snap_upstream *up)
{
    struct upstream_endpoint **list = calloc(up->n_endpoints + 1, sizeof(struct upstream_endpoint *));
    size_t n = 0;

    if (list == NULL)
        return;
    for (size_t i = 0; i < up->n_endpoints; i++) {
        struct upstream_endpoint *ep = find_or_make(set, t, &up->endpoints[i], i);

        if (ep == NULL)
            continue; /* out of memory: serve with those that there are */
        ep->weight = up->endpoints[i].weight == 0 ? 1 : up->endpoints[i].weight;
        ep->priority = up->endpoints[i].priority;
        list[n++] = ep;
    }
    for (struct upstream_endpoint *ep = t->all; ep != NULL; ep = ep->next)
        ep->current = false;
    for (size_t i = 0; i < n; i++)
        list[i]->current = true;
    free(t->list);
    t->list = list;
    t->n = n;
    sweep(t);
}

struct upstream_target *upstream_target_of(struct upstream_set *set, const struct snap_upstream *up, uint64_t generation)
{
    struct upstream_target *t;

    if (LIKELY(up->slot < set->n_targets && set->targets[up->slot] != NULL)) {
        t = set->targets[up->slot];
        if (LIKELY(t->id == up->id && t->generation == generation))
            return t;
    }
    if (up->slot >= set->n_targets) {
        size_t n = (size_t)up->slot + 64;
        struct upstream_target **more = realloc(set->targets, n * sizeof(struct upstream_target *));

        if (more == NULL)
            return NULL;
        memset(more + set->n_targets, 0, (n - set->n_targets) * sizeof(struct upstream_target *));
        set->targets = more;
        set->n_targets = n;
    }
    t = set->targets[up->slot];
    if (t == NULL) {
        t = set->targets[up->slot] = calloc(1, sizeof(*t));
        if (t == NULL)
            return NULL;
    }
    t->id = up->id;
    t->generation = generation;
    sync_target(set, t, up);
    return t;
}

/* ---- names ---- */

static void endpoint_resolved(struct upstream_endpoint *ep, const struct upstream_host *h)
{
    take_addresses(ep, h->addresses, h->n);
    upstream_call_wake(ep);
}

void upstream_set_resolved(struct upstream_set *set, struct slice host, const struct sock_addr *addresses, size_t n)
{
    struct upstream_host *h = map_get(&set->hosts, host);

    if (h == NULL) {
        h = calloc(1, sizeof(*h) + host.n + 1);
        if (h == NULL)
            return;
        memcpy(h->name, host.p, host.n);
        if (map_put(&set->hosts, slice_from(h->name, host.n), h, NULL) != 0) {
            free(h);
            return;
        }
    }
    if (n > UPSTREAM_ADDRESSES_MAX)
        n = UPSTREAM_ADDRESSES_MAX;
    if (n != 0) {
        memcpy(h->addresses, addresses, n * sizeof(*addresses));
        h->n = (uint32_t)n;
    }
    for (size_t i = 0; i < set->n_targets; i++) {
        struct upstream_target *t = set->targets[i];

        for (struct upstream_endpoint *ep = t == NULL ? NULL : t->all; ep != NULL; ep = ep->next) {
            if (!ep->literal && slice_eq(ep->host, host))
                endpoint_resolved(ep, h);
        }
    }
}
