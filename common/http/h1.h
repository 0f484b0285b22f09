#pragma once
/* HTTP/1 codec for both directions. No I/O, no allocation, no copy: slices point into the caller's bytes and live as long as they.
 * Strict by RFC 9112: what two implementations could read in two ways is refused, never repaired. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "http/h1_write.h"
#include "http/http.h"

/* Why a message was refused. tbl/h1_error.h has the status that a client gets and a sentence for logs.
 * (A response that is refused is the upstream's fault: 502, whatever the table says.) */
enum h1_error {
    H1_OK = 0,
#define X(id, status, text) H1_ERR_##id,
#include "http/tbl/h1_error.h"
#undef X
    H1_ERR_COUNT
};

/* code is an enum h1_error (positive). 400, 414, 417, 431, 501 or 505. */
unsigned h1_error_status(int code);
/* "both Content-Length and Transfer-Encoding". Never NULL. */
const char *h1_error_text(int code);
/* The stable name for metrics and logs ("LENGTH_AND_TE"). Never NULL. */
const char *h1_error_name(int code);

struct h1_limits {
    uint32_t head_max;    /* bytes of the head with its last CRLF: 431 (414 while still in the target) */
    uint32_t target_max;  /* bytes of the request target: 414 */
    uint32_t headers_max; /* fields: 431. headers_cap of the head bounds it too */
};

struct h1_header {
    struct slice name, value; /* as sent; value without blanks around it */
    uint16_t id;              /* enum http_header */
};

enum h1_framing {
    H1_BODY_NONE,    /* no body follows */
    H1_BODY_LENGTH,  /* content_length bytes follow; may be 0 */
    H1_BODY_CHUNKED, /* feed a struct h1_chunk */
    H1_BODY_CLOSE    /* responses only: until the connection ends */
};

struct h1_head {
    /* The caller's, before the call: */
    struct h1_header *headers;
    uint32_t headers_cap;
    /* Filled: */
    uint32_t n_headers;
    uint64_t present;          /* bit 1 << id for each known field that is there */
    /* Requests. */
    enum http_method method;
    struct slice method_text;
    struct slice target;       /* as sent */
    struct slice path;         /* still encoded, begins with '/'; "*" for OPTIONS * ("/" where an absolute form has none) */
    struct slice query;        /* without '?'; has_query tells "" from none */
    struct slice authority;    /* host and port as sent: of the absolute form, else of Host; empty only on HTTP/1.0 */
    struct slice host;         /* authority without port; case as sent, IPv6 in its brackets */
    uint16_t port;             /* 0: none was sent */
    bool has_query, absolute_form, absolute_https;
    bool expect_continue;      /* Expect: 100-continue on HTTP/1.1 */
    /* Responses. */
    uint16_t status;
    struct slice reason;
    /* Both. */
    uint8_t minor;             /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;           /* the connection may carry another message after this one's body */
    bool upgrade;              /* Connection: upgrade together with an Upgrade field */
    bool connection_listed;    /* Connection names fields besides close, keep-alive and upgrade: see h1_connection_names */
    enum h1_framing framing;
    uint64_t content_length;   /* of H1_BODY_LENGTH; for HEAD and 304 what the field said, H1_NO_LENGTH without one */
};

#define H1_NO_LENGTH UINT64_MAX

/* Parse the head of one message from [p, p + n). headers and headers_cap of *out are set before.
 * Returns >0: bytes of the head, *out is filled;
 *          0: incomplete: call again with the same bytes and more behind them;
 *         <0: -(enum h1_error).
 * *scanned is 0 before the first call of a message and belongs to the parser until it is done; with it, calling again costs
 * nothing until a line end has come. After 0 or an error *out holds nothing of use. Never reads past n.
 * One empty line before a request line is skipped (RFC 9112 2.2); the returned count includes it. */
MUST_USE int h1_parse_request(const char *p, size_t n, size_t *scanned, const struct h1_limits *limits, struct h1_head *out);
/* The same for a response to a request with this method: it decides whether a body follows. 1xx heads come one by one, each with
 * H1_BODY_NONE; after 101 (upgrade is set) the bytes are no longer HTTP/1. */
MUST_USE int h1_parse_response(const char *p, size_t n, size_t *scanned, const struct h1_limits *limits,
                               enum http_method of_request, struct h1_head *out);

/* The first field with this id; NULL when there is none. */
const struct h1_header *h1_head_get(const struct h1_head *h, enum http_header id);
/* The same by name, any case; for names that have no id. */
const struct h1_header *h1_head_find(const struct h1_head *h, struct slice name);
/* True when a Connection field names `name`: then a proxy does not forward it. Only worth asking when connection_listed. */
bool h1_connection_names(const struct h1_head *h, struct slice name);

/* Decoder for chunked bodies. Byte spans in, data spans out, nothing stored but numbers. */
struct h1_chunk {
    uint64_t left;         /* of this chunk's data */
    uint32_t state, digits;
    uint32_t line, excess; /* bytes of this size line; framing bytes out of proportion to data */
    uint32_t trailers_max, trailers_n, trailer_lines;
    char *keep;            /* where trailers are copied to; NULL: checked and dropped */
    size_t keep_cap, keep_n;
};

/* trailers_max: most bytes of the trailer section. */
void h1_chunk_init(struct h1_chunk *c, uint32_t trailers_max);
/* Copies the trailer section into keep (refused when over cap), for h1_parse_trailers once done. */
void h1_chunk_keep_trailers(struct h1_chunk *c, char *keep, size_t cap);
/* Takes the next bytes. *used of them are consumed; *data is what they carry (a span of p, may be empty); *done when the body and its
 * trailers are complete (bytes behind belong to the next message). Returns at the end of one data span, so call until *used adds
 * up to n or *done: each call with n > 0 consumes at least one byte. 0 or -(enum h1_error); after an error or *done never again. */
MUST_USE int h1_chunk_feed(struct h1_chunk *c, const char *p, size_t n, struct slice *data, size_t *used, bool *done);
/* The fields of kept trailers: number of fields, or -(enum h1_error). Fields that must not be trailers (framing, routing,
 * authentication: RFC 9110 6.5.1) are left out. */
MUST_USE int h1_parse_trailers(struct slice section, struct h1_header *headers, uint32_t cap);
