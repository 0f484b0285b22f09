#include <check.h>
#include <stdio.h>

#include "make_router.h"

Suite *test_router_suite(void);

/* One stage at the root of every host, and what it answers. want: "GET /route value value", "-" no route, "!" no method. */
struct table_case {
    const char *request, *want;
};

static void ck_answer(const struct mr *m, const char *host, const char *request, const char *want)
{
    const char *space = strchr(request, ' ');
    struct slice method = slice_from(request, (size_t)(space - request));
    struct router_match out;
    char got[1024];
    size_t n;

    switch (router_match(&m->snap, slice_of(host), http_method_of(method), slice_of(space + 1), &out)) {
    case ROUTER_OK:
        n = (size_t)snprintf(got, sizeof(got), "%.*s", SLICE_FMT(out.route->operation));
        ck_assert_uint_eq(out.n_values, out.route->n_params);
        for (uint16_t i = 0; i < out.n_values; i++)
            n += (size_t)snprintf(got + n, sizeof(got) - n, " %.*s", SLICE_FMT(out.values[i]));
        break;
    case ROUTER_NO_STAGE:
        (void)snprintf(got, sizeof(got), "?");
        break;
    case ROUTER_NO_ROUTE:
        (void)snprintf(got, sizeof(got), "-");
        break;
    case ROUTER_NO_METHOD:
        (void)snprintf(got, sizeof(got), "!");
        ck_assert_uint_ne(out.allow, 0);
        break;
    }
    ck_assert_msg(strcmp(got, want) == 0, "%s %s: got \"%s\", want \"%s\"", host, request, got, want);
}

static void ck_table(const char *const *routes, size_t n, const struct table_case *cases, size_t n_cases)
{
    struct mr m;

    mr_init(&m);
    ck_assert_int_eq(mr_stage(&m, "prod", NULL, "", routes, n), 0);
    ck_assert_int_eq(mr_seal(&m), 0);
    for (size_t i = 0; i < n_cases; i++)
        ck_answer(&m, "", cases[i].request, cases[i].want);
    mr_fini(&m);
}

#define CK_TABLE(routes, cases) ck_table(routes, ARRAY_LEN(routes), cases, ARRAY_LEN(cases))

START_TEST(aws_example)
{
    static const char *const routes[] = {"ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog"};
    static const struct table_case cases[] = {
        {"GET /pets/dog", "GET /pets/dog"},
        {"GET /pets/cats", "GET /pets/{proxy+} cats"},
        {"GET /animals", "ANY /{proxy+} animals"},
        {"POST /pets/dog", "ANY /{proxy+} pets/dog"},
        {"POST /pets/cats", "ANY /{proxy+} pets/cats"},
        {"GET /pets", "ANY /{proxy+} pets"},
        {"GET /pets/", "ANY /{proxy+} pets"},
        {"GET /pets/dog/", "GET /pets/dog"},
        {"GET /pets/dog/x", "GET /pets/{proxy+} dog/x"},
        {"GET /Pets/dog", "ANY /{proxy+} Pets/dog"},
        {"GET /", "-"},
        {"GET //", "-"},
        {"TRACE /animals", "!"},
        {"CONNECT /animals", "!"},
        {"PURGE /animals", "!"},
        {"get /animals", "!"},
    };

    CK_TABLE(routes, cases);
}
END_TEST

/* http api example of the reference */
START_TEST(http_api_example)
{
    static const char *const routes[] = {"GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}"};
    static const struct table_case cases[] = {
        {"GET /pets/dog/1", "GET /pets/dog/1"},
        {"GET /pets/dog/2", "GET /pets/dog/{id} 2"},
        {"GET /pets/cat/1", "GET /pets/{proxy+} cat/1"},
        {"POST /test/5", "ANY /{proxy+} test/5"},
        {"GET /pets/dog", "GET /pets/{proxy+} dog"},
        {"GET /pets/dog/1/2", "GET /pets/{proxy+} dog/1/2"},
        {"PUT /pets/dog/1", "ANY /{proxy+} pets/dog/1"},
        {"GET /", "-"},
    };

    CK_TABLE(routes, cases);
}
END_TEST

