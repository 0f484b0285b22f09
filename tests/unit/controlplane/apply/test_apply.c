#include "apply_run.h"

#include "base/random.h"
#include "bundle.pb-c.h"

Suite *test_apply_suite(void);

#define API(name, routes) "apiVersion: sluice/v1\nkind: Api\nmetadata: {name: " name "}\nspec:\n  routes:\n" routes "---\n"
#define ROUTE(path, uri) "    - {path: \"" path "\", method: GET, integration: {type: http_proxy, uri: \"" uri "\"}}\n"
#define STAGE(api, name, env, more) \
    "apiVersion: sluice/v1\nkind: Stage\nmetadata: {name: " name "}\nspec: {api: " api ", environment: " env more "}\n---\n"
#define UPSTREAM(name, address) \
    "apiVersion: sluice/v1\nkind: Upstream\nmetadata: {name: " name "}\nspec: {endpoints: [{address: \"" address "\"}]}\n---\n"

#define SHOP API("shop", ROUTE("/a/{id}", "http://${stageVariables.backend}/{id}") ROUTE("/b", "upstream://orders/b"))
#define BLOG API("blog", ROUTE("/", "http://blog.internal:8080"))
#define PROD STAGE("shop", "prod", "prod", ", variables: {backend: \"api:8080\"}")
#define TEST STAGE("shop", "test", "test", ", variables: {backend: \"test:8080\"}")
#define ALL SHOP BLOG PROD TEST STAGE("blog", "prod", "prod", "") UPSTREAM("orders", "10.0.0.1:80") UPSTREAM("unused", "10.0.0.2:80")

START_TEST(applies_and_is_idempotent)
{
    struct world *w = run_good(ALL, NULL);
    const struct world_environment *e = world_environment(w, SLICE_LIT("prod"));
    struct run r;
    size_t at = 0;

    ck_assert_uint_eq(world_document_count(w), 7);
    ck_assert_uint_eq(e->routes, 3);
    ck_assert_uint_eq(e->stages, 2);
    ck_assert_uint_eq(e->upstreams, 1); /* the unused one is not shipped */
    ck_assert_uint_eq(e->resources, e->leaves->n_resources);
    ck_assert_uint_eq(world_environment(w, SLICE_LIT("test"))->routes, 2);
    ck_assert_ptr_null(world_environment(w, SLICE_LIT("dev")));
    ck_assert_ptr_nonnull(world_document(w, SLICE_LIT("Stage"), SLICE_LIT("shop/prod")));
    ck_assert(slice_is(world_each_environment(w, &at)->name, "prod"));
    run_text(&r, ALL, w);
    ck_assert_int_eq(r.rc, 0);
    check_changes(&r, "unchanged Api blog;unchanged Api shop;unchanged Stage blog/prod;unchanged Stage shop/prod;"
                      "unchanged Stage shop/test;unchanged Upstream orders;unchanged Upstream unused;");
    ck_assert_ptr_eq(world_leaves(r.world, SLICE_LIT("prod")), world_leaves(w, SLICE_LIT("prod")));
    run_end(&r);
    /* Other words for the same: still nothing changes, and the first text stays. */
    run_text(&r, "{kind: Upstream, spec: {endpoints: [{\"address\": '10.0.0.1:80'}]}, metadata: {name: orders}, apiVersion: sluice/v1}", w);
    check_changes(&r, "unchanged Upstream orders;");
    ck_assert_ptr_eq(world_document(r.world, SLICE_LIT("Upstream"), SLICE_LIT("orders")),
                     world_document(w, SLICE_LIT("Upstream"), SLICE_LIT("orders")));
    run_end(&r);
    world_unref(w);
}
END_TEST

