/* Counting, on the worker. */
#include "telemetry/telemetry.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/stat.h"

static const uint64_t bounds_ns[TELEMETRY_BUCKETS] = {
    500000ull,    1000000ull,   2500000ull,    5000000ull,    10000000ull,   25000000ull,    50000000ull,    100000000ull,
    250000000ull, 500000000ull, 1000000000ull, 2500000000ull, 5000000000ull, 10000000000ull, 30000000000ull,
};

void telemetry_shard_fini(struct telemetry_shard *s)
{
    for (size_t i = 0; i < TELEMETRY_PAGES; i++)
        free(s->pages[i]);
}

static struct telemetry_route *route_of(struct telemetry_shard *s, const struct exchange *ex)
{
    const struct snap_route *r = ex->match.route;
    struct telemetry_page *page;

    if (r == NULL)
        return &s->unrouted;
    if (UNLIKELY(r->id / TELEMETRY_PAGE >= TELEMETRY_PAGES))
        return &s->other;
    page = s->pages[r->id / TELEMETRY_PAGE];
    if (UNLIKELY(page == NULL)) {
        page = calloc(1, sizeof(*page));
        if (page == NULL)
            return &s->other;
        __atomic_store_n(&s->pages[r->id / TELEMETRY_PAGE], page, __ATOMIC_RELEASE);
    }
    return &page->routes[r->id % TELEMETRY_PAGE];
}

void telemetry_count(struct telemetry_shard *s, const struct exchange *ex, uint64_t now_ns)
{
    struct telemetry_route *t = route_of(s, ex);
    uint64_t took = now_ns > ex->begin_ns ? now_ns - ex->begin_ns : 0;
    unsigned class = ex->state == EXCHANGE_ANSWERED && ex->status < 600 ? ex->status / 100u : 0, b = 0;

    while (b < TELEMETRY_BUCKETS && took > bounds_ns[b])
        b++;
    STAT_ADD(t->by_class[class]);
    if (ex->source == EXCHANGE_FROM_UPSTREAM)
        STAT_ADD(t->from_upstream[class]);
    STAT_ADD(t->buckets[b]);
    STAT_ADD_N(t->sum_ns, took);
    STAT_ADD_N(t->bytes_in, ex->body_in);
    STAT_ADD_N(t->bytes_out, ex->body_out);
}