/* Recorded: test_proxy_routing_with_hardcoded_resource_sibling and ..._sibling_order. */
START_TEST(fall_back)
{
    static const char *const one[] = {"POST /test", "ANY /test/any", "OPTIONS /{proxy+}"};
    static const struct table_case of_one[] = {
        {"OPTIONS /test", "OPTIONS /{proxy+} test"},
        {"POST /test", "POST /test"},
        {"OPTIONS /test/any", "ANY /test/any"},
        {"GET /test/any", "ANY /test/any"},
        {"GET /test", "!"},
        {"GET /other", "!"},
        {"OPTIONS /other", "OPTIONS /{proxy+} other"},
        {"OPTIONS /test/other", "OPTIONS /{proxy+} test/other"},
        {"POST /test/other", "!"},
        {"TRACE /test/any", "!"},
    };
    static const char *const two[] = {"GET /part1", "GET /part1/hardcoded-value", "GET /{param+}"};
    static const struct table_case of_two[] = {
        {"GET /part1", "GET /part1"},
        {"GET /part1/hardcoded-value", "GET /part1/hardcoded-value"},
        {"GET /part1/random-value", "GET /{param+} part1/random-value"},
        {"GET /part1/hardcoded-value/x", "GET /{param+} part1/hardcoded-value/x"},
        {"POST /part1", "!"},
    };
    static const char *const three[] = {"DELETE /proxy/{proxy+}", "GET /proxy/bar/{param}"};
    static const struct table_case of_three[] = {
        {"DELETE /proxy/bar/a/b", "DELETE /proxy/{proxy+} bar/a/b"},
        {"DELETE /proxy/bar/a", "DELETE /proxy/{proxy+} bar/a"},
        {"GET /proxy/bar/a", "GET /proxy/bar/{param} a"},
        {"GET /proxy/bar/a/b", "!"},
        {"GET /proxy/bar", "!"},
        {"DELETE /proxy/bar", "DELETE /proxy/{proxy+} bar"},
        {"DELETE /proxy", "-"},
    };
    static const char *const four[] = {"POST /existing"};
    static const struct table_case of_four[] = {
        {"GET /existing", "!"}, {"POST /existing", "POST /existing"}, {"POST /existing/x", "-"}, {"POST /exist", "-"},
    };

    CK_TABLE(one, of_one);
    CK_TABLE(two, of_two);
    CK_TABLE(three, of_three);
    CK_TABLE(four, of_four);
}
END_TEST

START_TEST(back_tracking)
{
    static const char *const routes[] = {
        "GET /a/{x}/c",        "GET /{y}/b/d",      "GET /a/b/e",        "GET /{y}/{z}/f", "GET /a/{g+}",
        "ANY /{y}/{z}/{w}/{v}", "HEAD /{all+}",     "GET /a/{x}/c/{t}/u",
    };
    static const struct table_case cases[] = {
        {"GET /a/b/c", "GET /a/{x}/c b"},
        {"GET /a/b/d", "GET /a/{g+} b/d"},       /* the greedy child of /a comes before {y}'s children */
        {"GET /x/b/d", "GET /{y}/b/d x"},
        {"GET /a/b/e", "GET /a/b/e"},
        {"GET /a/b/f", "GET /a/{g+} b/f"},
        {"GET /q/b/f", "GET /{y}/{z}/f q b"},
        {"POST /a/b/c/d", "ANY /{y}/{z}/{w}/{v} a b c d"},
        {"GET /a/b/c/d", "GET /a/{g+} b/c/d"},
        {"GET /a/b/c/d/u", "GET /a/{x}/c/{t}/u b d"},
        {"GET /a/b/c/d/v", "GET /a/{g+} b/c/d/v"},
        {"HEAD /a/b/c", "HEAD /{all+} a/b/c"},
        {"HEAD /a/b/c/d", "ANY /{y}/{z}/{w}/{v} a b c d"},
        {"HEAD /a/b/c/d/u", "HEAD /{all+} a/b/c/d/u"},
        {"PUT /a/b/c/d/u", "!"},
        {"GET /z", "!"},
        {"GET /a", "!"},
    };

    CK_TABLE(routes, cases);
}
END_TEST

START_TEST(methods)
{
    static const char *const routes[] = {"GET /m", "ANY /m", "POST /m", "GET /only", "ANY /any/{id}", "DELETE /any/{id}"};
    static const struct table_case cases[] = {
        {"GET /m", "GET /m"},         {"POST /m", "POST /m"},           {"PUT /m", "ANY /m"},
        {"DELETE /m", "ANY /m"},      {"HEAD /m", "ANY /m"},            {"OPTIONS /m", "ANY /m"},
        {"PATCH /m", "ANY /m"},       {"TRACE /m", "!"},                {"CONNECT /m", "!"},
        {"FROB /m", "!"},             {"HEAD /only", "!"},              {"OPTIONS /only", "!"},
        {"GET /only", "GET /only"},   {"DELETE /any/7", "DELETE /any/{id} 7"},
        {"GET /any/7", "ANY /any/{id} 7"},
    };

    CK_TABLE(routes, cases);
}
END_TEST

