/* Messages in and out of a stream, with flow control both ways. */
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "base/must.h"
#include "net/grpc_int.h"

#define TX_KEEP 65536 /* a larger buffer is given back when it is empty */

static struct grpc_call *call_of(struct h2_stream *s)
{
    return CONTAINER_OF(s, struct grpc_call, stream);
}

void grpc_flow_fail(struct grpc_call *c, int status, const char *message)
{
    if (c->owner->server) {
        grpc_call_finish(c, status, message);
        return;
    }
    h2_reset(&c->stream, NGHTTP2_CANCEL);
    if (c->stream.h2 == NULL)
        c->gone = true;
    grpc_call_end(c, status, message);
}

static void fail_message(struct grpc_call *c, int64_t code)
{
    if (code == -ERR_LIMIT)
        grpc_flow_fail(c, GRPC_RESOURCE_EXHAUSTED, "message too large");
    else if (code == -ERR_UNSUPPORTED && c->owner->server)
        grpc_flow_fail(c, GRPC_UNIMPLEMENTED, "compressed messages are not supported");
    else if (code == -ERR_UNSUPPORTED)
        grpc_flow_fail(c, GRPC_INTERNAL, "compressed message without agreement");
    else
        grpc_flow_fail(c, GRPC_INTERNAL, "bad message prefix");
}

static bool wants_messages(const struct grpc_call *c)
{
    return !c->paused && !c->dropping && !c->ended;
}

static void give(struct grpc_call *c, struct slice message)
{
    if (c->method != NULL && (c->method->flags & GRPC_ONE_REQUEST) != 0 && c->n_messages == 1) {
        grpc_flow_fail(c, GRPC_UNIMPLEMENTED, "more than one request message");
        return;
    }
    c->n_messages++;
    if (c->handler->on_message != NULL)
        c->handler->on_message(c, message);
}

/* Gives the messages in p while they are wanted; returns the bytes that they took. */
static size_t give_from(struct grpc_call *c, struct slice p, size_t *need)
{
    size_t used = 0;

    *need = 0;
    while (wants_messages(c)) {
        struct slice message;
        int64_t n = grpc_wire_message(p.p + used, p.n - used, c->owner->limits->message_max, &message, need);

        if (n == 0)
            break;
        if (n < 0) {
            fail_message(c, n);
            break;
        }
        h2_consume(&c->stream, (size_t)n);
        used += (size_t)n;
        give(c, message);
    }
    return used;
}

static void discard(struct grpc_call *c)
{
    h2_consume(&c->stream, buf_len(&c->rx));
    buf_clear(&c->rx);
}

static void end_of_messages(struct grpc_call *c)
{
    if (c->half_told || !c->stream.remote_ended)
        return;
    c->half_told = true;
    if (buf_len(&c->rx) > 0) {
        grpc_flow_fail(c, GRPC_INTERNAL, "the stream ended inside a message");
    } else if (!c->owner->server) {
        if (!c->stream.local_ended)
            h2_reset(&c->stream, NGHTTP2_NO_ERROR); /* the server has answered and takes no more */
        if (c->grpc_status < 0)
            grpc_call_end(c, GRPC_INTERNAL, "the server ended the stream without a status");
        else
            grpc_call_end(c, c->grpc_status, c->message);
    } else if (c->method != NULL && (c->method->flags & GRPC_ONE_REQUEST) != 0 && c->n_messages == 0) {
        grpc_flow_fail(c, GRPC_INTERNAL, "no request message");
    } else if (c->handler->on_half_close != NULL) {
        c->handler->on_half_close(c);
    }
}

void grpc_flow_deliver(struct grpc_call *c)
{
    size_t need;

    buf_consume(&c->rx, give_from(c, buf_slice(&c->rx), &need));
    if (c->dropping || c->ended)
        discard(c);
    else if (!c->paused)
        end_of_messages(c);
}

void grpc_flow_data(struct h2_stream *s, struct slice bytes)
{
    struct grpc_call *c = call_of(s);
    size_t need = 0, used = 0;

    if (buf_len(&c->rx) == 0) /* most messages are whole in one frame: no copy */
        used = give_from(c, bytes, &need);
    if (c->dropping || c->ended) {
        h2_consume(&c->stream, bytes.n - used);
        return;
    }
    if (used == bytes.n)
        return;
    if (need > bytes.n - used && buf_reserve(&c->rx, need) != 0) {
        grpc_flow_fail(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    if (buf_append(&c->rx, bytes.p + used, bytes.n - used) != 0)
        grpc_flow_fail(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    else if (used == 0)
        grpc_flow_deliver(c);
}

void grpc_flow_end(struct h2_stream *s)
{
    struct grpc_call *c = call_of(s);

    if (!c->paused && !c->dropping && !c->ended)
        end_of_messages(c);
}

size_t grpc_flow_read(struct h2_stream *s, uint8_t *p, size_t n, bool *end, bool *trailers)
{
    struct grpc_call *c = call_of(s);
    size_t have = buf_len(&c->tx), take = have < n ? have : n;

    if (take > 0)
        memcpy(p, buf_slice(&c->tx).p, take);
    buf_consume(&c->tx, take);
    if (take == have) {
        if (c->tx.size > TX_KEEP) {
            buf_fini(&c->tx);
            buf_init(&c->tx, 0);
        }
        *end = c->closing;
        *trailers = c->closing && c->owner->server && grpc_server_call_trailers(c) == 0;
    }
    if (c->refused_send && buf_len(&c->tx) <= c->owner->limits->send_max / 2)
        grpc_call_wake(c);
    return take;
}
