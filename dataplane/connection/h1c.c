/* One HTTP/1 connection's turns: head, body, answer, and again. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/stat.h"
#include "connection/h1c_int.h"

#define LINGER_BYTES (512u << 10)
#define TRAILERS_MAX 8192u

static struct slice buffered(const struct h1c *c)
{
    if (c->body != NULL)
        return slice_from(c->body->bytes + c->body_r, c->body_w - c->body_r);
    if (c->in == NULL)
        return SLICE_NONE;
    return slice_from(c->in->bytes + c->in_r, c->in_w - c->in_r);
}

static void consume(struct h1c *c, size_t n)
{
    if (c->body == NULL) {
        c->in_r += (uint32_t)n;
        return;
    }
    c->body_r += (uint32_t)n;
    if (c->body_r == c->body_w)
        c->body_r = c->body_w = 0;
}

/* ---- reading ---- */

static void linger_read(struct h1c *c)
{
    ssize_t n = read(c->fd, c->env->scratch, BLOCK_SMALL);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        c->lingered += (uint64_t)n;
    if (n <= 0 || c->lingered > LINGER_BYTES)
        h1c_doom(c);
}

static void on_eof(struct h1c *c)
{
    c->half_closed = true;
    h1c_read_off(c);
    /* Between requests, inside a head, or inside a body: there is nobody to serve any more. A client that only closed its
     * sending side after a whole request still gets its answer. */
    if (c->state != H1C_BUSY || !c->body_done)
        h1c_doom(c);
    else
        c->close_after = true;
}

void h1c_readable(struct h1c *c)
{
    struct block *b;
    uint32_t *w;
    ssize_t n;

    OBJ_CHECK(c, H1C_MAGIC);
    if (c->state >= H1C_FLUSH) {
        if (c->state == H1C_LINGER)
            linger_read(c);
        else
            h1c_read_off(c);
        return;
    }
    if (c->body != NULL) {
        b = c->body;
        w = &c->body_w;
    } else {
        if (c->in == NULL) {
            c->in = block_take(c->env->blocks, BLOCK_SMALL);
            c->in_r = c->in_w = 0;
        }
        b = c->in;
        w = &c->in_w;
    }
    if (UNLIKELY(b == NULL)) {
        h1c_doom(c);
        return;
    }
    if (*w == b->size) {
        h1c_read_off(c); /* full: on again when something is consumed */
        return;
    }
    n = recv(c->fd, b->bytes + *w, b->size - *w, 0);
    if (UNLIKELY(n <= 0)) {
        if (n == 0)
            on_eof(c);
        else if (errno != EAGAIN && errno != EINTR)
            h1c_doom(c);
        return;
    }
    *w += (uint32_t)n;
    if (c->state == H1C_IDLE) {
        c->state = H1C_HEAD;
        wheel_set(c->env->wheel, &c->timer, c->env->limits.head_timeout_ms);
    } else if (c->state == H1C_BUSY && !c->body_done && !c->blocked) {
        wheel_set(c->env->wheel, &c->timer, c->env->limits.body_timeout_ms);
    }
    h1c_run(c);
}

/* ---- the request's body ---- */

static bool exchange_over(const struct exchange *ex)
{
    return ex->state == EXCHANGE_ANSWERED || ex->state == EXCHANGE_ABORTED;
}

/* The next piece of the body at hand. False: nothing, or the body is broken (the connection is taken care of). */
static bool next_piece(struct h1c *c, struct slice *data, size_t *behind, bool *last)
{
    struct slice s = buffered(c);
    size_t used;
    int rc;

    *behind = 0;
    if (c->ex->request.framing == H1_BODY_LENGTH) {
        *data = slice_sub(s, 0, s.n < c->body_left ? s.n : (size_t)c->body_left);
        *last = data->n == c->body_left;
        return data->n != 0;
    }
    if (c->held != 0) {
        *data = slice_sub(s, 0, c->held);
        *behind = c->held_behind;
        *last = c->held_last;
        return true;
    }
    if (s.n == 0)
        return false;
    *last = false;
    rc = h1_chunk_feed(&c->chunk, s.p, s.n, data, &used, last);
    if (rc != 0) {
        STAT_ADD(c->env->stats.heads_refused);
        c->close_after = c->linger = true;
        if (c->ex->state == EXCHANGE_RUNNING)
            exchange_error(c->ex, exchange_error_of_h1(-rc));
        else if (!exchange_over(c->ex))
            exchange_break(c->ex);
        return false;
    }
    if (data->n == 0) {
        consume(c, used);
        return *last || next_piece(c, data, behind, last);
    }
    *behind = used - (size_t)(data->p - s.p) - data->n;
    consume(c, (size_t)(data->p - s.p));
    return true;
}

