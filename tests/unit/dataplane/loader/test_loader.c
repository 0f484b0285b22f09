#include <check.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "bundle/bundle_file.h"
#include "exchange/exchange_ops.h"
#include "loader/loader.h"
#include "make_api.h"
#include "router/router.h"
#include "snapshot/snap_def.h"

Suite *test_loader_suite(void);

static struct loader_error e;

static struct snap *build(struct mb *m, struct snap *base)
{
    struct bundle *b = mb_bundle(m, 1, 1);
    struct snap *s = NULL;
    int rc = loader_build(b, base, &s, &e);

    bundle_unref(b);
    ck_assert_msg(rc == 0, "code %d, %s %s, %s: %s", e.code, e.type, e.key, e.field, e.message);
    return s;
}

static void add_shop(struct mb *m)
{
    api_stage(m, "shop", "prod", "api.example.com", "/v1");
    api_integration(m, "shop/prod", "list", 2, "upstream://orders/list/{id}");
    api_integration(m, "shop/prod", "direct", 2, "http://10.0.0.9:8081/x");
    api_route(m, "shop/prod", "GET", "/orders/{id}", "list");
    api_route(m, "shop/prod", "ANY", "/{proxy+}", "direct");
    api_upstream(m, "orders", "10.0.0.5", 8080);
    api_stage(m, "users", "dev", NULL, "/users/dev");
    api_integration(m, "users/dev", "ping", 1, "");
    api_route(m, "users/dev", "GET", "/ping", "ping");
    api_upstream(m, "spare", "spare.internal", 80);
}

static const struct snap_part *part(const struct snap *s, const char *name)
{
    for (size_t i = 0; i < s->n_parts; i++)
        if (slice_is(s->parts[i]->name, name))
            return s->parts[i];
    return NULL;
}

START_TEST(whole_snapshot)
{
    struct mb m = {0};
    struct router_match out;
    const struct snap_upstream *up;
    struct snap *s;

    add_shop(&m);
    s = build(&m, NULL);
    ck_assert_uint_eq(s->n_parts, 4);
    ck_assert_uint_eq(s->n_routes, 3);
    ck_assert_uint_eq(s->route_ids, 3);
    ck_assert(slice_is(s->parts[0]->name, "stage/shop/prod"));
    ck_assert(slice_is(s->parts[3]->name, "upstream/spare"));
    ck_assert_int_eq(router_match(s, SLICE_LIT("api.example.com"), HTTP_METHOD_GET, SLICE_LIT("/v1/orders/7"), &out), ROUTER_OK);
    ck_assert(slice_is(out.route->path, "/orders/{id}"));
    ck_assert(slice_is(out.route->params[0], "id"));
    ck_assert(slice_is(out.values[0], "7"));
    ck_assert(slice_is(out.route->integration->key, "shop/prod/list"));
    ck_assert_ptr_eq(out.stage, out.route->stage);
    ck_assert_int_eq(router_match(s, SLICE_LIT("x"), HTTP_METHOD_GET, SLICE_LIT("/users/dev/ping"), &out), ROUTER_OK);
    ck_assert_str_eq(out.route->integration->ops->name, "mock");
    up = part(s, "upstream/orders")->upstream;
    ck_assert_ptr_eq(s->upstreams[up->slot], up);
    ck_assert(slice_is(up->endpoints[0].host, "10.0.0.5"));
    ck_assert_uint_eq(up->endpoints[0].port, 8080);
    ck_assert_uint_eq(part(s, "stage/shop/prod")->n_uses, 2);
    ck_assert_uint_eq(part(s, "stage/shop/prod")->n_implied, 1);
    up = part(s, "stage/shop/prod")->implied[0];
    ck_assert(slice_is(up->name, "http://10.0.0.9:8081"));
    ck_assert(slice_is(up->endpoints[0].host, "10.0.0.9"));
    ck_assert_uint_eq(up->endpoints[0].port, 8081);
    ck_assert_ptr_eq(s->upstreams[up->slot], up);
    snap_unref(s);
    mb_fini(&m);
}
END_TEST

