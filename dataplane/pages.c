/* The admin listener's pages. */
#include <stdio.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/stat.h"
#include "node.h"
#include "telemetry/telemetry.h"

static int get_healthz(void *arg, struct slice query, struct admin_answer *out)
{
    (void)arg;
    (void)query;
    return buf_puts(&out->body, SLICE_LIT("ok\n"));
}

static bool is_verbose(struct slice query)
{
    return slice_starts(query, SLICE_LIT("verbose"));
}

static const char *why_not_ready(const struct node *n)
{
    if (n->draining)
        return "draining";
    if (!n->live)
        return workers_snap(n->workers) == NULL ? "no configuration yet" : "the configuration is on its way to the workers";
    return NULL;
}

static int get_readyz(void *arg, struct slice query, struct admin_answer *out)
{
    struct node *n = arg;
    const char *why = why_not_ready(n);
    const struct snap *s = workers_snap(n->workers);
    int rc;

    out->status = why == NULL ? 200 : 503;
    if (!is_verbose(query))
        return why == NULL ? buf_puts(&out->body, SLICE_LIT("ok\n")) : buf_printf(&out->body, "%s\n", why);
    rc = buf_printf(&out->body, "%slisteners %s\n", n->draining ? "[-]" : "[+]", n->draining ? "draining" : "ok");
    if (rc == 0 && n->live)
        rc = buf_printf(&out->body, "[+]config revision %llu ok\n", (unsigned long long)s->version.revision);
    else if (rc == 0)
        rc = buf_printf(&out->body, "[-]config %s\n", why);
    if (rc == 0 && n->more_ready != NULL)
        rc = n->more_ready(n, &out->body);
    return rc;
}

static int get_config(void *arg, struct slice query, struct admin_answer *out)
{
    struct node *n = arg;

    (void)query;
    out->content_type = "application/json";
    return telemetry_config(&out->body, workers_snap(n->workers));
}

static int put_connections(struct node *n, struct buf *out)
{
    struct connection_stats s;
    struct upstream_stats u;
    uint64_t open;

    workers_connection_stats(n->workers, &s, &open);
    workers_upstream_stats(n->workers, &u);
    {
        const struct telemetry_number all[] = {
            {"sluice_connections_open", "gauge", open},
            {"sluice_connections_accepted_total", "counter", s.accepted},
            {"sluice_connections_refused_total", "counter", s.refused},
            {"sluice_connections_aborted_total", "counter", s.aborted},
            {"sluice_connections_timeout_total", "counter", s.timeouts},
            {"sluice_connections_pinned_closed_total", "counter", s.pinned_closed},
            {"sluice_accept_starved_total", "counter", s.starved},
            {"sluice_requests_malformed_total", "counter", s.heads_refused},
            {"sluice_upstream_connections_open", "gauge", u.open},
            {"sluice_upstream_connects_total", "counter", u.connects},
            {"sluice_upstream_connect_failures_total", "counter", u.connect_failures},
            {"sluice_upstream_reused_total", "counter", u.reused},
            {"sluice_retry_total", "counter", u.retries},
            {"sluice_upstream_timeouts_total", "counter", u.timeouts},
            {"sluice_upstream_bad_responses_total", "counter", u.bad_responses},
            {"sluice_upstream_truncated_total", "counter", u.truncated},
            {"sluice_upstream_overloaded_total", "counter", u.overloaded},
        };

        return telemetry_numbers(out, all, ARRAY_LEN(all));
    }
}

/* In nanoseconds; Prometheus wants seconds. */
static int put_seconds(struct buf *out, const char *name, uint64_t ns)
{
    int rc = telemetry_type(out, name, "gauge");

    return rc != 0 ? rc
                   : buf_printf(out, "%s %llu.%09llu\n", name, (unsigned long long)(ns / 1000000000u),
                                (unsigned long long)(ns % 1000000000u));
}

static int put_loops(struct node *n, struct buf *out)
{
    uint64_t swap_max = 0, swap_last = 0, lag_max = 0, running = 0, buffers = 0, swaps = 0;
    struct telemetry_shard *const *shards;
    size_t count;
    int rc;

    shards = workers_shards(n->workers, &count);
    for (size_t i = 0; i < count; i++) {
        uint64_t max = STAT_GET(shards[i]->swap_ns_max), last = STAT_GET(shards[i]->swap_ns_last);
        uint64_t lag = STAT_GET(shards[i]->lag_us_max);

        swap_max = max > swap_max ? max : swap_max;
        swap_last = last > swap_last ? last : swap_last;
        lag_max = lag > lag_max ? lag : lag_max;
        swaps += STAT_GET(shards[i]->swaps);
        running += STAT_GET(shards[i]->exchanges);
        buffers += STAT_GET(shards[i]->buffer_bytes);
    }
    rc = put_seconds(out, "sluice_config_swap_pause_seconds_max", swap_max);
    if (rc == 0)
        rc = put_seconds(out, "sluice_config_swap_pause_seconds_last", swap_last);
    if (rc == 0)
        rc = put_seconds(out, "sluice_loop_lag_seconds_max", lag_max * 1000);
    if (rc == 0) {
        const struct telemetry_number all[] = {
            {"sluice_config_swaps_total", "counter", swaps},
            {"sluice_requests_running", "gauge", running},
            {"sluice_buffer_bytes", "gauge", buffers},
            {"sluice_workers", "gauge", count},
        };

        rc = telemetry_numbers(out, all, ARRAY_LEN(all));
    }
    return rc;
}

static int put_config_numbers(struct node *n, struct buf *out)
{
    const struct snap *s = workers_snap(n->workers);
    const struct telemetry_number all[] = {
        {"sluice_config_epoch", "gauge", s == NULL ? 0 : s->version.epoch},
        {"sluice_config_revision", "gauge", s == NULL ? 0 : s->version.revision},
        {"sluice_config_routes", "gauge", s == NULL ? 0 : s->n_routes},
        {"sluice_config_refused_total", "counter", n->refused},
        {"sluice_live_revisions", "gauge", workers_live_snapshots(n->workers)},
        {"sluice_ready", "gauge", why_not_ready(n) == NULL},
        {"sluice_draining", "gauge", n->draining},
        {"sluice_config_age_seconds", "gauge", n->live ? (clock_mono_ms() - n->live_since_ms) / 1000 : 0},
        {"sluice_uptime_seconds", "gauge", (clock_mono_ms() - n->started_ms) / 1000},
    };

    return telemetry_numbers(out, all, ARRAY_LEN(all));
}

static int get_metrics(void *arg, struct slice query, struct admin_answer *out)
{
    struct node *n = arg;
    struct telemetry_shard *const *shards;
    size_t count;
    int rc;

    (void)query;
    out->content_type = "text/plain; version=0.0.4; charset=utf-8";
    shards = workers_shards(n->workers, &count);
    rc = put_config_numbers(n, &out->body);
    if (rc == 0)
        rc = put_loops(n, &out->body);
    if (rc == 0)
        rc = put_connections(n, &out->body);
    if (rc == 0)
        rc = telemetry_routes(&out->body, workers_snap(n->workers), shards, count);
    if (rc == 0 && n->more_metrics != NULL)
        rc = n->more_metrics(n, &out->body);
    return rc;
}

const struct admin_page node_pages[] = {
    {"/healthz", get_healthz},
    {"/readyz", get_readyz},
    {"/metrics", get_metrics},
    {"/config", get_config},
    {NULL, NULL},
};