START_TEST(one_change_touches_one_environment)
{
    struct world *w = run_good(ALL, NULL);
    uint16_t indexes[BUNDLE_LEAVES];
    struct run r;

    run_text(&r, STAGE("shop", "test", "test", ", variables: {backend: \"other:8080\"}"), w);
    ck_assert_int_eq(r.rc, 0);
    check_changes(&r, "updated Stage shop/test;");
    ck_assert_ptr_eq(world_leaves(r.world, SLICE_LIT("prod")), world_leaves(w, SLICE_LIT("prod")));
    ck_assert_int_ne(memcmp(root_of(r.world, "test"), root_of(w, "test"), 32), 0);
    /* The stage itself and the one integration with the variable. */
    ck_assert_uint_eq(leaf_table_diff(world_leaves(w, SLICE_LIT("test")), world_leaves(r.world, SLICE_LIT("test")), indexes), 2);
    run_end(&r);
    world_unref(w);
}
END_TEST

START_TEST(order_of_documents_changes_nothing)
{
    static const char *docs[] = {SHOP, BLOG, PROD, TEST, STAGE("blog", "prod", "prod", ""), UPSTREAM("orders", "10.0.0.1:80"),
                                 UPSTREAM("unused", "10.0.0.2:80")};
    struct world *w = run_good(ALL, NULL), *other;
    char text[8192];

    for (int round = 0; round < 20; round++) {
        size_t n = sizeof(docs) / sizeof(docs[0]), len = 0;

        for (size_t i = n - 1; i > 0; i--) {
            size_t j = (size_t)random_below(i + 1);
            const char *t = docs[i];

            docs[i] = docs[j];
            docs[j] = t;
        }
        for (size_t i = 0; i < n; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", docs[i]);
        other = run_good(text, NULL);
        ck_assert_int_eq(memcmp(root_of(w, "prod"), root_of(other, "prod"), 32), 0);
        ck_assert_int_eq(memcmp(root_of(w, "test"), root_of(other, "test"), 32), 0);
        world_unref(other);
    }
    world_unref(w);
}
END_TEST

/* A chain of random changes to a world, against the same documents compiled from nothing. */
START_TEST(caches_give_what_a_fresh_compile_gives)
{
    struct world *w = NULL;

    for (int step = 0; step < 200; step++) {
        unsigned api = (unsigned)random_below(3), route = (unsigned)random_below(30), port = 1 + (unsigned)random_below(3);
        char text[4096], all[65536];
        struct world *next, *fresh;
        size_t len = 0, at = 0;
        const struct apply_document *d;

        len = (size_t)snprintf(text, sizeof(text), "apiVersion: sluice/v1\nkind: Api\nmetadata: {name: a%u}\nspec:\n  routes:\n", api);
        for (unsigned i = 0; i <= route; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len,
                                    "    - {path: /r%u, method: GET, integration: {type: http_proxy, uri: \"http://h:%u/\"}}\n", i,
                                    i == route ? port : 9);
        (void)snprintf(text + len, sizeof(text) - len,
                       "---\napiVersion: sluice/v1\nkind: Stage\nmetadata: {name: s}\nspec: {api: a%u, environment: e%u}\n", api, api % 2);
        next = run_good(text, w);
        for (len = 0; (d = world_each_document(next, &at)) != NULL;)
            len += (size_t)snprintf(all + len, sizeof(all) - len, "%.*s\n---\n", SLICE_FMT(d->text));
        fresh = run_good(all, NULL);
        for (at = 0; at < 2; at++) {
            char env[8];

            (void)snprintf(env, sizeof(env), "e%zu", at);
            if (world_environment(fresh, slice_of(env)) != NULL)
                ck_assert_int_eq(memcmp(root_of(next, env), root_of(fresh, env), 32), 0);
        }
        world_unref(fresh);
        world_unref(w);
        w = next;
    }
    world_unref(w);
}
END_TEST

START_TEST(atomic_over_its_documents)
{
    struct world *w = run_good(ALL, NULL);
    uint8_t before[32];
    struct run r;

    memcpy(before, root_of(w, "prod"), 32);
    run_text(&r, BLOG STAGE("blog", "new", "prod", "") "kind: Nothing\n", w);
    ck_assert_int_eq(r.rc, -ERR_INVALID);
    ck_assert_ptr_null(r.world);
    ck_assert_uint_eq(r.changes.n, 0);
    ck_assert_uint_eq(world_document_count(w), 7);
    ck_assert_int_eq(memcmp(before, root_of(w, "prod"), 32), 0);
    run_end(&r);
    world_unref(w);
}
END_TEST

static void run_delete(struct run *r, const char *kind, const char *name, struct world *base)
{
    struct apply_key k = {slice_of(kind), slice_of(name)};
    struct apply_request request = {.deletes = &k, .n_deletes = 1};

    run_request(r, &request, base);
}

static const struct diag *first_diag(const struct run *r)
{
    ck_assert_uint_gt(r->diags.items.n, 0);
    return &VEC_AT(&r->diags.items, struct diag, 0);
}

START_TEST(deletes)
{
    struct world *w = run_good(ALL, NULL), *next;
    struct run r;

    run_delete(&r, "Stage", "shop/test", w);
    ck_assert_int_eq(r.rc, 0);
    check_changes(&r, "deleted Stage shop/test;");
    ck_assert_ptr_null(world_environment(r.world, SLICE_LIT("test")));
    next = world_ref(r.world);
    run_end(&r);
    run_delete(&r, "Api", "shop", next);
    ck_assert_int_eq(r.rc, -ERR_INVALID);
    ck_assert(slice_is(first_diag(&r)->message, "Api \"shop\" is not defined"));
    ck_assert_uint_gt(first_diag(&r)->n_excerpt, 0); /* the lines of the Stage, from the base */
    run_end(&r);
    run_delete(&r, "Upstream", "orders", next);
    ck_assert_int_eq(r.rc, -ERR_INVALID);
    ck_assert(slice_is(first_diag(&r)->message, "upstream \"orders\" is not defined"));
    run_end(&r);
    run_delete(&r, "Upstream", "unusd", next);
    ck_assert(slice_is(first_diag(&r)->hint, "did you mean \"unused\"?"));
    run_end(&r);
    run_delete(&r, "Upstream", "unused", next);
    ck_assert_int_eq(r.rc, 0);
    run_end(&r);
    world_unref(next);
    world_unref(w);
}
END_TEST

START_TEST(places_across_files_and_revisions)
{
    struct world *w = run_good(SHOP PROD UPSTREAM("orders", "10.0.0.1:80"), NULL);
    struct apply_file files[] = {
        {SLICE_LIT("one.yaml"), SLICE_LIT(STAGE("shop", "prod", "prod", ", variables: {other: x}")), 1},
        {SLICE_LIT("two.yaml"), SLICE_LIT(UPSTREAM("extra", "a:1") UPSTREAM("orders", "10.0.0.1:80")), 11},
        {SLICE_LIT("three.yaml"), SLICE_LIT(UPSTREAM("extra", "b:2")), 1},
    };
    struct apply_request request = {.files = files, .n_files = 1};
    struct run r;

    run_request(&r, &request, w);
    ck_assert_int_eq(r.rc, -ERR_INVALID);
    ck_assert(slice_is(first_diag(&r)->place.file, "f.yaml")); /* the use stands in the base */
    ck_assert_uint_eq(first_diag(&r)->place.line, 6);
    ck_assert(slice_is(first_diag(&r)->message, "stage variable \"backend\" is used here, but Stage \"shop/prod\" (one.yaml:4:49) does not have it"));
    run_end(&r);
    request = (struct apply_request){.files = files + 1, .n_files = 2};
    run_request(&r, &request, w);
    ck_assert_int_eq(r.rc, -ERR_INVALID);
    ck_assert(slice_is(first_diag(&r)->place.file, "three.yaml"));
    ck_assert(slice_is(first_diag(&r)->hint, "the other one is at two.yaml:13:18"));
    run_end(&r);
    world_unref(w);
}
END_TEST

START_TEST(files_that_are_too_large)
{
    size_t size = ((size_t)32 << 20) + 1;
    char *text = calloc(1, size);
    struct apply_file files[] = {{SLICE_LIT("one"), {text, size}, 1}, {SLICE_LIT("two"), {text, size - 1}, 1}, {SLICE_LIT("three"), {text, 1}, 1}};
    struct apply_request request = {.files = files, .n_files = 1};
    struct run r;

    ck_assert_ptr_nonnull(text);
    run_request(&r, &request, NULL);
    ck_assert_int_eq(r.rc, -ERR_INVALID);
    ck_assert_str_eq(first_diag(&r)->code, "SL1012");
    run_end(&r);
    request.n_files = 3;
    run_request(&r, &request, NULL);
    ck_assert_int_eq(r.rc, -ERR_LIMIT);
    run_end(&r);
    free(text);
}
END_TEST

START_TEST(dev_makes_stages_by_itself)
{
    struct apply_file f = {SLICE_LIT("f"), SLICE_LIT(BLOG), 1};
    struct apply_request request = {.files = &f, .n_files = 1, .implicit_stage = true, .single_environment = SLICE_LIT("local")};
    struct apply_file both = {SLICE_LIT("f"), SLICE_LIT(BLOG SHOP PROD UPSTREAM("orders", "a:1")), 1};
    const struct apply_document *d;
    struct run r, again;

    run_request(&r, &request, NULL);
    ck_assert_int_eq(r.rc, 0);
    check_changes(&r, "created Api blog;");
    ck_assert_uint_eq(world_environment(r.world, SLICE_LIT("local"))->routes, 1);
    d = world_document(r.world, SLICE_LIT("Stage"), SLICE_LIT("blog/dev"));
    ck_assert(d->is_implicit);
    ck_assert_ptr_nonnull(memmem(d->text.p, d->text.n, "basePath: \"/\"", 13));
    request.files = &both;
    run_request(&again, &request, r.world);
    ck_assert_int_eq(again.rc, 0);
    ck_assert_uint_eq(world_environment(again.world, SLICE_LIT("local"))->stages, 2);
    d = world_document(again.world, SLICE_LIT("Stage"), SLICE_LIT("blog/dev"));
    ck_assert_ptr_nonnull(memmem(d->text.p, d->text.n, "basePath: \"/blog\"", 17));
    run_end(&again);
    run_end(&r);
}
END_TEST

static void find_resource(const struct leaf_table *t, const char *type, const char *key, struct buf *body)
{
    const struct leaf *l = t->leaves[leaf_index(slice_of(type), slice_of(key))];
    Sluice__Bundle__V1__Leaf *leaf;

    ck_assert_ptr_nonnull(l);
    leaf = sluice__bundle__v1__leaf__unpack(NULL, l->size, l->bytes);
    ck_assert_ptr_nonnull(leaf);
    for (size_t i = 0; i < leaf->n_resources; i++)
        if (strcmp(leaf->resources[i]->type, type) == 0 && strcmp(leaf->resources[i]->key, key) == 0)
            ck_assert_int_eq(buf_append(body, leaf->resources[i]->body.data, leaf->resources[i]->body.len), 0);
    sluice__bundle__v1__leaf__free_unpacked(leaf, NULL);
    ck_assert_uint_gt(buf_len(body), 0);
}

START_TEST(resources_as_the_schema_has_them)
{
    struct world *w = run_good(ALL, NULL);
    const struct leaf_table *t = world_leaves(w, SLICE_LIT("prod"));
    Sluice__Bundle__V1__Integration *integration;
    Sluice__Bundle__V1__Upstream *upstream;
    Sluice__Bundle__V1__Route *route;
    Sluice__Bundle__V1__Stage *stage;
    struct buf b;

    buf_init(&b, 0);
    find_resource(t, "integration", "shop/prod/GET /a/{id}", &b);
    integration = sluice__bundle__v1__integration__unpack(NULL, buf_len(&b), (const uint8_t *)b.p);
    ck_assert_str_eq(integration->uri, "http://api:8080/{id}");
    ck_assert_uint_eq(integration->timeout_ms, 29000);
    sluice__bundle__v1__integration__free_unpacked(integration, NULL);
    buf_clear(&b);
    find_resource(t, "route", "shop/prod/GET /a/{id}", &b);
    route = sluice__bundle__v1__route__unpack(NULL, buf_len(&b), (const uint8_t *)b.p);
    ck_assert_str_eq(route->integration, "shop/prod/GET /a/{id}");
    sluice__bundle__v1__route__free_unpacked(route, NULL);
    buf_clear(&b);
    find_resource(t, "stage", "shop/prod", &b);
    stage = sluice__bundle__v1__stage__unpack(NULL, buf_len(&b), (const uint8_t *)b.p);
    ck_assert_str_eq(stage->base_path, "/shop/prod");
    ck_assert_uint_eq(stage->n_variables, 1);
    sluice__bundle__v1__stage__free_unpacked(stage, NULL);
    buf_clear(&b);
    find_resource(t, "upstream", "orders", &b);
    upstream = sluice__bundle__v1__upstream__unpack(NULL, buf_len(&b), (const uint8_t *)b.p);
    ck_assert_str_eq(upstream->endpoints[0]->host, "10.0.0.1");
    ck_assert_uint_eq(upstream->endpoints[0]->port, 80);
    ck_assert_str_eq(upstream->policy, "roundRobin");
    sluice__bundle__v1__upstream__free_unpacked(upstream, NULL);
    buf_fini(&b);
    world_unref(w);
}
END_TEST

START_TEST(ten_thousand_routes)
{
    struct buf text;
    struct world *w = NULL, *next = NULL;
    uint16_t indexes[BUNDLE_LEAVES];

    buf_init(&text, 0);
    for (int version = 0; version < 2; version++) {
        buf_clear(&text);
        ck_assert_int_eq(buf_puts(&text, SLICE_LIT("apiVersion: sluice/v1\nkind: Api\nmetadata: {name: big}\nspec:\n  integrations:\n"
                                                   "    one: {type: http_proxy, uri: \"http://h/{id}\"}\n  routes:\n")), 0);
        for (int i = 0; i < 10000; i++)
            ck_assert_int_eq(buf_printf(&text, "    - {path: \"/s%d/r%d%s/{id}\", method: GET, integration: one}\n", i % 100, i,
                                        version == 1 && i == 5000 ? "x" : ""), 0);
        ck_assert_int_eq(buf_puts(&text, SLICE_LIT("---\n" STAGE("big", "prod", "prod", ""))), 0);
        ck_assert_int_eq(buf_append(&text, "", 1), 0);
        if (version == 0)
            w = run_good(text.p, NULL);
        else
            next = run_good(text.p, w);
    }
    ck_assert_uint_eq(world_environment(next, SLICE_LIT("prod"))->routes, 10000);
    ck_assert_uint_le(leaf_table_diff(world_leaves(w, SLICE_LIT("prod")), world_leaves(next, SLICE_LIT("prod")), indexes), 2);
    world_unref(next);
    world_unref(w);
    buf_fini(&text);
}
END_TEST

Suite *test_apply_suite(void)
{
    Suite *s = suite_create("apply");
    TCase *t = tcase_create("apply");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, applies_and_is_idempotent);
    tcase_add_test(t, one_change_touches_one_environment);
    tcase_add_test(t, order_of_documents_changes_nothing);
    tcase_add_test(t, caches_give_what_a_fresh_compile_gives);
    tcase_add_test(t, atomic_over_its_documents);
    tcase_add_test(t, deletes);
    tcase_add_test(t, places_across_files_and_revisions);
    tcase_add_test(t, files_that_are_too_large);
    tcase_add_test(t, dev_makes_stages_by_itself);
    tcase_add_test(t, resources_as_the_schema_has_them);
    tcase_add_test(t, ten_thousand_routes);
    suite_add_tcase(s, t);
    return s;
}
