#pragma once
/* Settings of a daemon from one table: command line, then environment, then file, then default.
 * "--push-listen ADDR", SLUICE_PUSH_LISTEN, and "push-listen: ADDR" in the file given by --config are the same setting. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum opt_type { OPT_STRING, OPT_FLAG, OPT_U64 };
enum opt_source { OPT_FROM_DEFAULT, OPT_FROM_FILE, OPT_FROM_ENV, OPT_FROM_FLAG };

struct opt {
    const char *name;      /* "push-listen" */
    enum opt_type type;
    const char *arg;       /* shown in --help: "ADDR:PORT"; NULL for flags */
    const char *help;      /* one line */
    void *out;             /* const char ** (allocated, lives as long as the process), bool *, uint64_t * */
    uint64_t min, max;     /* OPT_U64 */
    enum opt_source source; /* filled by opt_parse */
};

/* opts ends with name NULL. Handles --config FILE itself; "--" ends options; stops at the first word that is no
 * option. Returns the index of the first word left, or -ERR_INVALID with the reason (exit 2). --help and --version are
 * for the caller: declare them as flags. env_prefix: "SLUICE_" (may be NULL: no environment). */
MUST_USE int opt_parse(struct opt *opts, int argc, char **argv, const char *env_prefix, struct err *e);
/* Prints "  --name ARG   help" lines to stdout. */
void opt_help(const struct opt *opts);
/* Prints every setting, its value and where it came from. Secrets have no place in settings. */
void opt_print(const struct opt *opts);
