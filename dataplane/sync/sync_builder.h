#pragma once
/* The thread that builds snapshots and owns the disk. Jobs go in, one answer each comes back on the loop's thread, in order. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "loader/loader.h"
#include "loader/loader_disk.h"
#include "net/mailbox.h"

struct event_base;
struct sync_builder;

enum sync_job_type {
    SYNC_JOB_START,      /* open the disk; bundle and snap: the newest that builds, or NULL */
    SYNC_JOB_BUILD,      /* bundle over base: snap or error */
    SYNC_JOB_SAVE,       /* bundle to disk: rc */
    SYNC_JOB_REJECT,     /* version */
    SYNC_JOB_ATTEMPT,    /* version is what is served again: its attempt is written down */
    SYNC_JOB_TICK,       /* healthy: the soak goes on */
    SYNC_JOB_DROP,       /* snap is let go, where freeing it stalls nobody */
};

struct sync_job {
    struct mail mail;
    struct sync_job *next;
    enum sync_job_type type;
    uint64_t id;
    atomic_bool cancelled;
    struct bundle *bundle;           /* owned */
    struct snap *base, *snap;        /* owned */
    struct bundle_version version;
    bool healthy;
    int rc;
    struct loader_error error;       /* BUILD with rc != 0 */
    struct err err;                  /* the others */
    uint64_t took_us;
    struct disk_report report;       /* after each job that touches the disk */
};

MUST_USE int sync_builder_new(struct event_base *base, const char *dir, uint64_t soak_ms,
                              void (*done)(void *arg, struct sync_job *job), void *arg, struct sync_builder **out,
                              struct err *e);
/* Ends the thread after the job at hand; what waits is dropped; an orderly end is written to the disk. */
void sync_builder_free(struct sync_builder *b);
struct sync_job *sync_job_new(enum sync_job_type type);   /* NULL: no memory */
void sync_job_free(struct sync_job *job);
void sync_builder_post(struct sync_builder *b, struct sync_job *job);
