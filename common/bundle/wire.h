#pragma once
/* The protobuf wire format, as little of it as an envelope and a header need. No generated code, no allocation. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;      /* WIRE_VARINT, WIRE_FIXED64, WIRE_FIXED32 */
    struct slice bytes;  /* WIRE_BYTES: points into the input */
};

/* Takes one field from the front of *rest. 1: *out is filled; 0: the end; -1: not the wire format (*rest is as before). Refuses
 * groups, field number 0, varints over 64 bits or with needless bytes, lengths beyond the input. */
int wire_next(struct slice *rest, struct wire_field *out);

/* Appends within [p, end). Once something does not fit, full is set and nothing more is written. */
struct wire_writer {
    uint8_t *p, *end;
    bool full;
};

void wire_put_varint(struct wire_writer *w, uint64_t v);
/* A field with its default (0, empty) is left out. */
void wire_put_u64(struct wire_writer *w, uint32_t number, uint64_t v);
void wire_put_bytes(struct wire_writer *w, uint32_t number, struct slice s);
/* The tag and length of n bytes that the caller appends himself. */
void wire_put_head(struct wire_writer *w, uint32_t number, size_t n);
