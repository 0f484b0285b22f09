#include "upstream/upstream_dns.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "upstream/upstream.h"

struct name {
    struct name *next;
    bool wanted, asked;
    struct sock_addr addresses[UPSTREAM_ADDRESSES_MAX];
    size_t n;
    uint64_t asked_ms;
    size_t text_n;
    char text[];
};

struct upstream_resolver {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned refresh_ms;
    upstream_resolved_fn fn;
    void *arg;
    struct name *names;   /* under the lock; only the thread removes and fills */
    bool stop;
};

static size_t look_up(const char *host, struct sock_addr out[UPSTREAM_ADDRESSES_MAX])
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;
    size_t n = 0;

    if (getaddrinfo(host, NULL, &hints, &all) != 0)
        return 0;
    for (struct addrinfo *a = all; a != NULL && n < UPSTREAM_ADDRESSES_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof(out[n].ss))
            continue;
        memset(&out[n], 0, sizeof(out[n]));
        memcpy(&out[n].ss, a->ai_addr, a->ai_addrlen);
        out[n++].len = a->ai_addrlen;
    }
    freeaddrinfo(all);
    return n;
}

static bool is_same(const struct name *m, const struct sock_addr *a, size_t n)
{
    return m->n == n && memcmp(m->addresses, a, n * sizeof(*a)) == 0;
}

/* Under the lock, which it gives up while it asks. Only this thread frees names, so m stays. */
static void ask(struct upstream_resolver *r, struct name *m)
{
    struct sock_addr found[UPSTREAM_ADDRESSES_MAX];
    bool first = !m->asked, tell;
    size_t n;

    memset(found, 0, sizeof(found));
    (void)pthread_mutex_unlock(&r->lock);
    n = look_up(m->text, found);
    (void)pthread_mutex_lock(&r->lock);
    m->asked = true;
    m->asked_ms = clock_mono_ms();
    tell = n == 0 ? first : !is_same(m, found, n);
    if (n == 0)
        LOG_WARN("name not resolved", LOG_STR("host", m->text), LOG_U64("kept", m->n));
    if (!tell)
        return;
    if (n != 0) {
        memcpy(m->addresses, found, sizeof(found));
        m->n = n;
    }
    (void)pthread_mutex_unlock(&r->lock);
    r->fn(r->arg, slice_from(m->text, m->text_n), found, n);
    (void)pthread_mutex_lock(&r->lock);
}

/* One name that is due; NULL: none. *wait_ms: until the next. Drops what nobody wants. */
static struct name *next_due(struct upstream_resolver *r, uint64_t *wait_ms)
{
    uint64_t now = clock_mono_ms();
    struct name **at = &r->names;

    *wait_ms = 3600000;
    while (*at != NULL) {
        struct name *m = *at;
        uint64_t due = m->asked_ms + (m->n == 0 && m->asked ? 2000 : r->refresh_ms);

        if (!m->wanted) {
            *at = m->next;
            free(m);
            continue;
        }
        if (!m->asked || due <= now)
            return m;
        if (due - now < *wait_ms)
            *wait_ms = due - now;
        at = &m->next;
    }
    return NULL;
}

static void *run(void *arg)
{
    struct upstream_resolver *r = arg;

    (void)pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        uint64_t wait_ms;
        struct name *m = next_due(r, &wait_ms);
        struct timespec until;

        if (m != NULL) {
            ask(r, m);
            continue;
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)(wait_ms / 1000);
        until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        (void)pthread_cond_timedwait(&r->changed, &r->lock, &until);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

int upstream_resolver_new(unsigned refresh_ms, upstream_resolved_fn fn, void *arg, struct upstream_resolver **out, struct err *e)
{
    struct upstream_resolver *r = calloc(1, sizeof(*r));
    pthread_condattr_t attr;
    int rc;

    if (r == NULL)
        return err_set(e, ERR_NOMEM, "resolver");
    r->refresh_ms = refresh_ms;
    r->fn = fn;
    r->arg = arg;
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    rc = pthread_create(&r->thread, NULL, run, r);
    if (rc != 0) {
        (void)pthread_mutex_destroy(&r->lock);
        (void)pthread_cond_destroy(&r->changed);
        free(r);
        errno = rc;
        return err_errno(e, "resolver thread");
    }
    *out = r;
    return 0;
}

static struct name *find(struct upstream_resolver *r, struct slice text)
{
    struct name *m = r->names;

    while (m != NULL && !slice_eq(slice_from(m->text, m->text_n), text))
        m = m->next;
    return m;
}

int upstream_resolver_set(struct upstream_resolver *r, const struct slice *names, size_t n)
{
    int rc = 0;

    (void)pthread_mutex_lock(&r->lock);
    for (struct name *m = r->names; m != NULL; m = m->next)
        m->wanted = false;
    for (size_t i = 0; i < n; i++) {
        struct name *m = find(r, names[i]);

        if (m == NULL) {
            m = calloc(1, sizeof(*m) + names[i].n + 1);
            if (m == NULL) {
                rc = -ERR_NOMEM;
                continue;
            }
            memcpy(m->text, names[i].p, names[i].n);
            m->text_n = names[i].n;
            m->next = r->names;
            r->names = m;
        }
        m->wanted = true;
    }
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
    return rc;
}

void upstream_resolver_free(struct upstream_resolver *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&r->lock);
    r->stop = true;
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_join(r->thread, NULL);
    while (r->names != NULL) {
        struct name *m = r->names;

        r->names = m->next;
        free(m);
    }
    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}
