#include <check.h>
#include <stdio.h>

#include "base/must.h"
#include "exchange/exchange.h"

/* A sink that writes down what it is told, and takes `room` bytes at a time. */
static struct {
    char text[4096];
    size_t n, room;
    unsigned status, ended, aborted;
} told;

static void sink_head(struct exchange *ex, const struct exchange_head *h)
{
    (void)ex;
    told.status = h->status;
    for (size_t i = 0; i < h->n_headers; i++)
        told.n += (size_t)snprintf(told.text + told.n, sizeof(told.text) - told.n, "%.*s: %.*s\n", SLICE_FMT(h->headers[i].name),
                                   SLICE_FMT(h->headers[i].value));
}

static size_t sink_body(struct exchange *ex, struct slice bytes)
{
    size_t n = bytes.n < told.room ? bytes.n : told.room;

    (void)ex;
    memcpy(told.text + told.n, bytes.p, n);
    told.n += n;
    told.text[told.n] = '\0';
    return n;
}

static void sink_end(struct exchange *ex)
{
    (void)ex;
    told.ended++;
}

static void sink_abort(struct exchange *ex)
{
    (void)ex;
    told.aborted++;
}

static void sink_nothing(struct exchange *ex)
{
    (void)ex;
}

static const struct exchange_sink_ops sink = {.head = sink_head, .body = sink_body, .end = sink_end, .abort = sink_abort,
                                              .flush = sink_nothing, .body_resume = sink_nothing};

static struct exchange *start(struct exchange_env *env)
{
    struct exchange *ex;

    memset(&told, 0, sizeof(told));
    told.room = sizeof(told.text);
    ex = exchange_new(env);
    ck_assert_ptr_nonnull(ex);
    ex->sink = &sink;
    ex->begin_ns = 1;
    return ex;
}

START_TEST(gateway_responses)
{
    static const struct {
        enum exchange_error error;
        bool aws;
        unsigned status;
        const char *body, *type;
    } table[] = {
        {EXCHANGE_ERR_NO_ROUTE, false, 404, "{\"message\":\"Not Found\"}", NULL},
        {EXCHANGE_ERR_NO_ROUTE, true, 403, "{\"message\":\"Missing Authentication Token\"}", "MissingAuthenticationTokenException"},
        {EXCHANGE_ERR_NO_STAGE, true, 403, "{\"message\":\"Forbidden\"}", "ForbiddenException"},
        {EXCHANGE_ERR_NO_METHOD, false, 405, "{\"message\":\"Method Not Allowed\"}", NULL},
        {EXCHANGE_ERR_THROTTLED, true, 429, "{\"message\":\"Too Many Requests\"}", "TooManyRequestsException"},
        {EXCHANGE_ERR_UNAUTHORIZED, true, 401, "{\"message\":\"Unauthorized\"}", "UnauthorizedException"},
        {EXCHANGE_ERR_ACCESS_DENIED, true, 403, "{\"Message\":\"User is not authorized to access this resource\"}", "AccessDeniedException"},
        {EXCHANGE_ERR_ACCESS_DENIED, false, 403, "{\"message\":\"User is not authorized to access this resource\"}", NULL},
        {EXCHANGE_ERR_INTERNAL, true, 500, "{\"message\": \"Internal server error\"}", "InternalServerErrorException"},
        {EXCHANGE_ERR_INTEGRATION_FAILURE, true, 502, "{\"message\": \"Internal server error\"}", "InternalServerErrorException"},
        {EXCHANGE_ERR_INTEGRATION_FAILURE, false, 502, "{\"message\": \"Bad Gateway\"}", NULL},
        {EXCHANGE_ERR_INTEGRATION_TIMEOUT, true, 504, "{\"message\": \"Endpoint request timed out\"}", "InternalServerErrorException"},
        {EXCHANGE_ERR_BODY_TOO_LARGE, true, 413, "HTTP content length exceeded 10485760 bytes.", "RequestTooLargeException"},
        {EXCHANGE_ERR_BODY_TOO_LARGE, false, 413, "{\"message\":\"Request Entity Too Large\"}", NULL},
    };
    struct exchange_env env;

    exchange_env_init(&env);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct snap_stage stage = {.aws = table[i].aws};
        struct exchange *ex = start(&env);
        char type[128];

        ex->match.stage = &stage;
        ex->match.allow = HTTP_METHOD_BIT(HTTP_METHOD_GET) | HTTP_METHOD_BIT(HTTP_METHOD_POST);
        exchange_error(ex, table[i].error);
        ck_assert_uint_eq(told.status, table[i].status);
        ck_assert_uint_eq(told.ended, 1);
        ck_assert_msg(told.n >= strlen(table[i].body) && strcmp(told.text + told.n - strlen(table[i].body), table[i].body) == 0, "%s",
                      told.text);
        (void)snprintf(type, sizeof(type), "x-amzn-ErrorType: %s\n", table[i].type == NULL ? "" : table[i].type);
        ck_assert((strstr(told.text, type) != NULL) == (table[i].type != NULL));
        ck_assert(strstr(told.text, table[i].aws ? "x-amzn-RequestId: " : "X-Request-Id: ") != NULL);
        ck_assert((strstr(told.text, "Allow: GET, POST\n") != NULL) == (table[i].error == EXCHANGE_ERR_NO_METHOD));
        exchange_free(ex);
    }
    exchange_env_fini(&env);
}
END_TEST

