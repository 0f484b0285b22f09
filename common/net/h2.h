#pragma once
/* One HTTP/2 connection: nghttp2 over a transport on a loop, either side, with the bounds that nghttp2 leaves open (header
 * lists, frame floods, queues, deadlines). Streams are objects of the layer above that embed struct h2_stream.
 *
 * One thread. Callbacks come from the loop only (and from h2_close): h2_request, h2_respond and the like just queue, and
 * wake the connection. A closed h2 frees itself through the graveyard. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/list.h"
#include "base/slice.h"

struct event_base;
struct graveyard;
struct h2;
struct ssl_st;

struct h2_stream {
    struct h2 *h2;        /* NULL: not started, or closed */
    struct list link;
    int32_t id;
    uint32_t head_bytes;
    bool remote_ended, local_ended;
};

struct h2_header {
    struct slice name, value; /* name in lower case */
};

enum h2_why {
    H2_WHY_PEER,      /* the peer closed, or the connection broke */
    H2_WHY_LOCAL,     /* h2_close, or a shutdown came to its end */
    H2_WHY_HANDSHAKE, /* connect, TLS, ALPN, first SETTINGS */
    H2_WHY_FLOOD,     /* a bound was passed */
    H2_WHY_STALLED,   /* the peer takes no bytes, or no PING came back */
    H2_WHY_IDLE,
    H2_WHY_PROTOCOL,
};

#define H2_CONNECTION_LOST 0xffffffffu /* on_close: no RST_STREAM, the whole connection went */

struct h2_ops {
    /* TLS is through and the peer's SETTINGS are in. */
    void (*on_ready)(struct h2 *h, void *arg);
    /* Server: a stream begins. NULL: refused. */
    struct h2_stream *(*on_stream)(struct h2 *h, void *arg);
    /* False: the stream is reset. */
    bool (*on_header)(struct h2_stream *s, struct slice name, struct slice value);
    /* A header block is complete: the head, or trailers. */
    void (*on_head)(struct h2_stream *s, bool end);
    /* The stream's window opens again only by h2_consume. */
    void (*on_data)(struct h2_stream *s, struct slice bytes);
    /* The peer has ended its side (after on_head or on_data of the last frame). */
    void (*on_end)(struct h2_stream *s);
    /* Give up to n bytes. 0 and no *end: nothing now (h2_resume later). *end: that was all; with *trailers the function has
     * called h2_trailers. */
    size_t (*read)(struct h2_stream *s, uint8_t *p, size_t n, bool *end, bool *trailers);
    /* Once a stream. code: HTTP/2's error code or H2_CONNECTION_LOST. s->h2 is NULL from now on. */
    void (*on_close)(struct h2_stream *s, uint32_t code);
    void (*on_goaway)(struct h2 *h, void *arg);
    /* Once. All streams had on_close. The h2 must not be used after. */
    void (*on_closed)(struct h2 *h, enum h2_why why, const char *text, void *arg);
};

struct h2_limits { /* as in grpc.h, none is 0 but idle_ms, keepalive_ms */
    uint32_t window, streams_max, header_list_max, handshake_ms, idle_ms, stall_ms, keepalive_ms,
        keepalive_timeout_ms, control_burst, control_rate;
};

struct h2_options {
    struct event_base *base;
    struct graveyard *graveyard;
    int fd;                  /* taken over when h2_new succeeds */
    struct ssl_st *ssl;      /* taken over; NULL: plain */
    bool server;
    struct h2_limits limits;
    const struct h2_ops *ops;
    void *arg;
};

MUST_USE int h2_new(const struct h2_options *o, struct h2 **out, struct err *e);
/* At once: on_close of all streams and on_closed come before it returns. Safe in callbacks. */
void h2_close(struct h2 *h, enum h2_why why, const char *text);
/* GOAWAY; streams may end until grace_ms have passed, then it closes. */
void h2_shutdown(struct h2 *h, uint32_t grace_ms);
/* Why it closed; also inside on_close. Empty before. */
const char *h2_reason(const struct h2 *h);
struct ssl_st *h2_ssl(const struct h2 *h);

/* Client: begins a stream. s must be zeroed. */
MUST_USE int h2_request(struct h2 *h, struct h2_stream *s, const struct h2_header *v, size_t n);
/* Server: the head; with body, bytes come from ops->read, else the stream ends with it. */
MUST_USE int h2_respond(struct h2_stream *s, const struct h2_header *v, size_t n, bool body);
/* Only inside ops->read. */
MUST_USE int h2_trailers(struct h2_stream *s, const struct h2_header *v, size_t n);
/* There is something to read again. */
void h2_resume(struct h2_stream *s);
void h2_reset(struct h2_stream *s, uint32_t code);
/* n bytes of on_data were taken: the peer may send as many again. */
void h2_consume(struct h2_stream *s, size_t n);
