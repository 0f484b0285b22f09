#pragma once
/* Private to connection/: one HTTP/1 connection. */
#include <event2/event.h>
#include <event2/event_struct.h>

#include "connection/connection.h"
#include "net/graveyard.h"

#define H1C_MAGIC 0x48314331u

/* IDLE -> HEAD -> BUSY -> IDLE ..., and from each of them the way out: FLUSH (last answer leaves), LINGER (the client may still
 * read it), DOOMED (ends after this turn of the loop). */
enum h1c_state { H1C_IDLE, H1C_HEAD, H1C_BUSY, H1C_FLUSH, H1C_LINGER, H1C_DOOMED };

struct h1c {
    struct wheel_timer timer;
    uint32_t magic;
    uint8_t state;
    bool reading, writing;       /* events that are registered */
    bool running;                /* h1c_run is on the stack */
    bool answered;               /* the answer's last byte is in our buffers */
    bool close_after;            /* no turn after this one */
    bool linger;                 /* what the client sends is not read to its end: close with care */
    bool half_closed;            /* the client will send no more */
    bool expect;                 /* it waits for 100 Continue */
    bool body_stalled;           /* the exchange is full */
    bool body_done;              /* the request's body was read to its end */
    bool chunked_out, swallow;   /* of the answer: framing; its body is not sent (HEAD, 204, 304) */
    bool blocked;                /* the socket took less than there was */
    bool told_full;              /* the exchange waits for on_writable */
    bool held_last;
    int fd;
    struct connection_env *env;
    struct exchange *ex;
    struct block *in;            /* head, then what follows it */
    uint32_t in_r, in_w;
    struct block *body;          /* a body that does not fit behind its head */
    uint32_t body_r, body_w;
    struct block *out;
    uint32_t out_r, out_w;
    size_t scanned;
    uint64_t body_left;          /* of H1_BODY_LENGTH */
    uint64_t out_left;           /* of an answer whose length is known; UINT64_MAX: not */
    uint64_t lingered;
    uint32_t held, held_behind;  /* bytes of a chunk that are decoded but not taken; framing bytes behind them */
    struct h1_chunk chunk;
    struct event read_event, write_event;
    struct list all, doomed;
    struct grave grave;
    char peer[SOCK_TEXT_MAX];
    uint8_t peer_n;
};

/* connection.c */
void h1c_doom(struct h1c *c);
void h1c_read_on(struct h1c *c);
void h1c_read_off(struct h1c *c);
void h1c_write_on(struct h1c *c);
void h1c_write_off(struct h1c *c);

/* h1c.c */
void h1c_readable(struct h1c *c);
/* Goes on with what is buffered: heads, bodies, next turns. */
void h1c_run(struct h1c *c);
/* Answers a request that has no whole head, then ends the connection. */
void h1c_refuse(struct h1c *c, enum exchange_error error);

/* h1c_out.c */
extern const struct exchange_sink_ops h1c_sink;
/* Writes what is buffered. Dooms the connection when the client is gone. */
void h1c_flush(struct h1c *c);
static inline uint32_t h1c_pending(const struct h1c *c)
{
    return c->out_w - c->out_r;
}
