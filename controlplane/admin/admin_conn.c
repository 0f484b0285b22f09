#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "net/tlsctx.h"
#include "text/date.h"

#define LINGER_MS 2000u
#define BODY_TIME_MAX_MS 120000u     /* a whole body, however steadily it trickles */
#define READ_AHEAD 65536u            /* bytes kept of what comes while a request is answered */

/*  HANDSHAKE -> IDLE -> HEAD -> BODY -> BUSY -> ANSWER -> IDLE | LINGER | closed
 *  IDLE: nothing of a request is here. LINGER: answered before the body was read; it is thrown away for a moment, so that
 *  the peer sees the answer and not a reset. */
enum conn_state { CONN_HANDSHAKE, CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_BUSY, CONN_ANSWER, CONN_LINGER, CONN_CLOSED };

struct admin_conn {
    struct grave grave;
    struct list link;
    struct admin *admin;
    struct bufferevent *bev;
    struct event *timer;
    enum conn_state state;
    char peer[SOCK_TEXT_MAX], ip[SOCK_TEXT_MAX];
    struct admin_call *call;         /* BODY, BUSY, ANSWER */
    size_t scanned;                  /* of the head */
    struct h1_header headers[ADMIN_HEADERS];
    struct h1_chunk chunk;
    bool chunked, keep_alive, linger, head_only;
    uint64_t left;                   /* of a body with a length */
    uint64_t body_deadline;
    size_t answer_left;              /* seen when the timer was set: progress or not? */
};

static void arm(struct admin_conn *c, uint32_t ms)
{
    struct timeval tv = {ms / 1000, (ms % 1000) * 1000};

    (void)event_add(c->timer, &tv);
}

static void set_state(struct admin_conn *c, enum conn_state state)
{
    uint64_t now, left;

    c->state = state;
    switch (state) {
    case CONN_IDLE:
        arm(c, c->admin->o.idle_timeout_ms);
        break;
    case CONN_HANDSHAKE:
    case CONN_HEAD:
    case CONN_ANSWER:
        arm(c, c->admin->o.request_timeout_ms);
        break;
    case CONN_BODY:
        now = clock_mono_ms();
        left = c->body_deadline > now ? c->body_deadline - now : 1;
        arm(c, left < c->admin->o.request_timeout_ms ? (uint32_t)left : c->admin->o.request_timeout_ms);
        break;
    case CONN_LINGER:
        arm(c, LINGER_MS);
        break;
    case CONN_BUSY:
    case CONN_CLOSED:
        (void)event_del(c->timer);
        break;
    }
}

static void free_conn(void *obj)
{
    free(obj);
}

void admin_conn_close(struct admin_conn *c)
{
    SSL *ssl;

    if (c->state == CONN_CLOSED)
        return;
    if (c->call != NULL) {
        c->call->conn = NULL;
        /* Parked or still being received: nobody else has it. Otherwise backstage does, and gives it back. */
        if (c->state != CONN_BUSY || c->call->is_parked)
            admin_call_free(c->call);
        c->call = NULL;
    }
    ssl = bufferevent_openssl_get_ssl(c->bev);
    if (ssl != NULL && c->state != CONN_HANDSHAKE) {
        ERR_clear_error();
        (void)SSL_shutdown(ssl);
        ERR_clear_error();
    }
    set_state(c, CONN_CLOSED);
    bufferevent_free(TAKE(&c->bev));
    event_free(TAKE(&c->timer));
    list_remove(&c->link);
    c->admin->n_conns--;
    graveyard_add(c->admin->o.graveyard, &c->grave, c, free_conn);
}

void admin_conn_close_all(struct admin *a, bool idle_only)
{
    struct list *l = a->conns.next, *next;

    for (; l != &a->conns; l = next) {
        struct admin_conn *c = CONTAINER_OF(l, struct admin_conn, link);

        next = l->next;
        if (!idle_only || (c->state != CONN_BUSY && c->state != CONN_ANSWER && c->state != CONN_BODY))
            admin_conn_close(c);
    }
}