START_TEST(unchanged_parts_are_shared)
{
    struct mb m = {0};
    struct snap *a, *b, *c, *d;
    uint32_t slot;
    uint64_t id;

    add_shop(&m);
    a = build(&m, NULL);
    b = build(&m, a); /* nothing changed */
    for (size_t i = 0; i < a->n_parts; i++)
        ck_assert_ptr_eq(a->parts[i], b->parts[i]);
    ck_assert_uint_lt(b->bytes, a->bytes);
    api_route(&m, "users/dev", "POST", "/ping", "ping");
    c = build(&m, b);
    ck_assert_ptr_ne(part(c, "stage/users/dev"), part(b, "stage/users/dev"));
    ck_assert_ptr_eq(part(c, "stage/shop/prod"), part(b, "stage/shop/prod"));
    ck_assert_ptr_eq(part(c, "upstream/orders"), part(b, "upstream/orders"));
    ck_assert_uint_eq(c->n_routes, 4);
    slot = part(c, "upstream/orders")->upstream->slot;
    id = part(c, "upstream/orders")->upstream->id;
    mb_del(&m, SLICE_LIT("upstream"), SLICE_LIT("orders"));
    api_upstream(&m, "orders", "10.0.0.6", 8080);
    mb_del(&m, SLICE_LIT("upstream"), SLICE_LIT("spare"));
    d = build(&m, c);
    ck_assert_ptr_eq(part(d, "stage/shop/prod"), part(c, "stage/shop/prod"));
    ck_assert_ptr_null(part(d, "upstream/spare"));
    ck_assert_uint_eq(part(d, "upstream/orders")->upstream->slot, slot);
    ck_assert_uint_eq(part(d, "upstream/orders")->upstream->id, id);
    ck_assert(slice_is(d->upstreams[slot]->endpoints[0].host, "10.0.0.6"));
    ck_assert(slice_is(c->upstreams[slot]->endpoints[0].host, "10.0.0.5"));
    snap_unref(a);
    snap_unref(c);
    snap_unref(b);
    ck_assert(slice_is(d->upstreams[slot]->endpoints[0].host, "10.0.0.6"));
    snap_unref(d);
    mb_fini(&m);
}
END_TEST

/* Many small steps, each built upon the one before: always what a build from nothing gives. */
START_TEST(steps_equal_a_build_from_nothing)
{
    struct mb m = {0};
    struct snap *s = NULL;

    add_shop(&m);
    for (unsigned step = 0; step < 400; step++) {
        char path[32], name[32], key[64];
        struct snap *next, *whole;

        (void)snprintf(path, sizeof(path), "/step/%u", (step * 7) % 23);
        (void)snprintf(key, sizeof(key), "users/dev/GET %s", path);
        (void)snprintf(name, sizeof(name), "u%u", step % 5);
        if (step % 3 == 0) {
            mb_del(&m, SLICE_LIT("route"), slice_of(key));
        } else {
            mb_del(&m, SLICE_LIT("route"), slice_of(key));
            api_route(&m, "users/dev", "GET", path, "ping");
        }
        mb_del(&m, SLICE_LIT("upstream"), slice_of(name));
        if (step % 4 != 0)
            api_upstream(&m, name, "10.1.1.1", 1000 + step);
        next = build(&m, s);
        whole = build(&m, NULL);
        ck_assert_uint_eq(next->n_parts, whole->n_parts);
        ck_assert_uint_eq(next->n_routes, whole->n_routes);
        for (size_t i = 0; i < next->n_parts; i++) {
            ck_assert(slice_eq(next->parts[i]->name, whole->parts[i]->name));
            ck_assert_uint_eq(next->parts[i]->n_routes, whole->parts[i]->n_routes);
            if (next->parts[i]->upstream != NULL)
                ck_assert_uint_eq(next->parts[i]->upstream->endpoints[0].port, whole->parts[i]->upstream->endpoints[0].port);
        }
        snap_unref(whole);
        snap_unref(s);
        s = next;
    }
    snap_unref(s);
    mb_fini(&m);
}
END_TEST

