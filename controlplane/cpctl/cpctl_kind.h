#pragma once
/* The kinds of things that `get`, `describe` and `delete` speak of, by any of their names. */
#include <stdbool.h>
#include <stddef.h>

enum cpctl_source {
    CPCTL_FROM_DOCUMENTS, /* written in files, kept by the control plane */
    CPCTL_FROM_ROUTES,    /* found inside Api documents */
    CPCTL_FROM_REVISIONS,
    CPCTL_FROM_NODES,
    CPCTL_FROM_TOKENS,
    CPCTL_FROM_ROLLOUTS,
};

struct cpctl_kind {
    const char *plural, *singular, *brief; /* brief may be "" */
    const char *kind;                      /* documents: "Api" */
    enum cpctl_source source;
};

extern const struct cpctl_kind cpctl_kinds[];
extern const size_t cpctl_n_kinds;

/* Any name, any case; NULL when there is none such. */
const struct cpctl_kind *cpctl_kind_find(const char *name);
/* The name that is nearest to a wrong one, or NULL. */
const char *cpctl_kind_near(const char *name);
/* "Api" to "api": how apply and delete show documents. kind need not be known: then it is lower-cased into scratch. */
const char *cpctl_kind_show(const char *kind, char *scratch, size_t size);
