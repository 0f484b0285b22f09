#pragma once
/* UTF-8 as RFC 3629 has it: shortest forms only, no surrogates, nothing over U+10FFFF. Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define UTF8_MAX 4u /* bytes of one character */

bool utf8_is_valid(struct slice s);
/* How many bytes from the start are valid: s.n when all are. A character that the end cuts is not. */
size_t utf8_valid_prefix(struct slice s);
/* Reads the character at the start of s: its bytes (1 to 4), or 0 where there is none or it is malformed. */
unsigned utf8_read(struct slice s, uint32_t *c);
/* Writes c to out (room for UTF8_MAX): bytes written; 0 for a surrogate or beyond U+10FFFF. */
unsigned utf8_write(uint32_t c, char *out);
