#pragma once
/* What HTTP/1 and HTTP/2 share: methods, status texts, the header fields that the code knows by number, token rules. Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum http_method {
    HTTP_METHOD_OTHER = 0, /* a valid token that is not in the table: see method_text */
#define X(id, text) HTTP_METHOD_##id,
#include "http/tbl/method.h"
#undef X
    HTTP_METHOD_COUNT
};

/* For sets of methods ("allow"). */
#define HTTP_METHOD_BIT(m) (1u << (m))

enum http_header {
    HTTP_HEADER_OTHER = 0,
#define X(id, name, first, middle, near_end) HTTP_HEADER_##id,
#include "http/tbl/header.h"
#undef X
    HTTP_HEADER_COUNT
};

/* Case-sensitive, as the RFC has it. HTTP_METHOD_OTHER when not in the table. */
enum http_method http_method_of(struct slice text);
/* "GET"; empty for HTTP_METHOD_OTHER. */
struct slice http_method_text(enum http_method m);
/* "Not Found"; empty when the code is not in the table. */
struct slice http_status_text(unsigned status);
/* "HTTP/1.1 404 Not Found\r\n"; empty when the code is not in the table. */
struct slice http_status_line(unsigned status);
/* Any case; `name` is a token (http_token_is_valid). HTTP_HEADER_OTHER when not in the table. Constant cost. */
enum http_header http_header_of(struct slice name);
/* Lower-case name; empty for HTTP_HEADER_OTHER. */
struct slice http_header_name(enum http_header id);
/* True for one or more token characters (RFC 9110 5.6.2): what a field name or a method may be. */
bool http_token_is_valid(struct slice s);
/* True when s may stand as a field value: no control byte but HT, no DEL, no blank at either end. Empty is fine.
 * Use it before writing a value that a template or a peer made: it keeps CR and LF out of heads. */
bool http_value_is_valid(struct slice s);
/* Walks a comma separated list: the next element without blanks (empty elements are skipped); false at the end.
 * *rest starts as the whole value and is cut from the front. */
bool http_list_next(struct slice *rest, struct slice *item);
