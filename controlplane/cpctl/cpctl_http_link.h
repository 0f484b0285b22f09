#pragma once
/* One TLS connection with a deadline for every step; what cpctl_http.c speaks HTTP over. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ssl_st;
struct tlsctx;

struct cpctl_link {
    int fd;              /* -1: not connected */
    struct ssl_st *ssl;
    int cancel_fd;       /* -1: none */
    uint64_t deadline;   /* clock_mono_ms */
};

void cpctl_link_init(struct cpctl_link *l, int cancel_fd);
void cpctl_link_close(struct cpctl_link *l);
/* Resolves, connects (each address in turn) and shakes hands; -ERR_IO, -ERR_DENIED, -ERR_TIMEOUT, -ERR_CLOSED. */
MUST_USE int cpctl_link_open(struct cpctl_link *l, const char *host, const char *port, struct tlsctx *tls, struct err *e);
/* All of it. */
MUST_USE int cpctl_link_write(struct cpctl_link *l, const void *p, size_t n, struct err *e);
/* Some of it: *got is 0 at the end of the stream. */
MUST_USE int cpctl_link_read(struct cpctl_link *l, void *p, size_t n, size_t *got, struct err *e);
/* False when the peer has closed a connection that nobody spoke on, or said something unasked. */
bool cpctl_link_is_fresh(struct cpctl_link *l);
