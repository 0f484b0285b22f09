#pragma once
/* What is wrong with a spec: a bounded list of diagnostics, each with its place, what is wrong and what would be right.
 * A list owns all its text (copies), also the source lines that it shows, so it may outlive the files. Not thread-safe. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/vec.h"

#define DIAG_MAX 200u             /* errors kept; further ones are counted in `dropped` ("and N more") */
#define DIAG_WARNINGS_MAX 50u     /* likewise; a bound of their own, so that they push no error out */
#define DIAG_EXCERPT_LINES 3u     /* the line itself and two before it */
#define DIAG_EXCERPT_BYTES 400u   /* of one source line; a longer one is cut around the column */

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

struct diag_place {
    struct slice file;        /* empty: no file (a request as a whole) */
    uint32_t line, column;    /* from 1, column in characters; line 0: the file as a whole */
    uint32_t width;           /* characters to underline; 0: one */
};

struct diag_excerpt {
    uint32_t line;
    struct slice text;
};

struct diag {
    enum diag_severity severity;
    char code[8];             /* "SL2107": see diag/tbl/code.h */
    struct diag_place place;
    struct slice path;        /* "spec.routes[3].method", may be empty */
    struct slice message, hint;
    struct diag_excerpt excerpt[DIAG_EXCERPT_LINES]; /* the last one is the line of `place` */
    uint32_t n_excerpt;
    uint32_t caret;           /* column of the caret in the excerpt's last line, from 1 */
    uint32_t order;           /* as added: the sort is stable */
    uint32_t file_order;      /* the order of the first one with this file */
};

struct diag_source;

struct diag_list {
    struct arena arena;
    struct vec items;         /* struct diag */
    size_t errors, warnings;  /* all that were added, also the dropped */
    size_t dropped;
    struct diag_source *sources;
};

void diag_init(struct diag_list *l);
void diag_fini(struct diag_list *l);
/* Text that excerpts are cut from when a diagnostic names `file`. Borrowed: must live as long as diagnostics are added.
 * first_line: the number of the text's first line (1 for a whole file). A file may have several texts. */
void diag_source_add(struct diag_list *l, struct slice file, struct slice text, uint32_t first_line);
/* Forgets the sources (before their texts go). */
void diag_source_clear(struct diag_list *l);

/* Adds one. All text is copied. Returns it (valid until the next add), or NULL when the list is full or memory is out: it is
 * counted all the same. */
struct diag *diag_add(struct diag_list *l, enum diag_severity severity, const char *code, struct diag_place place,
                      struct slice path, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
struct diag *diag_vadd(struct diag_list *l, enum diag_severity severity, const char *code, struct diag_place place,
                       struct slice path, const char *fmt, va_list ap) __attribute__((format(printf, 6, 0)));
/* What would be right. d may be NULL. Replaces an earlier hint. */
void diag_hint(struct diag_list *l, struct diag *d, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* By file (in the order the files were first seen), line, column, then as added. */
void diag_sort(struct diag_list *l);

/* As people read it:
 *   specs/orders.yaml:41:9: error[SL2107]: authorizer "jwt-corp" is not defined
 *      40 |     operationId: listOrders
 *      41 |     authorizer: jwt-corp
 *         |                 ^^^^^^^^ did you mean "jwt-corporate"?
 * colour: with ANSI escapes. Control characters of the input never reach the output. */
MUST_USE int diag_text(const struct diag_list *l, struct buf *out, bool colour);
/* "1 error, 2 warnings", "and 12 more" included when some were dropped. */
MUST_USE int diag_count_text(const struct diag_list *l, struct buf *out);
/* A JSON array of {severity, code, file, line, column, width, path, message, hint, excerpt: [{line, text}], caret}. */
MUST_USE int diag_json(const struct diag_list *l, struct buf *out);
/* Reads what diag_json wrote and adds it to l (a client shows what a server said). -ERR_SYNTAX: not such an array. */
MUST_USE int diag_read_json(struct diag_list *l, struct slice json, struct err *e);
