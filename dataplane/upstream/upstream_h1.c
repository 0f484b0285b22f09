/* Answers of HTTP/1 backends: strict heads, bodies passed on as they come. */
#include <errno.h>
#include <sys/socket.h>

#include "base/must.h"
#include "upstream/upstream_int.h"

#define INTERIM_MAX 16u        /* 1xx heads before an answer; more are an attack */
#define TRAILERS_MAX 8192u
#define LARGE_FROM 32768u      /* bodies from here on are read into large blocks */

void upstream_h1_begin(struct upstream_conn *c)
{
    c->scanned = 0;
    c->interim = 0;
    c->stalled = c->body_over = c->held_last = false;
    c->held = c->held_behind = 0;
    c->keep_alive = true;
}

static void consume(struct upstream_conn *c, size_t n)
{
    c->in_r += (uint32_t)n;
    if (c->in_r == c->in_w)
        c->in_r = c->in_w = 0;
}

/* ---- heads ---- */

/* True: go on with the body. False: incomplete, or the call is over. */
static bool read_head(struct upstream_conn *c)
{
    struct upstream_set *set = c->endpoint->set;
    struct upstream_call *call = c->call;

    for (;;) {
        struct h1_head head = {.headers = set->headers, .headers_cap = CAPS_HEADERS_MAX};
        int rc = h1_parse_response(c->in->bytes + c->in_r, c->in_w - c->in_r, &c->scanned, &set->env->h1, call->method, &head);

        if (rc == 0 && c->in_w < c->in->size)
            return false;
        if (rc == 0 && c->in_r != 0) { /* interim heads before it took the room */
            memmove(c->in->bytes, c->in->bytes + c->in_r, c->in_w - c->in_r);
            c->in_w -= c->in_r;
            c->in_r = 0;
            return false;
        }
        if (rc <= 0 || head.status == 101 || head.status < 100 || (head.status < 200 && ++c->interim > INTERIM_MAX)) {
            upstream_call_finish(c, UPSTREAM_BAD, false);
            return false;
        }
        c->scanned = 0;
        c->in_r += (uint32_t)rc; /* not consume(): the head's slices point there */
        if (head.status < 200) {
            if (c->in_r < c->in_w)
                continue;
            c->in_r = c->in_w = 0;
            return false;
        }
        c->framing = head.framing;
        c->keep_alive = c->keep_alive && head.keep_alive && head.framing != H1_BODY_CLOSE;
        c->body_left = head.framing == H1_BODY_LENGTH ? head.content_length : 0;
        c->body_over = head.framing == H1_BODY_NONE || (head.framing == H1_BODY_LENGTH && head.content_length == 0);
        if (head.framing == H1_BODY_CHUNKED)
            h1_chunk_init(&c->chunk, TRAILERS_MAX);
        call->head_done = true;
        call->ops->on_head(call, &head);
        return c->call == call && c->state == UPCONN_BUSY;
    }
}

/* ---- bodies ---- */

