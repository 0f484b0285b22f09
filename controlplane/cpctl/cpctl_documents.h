#pragma once
/* Which documents files hold: kind and name, without judging what is in them. */
#include "base/vec.h"
#include "cpctl/cpctl.h"
#include "cpctl/cpctl_files.h"
#include "text/json.h"

struct cpctl_document {
    const char *kind, *name; /* "Stage", "shop/prod"; in the call's arena */
};

/* Appends to out (struct cpctl_document), in the files' order. What is no document at all is told: an exit status. */
MUST_USE int cpctl_documents(struct cpctl *c, const struct cpctl_files *files, struct vec *out);
/* A member of a request: [{"kind": ..., "name": ...}]. */
void cpctl_documents_put(struct json_writer *w, const char *key, const struct vec *documents);
