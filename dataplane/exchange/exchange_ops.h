#pragma once
/* The interfaces that features implement: filters (steps of a route's plan), integrations (how a route is answered), and the
 * sink through which an exchange answers its connection. exchange/ includes none of their implementations. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct def_integration; /* snapshot/snap_def.h */
struct exchange;
struct snap_upstream;

/* What an integration may ask for while it is built. */
struct integration_build {
    struct arena *arena;           /* the part's: conf goes here */
    /* The slot of upstream `name` (without "upstream://"), or of "http://host:port" for a URI that names its host; the latter
     * is added to the part's implied upstreams. 0 or -ERR_X with *e filled (-ERR_NOTFOUND: no such upstream). */
    int (*upstream)(struct integration_build *b, struct slice name, bool implied, uint32_t *slot, struct err *e);
    const struct slice *params;    /* names of path parameters that any of its routes has */
    size_t n_params;
    bool aws;                      /* the Api's compatibility */
    struct slice field;            /* out: on failure, the field that is wrong ("uri") */
};

struct integration_ops {
    const char *name;              /* "http_proxy" */
    /* Definition to read-only configuration. Pure but for the arena. */
    int (*build)(struct integration_build *b, const struct def_integration *def, const void **conf, struct err *e);
    /* Begins to answer. Never fails: an error is a reply. May call back into the exchange before it returns. */
    void (*start)(struct exchange *ex, const void *conf);
    /* The client sent more of its body (only after exchange_want_body). Returns how many bytes it took; fewer than all: it is
     * full, and calls exchange_body_resume when it can take more. last counts only when all were taken. */
    size_t (*on_body)(struct exchange *ex, struct slice bytes, bool last);
    /* The client can take more of the answer. */
    void (*on_writable)(struct exchange *ex);
    /* The exchange ends before the answer did: let go of everything. Called at most once, not after the answer's end. */
    void (*cancel)(struct exchange *ex);
};

struct h1_header; /* http/h1.h */

/* The head of an answer. Hop-by-hop fields, Content-Length and Date are the sink's to write. */
struct exchange_head {
    uint16_t status;
    struct slice reason;            /* empty: the usual one */
    bool length_known;
    uint64_t content_length;        /* of the body, or of what a GET would have got (HEAD, 304) */
    const struct h1_header *headers;
    size_t n_headers;
    bool has_date;                  /* headers bring a Date */
};

/* How an exchange answers its connection: HTTP/1 today, one stream of HTTP/2 later. None may free the exchange before it
 * returns; all may be called from inside a callback of the connection. */
struct exchange_sink_ops {
    void (*head)(struct exchange *ex, const struct exchange_head *head);
    /* Returns the bytes taken; fewer than all: full, on_writable follows. The bytes are not kept. */
    size_t (*body)(struct exchange *ex, struct slice bytes);
    /* The answer is complete. The exchange belongs to the connection again. */
    void (*end)(struct exchange *ex);
    /* The answer cannot be completed: the client must see that. As end, the exchange is over. */
    void (*abort)(struct exchange *ex);
    /* Nothing more comes in this turn of the loop: write out what was gathered. */
    void (*flush)(struct exchange *ex);
    /* The exchange takes the request's body from now on / again. */
    void (*body_resume)(struct exchange *ex);
};
