#pragma once
/* Tells when a file may have changed: written in place, replaced by rename, or the target of a symbolic link exchanged.
 * Writing twice in a row is one change: it is told when all has been quiet for CPCTL_WATCH_SETTLE_MS. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CPCTL_WATCH_SETTLE_MS 50u
#define CPCTL_WATCH_SETTLE_MAX_MS 1000u /* a folder that is never quiet is looked at all the same */

struct cpctl_watch {
    int fd;                /* poll it for reading */
    char *name;            /* the file's name in its folder */
    bool is_link;          /* any event in the folders counts */
    uint64_t first, last;  /* when the events not yet told came; 0: none */
};

MUST_USE int cpctl_watch_open(struct cpctl_watch *w, const char *path, struct err *e);
void cpctl_watch_close(struct cpctl_watch *w);
/* Takes what fd has. now: clock_mono_ms. */
void cpctl_watch_read(struct cpctl_watch *w, uint64_t now);
/* Milliseconds until a change is due, -1: none is under way. */
int cpctl_watch_due(const struct cpctl_watch *w, uint64_t now);
/* True once for each change that is due. */
bool cpctl_watch_take(struct cpctl_watch *w, uint64_t now);
