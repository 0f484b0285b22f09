#pragma once
/* Rollouts: what they look like, and waiting for one to end. */
#include <stdbool.h>
#include <stdint.h>

#include "cpctl/cpctl.h"
#include "cpctl/cpctl_api.h"
#include "text/json.h"

/* Waiting, with one deadline for several environments. Progress goes to c->err, on a terminal only, after a second. */
struct cpctl_wait {
    struct cpctl_api *api;
    uint64_t began_ms, deadline_ms;   /* clock_mono_ms */
    bool shown;                       /* a progress line stands on the terminal */
    bool quiet;                       /* say nothing at all, not even how it ended (dev) */
};

void cpctl_wait_init(struct cpctl_wait *w, struct cpctl_api *api, uint64_t timeout_ms);
/* Until `environment` runs revision or a later one, that failed, or time is up. *out: the rollout as it was last seen. CPCTL_OK
 * when it is live; else the reason was told: the refusing node, resource and reason, or who is missing. */
MUST_USE int cpctl_wait_live(struct cpctl_wait *w, const char *environment, uint64_t revision, const struct json **out);
/* "2 nodes at revision 42" or why not, for people. */
void cpctl_rollout_line(struct cpctl *c, FILE *to, const struct json *rollout);
/* Has it failed? */
bool cpctl_rollout_failed(struct cpctl *c, const struct json *rollout);
/* Why it failed, on c->err. */
void cpctl_rollout_reason(struct cpctl *c, const struct json *rollout);
