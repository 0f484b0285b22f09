/* From a parsed head to the integration that answers it, and back into the pool. */
#include "exchange/exchange.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/random.h"

#define ARENA_BLOCK 4096u
#define ARENA_CAP (1u << 20)  /* of one exchange; over it the exchange answers 500 */
#define FREE_MAX 1024u        /* exchanges kept for reuse */

void exchange_env_init(struct exchange_env *env)
{
    *env = (struct exchange_env){.date_n = 0};
    random_bytes(env->random, sizeof(env->random));
    env->random[0] |= 1; /* never all zero */
}

static void destroy(struct exchange *ex)
{
    arena_fini(&ex->arena);
    free(ex);
}

void exchange_env_fini(struct exchange_env *env)
{
    while (env->free != NULL) {
        struct exchange *ex = env->free;

        env->free = ex->next_free;
        destroy(ex);
    }
    env->n_free = 0;
}

static struct exchange *make(struct exchange_env *env)
{
    struct exchange *ex = calloc(1, sizeof(*ex));

    if (ex == NULL)
        return NULL;
    arena_init(&ex->arena, ARENA_BLOCK, ARENA_CAP);
    if (arena_alloc(&ex->arena, 1) == NULL) {
        destroy(ex);
        return NULL;
    }
    ex->arena_empty = arena_mark(&ex->arena);
    ex->magic = EXCHANGE_MAGIC;
    ex->env = env;
    return ex;
}

void exchange_env_warm(struct exchange_env *env, uint32_t n)
{
    struct exchange *ex;

    while (n-- != 0 && (ex = make(env)) != NULL) {
        memset(ex->headers, 0, sizeof(ex->headers)); /* calloc alone touches nothing */
        ex->next_free = env->free;
        env->free = ex;
        env->n_free++;
    }
}

struct exchange *exchange_new(struct exchange_env *env)
{
    struct exchange *ex = env->free;

    if (LIKELY(ex != NULL)) {
        env->free = ex->next_free;
        env->n_free--;
    } else {
        ex = make(env);
        if (ex == NULL)
            return NULL;
    }
    ex->state = EXCHANGE_NEW;
    ex->generation = NULL;
    ex->request.headers = ex->headers;
    ex->request.headers_cap = CAPS_HEADERS_MAX;
    ex->match.stage = NULL;
    ex->match.route = NULL;
    ex->ops = NULL;
    ex->answerer = NULL;
    ex->rest = SLICE_NONE;
    ex->rest_pending = ex->wants_body = ex->body_complete = ex->head_only = false;
    ex->status = 0;
    ex->source = EXCHANGE_FROM_GATEWAY;
    ex->body_in = ex->body_out = ex->upstream_ns = 0;
    ex->payload_limit = CAPS_BODY_MAX;
    ex->id[0] = '\0';
    env->n_running++;
    return ex;
}

static void leave_generation(struct exchange *ex)
{
    struct exchange_generation *g = TAKE(&ex->generation);

    if (g != NULL && --g->running == 0 && g->retired)
        ex->env->unused(ex->env, g);
}

void exchange_free(struct exchange *ex)
{
    struct exchange_env *env = ex->env;

    OBJ_CHECK(ex, EXCHANGE_MAGIC);
    MUST(ex->state == EXCHANGE_NEW || ex->state == EXCHANGE_ANSWERED || ex->state == EXCHANGE_ABORTED);
    env->n_running--;
    if (ex->state != EXCHANGE_NEW && env->finished != NULL)
        env->finished(env, ex);
    leave_generation(ex);
    if (UNLIKELY(ex->arena.holds != NULL || env->n_free >= FREE_MAX)) {
        ex->magic = 0;
        destroy(ex);
        return;
    }
    arena_rollback(&ex->arena, ex->arena_empty);
    ex->next_free = env->free;
    env->free = ex;
    env->n_free++;
}

