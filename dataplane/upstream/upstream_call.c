/* One call: choosing where, sending, and what happens when that fails. */
#include "upstream/upstream.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/must.h"
#include "base/stat.h"
#include "upstream/upstream_int.h"

#define COPY_MAX 8192u /* bodies up to this join their head in one write, and can be sent again */

static const char *const result_names[UPSTREAM_RESULTS] = {"ok",        "unreachable", "closed",    "bad",
                                                           "truncated", "timeout",     "overloaded"};

const char *upstream_result_name(enum upstream_result r)
{
    return r < UPSTREAM_RESULTS ? result_names[r] : "unknown";
}

static uint32_t or_default(uint32_t v, uint32_t fallback)
{
    return v != 0 ? v : fallback;
}

static uint64_t now_ms(const struct upstream_call *call)
{
    return call->set->env->wheel->now_ms;
}

/* after_ms, or what is left of the whole call where that is less. */
static uint64_t within_deadline(const struct upstream_call *call, uint64_t after_ms)
{
    uint64_t left;

    if (call->deadline_ms == 0)
        return after_ms;
    left = call->deadline_ms > now_ms(call) ? call->deadline_ms - now_ms(call) : 0;
    return left < after_ms ? left : after_ms;
}

static void arm(struct upstream_call *call, uint64_t after_ms)
{
    wheel_set(call->set->env->wheel, &call->conn->timer, within_deadline(call, after_ms));
}

static void arm_answer(struct upstream_call *call)
{
    arm(call, call->head_done ? UPSTREAM_STALL_MS : or_default(call->upstream->first_byte_timeout_ms, UPSTREAM_FIRST_BYTE_MS));
}

/* ---- the end ---- */

static void drop_out(struct upstream_call *call)
{
    block_give(call->set->env->blocks, TAKE(&call->out));
    call->out_r = call->out_w = 0;
}

static void leave_waiting(struct upstream_call *call)
{
    if (!list_is_empty(&call->waiting)) {
        list_remove(&call->waiting);
        call->endpoint->n_waiting--;
    }
    wheel_remove(&call->timer);
}

static void count_result(struct upstream_call *call, enum upstream_result r)
{
    struct upstream_stats *s = &call->set->env->stats;

    if (r == UPSTREAM_TIMEOUT)
        STAT_ADD(s->timeouts);
    else if (r == UPSTREAM_BAD || r == UPSTREAM_CLOSED)
        STAT_ADD(s->bad_responses);
    else if (r == UPSTREAM_TRUNCATED)
        STAT_ADD(s->truncated);
    else if (r == UPSTREAM_OVERLOADED)
        STAT_ADD(s->overloaded);
}

/* A call that has no connection (any more). */
static void end_call(struct upstream_call *call, enum upstream_result r)
{
    leave_waiting(call);
    drop_out(call);
    call->started = false;
    if (UNLIKELY(r != UPSTREAM_OK))
        count_result(call, r);
    call->ops->on_end(call, r);
}

static void detach(struct upstream_conn *c)
{
    struct upstream_call *call = TAKE(&c->call);

    call->conn = NULL;
    c->endpoint->n_busy--;
}

void upstream_call_finish(struct upstream_conn *c, enum upstream_result r, bool keep)
{
    struct upstream_call *call = c->call;
    struct upstream_endpoint *ep = c->endpoint;

    detach(c);
    c->idle_ms = or_default(call->upstream->idle_timeout_ms, UPSTREAM_IDLE_MS);
    if (LIKELY(keep))
        upstream_conn_park(c);
    else
        upstream_conn_close(c);
    if (UNLIKELY(ep->n_waiting != 0))
        upstream_call_wake(ep);
    end_call(call, r);
}

