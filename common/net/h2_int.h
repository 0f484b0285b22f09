#pragma once
/* Private to common/net/h2*.c. */
#include <event2/event.h>
#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "net/graveyard.h"
#include "net/h2.h"
#include "net/xport.h"

#define PING_SHUTDOWN "sluicebye" /* its first 8 bytes: the PING between the two GOAWAYs */

enum h2_state { H2_CONNECTING, H2_HANDSHAKE, H2_SETTINGS, H2_READY, H2_CLOSED };

struct h2 {
    enum h2_state state;
    struct grave grave;
    struct graveyard *graveyard;
    const struct h2_ops *ops;
    void *arg;
    struct h2_limits limits;
    bool server;
    struct xport x;
    struct event *ev_read, *ev_write, *ev_wake, *ev_timer;
    nghttp2_session *session;
    struct list streams;
    size_t n_streams;
    struct buf out;            /* bytes that nghttp2 gave and the transport has not taken */
    bool busy;                 /* inside nghttp2, or about to flush anyway */
    bool reading_waits_write;  /* TLS wants to write before it can read on */
    bool going_away, final_goaway;
    const char *fault;         /* a bound was passed: close after this callback */
    /* times of clock_mono_ms; 0: not running */
    uint64_t started, last_read, last_write, last_stream, ping_sent, drain_until, armed;
    char reason[160];
    uint64_t tokens_at;
    double tokens;
};

/* h2_session.c */
MUST_USE int h2_session_new(struct h2 *h, struct err *e);
/* h2.c */
void h2_wake(struct h2 *h);