/* taken of data were taken; a chunk's rest is remembered as decoded. */
static void piece_taken(struct h1c *c, struct slice data, size_t behind, bool last, size_t taken)
{
    bool all = taken == data.n;

    if (c->ex->request.framing == H1_BODY_LENGTH) {
        c->body_left -= taken;
        consume(c, taken);
    } else {
        c->held = (uint32_t)(data.n - taken);
        c->held_behind = (uint32_t)behind;
        c->held_last = last;
        if (data.n != 0)
            consume(c, taken + (all ? behind : 0));
    }
    if (all && last) {
        c->body_done = true;
        wheel_sleep(&c->timer);
    }
}

static void say_continue(struct h1c *c)
{
    static const struct slice text = {"HTTP/1.1 100 Continue\r\n\r\n", 25};

    c->expect = false;
    if (c->ex->status != 0)
        return;
    if (c->out == NULL) {
        c->out = block_take(c->env->blocks, BLOCK_SMALL);
        c->out_r = c->out_w = 0;
    }
    if (c->out == NULL || c->out->size - c->out_w < text.n) {
        h1c_doom(c);
        return;
    }
    memcpy(c->out->bytes + c->out_w, text.p, text.n);
    c->out_w += (uint32_t)text.n;
}

static void pump_body(struct h1c *c)
{
    struct exchange *ex = c->ex;
    struct slice data;
    size_t behind, taken;
    bool last;

    for (;;) {
        bool discard = exchange_over(ex);

        if (c->state != H1C_BUSY || c->body_done || (discard && c->close_after))
            return;
        if (!discard && (!ex->wants_body || c->body_stalled))
            return;
        if (!next_piece(c, &data, &behind, &last))
            break;
        c->expect = false;
        taken = discard ? data.n : exchange_body_in(ex, data, last);
        piece_taken(c, data, behind, last, taken);
        if (taken < data.n && !exchange_over(ex)) {
            c->body_stalled = true;
            wheel_sleep(&c->timer); /* not the client's fault: the upstream's deadlines count */
            return;
        }
    }
    if (c->state != H1C_BUSY || exchange_over(ex))
        return;
    if (c->expect)
        say_continue(c);
    if (ex->state == EXCHANGE_RUNNING || ex->state == EXCHANGE_ANSWERING)
        (void)exchange_body_in(ex, SLICE_NONE, false); /* nothing more at hand: let what was gathered go */
    if (c->half_closed && !c->body_done)
        h1c_doom(c);
    else
        h1c_read_on(c);
}

/* ---- heads ---- */

/* A body that does not fit behind its head gets a block of its own. */
static bool make_room_for_body(struct h1c *c)
{
    const struct h1_head *r = &c->ex->request;
    uint32_t n = c->in_w - c->in_r;

    if (r->framing == H1_BODY_LENGTH && r->content_length <= c->in->size - c->in_r)
        return true;
    c->body = block_take(c->env->blocks, BLOCK_LARGE);
    if (c->body == NULL)
        return false;
    memcpy(c->body->bytes, c->in->bytes + c->in_r, n);
    c->body_r = 0;
    c->body_w = n;
    c->in_w = c->in_r;
    return true;
}

static void begin(struct h1c *c)
{
    struct exchange *ex = c->ex;

    c->state = H1C_BUSY;
    c->answered = c->linger = c->body_stalled = c->told_full = false;
    c->close_after = !ex->request.keep_alive || c->env->draining || c->half_closed;
    c->body_done = ex->request.framing == H1_BODY_NONE || (ex->request.framing == H1_BODY_LENGTH && ex->request.content_length == 0);
    c->expect = false;
    c->held = 0;
    ex->begin_ns = clock_mono_ns();
    ex->peer = slice_from(c->peer, c->peer_n);
    ex->local_port = c->env->port;
    if (LIKELY(c->body_done)) {
        ex->body_complete = true;
        wheel_sleep(&c->timer);
    } else {
        c->expect = ex->request.expect_continue;
        c->body_left = ex->request.framing == H1_BODY_LENGTH ? ex->request.content_length : 0;
        h1_chunk_init(&c->chunk, TRAILERS_MAX);
        wheel_set(c->env->wheel, &c->timer, c->env->limits.body_timeout_ms);
        if (!make_room_for_body(c)) {
            c->close_after = c->linger = true;
            exchange_error(ex, EXCHANGE_ERR_OVERLOADED);
            return;
        }
    }
    exchange_begin(ex);
}

static void refuse(struct h1c *c, enum exchange_error error)
{
    struct exchange *ex = c->ex;

    c->state = H1C_BUSY;
    c->answered = c->told_full = c->body_stalled = c->expect = c->body_done = false;
    c->close_after = c->linger = true;
    wheel_sleep(&c->timer);
    ex->request.method = HTTP_METHOD_OTHER;
    ex->request.framing = H1_BODY_NONE;
    ex->request.minor = 1;
    ex->begin_ns = clock_mono_ns();
    ex->peer = slice_from(c->peer, c->peer_n);
    exchange_error(ex, error);
}

