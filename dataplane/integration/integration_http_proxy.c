/* http_proxy: the request goes to a backend nearly as it came, the answer comes back nearly as it was. Both stream. */
#include "base/must.h"
#include "integration/integration_http_proxy_int.h"
#include "exchange/exchange.h"
#include "integration/integration_reg.h"
#include "upstream/upstream.h"

#define BIT(id) (1ull << HTTP_HEADER_##id)

/* Belong to one connection, or are written anew. */
#define HOP_BY_HOP                                                                                                            \
    (BIT(CONNECTION) | BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) | BIT(PROXY_AUTHENTICATE) | BIT(PROXY_AUTHORIZATION) | BIT(TE) | \
     BIT(TRAILER) | BIT(TRANSFER_ENCODING) | BIT(UPGRADE) | BIT(CONTENT_LENGTH))
#define NOT_SENT                                                                                                               \
    (HOP_BY_HOP | BIT(HOST) | BIT(EXPECT) | BIT(X_FORWARDED_FOR) | BIT(X_FORWARDED_PROTO) | BIT(X_FORWARDED_HOST) | BIT(X_FORWARDED_PORT))
/* AWS takes these from the request too. Content-Encoding stays, unlike there: the body is passed on as it is. */
#define NOT_SENT_AWS (BIT(VIA) | BIT(SERVER) | BIT(WWW_AUTHENTICATE))

struct proxy_run {
    struct upstream_call call;
    struct exchange *ex;
    const struct proxy_conf *conf;
};

/* ---- the request ---- */

static struct slice param_value(const struct exchange *ex, struct slice name)
{
    const struct snap_route *r = ex->match.route;

    for (size_t i = 0; i < r->n_params && i < ex->match.n_values; i++) {
        if (slice_eq(r->params[i], name))
            return ex->match.values[i];
    }
    return SLICE_NONE;
}

/* A value in the query must stay one value. */
static void write_query_value(struct h1_writer *w, struct slice v)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i], escaped[3] = {'%', hex[(unsigned char)c >> 4], hex[(unsigned char)c & 15]};
        bool plain = strchr("&=+;#?", c) == NULL;

        h1_write_bytes(w, plain ? slice_from(&c, 1) : slice_from(escaped, 3));
    }
}

static void write_target(const struct proxy_run *run, struct h1_writer *w)
{
    const struct h1_head *r = &run->ex->request;
    const struct proxy_conf *conf = run->conf;

    for (size_t i = 0; i < conf->n_pieces; i++) {
        const struct proxy_piece *p = &conf->pieces[i];

        if (p->param.n == 0)
            h1_write_bytes(w, p->literal);
        else if (p->in_query)
            write_query_value(w, param_value(run->ex, p->param));
        else
            h1_write_bytes(w, param_value(run->ex, p->param));
    }
    if (r->query.n == 0)
        return;
    h1_write_bytes(w, conf->has_query ? SLICE_LIT("&") : SLICE_LIT("?"));
    h1_write_bytes(w, r->query);
}

static bool dropped_by_aws(const struct h1_header *h)
{
    return h->id == HTTP_HEADER_OTHER && (slice_ieq(h->name, SLICE_LIT("Content-MD5")) || slice_ieq(h->name, SLICE_LIT("Max-Forwards")));
}

/* "X_Forwarded_For": CGI and WSGI cannot tell it from "X-Forwarded-For", so what must not be sent is not sent in disguise. */
static bool is_disguised(const struct h1_header *h)
{
    char plain[32];

    if (LIKELY(memchr(h->name.p, '_', h->name.n) == NULL) || h->name.n > sizeof(plain))
        return false;
    for (size_t i = 0; i < h->name.n; i++)
        plain[i] = h->name.p[i] == '_' ? '-' : h->name.p[i];
    return (NOT_SENT >> http_header_of(slice_from(plain, h->name.n)) & 1) != 0;
}

