#pragma once
/* Downstream connections of one worker: accept, HTTP/1 turns, timeouts, drain. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "exchange/exchange.h"
#include "net/block.h"
#include "net/sock.h"
#include "net/wheel.h"

struct event_base;
struct graveyard;

struct connection_limits {
    uint32_t connections_max;    /* a worker; more are told 503 and closed */
    uint32_t head_timeout_ms;    /* from a head's first byte to its last: 408 */
    uint32_t body_timeout_ms;    /* between two pieces of a request's body: 408, or the connection is cut */
    uint32_t idle_timeout_ms;    /* between two requests */
    uint32_t write_timeout_ms;   /* a client that takes nothing of its answer */
    uint32_t linger_timeout_ms;  /* after an error answer, so that the client can read it */
    struct h1_limits h1;
};

/* Plain counters of one worker; the main thread reads them (relaxed). */
struct connection_stats {
    uint64_t accepted, closed, refused, heads_refused, timeouts, aborted, starved, pinned_closed;
};

struct connection_env {
    struct event_base *base;
    struct exchange_env *exchanges;
    struct block_pool *blocks;
    struct wheel *wheel;
    struct graveyard *graveyard;
    struct connection_limits limits;
    struct connection_stats stats;
    struct list all, doomed;
    uint32_t n_open;
    uint16_t port;
    bool draining;               /* answers say Connection: close; idle ones are closed */
    char *scratch;               /* BLOCK_SMALL bytes to read what is thrown away into */
};

void connection_limits_default(struct connection_limits *l);
MUST_USE int connection_env_init(struct connection_env *env);
/* All connections are closed. */
void connection_env_fini(struct connection_env *env);
/* Takes fd over. The connection lives until it ends; it closes fd itself when there is no memory for it. */
void connection_accept(struct connection_env *env, int fd, const struct sock_addr *from);
/* After each turn of the loop: ends the connections that broke in it, where no callback of theirs is on the stack. */
void connection_turn(struct connection_env *env);
/* From now on: no keep-alive. Closes what is idle. */
void connection_drain(struct connection_env *env);
/* Cuts those whose exchange began before begin_ns with a generation up to number. Returns how many. Not from a connection's callback. */
uint32_t connection_unpin(struct connection_env *env, uint64_t number, uint64_t begin_ns);
/* Cuts all. */
void connection_close_all(struct connection_env *env);