static void add_text(struct mb *m, const char *type, const char *key, struct slice body, const char *at)
{
    mb_del(m, slice_of(type), slice_of(key));
    mb_add(m, slice_of(type), slice_of(key), body, slice_of(at));
}

/* Each spoils the shop in one way. */
static void spoil(struct mb *m, int i)
{
    struct body b, sub;

    body_init(&b);
    body_init(&sub);
    switch (i) {
    case 0:
        api_route(m, "shop/prod", "GET", "/a", "nowhere");
        return;
    case 1:
        mb_del(m, SLICE_LIT("upstream"), SLICE_LIT("orders"));
        return;
    case 2:
        api_integration(m, "shop/prod", "new", 99, "");
        return;
    case 3:
        api_integration(m, "shop/prod", "new", 0, "");
        return;
    case 4:
        add_text(m, "filter", "shop/prod/x", SLICE_NONE, "stage/shop/prod");
        return;
    case 5:
        api_route(m, "shop/prod", "GET", "/orders/{other}", "direct");
        return;
    case 6:
        api_route(m, "shop/prod", "GET", "/{a+}/b", "direct");
        return;
    case 7:
        api_route(m, "shop/prod", "FROB", "/b", "direct");
        return;
    case 8:
        mb_del(m, SLICE_LIT("stage"), SLICE_LIT("shop/prod"));
        return;
    case 9:
        api_stage(m, "more", "prod", "api.example.com", "/v1");
        return;
    case 10:
        api_upstream(m, "zero", "h", 0);
        return;
    case 11:
        api_upstream(m, "big", "h", 65536);
        return;
    case 12:
        body_text(&b, 1, "none");
        add_text(m, "upstream", "none", body_slice(&b), "upstream/none");
        return;
    case 13:
        add_text(m, "upstream", "x", SLICE_LIT("\x0a\x01"), "upstream/x");
        return;
    case 14:
        wire_put_u64(&b.w, 15, 1);
        add_text(m, "upstream", "x", body_slice(&b), "upstream/x");
        return;
    case 15:
        body_text(&b, 1, "\xff\xfe");
        add_text(m, "upstream", "x", body_slice(&b), "upstream/x");
        return;
    case 16:
        api_stage(m, "s", "t", NULL, "/a/");
        return;
    case 17:
        api_stage(m, "s", "t", "API.example.com", "");
        return;
    case 18:
        api_route(m, "shop/prod", "GET", "/x", "direct");
        free((void *)(uintptr_t)m->list[m->n - 1].part.p);
        m->list[m->n - 1].part = mb_dup(SLICE_LIT("stage/users/dev"));
        return;
    case 19:
        m->list[0].index ^= 1;
        return;
    case 20:
        api_upstream(m, "orders", "twice", 1);
        return;
    case 21:
        body_text(&b, 1, "p");
        body_text(&b, 7, "bestEffort");
        body_text(&sub, 1, "h");
        wire_put_u64(&sub.w, 2, 1);
        wire_put_u64(&sub.w, 3, 1);
        body_init(&b);
        body_text(&b, 1, "p");
        wire_put_bytes(&b.w, 2, body_slice(&sub));
        body_text(&b, 7, "bestEffort");
        add_text(m, "upstream", "p", body_slice(&b), "upstream/p");
        return;
    case 22:
        for (unsigned k = 0; k < 65; k++)
            body_text(&b, 3, "h.example");
        add_text(m, "stage", "shop/prod", body_slice(&b), "stage/shop/prod");
        return;
    case 23:
        api_integration(m, "shop/prod", "new", 2, "ftp://x/");
        return;
    case 24:
        body_text(&b, 2, "GET");
        body_text(&b, 1, "/x");
        add_text(m, "route", "shop/prod/GET /x", body_slice(&b), "stage/shop/prod");
        return;
    case 25:
        wire_put_u64(&b.w, 1, 1);
        wire_put_bytes(&b.w, 5, SLICE_LIT("\x1a\x01x"));
        add_text(m, "integration", "shop/prod/direct", body_slice(&b), "stage/shop/prod");
        return;
    default:
        ck_abort_msg("no such case");
    }
}

