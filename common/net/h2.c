/* The connection: connect, handshake, reading, writing, deadlines, the end. */
#include "net/h2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/must.h"
#include "net/h2_int.h"
#include "net/sock.h"

#define READ_SIZE       16384 /* one TLS record */
#define READS_A_TURN    16
#define OUT_LOW         65536 /* frames are taken from nghttp2 while less than this waits */
#define OUT_KEEP        32768 /* a larger buffer is given back when it is empty */
#define LINGER_MS       1000
#define QUEUE_MAX       4096  /* control frames waiting to go out */

static void h2_free(void *obj)
{
    struct h2 *h = obj;

    nghttp2_session_del(h->session);
    buf_fini(&h->out);
    if (h->ev_read != NULL)
        event_free(h->ev_read);
    if (h->ev_write != NULL)
        event_free(h->ev_write);
    if (h->ev_wake != NULL)
        event_free(h->ev_wake);
    if (h->ev_timer != NULL)
        event_free(h->ev_timer);
    free(h);
}

void h2_close(struct h2 *h, enum h2_why why, const char *text)
{
    struct list *first;

    if (h->state == H2_CLOSED)
        return;
    h->state = H2_CLOSED;
    (void)snprintf(h->reason, sizeof(h->reason), "%s", text);
    (void)event_del(h->ev_read);
    (void)event_del(h->ev_write);
    (void)event_del(h->ev_wake);
    (void)event_del(h->ev_timer);
    xport_close(&h->x);
    /* nghttp2_session_del would not tell about open streams: the list does. */
    while ((first = list_first(&h->streams)) != NULL) {
        struct h2_stream *s = CONTAINER_OF(first, struct h2_stream, link);

        list_remove(&s->link);
        h->n_streams--;
        s->h2 = NULL;
        (void)nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
        h->ops->on_close(s, H2_CONNECTION_LOST);
    }
    h->ops->on_closed(h, why, h->reason, h->arg);
    graveyard_add(h->graveyard, &h->grave, h, h2_free);
}

/* ---- deadlines: one timer for the earliest ------------------------------------------------------------------------------- */

static void earlier(uint64_t *at, uint64_t from, uint64_t after)
{
    if (from != 0 && after != 0 && (*at == 0 || from + after < *at))
        *at = from + after;
}

static uint64_t next_deadline(const struct h2 *h)
{
    uint64_t at = 0;

    if (h->state < H2_READY)
        earlier(&at, h->started, h->limits.handshake_ms);
    if (buf_len(&h->out) > 0)
        earlier(&at, h->last_write, h->limits.stall_ms);
    if (h->drain_until != 0)
        earlier(&at, h->drain_until - 1, 1);
    if (h->state == H2_READY && h->ping_sent != 0)
        earlier(&at, h->ping_sent, h->limits.keepalive_timeout_ms);
    else if (h->state == H2_READY)
        earlier(&at, h->last_read, h->limits.keepalive_ms);
    if (h->state == H2_READY && h->server && h->n_streams == 0)
        earlier(&at, h->last_stream, h->limits.idle_ms);
    return at;
}

/* Armed only when the deadline came nearer; a timer that fires too early looks again. */
static void arm(struct h2 *h)
{
    uint64_t now, at = h->state == H2_CLOSED ? 0 : next_deadline(h), wait;
    struct timeval tv;

    if (at == 0 || (h->armed != 0 && h->armed <= at))
        return;
    now = clock_mono_ms();
    wait = at > now ? at - now : 1;
    tv.tv_sec = (time_t)(wait / 1000);
    tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
    h->armed = at;
    (void)event_add(h->ev_timer, &tv);
}

static bool past(uint64_t now, uint64_t from, uint64_t after)
{
    return from != 0 && after != 0 && now >= from + after;
}

static void check_deadlines(struct h2 *h)
{
    uint64_t now = clock_mono_ms();

    if (h->drain_until != 0 && now >= h->drain_until) {
        h2_close(h, H2_WHY_LOCAL, "shut down");
    } else if (h->state < H2_READY) {
        if (past(now, h->started, h->limits.handshake_ms))
            h2_close(h, H2_WHY_HANDSHAKE, h->state == H2_CONNECTING ? "connecting took too long" : "the handshake took too long");
    } else if (buf_len(&h->out) > 0 && past(now, h->last_write, h->limits.stall_ms)) {
        h2_close(h, H2_WHY_STALLED, "the peer takes no bytes");
    } else if (h->ping_sent != 0) {
        if (past(now, h->ping_sent, h->limits.keepalive_timeout_ms))
            h2_close(h, H2_WHY_STALLED, "the peer does not answer PING");
    } else if (past(now, h->last_read, h->limits.keepalive_ms)) {
        h->ping_sent = now;
        (void)nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
        h2_wake(h);
    } else if (h->server && h->n_streams == 0 && past(now, h->last_stream, h->limits.idle_ms)) {
        h->fault = "idle";
        (void)nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
        h2_wake(h);
    }
}

