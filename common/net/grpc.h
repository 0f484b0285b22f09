#pragma once
/* gRPC over HTTP/2 and TLS, server and client, on one event_base. For the control side: calls and messages, not bytes.
 *
 * Rules that hold everywhere:
 * - One thread: the loop's.
 * - No callback runs inside a grpc_call_* function or grpc_client_call; they come from the loop.
 * - on_end comes exactly once for each call that on_open was called for or grpc_client_call returned, whatever happens
 *   (finish, cancel, deadline, connection loss, grpc_server_free). The call may be used until on_end returns, never after.
 * - Slices given to callbacks live until the callback returns.
 * - Both _free functions may be called inside a callback. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "net/sock.h"

struct event_base;
struct graveyard;
struct grpc_call;
struct grpc_client;
struct grpc_server;
struct tlsctx;

enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

/* "UNAVAILABLE"; "UNKNOWN" for numbers that are none. */
const char *grpc_status_name(int status);

/* Any may be NULL but on_end. */
struct grpc_handler {
    void (*on_open)(struct grpc_call *call);       /* server: headers are in. client: the server answered its first headers */
    void (*on_message)(struct grpc_call *call, struct slice message);
    void (*on_half_close)(struct grpc_call *call); /* server: the client has sent all its messages */
    void (*on_writable)(struct grpc_call *call);   /* after -ERR_LIMIT from grpc_call_send: there is room again */
    void (*on_end)(struct grpc_call *call, int status, const char *message);
};

/* ---- a call, on either side ------------------------------------------------------------------------------------- */

/* Sends one message made of n pieces (they are copied).
 * -ERR_LIMIT: more than the call's send_max would wait (a call with nothing waiting takes any one message); on_writable
 * follows. -ERR_INVALID: over message_max, never possible. -ERR_CLOSED: the call cannot send any more. */
MUST_USE int grpc_call_send(struct grpc_call *call, const struct slice *pieces, size_t n);
/* Bytes accepted by grpc_call_send that the connection has not taken yet. */
size_t grpc_call_pending(const struct grpc_call *call);
/* Client: no more messages from here. */
void grpc_call_half_close(struct grpc_call *call);
/* Server: the status goes out behind the messages; no on_message any more. message may be NULL; cut at 1024 bytes. */
void grpc_call_finish(struct grpc_call *call, int status, const char *message);
/* Resets the stream now; on_end (GRPC_CANCELLED) follows. */
void grpc_call_cancel(struct grpc_call *call);
/* Stop and go on taking messages. While paused at most one stream window is held; then the sender waits. */
void grpc_call_pause(struct grpc_call *call);
void grpc_call_resume(struct grpc_call *call);
/* First the method's or grpc_client_call's arg. */
void *grpc_call_arg(const struct grpc_call *call);
void grpc_call_set_arg(struct grpc_call *call, void *arg);
/* Milliseconds (clock_mono_ms) when the call times out; 0: never. */
uint64_t grpc_call_deadline(const struct grpc_call *call);
/* "/pkg.Service/Method". */
const char *grpc_call_path(const struct grpc_call *call);
/* A header of the request (server) by lower-case name; p NULL: not there. Lives as long as the call. */
struct slice grpc_call_metadata(const struct grpc_call *call, const char *name);

struct grpc_peer {
    bool verified;          /* it has shown a certificate that verifies against the server's roots */
    char uri[512];          /* its URI SAN (SPIFFE id); empty without one */
    uint8_t sha256[32];     /* of the certificate */
    int64_t not_after;      /* seconds since 1970 */
    uint64_t mark;          /* of the certificate, see cert_sign_csr */
    char address[SOCK_TEXT_MAX];
};

/* Lives as long as the call. */
const struct grpc_peer *grpc_call_peer(const struct grpc_call *call);

/* ---- bounds; 0 takes the default ------------------------------------------------------------------------------------ */

