#pragma once
/* Private to integration_http_proxy*.c and its tests. */
#include "exchange/exchange_ops.h"
#include "snapshot/snap_def.h"

/* A piece of the URI behind the host: text, or the value of a path parameter. */
struct proxy_piece {
    struct slice literal;    /* param empty */
    struct slice param;      /* its name among the route's parameters */
    bool in_query;
};

struct proxy_conf {
    uint32_t slot;           /* of the upstream */
    struct slice host;       /* Host to send; empty: the endpoint's */
    struct slice method;     /* empty: the client's */
    bool has_query;          /* the URI has a query of its own */
    bool has_params;
    const struct proxy_piece *pieces;
    size_t n_pieces;
};

MUST_USE int proxy_build(struct integration_build *b, const struct def_integration *def, const void **conf, struct err *e);
/* A segment that a backend may read as "." or "..", also where it is percent-encoded or stands beside an encoded slash or a
 * backslash. */
bool proxy_path_climbs(struct slice path);
