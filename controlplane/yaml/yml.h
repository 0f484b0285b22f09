#pragma once
/* YAML and JSON text to a tree that remembers where everything stood. One document at a time: yml_split cuts a file into
 * its documents, yml_parse reads one. Everything is bounded; aliases are resolved (shared, never copied) within a budget;
 * the tree has no cycles. Plain scalars have the types of YAML 1.2's core schema: `no` is a string. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "diag/diag.h"

#define YML_DEPTH_MAX 64u                /* nesting; refused with its place */
#define YML_NODES_MAX 4000000u           /* nodes of one document as written */
#define YML_SCALAR_MAX (4u << 20)        /* bytes of one scalar */
#define YML_ALIAS_NODES_MAX 100000u      /* nodes that all aliases of a document stand for */
#define YML_KEY_MAX 1000u                /* bytes of a map's key */

enum yml_type { YML_NULL, YML_BOOL, YML_INT, YML_FLOAT, YML_STRING, YML_SEQ, YML_MAP };
enum yml_style { YML_PLAIN, YML_SINGLE, YML_DOUBLE, YML_LITERAL, YML_FOLDED, YML_BLOCK, YML_FLOW };

/* Lines are those of the document's own text, from 1; the document says where it stands in its file. */
struct yml_node {
    uint8_t type, style;      /* enum yml_type, enum yml_style */
    uint16_t width;           /* characters on its first line, to underline */
    uint32_t line, column;    /* from 1; column in characters */
    uint32_t n;               /* scalar: bytes of text; sequence: items; map: pairs */
    union {
        const char *p;                  /* scalar, not NUL-terminated (NUL behind it) */
        const struct yml_node *child;   /* sequence: n items; map: n times key, value */
    } u;
};

struct yml_piece {
    struct slice text;        /* one document, its `---` line included */
    uint32_t line;            /* of the file, from 1, where text begins */
};

/* Cuts the next document from *rest. False at the end. Documents without content (only blank lines and comments) are skipped.
 * Pure; `---` and `...` at the start of a line always bound documents in YAML. *line: number of rest's first line, kept up. */
bool yml_split(struct slice *rest, uint32_t *line, struct yml_piece *out);

/* Reads one document into the arena. The first error (or several duplicate keys) goes to diags at `file`, lines moved by
 * first_line. 0, or -ERR_SYNTAX (told in diags), -ERR_LIMIT (told), -ERR_NOMEM (also when the arena's cap is reached).
 * *root lives in the arena; an empty document gives a null. Text is borrowed only during the call. */
MUST_USE int yml_parse(struct arena *a, struct slice file, const struct yml_piece *piece, const struct yml_node **root,
                       struct diag_list *diags);

static inline struct slice yml_text(const struct yml_node *n)
{
    return (struct slice){n->u.p, n->n};
}

static inline bool yml_is_scalar(const struct yml_node *n)
{
    return n->type < YML_SEQ;
}

static inline const struct yml_node *yml_key(const struct yml_node *map, size_t i)
{
    return &map->u.child[2 * i];
}

static inline const struct yml_node *yml_value(const struct yml_node *map, size_t i)
{
    return &map->u.child[2 * i + 1];
}

/* The value of a key, or NULL (also when n is NULL or no map). Linear. */
const struct yml_node *yml_get(const struct yml_node *n, const char *key);
/* "a string", "a list", ...: for messages. */
const char *yml_type_words(const struct yml_node *n);
/* An INT's value; false when it does not fit. */
bool yml_int(const struct yml_node *n, int64_t *out);
bool yml_number(const struct yml_node *n, double *out);
bool yml_bool(const struct yml_node *n);

struct yml_place {
    uint32_t line, column;
};

/* Where byte `offset` of a scalar's text stands in the document's text. style, line, column: the scalar's. Exact for plain,
 * quoted and literal scalars; the scalar's own place when it cannot be found. */
struct yml_place yml_locate(struct slice document, enum yml_style style, uint32_t line, uint32_t column, struct slice text,
                            size_t offset);

/* The canonical form: sorted keys, typed scalars, no styles. Equal documents have equal bytes, whatever the order of keys. */
MUST_USE int yml_canonical(const struct yml_node *n, struct buf *out);
/* Block YAML in the order of the source, two spaces, stable; ends in a newline. */
MUST_USE int yml_write(const struct yml_node *n, struct buf *out);
/* JSON in the order of the source; indent 0: on one line. Floats that JSON lacks (.inf, .nan) become null. */
MUST_USE int yml_write_json(const struct yml_node *n, struct buf *out, unsigned indent);
