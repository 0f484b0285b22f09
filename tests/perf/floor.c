/* The floor: a relay that does nothing but move bytes. Each client connection has one connection to the origin; what one side sends
 * goes to the other, one read and one write a message, no parsing. What a proxy costs above this is its own.
 *   floor PORT ORIGIN_PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS 65536
#define SIZE 65536

static int other[FDS]; /* 0: none */
static int ep;
static char buffer[SIZE];

static void watch(int fd, int op)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(ep, op, fd, &e) != 0)
        perror("epoll_ctl");
}

static void drop(int fd)
{
    int o = other[fd];

    other[fd] = 0;
    close(fd);
    if (o != 0) {
        other[o] = 0;
        close(o);
    }
}

/* Blocking on a slow side is fine here: it is a measure, not a proxy. */
static int write_all(int fd, const char *p, ssize_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, (size_t)n);

        if (w < 0 && errno == EAGAIN)
            continue;
        if (w <= 0)
            return -1;
        p += w;
        n -= w;
    }
    return 0;
}

static void accept_all(int l, const struct sockaddr_in *origin)
{
    int fd, o, one = 1;

    while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        o = socket(AF_INET, SOCK_STREAM, 0);
        if (o < 0 || fd >= FDS || o >= FDS || connect(o, (const struct sockaddr *)origin, sizeof(*origin)) != 0) {
            perror("floor: connect");
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(o, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        other[fd] = o;
        other[o] = fd;
        watch(fd, EPOLL_CTL_ADD);
        watch(o, EPOLL_CTL_ADD);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}, origin = a;
    struct epoll_event events[512];
    int l, one = 1;

    if (argc != 3)
        return 2;
    a.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    origin.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    signal(SIGPIPE, SIG_IGN);
    ep = epoll_create1(0);
    l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(l, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(l, 4096) != 0) {
        perror("floor");
        return 1;
    }
    watch(l, EPOLL_CTL_ADD);
    for (;;) {
        int n = epoll_wait(ep, events, 512, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            ssize_t r;

            if (fd == l) {
                accept_all(l, &origin);
                continue;
            }
            if (other[fd] == 0)
                continue;
            r = read(fd, buffer, SIZE);
            if (r < 0 && errno == EAGAIN)
                continue;
            if (r <= 0 || write_all(other[fd], buffer, r) != 0)
                drop(fd);
        }
    }
}
