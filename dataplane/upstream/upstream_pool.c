/* Connections to endpoints: opened, parked, closed. */
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "base/stat.h"
#include "upstream/upstream_int.h"

static void on_read_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    upstream_h1_readable(arg);
}

static void on_write_cb(evutil_socket_t fd, short what, void *arg)
{
    struct upstream_conn *c = arg;

    (void)what;
    OBJ_CHECK(c, UPSTREAM_CONN_MAGIC);
    if (c->state == UPCONN_CONNECTING) {
        upstream_call_connected(c, sock_error(fd) == 0);
        return;
    }
    if (c->state == UPCONN_BUSY && c->call != NULL)
        upstream_call_writable(c);
    else
        upstream_conn_write_off(c);
}

static void on_timer_cb(struct wheel_timer *t)
{
    struct upstream_conn *c = CONTAINER_OF(t, struct upstream_conn, timer);

    OBJ_CHECK(c, UPSTREAM_CONN_MAGIC);
    if (c->state == UPCONN_IDLE)
        upstream_conn_close(c);
    else if (c->state == UPCONN_CONNECTING)
        upstream_call_connected(c, false);
    else if (c->state == UPCONN_BUSY)
        upstream_call_deadline(c);
}

void upstream_conn_read_on(struct upstream_conn *c)
{
    if (!c->reading && c->state != UPCONN_CLOSED)
        c->reading = event_add(&c->read_event, NULL) == 0;
}

void upstream_conn_read_off(struct upstream_conn *c)
{
    if (c->reading)
        (void)event_del(&c->read_event);
    c->reading = false;
}

void upstream_conn_write_on(struct upstream_conn *c)
{
    if (!c->writing && c->state != UPCONN_CLOSED)
        c->writing = event_add(&c->write_event, NULL) == 0;
}

void upstream_conn_write_off(struct upstream_conn *c)
{
    if (c->writing)
        (void)event_del(&c->write_event);
    c->writing = false;
}

struct upstream_conn *upstream_conn_take_idle(struct upstream_endpoint *ep)
{
    struct list *n = list_first(&ep->idle);
    struct upstream_conn *c;

    if (n == NULL)
        return NULL;
    c = CONTAINER_OF(n, struct upstream_conn, node);
    list_remove(n);
    ep->n_idle--;
    c->state = UPCONN_BUSY;
    c->reused = true;
    STAT_ADD(ep->set->env->stats.reused);
    return c;
}

struct upstream_conn *upstream_conn_open(struct upstream_endpoint *ep, uint64_t timeout_ms)
{
    struct upstream_env *env = ep->set->env;
    struct upstream_conn *c;
    int fd;

    if (ep->n_addresses == 0)
        return NULL;
    c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    if (sock_connect(&ep->addresses[ep->next_address % ep->n_addresses], &fd, NULL) != 0) {
        free(c);
        return NULL;
    }
    c->magic = UPSTREAM_CONN_MAGIC;
    c->state = UPCONN_CONNECTING;
    c->fd = fd;
    c->endpoint = ep;
    list_init(&c->node);
    wheel_timer_init(&c->timer, on_timer_cb);
    (void)event_assign(&c->read_event, env->base, fd, EV_READ | EV_PERSIST, on_read_cb, c);
    (void)event_assign(&c->write_event, env->base, fd, EV_WRITE | EV_PERSIST, on_write_cb, c);
    ep->n_open++;
    STAT_ADD(env->stats.connects);
    STAT_ADD(env->stats.open);
    wheel_set(env->wheel, &c->timer, timeout_ms);
    upstream_conn_write_on(c);
    return c;
}

void upstream_conn_park(struct upstream_conn *c)
{
    struct upstream_endpoint *ep = c->endpoint;
    struct upstream_env *env = ep->set->env;

    c->state = UPCONN_IDLE;
    block_give(env->blocks, TAKE(&c->in));
    c->in_r = c->in_w = 0;
    upstream_conn_write_off(c);
    upstream_conn_read_on(c);
    list_prepend(&ep->idle, &c->node);
    ep->n_idle++;
    wheel_set(env->wheel, &c->timer, c->idle_ms);
    if (!ep->current || ep->n_idle > UPSTREAM_IDLE_MAX || !c->reading)
        upstream_conn_close(CONTAINER_OF(ep->idle.prev, struct upstream_conn, node));
}

/* Only now is the descriptor closed: libevent takes it out of epoll at the begin of a turn, and by then the number must not
 * be another thread's. */
static void free_conn(void *p)
{
    struct upstream_conn *c = p;

    (void)close(c->fd);
    free(c);
}

void upstream_set_turn(struct upstream_set *set)
{
    struct list *n;

    while ((n = list_first(&set->closed)) != NULL) {
        struct upstream_conn *c = CONTAINER_OF(n, struct upstream_conn, node);

        list_remove(n);
        graveyard_add(set->env->graveyard, &c->grave, c, free_conn);
    }
}

void upstream_conn_close(struct upstream_conn *c)
{
    struct upstream_endpoint *ep = c->endpoint;
    struct upstream_env *env = ep->set->env;

    OBJ_CHECK(c, UPSTREAM_CONN_MAGIC);
    if (c->state == UPCONN_CLOSED)
        return;
    MUST(c->call == NULL);
    if (c->state == UPCONN_IDLE)
        ep->n_idle--;
    list_remove(&c->node);
    upstream_conn_read_off(c);
    upstream_conn_write_off(c);
    wheel_remove(&c->timer);
    c->state = UPCONN_CLOSED;
    block_give(env->blocks, TAKE(&c->in));
    ep->n_open--;
    STAT_ADD_N(env->stats.open, (uint64_t)-1);
    list_append(&ep->set->closed, &c->node);
}