void upstream_call_cancel(struct upstream_call *call)
{
    struct upstream_conn *c = call->conn;
    struct upstream_endpoint *ep = call->endpoint;

    if (!call->started)
        return;
    call->started = false;
    if (c != NULL) {
        detach(c);
        upstream_conn_close(c);
    }
    leave_waiting(call);
    drop_out(call);
    if (ep != NULL && ep->n_waiting != 0)
        upstream_call_wake(ep);
}

/* ---- where to ---- */

/* The head for this endpoint, and behind it what was gathered of the body. */
static bool prepare_out(struct upstream_call *call)
{
    struct block_pool *blocks = call->set->env->blocks;
    uint32_t body_n = call->out == NULL ? 0 : call->out_w - call->out_head;
    uint32_t size = BLOCK_SMALL;
    struct h1_writer w;
    struct block *b;

    for (;; size = BLOCK_LARGE) {
        b = block_take(blocks, size);
        if (b == NULL)
            return false;
        h1_writer_init(&w, b->bytes, b->size);
        call->ops->write_head(call, &w, call->endpoint->authority);
        if (!w.full && (size_t)(w.end - w.p) >= body_n)
            break;
        block_give(blocks, b);
        if (size == BLOCK_LARGE)
            return false;
    }
    if (body_n != 0)
        memcpy(w.p, call->out->bytes + call->out_head, body_n);
    block_give(blocks, call->out);
    call->out = b;
    call->out_r = 0;
    call->out_head = (uint32_t)(w.p - b->bytes);
    call->out_w = call->out_head + body_n;
    return true;
}

static void attach(struct upstream_call *call, struct upstream_conn *c)
{
    call->conn = c;
    c->call = call;
    c->endpoint->n_busy++;
    c->seen = false;
    call->blocked = false;
    call->attempts++;
    if (c->state == UPCONN_BUSY) {
        upstream_h1_begin(c);
        arm_answer(call);
    }
}

static bool try_endpoint(struct upstream_call *call);

/* A call that got its connection late: what was gathered goes, and the body that had to wait may come. */
static void send_gathered(struct upstream_call *call)
{
    if (call->conn != NULL && call->conn->state == UPCONN_BUSY)
        upstream_call_writable(call->conn);
}

/* Another endpoint, or the end. */
static void next_endpoint(struct upstream_call *call, enum upstream_result otherwise)
{
    struct upstream_target *t = upstream_target_of(call->set, call->upstream, call->generation);

    while (call->attempts < UPSTREAM_ATTEMPTS_MAX && t != NULL) {
        call->endpoint = upstream_choose(call->set, t, call->upstream->policy, &call->tried);
        if (call->endpoint == NULL)
            break;
        if (try_endpoint(call)) {
            if (call->attempts > 1)
                send_gathered(call); /* the first time the caller does, with what it has of the body */
            return;
        }
        call->attempts++;
    }
    end_call(call, otherwise);
}

static void on_wait_over_cb(struct wheel_timer *timer)
{
    struct upstream_call *call = CONTAINER_OF(timer, struct upstream_call, timer);

    end_call(call, call->deadline_ms != 0 && now_ms(call) >= call->deadline_ms ? UPSTREAM_TIMEOUT : UPSTREAM_UNREACHABLE);
}

static bool wait_for(struct upstream_call *call, struct upstream_endpoint *ep)
{
    if (ep->n_waiting >= UPSTREAM_WAITING_MAX)
        return false;
    list_append(&ep->waiting, &call->waiting);
    ep->n_waiting++;
    call->timer.cb = on_wait_over_cb;
    wheel_set(call->set->env->wheel, &call->timer,
              within_deadline(call, or_default(call->upstream->connect_timeout_ms, UPSTREAM_CONNECT_MS)));
    return true;
}

