#pragma once
/* What a mock may say. The control plane refuses by these rules and the node builds by them; there is one copy, so that they agree. Pure. */
#include <regex.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

#define MOCK_RULES_PATTERN_MAX 256u

/* The integer "statusCode" (at most nine digits) at the top of the object that a request template is. Lenient where AWS is: keys are
 * quoted either way or not at all, commas may be doubled, "foo}" ends the object, and what follows its end is not looked at; the last
 * one counts. 0 and *code, or -ERR_SYNTAX. */
MUST_USE int mock_rules_status(struct slice text, long *code);

/* The first reference or directive of Velocity: templates are literal text here, and one must not go out as text. */
bool mock_rules_find_velocity(struct slice text, size_t *offset, size_t *width);

/* A token, and not a header that the gateway itself answers for. */
bool mock_rules_header_is_settable(struct slice name);

/* A header's value: where its first control character is, or value.n. */
size_t mock_rules_value_end(struct slice value);

/* Compiles a pattern of status codes to a full match; \d is a digit. Bounded in length and repetitions. 0 and *out, which regfree ends,
 * or -ERR_INVALID. */
MUST_USE int mock_rules_compile(struct slice pattern, regex_t *out);
/* True without compiling, which takes longer than all the rest of a mock, for "201", "2\d{2}", "2..". */
bool mock_rules_pattern_is_simple(struct slice pattern);
