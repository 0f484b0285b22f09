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
    /* The client sent more of its body / all of it (only where start asked for the body to stream). */
    void (*on_body)(struct exchange *ex, struct slice bytes, bool last);
    /* The client can take more of the answer. */
    void (*on_writable)(struct exchange *ex);
    /* The exchange ends before the answer did: let go of everything. Called at most once, not after the answer's end. */
    void (*cancel)(struct exchange *ex);
};
