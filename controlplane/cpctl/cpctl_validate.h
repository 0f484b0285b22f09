#pragma once
/* Files checked here and offline, by the same code that the control plane runs. */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct cpctl;
struct cpctl_files;
struct diag_list;

struct cpctl_check {
    const char *single_environment; /* as apply_request; NULL: as the Stages say */
    bool implicit_stage;
};

/* CPCTL_OK, or CPCTL_FAILED: then diags (initialised by the caller) has errors, or the reason was told. */
MUST_USE int cpctl_check_files(struct cpctl *c, const struct cpctl_files *files, const struct cpctl_check *how,
                               struct diag_list *diags, size_t *documents);