/* ---- answer ---- */

static void write_head(struct admin_conn *c, const struct admin_call *call, struct h1_writer *w)
{
    static const char *const methods[] = {"GET", "POST", "DELETE", "PATCH"};
    char allow[64], date[32];
    size_t n = 0;

    date_http_format(clock_wall_ms() / 1000, date);
    h1_write_status_line(w, call->status, SLICE_NONE);
    h1_write_header(w, SLICE_LIT("Date"), slice_from(date, DATE_HTTP_SIZE));
    if (call->content_type != NULL)
        h1_write_header(w, SLICE_LIT("Content-Type"), slice_of(call->content_type));
    if (call->status != 204)
        h1_write_header_u64(w, SLICE_LIT("Content-Length"), buf_len(&call->out));
    h1_write_header(w, SLICE_LIT("X-Request-Id"), slice_of(call->request_id));
    h1_write_header(w, SLICE_LIT("Cache-Control"), SLICE_LIT("no-store"));
    h1_write_header(w, SLICE_LIT("X-Content-Type-Options"), SLICE_LIT("nosniff"));
    if (call->status == 401)
        h1_write_header(w, SLICE_LIT("WWW-Authenticate"), SLICE_LIT("Bearer realm=\"sluice\""));
    if (call->retry_after_s != 0)
        h1_write_header_u64(w, SLICE_LIT("Retry-After"), call->retry_after_s);
    if (call->status == 405) {
        for (size_t i = 0; i < ARRAY_LEN(methods); i++)
            if ((call->allow & HTTP_METHOD_BIT(http_method_of(slice_of(methods[i])))) != 0)
                n += (size_t)snprintf(allow + n, sizeof(allow) - n, "%s%s", n == 0 ? "" : ", ", methods[i]);
        h1_write_header(w, SLICE_LIT("Allow"), slice_from(allow, n));
    }
    if (!c->keep_alive)
        h1_write_header(w, SLICE_LIT("Connection"), SLICE_LIT("close"));
    h1_write_end(w);
}

void admin_conn_answer(struct admin_conn *c, struct admin_call *call)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    struct slice body = buf_slice(&call->out);
    struct h1_writer w;
    char head[1024];

    if (c->linger || c->admin->stopping)
        c->keep_alive = false;
    h1_writer_init(&w, head, sizeof(head));
    write_head(c, call, &w);
    c->call = NULL;
    if (w.full || evbuffer_add(out, head, (size_t)(w.p - head)) != 0 ||
        (!c->head_only && evbuffer_add(out, body.p, body.n) != 0)) {
        admin_conn_close(c);
        return;
    }
    c->answer_left = evbuffer_get_length(out);
    set_state(c, CONN_ANSWER);
}

static struct admin_call *new_call(struct admin_conn *c)
{
    struct admin_call *call = admin_call_new(c->admin, c);

    if (call != NULL)
        (void)snprintf(call->peer, sizeof(call->peer), "%s", c->peer);
    return call;
}

/* Answers before, or instead of, running a route. rest: there may be more of this request on its way. */
static void refuse(struct admin_conn *c, struct admin_call *call, unsigned status, const char *detail, bool rest)
{
    admin_problem(call, status, slice_of(detail), SLICE_NONE);
    c->linger = rest;
    c->call = call;
    set_state(c, CONN_BUSY);
    admin_call_answer(call);
}

/* ---- head ---- */

static bool good_id(struct slice id)
{
    if (id.n == 0 || id.n > 32)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char ch = id.p[i];

        if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '-' || ch == '_'))
            return false;
    }
    return true;
}