static struct exchange *new_exchange(struct h1c *c)
{
    struct exchange *ex = exchange_new(c->env->exchanges);

    if (ex == NULL) {
        h1c_doom(c);
        return NULL;
    }
    ex->sink = &h1c_sink;
    ex->connection = c;
    return ex;
}

void h1c_refuse(struct h1c *c, enum exchange_error error)
{
    c->ex = new_exchange(c);
    if (c->ex == NULL)
        return;
    refuse(c, error);
    h1c_run(c);
}

/* False: the head is not complete. */
static bool parse_head(struct h1c *c)
{
    struct exchange *ex = new_exchange(c);
    int rc;

    if (ex == NULL)
        return false;
    rc = h1_parse_request(c->in->bytes + c->in_r, c->in_w - c->in_r, &c->scanned, &c->env->limits.h1, &ex->request);
    if (rc == 0) {
        exchange_free(ex);
        if (c->state == H1C_IDLE) { /* begun behind the request before */
            c->state = H1C_HEAD;
            wheel_set(c->env->wheel, &c->timer, c->env->limits.head_timeout_ms);
        }
        if (c->in_r != 0) {
            memmove(c->in->bytes, c->in->bytes + c->in_r, c->in_w - c->in_r);
            c->in_w -= c->in_r;
            c->in_r = 0;
        }
        MUST(c->in_w < c->in->size); /* the codec refuses heads of CAPS_HEAD_MAX bytes, which is a block's size */
        if (c->half_closed)
            h1c_doom(c);
        else
            h1c_read_on(c);
        return false;
    }
    c->scanned = 0;
    c->ex = ex;
    if (UNLIKELY(rc < 0)) {
        STAT_ADD(c->env->stats.heads_refused);
        refuse(c, exchange_error_of_h1(-rc));
        return true;
    }
    c->in_r += (uint32_t)rc;
    begin(c);
    return true;
}

/* ---- the end of a turn ---- */

static void start_linger(struct h1c *c)
{
    (void)shutdown(c->fd, SHUT_WR);
    c->state = H1C_LINGER;
    c->lingered = 0;
    if (c->half_closed) {
        h1c_doom(c);
        return;
    }
    wheel_set(c->env->wheel, &c->timer, c->env->limits.linger_timeout_ms);
    h1c_read_on(c);
}

static void finish_flush(struct h1c *c)
{
    if (c->state != H1C_FLUSH || h1c_pending(c) != 0)
        return;
    if (c->linger)
        start_linger(c);
    else
        h1c_doom(c);
}

/* The buffers of an idle connection belong to the others. */
static void rest(struct h1c *c)
{
    block_give(c->env->blocks, TAKE(&c->in));
    c->in_r = c->in_w = 0;
    if (c->half_closed || c->env->draining) {
        c->state = H1C_FLUSH;
        return;
    }
    wheel_set(c->env->wheel, &c->timer, c->env->limits.idle_timeout_ms);
    h1c_read_on(c);
}

/* The answer is out of the exchange's hands. False: the turn is not over, or there is no next one. */
static bool end_turn(struct h1c *c)
{
    if (!c->body_done && !c->close_after)
        return false; /* the rest of a body that nobody wanted is still to come */
    if (c->blocked && !c->close_after)
        return false; /* the next turn waits until this answer is gone */
    c->linger = c->linger || !c->body_done || (c->close_after && buffered(c).n != 0);
    exchange_free(TAKE(&c->ex));
    if (c->body != NULL) {
        block_give(c->env->blocks, c->in);
        c->in = TAKE(&c->body);
        c->in_r = c->body_r;
        c->in_w = c->body_w;
    }
    if (c->close_after) {
        c->state = H1C_FLUSH;
        h1c_read_off(c);
        wheel_set(c->env->wheel, &c->timer, c->env->limits.write_timeout_ms);
        return false;
    }
    c->state = H1C_IDLE;
    c->scanned = 0;
    return true;
}

void h1c_run(struct h1c *c)
{
    if (c->running)
        return;
    c->running = true;
    while (c->state <= H1C_BUSY) {
        if (c->state == H1C_BUSY) {
            if (!c->body_done)
                pump_body(c);
            if (c->state != H1C_BUSY || !c->answered || !end_turn(c))
                break;
        }
        if (c->in == NULL || c->in_r == c->in_w) {
            rest(c);
            break;
        }
        if (!parse_head(c))
            break;
    }
    c->running = false;
    if (h1c_pending(c) != 0 && !c->blocked)
        h1c_flush(c);
    finish_flush(c);
}
