#pragma once
/* What several commands do with files and with differences. */
#include <stdbool.h>

#include "cpctl/cpctl.h"
#include "text/json.h"

struct cpctl_files;

/* The member "files" of a request. */
void cpctl_upload_files(struct json_writer *w, const struct cpctl_files *files);
/* A unified diff to c->out, in colours where they are wanted. */
void cpctl_diff_print(struct cpctl *c, struct slice text);
/* Prints the differences of an answer of /v1/diff and its kin (for tables); the number of documents that differ. */
size_t cpctl_diff_changes(struct cpctl *c, const struct json *answer);