START_TEST(a_slow_client_gets_a_local_answer_in_pieces)
{
    struct exchange_head head = {.status = 200, .length_known = true, .content_length = 10};
    struct exchange_env env;
    struct exchange *ex;

    exchange_env_init(&env);
    ex = start(&env);
    told.room = 4;
    exchange_answer(ex, &head, SLICE_LIT("0123456789"));
    ck_assert_str_eq(told.text, "0123");
    ck_assert_uint_eq(told.ended, 0);
    exchange_writable(ex);
    exchange_writable(ex);
    ck_assert_str_eq(told.text, "0123456789");
    ck_assert_uint_eq(told.ended, 1);
    ck_assert_uint_eq(ex->body_out, 10);
    exchange_free(ex);
    exchange_env_fini(&env);
}
END_TEST

START_TEST(without_a_snapshot_it_is_not_ready)
{
    struct exchange_env env;
    struct exchange *ex;

    exchange_env_init(&env);
    ex = start(&env);
    exchange_begin(ex);
    ck_assert_uint_eq(told.status, 503);
    exchange_free(ex);
    exchange_env_fini(&env);
}
END_TEST

static unsigned n_unused;

static void on_unused(struct exchange_env *env, struct exchange_generation *g)
{
    (void)env;
    (void)g;
    n_unused++;
}

START_TEST(an_old_generation_ends_with_its_last_exchange)
{
    struct exchange_generation old = {.running = 2, .retired = false};
    struct exchange *a, *b;
    struct exchange_env env;

    exchange_env_init(&env);
    env.unused = on_unused;
    n_unused = 0;
    a = start(&env);
    b = start(&env);
    a->generation = b->generation = &old;
    exchange_abandon(a);
    exchange_free(a);
    ck_assert_uint_eq(n_unused, 0);
    old.retired = true;
    exchange_abandon(b);
    exchange_abandon(b);
    exchange_free(b);
    ck_assert_uint_eq(n_unused, 1);
    exchange_env_fini(&env);
}
END_TEST

START_TEST(ids_are_uuids_and_differ)
{
    struct exchange_env env;
    char last[64] = "";

    exchange_env_init(&env);
    for (int i = 0; i < 1000; i++) {
        struct exchange *ex = start(&env);
        struct slice id = exchange_id(ex);

        ck_assert_uint_eq(id.n, 36);
        ck_assert(id.p[14] == '4' && strchr("89ab", id.p[19]) != NULL && id.p[8] == '-' && id.p[23] == '-');
        ck_assert_str_ne(last, id.p);
        (void)snprintf(last, sizeof(last), "%s", id.p);
        exchange_free(ex);
    }
    exchange_env_fini(&env);
}
END_TEST

START_TEST(a_move_that_is_not_allowed_is_our_bug)
{
    struct exchange ex = {.state = EXCHANGE_ANSWERED};

    exchange_move(&ex, EXCHANGE_RUNNING); /* aborts */
}
END_TEST

Suite *test_exchange_suite(void);
Suite *test_exchange_suite(void)
{
    Suite *s = suite_create("exchange");
    TCase *t = tcase_create("exchange");

    tcase_add_test(t, gateway_responses);
    tcase_add_test(t, a_slow_client_gets_a_local_answer_in_pieces);
    tcase_add_test(t, without_a_snapshot_it_is_not_ready);
    tcase_add_test(t, an_old_generation_ends_with_its_last_exchange);
    tcase_add_test(t, ids_are_uuids_and_differ);
    tcase_add_test_raise_signal(t, a_move_that_is_not_allowed_is_our_bug, 6);
    suite_add_tcase(s, t);
    return s;
}
