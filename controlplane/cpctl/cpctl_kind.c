#include "cpctl/cpctl_kind.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "base/must.h"
#include "diag/diag_near.h"

const struct cpctl_kind cpctl_kinds[] = {
    {"apis", "api", "", "Api", CPCTL_FROM_DOCUMENTS},
    {"stages", "stage", "st", "Stage", CPCTL_FROM_DOCUMENTS},
    {"upstreams", "upstream", "up", "Upstream", CPCTL_FROM_DOCUMENTS},
    {"routes", "route", "rt", NULL, CPCTL_FROM_ROUTES},
    {"revisions", "revision", "rev", NULL, CPCTL_FROM_REVISIONS},
    {"nodes", "node", "no", NULL, CPCTL_FROM_NODES},
    {"tokens", "token", "tok", NULL, CPCTL_FROM_TOKENS},
    {"rollouts", "rollout", "ro", NULL, CPCTL_FROM_ROLLOUTS},
};

const size_t cpctl_n_kinds = ARRAY_LEN(cpctl_kinds);

const struct cpctl_kind *cpctl_kind_find(const char *name)
{
    for (size_t i = 0; i < cpctl_n_kinds; i++) {
        const struct cpctl_kind *k = &cpctl_kinds[i];

        if (strcasecmp(name, k->plural) == 0 || strcasecmp(name, k->singular) == 0 ||
            (*name != '\0' && strcasecmp(name, k->brief) == 0))
            return k;
    }
    return NULL;
}

const char *cpctl_kind_near(const char *name)
{
    struct diag_near near;

    diag_near_init(&near, slice_of(name));
    for (size_t i = 0; i < cpctl_n_kinds; i++) {
        diag_near_offer(&near, slice_of(cpctl_kinds[i].plural));
        diag_near_offer(&near, slice_of(cpctl_kinds[i].singular));
    }
    return near.best.n == 0 ? NULL : near.best.p;
}

const char *cpctl_kind_show(const char *kind, char *scratch, size_t size)
{
    size_t n;

    (void)snprintf(scratch, size, "%s", kind);
    for (n = 0; scratch[n] != '\0'; n++)
        scratch[n] = (char)tolower((unsigned char)scratch[n]);
    return scratch;
}