static void write_headers(const struct proxy_run *run, struct h1_writer *w)
{
    const struct exchange *ex = run->ex;
    const struct h1_head *r = &ex->request;
    bool aws = ex->match.stage->aws;
    uint64_t skip = aws ? NOT_SENT | NOT_SENT_AWS : NOT_SENT;

    for (size_t i = 0; i < r->n_headers; i++) {
        const struct h1_header *h = &r->headers[i];

        if ((skip >> h->id & 1) != 0 || (h->id == HTTP_HEADER_OTHER && is_disguised(h)))
            continue;
        if (UNLIKELY(r->connection_listed && h1_connection_names(r, h->name)))
            continue;
        if (aws && dropped_by_aws(h))
            continue;
        h1_write_header(w, h->name, h->value);
    }
}

/* Earlier hops' values, then ours. */
static void write_forwarded(const struct proxy_run *run, struct h1_writer *w)
{
    const struct exchange *ex = run->ex;
    const struct h1_head *r = &ex->request;

    h1_write_bytes(w, SLICE_LIT("X-Forwarded-For: "));
    if (UNLIKELY((r->present & BIT(X_FORWARDED_FOR)) != 0)) {
        for (size_t i = 0; i < r->n_headers; i++) {
            if (r->headers[i].id != HTTP_HEADER_X_FORWARDED_FOR || r->headers[i].value.n == 0)
                continue;
            h1_write_bytes(w, r->headers[i].value);
            h1_write_bytes(w, SLICE_LIT(", "));
        }
    }
    h1_write_bytes(w, ex->peer);
    h1_write_bytes(w, SLICE_LIT("\r\nX-Forwarded-Proto: http\r\n"));
    if (r->authority.n != 0)
        h1_write_header(w, SLICE_LIT("X-Forwarded-Host"), r->authority);
    h1_write_header_u64(w, SLICE_LIT("X-Forwarded-Port"), ex->local_port);
}

static void write_head(struct upstream_call *call, struct h1_writer *w, struct slice authority)
{
    const struct proxy_run *run = call->arg;
    const struct h1_head *r = &run->ex->request;

    h1_write_bytes(w, run->conf->method.n != 0 ? run->conf->method : r->method_text);
    h1_write_bytes(w, SLICE_LIT(" "));
    write_target(run, w);
    h1_write_bytes(w, SLICE_LIT(" HTTP/1.1\r\n"));
    h1_write_header(w, SLICE_LIT("Host"), run->conf->host.n != 0 ? run->conf->host : authority);
    write_headers(run, w);
    write_forwarded(run, w);
    if (r->framing == H1_BODY_LENGTH)
        h1_write_header_u64(w, SLICE_LIT("Content-Length"), r->content_length);
    else if (r->framing == H1_BODY_CHUNKED)
        h1_write_header(w, SLICE_LIT("Transfer-Encoding"), SLICE_LIT("chunked"));
    h1_write_end(w);
}

/* Values go into the path as they came; none may climb out of the place that the URI gives it. */
static bool path_is_safe(struct exchange *ex, const struct proxy_conf *conf)
{
    struct h1_writer w;
    char *p = exchange_alloc(ex, CAPS_TARGET_MAX + 8192);

    if (p == NULL)
        return false;
    h1_writer_init(&w, p, CAPS_TARGET_MAX + 8192);
    for (size_t i = 0; i < conf->n_pieces && !conf->pieces[i].in_query; i++) {
        const struct proxy_piece *piece = &conf->pieces[i];

        h1_write_bytes(&w, piece->param.n == 0 ? piece->literal : param_value(ex, piece->param));
    }
    return !w.full && !proxy_path_climbs(slice_from(p, (size_t)(w.p - p)));
}

/* Only where a dot is in a value at all, plain or encoded, can there be a dot segment. */
static bool values_have_dots(const struct exchange *ex)
{
    for (size_t i = 0; i < ex->match.n_values; i++) {
        struct slice v = ex->match.values[i];

        if (v.n != 0 && (memchr(v.p, '.', v.n) != NULL || memchr(v.p, '%', v.n) != NULL))
            return true;
    }
    return false;
}

/* ---- the answer ---- */

struct remap {
    struct slice name, to;
};

