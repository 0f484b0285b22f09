/* A connection's birth, its timers and its end. */
#include "connection/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"
#include "base/stat.h"
#include "connection/h1c_int.h"

static void on_read_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    h1c_readable(arg);
}

static void on_write_cb(evutil_socket_t fd, short what, void *arg)
{
    struct h1c *c = arg;

    (void)fd;
    (void)what;
    OBJ_CHECK(c, H1C_MAGIC);
    h1c_flush(c);
    if (c->state == H1C_DOOMED || h1c_pending(c) != 0)
        return;
    if (c->told_full && c->ex != NULL) {
        c->told_full = false;
        exchange_writable(c->ex);
        h1c_flush(c);
    }
    h1c_run(c);
}

void h1c_read_on(struct h1c *c)
{
    if (!c->reading && !c->half_closed && c->state != H1C_DOOMED)
        c->reading = event_add(&c->read_event, NULL) == 0;
}

void h1c_read_off(struct h1c *c)
{
    if (c->reading)
        (void)event_del(&c->read_event);
    c->reading = false;
}

void h1c_write_on(struct h1c *c)
{
    if (!c->writing && c->state != H1C_DOOMED)
        c->writing = event_add(&c->write_event, NULL) == 0;
}

void h1c_write_off(struct h1c *c)
{
    if (c->writing)
        (void)event_del(&c->write_event);
    c->writing = false;
}

void h1c_doom(struct h1c *c)
{
    if (c->state == H1C_DOOMED)
        return;
    c->state = H1C_DOOMED;
    h1c_read_off(c);
    h1c_write_off(c);
    wheel_sleep(&c->timer);
    list_append(&c->env->doomed, &c->doomed);
}

/* Only now is the descriptor closed: libevent takes it out of epoll at the begin of a turn, and by then the number must not
 * be another thread's. */
static void free_connection(void *p)
{
    struct h1c *c = p;

    (void)close(c->fd);
    free(c);
}

static void destroy(struct h1c *c)
{
    struct connection_env *env = c->env;

    if (c->ex != NULL) {
        if (c->ex->state != EXCHANGE_ANSWERED && c->ex->state != EXCHANGE_ABORTED)
            STAT_ADD(env->stats.aborted);
        exchange_abandon(c->ex);
        exchange_free(TAKE(&c->ex));
    }
    wheel_remove(&c->timer);
    list_remove(&c->all);
    block_give(env->blocks, TAKE(&c->in));
    block_give(env->blocks, TAKE(&c->body));
    block_give(env->blocks, TAKE(&c->out));
    c->magic = 0;
    env->n_open--;
    STAT_ADD(env->stats.closed);
    graveyard_add(env->graveyard, &c->grave, c, free_connection);
}

void connection_turn(struct connection_env *env)
{
    struct list *n;

    while ((n = list_first(&env->doomed)) != NULL) {
        list_remove(n);
        destroy(CONTAINER_OF(n, struct h1c, doomed));
    }
}

/* A request that does not come to its end: an answer where one can still be given. */
static void request_timed_out(struct h1c *c)
{
    STAT_ADD(c->env->stats.timeouts);
    if (c->ex == NULL || c->ex->state == EXCHANGE_ANSWERING || c->ex->state == EXCHANGE_ANSWERED ||
        c->ex->state == EXCHANGE_ABORTED) {
        h1c_doom(c);
        return;
    }
    c->close_after = c->linger = true;
    exchange_error(c->ex, EXCHANGE_ERR_REQUEST_TIMEOUT);
    h1c_run(c);
}

static void on_timer_cb(struct wheel_timer *t)
{
    struct h1c *c = CONTAINER_OF(t, struct h1c, timer);

    OBJ_CHECK(c, H1C_MAGIC);
    switch (c->state) {
    case H1C_HEAD:
        STAT_ADD(c->env->stats.timeouts);
        h1c_refuse(c, EXCHANGE_ERR_REQUEST_TIMEOUT);
        return;
    case H1C_BUSY:
        if (!c->blocked && !c->body_done && !c->body_stalled) {
            request_timed_out(c);
            return;
        }
        break;
    default:
        break;
    }
    if (c->state != H1C_IDLE && c->state != H1C_LINGER)
        STAT_ADD(c->env->stats.timeouts);
    h1c_doom(c);
}

