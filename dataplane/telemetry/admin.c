#include "telemetry/admin.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/list.h"
#include "base/must.h"
#include "http/h1.h"
#include "net/graveyard.h"
#include "net/listener.h"

#define HEAD_MAX 4096u
#define HEADERS_MAX 64u
#define BODY_MAX (256u << 20)
#define CLIENT_MAGIC 0x41444d4eu

struct admin {
    struct event_base *base;
    struct listener *listener;
    struct graveyard *graveyard;
    const struct admin_page *pages;
    void *arg;
    struct list clients;
    unsigned n_clients;
};

struct client {
    uint32_t magic;
    int fd;
    struct admin *admin;
    struct event *read_event, *write_event;
    struct list node;
    struct grave grave;
    size_t n, scanned;
    struct buf out;
    bool closing;           /* answered: waits for the client to have read it */
    char in[HEAD_MAX];
};

static void free_client(void *p)
{
    struct client *c = p;

    buf_fini(&c->out);
    free(c);
}

static void close_client(struct client *c)
{
    list_remove(&c->node);
    c->admin->n_clients--;
    event_free(TAKE(&c->read_event));
    event_free(TAKE(&c->write_event));
    (void)close(c->fd);
    c->magic = 0;
    graveyard_add(c->admin->graveyard, &c->grave, c, free_client);
}

/* All is written: the client reads it and closes; what it still sends is thrown away. */
static void send_out(struct client *c)
{
    while (buf_len(&c->out) != 0) {
        struct slice s = buf_slice(&c->out);
        ssize_t w = send(c->fd, s.p, s.n, MSG_NOSIGNAL);

        if (w < 0 && (errno == EAGAIN || errno == EINTR)) {
            (void)event_add(c->write_event, NULL);
            return;
        }
        if (w < 0) {
            close_client(c);
            return;
        }
        buf_consume(&c->out, (size_t)w);
    }
    (void)event_del(c->write_event);
    (void)shutdown(c->fd, SHUT_WR);
}

static int write_head(struct client *c, const struct admin_answer *a, bool allow)
{
    return buf_printf(&c->out,
                      "HTTP/1.1 %u %.*s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n%sConnection: "
                      "close\r\n\r\n",
                      a->status, SLICE_FMT(http_status_text(a->status)), a->content_type, buf_len(&a->body),
                      allow ? "Allow: GET, HEAD\r\n" : "");
}

static void answer(struct client *c, struct admin_answer *a, bool head_only)
{
    int rc = write_head(c, a, a->status == 405);

    if (rc == 0 && !head_only)
        rc = buf_puts(&c->out, buf_slice(&a->body));
    buf_fini(&a->body);
    if (rc != 0) {
        close_client(c);
        return;
    }
    c->closing = true;
    send_out(c);
}

static void serve(struct client *c, const struct h1_head *head)
{
    struct admin_answer a = {.status = 404, .content_type = "text/plain; charset=utf-8"};
    const struct admin_page *p;

    buf_init(&a.body, BODY_MAX);
    if (head->method != HTTP_METHOD_GET && head->method != HTTP_METHOD_HEAD) {
        a.status = 405;
        answer(c, &a, false);
        return;
    }
    for (p = c->admin->pages; p->path != NULL && !slice_is(head->path, p->path); p++)
        ;
    if (p->path == NULL) {
        (void)!buf_puts(&a.body, SLICE_LIT("not found; there are:"));
        for (p = c->admin->pages; p->path != NULL; p++)
            (void)!buf_printf(&a.body, " %s", p->path);
        (void)!buf_puts(&a.body, SLICE_LIT("\n"));
    } else {
        a.status = 200;
        if (p->get(c->admin->arg, head->query, &a) != 0) {
            a.status = 500;
            a.content_type = "text/plain; charset=utf-8";
            buf_clear(&a.body);
        }
    }
    answer(c, &a, head->method == HTTP_METHOD_HEAD);
}

static void on_write_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    OBJ_CHECK((struct client *)arg, CLIENT_MAGIC);
    send_out(arg);
}

static void on_read_cb(evutil_socket_t fd, short what, void *arg)
{
    static const struct h1_limits limits = {.head_max = HEAD_MAX, .target_max = 1024, .headers_max = HEADERS_MAX};
    struct client *c = arg;
    struct h1_header headers[HEADERS_MAX];
    struct h1_head head = {.headers = headers, .headers_cap = HEADERS_MAX};
    ssize_t n;
    int rc;

    OBJ_CHECK(c, CLIENT_MAGIC);
    if ((what & EV_TIMEOUT) != 0) {
        close_client(c);
        return;
    }
    if (c->closing)
        c->n = 0;
    n = recv(fd, c->in + c->n, sizeof(c->in) - c->n, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close_client(c);
        return;
    }
    if (c->closing)
        return;
    c->n += (size_t)n;
    rc = h1_parse_request(c->in, c->n, &c->scanned, &limits, &head);
    if (rc > 0) {
        serve(c, &head);
    } else if (rc < 0 || c->n == sizeof(c->in)) {
        struct admin_answer a = {.status = rc < 0 ? h1_error_status(-rc) : 431, .content_type = "text/plain"};

        buf_init(&a.body, BODY_MAX);
        answer(c, &a, false);
    }
}

static void on_accept_cb(int fd, const struct sock_addr *from, void *arg)
{
    struct timeval timeout = {ADMIN_TIMEOUT_MS / 1000, 0};
    struct admin *a = arg;
    struct client *c;

    (void)from;
    /* Health checks come on new connections: a crowd that is silent must not make the node look dead. */
    if (a->n_clients >= ADMIN_CONNECTIONS_MAX)
        close_client(CONTAINER_OF(a->clients.next, struct client, node));
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        (void)close(fd);
        return;
    }
    c->magic = CLIENT_MAGIC;
    c->fd = fd;
    c->admin = a;
    buf_init(&c->out, BODY_MAX + HEAD_MAX);
    c->read_event = event_new(a->base, fd, EV_READ | EV_PERSIST, on_read_cb, c);
    c->write_event = event_new(a->base, fd, EV_WRITE | EV_PERSIST, on_write_cb, c);
    if (c->read_event == NULL || c->write_event == NULL || event_add(c->read_event, &timeout) != 0) {
        if (c->read_event != NULL)
            event_free(c->read_event);
        if (c->write_event != NULL)
            event_free(c->write_event);
        (void)close(fd);
        free(c);
        return;
    }
    list_append(&a->clients, &c->node);
    a->n_clients++;
}

int admin_new(struct event_base *base, int fd, const struct admin_page *pages, void *arg, struct admin **out, struct err *e)
{
    struct admin *a = calloc(1, sizeof(*a));
    int rc;

    if (a == NULL) {
        (void)close(fd);
        return err_set(e, ERR_NOMEM, "admin");
    }
    a->base = base;
    a->pages = pages;
    a->arg = arg;
    list_init(&a->clients);
    rc = graveyard_new(base, &a->graveyard, e);
    if (rc == 0)
        rc = listener_new(base, fd, on_accept_cb, a, &a->listener, e);
    if (rc != 0) {
        (void)close(fd);
        admin_free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void admin_free(struct admin *a)
{
    struct list *n;

    if (a == NULL)
        return;
    listener_free(a->listener);
    while ((n = list_first(&a->clients)) != NULL)
        close_client(CONTAINER_OF(n, struct client, node));
    graveyard_free(a->graveyard);
    free(a);
}