static const struct {
    int code;
    const char *type, *key, *field, *message;
} refusals[] = {
    {LOADER_DANGLING_REFERENCE, "route", "shop/prod/GET /a", "integration", "shop/prod/nowhere"},
    {LOADER_DANGLING_REFERENCE, "integration", "shop/prod/list", "uri", "orders"},
    {LOADER_INVALID_RESOURCE, "integration", "shop/prod/new", "type", "99"},
    {LOADER_INVALID_RESOURCE, "integration", "shop/prod/new", "type", "0"},
    {LOADER_INVALID_RESOURCE, "filter", "shop/prod/x", "type", "resource type"},
    {LOADER_INVALID_RESOURCE, "route", NULL, "path", "no request could tell"},
    {LOADER_INVALID_RESOURCE, "route", "shop/prod/GET /{a+}/b", "path", "greedy"},
    {LOADER_INVALID_RESOURCE, "route", "shop/prod/FROB /b", "method", "FROB"},
    {LOADER_DANGLING_REFERENCE, NULL, NULL, "part", "stage/shop/prod"},
    {LOADER_INVALID_RESOURCE, "stage", "shop/prod", "hosts", "more/prod"},
    {LOADER_INVALID_RESOURCE, "upstream", "zero", "endpoints.address", "host and port"},
    {LOADER_INVALID_RESOURCE, "upstream", "big", "endpoints.address", "host and port"},
    {LOADER_INVALID_RESOURCE, "upstream", "none", "endpoints", "at least one"},
    {LOADER_DECODE, "upstream", "x", "", "no field"},
    {LOADER_DECODE, "upstream", "x", "", "field 15"},
    {LOADER_DECODE, "upstream", "x", "", "UTF-8"},
    {LOADER_INVALID_RESOURCE, "stage", "s/t", "basePath", "/a/"},
    {LOADER_INVALID_RESOURCE, "stage", "s/t", "hosts", "lower case"},
    {LOADER_INVALID_RESOURCE, "route", "shop/prod/GET /x", "part", "stage/users/dev"},
    {LOADER_INVALID_RESOURCE, NULL, NULL, "key", "leaf"},
    {LOADER_INVALID_RESOURCE, "upstream", "orders", "key", "twice"},
    {LOADER_INVALID_RESOURCE, "upstream", "p", "loadBalancing.policy", "bestEffort"},
    {LOADER_LIMIT_EXCEEDED, "stage", "shop/prod", "hosts", "64"},
    {LOADER_INVALID_RESOURCE, "integration", "shop/prod/new", "uri", "http://"},
    {LOADER_DECODE, "route", "shop/prod/GET /x", "", "order"},
    {LOADER_DECODE, "integration", "shop/prod/direct", "", "field 3"},
};

static void ck_refused(struct mb *m, struct snap *base, int i)
{
    struct snap *s = NULL;
    struct bundle *b = mb_bundle(m, 1, 1);
    int rc = loader_build(b, base, &s, &e);

    ck_assert_msg(rc != 0 && s == NULL, "case %d was taken", i);
    ck_assert_msg(e.code == refusals[i].code, "case %d: code %d: %s", i, e.code, e.message);
    ck_assert_msg(refusals[i].type == NULL || strcmp(e.type, refusals[i].type) == 0, "case %d: type %s: %s", i, e.type, e.message);
    ck_assert_msg(refusals[i].key == NULL || strcmp(e.key, refusals[i].key) == 0, "case %d: key %s: %s", i, e.key, e.message);
    ck_assert_msg(strcmp(e.field, refusals[i].field) == 0, "case %d: field %s: %s", i, e.field, e.message);
    ck_assert_msg(strstr(e.message, refusals[i].message) != NULL, "case %d: %s", i, e.message);
    ck_assert(!e.retryable);
    bundle_unref(b);
}

