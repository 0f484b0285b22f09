#pragma once
/* Sockets: addresses as text, and the options that ours have. All sockets are non-blocking and close-on-exec. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/slice.h"

#define SOCK_TEXT_MAX 64   /* "[ffff:...:255.255.255.255%scope]:65535" and a NUL */
#define SOCK_HOST_MAX 254

struct sock_addr {
    struct sockaddr_storage ss;
    socklen_t len;
};

/* "127.0.0.1:80", "[::1]:80", ":80" (all IPv4 addresses), "0.0.0.0:0". Numeric only: never asks DNS. */
MUST_USE int sock_parse(struct slice text, struct sock_addr *out, struct err *e);
/* Splits "host:port" or "[v6]:port"; host is without brackets, a name or an address; port 1 to 65535, 0 when allowed. */
MUST_USE int sock_split(struct slice text, bool zero_port, char host[SOCK_HOST_MAX], uint16_t *port, struct err *e);
/* host is an address of either family (no brackets). False: it is not. */
bool sock_from_ip(const char *host, uint16_t port, struct sock_addr *out);
/* "1.2.3.4:80" or "[::1]:80"; "unix" for others. */
void sock_format(const struct sock_addr *a, char out[SOCK_TEXT_MAX]);
uint16_t sock_addr_port(const struct sock_addr *a);

/* Several listeners of one process can share a port: the first finds it free, the next ones join it. A first one never joins
 * another process, which would take every other request. */
enum sock_sharing { SOCK_ALONE, SOCK_SHARED_FIRST, SOCK_SHARED_NEXT };
/* Binds and listens. */
MUST_USE int sock_listen(const struct sock_addr *a, enum sock_sharing sharing, int *fd, struct err *e);
/* The address that a socket is really bound to (port 0 was asked for). */
MUST_USE int sock_local(int fd, struct sock_addr *out, struct err *e);
/* Begins to connect: 0 when it is on its way or done (wait until writable, then sock_error). TCP_NODELAY is set. */
MUST_USE int sock_connect(const struct sock_addr *a, int *fd, struct err *e);
/* SO_ERROR: 0 or an errno. */
int sock_error(int fd);
/* Best effort. */
void sock_nodelay(int fd);