/* True: the call is on a connection, or on its way to one. */
static bool try_endpoint(struct upstream_call *call)
{
    struct upstream_endpoint *ep = call->endpoint;
    struct upstream_conn *c = NULL;

    if (!prepare_out(call))
        return false;
    if (LIKELY(!call->fresh_only))
        c = upstream_conn_take_idle(ep);
    if (c == NULL) {
        uint32_t most = or_default(call->upstream->max_connections, UPSTREAM_CONNECTIONS_DEFAULT);

        if (ep->n_open >= most && ep->n_idle != 0) /* it wants a fresh one: the oldest idle one gives way */
            upstream_conn_close(CONTAINER_OF(ep->idle.prev, struct upstream_conn, node));
        if (!ep->resolved || ep->n_open >= most)
            return wait_for(call, ep);
        c = upstream_conn_open(ep, within_deadline(call, or_default(call->upstream->connect_timeout_ms, UPSTREAM_CONNECT_MS)));
        if (c == NULL) {
            STAT_ADD(call->set->env->stats.connect_failures);
            ep->cool_until_ms = now_ms(call) + UPSTREAM_COOL_MS;
            ep->next_address++;
            return false;
        }
    }
    attach(call, c);
    return true;
}

void upstream_call_wake(struct upstream_endpoint *ep)
{
    uint32_t turns = ep->n_waiting; /* those that wait again wait for the next occasion */

    ep->n_busy++; /* a call that ends in here may bring a new definition: the endpoint stays */
    while (turns-- != 0 && !list_is_empty(&ep->waiting)) {
        struct upstream_call *call = CONTAINER_OF(ep->waiting.next, struct upstream_call, waiting);
        bool room = ep->n_idle != 0 || ep->n_open < or_default(call->upstream->max_connections, UPSTREAM_CONNECTIONS_DEFAULT);

        if (!ep->resolved || !room)
            break;
        leave_waiting(call);
        if (try_endpoint(call))
            send_gathered(call);
        else
            next_endpoint(call, UPSTREAM_UNREACHABLE);
    }
    ep->n_busy--;
}

void upstream_call_start(struct upstream_set *set, struct upstream_call *call)
{
    uint64_t total = call->timeout_ms != 0 ? call->timeout_ms : call->upstream->total_timeout_ms;

    call->set = set;
    call->started = call->replayable = true;
    call->body_sent = !call->has_body;
    list_init(&call->waiting);
    wheel_timer_init(&call->timer, on_wait_over_cb);
    if (total != 0)
        call->deadline_ms = set->env->wheel->now_ms + total;
    next_endpoint(call, UPSTREAM_UNREACHABLE);
}

/* ---- what goes wrong ---- */

void upstream_call_connected(struct upstream_conn *c, bool ok)
{
    struct upstream_call *call = c->call;
    struct upstream_endpoint *ep = c->endpoint;

    upstream_conn_write_off(c);
    if (call == NULL) {
        upstream_conn_close(c);
        return;
    }
    if (ok) {
        c->state = UPCONN_BUSY;
        ep->cool_until_ms = 0;
        upstream_h1_begin(c);
        upstream_conn_read_on(c);
        arm_answer(call);
        upstream_call_writable(c);
        return;
    }
    STAT_ADD(call->set->env->stats.connect_failures);
    detach(c);
    upstream_conn_close(c);
    if (call->deadline_ms != 0 && now_ms(call) >= call->deadline_ms) {
        if (ep->n_waiting != 0)
            upstream_call_wake(ep);
        end_call(call, UPSTREAM_TIMEOUT);
        return;
    }
    ep->next_address++;
    if (ep->n_addresses > 1 && call->attempts < ep->n_addresses && call->attempts < UPSTREAM_ATTEMPTS_MAX && try_endpoint(call)) {
        send_gathered(call); /* the name has more addresses */
        return;
    }
    ep->cool_until_ms = now_ms(call) + UPSTREAM_COOL_MS;
    if (ep->n_waiting != 0)
        upstream_call_wake(ep);
    next_endpoint(call, UPSTREAM_UNREACHABLE);
}

