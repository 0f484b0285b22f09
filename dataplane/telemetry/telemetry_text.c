/* What was counted, as Prometheus text. On the main thread. */
#include <stdlib.h>

#include "base/must.h"
#include "base/stat.h"
#include "telemetry/telemetry.h"

static const char *const bounds[TELEMETRY_BUCKETS + 1] = {"0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
                                                          "0.25",   "0.5",   "1",      "2.5",   "5",    "10",    "30",   "+Inf"};
static const char *const classes[6] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

int telemetry_type(struct buf *out, const char *name, const char *type)
{
    return buf_printf(out, "# TYPE %s %s\n", name, type);
}

int telemetry_value(struct buf *out, const char *name, const char *labels, uint64_t value)
{
    if (labels == NULL)
        return buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
    return buf_printf(out, "%s{%s} %llu\n", name, labels, (unsigned long long)value);
}

int telemetry_numbers(struct buf *out, const struct telemetry_number *all, size_t n)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = telemetry_type(out, all[i].name, all[i].type);
        if (rc == 0)
            rc = telemetry_value(out, all[i].name, NULL, all[i].value);
    }
    return rc;
}

static void add(struct telemetry_route *sum, const struct telemetry_route *r)
{
    for (unsigned i = 0; i < 6; i++) {
        sum->by_class[i] += STAT_GET(r->by_class[i]);
        sum->from_upstream[i] += STAT_GET(r->from_upstream[i]);
    }
    for (unsigned i = 0; i <= TELEMETRY_BUCKETS; i++)
        sum->buckets[i] += STAT_GET(r->buckets[i]);
    sum->sum_ns += STAT_GET(r->sum_ns);
    sum->bytes_in += STAT_GET(r->bytes_in);
    sum->bytes_out += STAT_GET(r->bytes_out);
}

static void sum_route(struct telemetry_shard *const *shards, size_t n, uint32_t id, struct telemetry_route *sum)
{
    *sum = (struct telemetry_route){0};
    for (size_t i = 0; i < n; i++) {
        struct telemetry_page *page = NULL;

        if (id / TELEMETRY_PAGE < TELEMETRY_PAGES)
            page = __atomic_load_n(&shards[i]->pages[id / TELEMETRY_PAGE], __ATOMIC_ACQUIRE);
        if (page != NULL)
            add(sum, &page->routes[id % TELEMETRY_PAGE]);
    }
}

static uint64_t total(const struct telemetry_route *r)
{
    uint64_t n = 0;

    for (unsigned i = 0; i <= TELEMETRY_BUCKETS; i++)
        n += r->buckets[i];
    return n;
}

/* A label's value: quotes, backslashes and line ends escaped. */
static int put_label(struct buf *out, const char *name, struct slice v)
{
    int rc = buf_printf(out, "%s=\"", name);

    for (size_t i = 0; rc == 0 && i < v.n; i++) {
        if (v.p[i] == '"' || v.p[i] == '\\')
            rc = buf_append(out, "\\", 1);
        if (rc == 0)
            rc = v.p[i] == '\n' ? buf_append(out, "\\n", 2) : buf_append(out, v.p + i, 1);
    }
    return rc == 0 ? buf_append(out, "\"", 1) : rc;
}

static int put_counts(struct buf *out, struct slice labels, const struct telemetry_route *r)
{
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < 6; i++) {
        uint64_t ours = r->by_class[i] - r->from_upstream[i];

        if (ours != 0)
            rc = buf_printf(out, "sluice_requests_total{%.*s,code=\"%s\",source=\"%s\"} %llu\n", SLICE_FMT(labels), classes[i],
                            i == 0 ? "client" : "gateway", (unsigned long long)ours);
        if (rc == 0 && r->from_upstream[i] != 0)
            rc = buf_printf(out, "sluice_requests_total{%.*s,code=\"%s\",source=\"upstream\"} %llu\n", SLICE_FMT(labels), classes[i],
                            (unsigned long long)r->from_upstream[i]);
    }
    return rc;
}