START_TEST(refused)
{
    struct mb good = {0}, m = {0};
    struct snap *base;

    add_shop(&good);
    base = build(&good, NULL);
    add_shop(&m);
    spoil(&m, _i);
    ck_refused(&m, NULL, _i);
    ck_refused(&m, base, _i); /* also where most of it is shared */
    snap_unref(base);
    mb_fini(&good);
    mb_fini(&m);
}
END_TEST

START_TEST(headers_are_checked)
{
    struct mb m = {0};
    struct snap *s = NULL;
    struct bundle *b;

    b = mb_bundle(&m, 1, 1);
    ck_assert_int_eq(loader_build(b, NULL, &s, &e), 0); /* empty and intended */
    ck_assert_uint_eq(s->n_parts, 0);
    snap_unref(s);
    b->empty_is_intended = false;
    ck_assert_int_ne(loader_build(b, NULL, &s, &e), 0);
    bundle_unref(b);
    add_shop(&m);
    b = mb_bundle(&m, 1, 1);
    b->schema = 2;
    ck_assert_int_ne(loader_build(b, NULL, &s, &e), 0);
    ck_assert_int_eq(e.code, LOADER_SCHEMA_UNSUPPORTED);
    b->schema = 1;
    b->version.root[0] ^= 1;
    ck_assert_int_ne(loader_build(b, NULL, &s, &e), 0);
    ck_assert_int_eq(e.code, LOADER_HASH_MISMATCH);
    b->version.root[0] ^= 1;
    b->n_capabilities = 1;
    (void)snprintf(b->capabilities[0], sizeof(b->capabilities[0]), "time-travel");
    ck_assert_int_ne(loader_build(b, NULL, &s, &e), 0);
    ck_assert_int_eq(e.code, LOADER_CAPABILITY_MISSING);
    bundle_unref(b);
    mb_fini(&m);
}
END_TEST

/* Numbers go back to where they came from, also when a build fails half way. */
START_TEST(nothing_leaks)
{
    struct mb m = {0};
    struct snap_slot first, last;
    uint32_t id;

    for (int round = 0; round < 200; round++) {
        struct snap *s = NULL;
        struct bundle *b;

        add_shop(&m);
        if (round % 2 == 0)
            spoil(&m, (round / 2) % (int)ARRAY_LEN(refusals));
        b = mb_bundle(&m, 1, 1);
        if (loader_build(b, NULL, &s, &e) == 0)
            snap_unref(s);
        bundle_unref(b);
        mb_fini(&m);
    }
    ck_assert_int_eq(snap_slot_take(SLICE_LIT("a"), &first), 0);
    ck_assert_uint_lt(first.slot, 8);
    ck_assert_int_eq(snap_slot_take(SLICE_LIT("b"), &last), 0);
    ck_assert_uint_lt(last.slot, 8);
    ck_assert_int_eq(snap_route_id_take(SLICE_LIT("r"), &id), 0);
    ck_assert_uint_lt(id, 8);
    snap_slot_release(first.slot);
    snap_slot_release(last.slot);
    snap_route_id_release(id);
}
END_TEST

