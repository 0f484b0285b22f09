#pragma once
/* Private to dev: one ephemeral gateway. */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cpctl/cpctl.h"
#include "cpctl/cpctl_api.h"
#include "cpctl/cpctl_child.h"
#include "cpctl/cpctl_files.h"
#include "cpctl/cpctl_watch.h"

#define CPCTL_DEV_START_MS 30000u    /* for a child to say where it listens; then it counts as broken */
#define CPCTL_DEV_STOP_MS 5000u      /* for a child to end on SIGTERM; then it is killed */
#define CPCTL_DEV_LIVE_MS 30000u     /* for a change to be live */
#define CPCTL_DEV_ENVIRONMENT "dev"

enum cpctl_dev_end {
    CPCTL_DEV_GOES_ON,
    CPCTL_DEV_STOPPED,   /* by a signal */
    CPCTL_DEV_BROKEN,    /* a child died, or something failed; it was told */
};

struct cpctl_dev {
    struct cpctl *c;
    const char *file;
    char dir[PATH_MAX];              /* temporary; "" before it is made */
    int dir_fd;                      /* locked as long as we live; -1: not yet */
    struct cpctl_child cp, dp;
    struct cpctl_api api;
    bool api_open;
    int signal_fd;
    struct cpctl_watch watch;
    bool watching;
    enum cpctl_dev_end end;
    struct buf text;                 /* of the file as it was last tried */
    struct vec documents;            /* struct cpctl_document: what is in force */
    struct arena kept;               /* their names, once the first change is over */
    char listen[128], admin[128];    /* of the node, once it is there */
};

/* Makes the temporary folder, and removes those that a killed dev has left. */
MUST_USE int cpctl_dev_folder(struct cpctl_dev *d);
/* Waits at most timeout_ms (-1: for long) for signals, logs, deaths and file events, and deals with all but the last. */
void cpctl_dev_pump(struct cpctl_dev *d, int timeout_ms);
/* Starts a child and waits until it has written addresses.json into state. CPCTL_OK, or d->end says why not. */
MUST_USE int cpctl_dev_start(struct cpctl_dev *d, struct cpctl_child *ch, const char *program, const char *const *argv,
                             const char *state, const struct json **addresses);
/* Ends the children, removes the folder, frees everything. */
void cpctl_dev_stop(struct cpctl_dev *d);

/* Applies the files: checked here first, then by the control plane; documents that are gone are deleted in the same revision.
 * CPCTL_OK: live, and what changed was told when `tell`. CPCTL_FAILED: told, and what was in force still is. */
MUST_USE int cpctl_dev_apply(struct cpctl_dev *d, const struct cpctl_files *files, bool tell);
/* The node answers 200 on /readyz: it has something live. CPCTL_OK, or d->end says why not. */
MUST_USE int cpctl_dev_wait_ready(struct cpctl_dev *d);
