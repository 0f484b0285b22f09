/* Which endpoint is next. */
#include "base/must.h"
#include "upstream/upstream_int.h"

static uint64_t next_random(struct upstream_set *set)
{
    uint64_t x = set->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return set->random = x;
}

static bool was_tried(uint64_t tried, size_t i)
{
    return i < 64 && (tried >> i & 1) != 0;
}

/* Of one priority, neither tried by this call nor cooling down (unless all are). */
struct choice {
    const struct upstream_target *t;
    uint64_t tried, now_ms;
    uint8_t priority;
    bool cooling_too;
};

static bool may(const struct choice *c, size_t i)
{
    const struct upstream_endpoint *ep = c->t->list[i];

    return ep->priority == c->priority && !was_tried(c->tried, i) && (c->cooling_too || ep->cool_until_ms <= c->now_ms);
}

/* The best priority that has one. False: none at all. */
static bool best_priority(struct choice *c)
{
    for (int pass = 0; pass < 2; pass++) {
        bool found = false;
        uint8_t best = 0;

        c->cooling_too = pass == 1;
        for (size_t i = 0; i < c->t->n; i++) {
            const struct upstream_endpoint *ep = c->t->list[i];

            if (was_tried(c->tried, i) || (!c->cooling_too && ep->cool_until_ms > c->now_ms))
                continue;
            if (!found || ep->priority < best)
                best = ep->priority;
            found = true;
        }
        c->priority = best;
        if (found)
            return true;
    }
    return false;
}

/* Smooth weighted round robin, as nginx has it. */
static size_t round_robin(const struct choice *c)
{
    int64_t total = 0;
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < c->t->n; i++) {
        struct upstream_endpoint *ep = c->t->list[i];

        if (!may(c, i))
            continue;
        ep->smooth += ep->weight;
        total += ep->weight;
        if (best == SIZE_MAX || ep->smooth > c->t->list[best]->smooth)
            best = i;
    }
    if (best != SIZE_MAX)
        c->t->list[best]->smooth -= total;
    return best;
}

static size_t by_weight(const struct choice *c, uint64_t random)
{
    uint64_t total = 0, at;
    size_t last = SIZE_MAX;

    for (size_t i = 0; i < c->t->n; i++)
        total += may(c, i) ? c->t->list[i]->weight : 0;
    if (total == 0)
        return SIZE_MAX;
    at = random % total;
    for (size_t i = 0; i < c->t->n; i++) {
        if (!may(c, i))
            continue;
        last = i;
        if (at < c->t->list[i]->weight)
            break;
        at -= c->t->list[i]->weight;
    }
    return last;
}

/* The less busy of two. */
static size_t least_request(struct upstream_set *set, const struct choice *c)
{
    size_t a = by_weight(c, next_random(set)), b = by_weight(c, next_random(set));
    const struct upstream_endpoint *x, *y;

    if (a == SIZE_MAX || a == b)
        return a;
    x = c->t->list[a];
    y = c->t->list[b];
    return (uint64_t)x->n_busy * y->weight <= (uint64_t)y->n_busy * x->weight ? a : b;
}

struct upstream_endpoint *upstream_choose(struct upstream_set *set, struct upstream_target *t, enum snap_policy policy,
                                          uint64_t *tried)
{
    struct choice c = {.t = t, .tried = *tried, .now_ms = set->env->wheel->now_ms};
    size_t i;

    if (LIKELY(t->n == 1)) {
        if (*tried != 0)
            return NULL;
        *tried = 1;
        return t->list[0];
    }
    if (!best_priority(&c))
        return NULL;
    switch (policy) {
    case SNAP_LEAST_REQUEST:
        i = least_request(set, &c);
        break;
    case SNAP_RANDOM:
        i = by_weight(&c, next_random(set));
        break;
    default:
        i = round_robin(&c);
        break;
    }
    if (i == SIZE_MAX)
        return NULL;
    if (i < 64)
        *tried |= 1ull << i;
    return t->list[i];
}