START_TEST(slashes_and_raw_values)
{
    static const char *const routes[] = {"GET /", "GET /orders", "GET /foo/{param}", "GET /g/{rest+}", "GET /trail/", "GET /a/b/{x}/c"};
    static const struct table_case cases[] = {
        {"GET /", "GET /"},
        {"GET //", "GET /"},
        {"GET ", "GET /"},
        {"GET /orders", "GET /orders"},
        {"GET /orders/", "GET /orders"},
        {"GET /orders//", "GET /orders"},
        {"GET //orders", "GET /orders"},
        {"GET ///orders///", "GET /orders"},
        {"GET /foo/foo%2Fbar", "GET /foo/{param} foo%2Fbar"},
        {"GET /foo%2Fbar", "-"},
        {"GET /%6Frders", "-"},
        {"GET /foo/%20", "GET /foo/{param} %20"},
        {"GET /foo/a+b", "GET /foo/{param} a+b"},
        {"GET /foo/a;b=c,d", "GET /foo/{param} a;b=c,d"},
        {"GET /foo/..", "GET /foo/{param} .."},
        {"GET /foo/bar/", "GET /foo/{param} bar"},
        {"GET /foo//bar", "-"},
        {"GET /foo/", "-"},
        {"GET /foo", "-"},
        {"GET /g", "-"},
        {"GET /g/", "-"},
        {"GET /g//", "-"},
        {"GET /g/x", "GET /g/{rest+} x"},
        {"GET /g/x/", "GET /g/{rest+} x"},
        {"GET /g//x", "GET /g/{rest+} x"},
        {"GET /g/x//y", "GET /g/{rest+} x//y"},
        {"GET /g//x//y//", "GET /g/{rest+} x//y"},
        {"GET /g/%2F", "GET /g/{rest+} %2F"},
        {"GET /trail", "GET /trail/"},
        {"GET /trail/", "GET /trail/"},
        {"GET /a/b//c", "-"},
        {"GET /a/b/x/c", "GET /a/b/{x}/c x"},
        {"GET *", "?"},
        {"GET orders", "?"},
    };

    CK_TABLE(routes, cases);
}
END_TEST