#define REMAP(n) {{n, sizeof(n) - 1}, {"x-amzn-Remapped-" n, sizeof("x-amzn-Remapped-" n) - 1}}
static const struct remap remaps[] = {
    REMAP("Connection"), REMAP("Content-Length"), REMAP("Date"), REMAP("Server"), REMAP("Authorization"), REMAP("Content-MD5"),
    REMAP("Max-Forwards"), REMAP("User-Agent"), REMAP("WWW-Authenticate"), REMAP("x-amzn-RequestId"),
};

static const struct remap *remapped(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(remaps); i++) {
        if (slice_ieq(remaps[i].name, name))
            return &remaps[i];
    }
    return NULL;
}

/* AWS's names for what the backend said of itself. */
static void aws_headers(struct exchange *ex, const struct h1_head *head, struct exchange_head *out)
{
    static const uint64_t dropped = BIT(TRANSFER_ENCODING) | BIT(VIA) | BIT(TRAILER) | BIT(UPGRADE) | BIT(KEEP_ALIVE) |
                                    BIT(PROXY_CONNECTION) | BIT(PROXY_AUTHENTICATE) | BIT(EXPECT) | BIT(TE) | BIT(HOST);
    struct h1_header *h = exchange_alloc(ex, (head->n_headers + 2) * sizeof(*h));
    size_t n;

    if (h == NULL)
        return;
    n = exchange_stamp(ex, h);
    for (size_t i = 0; i < head->n_headers; i++) {
        const struct h1_header *from = &head->headers[i];
        const struct remap *r;

        if ((dropped >> from->id & 1) != 0 || (head->connection_listed && h1_connection_names(head, from->name)))
            continue;
        h[n] = *from;
        r = remapped(from->name);
        if (r != NULL)
            h[n].name = r->to;
        n++;
    }
    out->headers = h;
    out->n_headers = n;
}

/* What Connection names belongs to the connection: give it the id of a hop-by-hop field. Before any field is moved. */
static void mark_listed(const struct h1_head *head)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        struct h1_header *h = &head->headers[i];

        if (h->id != HTTP_HEADER_CONNECTION && h1_connection_names(head, h->name))
            h->id = HTTP_HEADER_KEEP_ALIVE;
    }
}

/* In place: the array is the parser's scratch. */
static void plain_headers(const struct h1_head *head, struct exchange_head *out)
{
    struct h1_header *h = head->headers;
    size_t n = 0;

    if (UNLIKELY(head->connection_listed))
        mark_listed(head);
    for (size_t i = 0; i < head->n_headers; i++) {
        if ((HOP_BY_HOP >> h[i].id & 1) != 0)
            continue;
        if (n != i)
            h[n] = h[i];
        n++;
    }
    out->headers = h;
    out->n_headers = n;
    out->has_date = (head->present & BIT(DATE)) != 0;
}

static void on_head(struct upstream_call *call, const struct h1_head *head)
{
    struct proxy_run *run = call->arg;
    struct exchange_head out = {.status = head->status, .reason = head->reason};

    out.length_known = head->framing == H1_BODY_LENGTH || (head->framing == H1_BODY_NONE && head->content_length != H1_NO_LENGTH);
    out.content_length = head->content_length;
    run->ex->source = EXCHANGE_FROM_UPSTREAM;
    if (run->ex->match.stage->aws)
        aws_headers(run->ex, head, &out);
    else
        plain_headers(head, &out);
    exchange_head(run->ex, &out);
}

static size_t on_body(struct upstream_call *call, struct slice bytes)
{
    struct proxy_run *run = call->arg;

    return exchange_body(run->ex, bytes);
}

static void on_end(struct upstream_call *call, enum upstream_result result)
{
    struct proxy_run *run = call->arg;
    struct exchange *ex = run->ex;

    if (LIKELY(result == UPSTREAM_OK))
        exchange_end(ex);
    else if (ex->state == EXCHANGE_ANSWERING)
        exchange_break(ex);
    else if (result == UPSTREAM_TIMEOUT)
        exchange_error(ex, EXCHANGE_ERR_INTEGRATION_TIMEOUT);
    else if (result == UPSTREAM_OVERLOADED)
        exchange_error(ex, EXCHANGE_ERR_OVERLOADED);
    else
        exchange_error(ex, EXCHANGE_ERR_INTEGRATION_FAILURE);
}

