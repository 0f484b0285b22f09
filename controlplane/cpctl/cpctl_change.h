#pragma once
/* What apply, delete, stage set and rollback have in common: they ask for a change, say what it did, and may wait. */
#include "base/buf.h"
#include "cpctl/cpctl.h"
#include "cpctl/cpctl_api.h"
#include "text/json.h"

/* Sends it, shows the changes and the revision, warnings on c->err; with --wait waits for the rollouts. An exit status. */
MUST_USE int cpctl_change(struct cpctl_api *a, const char *method, const char *target, const struct buf *body);
/* The members of a request that --dry-run and -m stand for. */
void cpctl_change_options(struct cpctl *c, struct json_writer *w);
/* "30s", "500ms", "2m", "1h30m", "7d", "45" (seconds). False: it is none, or over a year. */
bool cpctl_duration(const char *text, uint64_t *ms);
/* A whole number from an option, or `otherwise` when it was not given. Errors are told: CPCTL_WRONG. */
MUST_USE int cpctl_number(struct cpctl *c, enum cpctl_opt opt, uint64_t min, uint64_t max, uint64_t otherwise, uint64_t *out);
/* --timeout, or the default. */
MUST_USE int cpctl_timeout(struct cpctl *c, uint64_t *ms);
