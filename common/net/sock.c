#include "net/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 1024

static int read_port(struct slice text, bool zero, uint16_t *out, struct err *e)
{
    unsigned n = 0;

    if (text.n == 0 || text.n > 5)
        return err_set(e, ERR_SYNTAX, "'%.*s' is not a port", SLICE_FMT(text));
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return err_set(e, ERR_SYNTAX, "'%.*s' is not a port", SLICE_FMT(text));
        n = n * 10 + (unsigned)(text.p[i] - '0');
    }
    if (n > 65535 || (n == 0 && !zero))
        return err_set(e, ERR_INVALID, "port %u is not between %d and 65535", n, zero ? 0 : 1);
    *out = (uint16_t)n;
    return 0;
}

int sock_split(struct slice text, bool zero_port, char host[SOCK_HOST_MAX], uint16_t *port, struct err *e)
{
    const char *colon = text.n == 0 ? NULL : memrchr(text.p, ':', text.n);
    struct slice name;
    size_t at;

    if (colon == NULL)
        return err_set(e, ERR_SYNTAX, "'%.*s' is not HOST:PORT", SLICE_FMT(text));
    at = (size_t)(colon - text.p);
    name = slice_sub(text, 0, at);
    if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = slice_sub(name, 1, name.n - 1);
    else if (name.n != 0 && memchr(name.p, ':', name.n) != NULL)
        return err_set(e, ERR_SYNTAX, "'%.*s': an IPv6 address goes in brackets, [::1]:80", SLICE_FMT(text));
    if (name.n >= SOCK_HOST_MAX || (name.n != 0 && memchr(name.p, '\0', name.n) != NULL))
        return err_set(e, ERR_SYNTAX, "a bad host name");
    if (name.n != 0)
        memcpy(host, name.p, name.n);
    host[name.n] = '\0';
    return read_port(slice_sub(text, at + 1, text.n), zero_port, port, e);
}

bool sock_from_ip(const char *host, uint16_t port, struct sock_addr *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(&out->ss, &v4, sizeof(v4));
        out->len = sizeof(v4);
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(&out->ss, &v6, sizeof(v6));
        out->len = sizeof(v6);
        return true;
    }
    return false;
}

int sock_parse(struct slice text, struct sock_addr *out, struct err *e)
{
    char host[SOCK_HOST_MAX];
    uint16_t port;
    int rc = sock_split(text, true, host, &port, e);

    if (rc != 0)
        return rc;
    if (!sock_from_ip(host[0] == '\0' ? "0.0.0.0" : host, port, out))
        return err_set(e, ERR_SYNTAX, "'%s' is not an address; names are not looked up here", host);
    return 0;
}

uint16_t sock_addr_port(const struct sock_addr *a)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (a->ss.ss_family == AF_INET) {
        memcpy(&v4, &a->ss, sizeof(v4));
        return ntohs(v4.sin_port);
    }
    if (a->ss.ss_family == AF_INET6) {
        memcpy(&v6, &a->ss, sizeof(v6));
        return ntohs(v6.sin6_port);
    }
    return 0;
}

void sock_format(const struct sock_addr *a, char out[SOCK_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (a->ss.ss_family == AF_INET) {
        memcpy(&v4, &a->ss, sizeof(v4));
        (void)inet_ntop(AF_INET, &v4.sin_addr, ip, sizeof(ip));
        (void)snprintf(out, SOCK_TEXT_MAX, "%s:%u", ip, ntohs(v4.sin_port));
    } else if (a->ss.ss_family == AF_INET6) {
        memcpy(&v6, &a->ss, sizeof(v6));
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, ip, sizeof(ip));
        (void)snprintf(out, SOCK_TEXT_MAX, "[%s]:%u", ip, ntohs(v6.sin6_port));
    } else {
        (void)snprintf(out, SOCK_TEXT_MAX, "unix");
    }
}

static void set_flag(int fd, int level, int name)
{
    int one = 1;

    (void)setsockopt(fd, level, name, &one, sizeof(one));
}

void sock_nodelay(int fd)
{
    set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
}

static int open_socket(const struct sock_addr *a)
{
    return socket(a->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int sock_listen(const struct sock_addr *a, enum sock_sharing sharing, int *fd, struct err *e)
{
    char text[SOCK_TEXT_MAX];
    int s = open_socket(a), rc;

    sock_format(a, text);
    if (s < 0)
        return err_errno(e, "listen on %s", text);
    set_flag(s, SOL_SOCKET, SO_REUSEADDR);
    if (sharing == SOCK_SHARED_NEXT)
        set_flag(s, SOL_SOCKET, SO_REUSEPORT);
    if (a->ss.ss_family == AF_INET6)
        set_flag(s, IPPROTO_IPV6, IPV6_V6ONLY);
    rc = bind(s, (const struct sockaddr *)&a->ss, a->len);
    if (rc == 0 && sharing == SOCK_SHARED_FIRST)
        set_flag(s, SOL_SOCKET, SO_REUSEPORT); /* bound without it: nobody else was there; those that come now may join */
    if (rc != 0 || listen(s, BACKLOG) != 0) {
        rc = err_errno(e, "listen on %s", text);
        (void)close(s);
        return rc;
    }
    *fd = s;
    return 0;
}

int sock_local(int fd, struct sock_addr *out, struct err *e)
{
    memset(out, 0, sizeof(*out));
    out->len = sizeof(out->ss);
    if (getsockname(fd, (struct sockaddr *)&out->ss, &out->len) != 0)
        return err_errno(e, "getsockname");
    return 0;
}

int sock_connect(const struct sock_addr *a, int *fd, struct err *e)
{
    char text[SOCK_TEXT_MAX];
    int s = open_socket(a), rc;

    sock_format(a, text);
    if (s < 0)
        return err_errno(e, "connect to %s", text);
    sock_nodelay(s);
    if (connect(s, (const struct sockaddr *)&a->ss, a->len) != 0 && errno != EINPROGRESS && errno != EINTR) {
        rc = err_errno(e, "connect to %s", text);
        (void)close(s);
        return rc;
    }
    *fd = s;
    return 0;
}

int sock_error(int fd)
{
    int code = 0;
    socklen_t n = sizeof(code);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) != 0)
        return errno;
    return code;
}
