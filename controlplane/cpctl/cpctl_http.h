#pragma once
/* A blocking HTTPS client for one server: TLS 1.2 and up, the certificate checked against the given roots and the host's
 * name or address, strict parsing, a deadline for each call, bounded answers. The connection is kept between calls. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#define CPCTL_HTTP_BODY_MAX (256u << 20) /* bytes of an answer; more fails the call */
#define CPCTL_HTTP_HEAD_MAX 65536u

struct cpctl_http;

struct cpctl_http_def {
    const char *url;       /* https://HOST[:PORT], the port 443 when absent; a path is refused */
    struct slice ca_pem;   /* whom to trust */
    struct slice token;    /* sent as Authorization: Bearer; may be empty */
    int cancel_fd;         /* a call ends with -ERR_CLOSED when this becomes readable; -1: none */
};

struct cpctl_http_answer {
    unsigned status;
    bool is_json;          /* application/json or application/...+json */
    struct buf body;
};

/* Connects nothing yet. -ERR_INVALID: the URL or the PEM are no such thing. */
MUST_USE int cpctl_http_new(const struct cpctl_http_def *def, struct cpctl_http **out, struct err *e);
void cpctl_http_free(struct cpctl_http *h);
/* One request; body NULL: none, else JSON. *out is filled for any status (cpctl_http_answer_fini it); on failure there is
 * nothing to free. -ERR_IO (cannot reach), -ERR_DENIED (TLS: not the server we trust), -ERR_TIMEOUT, -ERR_CLOSED
 * (cancelled), -ERR_SYNTAX, -ERR_LIMIT. A kept connection that the server has closed meanwhile is opened again. */
MUST_USE int cpctl_http_call(struct cpctl_http *h, const char *method, const char *target, const struct slice *body,
                             uint64_t timeout_ms, struct cpctl_http_answer *out, struct err *e);
void cpctl_http_answer_fini(struct cpctl_http_answer *a);
/* "HOST:PORT", for messages. */
const char *cpctl_http_peer(const struct cpctl_http *h);