static void timer_cb(evutil_socket_t fd, short what, void *arg)
{
    struct h2 *h = arg;

    (void)fd, (void)what;
    h->armed = 0;
    check_deadlines(h);
    arm(h);
}

/* ---- writing --------------------------------------------------------------------------------------------------------------- */

/* Takes frames from nghttp2 until enough waits. Callbacks run in here. */
static int fill(struct h2 *h)
{
    const uint8_t *p;

    while (buf_len(&h->out) < OUT_LOW) {
        ssize_t n = nghttp2_session_mem_send(h->session, &p);

        if (h->state == H2_CLOSED)
            return -ERR_CLOSED;
        if (n < 0) {
            h2_close(h, H2_WHY_PROTOCOL, nghttp2_strerror((int)n));
            return -ERR_CLOSED;
        }
        if (n == 0)
            return 0;
        if (buf_len(&h->out) == 0)
            h->last_write = clock_mono_ms(); /* the stall clock starts with the first byte that waits */
        if (buf_append(&h->out, p, (size_t)n) != 0) {
            h2_close(h, H2_WHY_LOCAL, "out of memory");
            return -ERR_CLOSED;
        }
    }
    return 0;
}

static int drain(struct h2 *h)
{
    struct err e;

    while (buf_len(&h->out) > 0) {
        struct slice s = buf_slice(&h->out);
        ssize_t n = xport_write(&h->x, s.p, s.n, &e);

        if (n == XPORT_WANT_WRITE)
            (void)event_add(h->ev_write, NULL);
        if (n == XPORT_WANT_WRITE || n == XPORT_WANT_READ)
            return -ERR_AGAIN;
        if (n < 0) {
            h2_close(h, H2_WHY_PEER, e.text);
            return -ERR_CLOSED;
        }
        h->last_write = clock_mono_ms();
        buf_consume(&h->out, (size_t)n);
    }
    if (h->out.size > OUT_KEEP) {
        buf_fini(&h->out);
        buf_init(&h->out, 0);
    }
    return 0;
}

/* Everything is said. Closing now would answer the peer's late WINDOW_UPDATE with a TCP reset, and that throws away what
 * the peer has not read yet: it may close first. */
static void linger(struct h2 *h)
{
    uint64_t until = clock_mono_ms() + LINGER_MS;

    if (until < h->drain_until)
        h->drain_until = until;
}

static void finish(struct h2 *h)
{
    bool over = !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session);

    if (h->fault != NULL) /* GOAWAY was offered to the socket once; a peer that floods gets no more of our time */
        h2_close(h, strcmp(h->fault, "idle") == 0 ? H2_WHY_IDLE : H2_WHY_FLOOD, h->fault);
    else if (h->going_away && h->final_goaway && h->n_streams == 0)
        linger(h);
    else if (over)
        h2_close(h, H2_WHY_PEER, "the connection is over");
}

static void flush(struct h2 *h)
{
    int rc = 0;

    h->busy = true;
    while (rc == 0) {
        rc = fill(h);
        if (rc == 0 && buf_len(&h->out) == 0)
            break;
        if (rc == 0)
            rc = drain(h);
    }
    if (h->state == H2_CLOSED)
        return;
    h->busy = false;
    if (rc == 0 || h->fault != NULL)
        finish(h);
    arm(h);
}

static void wake_cb(evutil_socket_t fd, short what, void *arg)
{
    struct h2 *h = arg;

    (void)fd, (void)what;
    if (h->state >= H2_SETTINGS && h->state != H2_CLOSED)
        flush(h);
}

void h2_wake(struct h2 *h)
{
    if (!h->busy && h->state != H2_CLOSED)
        event_active(h->ev_wake, 0, 0);
}

/* ---- reading --------------------------------------------------------------------------------------------------------------- */

static int take(struct h2 *h, const uint8_t *p, size_t n)
{
    ssize_t rc;

    h->busy = true;
    h->last_read = clock_mono_ms();
    rc = nghttp2_session_mem_recv(h->session, p, n);
    if (h->state == H2_CLOSED)
        return -ERR_CLOSED;
    h->busy = false;
    if (rc < 0) {
        h2_close(h, rc == NGHTTP2_ERR_FLOODED ? H2_WHY_FLOOD : H2_WHY_PROTOCOL, nghttp2_strerror((int)rc));
        return -ERR_CLOSED;
    }
    if (h->fault == NULL &&
        nghttp2_session_get_outbound_queue_size(h->session) > QUEUE_MAX + 4 * (size_t)h->limits.streams_max)
        h->fault = "too many frames to answer";
    if (h->fault != NULL) {
        (void)nghttp2_session_terminate_session(h->session, NGHTTP2_ENHANCE_YOUR_CALM);
        return -ERR_LIMIT;
    }
    return 0;
}

