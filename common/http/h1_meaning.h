#pragma once
/* Private to common/http: what a head means once its lines are cut: target form, host, framing, connection options. */
#include "http/h1.h"

/* Where the known fields stand. at[id] counts only where `present` of the head has the bit; it is the last one. */
struct h1_seen {
    uint64_t twice; /* bits of known fields that came more than once */
    uint16_t at[HTTP_HEADER_COUNT];
};

/* Each: 0 or -(enum h1_error). */
MUST_USE int h1_mean_request(struct h1_head *h, const struct h1_seen *seen);
MUST_USE int h1_mean_response(struct h1_head *h, const struct h1_seen *seen, enum http_method of_request);
/* Cuts a head's field lines and its empty line, from *pp: 1 (*pp is behind them), 0 (incomplete), -(enum h1_error). The bytes from
 * start to *pp are readable. In h1_parse.c. */
MUST_USE int h1_cut_fields(const char *start, const char **pp, const char *end, struct h1_header *headers, uint32_t cap,
                           struct h1_head *h, struct h1_seen *seen);