void upstream_call_lost(struct upstream_conn *c)
{
    struct upstream_call *call = c->call;
    struct upstream_endpoint *ep = c->endpoint;
    bool again = c->reused && call->replayable && (call->idempotent || call->out_r == 0) && call->attempts < UPSTREAM_ATTEMPTS_MAX;

    detach(c);
    upstream_conn_close(c);
    if (!again) {
        if (ep->n_waiting != 0)
            upstream_call_wake(ep);
        end_call(call, UPSTREAM_CLOSED);
        return;
    }
    /* The endpoint had closed it while it was idle: its other pooled connections are suspect too. */
    STAT_ADD(call->set->env->stats.retries);
    call->fresh_only = true;
    if (try_endpoint(call))
        send_gathered(call);
    else
        next_endpoint(call, UPSTREAM_UNREACHABLE);
}

void upstream_call_deadline(struct upstream_conn *c)
{
    upstream_call_finish(c, UPSTREAM_TIMEOUT, false);
}

/* ---- sending ---- */

static bool is_connected(const struct upstream_call *call)
{
    return call->conn != NULL && call->conn->state == UPCONN_BUSY;
}

static void now_blocked(struct upstream_call *call)
{
    call->blocked = true;
    upstream_conn_write_on(call->conn);
}

/* out_r went forward. */
static void out_sent(struct upstream_call *call)
{
    if (call->out_r != call->out_w) {
        now_blocked(call);
        return;
    }
    if (UNLIKELY(call->blocked)) {
        call->blocked = false;
        upstream_conn_write_off(call->conn);
    }
    if (!call->replayable)
        call->out_r = call->out_w = call->out_head = 0;
}

void upstream_call_flush(struct upstream_call *call)
{
    ssize_t w;

    if (!is_connected(call) || call->out == NULL || call->out_r == call->out_w)
        return;
    w = send(call->conn->fd, call->out->bytes + call->out_r, call->out_w - call->out_r, MSG_NOSIGNAL);
    if (UNLIKELY(w < 0)) {
        if (errno == EAGAIN || errno == EINTR) {
            now_blocked(call);
            return;
        }
        /* The reading side will tell: an answer that came before the end, or the end. Nothing more can be sent. */
        call->conn->keep_alive = false;
        call->send_broken = true;
        upstream_conn_write_off(call->conn);
        return;
    }
    call->out_r += (uint32_t)w;
    out_sent(call);
}

static struct h1_writer out_writer(struct upstream_call *call)
{
    struct h1_writer w;

    h1_writer_init(&w, call->out->bytes + call->out_w, call->out->size - call->out_w);
    return w;
}

/* A block to gather in, with some room: false when what is there has to leave first. */
static bool gather_room(struct upstream_call *call, size_t need)
{
    if (call->out == NULL) {
        call->out = block_take(call->set->env->blocks, BLOCK_SMALL);
        call->out_r = call->out_w = call->out_head = 0;
        call->replayable = false;
        return call->out != NULL;
    }
    if (call->out->size - call->out_w >= need)
        return true;
    upstream_call_flush(call);
    if (!is_connected(call) || call->out_r != call->out_w)
        return false;
    call->replayable = false;
    call->out_r = call->out_w = call->out_head = 0;
    return true;
}

static void send_tail(struct upstream_call *call)
{
    struct h1_writer w;

    if (call->blocked || !gather_room(call, sizeof(H1_LAST_CHUNK))) {
        call->tail_due = true;
        return;
    }
    w = out_writer(call);
    h1_write_bytes(&w, SLICE_LIT(H1_LAST_CHUNK));
    call->out_w = (uint32_t)(w.p - call->out->bytes);
    call->tail_due = false;
    upstream_call_flush(call);
}