static bool copy_head(struct admin_call *call, const struct h1_head *h)
{
    const struct h1_header *id = h1_head_get(h, HTTP_HEADER_X_REQUEST_ID);

    call->method = arena_dup(&call->arena, h->method_text);
    call->path = arena_dup(&call->arena, h->path);
    call->query = arena_dup(&call->arena, h->query);
    if (id != NULL && good_id(id->value)) {
        memcpy(call->request_id, id->value.p, id->value.n);
        call->request_id[id->value.n] = '\0';
    }
    return call->method.p != NULL && call->path.p != NULL && call->query.p != NULL;
}

/* 0, or the status of a refusal with its words. */
static unsigned judge(struct admin_conn *c, struct admin_call *call, const struct h1_head *h, const char **detail)
{
    struct admin *a = c->admin;
    enum http_method method = h->method == HTTP_METHOD_HEAD ? HTTP_METHOD_GET : h->method;
    enum admin_match match = admin_route_find(call, method, call->path, &call->allow);

    if (match == ADMIN_NO_PATH)
        return *detail = "there is nothing at this path: see /v1/openapi.json", 404;
    if (match == ADMIN_NO_METHOD)
        return *detail = "this path exists, but not with this method", 405;
    if (call->route->role != STORE_ROLE_NONE) {
        switch (admin_auth_check(a->auth, call, h1_head_get(h, HTTP_HEADER_AUTHORIZATION), c->ip)) {
        case ADMIN_ALLOWED:
            break;
        case ADMIN_NO_TOKEN:
            return *detail = "an API token is needed: Authorization: Bearer <token>", 401;
        case ADMIN_BAD_TOKEN:
            a->stats.auth_failures++;
            return *detail = "this token is not known, was revoked or has expired", 401;
        case ADMIN_TOO_OFTEN:
            a->stats.throttled++;
            call->retry_after_s = 60;
            return *detail = "too many wrong tokens from this address: wait a minute", 429;
        }
        if (call->role < call->route->role)
            return *detail = "the role of this token does not allow this", 403;
    }
    /* Monitoring may add parameters of its own to what is answered at any time. */
    if (!call->route->before_ready && !admin_query_is_known(call, detail))
        return 400;
    if (a->push == NULL && !call->route->before_ready) {
        call->retry_after_s = 1;
        return *detail = "the configuration is being loaded", 503;
    }
    return 0;
}

static unsigned judge_body(struct admin_conn *c, const struct admin_call *call, const struct h1_head *h, const char **detail)
{
    bool body = h->framing == H1_BODY_CHUNKED || (h->framing == H1_BODY_LENGTH && h->content_length > 0);

    if (body && call->route->body_max == 0)
        return *detail = "this request takes no body", 413;
    if (h->framing == H1_BODY_LENGTH && h->content_length > call->route->body_max)
        return *detail = "the body is too large", 413;
    if (body && c->admin->body_bytes + (h->framing == H1_BODY_LENGTH ? h->content_length : 0) > ADMIN_BODIES_MAX)
        return *detail = "too many large requests at once", 503;
    return 0;
}

