#include "net/mailbox.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/must.h"

struct mailbox {
    _Atomic(struct mail *) top; /* newest first; taken whole, so there is no ABA */
    struct event *ev;
    int fd;
    void (*cb)(struct mail *m, void *arg);
    void *arg;
    bool *freed; /* set while cb runs: mailbox_free inside it ends the delivery */
    void (*drop)(struct mail *m, void *arg);
};

static struct mail *take_all(struct mailbox *mb)
{
    struct mail *m = atomic_exchange_explicit(&mb->top, NULL, memory_order_acquire);
    struct mail *first = NULL;

    while (m != NULL) {
        struct mail *next = m->next;

        m->next = first;
        first = m;
        m = next;
    }
    return first;
}

static void readable_cb(evutil_socket_t fd, short what, void *arg)
{
    struct mailbox *mb = arg;
    void (*drop)(struct mail *, void *) = NULL;
    bool freed = false;
    struct mail *m;
    uint64_t n;

    (void)what;
    /* First the counter, then the list: mail that comes between rings again. */
    while (read(fd, &n, sizeof(n)) < 0 && errno == EINTR)
        ;
    mb->freed = &freed;
    m = take_all(mb);
    while (m != NULL) {
        struct mail *next = m->next;

        if (!freed) {
            mb->cb(m, mb->arg);
            if (freed)
                drop = mb->drop;
        } else if (drop != NULL) {
            drop(m, mb->arg);
        }
        m = next;
    }
    if (freed)
        free(mb);
    else
        mb->freed = NULL;
}

int mailbox_new(struct event_base *base, void (*cb)(struct mail *m, void *arg), void *arg, struct mailbox **out,
                struct err *e)
{
    struct mailbox *mb = calloc(1, sizeof(*mb));

    if (mb == NULL)
        return err_set(e, ERR_NOMEM, "mailbox");
    atomic_init(&mb->top, NULL);
    mb->cb = cb;
    mb->arg = arg;
    mb->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (mb->fd < 0) {
        free(mb);
        return err_errno(e, "eventfd");
    }
    mb->ev = event_new(base, mb->fd, EV_READ | EV_PERSIST, readable_cb, mb);
    if (mb->ev == NULL || event_add(mb->ev, NULL) != 0) {
        if (mb->ev != NULL)
            event_free(mb->ev);
        (void)close(mb->fd);
        free(mb);
        return err_set(e, ERR_NOMEM, "mailbox");
    }
    *out = mb;
    return 0;
}

void mailbox_free(struct mailbox *mb, void (*drop)(struct mail *m, void *arg))
{
    struct mail *m;

    if (mb == NULL)
        return;
    event_free(mb->ev);
    (void)close(mb->fd);
    if (mb->freed != NULL) { /* inside cb: what is left of its batch goes to drop, too */
        *mb->freed = true;
        mb->drop = drop;
    }
    m = take_all(mb);
    while (m != NULL) {
        struct mail *next = m->next;

        if (drop != NULL)
            drop(m, mb->arg);
        m = next;
    }
    if (mb->freed == NULL)
        free(mb);
}

void mailbox_post(struct mailbox *mb, struct mail *m)
{
    struct mail *top = atomic_load_explicit(&mb->top, memory_order_relaxed);
    uint64_t one = 1;

    do {
        m->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&mb->top, &top, m, memory_order_release, memory_order_relaxed));
    if (top != NULL)
        return; /* whoever put the first one in has rung */
    while (write(mb->fd, &one, sizeof(one)) < 0)
        MUST(errno == EINTR || errno == EAGAIN);
}
