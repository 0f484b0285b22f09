#pragma once
/* Looks up a host name without stopping the loop: getaddrinfo on a thread of its own for each question. For the control
 * side, where a question comes once a connection attempt. */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/sock.h"

#define RESOLVE_MAX 8 /* addresses kept of an answer */

struct event_base;
struct resolve;

/* n 0: not found, why says it. Addresses live until it returns. The resolve is gone then. */
typedef void (*resolve_cb)(const struct sock_addr *addrs, size_t n, const char *why, void *arg);

/* host may be an address, too. cb comes from the loop, never inside this call. */
MUST_USE int resolve_start(struct event_base *base, const char *host, uint16_t port, resolve_cb cb, void *arg,
                           struct resolve **out, struct err *e);
/* cb does not come any more. */
void resolve_cancel(struct resolve *r);