void upstream_call_writable(struct upstream_conn *c)
{
    struct upstream_call *call = c->call;

    if (call->out == NULL || call->out_r == call->out_w)
        call->blocked = false;
    upstream_call_flush(call);
    if (call->tail_due && !call->blocked)
        send_tail(call);
    if (call->blocked)
        return;
    upstream_conn_write_off(c);
    if (call->told_full) {
        call->told_full = false;
        arm_answer(call);
        call->ops->on_writable(call);
    }
}

static size_t full(struct upstream_call *call, size_t taken)
{
    call->told_full = true;
    return taken;
}

static size_t send_chunked(struct upstream_call *call, struct slice bytes)
{
    size_t taken = 0;

    while (taken < bytes.n) {
        size_t n = bytes.n - taken, room;
        struct h1_writer w;

        if (call->blocked || !gather_room(call, H1_CHUNK_SIZE_MAX + 2 + (n < 512 ? n : 512)))
            break;
        room = call->out->size - call->out_w - H1_CHUNK_SIZE_MAX - 2;
        n = n < room ? n : room;
        w = out_writer(call);
        h1_write_chunk_size(&w, n);
        h1_write_bytes(&w, slice_sub(bytes, taken, taken + n));
        h1_write_bytes(&w, SLICE_LIT("\r\n"));
        call->out_w = (uint32_t)(w.p - call->out->bytes);
        taken += n;
    }
    return taken;
}

/* Straight from where it is, behind what was gathered. */
static size_t send_direct(struct upstream_call *call, struct slice bytes)
{
    size_t n = call->out == NULL ? 0 : call->out_w - call->out_r;
    struct iovec v[2];
    int count = 0;
    ssize_t w;

    if (n != 0)
        v[count++] = (struct iovec){call->out->bytes + call->out_r, n};
    v[count++] = (struct iovec){(void *)(uintptr_t)bytes.p, bytes.n};
    w = writev(call->conn->fd, v, count);
    if (w < 0 && errno != EAGAIN && errno != EINTR) {
        call->conn->keep_alive = false;
        call->send_broken = true;
        return bytes.n;
    }
    if (w < 0)
        w = 0;
    call->replayable = call->replayable && (size_t)w <= n;
    if ((size_t)w < n) {
        call->out_r += (uint32_t)w;
        now_blocked(call);
        return 0;
    }
    call->out_r = call->out_w;
    out_sent(call);
    if ((size_t)w < n + bytes.n)
        now_blocked(call);
    return (size_t)w - n;
}

static size_t send_plain(struct upstream_call *call, struct slice bytes)
{
    size_t room = call->out == NULL ? 0 : call->out->size - call->out_w;

    if (call->out != NULL && call->replayable && bytes.n <= COPY_MAX && bytes.n <= room) {
        memcpy(call->out->bytes + call->out_w, bytes.p, bytes.n);
        call->out_w += (uint32_t)bytes.n;
        return bytes.n;
    }
    if (!is_connected(call))
        return 0;
    return send_direct(call, bytes);
}

size_t upstream_call_send(struct upstream_call *call, struct slice bytes, bool last)
{
    size_t taken = 0;

    if (!call->started || call->send_broken)
        return bytes.n; /* nobody reads it any more */
    if (call->blocked)
        return full(call, 0);
    if (bytes.n != 0)
        taken = call->chunked ? send_chunked(call, bytes) : send_plain(call, bytes);
    if (taken < bytes.n) {
        if (is_connected(call) && !call->blocked)
            now_blocked(call);
        return full(call, taken);
    }
    if (last) {
        call->body_sent = true;
        if (call->chunked)
            send_tail(call);
        else
            upstream_call_flush(call);
    }
    if (is_connected(call) && !call->head_done)
        arm_answer(call);
    return taken;
}

void upstream_call_resume(struct upstream_call *call)
{
    struct upstream_conn *c = call->conn;

    if (!call->started || c == NULL || !c->stalled)
        return;
    c->stalled = false;
    arm_answer(call);
    upstream_conn_read_on(c);
    upstream_h1_deliver(c);
}
