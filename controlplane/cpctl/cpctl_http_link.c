#include "cpctl/cpctl_http_link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/tlsctx.h"

void cpctl_link_init(struct cpctl_link *l, int cancel_fd)
{
    memset(l, 0, sizeof(*l));
    l->fd = -1;
    l->cancel_fd = cancel_fd;
}

void cpctl_link_close(struct cpctl_link *l)
{
    SSL_free(l->ssl);
    l->ssl = NULL;
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
}

/* Until fd is ready for `events`, the deadline, or the cancel descriptor. */
static int wait_fd(struct cpctl_link *l, short events, struct err *e)
{
    for (;;) {
        struct pollfd fds[2] = {{l->fd, events, 0}, {l->cancel_fd, POLLIN, 0}};
        uint64_t now = clock_mono_ms();
        int n;

        if (now >= l->deadline)
            return err_set(e, ERR_TIMEOUT, "no answer in time");
        n = poll(fds, l->cancel_fd < 0 ? 1 : 2, (int)(l->deadline - now > 3600000 ? 3600000 : l->deadline - now));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, "poll");
        if (l->cancel_fd >= 0 && fds[1].revents != 0)
            return err_set(e, ERR_CLOSED, "interrupted");
        if (fds[0].revents != 0)
            return 0;
    }
}

static int connect_one(struct cpctl_link *l, const struct addrinfo *a, struct err *e)
{
    int one = 1, failed = 0, rc;
    socklen_t n = sizeof(failed);

    l->fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (l->fd < 0)
        return err_errno(e, "socket");
    if (connect(l->fd, a->ai_addr, a->ai_addrlen) != 0) {
        if (errno != EINPROGRESS)
            return err_errno(e, "connect");
        rc = wait_fd(l, POLLOUT, e);
        if (rc != 0)
            return rc;
        if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &failed, &n) != 0)
            return err_errno(e, "getsockopt");
        errno = failed;
        if (failed != 0)
            return err_errno(e, "connect");
    }
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return 0;
}

static int connect_any(struct cpctl_link *l, const char *host, const char *port, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list, *a;
    int rc;

    rc = getaddrinfo(host, port, &hints, &list);
    if (rc == EAI_NONAME || rc == EAI_ADDRFAMILY) {
        hints.ai_flags = 0; /* loopback on a machine without a network */
        rc = getaddrinfo(host, port, &hints, &list);
    }
    if (rc != 0)
        return err_set(e, ERR_IO, "%s: %s", host, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    rc = -ERR_IO;
    for (a = list; a != NULL; a = a->ai_next) {
        rc = connect_one(l, a, e);
        if (rc == 0 || rc == -ERR_TIMEOUT || rc == -ERR_CLOSED)
            break;
        cpctl_link_close(l);
    }
    freeaddrinfo(list);
    return rc;
}

/* What an SSL call that did not succeed means: 0 = try again after waiting. */
static int after_ssl(struct cpctl_link *l, int result, const char *what, struct err *e)
{
    char reason[256];
    enum err_code code;

    switch (SSL_get_error(l->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_fd(l, POLLIN, e);
    case SSL_ERROR_WANT_WRITE:
        return wait_fd(l, POLLOUT, e);
    case SSL_ERROR_SYSCALL:
        if (errno != 0 && ERR_peek_error() == 0)
            return err_errno(e, "%s", what);
        return err_set(e, ERR_IO, "%s: the server closed the connection", what);
    default:
        code = SSL_get_verify_result(l->ssl) == X509_V_OK ? ERR_UNSUPPORTED : ERR_DENIED;
        tlsctx_reason(l->ssl, reason, sizeof(reason));
        return err_set(e, code, "%s: %s", what, reason);
    }
}

static int handshake(struct cpctl_link *l, struct err *e)
{
    for (;;) {
        int n, rc;

        ERR_clear_error();
        errno = 0;
        n = SSL_connect(l->ssl);
        if (n == 1)
            return 0;
        rc = after_ssl(l, n, "TLS", e);
        if (rc != 0)
            return rc;
    }
}

int cpctl_link_open(struct cpctl_link *l, const char *host, const char *port, struct tlsctx *tls, struct err *e)
{
    int rc = connect_any(l, host, port, e);

    if (rc == 0)
        rc = tlsctx_ssl(tls, l->fd, host, &l->ssl, e);
    if (rc == 0)
        rc = handshake(l, e);
    if (rc != 0)
        cpctl_link_close(l);
    return rc;
}

int cpctl_link_write(struct cpctl_link *l, const void *p, size_t n, struct err *e)
{
    const char *at = p;
    size_t done;

    while (n != 0) {
        int rc;

        ERR_clear_error();
        errno = 0;
        if (SSL_write_ex(l->ssl, at, n > 65536 ? 65536 : n, &done) == 1) {
            at += done;
            n -= done;
            continue;
        }
        rc = after_ssl(l, 0, "write", e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int cpctl_link_read(struct cpctl_link *l, void *p, size_t n, size_t *got, struct err *e)
{
    for (;;) {
        int rc;

        ERR_clear_error();
        errno = 0;
        *got = 0;
        if (SSL_read_ex(l->ssl, p, n, got) == 1)
            return 0;
        if (SSL_get_error(l->ssl, 0) == SSL_ERROR_ZERO_RETURN)
            return 0;
        rc = after_ssl(l, 0, "read", e);
        if (rc != 0)
            return rc;
    }
}

bool cpctl_link_is_fresh(struct cpctl_link *l)
{
    char byte;
    size_t got;

    if (l->fd < 0)
        return false;
    ERR_clear_error();
    if (SSL_peek_ex(l->ssl, &byte, 1, &got) == 1)
        return false;
    return SSL_get_error(l->ssl, 0) == SSL_ERROR_WANT_READ;
}
