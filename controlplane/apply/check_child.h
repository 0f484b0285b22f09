#pragma once
/* Proves a bundle by the node's own code, in a process that may crash or hang without harm: `sluice-dataplane
 * --check-bundle` with the bundle on its standard input. Blocking. */
#include <stdint.h>

#include "base/err.h"
#include "bundle/bundle.h"

#define CHECK_CHILD_MS 30000u   /* then it is killed and the bundle is refused */

struct check_verdict {
    char type[33], key[513], field[129], message[513];   /* of a refusal */
};

/* 0: the node would serve it. -ERR_INVALID: the child refused it (*v says what), crashed, hung or talked nonsense.
 * -ERR_IO: it could not be started. */
MUST_USE int check_child(const char *program, const struct bundle *b, uint32_t timeout_ms, struct check_verdict *v,
                         struct err *e);
