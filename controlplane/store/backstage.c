#include "store/backstage.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/must.h"

struct backstage {
    struct store *store;
    struct mailbox *mailbox;
    pthread_t thread;
    size_t depth, queue_max;   /* loop's */
    bool closing;              /* loop's */
    pthread_mutex_t lock;      /* guards what follows */
    pthread_cond_t wake;
    struct backstage_job *first, *last;
    bool stop;
};

/* NULL: nothing left and told to stop. */
static struct backstage_job *next_job(struct backstage *b)
{
    struct backstage_job *job;

    (void)pthread_mutex_lock(&b->lock);
    while (b->first == NULL && !b->stop)
        (void)pthread_cond_wait(&b->wake, &b->lock);
    job = b->first;
    if (job != NULL) {
        b->first = job->next;
        if (b->first == NULL)
            b->last = NULL;
    }
    (void)pthread_mutex_unlock(&b->lock);
    return job;
}

static void *thread_main(void *arg)
{
    struct backstage *b = arg;
    struct backstage_job *job;

    while ((job = next_job(b)) != NULL) {
        job->run(job, b->store);
        mailbox_post(b->mailbox, &job->mail);
    }
    return NULL;
}

static void deliver_cb(struct mail *m, void *arg)
{
    struct backstage *b = arg;
    struct backstage_job *job = CONTAINER_OF(m, struct backstage_job, mail);

    b->depth--;
    job->done(job);
}

/* The loop's thread takes signals; this one none. */
static int start_thread(struct backstage *b, struct err *e)
{
    sigset_t all, old;
    int rc;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&b->thread, NULL, thread_main, b);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "backstage: no thread");
}

int backstage_new(struct event_base *base, struct store *store, size_t queue_max, struct backstage **out, struct err *e)
{
    struct backstage *b = calloc(1, sizeof(*b));
    int rc;

    if (b == NULL)
        return err_set(e, ERR_NOMEM, "backstage");
    b->store = store;
    b->queue_max = queue_max;
    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_cond_init(&b->wake, NULL);
    rc = mailbox_new(base, deliver_cb, b, &b->mailbox, e);
    if (rc == 0)
        rc = start_thread(b, e);
    if (rc != 0) {
        if (b->mailbox != NULL)
            mailbox_free(b->mailbox, NULL);
        (void)pthread_cond_destroy(&b->wake);
        (void)pthread_mutex_destroy(&b->lock);
        free(b);
        return rc;
    }
    *out = b;
    return 0;
}

int backstage_submit(struct backstage *b, struct backstage_job *job)
{
    return b->depth >= b->queue_max ? -ERR_LIMIT : backstage_submit_own(b, job);
}

int backstage_submit_own(struct backstage *b, struct backstage_job *job)
{
    if (b->closing)
        return -ERR_LIMIT;
    b->depth++;
    job->next = NULL;
    (void)pthread_mutex_lock(&b->lock);
    if (b->last == NULL)
        b->first = job;
    else
        b->last->next = job;
    b->last = job;
    (void)pthread_cond_signal(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    return 0;
}

size_t backstage_depth(const struct backstage *b)
{
    return b->depth;
}

void backstage_free(struct backstage *b)
{
    if (b == NULL)
        return;
    b->closing = true;
    (void)pthread_mutex_lock(&b->lock);
    b->stop = true;
    (void)pthread_cond_signal(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    (void)pthread_join(b->thread, NULL);
    mailbox_free(b->mailbox, deliver_cb);
    (void)pthread_cond_destroy(&b->wake);
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
}
