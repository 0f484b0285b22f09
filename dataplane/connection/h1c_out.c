/* Answers onto the wire: the sink of HTTP/1. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/must.h"
#include "connection/h1c_int.h"

#define COPY_MAX 4096u          /* bodies up to this join their head in one write; larger ones go from where they are */
#define DISCARD_MAX 65536u      /* of a request's body that nobody wants: read so much to keep the connection, else close it */

static void now_blocked(struct h1c *c)
{
    c->blocked = true;
    wheel_set(c->env->wheel, &c->timer, c->env->limits.write_timeout_ms);
    h1c_write_on(c);
}

static void now_free(struct h1c *c)
{
    if (!c->blocked)
        return;
    c->blocked = false;
    h1c_write_off(c);
    if (c->state != H1C_BUSY)
        return;
    if (c->body_done)
        wheel_sleep(&c->timer);
    else
        wheel_set(c->env->wheel, &c->timer, c->env->limits.body_timeout_ms);
}

void h1c_flush(struct h1c *c)
{
    uint32_t n = h1c_pending(c);
    ssize_t w;

    if (c->state == H1C_DOOMED)
        return;
    if (n != 0) {
        w = send(c->fd, c->out->bytes + c->out_r, n, MSG_NOSIGNAL);
        if (UNLIKELY(w < 0)) {
            if (errno != EAGAIN && errno != EINTR) {
                h1c_doom(c);
                return;
            }
            w = 0;
        }
        c->out_r += (uint32_t)w;
        if (UNLIKELY(c->out_r != c->out_w)) {
            now_blocked(c);
            return;
        }
    }
    if (c->out != NULL) {
        block_give(c->env->blocks, TAKE(&c->out));
        c->out_r = c->out_w = 0;
    }
    now_free(c);
}

/* At least so many free bytes behind out_w. False: impossible, the connection is doomed. */
static bool out_room(struct h1c *c, size_t need)
{
    struct block *b = c->out;
    uint32_t n = h1c_pending(c);

    if (b != NULL && b->size - c->out_w >= need)
        return true;
    if (b == NULL || n + need > b->size) {
        b = block_take(c->env->blocks, n + need > BLOCK_SMALL ? BLOCK_LARGE : BLOCK_SMALL);
        if (b == NULL || n + need > b->size) {
            block_give(c->env->blocks, b);
            h1c_doom(c);
            return false;
        }
    }
    if (n != 0)
        memmove(b->bytes, c->out->bytes + c->out_r, n);
    if (b != c->out) {
        block_give(c->env->blocks, c->out);
        c->out = b;
    }
    c->out_r = 0;
    c->out_w = n;
    return true;
}

static size_t head_size(const struct exchange_head *h)
{
    size_t n = 320 + h->reason.n;

    for (size_t i = 0; i < h->n_headers; i++)
        n += h->headers[i].name.n + h->headers[i].value.n + 4;
    return n;
}

/* How the body is framed, by RFC 9112 section 6. */
static void write_framing(struct h1c *c, const struct exchange_head *h, struct h1_writer *w)
{
    const struct exchange *ex = c->ex;

    c->swallow = ex->head_only || h->status == 204 || h->status == 304;
    c->chunked_out = false;
    c->out_left = UINT64_MAX;
    if (h->status == 204)
        return;
    if (h->length_known) {
        h1_write_header_u64(w, SLICE_LIT("Content-Length"), h->content_length);
        if (!c->swallow)
            c->out_left = h->content_length;
        return;
    }
    if (c->swallow)
        return;
    if (ex->request.minor == 0) {
        c->close_after = true;
        return;
    }
    c->chunked_out = true;
    h1_write_header(w, SLICE_LIT("Transfer-Encoding"), SLICE_LIT("chunked"));
}

static void sink_head(struct exchange *ex, const struct exchange_head *h)
{
    struct h1c *c = ex->connection;
    struct h1_writer w;

    if (UNLIKELY(c->state == H1C_DOOMED))
        return;
    if (!c->body_done && (c->expect || ex->request.framing == H1_BODY_CHUNKED || c->body_left > DISCARD_MAX))
        c->close_after = true;
    if (c->env->draining)
        c->close_after = true;
    if (!out_room(c, head_size(h)))
        return;
    h1_writer_init(&w, c->out->bytes + c->out_w, c->out->size - c->out_w);
    h1_write_status_line(&w, h->status, h->reason);
    for (size_t i = 0; i < h->n_headers; i++)
        h1_write_header(&w, h->headers[i].name, h->headers[i].value);
    write_framing(c, h, &w);
    if (!h->has_date)
        h1_write_bytes(&w, slice_from(c->env->exchanges->date, c->env->exchanges->date_n));
    if (c->close_after)
        h1_write_bytes(&w, SLICE_LIT("Connection: close\r\n"));
    else if (UNLIKELY(ex->request.minor == 0))
        h1_write_bytes(&w, SLICE_LIT("Connection: keep-alive\r\n"));
    h1_write_end(&w);
    MUST(!w.full);
    c->out_w = (uint32_t)(w.p - c->out->bytes);
}