static void receive(struct h2 *h)
{
    uint8_t p[READ_SIZE];
    struct err e;
    int rc = 0;

    h->reading_waits_write = false;
    for (int i = 0; i < READS_A_TURN && rc == 0; i++) {
        ssize_t n = xport_read(&h->x, p, sizeof(p), &e);

        if (n > 0) {
            rc = take(h, p, (size_t)n);
            continue;
        }
        if (n == XPORT_WANT_WRITE) {
            h->reading_waits_write = true;
            (void)event_add(h->ev_write, NULL);
        } else if (n != XPORT_WANT_READ) {
            h2_close(h, H2_WHY_PEER, n == XPORT_END ? "the peer closed the connection" : e.text);
        }
        return;
    }
}

/* ---- connecting ------------------------------------------------------------------------------------------------------------ */

static bool alpn_is_h2(const struct h2 *h)
{
    const unsigned char *p = NULL;
    unsigned n = 0;

    if (h->x.ssl == NULL)
        return true;
    SSL_get0_alpn_selected(h->x.ssl, &p, &n);
    return n == 2 && memcmp(p, "h2", 2) == 0;
}

static void handshake(struct h2 *h)
{
    struct err e;
    int rc = xport_handshake(&h->x, &e);

    if (rc == XPORT_WANT_WRITE)
        (void)event_add(h->ev_write, NULL);
    if (rc == XPORT_WANT_WRITE || rc == XPORT_WANT_READ)
        return;
    if (rc != 1) {
        h2_close(h, H2_WHY_HANDSHAKE, e.text);
    } else if (!alpn_is_h2(h)) {
        h2_close(h, H2_WHY_HANDSHAKE, "the peer does not speak HTTP/2 (ALPN)");
    } else {
        h->state = H2_SETTINGS;
        h->last_read = clock_mono_ms();
    }
}

static void io_cb(evutil_socket_t fd, short what, void *arg)
{
    struct h2 *h = arg;

    if (h->state == H2_CONNECTING) {
        int code = sock_error(fd);

        if (code != 0) {
            h2_close(h, H2_WHY_HANDSHAKE, strerror(code));
            return;
        }
        if ((what & EV_WRITE) == 0)
            return;
        h->state = H2_HANDSHAKE;
        (void)event_add(h->ev_read, NULL);
    }
    if (h->state == H2_HANDSHAKE)
        handshake(h);
    if (h->state >= H2_SETTINGS && h->state != H2_CLOSED && ((what & EV_READ) != 0 || h->reading_waits_write))
        receive(h);
    if (h->state >= H2_SETTINGS && h->state != H2_CLOSED)
        flush(h);
}

int h2_new(const struct h2_options *o, struct h2 **out, struct err *e)
{
    struct h2 *h = calloc(1, sizeof(*h));
    int rc;

    if (h == NULL)
        return err_set(e, ERR_NOMEM, "HTTP/2");
    h->state = o->server ? H2_HANDSHAKE : H2_CONNECTING;
    h->graveyard = o->graveyard;
    h->ops = o->ops;
    h->arg = o->arg;
    h->limits = o->limits;
    h->server = o->server;
    h->started = clock_mono_ms();
    list_init(&h->streams);
    buf_init(&h->out, 0);
    h->ev_read = event_new(o->base, o->fd, EV_READ | EV_PERSIST, io_cb, h);
    h->ev_write = event_new(o->base, o->fd, EV_WRITE, io_cb, h);
    h->ev_wake = event_new(o->base, -1, 0, wake_cb, h);
    h->ev_timer = evtimer_new(o->base, timer_cb, h);
    if (h->ev_read == NULL || h->ev_write == NULL || h->ev_wake == NULL || h->ev_timer == NULL)
        rc = err_set(e, ERR_NOMEM, "HTTP/2");
    else
        rc = h2_session_new(h, e);
    if (rc == 0 && event_add(o->server ? h->ev_read : h->ev_write, NULL) != 0)
        rc = err_set(e, ERR_NOMEM, "HTTP/2");
    if (rc != 0) {
        h2_free(h);
        return rc;
    }
    h->x.fd = o->fd;
    h->x.ssl = o->ssl;
    arm(h);
    *out = h;
    return 0;
}

void h2_shutdown(struct h2 *h, uint32_t grace_ms)
{
    if (h->state == H2_CLOSED || h->going_away)
        return;
    h->going_away = true;
    h->drain_until = clock_mono_ms() + grace_ms + 1;
    (void)nghttp2_submit_shutdown_notice(h->session);
    (void)nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, (const uint8_t *)PING_SHUTDOWN);
    h2_wake(h);
    arm(h);
}

const char *h2_reason(const struct h2 *h)
{
    return h->reason;
}

struct ssl_st *h2_ssl(const struct h2 *h)
{
    return h->x.ssl;
}

