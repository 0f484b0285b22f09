#pragma once
/* A bundle becomes a snapshot: decode, check, build; parts in which nothing changed are shared with an earlier one.
 * Builder thread (or a check's process) only: takes milliseconds to seconds. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bundle/bundle.h"
#include "snapshot/snap.h"

/* Numbers are push.proto's ConfigError.Code. */
enum loader_code {
    LOADER_OK = 0,
    LOADER_HASH_MISMATCH = 2,
    LOADER_DECODE = 3,
    LOADER_SCHEMA_UNSUPPORTED = 4,
    LOADER_CAPABILITY_MISSING = 5,
    LOADER_LIMIT_EXCEEDED = 6,
    LOADER_INVALID_RESOURCE = 7,
    LOADER_DANGLING_REFERENCE = 8,
    LOADER_NO_MEMORY = 9,
    LOADER_INTERNAL = 16,
};

struct loader_error {
    int code;            /* enum loader_code */
    char type[33];       /* of the resource; empty: the bundle as a whole */
    char key[513];       /* cut at a character's border */
    char field[129];     /* "uri" */
    char message[513];   /* no secrets */
    bool retryable;      /* the same version may be tried again */
};

/* base (may be NULL) is what was built last; parts without a changed resource are shared with it. 0: *out has one reference.
 * Else -ERR_X with *e filled and *out untouched. */
MUST_USE int loader_build(const struct bundle *b, struct snap *base, struct snap **out, struct loader_error *e);

/* For `sluice-dataplane --check-bundle`: sets limits on its own process (memory, CPU time, files), reads a bundle file from fd,
 * builds it, prints one line of JSON on standard output: {"ok":true,"routes":n,"upstreams":n,"parts":n,"bytes":n} or
 * {"ok":false,"code":n,"type":"","key":"","field":"","message":"","retryable":false}. Returns the exit code: 0 good, 1 not. */
int loader_check_main(int fd);