static int put_duration(struct buf *out, struct slice labels, const struct telemetry_route *r)
{
    uint64_t n = 0;
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i <= TELEMETRY_BUCKETS; i++) {
        n += r->buckets[i];
        rc = buf_printf(out, "sluice_request_duration_seconds_bucket{%.*s,le=\"%s\"} %llu\n", SLICE_FMT(labels), bounds[i],
                        (unsigned long long)n);
    }
    if (rc == 0)
        rc = buf_printf(out, "sluice_request_duration_seconds_sum{%.*s} %llu.%09llu\n", SLICE_FMT(labels),
                        (unsigned long long)(r->sum_ns / 1000000000u), (unsigned long long)(r->sum_ns % 1000000000u));
    if (rc == 0)
        rc = buf_printf(out, "sluice_request_duration_seconds_count{%.*s} %llu\n", SLICE_FMT(labels), (unsigned long long)n);
    return rc;
}

static int put_bytes(struct buf *out, struct slice labels, const struct telemetry_route *r)
{
    int rc = buf_printf(out, "sluice_body_bytes_total{%.*s,direction=\"in\"} %llu\n", SLICE_FMT(labels), (unsigned long long)r->bytes_in);

    return rc != 0 ? rc
                   : buf_printf(out, "sluice_body_bytes_total{%.*s,direction=\"out\"} %llu\n", SLICE_FMT(labels),
                                (unsigned long long)r->bytes_out);
}

static const struct {
    const char *name, *type;
    int (*put)(struct buf *out, struct slice labels, const struct telemetry_route *r);
} families[] = {
    {"sluice_requests_total", "counter", put_counts},
    {"sluice_request_duration_seconds", "histogram", put_duration},
    {"sluice_body_bytes_total", "counter", put_bytes},
};

static int put_route_labels(struct buf *labels, const struct snap_route *r)
{
    int rc = put_label(labels, "api", r->stage->api);

    rc = rc != 0 ? rc : buf_append(labels, ",", 1);
    rc = rc != 0 ? rc : put_label(labels, "stage", r->stage->name);
    rc = rc != 0 ? rc : buf_append(labels, ",", 1);
    rc = rc != 0 ? rc : put_label(labels, "route", r->path);
    rc = rc != 0 ? rc : buf_append(labels, ",", 1);
    return rc != 0 ? rc : put_label(labels, "method", r->method);
}

/* Routes that no snapshot names, and requests that reached none. */
static int put_others(struct buf *out, size_t family, struct telemetry_shard *const *shards, size_t n)
{
    struct telemetry_route unrouted = {0}, other = {0};
    int rc = 0;

    for (size_t i = 0; i < n; i++) {
        add(&unrouted, &shards[i]->unrouted);
        add(&other, &shards[i]->other);
    }
    if (total(&unrouted) != 0)
        rc = families[family].put(out, SLICE_LIT("api=\"\",stage=\"\",route=\"\",method=\"\""), &unrouted);
    if (rc == 0 && total(&other) != 0)
        rc = families[family].put(out, SLICE_LIT("api=\"\",stage=\"\",route=\"other\",method=\"\""), &other);
    return rc;
}

static int put_family(struct buf *out, size_t family, const struct snap *snap, struct telemetry_shard *const *shards, size_t n,
                      uint64_t *dropped)
{
    uint64_t series = 0;
    struct buf labels;
    int rc = telemetry_type(out, families[family].name, families[family].type);

    *dropped = 0;
    buf_init(&labels, 1u << 16);
    for (size_t p = 0; snap != NULL && p < snap->n_parts; p++) {
        for (size_t i = 0; rc == 0 && i < snap->parts[p]->n_routes; i++) {
            const struct snap_route *r = &snap->parts[p]->routes[i];
            struct telemetry_route sum;

            sum_route(shards, n, r->id, &sum);
            if (total(&sum) == 0)
                continue;
            if (++series > TELEMETRY_SERIES_MAX) {
                ++*dropped;
                continue;
            }
            buf_clear(&labels);
            rc = put_route_labels(&labels, r);
            if (rc == 0)
                rc = families[family].put(out, buf_slice(&labels), &sum);
        }
    }
    buf_fini(&labels);
    return rc != 0 ? rc : put_others(out, family, shards, n);
}

int telemetry_routes(struct buf *out, const struct snap *snap, struct telemetry_shard *const *shards, size_t n)
{
    uint64_t dropped = 0;
    int rc = 0;

    for (size_t f = 0; rc == 0 && f < ARRAY_LEN(families); f++)
        rc = put_family(out, f, snap, shards, n, &dropped);
    if (rc == 0)
        rc = telemetry_type(out, "sluice_metric_series_dropped_total", "counter");
    return rc != 0 ? rc : telemetry_value(out, "sluice_metric_series_dropped_total", NULL, dropped);
}