/* What --check-bundle prints and returns; standard output of the forked test goes to a file. */
static void ck_check(const char *file, int want, const char *line)
{
    char out[] = "/tmp/sluice-check-XXXXXX", text[2048] = "";
    FILE *f = fopen(file, "r");
    int fd = mkstemp(out);

    ck_assert_int_ge(fd, 0);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fflush(stdout), 0);
    ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    ck_assert_int_eq(loader_check_main(fileno(f)), want);
    ck_assert_int_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
    ck_assert_msg(strstr(text, line) != NULL, "%s", text);
    (void)unlink(out);
    (void)unlink(file);
}

static void write_file(struct mb *m, char *path)
{
    struct bundle *b = mb_bundle(m, 1, 1);
    struct err err;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bundle_file_write_fd(fd, b, &err), 0);
    (void)close(fd);
    bundle_unref(b);
}

START_TEST(check_says_yes)
{
    char path[] = "/tmp/sluice-check-XXXXXX";
    struct mb m = {0};

    add_shop(&m);
    write_file(&m, path);
    mb_fini(&m);
    ck_check(path, 0, "{\"ok\":true,\"routes\":3,\"upstreams\":3,\"parts\":4,");
}
END_TEST

START_TEST(check_says_no)
{
    char path[] = "/tmp/sluice-check-XXXXXX";
    struct mb m = {0};

    add_shop(&m);
    spoil(&m, 2);
    write_file(&m, path);
    mb_fini(&m);
    ck_check(path, 1, "{\"ok\":false,\"code\":7,\"type\":\"integration\",\"key\":\"shop/prod/new\",\"field\":\"type\",");
}
END_TEST

START_TEST(check_refuses_rubbish)
{
    char path[] = "/tmp/sluice-check-XXXXXX";
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "rubbish", 7), 7);
    (void)close(fd);
    ck_check(path, 1, "{\"ok\":false,\"code\":3,\"type\":\"\",");
}
END_TEST

START_TEST(ten_thousand_routes)
{
    struct mb m = {0};
    struct router_match out;
    uint64_t from, whole, one;
    struct snap *a, *b;

    api_large(&m, 10000);
    from = clock_mono_us();
    a = build(&m, NULL);
    whole = clock_mono_us() - from;
    ck_assert_uint_eq(a->n_routes, 10000);
    api_route(&m, "shop/prod", "DELETE", "/v3/team-3/item-3/{id}", "route-3");
    from = clock_mono_us();
    b = build(&m, a);
    one = clock_mono_us() - from;
    (void)printf("loader: 10000 routes with leaves and hashes in %llu us, one more in %llu us, %llu bytes a route\n",
                 (unsigned long long)whole, (unsigned long long)one, (unsigned long long)(a->bytes / a->n_routes));
    ck_assert_ptr_eq(part(a, "upstream/orders"), part(b, "upstream/orders"));
    ck_assert_int_eq(router_match(b, SLICE_NONE, HTTP_METHOD_DELETE, SLICE_LIT("/shop/prod/v3/team-3/item-3/x"), &out), ROUTER_OK);
    ck_assert_int_eq(router_match(a, SLICE_NONE, HTTP_METHOD_DELETE, SLICE_LIT("/shop/prod/v3/team-3/item-3/x"), &out),
                     ROUTER_NO_METHOD);
    snap_unref(a);
    snap_unref(b);
    mb_fini(&m);
}
END_TEST

Suite *test_loader_suite(void)
{
    Suite *s = suite_create("loader");
    TCase *t = tcase_create("loader");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, whole_snapshot);
    tcase_add_test(t, unchanged_parts_are_shared);
    tcase_add_test(t, steps_equal_a_build_from_nothing);
    tcase_add_loop_test(t, refused, 0, (int)ARRAY_LEN(refusals));
    tcase_add_test(t, headers_are_checked);
    tcase_add_test(t, nothing_leaks);
    tcase_add_test(t, check_says_yes);
    tcase_add_test(t, check_says_no);
    tcase_add_test(t, check_refuses_rubbish);
    tcase_add_test(t, ten_thousand_routes);
    suite_add_tcase(s, t);
    return s;
}