/* The next piece at hand. False: none, or the call is over. */
static bool next_piece(struct upstream_conn *c, struct slice *data, size_t *behind, bool *last)
{
    struct slice s = c->in == NULL ? SLICE_NONE : slice_from(c->in->bytes + c->in_r, c->in_w - c->in_r);
    size_t used;

    *behind = 0;
    *last = false;
    if (s.n == 0)
        return false;
    if (c->framing == H1_BODY_CLOSE) {
        *data = s;
        return true;
    }
    if (c->framing == H1_BODY_LENGTH) {
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
    if (h1_chunk_feed(&c->chunk, s.p, s.n, data, &used, last) != 0) {
        upstream_call_finish(c, UPSTREAM_TRUNCATED, false);
        return false;
    }
    if (data->n == 0) {
        consume(c, used);
        return *last || next_piece(c, data, behind, last);
    }
    *behind = used - (size_t)(data->p - s.p) - data->n;
    c->in_r += (uint32_t)(data->p - s.p);
    return true;
}

static void piece_taken(struct upstream_conn *c, struct slice data, size_t behind, bool last, size_t taken)
{
    bool all = taken == data.n;

    if (c->framing == H1_BODY_CHUNKED) {
        c->held = (uint32_t)(data.n - taken);
        c->held_behind = (uint32_t)behind;
        c->held_last = last;
    } else if (c->framing == H1_BODY_LENGTH) {
        c->body_left -= taken;
    }
    if (data.n != 0)
        consume(c, taken + (all ? behind : 0));
    c->body_over = all && last;
}

void upstream_h1_deliver(struct upstream_conn *c)
{
    struct upstream_call *call = c->call;
    struct slice data = SLICE_NONE;
    size_t behind, taken;
    bool last;

    while (!c->body_over) {
        if (c->stalled || !next_piece(c, &data, &behind, &last))
            break;
        taken = data.n == 0 ? 0 : call->ops->on_body(call, data);
        if (c->call != call || c->state != UPCONN_BUSY)
            return;
        piece_taken(c, data, behind, last, taken);
        if (taken < data.n) {
            c->stalled = true;
            upstream_conn_read_off(c);
            wheel_sleep(&c->timer);
            if (call->deadline_ms != 0)
                wheel_set(c->endpoint->set->env->wheel, &c->timer,
                          call->deadline_ms > c->endpoint->set->env->wheel->now_ms
                              ? call->deadline_ms - c->endpoint->set->env->wheel->now_ms
                              : 0);
            return;
        }
    }
    if (c->call != call || c->state != UPCONN_BUSY)
        return;
    if (c->body_over) {
        /* Bytes behind the answer, or a request that it did not wait for: nobody knows what would come next. */
        bool clean = c->in_r == c->in_w && call->body_sent && !call->blocked && !call->tail_due && !call->send_broken;

        upstream_call_finish(c, UPSTREAM_OK, c->keep_alive && clean);
        return;
    }
    call->ops->on_pause(call);
}

/* ---- reading ---- */

static void on_eof(struct upstream_conn *c, bool clean)
{
    struct upstream_call *call = c->call;

    if (!call->head_done && !c->seen) {
        upstream_call_lost(c);
        return;
    }
    if (!call->head_done) {
        upstream_call_finish(c, UPSTREAM_CLOSED, false);
        return;
    }
    upstream_call_finish(c, clean && c->framing == H1_BODY_CLOSE ? UPSTREAM_OK : UPSTREAM_TRUNCATED, false);
}

/* A block with room. False: none, the caller returns. */
static bool room_to_read(struct upstream_conn *c)
{
    struct block_pool *blocks = c->endpoint->set->env->blocks;
    bool large = c->call->head_done && (c->framing != H1_BODY_LENGTH || c->body_left >= LARGE_FROM);

    if (c->in != NULL && large && c->in->size == BLOCK_SMALL && c->in_r == c->in_w)
        block_give(blocks, TAKE(&c->in));
    if (c->in == NULL) {
        c->in = block_take(blocks, large ? BLOCK_LARGE : BLOCK_SMALL);
        c->in_r = c->in_w = 0;
    }
    if (c->in == NULL) {
        upstream_call_finish(c, UPSTREAM_OVERLOADED, false);
        return false;
    }
    if (c->in_w == c->in->size && c->in_r != 0) {
        memmove(c->in->bytes, c->in->bytes + c->in_r, c->in_w - c->in_r);
        c->in_w -= c->in_r;
        c->in_r = 0;
    }
    if (c->in_w == c->in->size) {
        upstream_conn_read_off(c);
        return false;
    }
    return true;
}

/* The first byte of the answer: the request will not be sent again. */
static void answer_begins(struct upstream_conn *c)
{
    struct upstream_call *call = c->call;

    c->seen = true;
    call->replayable = false;
    if (LIKELY(call->out != NULL && call->out_r == call->out_w)) {
        block_give(c->endpoint->set->env->blocks, TAKE(&call->out));
        call->out_r = call->out_w = call->out_head = 0;
    }
}

static void restart_timer(struct upstream_conn *c)
{
    struct wheel *wheel = c->endpoint->set->env->wheel;
    uint64_t after = UPSTREAM_STALL_MS;

    if (c->call->deadline_ms != 0) {
        uint64_t left = c->call->deadline_ms > wheel->now_ms ? c->call->deadline_ms - wheel->now_ms : 0;

        after = left < after ? left : after;
    }
    wheel_set(wheel, &c->timer, after);
}

void upstream_h1_readable(struct upstream_conn *c)
{
    ssize_t n;

    OBJ_CHECK(c, UPSTREAM_CONN_MAGIC);
    if (c->state == UPCONN_IDLE) { /* closed by the peer, or bytes that nobody asked for */
        upstream_conn_close(c);
        return;
    }
    if (c->state != UPCONN_BUSY || c->call == NULL)
        return;
    if (c->stalled) {
        upstream_conn_read_off(c);
        return;
    }
    if (!room_to_read(c))
        return;
    n = recv(c->fd, c->in->bytes + c->in_w, c->in->size - c->in_w, 0);
    if (UNLIKELY(n <= 0)) {
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        on_eof(c, n == 0);
        return;
    }
    c->in_w += (uint32_t)n;
    if (!c->seen)
        answer_begins(c);
    if (!c->call->head_done) {
        if (!read_head(c))
            return;
    }
    if (!c->body_over)
        restart_timer(c);
    upstream_h1_deliver(c);
}
