#pragma once
/* One request and its answer on their way through a data plane. Neutral to the protocol: the connection that begins it hands in
 * a parsed head and a sink (exchange_ops.h); the route's integration answers. One thread, its worker's. */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/caps.h"
#include "base/slice.h"
#include "exchange/exchange_ops.h"
#include "http/h1.h"
#include "router/router.h"
#include "snapshot/snap.h"

#define EXCHANGE_MAGIC 0x45584348u
#define EXCHANGE_ID_LEN 36

struct upstream_set;      /* upstream/upstream.h */
struct exchange_env;

/* One snapshot as one worker uses it. The count is the worker's own: no shared line is written. */
struct exchange_generation {
    struct snap *snap;
    uint64_t number;      /* rises with each swap */
    uint64_t running;     /* exchanges that began with it */
    bool retired;         /* a newer one is there */
};

/* What the exchanges of one worker share. */
struct exchange_env {
    struct exchange_generation *generation; /* NULL: no snapshot yet */
    struct upstream_set *upstreams;
    /* The exchange is about to be recycled: count it, log it. */
    void (*finished)(struct exchange_env *env, const struct exchange *ex);
    /* The last exchange of a retired generation ended. */
    void (*unused)(struct exchange_env *env, struct exchange_generation *g);
    struct exchange *free;
    uint32_t n_free, n_running;
    uint64_t random[2];
    char date[64];        /* "Date: ...\r\n" */
    uint32_t date_n;
};

enum exchange_state { EXCHANGE_NEW, EXCHANGE_RUNNING, EXCHANGE_ANSWERING, EXCHANGE_ANSWERED, EXCHANGE_ABORTED, EXCHANGE_STATES };

/* Whose answer it is. */
enum exchange_source { EXCHANGE_FROM_GATEWAY, EXCHANGE_FROM_UPSTREAM, EXCHANGE_FROM_CLIENT };

struct exchange {
    uint32_t magic;
    enum exchange_state state;
    struct exchange_env *env;
    struct exchange_generation *generation;
    const struct exchange_sink_ops *sink;
    void *connection;            /* the sink's */
    struct exchange *next_free;

    struct h1_head request;      /* its slices live in the connection's buffer until the exchange ends */
    struct slice peer;           /* client's address as text */
    uint16_t local_port;
    struct router_match match;
    const struct integration_ops *ops;
    void *answerer;              /* the integration's own, in the arena */
    struct slice rest;           /* of a local answer that the client was too slow to take */
    bool rest_pending;

    bool wants_body, body_complete, head_only;
    uint16_t status;             /* answered; 0: none */
    enum exchange_source source;
    uint64_t body_in, body_out, payload_limit;
    uint64_t begin_ns, upstream_ns;
    char id[EXCHANGE_ID_LEN + 1]; /* made when first asked for */

    struct arena arena;
    struct arena_mark arena_empty;
    char host[256];              /* lower case */
    struct h1_header headers[CAPS_HEADERS_MAX];
};

void exchange_env_init(struct exchange_env *env);
void exchange_env_fini(struct exchange_env *env);
/* Makes n exchanges for the pool: load that stays below n then takes no memory. */
void exchange_env_warm(struct exchange_env *env, uint32_t n);
/* Once a second or so. */
void exchange_env_date(struct exchange_env *env, int64_t wall_ms);

/* ---- for connections ---- */
/* Ready to be parsed into (request.headers is set). NULL: out of memory. */
struct exchange *exchange_new(struct exchange_env *env);
/* request, peer, sink, connection and begin_ns are filled: route it and start the answer. The answer may be complete on return. */
void exchange_begin(struct exchange *ex);
/* Bytes of the request's body. Returns how many were taken; when fewer, body_resume follows. With no bytes and not last: nothing
 * more is at hand, so what was gathered should go out. Only while wants_body. */
size_t exchange_body_in(struct exchange *ex, struct slice bytes, bool last);
/* The client can take more. */
void exchange_writable(struct exchange *ex);
/* The client is gone or broke the rules: stop the answer without a word. Not from inside a callback of the exchange. */
void exchange_abandon(struct exchange *ex);
/* Back to the pool. After the sink's end or abort, or exchange_abandon, or straight after exchange_new. */
void exchange_free(struct exchange *ex);

/* ---- for integrations and filters ---- */
/* Memory that lives as long as the exchange; NULL: out of memory (answer 500). */
void *exchange_alloc(struct exchange *ex, size_t n);
/* From now on on_body gets the request's body. Call it in start. */
void exchange_want_body(struct exchange *ex);
void exchange_body_resume(struct exchange *ex);
/* The answer, in order: head, any number of bodies, end. exchange_body returns the bytes taken, as the sink does. After
 * exchange_end and exchange_break the exchange must not be touched. */
void exchange_head(struct exchange *ex, const struct exchange_head *head);
size_t exchange_body(struct exchange *ex, struct slice bytes);
void exchange_end(struct exchange *ex);
void exchange_flush(struct exchange *ex);
/* The answer cannot be completed: the client sees a cut connection, never a short body that looks whole. */
void exchange_break(struct exchange *ex);
/* A whole answer of our own. body lives as long as the exchange (static, snapshot or arena). Ends the exchange, sooner or later. */
void exchange_answer(struct exchange *ex, const struct exchange_head *head, struct slice body);

/* ---- gateway responses (exchange_reply.c) ---- */
enum exchange_error {
#define X(id, status, aws_status, type, message, aws_message) EXCHANGE_ERR_##id,
#include "exchange/tbl/error.h"
#undef X
    EXCHANGE_ERR_COUNT
};

/* Answers with a gateway response: cancels the integration where it runs. Only before a head went out (after it: exchange_break). */
void exchange_error(struct exchange *ex, enum exchange_error error);
/* The error that a refused head is answered with. code: an enum h1_error. */
enum exchange_error exchange_error_of_h1(int code);
/* The id of this request: its own X-Request-Id is not trusted. */
struct slice exchange_id(struct exchange *ex);
/* The headers that every answer made here carries, and with AWS's compatibility every answer: X-Request-Id, or x-amzn-RequestId
 * and x-amz-apigw-id. At most 2; returns how many. Values live as long as the exchange. */
size_t exchange_stamp(struct exchange *ex, struct h1_header *out);
/* "NO_ROUTE" style name for logs and metrics. */
const char *exchange_error_name(enum exchange_error error);

/* ---- state (exchange_state.c) ---- */
/* The only way to change state: a move that the table lacks is our bug. */
void exchange_move(struct exchange *ex, enum exchange_state to);
const char *exchange_state_name(enum exchange_state s);
