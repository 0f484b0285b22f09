#pragma once
/* Private to common/text: the tokens of JSON. */
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* A place in text that is being read. On an error `what` says why, and p is where. */
struct json_lex {
    const char *p, *end;
    const char *what;
};

/* Past white space. */
static inline void json_lex_space(struct json_lex *l)
{
    const char *p = l->p;

    while (p < l->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    l->p = p;
}

/* p stands behind the opening quote. *raw is what is between the quotes (already checked: escapes well formed, UTF-8 valid);
 * p goes behind the closing one. *escapes: whether json_lex_unescape is needed. false: malformed. */
bool json_lex_string(struct json_lex *l, struct slice *raw, bool *escapes);
/* Decodes checked text to out (room for raw.n; may be raw.p itself). Returns the bytes written. */
size_t json_lex_unescape(struct slice raw, char *out);
/* p stands on '-' or a digit; *text is the number and p goes behind it. false: malformed. */
bool json_lex_number(struct json_lex *l, struct slice *text);
/* p stands where `word` ("true") should be. */
bool json_lex_word(struct json_lex *l, const char *word, size_t n);
/* The next byte of [p, end) that is not plain ASCII text of a string: a quote, a backslash, a control or a byte from 0x80. */
const char *json_lex_plain(const char *p, const char *end);