static void start_body(struct admin_conn *c, struct admin_call *call, const struct h1_head *h)
{
    c->call = call;
    c->chunked = h->framing == H1_BODY_CHUNKED;
    c->left = h->framing == H1_BODY_LENGTH ? h->content_length : 0;
    c->body_deadline = clock_mono_ms() + BODY_TIME_MAX_MS;
    if (c->chunked)
        h1_chunk_init(&c->chunk, 4096);
    buf_init(&call->body, call->route->body_max == 0 ? 1 : call->route->body_max);
    if (h->expect_continue && (c->chunked || c->left > 0))
        (void)bufferevent_write(c->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    set_state(c, CONN_BODY);
}

static void take_head(struct admin_conn *c, const struct h1_head *h)
{
    bool body = h->framing == H1_BODY_CHUNKED || (h->framing == H1_BODY_LENGTH && h->content_length > 0);
    struct admin_call *call = new_call(c);
    const char *detail = "out of memory";
    unsigned status;

    if (call == NULL) {
        admin_conn_close(c);
        return;
    }
    c->admin->stats.requests++;
    c->keep_alive = h->keep_alive;
    c->head_only = h->method == HTTP_METHOD_HEAD;
    c->linger = false;
    status = copy_head(call, h) ? judge(c, call, h, &detail) : 503;
    if (status == 0)
        status = judge_body(c, call, h, &detail);
    if (status != 0)
        refuse(c, call, status, detail, body);
    else
        start_body(c, call, h);
}

static void bad_head(struct admin_conn *c, int code)
{
    struct admin_call *call = new_call(c);

    if (call == NULL) {
        admin_conn_close(c);
        return;
    }
    c->admin->stats.requests++;
    c->keep_alive = c->head_only = false;
    refuse(c, call, h1_error_status(code), h1_error_text(code), true);
}

/* True: go on with what is behind. */
static bool step_head(struct admin_conn *c)
{
    static const struct h1_limits limits = {ADMIN_HEAD_MAX, 8192, ADMIN_HEADERS};
    struct evbuffer *in = bufferevent_get_input(c->bev);
    struct h1_head h = {.headers = c->headers, .headers_cap = ADMIN_HEADERS};
    size_t n = evbuffer_get_length(in);
    const char *p;
    int rc;

    if (n == 0)
        return false;
    if (c->state != CONN_HEAD)
        set_state(c, CONN_HEAD);
    n = n > ADMIN_HEAD_MAX + 1 ? ADMIN_HEAD_MAX + 1 : n;
    p = (const char *)evbuffer_pullup(in, (ev_ssize_t)n);
    if (p == NULL) {
        admin_conn_close(c);
        return false;
    }
    rc = h1_parse_request(p, n, &c->scanned, &limits, &h);
    if (rc == 0)
        return false;
    c->scanned = 0;
    if (rc < 0) {
        bad_head(c, -rc);
        return false;
    }
    take_head(c, &h);
    if (c->state == CONN_CLOSED)
        return false;
    (void)evbuffer_drain(in, (size_t)rc);
    return c->state == CONN_BODY;
}

/* ---- body ---- */

static bool body_fits(struct admin_conn *c, struct slice data)
{
    struct admin_call *call = c->call;

    if (c->admin->body_bytes + data.n > ADMIN_BODIES_MAX || buf_puts(&call->body, data) != 0)
        return false;
    c->admin->body_bytes += data.n;
    return true;
}

/* 1: complete, 0: more, -1: refused. */
static int step_chunks(struct admin_conn *c, struct evbuffer *in)
{
    bool done = false;

    while (!done && evbuffer_get_length(in) > 0) {
        size_t n = evbuffer_get_contiguous_space(in), used = 0;
        struct slice data = SLICE_NONE;
        int rc = h1_chunk_feed(&c->chunk, (const char *)evbuffer_pullup(in, (ev_ssize_t)n), n, &data, &used, &done);

        if (rc != 0) {
            refuse(c, c->call, h1_error_status(-rc), h1_error_text(-rc), true);
            return -1;
        }
        if (!body_fits(c, data)) {
            refuse(c, c->call, 413, "the body is too large", true);
            return -1;
        }
        (void)evbuffer_drain(in, used);
    }
    return done ? 1 : 0;
}

static int step_length(struct admin_conn *c, struct evbuffer *in)
{
    while (c->left > 0 && evbuffer_get_length(in) > 0) {
        size_t n = evbuffer_get_contiguous_space(in);

        if (n > c->left)
            n = (size_t)c->left;
        if (!body_fits(c, slice_from(evbuffer_pullup(in, (ev_ssize_t)n), n))) {
            refuse(c, c->call, 503, "no memory for this request", true);
            return -1;
        }
        (void)evbuffer_drain(in, n);
        c->left -= n;
    }
    return c->left == 0 ? 1 : 0;
}

static void step_body(struct admin_conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    bool had = evbuffer_get_length(in) > 0;
    int rc = c->chunked ? step_chunks(c, in) : step_length(c, in);

    if (rc < 0)
        return;
    if (rc == 0) {
        if (had)
            set_state(c, CONN_BODY);
        return;
    }
    set_state(c, CONN_BUSY);
    admin_call_run(c->call);
}

/* ---- callbacks ---- */

static void read_cb(struct bufferevent *bev, void *arg)
{
    struct admin_conn *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);

    switch (c->state) {
    case CONN_HANDSHAKE:
    case CONN_IDLE:
    case CONN_HEAD:
        if (step_head(c))
            step_body(c);
        return;
    case CONN_BODY:
        step_body(c);
        return;
    case CONN_LINGER:
        (void)evbuffer_drain(in, evbuffer_get_length(in));
        return;
    case CONN_BUSY:
    case CONN_ANSWER:
    case CONN_CLOSED:
        return; /* pipelined: later */
    }
}

