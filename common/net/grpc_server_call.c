/* The server's side of a stream: from request headers to a call, and its answer's headers and trailers. */
#include <stdio.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "base/must.h"
#include "net/grpc_int.h"

static struct grpc_call *call_of(struct h2_stream *s)
{
    return CONTAINER_OF(s, struct grpc_call, stream);
}

#define HEADER(n, v) ((struct h2_header){SLICE_LIT(n), (v)})

/* grpc-status and, unless empty, grpc-message into v; number and text have to live until v is used. */
static size_t status_headers(const struct grpc_call *c, char number[4], struct buf *text, struct h2_header *v)
{
    size_t n = 0;
    int status = c->status < 0 || c->status > GRPC_UNAUTHENTICATED ? GRPC_UNKNOWN : c->status;

    (void)snprintf(number, 4, "%d", status);
    v[n++] = HEADER("grpc-status", slice_of(number));
    if (c->message[0] != '\0' && grpc_wire_percent_encode(c->message, text) == 0)
        v[n++] = HEADER("grpc-message", buf_slice(text));
    return n;
}

/* The first headers; with the status in them when there is no message ("trailers-only"). */
void grpc_server_call_respond(struct grpc_call *c)
{
    bool only = c->closing && buf_len(&c->tx) == 0;
    struct h2_header v[6];
    struct buf text;
    char number[4];
    size_t n = 0;

    c->started = true;
    buf_init(&text, 0);
    v[n++] = HEADER(":status", SLICE_LIT("200"));
    v[n++] = HEADER("content-type", SLICE_LIT("application/grpc"));
    v[n++] = HEADER("grpc-accept-encoding", SLICE_LIT("identity"));
    if (only)
        n += status_headers(c, number, &text, v + n);
    if (h2_respond(&c->stream, v, n, !only) != 0)
        h2_reset(&c->stream, NGHTTP2_INTERNAL_ERROR);
    buf_fini(&text);
}

int grpc_server_call_trailers(struct grpc_call *c)
{
    struct h2_header v[2];
    struct buf text;
    char number[4];
    size_t n;
    int rc;

    buf_init(&text, 0);
    n = status_headers(c, number, &text, v);
    rc = h2_trailers(&c->stream, v, n);
    buf_fini(&text);
    return rc;
}

/* Not gRPC at all: a plain HTTP answer. */
static void refuse_http(struct grpc_call *c, const char *status)
{
    struct h2_header v[] = {HEADER(":status", slice_of(status))};

    c->started = c->closing = c->dropping = true;
    if (h2_respond(&c->stream, v, 1, false) != 0)
        h2_reset(&c->stream, NGHTTP2_INTERNAL_ERROR);
}

static bool on_header(struct h2_stream *s, struct slice name, struct slice value)
{
    struct grpc_call *c = call_of(s);

    if (c->head_done)
        return true; /* a client's trailers mean nothing */
    if (slice_is(name, ":method"))
        c->is_post = slice_is(value, "POST");
    else if (slice_is(name, ":path"))
        c->method = grpc_server_find(c->owner, value);
    else if (slice_is(name, "content-type"))
        c->content_grpc = grpc_content_is_grpc(value);
    else if (slice_is(name, "grpc-encoding"))
        c->bad_encoding = !slice_is(value, "identity");
    else if (slice_is(name, "grpc-timeout")) {
        c->has_timeout = true;
        c->bad_timeout = grpc_wire_timeout_read(value, &c->timeout_ms) != 0;
    } else if (name.n > 0 && name.p[0] != ':') {
        return buf_puts(&c->meta, name) == 0 && buf_append(&c->meta, "", 1) == 0 && buf_puts(&c->meta, value) == 0 &&
               buf_append(&c->meta, "", 1) == 0;
    }
    return true;
}

/* True: answered already. */
static bool refuse(struct grpc_call *c)
{
    if (!c->is_post)
        refuse_http(c, "405");
    else if (!c->content_grpc)
        refuse_http(c, "415");
    else if (c->method == NULL)
        grpc_call_finish(c, GRPC_UNIMPLEMENTED, "unknown method");
    else if ((c->method->flags & GRPC_NEEDS_CERTIFICATE) != 0 && !c->owner->peer.verified)
        grpc_call_finish(c, GRPC_UNAUTHENTICATED, "a client certificate of this cluster is needed");
    else if (c->bad_encoding)
        grpc_call_finish(c, GRPC_UNIMPLEMENTED, "compressed messages are not supported");
    else if (c->bad_timeout)
        grpc_call_finish(c, GRPC_INTERNAL, "malformed grpc-timeout");
    else
        return false;
    return true;
}

static void on_head(struct h2_stream *s, bool end)
{
    struct grpc_call *c = call_of(s);

    (void)end;
    if (c->head_done)
        return;
    c->head_done = true;
    if (refuse(c))
        return;
    c->path = c->method->path;
    c->handler = c->method->handler;
    c->arg = c->method->arg;
    if (c->has_timeout && grpc_call_arm(c, c->timeout_ms) != 0) {
        grpc_call_finish(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    c->opened = true;
    grpc_server_count(c->owner);
    if (c->handler->on_open != NULL)
        c->handler->on_open(c);
}

static void on_close(struct h2_stream *s, uint32_t code)
{
    struct grpc_call *c = call_of(s);

    if (s->local_ended && c->status >= 0)
        grpc_call_end(c, c->status, c->message);
    else if (code == H2_CONNECTION_LOST)
        grpc_call_end(c, GRPC_UNAVAILABLE, h2_reason(c->owner->h2));
    else
        grpc_call_end(c, GRPC_CANCELLED, c->cancelled ? "cancelled" : "the client cancelled");
    grpc_call_gone(c);
}

struct h2_stream *grpc_server_on_stream(struct h2 *h, void *arg)
{
    struct grpc_link *l = arg;
    struct grpc_call *c = grpc_call_new(l, NULL, NULL);

    (void)h;
    return c == NULL ? NULL : &c->stream;
}

const struct h2_ops grpc_server_ops = {
    .on_ready = grpc_server_on_ready,
    .on_stream = grpc_server_on_stream,
    .on_header = on_header,
    .on_head = on_head,
    .on_data = grpc_flow_data,
    .on_end = grpc_flow_end,
    .read = grpc_flow_read,
    .on_close = on_close,
    .on_closed = grpc_server_on_closed,
};
