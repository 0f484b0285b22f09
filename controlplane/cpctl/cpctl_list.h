#pragma once
/* Lists of things, each with its own columns. */
#include "cpctl/cpctl.h"
#include "cpctl/cpctl_api.h"
#include "text/json.h"

MUST_USE int cpctl_list_revisions(struct cpctl_api *a);
MUST_USE int cpctl_list_nodes(struct cpctl_api *a);
MUST_USE int cpctl_list_tokens(struct cpctl_api *a);
/* Of an Api, or of all (NULL). */
MUST_USE int cpctl_list_routes(struct cpctl_api *a, const char *api);
/* Documents of a kind ("Api"). */
MUST_USE int cpctl_list_documents(struct cpctl_api *a, const char *kind);

/* The spec of a document as the API tells it, NULL when it has none. */
const struct json *cpctl_document_spec(const struct json *document);
/* Members of an object as "name: value" lines, without those in omit (ends with NULL; may be NULL). */
void cpctl_facts(struct cpctl *c, const struct json *object, const char *const *omit);
/* "3m", "2h", "5d": how long ago (or ahead) a time like 2026-11-20T13:20:00.123Z is; the text itself when it is no time. */
const char *cpctl_ago(struct cpctl *c, const char *time);
