#include "net/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/ref.h"

/* Shared by the loop and the thread; getaddrinfo cannot be stopped, so whoever lets go last frees it. */
struct resolve {
    struct ref ref;
    int done_fd;
    char host[SOCK_HOST_MAX], port[8];
    struct sock_addr addrs[RESOLVE_MAX];
    size_t n;
    char why[160];
    /* the loop's */
    struct event *ev;
    resolve_cb cb;
    void *arg;
};

static void let_go(struct resolve *r)
{
    if (!ref_drop(&r->ref))
        return;
    (void)close(r->done_fd);
    free(r);
}

static void *thread_main(void *arg)
{
    struct resolve *r = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    uint64_t one = 1;
    int rc = getaddrinfo(r->host, r->port, &hints, &list);

    if (rc != 0)
        (void)snprintf(r->why, sizeof(r->why), "look up %.100s: %s", r->host, gai_strerror(rc));
    for (struct addrinfo *a = list; a != NULL && r->n < RESOLVE_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof(r->addrs[0].ss))
            continue;
        memcpy(&r->addrs[r->n].ss, a->ai_addr, a->ai_addrlen);
        r->addrs[r->n++].len = a->ai_addrlen;
    }
    if (list != NULL)
        freeaddrinfo(list);
    if (write(r->done_fd, &one, sizeof(one)) < 0)
        (void)0; /* an eventfd at 0 takes a 1 */
    let_go(r);
    return NULL;
}

static void done_cb(evutil_socket_t fd, short what, void *arg)
{
    struct resolve *r = arg;
    uint64_t n;

    (void)what;
    if (read(fd, &n, sizeof(n)) < 0)
        return;
    event_free(r->ev);
    r->cb(r->addrs, r->n, r->why, r->arg);
    let_go(r);
}

static int start_thread(struct resolve *r)
{
    pthread_attr_t attr;
    pthread_t t;
    int rc = pthread_attr_init(&attr);

    if (rc != 0)
        return rc;
    rc = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    ref_take(&r->ref);
    if (rc == 0)
        rc = pthread_create(&t, &attr, thread_main, r);
    if (rc != 0)
        (void)ref_drop(&r->ref);
    (void)pthread_attr_destroy(&attr);
    return rc;
}

int resolve_start(struct event_base *base, const char *host, uint16_t port, resolve_cb cb, void *arg,
                  struct resolve **out, struct err *e)
{
    struct resolve *r;

    if (strlen(host) >= SOCK_HOST_MAX || host[0] == '\0')
        return err_set(e, ERR_INVALID, "a bad host name");
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        return err_set(e, ERR_NOMEM, "look up");
    ref_init(&r->ref);
    (void)snprintf(r->host, sizeof(r->host), "%s", host);
    (void)snprintf(r->port, sizeof(r->port), "%u", port);
    r->cb = cb;
    r->arg = arg;
    r->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (r->done_fd < 0) {
        free(r);
        return err_errno(e, "eventfd");
    }
    r->ev = event_new(base, r->done_fd, EV_READ | EV_PERSIST, done_cb, r);
    if (r->ev == NULL || event_add(r->ev, NULL) != 0 || start_thread(r) != 0) {
        if (r->ev != NULL)
            event_free(r->ev);
        let_go(r);
        return err_set(e, ERR_NOMEM, "look up");
    }
    *out = r;
    return 0;
}

void resolve_cancel(struct resolve *r)
{
    if (r == NULL)
        return;
    event_free(r->ev);
    let_go(r);
}
