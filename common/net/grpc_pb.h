#pragma once
/* Just enough protobuf for the health and reflection messages: walk over fields, append fields. Pure, no allocation on reading. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct grpc_pb_field {
    uint32_t number;
    bool is_bytes;       /* length-delimited: bytes; else value */
    struct slice bytes;
    uint64_t value;
};

/* Takes the next field off *in. 1: *out filled; 0: the end; -ERR_SYNTAX. Fixed-size fields come as values; groups are refused. */
MUST_USE int grpc_pb_next(struct slice *in, struct grpc_pb_field *out);
MUST_USE int grpc_pb_put_uint(struct buf *b, uint32_t number, uint64_t v);
MUST_USE int grpc_pb_put_bytes(struct buf *b, uint32_t number, struct slice v);
