#pragma once
/* Base64 (RFC 4648): standard with padding, and the URL alphabet without. Pure, strict: no white space, no other alphabet, padding
 * exactly where it belongs, unused bits zero: so each byte string has one text. */
#include "base/err.h"
#include "base/slice.h"

enum b64_kind { B64_STANDARD, B64_URL };

/* Characters that n bytes take (room for a NUL not counted). n is at most SIZE_MAX / 2. */
size_t b64_encoded_size(size_t n, enum b64_kind kind);
/* Most bytes that n characters decode to. */
size_t b64_decoded_max(size_t n);
/* Writes b64_encoded_size characters, no NUL. Returns their number. */
size_t b64_encode(struct slice s, enum b64_kind kind, char *out);
/* 0 with *n bytes in out (room for b64_decoded_max; out may be s.p), or -ERR_SYNTAX. */
MUST_USE int b64_decode(struct slice s, enum b64_kind kind, char *out, size_t *n);