static void write_cb(struct bufferevent *bev, void *arg)
{
    struct admin_conn *c = arg;

    if (c->state != CONN_ANSWER || evbuffer_get_length(bufferevent_get_output(bev)) != 0)
        return;
    if (c->linger) {
        set_state(c, CONN_LINGER);
        read_cb(bev, c);
    } else if (!c->keep_alive || c->admin->stopping) {
        admin_conn_close(c);
    } else {
        set_state(c, CONN_IDLE);
        read_cb(bev, c);
    }
}

static void event_cb(struct bufferevent *bev, short what, void *arg)
{
    struct admin_conn *c = arg;

    (void)bev;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        if (c->state == CONN_HANDSHAKE)
            set_state(c, CONN_IDLE);
        return;
    }
    admin_conn_close(c);
}

static void timer_cb(evutil_socket_t fd, short what, void *arg)
{
    struct admin_conn *c = arg;
    size_t left;

    (void)fd;
    (void)what;
    if (c->state == CONN_BODY) {
        c->keep_alive = false;
        refuse(c, c->call, 408, "the request did not come in time", true);
        return;
    }
    if (c->state == CONN_HEAD) {
        struct admin_call *call = new_call(c);

        c->keep_alive = c->head_only = false;
        if (call != NULL) {
            refuse(c, call, 408, "the request did not come in time", true);
            return;
        }
    }
    if (c->state == CONN_ANSWER) {
        left = evbuffer_get_length(bufferevent_get_output(c->bev));
        if (left < c->answer_left) {
            c->answer_left = left;
            arm(c, c->admin->o.request_timeout_ms);
            return;
        }
    }
    admin_conn_close(c);
}

/* ---- birth ---- */

static int open_tls(struct admin_conn *c, int fd)
{
    struct err e;
    SSL *ssl = NULL;

    if (tlsctx_ssl(c->admin->o.tls, fd, NULL, &ssl, &e) != 0)
        return -1;
    c->bev = bufferevent_openssl_socket_new(c->admin->o.base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                            BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (c->bev == NULL) {
        SSL_free(ssl);
        return -1;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
    bufferevent_setcb(c->bev, read_cb, write_cb, event_cb, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, READ_AHEAD);
    return 0;
}

void admin_conn_new(struct admin *a, int fd, const struct sock_addr *from)
{
    struct admin_conn *c = a->n_conns >= a->o.connections_max ? NULL : calloc(1, sizeof(*c));
    struct sock_addr ip = *from;
    char *colon;

    if (c != NULL) {
        c->admin = a;
        c->timer = event_new(a->o.base, -1, 0, timer_cb, c);
    }
    if (c == NULL || c->timer == NULL || open_tls(c, fd) != 0) {
        a->stats.refused_connections++;
        if (c != NULL && c->timer != NULL)
            event_free(c->timer);
        free(c);
        (void)close(fd);
        return;
    }
    sock_format(from, c->peer);
    sock_format(&ip, c->ip);
    colon = strrchr(c->ip, ':');
    if (colon != NULL)
        *colon = '\0';
    list_append(&a->conns, &c->link);
    a->n_conns++;
    set_state(c, CONN_HANDSHAKE);
    (void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}
