#pragma once
/* Private to loader_disk*.c. */
#include <limits.h>

#include "loader/loader_disk.h"

#define DISK_FILES_MAX 64u /* bundle files that are looked at; of more, the newest */

#define DISK_CRASHED_MAX 8u /* versions that this node crashed on once; the oldest is forgotten */

struct disk_crash {
    struct bundle_version version;
    uint32_t count;
};

/* What survives a restart. */
struct disk_state {
    char software[64];                  /* what wrote it; another program has its own crashes and refusals to make */
    uint64_t restart_count;
    bool has_attempt;
    struct bundle_version attempt;
    uint32_t attempt_count;             /* starts with this attempt, this one included */
    struct disk_crash crashed[DISK_CRASHED_MAX];        /* oldest first; not the attempt */
    size_t n_crashed;
    struct bundle_version good[DISK_GOOD_MAX];          /* oldest first */
    size_t n_good;
    struct bundle_version rejected[DISK_REJECTED_MAX];  /* oldest first */
    size_t n_rejected;
};

struct disk_file {
    uint64_t epoch, revision;
};

struct disk {
    char dir[PATH_MAX - 128];
    uint64_t soak_ms;
    struct disk_state state;
    bool dirty;                         /* the state on disk is older than this one */
    bool begun;                         /* the attempt is this run's */
    bool healthy;
    uint64_t healthy_since_ms;
    struct disk_file files[DISK_FILES_MAX]; /* newest first */
    size_t n_files;
    bool has_stored;
    struct bundle_version stored;
};

/* loader_disk_state.c. *s is zeroed where there is no file. -ERR_SYNTAX: damaged. */
MUST_USE int disk_state_read(const char *dir, struct disk_state *s, struct err *e);
MUST_USE int disk_state_write(const char *dir, const struct disk_state *s, struct err *e);
/* Sets of versions, oldest first; at the bound the oldest goes. */
bool disk_set_has(const struct bundle_version *set, size_t n, const struct bundle_version *v);
void disk_set_add(struct bundle_version *set, size_t *n, size_t max, const struct bundle_version *v);
void disk_set_del(struct bundle_version *set, size_t *n, const struct bundle_version *v);

/* loader_disk_files.c: which bundle files there are. */
void disk_files_scan(struct disk *d);
void disk_files_add(struct disk *d, uint64_t epoch, uint64_t revision);
/* "<dir>/gen-<epoch>-<revision>.bundle" */
void disk_file_path(const struct disk *d, const struct disk_file *f, char out[PATH_MAX]);
/* Takes files[i] out of the list; and off the disk, or to .bad. */
void disk_file_drop(struct disk *d, size_t i, bool unlink_it);
void disk_file_bad(struct disk *d, size_t i);
/* What is over the bounds goes: good ones stay, the newest and the attempted candidate, others while there is room. */
void disk_files_prune(struct disk *d);
