#pragma once
/* Private to this room: a unit that is being made. */
#include <protobuf-c/protobuf-c.h>

#include "base/vec.h"
#include "compile/compile.h"

struct compile {
    struct compile_unit *unit;
    struct vec resources;       /* struct compile_resource */
    struct slice part;
    uint8_t *scratch;           /* for encoding a body */
    size_t scratch_size;
};

MUST_USE int compile_begin(struct compile *c, struct slice id, const uint8_t input[32]);
/* Encodes one resource. key is copied. */
MUST_USE int compile_add(struct compile *c, const char *type, struct slice key, const ProtobufCMessage *body);
/* rc != 0: throws all away and returns rc. Otherwise sorts and gives the unit. */
MUST_USE int compile_end(struct compile *c, int rc, struct compile_unit **out, struct err *e);

/* Texts of the model end in a NUL and have none inside, so they can stand in messages as they are. */
static inline char *compile_text(struct slice s)
{
    static char empty[1];

    return s.n == 0 ? empty : (char *)(uintptr_t)s.p;
}