void *exchange_alloc(struct exchange *ex, size_t n)
{
    return arena_alloc(&ex->arena, n);
}

/* The request's host in lower case, as the router wants it. */
static struct slice lower_host(struct exchange *ex)
{
    struct slice h = ex->request.host;

    if (h.n > sizeof(ex->host))
        return SLICE_NONE;
    for (size_t i = 0; i < h.n; i++) {
        char c = h.p[i];

        ex->host[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return slice_from(ex->host, h.n);
}

/* AWS lets a header choose the method. */
static enum router_result match_overridden(struct exchange *ex, struct slice host, enum router_result rc)
{
    const struct h1_header *h = h1_head_get(&ex->request, HTTP_HEADER_X_HTTP_METHOD_OVERRIDE);
    enum http_method m;

    if (h == NULL || ex->match.stage == NULL || !ex->match.stage->aws)
        return rc;
    m = http_method_of(h->value);
    if (m == HTTP_METHOD_OTHER)
        return rc;
    ex->request.method = m;
    ex->request.method_text = http_method_text(m);
    return router_match(ex->generation->snap, host, m, ex->request.path, &ex->match);
}

static enum exchange_error error_of_match(enum router_result rc)
{
    switch (rc) {
    case ROUTER_NO_STAGE:
        return EXCHANGE_ERR_NO_STAGE;
    case ROUTER_NO_METHOD:
        return EXCHANGE_ERR_NO_METHOD;
    default:
        return EXCHANGE_ERR_NO_ROUTE;
    }
}

static bool over_limit(const struct exchange *ex)
{
    return ex->request.framing == H1_BODY_LENGTH && ex->request.content_length > ex->payload_limit;
}

void exchange_begin(struct exchange *ex)
{
    struct exchange_env *env = ex->env;
    enum router_result rc;
    struct slice host;

    ex->head_only = ex->request.method == HTTP_METHOD_HEAD;
    if (UNLIKELY(env->generation == NULL)) {
        exchange_error(ex, EXCHANGE_ERR_NOT_READY);
        return;
    }
    ex->generation = env->generation;
    ex->generation->running++;
    host = lower_host(ex);
    rc = router_match(ex->generation->snap, host, ex->request.method, ex->request.path, &ex->match);
    if (UNLIKELY((ex->request.present >> HTTP_HEADER_X_HTTP_METHOD_OVERRIDE & 1) != 0))
        rc = match_overridden(ex, host, rc);
    if (UNLIKELY(rc != ROUTER_OK)) {
        ex->match.route = NULL;
        exchange_error(ex, error_of_match(rc));
        return;
    }
    if (ex->match.route->payload_limit != 0)
        ex->payload_limit = ex->match.route->payload_limit;
    else if (ex->match.stage->payload_limit != 0)
        ex->payload_limit = ex->match.stage->payload_limit;
    if (UNLIKELY(over_limit(ex))) {
        exchange_error(ex, EXCHANGE_ERR_BODY_TOO_LARGE);
        return;
    }
    exchange_move(ex, EXCHANGE_RUNNING);
    ex->ops = ex->match.route->integration->ops;
    ex->ops->start(ex, ex->match.route->integration->conf);
}

void exchange_abandon(struct exchange *ex)
{
    OBJ_CHECK(ex, EXCHANGE_MAGIC);
    if (ex->state == EXCHANGE_ANSWERED || ex->state == EXCHANGE_ABORTED)
        return;
    if (ex->ops != NULL)
        ex->ops->cancel(ex);
    ex->ops = NULL;
    if (ex->status == 0)
        ex->source = EXCHANGE_FROM_CLIENT;
    exchange_move(ex, EXCHANGE_ABORTED);
}

void exchange_env_date(struct exchange_env *env, int64_t wall_ms)
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;

    if (gmtime_r(&t, &tm) != NULL)
        env->date_n = (uint32_t)strftime(env->date, sizeof(env->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
}
