#include "net/listener.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"

#define ACCEPTS_A_TURN 64
#define REST_US        100000

struct listener {
    struct event *ev, *rest;
    int fd;
    listener_cb cb;
    void *arg;
    uint64_t starved;
    bool paused;
    bool *freed; /* set while cb runs */
};

static void rest_cb(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;

    (void)fd, (void)what;
    if (!l->paused)
        (void)event_add(l->ev, NULL);
}

/* Without a rest the loop would spin: the connection stays in the queue and the descriptor stays readable. */
static void take_rest(struct listener *l)
{
    struct timeval tv = {0, REST_US};

    if (l->starved++ == 0)
        LOG_WARN("accept: out of descriptors or memory", LOG_I64("errno", errno));
    (void)event_del(l->ev);
    (void)event_add(l->rest, &tv);
}

static void readable_cb(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    bool freed = false;

    (void)what;
    l->freed = &freed;
    for (int i = 0; i < ACCEPTS_A_TURN && !l->paused; i++) {
        struct sock_addr from = {.len = sizeof(from.ss)};
        int s = accept4(fd, (struct sockaddr *)&from.ss, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (s < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                take_rest(l);
            else if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO)
                continue;
            break;
        }
        sock_nodelay(s);
        l->cb(s, &from, l->arg);
        if (freed) {
            free(l);
            return;
        }
    }
    l->freed = NULL;
}

int listener_new(struct event_base *base, int fd, listener_cb cb, void *arg, struct listener **out, struct err *e)
{
    struct listener *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return err_set(e, ERR_NOMEM, "listener");
    l->fd = fd;
    l->cb = cb;
    l->arg = arg;
    l->ev = event_new(base, fd, EV_READ | EV_PERSIST, readable_cb, l);
    l->rest = evtimer_new(base, rest_cb, l);
    if (l->ev == NULL || l->rest == NULL || event_add(l->ev, NULL) != 0) {
        if (l->ev != NULL)
            event_free(l->ev);
        if (l->rest != NULL)
            event_free(l->rest);
        free(l);
        return err_set(e, ERR_NOMEM, "listener");
    }
    *out = l;
    return 0;
}

void listener_free(struct listener *l)
{
    if (l == NULL)
        return;
    event_free(l->ev);
    event_free(l->rest);
    (void)close(l->fd);
    if (l->freed != NULL)
        *l->freed = true;
    else
        free(l);
}

void listener_pause(struct listener *l)
{
    l->paused = true;
    (void)event_del(l->ev);
    (void)event_del(l->rest);
}

void listener_resume(struct listener *l)
{
    if (!l->paused)
        return;
    l->paused = false;
    (void)event_add(l->ev, NULL);
}

uint64_t listener_starved(const struct listener *l)
{
    return l->starved;
}