/* What is buffered and then bytes, in one write. Returns how many of bytes went. */
static size_t write_both(struct h1c *c, struct slice bytes)
{
    uint32_t n = h1c_pending(c);
    struct iovec v[2];
    int count = 0;
    ssize_t w;

    if (n != 0)
        v[count++] = (struct iovec){c->out->bytes + c->out_r, n};
    v[count++] = (struct iovec){(void *)(uintptr_t)bytes.p, bytes.n};
    w = writev(c->fd, v, count);
    if (w < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            h1c_doom(c);
            return bytes.n;
        }
        w = 0;
    }
    if ((size_t)w < n) {
        c->out_r += (uint32_t)w;
        now_blocked(c);
        return 0;
    }
    if (c->out != NULL) {
        block_give(c->env->blocks, TAKE(&c->out));
        c->out_r = c->out_w = 0;
    }
    if ((size_t)w < n + bytes.n)
        now_blocked(c);
    return (size_t)w - n;
}

static void copy_out(struct h1c *c, struct slice s)
{
    memcpy(c->out->bytes + c->out_w, s.p, s.n);
    c->out_w += (uint32_t)s.n;
}

/* As many chunks as the socket takes, each with its size line, through our buffer. */
static size_t send_chunked(struct h1c *c, struct slice bytes)
{
    size_t taken = 0;

    while (taken < bytes.n && !c->blocked && c->state != H1C_DOOMED) {
        size_t n = bytes.n - taken, most;
        struct h1_writer w;

        if (!out_room(c, H1_CHUNK_SIZE_MAX + 2 + (n < 1024 ? n : 1024)))
            break;
        most = c->out->size - c->out_w - H1_CHUNK_SIZE_MAX - 2;
        n = n < most ? n : most;
        h1_writer_init(&w, c->out->bytes + c->out_w, c->out->size - c->out_w);
        h1_write_chunk_size(&w, n);
        h1_write_bytes(&w, slice_sub(bytes, taken, taken + n));
        h1_write_bytes(&w, SLICE_LIT("\r\n"));
        c->out_w = (uint32_t)(w.p - c->out->bytes);
        taken += n;
        if (taken < bytes.n || n > COPY_MAX)
            h1c_flush(c);
    }
    return c->state == H1C_DOOMED ? bytes.n : taken;
}

static size_t sink_body(struct exchange *ex, struct slice bytes)
{
    struct h1c *c = ex->connection;
    size_t taken;

    if (UNLIKELY(c->state == H1C_DOOMED) || c->swallow)
        return bytes.n;
    if (c->blocked) {
        c->told_full = true;
        return 0;
    }
    MUST(bytes.n <= c->out_left);
    if (c->chunked_out) {
        taken = send_chunked(c, bytes);
    } else if (LIKELY(bytes.n <= COPY_MAX && c->out != NULL && c->out->size - c->out_w >= bytes.n)) {
        copy_out(c, bytes);
        taken = bytes.n;
    } else {
        taken = write_both(c, bytes);
    }
    if (c->out_left != UINT64_MAX)
        c->out_left -= taken;
    if (taken < bytes.n)
        c->told_full = true;
    return taken;
}

static void sink_abort(struct exchange *ex)
{
    struct h1c *c = ex->connection;

    h1c_flush(c);
    if (ex->status != 0 && !c->chunked_out && c->out_left == UINT64_MAX && !c->swallow) {
        /* Only the connection's end would tell where the body ends: make that end an error. */
        struct linger now = {1, 0};

        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    h1c_doom(c);
}

static void sink_end(struct exchange *ex)
{
    struct h1c *c = ex->connection;

    if (c->state == H1C_DOOMED)
        return;
    if (UNLIKELY(c->out_left != UINT64_MAX && c->out_left != 0)) {
        sink_abort(ex); /* fewer bytes than promised: never let that look whole */
        return;
    }
    if (c->chunked_out) {
        if (!out_room(c, sizeof(H1_LAST_CHUNK)))
            return;
        copy_out(c, SLICE_LIT(H1_LAST_CHUNK));
    }
    c->answered = true;
    h1c_run(c);
}

static void sink_flush(struct exchange *ex)
{
    struct h1c *c = ex->connection;

    if (!c->running && h1c_pending(c) != 0 && !c->blocked)
        h1c_flush(c);
}

static void sink_body_resume(struct exchange *ex)
{
    struct h1c *c = ex->connection;

    c->body_stalled = false;
    if (c->state == H1C_BUSY) {
        if (!c->body_done && !c->blocked)
            wheel_set(c->env->wheel, &c->timer, c->env->limits.body_timeout_ms);
        h1c_read_on(c);
        h1c_run(c);
    }
}

const struct exchange_sink_ops h1c_sink = {
    .head = sink_head,
    .body = sink_body,
    .end = sink_end,
    .abort = sink_abort,
    .flush = sink_flush,
    .body_resume = sink_body_resume,
};
