#pragma once
/* The admin API: HTTPS, REST and JSON, for cpctl, scripts and the console. One thread, the loop's; what blocks is handed to
 * backstage. The table of its routes is admin_routes.c; its OpenAPI document is made from that table. */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct admin;
struct backstage;
struct cert_ca;
struct committer;
struct event_base;
struct graveyard;
struct push_server;
struct store;
struct tlsctx;

struct admin_options {
    struct event_base *base;
    struct graveyard *graveyard;       /* of the same loop; outlives the server */
    int listen_fd;                     /* listening; taken over on success */
    struct tlsctx *tls;                /* referenced */
    struct backstage *backstage;       /* all of these outlive the server */
    struct committer *committer;
    const struct cert_ca *ca;          /* whose hash join tokens carry */
    const char *cluster_id;
    void (*node_removed)(void *arg, const char *node_id);   /* may be NULL */
    void *arg;
    uint32_t connections_max;          /* 0: 256. More are closed at once */
    uint32_t idle_timeout_ms;          /* 0: 60000. Between two requests */
    uint32_t request_timeout_ms;       /* 0: 15000. For a head, and between two pieces of a body or an answer */
};

/* Reads the tokens from the store: before backstage has it. Listens at once; answers 503 until admin_ready. */
MUST_USE int admin_new(const struct admin_options *o, struct store *store, struct admin **out, struct err *e);
/* Closes everything. Calls that backstage still has must be done before (backstage_free). */
void admin_free(struct admin *a);
/* Connections that are open. */
size_t admin_connections(const struct admin *a);
/* No new connections, long polls are answered, what is running may end. */
void admin_stop(struct admin *a);
/* The configuration is loaded and the push server serves. */
void admin_ready(struct admin *a, struct push_server *push);
/* push has something new to say about an environment: wakes those who wait for it. */
void admin_rollout_changed(struct admin *a, const char *environment);
