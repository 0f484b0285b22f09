#pragma once
/* From host, method and path to a route. Built once into a snapshot, read by every worker.
 *
 * A stage's templates are a tree of segments. At each level a static child comes before {param}, {param} before {greedy+}; what
 * does not fit (path and method) falls back to the next choice, up to an ancestor's greedy child. All static children of a router
 * are in one table under a keyed hash of (node, segment): the cost is that of the segments, not of the number of routes. */
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "http/http.h"
#include "snapshot/snap.h"

#define ROUTER_PARAMS_MAX 32u /* parameters of one route; refused at build */

struct router;
struct snap_hosts;

struct router_match {
    const struct snap_stage *stage;             /* ROUTER_NO_STAGE: NULL */
    const struct snap_route *route;             /* ROUTER_OK only */
    struct slice values[ROUTER_PARAMS_MAX];     /* raw (still encoded), in the order of route->params; point into path */
    uint16_t n_values;
    struct slice rest;                          /* path behind the base path, as it came; may be empty */
    uint32_t allow;                             /* ROUTER_NO_METHOD: HTTP_METHOD_BITs that the path has */
};

enum router_result {
    ROUTER_OK,
    ROUTER_NO_STAGE,    /* no such host and base path */
    ROUTER_NO_ROUTE,    /* the stage has no such path */
    ROUTER_NO_METHOD,   /* it has the path, not for this method */
};

/* path: raw request path without query. host: lower case, without port; may be empty. Pure, does not allocate.
 * An exact host comes before "every host", then the longest base path, by whole segments. */
enum router_result router_match(const struct snap *s, struct slice host, enum http_method method, struct slice path,
                                struct router_match *out);
/* The same within one stage, with the path behind its base path. */
enum router_result router_match_stage(const struct snap_stage *stage, enum http_method method, struct slice rest,
                                      struct router_match *out);

/* What is wrong with a set of routes. */
struct router_fault {
    size_t route;        /* index of the route, or of the stage */
    const char *field;   /* "path", "method", "hosts", "basePath" */
};

/* The names of a template's parameters, in order, into the arena (a greedy one without its plus). Checks the template:
 * begins with '/', no empty segment, {name} and {name+} are whole segments, names unique, greedy last, at most
 * CAPS_PATH_SEGMENTS segments and ROUTER_PARAMS_MAX parameters. -ERR_SYNTAX, -ERR_LIMIT, -ERR_NOMEM. */
MUST_USE int router_template_params(struct arena *a, struct slice path, const struct slice **params, uint16_t *n,
                                    bool *greedy, struct err *e);
/* Over routes whose path and method are set; keeps pointers to them and to their texts. Two routes that no request could tell
 * apart are -ERR_EXISTS; -ERR_INVALID for a method that is neither one of ANY's seven nor "ANY". */
MUST_USE int router_build(struct arena *a, const struct snap_route *routes, size_t n, const struct router **out,
                          struct router_fault *fault, struct err *e);
/* Host and base path to stage. Keeps pointers to the stages. -ERR_EXISTS: two stages at one place; fault->route is the later. */
MUST_USE int router_hosts_build(struct arena *a, const struct snap_stage *const *stages, size_t n,
                                const struct snap_hosts **out, struct router_fault *fault, struct err *e);