START_TEST(hosts_and_base_paths)
{
    static const char *const one[] = {"GET /x"}, *const all[] = {"ANY /{proxy+}", "ANY /"};
    static const struct {
        const char *host, *request, *want, *stage, *rest;
    } cases[] = {
        {"", "GET /shop/prod/x", "GET /x", "plain", "/x"},
        {"other.example", "GET /shop/prod/x", "GET /x", "plain", "/x"},
        {"other.example", "GET //shop/prod/x", "GET /x", "plain", "/x"},
        {"other.example", "GET /shop/prod//x", "GET /x", "plain", "//x"},
        {"other.example", "GET /shop//prod/x", "?", NULL, NULL},
        {"other.example", "GET /shop/prod", "-", "plain", ""},
        {"other.example", "GET /shop/prod/", "-", "plain", "/"},
        {"other.example", "GET /shop/production/x", "?", NULL, NULL},
        {"other.example", "GET /shop", "?", NULL, NULL},
        {"other.example", "GET /Shop/prod/x", "?", NULL, NULL},
        {"other.example", "GET /", "?", NULL, NULL},
        {"api.example", "GET /v1/x", "GET /x", "v1", "/x"},
        {"api.example", "GET /v1/x/", "GET /x", "v1", "/x/"},
        {"api.example", "GET /v1/v2/x", "GET /x", "v1v2", "/x"},
        {"api.example", "GET /v1/y", "-", "v1", "/y"},      /* the longest base path decides: no way back */
        {"api.example", "GET /v10/x", "?", NULL, NULL},
        {"api.example", "GET /shop/prod/x", "GET /x", "plain", "/x"}, /* not on this host: every host */
        {"root.example", "GET /shop/prod/x", "ANY /{proxy+} shop/prod/x", "root", "/shop/prod/x"},
        {"root.example", "GET /", "ANY /", "root", "/"},
        {"root.example", "GET /v1/x", "GET /x", "rootv1", "/x"},
        {"root.example", "GET /v1", "-", "rootv1", ""},
        {"root.example", "POST /v2", "ANY /{proxy+} v2", "root", "/v2"},
        {"shop", "GET /prod/x", "?", NULL, NULL},            /* a host's name is no segment */
    };
    struct mr m;

    mr_init(&m);
    ck_assert_int_eq(mr_stage(&m, "plain", NULL, "/shop/prod", one, 1), 0);
    ck_assert_int_eq(mr_stage(&m, "v1", "api.example", "/v1", one, 1), 0);
    ck_assert_int_eq(mr_stage(&m, "v1v2", "api.example", "/v1/v2", one, 1), 0);
    ck_assert_int_eq(mr_stage(&m, "root", "root.example", "", all, 2), 0);
    ck_assert_int_eq(mr_stage(&m, "rootv1", "root.example", "/v1", one, 1), 0);
    ck_assert_int_eq(mr_seal(&m), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct router_match out;

        ck_answer(&m, cases[i].host, cases[i].request, cases[i].want);
        (void)router_match(&m.snap, slice_of(cases[i].host), HTTP_METHOD_GET, slice_of(strchr(cases[i].request, ' ') + 1), &out);
        if (cases[i].stage == NULL) {
            ck_assert_ptr_null(out.stage);
            continue;
        }
        ck_assert_msg(slice_is(out.stage->name, cases[i].stage), "case %zu: %.*s", i, SLICE_FMT(out.stage->name));
        ck_assert_msg(slice_is(out.rest, cases[i].rest), "case %zu: %.*s", i, SLICE_FMT(out.rest));
    }
    ck_assert_int_eq(mr_stage(&m, "twin", "api.example", "/v1", one, 1), 0);
    ck_assert_int_eq(mr_seal(&m), -ERR_EXISTS);
    ck_assert_uint_eq(m.fault.route, 5);
    ck_assert_str_eq(m.fault.field, "hosts");
    mr_fini(&m);
}
END_TEST

START_TEST(no_stage_at_all)
{
    struct mr m;

    mr_init(&m);
    ck_assert_int_eq(mr_seal(&m), 0);
    ck_answer(&m, "x", "GET /", "?");
    ck_answer(&m, "", "GET /a/b", "?");
    ck_assert_int_eq(mr_stage(&m, "empty", NULL, "", NULL, 0), 0);
    ck_assert_int_eq(mr_seal(&m), 0);
    ck_answer(&m, "", "GET /a/b", "-");
    mr_fini(&m);
}
END_TEST

START_TEST(allow_is_what_the_path_has)
{
    static const char *const routes[] = {"GET /a", "POST /a", "DELETE /{x}", "ANY /b"};
    struct router_match out;
    struct mr m;

    mr_init(&m);
    ck_assert_int_eq(mr_stage(&m, "prod", NULL, "", routes, ARRAY_LEN(routes)), 0);
    ck_assert_int_eq(mr_seal(&m), 0);
    ck_assert_int_eq(router_match(&m.snap, SLICE_NONE, HTTP_METHOD_PUT, SLICE_LIT("/a"), &out), ROUTER_NO_METHOD);
    ck_assert_uint_eq(out.allow, HTTP_METHOD_BIT(HTTP_METHOD_GET) | HTTP_METHOD_BIT(HTTP_METHOD_POST) |
                                     HTTP_METHOD_BIT(HTTP_METHOD_DELETE));
    ck_assert_int_eq(router_match(&m.snap, SLICE_NONE, HTTP_METHOD_TRACE, SLICE_LIT("/b"), &out), ROUTER_NO_METHOD);
    ck_assert_int_eq(__builtin_popcount(out.allow), 7);
    mr_fini(&m);
}
END_TEST

