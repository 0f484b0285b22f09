/* The router against a second one that is too simple to be wrong: it tries every route, and ranks those that fit. */
#include <check.h>
#include <stdio.h>

#include "base/random.h"
#include "make_router.h"

Suite *test_router_model_suite(void);

#define SEGS 8

struct split {
    struct slice segs[64];
    size_t n;
    const char *end;
};

static void cut(struct slice path, struct split *out)
{
    const char *p = path.p, *end = path.p + path.n;

    out->n = 0;
    while (end > p && end[-1] == '/')
        end--;
    while (p < end && *p == '/')
        p++;
    out->end = end;
    while (p < end) {
        const char *slash = memchr(p, '/', (size_t)(end - p));

        out->segs[out->n++] = slice_from(p, (size_t)((slash == NULL ? end : slash) - p));
        p = slash == NULL ? end : slash + 1;
    }
}

/* "spg": the kind of each level; NULL: does not fit. */
static bool rank(const struct snap_route *r, const struct split *path, char kinds[SEGS + 2], struct slice *values)
{
    struct split t;
    size_t n = 0;

    cut(r->path, &t);
    memset(kinds, 0, SEGS + 2);
    for (size_t i = 0; i < t.n; i++) {
        if (i >= path->n)
            return false;
        if (t.segs[i].p[0] == '{' && t.segs[i].p[t.segs[i].n - 2] == '+') {
            const char *from = path->segs[i].p;

            while (*from == '/')
                from++;
            kinds[i] = 'z';
            values[n++] = slice_from(from, (size_t)(path->end - from));
            return true;
        }
        if (path->segs[i].n == 0)
            return false;
        if (t.segs[i].p[0] == '{') {
            kinds[i] = 'p';
            values[n++] = path->segs[i];
        } else {
            if (!slice_eq(t.segs[i], path->segs[i]))
                return false;
            kinds[i] = 'a';
        }
    }
    return t.n == path->n;
}

static bool any_takes(struct slice method)
{
    static const char *const seven[] = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"};

    for (size_t i = 0; i < ARRAY_LEN(seven); i++)
        if (slice_is(method, seven[i]))
            return true;
    return false;
}

static const struct snap_route *naive(const struct snap_route *routes, size_t n, struct slice method, struct slice path,
                                      struct slice *values, bool *path_fits)
{
    const struct snap_route *best = NULL;
    char best_kinds[SEGS + 2] = "";
    struct split s;

    cut(path, &s);
    *path_fits = false;
    for (size_t i = 0; i < n; i++) {
        struct slice v[SEGS];
        char kinds[SEGS + 2];
        int c;

        if (!rank(&routes[i], &s, kinds, v))
            continue;
        *path_fits = true;
        if (!slice_eq(routes[i].method, method) && !(slice_is(routes[i].method, "ANY") && any_takes(method)))
            continue;
        c = best == NULL ? -1 : strcmp(kinds, best_kinds);
        if (c > 0 || (c == 0 && slice_is(routes[i].method, "ANY")))
            continue;
        best = &routes[i];
        memcpy(best_kinds, kinds, sizeof(kinds));
        memcpy(values, v, sizeof(v));
    }
    return best;
}

static const char *const methods[] = {"GET", "POST", "ANY", "DELETE", "TRACE"};

static size_t make_template(char *out, size_t size)
{
    static const char *const segs[] = {"a", "b", "c", "aa", "{p}", "{q}"};
    size_t n = (size_t)snprintf(out, size, "%s ", methods[random_below(4)]), depth = random_below(5), i;

    for (i = 0; i < depth; i++) {
        size_t k = random_below(ARRAY_LEN(segs));

        if (k >= 4)
            n += (size_t)snprintf(out + n, size - n, "/{p%zu}", i);
        else
            n += (size_t)snprintf(out + n, size - n, "/%s", segs[k]);
    }
    if (random_below(4) == 0)
        n += (size_t)snprintf(out + n, size - n, "/{g+}");
    else if (i == 0)
        n += (size_t)snprintf(out + n, size - n, "/");
    return n;
}

static void make_path(char *out, size_t size)
{
    static const char *const segs[] = {"a", "b", "c", "aa", "d", "", "%2F"};
    size_t n = 0, depth = random_below(6);

    out[0] = '\0';
    for (size_t i = 0; i < depth; i++)
        n += (size_t)snprintf(out + n, size - n, "/%s", segs[random_below(random_below(4) == 0 ? 7 : 4)]);
    if (n == 0 || random_below(4) == 0)
        (void)snprintf(out + n, size - n, "/");
}

static void ck_request(const struct mr *m, const struct snap_route *routes, size_t n)
{
    struct slice method = slice_of(methods[random_below(5)]), values[SEGS];
    const struct snap_route *want;
    struct router_match got;
    enum router_result rc;
    char path[256];
    bool path_fits;

    if (slice_is(method, "ANY"))
        method = SLICE_LIT("PUT");
    make_path(path, sizeof(path));
    want = naive(routes, n, method, slice_of(path), values, &path_fits);
    rc = router_match(&m->snap, SLICE_NONE, http_method_of(method), slice_of(path), &got);
    ck_assert_msg(got.route == want || (got.route != NULL && want != NULL && slice_eq(got.route->operation, want->operation)),
                  "%.*s %s: got %s, want %s", SLICE_FMT(method), path, got.route == NULL ? "-" : got.route->operation.p,
                  want == NULL ? "-" : want->operation.p);
    ck_assert_int_eq(rc, want != NULL ? ROUTER_OK : path_fits ? ROUTER_NO_METHOD : ROUTER_NO_ROUTE);
    for (uint16_t i = 0; want != NULL && i < got.n_values; i++)
        ck_assert_msg(slice_eq(got.values[i], values[i]), "%s: %s: value %u", path, want->operation.p, i);
}

START_TEST(random_route_sets)
{
    static char texts[64][128];
    int built = 0;

    for (int round = 0; round < 3000; round++) {
        struct snap_route routes[64];
        const char *list[64];
        size_t n = 0, want = 1 + random_below(40);
        struct mr m;

        /* Twins are refused: leave the later one out. */
        for (size_t i = 0; i < want; i++) {
            const char *again[64];

            (void)make_template(texts[n], sizeof(texts[n]));
            list[n] = texts[n];
            memcpy(again, list, sizeof(list));
            mr_init(&m);
            if (mr_stage(&m, "prod", NULL, "", again, n + 1) == 0)
                n++;
            mr_fini(&m);
        }
        mr_init(&m);
        ck_assert_int_eq(mr_stage(&m, "prod", NULL, "", list, n), 0);
        ck_assert_int_eq(mr_seal(&m), 0);
        for (size_t i = 0; i < n; i++) {
            const char *space = strchr(list[i], ' ');

            routes[i] = (struct snap_route){.method = slice_from(list[i], (size_t)(space - list[i])),
                                            .path = slice_of(space + 1), .operation = slice_of(list[i])};
        }
        for (int i = 0; i < 60; i++)
            ck_request(&m, routes, n);
        mr_fini(&m);
        built++;
    }
    ck_assert_int_eq(built, 3000);
}
END_TEST

Suite *test_router_model_suite(void)
{
    Suite *s = suite_create("router_model");
    TCase *t = tcase_create("model");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, random_route_sets);
    suite_add_tcase(s, t);
    return s;
}