void connection_limits_default(struct connection_limits *l)
{
    *l = (struct connection_limits){
        .connections_max = 50000,
        .head_timeout_ms = 10000,
        .body_timeout_ms = 30000,
        .idle_timeout_ms = 310000, /* AWS's */
        .write_timeout_ms = 60000,
        .linger_timeout_ms = 2000,
        .h1 = {.head_max = CAPS_HEAD_MAX, .target_max = CAPS_TARGET_MAX, .headers_max = CAPS_HEADERS_MAX},
    };
}

int connection_env_init(struct connection_env *env)
{
    list_init(&env->all);
    list_init(&env->doomed);
    env->scratch = malloc(BLOCK_SMALL);
    return env->scratch == NULL ? -ERR_NOMEM : 0;
}

void connection_env_fini(struct connection_env *env)
{
    MUST(env->n_open == 0);
    free(env->scratch);
    env->scratch = NULL;
}

/* Full: say so, without a connection object. */
static void refuse(struct connection_env *env, int fd)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
    ssize_t n = write(fd, text, sizeof(text) - 1);

    (void)n;
    (void)close(fd);
    STAT_ADD(env->stats.refused);
}

void connection_accept(struct connection_env *env, int fd, const struct sock_addr *from)
{
    struct h1c *c;
    char *colon;

    if (env->n_open >= env->limits.connections_max) {
        refuse(env, fd);
        return;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        refuse(env, fd);
        return;
    }
    c->magic = H1C_MAGIC;
    c->env = env;
    c->fd = fd;
    c->state = H1C_IDLE;
    list_init(&c->doomed);
    list_append(&env->all, &c->all);
    sock_format(from, c->peer);
    colon = strrchr(c->peer, ':');
    c->peer_n = (uint8_t)(colon == NULL ? strlen(c->peer) : (size_t)(colon - c->peer));
    wheel_timer_init(&c->timer, on_timer_cb);
    env->n_open++;
    STAT_ADD(env->stats.accepted);
    /* Cannot fail for valid arguments; a failed add is seen as a connection that never reads, ended by its timer. */
    (void)event_assign(&c->read_event, env->base, fd, EV_READ | EV_PERSIST, on_read_cb, c);
    (void)event_assign(&c->write_event, env->base, fd, EV_WRITE | EV_PERSIST, on_write_cb, c);
    wheel_set(env->wheel, &c->timer, env->limits.head_timeout_ms);
    h1c_read_on(c);
    if (!c->reading)
        h1c_doom(c);
}

void connection_drain(struct connection_env *env)
{
    env->draining = true;
    for (struct list *n = env->all.next; n != &env->all; n = n->next) {
        struct h1c *c = CONTAINER_OF(n, struct h1c, all);

        char byte;

        /* A request that is already here is still served, with Connection: close. */
        if (c->state == H1C_IDLE && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
            h1c_doom(c);
    }
    connection_turn(env);
}

uint32_t connection_unpin(struct connection_env *env, uint64_t number, uint64_t begin_ns)
{
    uint32_t count = 0;

    for (struct list *n = env->all.next; n != &env->all; n = n->next) {
        struct h1c *c = CONTAINER_OF(n, struct h1c, all);

        if (c->state == H1C_DOOMED || c->ex == NULL || c->ex->generation == NULL || c->ex->generation->number > number ||
            c->ex->begin_ns >= begin_ns)
            continue;
        h1c_doom(c);
        STAT_ADD(env->stats.pinned_closed);
        count++;
    }
    return count;
}

void connection_close_all(struct connection_env *env)
{
    for (struct list *n = env->all.next; n != &env->all; n = n->next)
        h1c_doom(CONTAINER_OF(n, struct h1c, all));
    connection_turn(env);
}
