#pragma once
/* Private to common/net/grpc*.c. */
#include <event2/event.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "net/graveyard.h"
#include "net/grpc.h"
#include "net/grpc_wire.h"
#include "net/h2.h"

/* What a connection is for its calls, on either side. Embedded in a server's connection and in a client. */
struct grpc_link {
    struct event_base *base;
    struct graveyard *graveyard;
    const struct grpc_limits *limits;
    struct grpc_peer peer;
    struct h2 *h2;            /* NULL: none yet, or none any more */
    struct list calls;        /* all that have not ended */
    struct list woken;        /* calls with something to tell, from grpc_link_wake_cb */
    struct event *ev_wake;
    uint64_t *n_calls;        /* the server's counter, or NULL */
    bool server;
};

struct grpc_method {
    const char *path;
    const struct grpc_handler *handler;
    void *arg;
    unsigned flags;
};

/* A call ends twice: for the user (ended: on_end was called) and for HTTP/2 (gone: the stream is closed). It is buried
 * when both are true. */
struct grpc_call {
    struct h2_stream stream;
    struct grave grave;
    struct list link;         /* grpc_link.calls */
    struct list wake;         /* grpc_link.woken */
    struct grpc_link *owner;
    const struct grpc_handler *handler;
    void *arg;
    const char *path;
    uint64_t deadline;
    struct event *ev_deadline;
    struct buf tx, rx, meta;
    int status;               /* what on_end will say; -1: not known yet */
    char message[GRPC_MESSAGE_TEXT];
    unsigned n_messages;
    bool opened;              /* server: on_open was called, so on_end will be */
    bool started;             /* client: the request is in HTTP/2. server: the first headers were submitted */
    bool closing;             /* server: status is set, trailers follow. client: half-closed */
    bool refused_send;        /* grpc_call_send said -ERR_LIMIT */
    bool paused, half_told, cancelled, ended, gone;
    bool dropping;            /* nobody wants the messages any more */
    /* server: the request's head */
    const struct grpc_method *method;
    bool is_post, bad_encoding, bad_timeout, head_done;
    bool content_grpc;        /* both sides */
    uint64_t timeout_ms;      /* with has_timeout */
    bool has_timeout;
    /* client: the answer's head */
    int http_status;
    int grpc_status;          /* -1: none seen */
};

/* grpc_call.c */
struct grpc_call *grpc_call_new(struct grpc_link *l, const struct grpc_handler *h, void *arg);
/* Never started and never told to anybody. */
void grpc_call_drop(struct grpc_call *c);
void grpc_call_end(struct grpc_call *c, int status, const char *message);
/* HTTP/2 is through with the stream. */
void grpc_call_gone(struct grpc_call *c);
void grpc_call_wake(struct grpc_call *c);
MUST_USE int grpc_call_arm(struct grpc_call *c, uint64_t after_ms);
bool grpc_content_is_grpc(struct slice v);
MUST_USE int grpc_link_init(struct grpc_link *l, struct event_base *base, struct graveyard *g,
                            const struct grpc_limits *limits, bool server, struct err *e);
/* Ends calls that have no stream any more; all the others were told by h2_close. */
void grpc_link_fini(struct grpc_link *l, int status, const char *message);
void grpc_link_set_peer(struct grpc_link *l, const struct sock_addr *from);
void grpc_limits_fill(struct grpc_limits *l);
struct h2_limits grpc_limits_h2(const struct grpc_limits *l);

/* grpc_flow.c: messages in and out */
void grpc_flow_data(struct h2_stream *s, struct slice bytes);
void grpc_flow_end(struct h2_stream *s);
size_t grpc_flow_read(struct h2_stream *s, uint8_t *p, size_t n, bool *end, bool *trailers);
/* Hands over what is there, unless paused; then the half close or the end. */
void grpc_flow_deliver(struct grpc_call *c);
/* The peer broke a rule of messages: server answers a status, client resets. */
void grpc_flow_fail(struct grpc_call *c, int status, const char *message);

/* grpc_server_call.c */
void grpc_server_call_respond(struct grpc_call *c);
int grpc_server_call_trailers(struct grpc_call *c);

extern const struct h2_ops grpc_server_ops;
/* grpc_server.c */
const struct grpc_method *grpc_server_find(const struct grpc_link *l, struct slice path);
void grpc_server_count(struct grpc_link *l);
struct h2_stream *grpc_server_on_stream(struct h2 *h, void *arg);
void grpc_server_on_ready(struct h2 *h, void *arg);
void grpc_server_on_closed(struct h2 *h, enum h2_why why, const char *text, void *arg);
/* Calls fn for each service that has a method; s.n is the name's length. */
void grpc_server_services(struct grpc_server *s, void (*fn)(struct slice name, void *arg), void *arg);
