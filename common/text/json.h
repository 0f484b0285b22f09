#pragma once
/* JSON (RFC 8259), strict. The reader makes a tree in the caller's arena: order kept, numbers kept as they were written.
 * The writer appends to a buf. Pure: no I/O, no globals. */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* One value. Immutable once read. Children are a list: first, then next; an object's children have keys. */
struct json {
    struct slice text;       /* string: decoded, NUL-free or not; number: as written; else empty */
    struct slice key;        /* decoded; of members of an object, else empty */
    struct json *first, *next;
    uint32_t count;          /* children */
    uint32_t offset;         /* where it begins in the text; of a member, where its key does */
    uint8_t type;            /* enum json_type */
};

enum json_duplicates {
    JSON_DUPLICATES_REFUSE = 0, /* an object with the same key twice is an error */
    JSON_DUPLICATES_LAST,       /* json_get finds the last one; all are in the tree, in order */
};

struct json_options {
    uint32_t depth_max;              /* arrays and objects within each other; 0: JSON_DEPTH_DEFAULT. At most JSON_DEPTH_CAP */
    size_t size_max;                 /* bytes of text; 0: JSON_SIZE_CAP */
    enum json_duplicates duplicates;
    bool borrow;                     /* strings without escapes and numbers point into the text, which has to outlive the tree */
};

#define JSON_DEPTH_DEFAULT 64u
#define JSON_DEPTH_CAP 1024u
#define JSON_SIZE_CAP ((size_t)1 << 30)

struct json_error {
    uint32_t line, column;  /* from 1; column counts bytes */
    size_t offset;
    const char *what;       /* static: "a comma or ] is missing" */
};

/* Reads exactly one value with white space around it. options may be NULL (all defaults); error may be NULL.
 * 0; -ERR_SYNTAX; -ERR_INVALID (a duplicate key); -ERR_LIMIT (depth, size); -ERR_NOMEM (the arena). On failure *out is NULL;
 * what was taken from the arena stays there. Bytes that are no UTF-8 are a syntax error, and so is an escape that is half of a
 * surrogate pair. */
MUST_USE int json_read(struct arena *a, struct slice text, const struct json_options *options, struct json **out,
                       struct json_error *error);
/* The same with the error as words: "line 3, column 7: a comma or } is missing". */
MUST_USE int json_read_err(struct arena *a, struct slice text, const struct json_options *options, struct json **out,
                           struct err *e);

/* ---- looking at a tree. All take NULL for "not there" and answer as for a value of another type. ------------------------- */

static inline bool json_is(const struct json *v, enum json_type type)
{
    return v != NULL && v->type == (uint8_t)type;
}

/* The member with this key (the last, where there are several); NULL when v is no object or has none. */
const struct json *json_get(const struct json *v, struct slice key);
/* json_get for a literal key. */
static inline const struct json *json_get_str(const struct json *v, const char *key)
{
    return json_get(v, slice_of(key));
}
/* The i-th element of an array or member of an object, from 0; NULL beyond. Walks the list: iterate with first and next. */
const struct json *json_at(const struct json *v, uint32_t i);
/* A string's bytes; `otherwise` for anything else. */
struct slice json_string(const struct json *v, struct slice otherwise);
/* True and false; `otherwise` for anything else. */
bool json_bool(const struct json *v, bool otherwise);
/* 0; -ERR_INVALID (not a number, or not a whole one: 1.0 and 1e2 are whole); -ERR_LIMIT (does not fit). *out is untouched then. */
MUST_USE int json_int64(const struct json *v, int64_t *out);
MUST_USE int json_uint64(const struct json *v, uint64_t *out);
/* The nearest double. -ERR_LIMIT when that is infinite. */
MUST_USE int json_double(const struct json *v, double *out);
/* Deep: same types, strings, array order; objects by key in any order; numbers by text. */
bool json_equal(const struct json *a, const struct json *b);
/* "null", "boolean", "number", "string", "array", "object"; "nothing" for NULL. */
const char *json_type_name(const struct json *v);

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

/* Writes values one after another; commas, colons, line breaks come by themselves. Errors stick: check json_writer_end.
 * The caller keeps begin/end balanced and puts a key before each member (a mistake there is ours: MUST). */
struct json_writer {
    struct buf *out;
    int rc;                 /* the first failure: -ERR_LIMIT or -ERR_NOMEM */
    uint32_t depth, indent; /* indent 0: compact */
    bool comma, after_key;
    uint8_t in_object[JSON_DEPTH_CAP / 8];
};

void json_writer_init(struct json_writer *w, struct buf *out, uint32_t indent);
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_slice(struct json_writer *w, struct slice key);
void json_put_null(struct json_writer *w);
void json_put_bool(struct json_writer *w, bool v);
void json_put_int(struct json_writer *w, int64_t v);
void json_put_uint(struct json_writer *w, uint64_t v);
/* The shortest text that reads back as the same double; null when it is no finite number. */
void json_put_double(struct json_writer *w, double v);
/* Bytes that are no UTF-8 become U+FFFD. */
void json_put_string(struct json_writer *w, struct slice v);
void json_put_str(struct json_writer *w, const char *v); /* NULL: null */
/* Text that is JSON already, as it is. */
void json_put_raw(struct json_writer *w, struct slice text);
/* A whole tree, numbers as they were written. NULL: null. */
void json_put_tree(struct json_writer *w, const struct json *v);
/* A key and its value in one. */
void json_member_str(struct json_writer *w, const char *key, const char *v);
void json_member_slice(struct json_writer *w, const char *key, struct slice v);
void json_member_int(struct json_writer *w, const char *key, int64_t v);
void json_member_uint(struct json_writer *w, const char *key, uint64_t v);
void json_member_bool(struct json_writer *w, const char *key, bool v);
/* 0 or the first failure. All that was begun has been ended. */
MUST_USE int json_writer_end(struct json_writer *w);

/* One tree as text. indent 0: compact. */
MUST_USE int json_write(struct buf *out, const struct json *v, uint32_t indent);
/* A string in quotes with escapes, appended to out. */
MUST_USE int json_write_string(struct buf *out, struct slice v);
