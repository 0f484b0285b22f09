#pragma once
/* Names to addresses, on a thread of its own (getaddrinfo blocks). One a process. */
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"
#include "net/sock.h"

struct upstream_resolver;

/* Called on the resolver's thread whenever a name's addresses are first known, change, or (n 0) cannot be found at first. A name
 * that fails later is not reported: what was known stays. */
typedef void (*upstream_resolved_fn)(void *arg, struct slice host, const struct sock_addr *addresses, size_t n);

/* refresh_ms: how often each name is asked again. */
MUST_USE int upstream_resolver_new(unsigned refresh_ms, upstream_resolved_fn fn, void *arg, struct upstream_resolver **out,
                                   struct err *e);
/* The names wanted from now on (copied); new ones are asked at once. Names that are addresses do not belong here. */
MUST_USE int upstream_resolver_set(struct upstream_resolver *r, const struct slice *names, size_t n);
/* Waits for the thread: at most as long as one lookup takes. NULL is fine. */
void upstream_resolver_free(struct upstream_resolver *r);
