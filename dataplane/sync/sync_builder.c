#include "sync/sync_builder.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

#define NICE 10
#define START_TRIES 8

struct sync_builder {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct sync_job *first, **last;  /* under lock */
    bool stop;                       /* under lock */
    struct mailbox *mailbox;
    void (*done)(void *arg, struct sync_job *job);
    void *arg;
    char *dir;
    uint64_t soak_ms;
    struct disk *disk;               /* the thread's own */
};

struct sync_job *sync_job_new(enum sync_job_type type)
{
    struct sync_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->type = type;
    atomic_init(&job->cancelled, false);
    return job;
}

void sync_job_free(struct sync_job *job)
{
    if (job == NULL)
        return;
    bundle_unref(job->bundle);
    snap_unref(job->base);
    snap_unref(job->snap);
    free(job);
}

/* ---- on the thread ----------------------------------------------------------------------------------------------------- */

static void note(const char *what, int rc, const struct err *e)
{
    if (rc != 0)
        LOG_WARN(what, LOG_STR("reason", e->text));
}

static int build(struct sync_builder *b, struct sync_job *job)
{
    struct err e;
    int rc;

    if (b->disk != NULL)
        note("attempt", disk_attempt_begin(b->disk, &job->bundle->version, &e), &e);
    rc = loader_build(job->bundle, job->base, &job->snap, &job->error);
    if (rc != 0 && b->disk != NULL)
        note("attempt", disk_attempt_clear(b->disk, &e), &e);
    return rc;
}

/* The newest bundle on disk that builds. One that does not is not tried again. */
static void start(struct sync_builder *b, struct sync_job *job)
{
    struct err e;

    job->rc = disk_open(b->dir, b->soak_ms, SLUICE_VERSION, &b->disk, &job->err);
    if (b->disk == NULL)
        return;
    for (int i = 0; i < START_TRIES && disk_choose(b->disk, &job->bundle, &e) == 0; i++) {
        if (build(b, job) == 0)
            return;
        LOG_WARN("a bundle on disk does not build", LOG_U64("revision", job->bundle->version.revision),
                 LOG_STR("key", job->error.key), LOG_STR("reason", job->error.message));
        note("reject", disk_reject(b->disk, &job->bundle->version, &e), &e);
        bundle_unref(TAKE(&job->bundle));
    }
}

static void run(struct sync_builder *b, struct sync_job *job)
{
    switch (job->type) {
    case SYNC_JOB_START:
        start(b, job);
        break;
    case SYNC_JOB_BUILD:
        if (atomic_load(&job->cancelled))
            job->rc = -ERR_CLOSED;
        else
            job->rc = build(b, job);
        break;
    case SYNC_JOB_SAVE:
        job->rc = b->disk == NULL ? err_set(&job->err, ERR_IO, "no disk") : disk_save(b->disk, job->bundle, &job->err);
        break;
    case SYNC_JOB_REJECT:
        if (b->disk != NULL)
            job->rc = disk_reject(b->disk, &job->version, &job->err);
        break;
    case SYNC_JOB_ATTEMPT:
        if (b->disk == NULL)
            break;
        job->rc = disk_attempt_clear(b->disk, &job->err);
        if (job->rc == 0)
            job->rc = disk_attempt_begin(b->disk, &job->version, &job->err);
        break;
    case SYNC_JOB_TICK:
        if (b->disk != NULL)
            job->rc = disk_attempt_tick(b->disk, clock_mono_ms(), job->healthy, &job->err);
        break;
    case SYNC_JOB_DROP:
        snap_unref(TAKE(&job->snap));
        break;
    }
    if (b->disk != NULL)
        disk_report(b->disk, &job->report);
}

static struct sync_job *next_job(struct sync_builder *b)
{
    struct sync_job *job;

    pthread_mutex_lock(&b->lock);
    while (b->first == NULL && !b->stop)
        pthread_cond_wait(&b->wake, &b->lock);
    job = b->stop ? NULL : b->first;
    if (job != NULL) {
        b->first = job->next;
        if (b->first == NULL)
            b->last = &b->first;
    }
    pthread_mutex_unlock(&b->lock);
    return job;
}

static void *main_cb(void *arg)
{
    struct sync_builder *b = arg;
    struct sync_job *job;
    struct err e;

    /* On Linux a thread has a priority of its own: building must not take the processor from serving. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    while ((job = next_job(b)) != NULL) {
        uint64_t began = clock_mono_us();

        run(b, job);
        job->took_us = clock_mono_us() - began;
        mailbox_post(b->mailbox, &job->mail);
    }
    if (b->disk != NULL)
        note("attempt", disk_attempt_clear(b->disk, &e), &e);
    return NULL;
}

/* ---- on the loop ---------------------------------------------------------------------------------------------------------- */

static void mail_cb(struct mail *m, void *arg)
{
    struct sync_builder *b = arg;
    struct sync_job *job = CONTAINER_OF(m, struct sync_job, mail);

    b->done(b->arg, job);
}

static void drop_cb(struct mail *m, void *arg)
{
    (void)arg;
    sync_job_free(CONTAINER_OF(m, struct sync_job, mail));
}

int sync_builder_new(struct event_base *base, const char *dir, uint64_t soak_ms,
                     void (*done)(void *arg, struct sync_job *job), void *arg, struct sync_builder **out, struct err *e)
{
    struct sync_builder *b = calloc(1, sizeof(*b));
    int rc;

    if (b == NULL)
        return err_set(e, ERR_NOMEM, "builder");
    b->last = &b->first;
    b->done = done;
    b->arg = arg;
    b->soak_ms = soak_ms;
    b->dir = strdup(dir);
    rc = b->dir == NULL ? err_set(e, ERR_NOMEM, "builder") : mailbox_new(base, mail_cb, b, &b->mailbox, e);
    if (rc != 0) {
        free(b->dir);
        free(b);
        return rc;
    }
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, NULL);
    rc = pthread_create(&b->thread, NULL, main_cb, b);
    if (rc != 0) {
        pthread_cond_destroy(&b->wake);
        pthread_mutex_destroy(&b->lock);
        mailbox_free(b->mailbox, NULL);
        free(b->dir);
        free(b);
        return err_set(e, ERR_IO, "no thread to build on");
    }
    *out = b;
    return 0;
}

void sync_builder_post(struct sync_builder *b, struct sync_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&b->lock);
    *b->last = job;
    b->last = &job->next;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

void sync_builder_free(struct sync_builder *b)
{
    if (b == NULL)
        return;
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    while (b->first != NULL) {
        struct sync_job *job = b->first;

        b->first = job->next;
        sync_job_free(job);
    }
    mailbox_free(b->mailbox, drop_cb);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    disk_close(b->disk);
    free(b->dir);
    free(b);
}
