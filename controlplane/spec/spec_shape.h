#pragma once
/* Which fields there are: one table a kind of object. A field is one line; a field that the design names and this version does
 * not know is SPEC_LATER, so that it is refused with those words and never ignored. */
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "spec/spec.h"

enum spec_type {
    SPEC_TEXT,            /* struct spec_text; min, max: bytes */
    SPEC_WORD,            /* struct spec_text: one of words */
    SPEC_INT,             /* struct spec_int; min, max */
    SPEC_DURATION,        /* struct spec_int in milliseconds; min, max */
    SPEC_TEXTS,           /* struct spec_texts; max: items */
    SPEC_PAIRS,           /* struct spec_pairs; max: pairs */
    SPEC_OBJECT,          /* the struct itself, by shape */
    SPEC_LIST,            /* struct spec_objects; min, max: items */
    SPEC_MAP,             /* struct spec_objects with keys; max: items */
    SPEC_NAME_OR_OBJECT,  /* struct spec_text at offset, or pointer to an object at offset2 */
    SPEC_LATER,           /* known, not in this version */
};

enum {
    SPEC_REQUIRED = 1,
    SPEC_IS_NAME = 2,     /* text, keys of a map: a name */
    SPEC_ANY_SCALAR = 4,  /* numbers and booleans are taken as written */
    SPEC_UPPER = 8,       /* words in any case, kept in upper case */
    SPEC_LOWER = 16,
    SPEC_NULL_IS_EMPTY = 32,
};

struct spec_shape;

struct spec_field {
    const char *name;
    enum spec_type type;
    unsigned flags;
    size_t offset, offset2;
    int64_t min, max;
    const char *const *words;       /* NULL at the end */
    const char *const *later;       /* words that the design names and this version lacks */
    const struct spec_shape *shape;
    const char *example;            /* of a right value, for hints; may be NULL */
};

struct spec_shape {
    const char *what;               /* "route": for messages */
    size_t size;
    const struct spec_field *fields; /* name NULL at the end */
};

struct spec_kind_def {
    const char *name;
    enum spec_kind kind;
    const struct spec_shape *shape;
};

extern const struct spec_kind_def spec_kinds[];   /* name NULL at the end */
extern const char *const spec_kinds_later[];      /* kinds of the design that this version lacks */
extern const struct spec_shape spec_metadata_shape;
