#pragma once
/* SHA-256. The algorithm is fetched once a process (a fetch per call takes a global lock in OpenSSL 3.0). Any thread.
 * None of these fail: without SHA-256, or memory for a hash state, the process aborts. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define DIGEST_SHA256 32
#define DIGEST_SHA256_HEX 64 /* characters, without the NUL */

struct evp_md_ctx_st;

/* Incremental. One owner. */
struct digest {
    struct evp_md_ctx_st *ctx;
};

void digest_sha256(const void *p, size_t n, uint8_t out[DIGEST_SHA256]);
/* Over the parts one behind the other. */
void digest_sha256_parts(const struct slice *parts, size_t n, uint8_t out[DIGEST_SHA256]);

void digest_init(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t n);
/* Gives the hash of what was added; afterwards d is as after digest_init. */
void digest_end(struct digest *d, uint8_t out[DIGEST_SHA256]);
/* Safe on a zeroed struct. */
void digest_fini(struct digest *d);

/* Lower-case hexadecimal; out has room for 2 * n + 1 bytes. */
void digest_hex(const void *p, size_t n, char *out);
/* Exactly 2 * n hexadecimal digits of either case: true and out filled. */
bool digest_unhex(struct slice text, void *out, size_t n);
