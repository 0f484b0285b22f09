#include "node_sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/stat.h"
#include "net/graveyard.h"
#include "node.h"
#include "sync/sync.h"
#include "telemetry/telemetry.h"

struct node_sync {
    struct node *node;
    struct sync *sync;
    struct graveyard *graveyard;
    struct protocol_counters sent;   /* sums at the last status: it tells what was added since */
};

/* ---- what sync asks ----------------------------------------------------------------------------------------------------- */

static void on_publish(void *arg, struct snap *snap, void (*done)(void *done_arg, struct snap *snap), void *done_arg)
{
    struct node_sync *ns = arg;

    node_publish(ns->node, snap, done, done_arg);
}

static enum protocol_health on_health(void *arg)
{
    const struct node_sync *ns = arg;

    if (ns->node->draining)
        return PROTOCOL_DRAINING;
    return ns->node->live ? PROTOCOL_READY : PROTOCOL_STARTING;
}

static bool on_room(void *arg, char *why, size_t why_size)
{
    const struct node_sync *ns = arg;

    return workers_room(ns->node->workers, why, why_size);
}

static void on_make_room(void *arg)
{
    const struct node_sync *ns = arg;

    workers_unpin(ns->node->workers);
}

static void add_route(const struct telemetry_route *r, struct protocol_counters *sum)
{
    for (size_t i = 0; i < ARRAY_LEN(r->by_class); i++)
        sum->requests += STAT_GET(r->by_class[i]);
    sum->resp_5xx_upstream += STAT_GET(r->from_upstream[5]);
    sum->resp_5xx_local += STAT_GET(r->by_class[5]) - STAT_GET(r->from_upstream[5]);
}

static void add_shard(const struct telemetry_shard *s, struct protocol_counters *sum)
{
    for (size_t p = 0; p < TELEMETRY_PAGES; p++) {
        const struct telemetry_page *page = __atomic_load_n(&s->pages[p], __ATOMIC_ACQUIRE);

        for (size_t i = 0; page != NULL && i < TELEMETRY_PAGE; i++)
            add_route(&page->routes[i], sum);
    }
    add_route(&s->other, sum);
    add_route(&s->unrouted, sum);
    sum->route_miss += STAT_GET(s->unrouted.by_class[4]);
}

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f == NULL)
        return 0;
    if (fscanf(f, "%*u %llu", &pages) != 1)
        pages = 0;
    (void)fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void on_fill_status(void *arg, struct protocol_status *out)
{
    struct node_sync *ns = arg;
    struct protocol_counters sum = {0};
    struct telemetry_shard *const *shards;
    size_t n;

    shards = workers_shards(ns->node->workers, &n);
    for (size_t i = 0; i < n; i++)
        add_shard(shards[i], &sum);
    out->delta.requests = sum.requests - ns->sent.requests;
    out->delta.resp_5xx_local = sum.resp_5xx_local - ns->sent.resp_5xx_local;
    out->delta.resp_5xx_upstream = sum.resp_5xx_upstream - ns->sent.resp_5xx_upstream;
    out->delta.route_miss = sum.route_miss - ns->sent.route_miss;
    ns->sent = sum;
    out->live_generations = workers_live_snapshots(ns->node->workers);
    out->rss_bytes = resident_bytes();
}

/* ---- what the node's pages ask --------------------------------------------------------------------------------------------- */

static int on_ready(struct node *n, struct buf *out)
{
    const struct node_sync *ns = n->more_arg;
    struct sync_status s;

    sync_status(ns->sync, &s);
    return buf_printf(out, "[%c]control plane %s%s%s\n", s.connected ? '+' : '-', s.state, s.last_error[0] == '\0' ? "" : ": ",
                      s.last_error);
}

static int on_metrics(struct node *n, struct buf *out)
{
    const struct node_sync *ns = n->more_arg;
    struct sync_status s;

    sync_status(ns->sync, &s);
    {
        const struct telemetry_number all[] = {
            {"sluice_controlplane_connected", "gauge", s.connected},
            {"sluice_controlplane_connects_total", "counter", s.connects},
            {"sluice_config_behind_milliseconds", "gauge", s.behind_ms},
            {"sluice_config_applied_total", "counter", s.applied},
            {"sluice_config_nacks_total", "counter", s.nacks},
            {"sluice_config_received_bytes_total", "counter", s.received_bytes},
            {"sluice_config_disk_failed", "gauge", s.disk_failed},
            {"sluice_certificate_renewals_total", "counter", s.renewals},
            {"sluice_certificate_not_after_seconds", "gauge", (uint64_t)s.cert_not_after},
        };

        return telemetry_numbers(out, all, ARRAY_LEN(all));
    }
}

static void on_drain(struct node *n)
{
    const struct node_sync *ns = n->more_arg;

    sync_bye(ns->sync, "draining");
    sync_changed(ns->sync);
}

/* ---- life --------------------------------------------------------------------------------------------------------------------- */

int node_sync_start(struct node *n, const struct node_sync_options *o, struct node_sync **out, struct err *e)
{
    const struct sync_callbacks cb = {.publish = on_publish, .health = on_health, .fill_status = on_fill_status,
                                      .room = on_room, .make_room = on_make_room};
    struct sync_options so = {.base = n->base, .control_planes = o->control_planes, .state_dir = n->options->state_dir,
                              .join_token_file = o->join_token_file, .node_id = o->node_id, .software = SLUICE_VERSION};
    struct node_sync *ns = calloc(1, sizeof(*ns));
    size_t workers;
    int rc;

    if (ns == NULL)
        return err_set(e, ERR_NOMEM, "sync");
    ns->node = n;
    (void)workers_shards(n->workers, &workers);
    so.workers = (uint32_t)workers;
    rc = graveyard_new(n->base, &ns->graveyard, e);
    so.graveyard = ns->graveyard;
    if (rc == 0)
        rc = sync_new(&so, &cb, ns, &ns->sync, e);
    if (rc != 0) {
        node_sync_end(ns);
        return rc;
    }
    n->more_arg = ns;
    n->more_ready = on_ready;
    n->more_metrics = on_metrics;
    n->more_drain = on_drain;
    *out = ns;
    return 0;
}

void node_sync_end(struct node_sync *ns)
{
    if (ns == NULL)
        return;
    ns->node->more_ready = NULL;
    ns->node->more_metrics = NULL;
    ns->node->more_drain = NULL;
    sync_free(ns->sync);
    graveyard_free(ns->graveyard);
    free(ns);
}