static void on_writable(struct upstream_call *call)
{
    struct proxy_run *run = call->arg;

    exchange_body_resume(run->ex);
}

static void on_pause(struct upstream_call *call)
{
    struct proxy_run *run = call->arg;

    exchange_flush(run->ex);
}

static const struct upstream_call_ops call_ops = {
    .write_head = write_head,
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_pause = on_pause,
};

/* ---- the integration ---- */

static bool is_idempotent(enum http_method m)
{
    static const uint32_t set = HTTP_METHOD_BIT(HTTP_METHOD_GET) | HTTP_METHOD_BIT(HTTP_METHOD_HEAD) | HTTP_METHOD_BIT(HTTP_METHOD_PUT) |
                                HTTP_METHOD_BIT(HTTP_METHOD_DELETE) | HTTP_METHOD_BIT(HTTP_METHOD_OPTIONS) |
                                HTTP_METHOD_BIT(HTTP_METHOD_TRACE);

    return (set & HTTP_METHOD_BIT(m)) != 0;
}

static const struct snap_upstream *upstream_of(const struct exchange *ex, uint32_t slot)
{
    const struct snap *s = ex->generation->snap;

    return slot < s->n_upstreams ? s->upstreams[slot] : NULL;
}

static void start(struct exchange *ex, const void *arg)
{
    const struct proxy_conf *conf = arg;
    struct proxy_run *run = exchange_alloc(ex, sizeof(*run));
    const struct h1_head *r = &ex->request;

    if (run == NULL) {
        exchange_error(ex, EXCHANGE_ERR_INTERNAL);
        return;
    }
    memset(run, 0, sizeof(*run));
    run->ex = ex;
    run->conf = conf;
    ex->answerer = run;
    run->call.ops = &call_ops;
    run->call.arg = run;
    run->call.upstream = upstream_of(ex, conf->slot);
    if (run->call.upstream == NULL) {
        exchange_error(ex, EXCHANGE_ERR_API_CONFIGURATION);
        return;
    }
    if (UNLIKELY(conf->has_params && values_have_dots(ex)) && !path_is_safe(ex, conf)) {
        exchange_error(ex, EXCHANGE_ERR_BAD_REQUEST);
        return;
    }
    run->call.generation = ex->generation->number;
    run->call.method = conf->method.n != 0 ? http_method_of(conf->method) : r->method;
    run->call.idempotent = is_idempotent(run->call.method);
    run->call.has_body = r->framing == H1_BODY_CHUNKED || (r->framing == H1_BODY_LENGTH && r->content_length != 0);
    run->call.chunked = r->framing == H1_BODY_CHUNKED;
    run->call.timeout_ms = ex->match.route->integration->timeout_ms;
    if (run->call.has_body)
        exchange_want_body(ex);
    upstream_call_start(ex->env->upstreams, &run->call);
    if (LIKELY(!run->call.has_body))
        upstream_call_flush(&run->call);
}

static size_t proxy_on_body(struct exchange *ex, struct slice bytes, bool last)
{
    struct proxy_run *run = ex->answerer;

    if (bytes.n == 0 && !last) {
        upstream_call_flush(&run->call);
        return 0;
    }
    return upstream_call_send(&run->call, bytes, last);
}

static void proxy_on_writable(struct exchange *ex)
{
    struct proxy_run *run = ex->answerer;

    upstream_call_resume(&run->call);
}

static void proxy_cancel(struct exchange *ex)
{
    struct proxy_run *run = ex->answerer;

    if (run != NULL)
        upstream_call_cancel(&run->call);
}

const struct integration_ops integration_http_proxy = {
    .name = "http_proxy",
    .build = proxy_build,
    .start = start,
    .on_body = proxy_on_body,
    .on_writable = proxy_on_writable,
    .cancel = proxy_cancel,
};
