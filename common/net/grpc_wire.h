#pragma once
/* What gRPC writes into HTTP/2: message prefixes, timeouts, percent-encoded messages. Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#define GRPC_PREFIX       5
#define GRPC_TIMEOUT_TEXT 12
#define GRPC_MESSAGE_TEXT 1024 /* characters of a status message, decoded */

/* Finds the first message in [p, p+n). >0: bytes that it takes, *message is in there; 0: incomplete (*need: bytes of the
 * whole, 0 when even that is unknown); -ERR_LIMIT: longer than max; -ERR_UNSUPPORTED: compressed; -ERR_SYNTAX: a flag that
 * does not exist. */
MUST_USE int64_t grpc_wire_message(const char *p, size_t n, uint32_t max, struct slice *message, size_t *need);
void grpc_wire_prefix(uint32_t n, char out[GRPC_PREFIX]);
/* "100m" to milliseconds, rounded up: up to 8 digits and one of H M S m u n. */
MUST_USE int grpc_wire_timeout_read(struct slice text, uint64_t *ms);
void grpc_wire_timeout_write(uint32_t ms, char out[GRPC_TIMEOUT_TEXT]);
/* Appends; -ERR_LIMIT, -ERR_NOMEM. */
MUST_USE int grpc_wire_percent_encode(const char *text, struct buf *out);
/* Into out with a NUL, cut at size - 1. What is no valid %XX stays as it is. */
void grpc_wire_percent_decode(struct slice text, char *out, size_t size);
/* A decimal gRPC status 0 to 16; others are 2 (UNKNOWN). */
int grpc_wire_status(struct slice text);
/* What a client makes of an HTTP status or of RST_STREAM without a gRPC status. */
int grpc_wire_from_http(int http_status);
int grpc_wire_from_h2(uint32_t code);
