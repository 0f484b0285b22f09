#pragma once
/* The one thread that may block: store, compiler, check child. Jobs run in the order they were handed in, one at a
 * time; each comes back to the loop by mailbox. The queue is bounded. */
#include <stddef.h>

#include "base/err.h"
#include "net/mailbox.h"
#include "store/store.h"

struct event_base;
struct backstage;

/* Embedded in what a caller wants done. */
struct backstage_job {
    void (*run)(struct backstage_job *job, struct store *s);   /* on the backstage thread */
    void (*done)(struct backstage_job *job);                   /* on the loop, exactly once; frees the job */
    /* backstage's own: */
    struct backstage_job *next;
    struct mail mail;
};

/* store stays the caller's; from now on only this thread touches it. queue_max: jobs waiting or running. */
MUST_USE int backstage_new(struct event_base *base, struct store *store, size_t queue_max, struct backstage **out,
                           struct err *e);
/* Loop only. -ERR_LIMIT: the queue is full, the job stays the caller's. */
MUST_USE int backstage_submit(struct backstage *b, struct backstage_job *job);
/* For the few jobs that the control plane itself needs done: the bound does not hold for them. -ERR_LIMIT: it is closing. */
MUST_USE int backstage_submit_own(struct backstage *b, struct backstage_job *job);
/* Jobs handed in whose done was not called yet. Loop only. */
size_t backstage_depth(const struct backstage *b);
/* Runs what is queued to its end, calls every done, joins the thread. Jobs submitted meanwhile are refused. Loop's thread. */
void backstage_free(struct backstage *b);
