#pragma once
/* The spec files that -f names, read into memory. */
#include "base/vec.h"
#include "cpctl/cpctl.h"

#define CPCTL_FILES_MAX 10000u /* files of one call; more is refused */

struct cpctl_file {
    const char *name;      /* as diagnostics name it */
    struct slice text;
};

struct cpctl_files {
    struct vec files;      /* struct cpctl_file; texts and names are freed by cpctl_files_fini */
    size_t bytes;
};

/* Reads all of c->files: a file, "-" (standard input, once), or a folder's *.yaml, *.yml and *.json by name, not hidden.
 * Errors are told; an exit status, with nothing to free unless 0. */
MUST_USE int cpctl_files_load(struct cpctl *c, struct cpctl_files *out);
void cpctl_files_fini(struct cpctl_files *f);
