#include "net/xport.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/tlsctx.h"

static int tls_answer(struct xport *x, int rc, const char *doing, struct err *e)
{
    char reason[256];
    int saved = errno;

    switch (SSL_get_error(x->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return XPORT_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return XPORT_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return XPORT_END;
    default:
        break;
    }
    tlsctx_reason(x->ssl, reason, sizeof(reason));
    errno = saved;
    if (reason[0] != '\0')
        (void)err_set(e, ERR_IO, "%s: %s", doing, reason);
    else if (saved != 0)
        (void)err_errno(e, "%s", doing);
    else
        (void)err_set(e, ERR_CLOSED, "%s: the peer closed the connection", doing);
    return XPORT_ERROR;
}

int xport_handshake(struct xport *x, struct err *e)
{
    int rc;

    if (x->ssl == NULL)
        return 1;
    ERR_clear_error();
    errno = 0;
    rc = SSL_do_handshake(x->ssl);
    if (rc == 1)
        return 1;
    rc = tls_answer(x, rc, "TLS handshake", e);
    if (rc != XPORT_END)
        return rc;
    (void)err_set(e, ERR_CLOSED, "TLS handshake: the peer closed the connection");
    return XPORT_ERROR;
}

ssize_t xport_read(struct xport *x, void *p, size_t n, struct err *e)
{
    ssize_t got;
    int rc;

    if (x->ssl != NULL) {
        ERR_clear_error();
        errno = 0;
        rc = SSL_read(x->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
        return rc > 0 ? rc : tls_answer(x, rc, "read", e);
    }
    got = recv(x->fd, p, n, 0);
    if (got >= 0)
        return got;
    if (errno == EAGAIN || errno == EINTR)
        return XPORT_WANT_READ;
    (void)err_errno(e, "read");
    return XPORT_ERROR;
}

ssize_t xport_write(struct xport *x, const void *p, size_t n, struct err *e)
{
    ssize_t put;
    int rc;

    if (x->ssl != NULL) {
        ERR_clear_error();
        errno = 0;
        rc = SSL_write(x->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
        if (rc > 0)
            return rc;
        rc = tls_answer(x, rc, "write", e);
        return rc == XPORT_END ? XPORT_ERROR : rc;
    }
    put = send(x->fd, p, n, MSG_NOSIGNAL);
    if (put >= 0)
        return put;
    if (errno == EAGAIN || errno == EINTR)
        return XPORT_WANT_WRITE;
    (void)err_errno(e, "write");
    return XPORT_ERROR;
}

void xport_close(struct xport *x)
{
    if (x->fd < 0)
        return;
    if (x->ssl != NULL) {
        ERR_clear_error();
        if (SSL_is_init_finished(x->ssl))
            (void)SSL_shutdown(x->ssl);
        SSL_free(x->ssl);
        x->ssl = NULL;
        ERR_clear_error();
    }
    (void)close(x->fd);
    x->fd = -1;
}