struct grpc_limits {
    uint32_t message_max;         /* 524288: bytes of a message either way; over it status 8 */
    uint32_t send_max;            /* 262144: bytes waiting a call; grpc_call_send says -ERR_LIMIT */
    uint32_t streams_max;         /* 100: calls at once a connection; nghttp2 refuses more */
    uint32_t header_list_max;     /* 16384: bytes of a header list; the stream is reset */
    uint32_t connections_max;     /* 10000: server; more are closed at accept */
    uint32_t handshakes_max;      /* 1024: server, TLS handshakes at once; more are closed at accept */
    uint32_t handshake_ms;        /* 10000: connect + TLS + first SETTINGS (client: the connect timeout) */
    uint32_t idle_ms;             /* 300000: server, a connection without calls; closed with GOAWAY */
    uint32_t stall_ms;            /* 30000: the peer takes no byte though there are some; closed */
    uint32_t keepalive_ms;        /* 0: off. PING when nothing came for so long. gRPC servers want it over 5 minutes */
    uint32_t keepalive_timeout_ms; /* 20000: PING without answer; closed */
    uint32_t control_burst;       /* 2000: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST, empty DATA frames at once ... */
    uint32_t control_rate;        /* 200: ... and a second, beyond what DATA either way earns; over it GOAWAY */
};

/* ---- server ----------------------------------------------------------------------------------------------------------- */

struct grpc_server_options {
    struct event_base *base;
    struct graveyard *graveyard;  /* of the same loop; outlives the server */
    int listen_fd;                /* listening, taken over by grpc_server_new when it succeeds */
    struct tlsctx *tls;           /* referenced. alpn "h2" and alpn_required. NULL: plain text (tests) */
    struct grpc_limits limits;
};

enum {
    GRPC_NEEDS_CERTIFICATE = 1,   /* callers without a verified certificate get 16 from the server itself */
    GRPC_ONE_REQUEST = 2,         /* exactly one message: on_message comes once, then on_half_close; else 12 or 13 */
};

struct grpc_server_stats {
    uint64_t accepted, refused, handshake_failed, connections, calls, calls_total, closed_flood, closed_stalled;
};

MUST_USE int grpc_server_new(const struct grpc_server_options *o, struct grpc_server **out, struct err *e);
/* path: "/pkg.Service/Method", kept by pointer, as the handler. Before traffic. */
MUST_USE int grpc_server_method(struct grpc_server *s, const char *path, unsigned flags,
                                const struct grpc_handler *h, void *arg);
/* The bound port. */
uint16_t grpc_server_port(const struct grpc_server *s);
void grpc_server_stats(const struct grpc_server *s, struct grpc_server_stats *out);
/* Graceful: no new connections, GOAWAY, calls may end until grace_ms have passed, the rest is cut. done (may be NULL) once, later. */
void grpc_server_shutdown(struct grpc_server *s, uint32_t grace_ms, void (*done)(void *arg), void *arg);
/* At once; on_end (GRPC_UNAVAILABLE) for all calls before it returns. */
void grpc_server_free(struct grpc_server *s);

/* ---- client: one connection, one attempt; whoever owns it decides when to make the next ---------------------------- */

enum grpc_client_state {
    GRPC_CLIENT_CONNECTING,
    GRPC_CLIENT_READY,     /* TLS and SETTINGS are through */
    GRPC_CLIENT_DRAINING,  /* the server said GOAWAY: calls go on, new ones are refused */
    GRPC_CLIENT_CLOSED,    /* the end; on_end of all calls was before this */
};

struct grpc_client_options {
    struct event_base *base;
    struct graveyard *graveyard;
    const char *target;           /* "host:port"; a host name is looked up on a thread of its own */
    struct tlsctx *tls;           /* referenced. alpn "h2". NULL: plain text (tests) */
    const char *server_name;      /* NULL: target's host */
    struct grpc_limits limits;    /* handshake_ms bounds the lookup too */
    void (*on_state)(struct grpc_client *c, enum grpc_client_state state, const char *why, void *arg);
    void *arg;
};

/* Begins to connect. */
MUST_USE int grpc_client_new(const struct grpc_client_options *o, struct grpc_client **out, struct err *e);
/* At once; on_end (GRPC_CANCELLED) for all calls before it returns, no on_state any more. */
void grpc_client_free(struct grpc_client *c);
enum grpc_client_state grpc_client_state(const struct grpc_client *c);
/* deadline_ms: 0 none; sent as grpc-timeout and kept here too. Before READY the call waits for the connection.
 * path and h are kept by pointer. -ERR_NOTNOW: draining or closed. */
MUST_USE int grpc_client_call(struct grpc_client *c, const char *path, uint32_t deadline_ms,
                              const struct grpc_handler *h, void *arg, struct grpc_call **out);
