#include "upstream/upstream_names.h"

#include "base/map.h"
#include "net/sock.h"

static int add(struct vec *out, struct map *seen, const struct snap_endpoint *ep)
{
    struct sock_addr unused;
    void *value = &(struct snap_endpoint){0};

    if (ep->host.n == 0 || ep->host.p[0] == '[' || sock_from_ip(ep->host.p, 1, &unused) || map_get(seen, ep->host) != NULL)
        return 0;
    if (map_put(seen, ep->host, value, NULL) != 0 || vec_push(out, &ep->host) == NULL)
        return -ERR_NOMEM;
    return 0;
}

int upstream_names(const struct snap *s, struct vec *out)
{
    struct map seen;
    int rc = 0;

    map_init(&seen);
    for (size_t i = 0; i < s->n_upstreams; i++) {
        const struct snap_upstream *up = s->upstreams[i];

        for (size_t k = 0; rc == 0 && up != NULL && k < up->n_endpoints; k++)
            rc = add(out, &seen, &up->endpoints[k]);
    }
    map_fini(&seen);
    return rc;
}
