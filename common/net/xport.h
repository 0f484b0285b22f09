#pragma once
/* Bytes over a connected socket, plain or TLS, non-blocking. Owns the descriptor and the SSL. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct ssl_st;

struct xport {
    int fd;
    struct ssl_st *ssl; /* NULL: plain */
};

/* Answers of the functions below that are no byte count. */
enum { XPORT_END = 0, XPORT_WANT_READ = -1, XPORT_WANT_WRITE = -2, XPORT_ERROR = -3 };

/* TLS: 1 when through (at once without TLS), else XPORT_WANT_* or XPORT_ERROR with the reason in e. */
MUST_USE int xport_handshake(struct xport *x, struct err *e);
/* >0 bytes, XPORT_END, XPORT_WANT_*, XPORT_ERROR. */
MUST_USE ssize_t xport_read(struct xport *x, void *p, size_t n, struct err *e);
/* >0 bytes taken, XPORT_WANT_* (call again with at least the same bytes), XPORT_ERROR. n is not 0. */
MUST_USE ssize_t xport_write(struct xport *x, const void *p, size_t n, struct err *e);
/* Says goodbye (close_notify) as far as that goes without waiting, closes. Safe twice. */
void xport_close(struct xport *x);
