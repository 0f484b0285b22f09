#pragma once
/* The URI of an http_proxy: "http://${stageVariables.host}/users/{id}?x={y}" or "upstream://orders/{id}". Pure. */
#include "base/buf.h"
#include "spec/spec.h"

#define SPEC_URI_PARTS_MAX 64u

enum spec_uri_part_kind { SPEC_URI_LITERAL, SPEC_URI_VARIABLE, SPEC_URI_PARAM };

struct spec_uri_part {
    enum spec_uri_part_kind kind;
    struct slice text;        /* the literal, or the name */
    size_t offset;            /* of the part in the URI */
};

struct spec_uri_error {
    size_t offset, width;     /* of what is wrong, in the text given */
    char message[200], hint[160];
};

/* Fills *e (hint may be NULL; at least one byte is marked): -ERR_SYNTAX. */
int spec_uri_fail(struct spec_uri_error *e, size_t offset, size_t width, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Cuts a URI into parts: 0 and their number in *n, or -ERR_SYNTAX with *e. A name is not checked against anything. */
MUST_USE int spec_uri_split(struct slice uri, struct spec_uri_part parts[SPEC_URI_PARTS_MAX], size_t *n, struct spec_uri_error *e);

/* Appends the URI with its stage variables filled in. -ERR_NOTFOUND: one is missing (its name in *missing), -ERR_SYNTAX, -ERR_NOMEM. */
MUST_USE int spec_uri_fill(struct slice uri, const struct spec_pairs *variables, struct buf *out, struct slice *missing);

struct spec_uri {
    bool is_upstream;         /* upstream://<host> */
    struct slice host;        /* without brackets' port; as written */
    uint16_t port;            /* 80 when it is not said; 0 for upstreams */
};

/* Judges a URI without variables (filled in or never there): scheme, host, port, characters, dot segments. */
MUST_USE int spec_uri_check(struct slice uri, struct spec_uri *out, struct spec_uri_error *e);

/* "host", "host:port", "[v6]:port". default_port 0: a port must be there. */
MUST_USE int spec_address_check(struct slice s, uint16_t default_port, struct slice *host, uint16_t *port, struct spec_uri_error *e);

/* A host name (letters, digits, hyphens, dots, underscores) or an IPv4 address; no wildcard. */
bool spec_host_is_valid(struct slice s);
