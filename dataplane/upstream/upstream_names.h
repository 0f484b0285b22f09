#pragma once
/* Which names a snapshot wants resolved. */
#include "base/vec.h"
#include "snapshot/snap.h"

/* Appends a struct slice for each endpoint that is named, not numbered; each name once. They point into the snapshot. -ERR_NOMEM. */
MUST_USE int upstream_names(const struct snap *s, struct vec *out);
