#pragma once
/* Accepts connections on a loop. A bounded number a turn; when descriptors run out it rests 100 ms and counts. */
#include <stdint.h>

#include "base/err.h"
#include "net/sock.h"

struct event_base;
struct listener;

/* fd is non-blocking, close-on-exec, TCP_NODELAY set, and the callback's to close. The callback may call listener_free. */
typedef void (*listener_cb)(int fd, const struct sock_addr *from, void *arg);

/* Takes over a listening descriptor (sock_listen); on failure it stays the caller's. */
MUST_USE int listener_new(struct event_base *base, int fd, listener_cb cb, void *arg, struct listener **out,
                          struct err *e);
/* Stops and closes the descriptor. Safe inside the callback. */
void listener_free(struct listener *l);
/* Stop and go on taking connections; meanwhile the kernel's queue fills. */
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);
/* How often accept failed for want of descriptors or memory. */
uint64_t listener_starved(const struct listener *l);
