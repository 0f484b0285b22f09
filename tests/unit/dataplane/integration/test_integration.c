#include <check.h>

#include "base/must.h"
#include "integration/integration_http_proxy_int.h"
#include "integration/integration_mock_int.h"
#include "integration/integration_reg.h"

/* ---- mock ---- */

static int build_mock(const char *template, const struct def_response *r, struct err *e, struct slice *field)
{
    struct def_template t = {SLICE_LIT("application/json"), slice_of(template)};
    struct def_integration def = {.type = DEF_INTEGRATION_MOCK, .request_templates = &t, .n_request_templates = 1, .responses = r,
                                  .n_responses = r == NULL ? 0 : 1};
    struct integration_build b = {0};
    const void *conf = NULL;
    struct arena a;
    int rc;

    arena_init(&a, 0, 0);
    b.arena = &a;
    rc = integration_mock.build(&b, &def, &conf, e);
    *field = b.field;
    arena_fini(&a);
    return rc;
}

START_TEST(mock_refuses_what_it_cannot_do)
{
    struct def_response r = {.status_code = SLICE_LIT("200")};
    struct def_pair dynamic = {SLICE_LIT("method.response.header.X"), SLICE_LIT("integration.response.header.Y")};
    struct def_pair reserved = {SLICE_LIT("method.response.header.Content-Length"), SLICE_LIT("'1'")};
    struct def_template velocity = {SLICE_LIT("application/json"), SLICE_LIT("#set($a = 1)")};
    struct err e = {0};
    struct slice field;

    ck_assert_int_eq(build_mock("{statusCode: 200}", &r, &e, &field), 0);
    ck_assert_int_eq(build_mock("{statusCode: $input.path('$.x')}", NULL, &e, &field), -ERR_INVALID);
    ck_assert(slice_is(field, "requestTemplates"));
    ck_assert_int_eq(build_mock("#if(true){statusCode: 200}#end", NULL, &e, &field), -ERR_INVALID);
    ck_assert_int_eq(build_mock("{}", NULL, &e, &field), -ERR_INVALID);
    r.status_code = SLICE_LIT("20");
    ck_assert_int_eq(build_mock("{statusCode: 200}", &r, &e, &field), -ERR_INVALID);
    ck_assert(slice_is(field, "responses.statusCode"));
    r.status_code = SLICE_LIT("200");
    r.selection_pattern = SLICE_LIT("2(");
    ck_assert_int_eq(build_mock("{statusCode: 200}", &r, &e, &field), -ERR_INVALID);
    ck_assert(slice_is(field, "responses.selectionPattern"));
    r.selection_pattern = SLICE_NONE;
    r.parameters = &dynamic;
    r.n_parameters = 1;
    ck_assert_int_eq(build_mock("{statusCode: 200}", &r, &e, &field), -ERR_INVALID);
    r.parameters = &reserved;
    ck_assert_int_eq(build_mock("{statusCode: 200}", &r, &e, &field), -ERR_INVALID);
    r.n_parameters = 0;
    r.templates = &velocity;
    r.n_templates = 1;
    ck_assert_int_eq(build_mock("{statusCode: 200}", &r, &e, &field), -ERR_INVALID);
}
END_TEST

/* ---- http_proxy ---- */

static char asked[256];

static int take_upstream(struct integration_build *b, struct slice name, bool implied, uint32_t *slot, struct err *e)
{
    (void)b;
    (void)snprintf(asked, sizeof(asked), "%s%.*s", implied ? "implied " : "", SLICE_FMT(name));
    if (slice_is(name, "unknown"))
        return err_set(e, ERR_NOTFOUND, "no upstream unknown");
    *slot = 7;
    return 0;
}

static int build_proxy(const char *uri, struct err *e)
{
    static const struct slice params[] = {{"id", 2}, {"rest", 4}};
    struct def_integration def = {.type = DEF_INTEGRATION_HTTP_PROXY, .uri = slice_of(uri)};
    struct integration_build b = {.upstream = take_upstream, .params = params, .n_params = 2};
    const void *conf = NULL;
    struct arena a;
    int rc;

    arena_init(&a, 0, 0);
    b.arena = &a;
    asked[0] = '\0';
    rc = integration_http_proxy.build(&b, &def, &conf, e);
    if (rc != 0)
        ck_assert(slice_is(b.field, "uri"));
    arena_fini(&a);
    return rc;
}

START_TEST(uris)
{
    static const struct {
        const char *uri, *upstream;
    } good[] = {
        {"upstream://orders", "orders"},
        {"upstream://orders/create", "orders"},
        {"upstream://orders/{id}/x?y={rest}", "orders"},
        {"http://10.0.0.1", "implied http://10.0.0.1:80"},
        {"http://Api.Example:8080/{rest+}", "implied http://api.example:8080"},
        {"http://[::1]:9/x", "implied http://[::1]:9"},
        {"http://h?x=1", "implied http://h:80"},
    };
    static const char *const bad[] = {
        "", "ftp://h/", "https://h/", "//h/", "http://", "http:///x", "http://{id}/x", "http://a{id}.example/", "upstream://{id}/",
        "http://h:0/", "http://h:65536/", "http://h:x/", "http://u:p@h/", "http://h/{none}", "http://h/{id", "http://h/id}",
        "http://h/a b", "http://h/#f", "http://h/a/../b", "http://h/%2e%2e/b", "http://h/\r\nX: y", "upstream://unknown/",
        "http://[::1/x",
    };
    struct err e = {0};

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_msg(build_proxy(good[i].uri, &e) == 0, "%s: %s", good[i].uri, e.text);
        ck_assert_str_eq(asked, good[i].upstream);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(build_proxy(bad[i], &e) < 0, "%s", bad[i]);
}
END_TEST

START_TEST(dot_segments)
{
    static const char *const climbs[] = {"/..", "/a/../b", "/a/./b", "/a/.", "/%2e%2e/b", "/.%2E", "/a%2f..%2fb", "/a\\..\\b", "/a%5C%2e%2e",
                                         "/..;x/b", "/.;", "/..%00", "/..%00x/b", "/.%00"};
    static const char *const fine[] = {"/", "/a", "/a..b/c", "/...", "/..a", "/a..", "/.a", "/a.b/c.d", "/%2", "/%zz", "/a%2fb", "//a", "/a..%00", "/...%00"};

    for (size_t i = 0; i < ARRAY_LEN(climbs); i++)
        ck_assert_msg(proxy_path_climbs(slice_of(climbs[i])), "%s", climbs[i]);
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        ck_assert_msg(!proxy_path_climbs(slice_of(fine[i])), "%s", fine[i]);
}
END_TEST

START_TEST(registry)
{
    ck_assert_ptr_eq(integration_reg_find(DEF_INTEGRATION_MOCK), &integration_mock);
    ck_assert_ptr_eq(integration_reg_find(DEF_INTEGRATION_HTTP_PROXY), &integration_http_proxy);
    ck_assert_ptr_null(integration_reg_find((enum def_integration_type)99));
}
END_TEST

Suite *test_integration_suite(void);
Suite *test_integration_suite(void)
{
    Suite *s = suite_create("integration");
    TCase *t = tcase_create("integration");

    tcase_add_test(t, mock_refuses_what_it_cannot_do);
    tcase_add_test(t, uris);
    tcase_add_test(t, dot_segments);
    tcase_add_test(t, registry);
    suite_add_tcase(s, t);
    return s;
}
