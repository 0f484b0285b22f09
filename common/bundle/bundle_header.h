#pragma once
/* The bytes of push.proto's BundleHeader, written and read by hand so that both planes agree on every one of them.
 * Canonical: fields in number order, defaults left out, nothing unknown. */
#include "base/slice.h"
#include "bundle/bundle.h"

/* Bytes written to out, or -ERR_LIMIT when they are more than BUNDLE_HEADER_MAX. */
MUST_USE int bundle_header_encode(const struct bundle *b, uint8_t out[BUNDLE_HEADER_MAX]);
/* Fills the header's fields of *out (not ref, not table). -ERR_SYNTAX, -ERR_LIMIT with *e filled. */
MUST_USE int bundle_header_decode(struct slice bytes, struct bundle *out, struct err *e);
