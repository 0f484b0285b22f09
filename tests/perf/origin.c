/* A fast origin: one thread, epoll, a fixed answer a request head. Bodies of requests are not read: GETs only.
 *   origin PORT      GET /... is answered with 128 bytes, GET .../big with 1 MiB */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS 65536
#define BIG (1u << 20)

struct conn {
    char in[8192];
    size_t in_n;
    const char *out;
    size_t out_n;
};

static struct conn *conns[FDS];
static char small_answer[512], *big_answer;
static size_t small_n, big_n;
static int ep;

static void watch(int fd, uint32_t events, int op)
{
    struct epoll_event e = {.events = events, .data.fd = fd};

    if (epoll_ctl(ep, op, fd, &e) != 0)
        perror("epoll_ctl");
}

static void make_answers(void)
{
    small_n = (size_t)snprintf(small_answer, sizeof(small_answer),
                               "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Fri, 20 Nov 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 128\r\n\r\n%0128d", 0);
    big_answer = malloc(BIG + 512);
    if (big_answer == NULL)
        exit(1);
    big_n = (size_t)snprintf(big_answer, 512,
                             "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Fri, 20 Nov 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\n"
                             "Content-Length: %u\r\n\r\n", BIG);
    memset(big_answer + big_n, 'x', BIG);
    big_n += BIG;
}

static void drop(int fd)
{
    free(conns[fd]);
    conns[fd] = NULL;
    close(fd);
}

static void send_rest(int fd, struct conn *c)
{
    ssize_t w = write(fd, c->out, c->out_n);

    if (w < 0 && errno != EAGAIN) {
        drop(fd);
        return;
    }
    if (w > 0) {
        c->out += w;
        c->out_n -= (size_t)w;
    }
    watch(fd, c->out_n != 0 ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

static void serve(int fd)
{
    struct conn *c = conns[fd];
    ssize_t n = read(fd, c->in + c->in_n, sizeof(c->in) - 1 - c->in_n);
    char *end, *line;
    int big;

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop(fd);
        return;
    }
    c->in_n += (size_t)n;
    c->in[c->in_n] = '\0';
    while ((end = strstr(c->in, "\r\n\r\n")) != NULL) {
        line = strstr(c->in, "\r\n");
        *line = '\0';
        big = strstr(c->in, "/big ") != NULL;
        c->in_n -= (size_t)(end + 4 - c->in);
        memmove(c->in, end + 4, c->in_n + 1);
        c->out = big ? big_answer : small_answer;
        c->out_n = big ? big_n : small_n;
        n = write(fd, c->out, c->out_n);
        if (n < 0 && errno != EAGAIN) {
            drop(fd);
            return;
        }
        if (n > 0) {
            c->out += n;
            c->out_n -= (size_t)n;
        }
        if (c->out_n != 0) {
            watch(fd, EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
    }
}

static void accept_all(int l)
{
    int fd, one = 1;

    while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= FDS || (conns[fd] = calloc(1, sizeof(struct conn))) == NULL) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event events[512];
    int l, one = 1;

    a.sin_port = htons((uint16_t)strtoul(argc > 1 ? argv[1] : "9100", NULL, 10));
    signal(SIGPIPE, SIG_IGN);
    make_answers();
    ep = epoll_create1(0);
    l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(l, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(l, 4096) != 0) {
        perror("origin");
        return 1;
    }
    watch(l, EPOLLIN, EPOLL_CTL_ADD);
    for (;;) {
        int n = epoll_wait(ep, events, 512, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == l)
                accept_all(l);
            else if (conns[fd] != NULL && (events[i].events & EPOLLOUT) != 0)
                send_rest(fd, conns[fd]);
            else if (conns[fd] != NULL)
                serve(fd);
        }
    }
}