START_TEST(bad_templates)
{
    static const struct {
        const char *route;
        int rc;
    } cases[] = {
        {"GET pets", -ERR_SYNTAX},          {"GET ", -ERR_SYNTAX},             {"GET //", -ERR_SYNTAX},
        {"GET /a//b", -ERR_SYNTAX},         {"GET /{}", -ERR_SYNTAX},          {"GET /{+}", -ERR_SYNTAX},
        {"GET /{a", -ERR_SYNTAX},           {"GET /a}", -ERR_SYNTAX},          {"GET /x{a}", -ERR_SYNTAX},
        {"GET /{a}x", -ERR_SYNTAX},         {"GET /{a+}/b", -ERR_SYNTAX},      {"GET /{a}/{a}", -ERR_SYNTAX},
        {"GET /{a}/b/{a+}", -ERR_SYNTAX},   {"GET /{a b}", -ERR_SYNTAX},       {"GET /{a++}", -ERR_SYNTAX},
        {"GET /a?b", -ERR_SYNTAX},          {"GET /a#b", -ERR_SYNTAX},         {"GET /a b", -ERR_SYNTAX},
        {"GET /{a}/{b}/{c+}/", 0},          {"GET /{a.b_c-d:e}", 0},           {"TRACE /a", -ERR_INVALID},
        {"get /a", -ERR_INVALID},           {"FROB /a", -ERR_INVALID},         {" /a", -ERR_INVALID},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mr m;

        mr_init(&m);
        ck_assert_msg(mr_stage(&m, "prod", NULL, "", &cases[i].route, 1) == cases[i].rc, "%s", cases[i].route);
        mr_fini(&m);
    }
}
END_TEST

START_TEST(bounds)
{
    char path[4096] = "GET ", params[4096] = "GET ";
    const char *route = path;
    size_t n = 4, k = 4;
    struct mr m;

    for (int i = 0; i < 64; i++)
        n += (size_t)snprintf(path + n, sizeof(path) - n, "/s%d", i);
    for (unsigned i = 0; i < ROUTER_PARAMS_MAX; i++)
        k += (size_t)snprintf(params + k, sizeof(params) - k, "/{p%u}", i);
    mr_init(&m);
    ck_assert_int_eq(mr_stage(&m, "prod", NULL, "", &route, 1), 0);
    ck_assert_int_eq(mr_seal(&m), 0);
    ck_answer(&m, "", path, path);
    (void)snprintf(path + n, sizeof(path) - n, "/more");
    ck_assert_int_eq(mr_stage(&m, "deep", NULL, "/d", &route, 1), -ERR_LIMIT);
    route = params;
    ck_assert_int_eq(mr_stage(&m, "wide", NULL, "/w", &route, 1), 0);
    (void)snprintf(params + k, sizeof(params) - k, "/{more}");
    ck_assert_int_eq(mr_stage(&m, "wider", NULL, "/x", &route, 1), -ERR_LIMIT);
    mr_fini(&m);
}
END_TEST

START_TEST(twins_are_refused)
{
    static const char *const twins[][2] = {
        {"GET /a", "GET /a"},
        {"GET /a", "GET /a/"},
        {"GET /users/{id}", "GET /users/{name}"},
        {"ANY /{a+}", "ANY /{b+}"},
        {"GET /{x}/y/{z}", "GET /{a}/y/{b}"},
    };
    static const char *const friends[] = {"GET /a", "POST /a", "ANY /a", "GET /{x}", "GET /{x+}", "GET /{y}/b", "GET /{z}/c"};
    struct mr m;

    for (size_t i = 0; i < ARRAY_LEN(twins); i++) {
        mr_init(&m);
        ck_assert_msg(mr_stage(&m, "prod", NULL, "", twins[i], 2) == -ERR_EXISTS, "case %zu", i);
        ck_assert_uint_eq(m.fault.route, 1);
        ck_assert_str_eq(m.fault.field, "path");
        ck_assert_ptr_nonnull(strstr(m.err.text, "no request could tell"));
        mr_fini(&m);
    }
    mr_init(&m);
    ck_assert_int_eq(mr_stage(&m, "prod", NULL, "", friends, ARRAY_LEN(friends)), 0);
    mr_fini(&m);
}
END_TEST

Suite *test_router_suite(void)
{
    Suite *s = suite_create("router");
    TCase *t = tcase_create("router");

    tcase_add_test(t, aws_example);
    tcase_add_test(t, http_api_example);
    tcase_add_test(t, fall_back);
    tcase_add_test(t, back_tracking);
    tcase_add_test(t, methods);
    tcase_add_test(t, slashes_and_raw_values);
    tcase_add_test(t, hosts_and_base_paths);
    tcase_add_test(t, no_stage_at_all);
    tcase_add_test(t, allow_is_what_the_path_has);
    tcase_add_test(t, bad_templates);
    tcase_add_test(t, bounds);
    tcase_add_test(t, twins_are_refused);
    suite_add_tcase(s, t);
    return s;
}
