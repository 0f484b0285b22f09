#pragma once
/* The node's last good bundles on its disk, and what it must remember of its own crashes.
 *
 *   <dir>/gen-<epoch>-<revision>.bundle   at most DISK_GOOD_MAX good ones, and the newest that is not proven yet
 *   <dir>/state                           small text under a hash: restarts, attempt, crashed, good, rejected
 *
 * A bundle is a candidate when it is saved, and good when the node has been healthy on it for the soak time. Before a bundle is
 * served its attempt is written down; an attempt that is still there at the next start is a crash; after two crashes the
 * bundle is rejected and not tried a third time. Corrupt files are renamed to .bad.
 *
 * Files are 0600. One owner at a time, blocking: not on a worker, not on the main loop. Nothing here stops a node from
 * serving: an error is for the health page. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bundle/bundle.h"

#define DISK_GOOD_MAX 3u
#define DISK_REJECTED_MAX 8u  /* the oldest is forgotten */
#define DISK_CRASHES_MAX 2u
#define DISK_SOAK_MS 60000u

struct disk;

/* Reads the state, counts this start, judges an attempt that the last run left. soak_ms: DISK_SOAK_MS but in tests. software: a
 * version without blanks; what another one crashed on or refused may be tried again (push.md 3.3).
 * 0 and *out also where the folder cannot be written: *e then says why (e->code is not ERR_NONE), and disk_choose still reads.
 * -ERR_NOMEM, -ERR_LIMIT (the folder's name). */
MUST_USE int disk_open(const char *dir, uint64_t soak_ms, const char *software, struct disk **out, struct err *e);
void disk_close(struct disk *d); /* NULL is fine; touches no file */

/* The newest bundle that is neither rejected nor corrupt. -ERR_NOTFOUND: none. *out gets one reference. Whether it is meant for
 * this node (cluster, environment) is for the caller to see. Called again after a reject: the next older one. */
MUST_USE int disk_choose(struct disk *d, struct bundle **out, struct err *e);
/* Before v is served (or built from disk): write the attempt down. Counts once a run; the same version again in the next run
 * counts on. On an error serve all the same. */
MUST_USE int disk_attempt_begin(struct disk *d, const struct bundle_version *v, struct err *e);
/* Every few seconds: after soak_ms of health without a gap the attempt is cleared and its bundle is good. Also writes the state
 * again that could not be written before. */
MUST_USE int disk_attempt_tick(struct disk *d, uint64_t now_ms, bool healthy, struct err *e);
/* An orderly end (or a build that was refused, not crashed on): the attempt was no crash. Does not make it good, and does not
 * take back crashes of earlier runs. */
MUST_USE int disk_attempt_clear(struct disk *d, struct err *e);
/* Keeps b as a candidate and drops what is over the bounds. 0: it is durable. */
MUST_USE int disk_save(struct disk *d, const struct bundle *b, struct err *e);
/* Not to be tried again; its file goes. */
MUST_USE int disk_reject(struct disk *d, const struct bundle_version *v, struct err *e);
bool disk_is_rejected(const struct disk *d, const struct bundle_version *v);

/* What Hello says of it. */
struct disk_report {
    uint64_t restart_count;
    bool has_stored;
    struct bundle_version stored;   /* newest bundle on disk that was read or written by this run */
    size_t n_rejected;
    struct bundle_version rejected[DISK_REJECTED_MAX]; /* oldest first */
    bool has_attempt;
    struct bundle_version attempt;
};
void disk_report(const struct disk *d, struct disk_report *out);
