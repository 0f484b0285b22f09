#pragma once
/* Calls of the admin API: whom to call, and what to tell when it says no. */
#include <stdint.h>

#include "base/buf.h"
#include "cpctl/cpctl.h"
#include "text/json.h"

#define CPCTL_CALL_TIMEOUT_MS 60000u

struct cpctl_http;
struct cpctl_target;

struct cpctl_api {
    struct cpctl *c;
    struct cpctl_http *http;
    const char *context;   /* whose; NULL: --server alone */
};

/* Finds the control plane (options, environment, context) and its credentials. Connects nothing yet. Errors are told. */
MUST_USE int cpctl_api_open(struct cpctl *c, struct cpctl_api *out);
/* For a target that is known already. cancel_fd: see cpctl_http.h. */
MUST_USE int cpctl_api_open_target(struct cpctl *c, const struct cpctl_target *t, int cancel_fd, struct cpctl_api *out);
void cpctl_api_close(struct cpctl_api *a);

/* One call; body may be NULL. An exit status: 0 and *out, the answer's JSON in the call's arena (a null where there was no
 * body), or the reason was told. With -o json and -o yaml the server's problem is also printed as data. */
MUST_USE int cpctl_api_call(struct cpctl_api *a, const char *method, const char *target, const struct buf *body,
                            const struct json **out);
/* The same with a time limit, and without words about failures of status 404: *out is NULL then, and the result 0. */
MUST_USE int cpctl_api_ask(struct cpctl_api *a, const char *target, uint64_t timeout_ms, const struct json **out);
MUST_USE int cpctl_api_get(struct cpctl_api *a, const char *target, const struct json **out);

/* "shop/a b" as it stands in a path: everything but unreserved characters and '/' in percent. In the call's arena. */
const char *cpctl_url_path(struct cpctl *c, const char *text);
/* The same for a query's value: '/' too. */
const char *cpctl_url_value(struct cpctl *c, const char *text);

/* Reading answers. The elements of a list that is bare, or the member `name` of an object. */
const struct json *cpctl_list(const struct json *answer, const char *name);
/* A member's text as a C string in the call's arena, numbers as written; "" when it is absent. */
const char *cpctl_text(struct cpctl *c, const struct json *object, const char *name);
uint64_t cpctl_u64(const struct json *object, const char *name);
