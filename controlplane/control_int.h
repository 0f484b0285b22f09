#pragma once
/* Private to control*.c. */
#include "admin/admin.h"
#include "admin/trust.h"
#include "apply/committer.h"
#include "base/map.h"
#include "base/vec.h"
#include "control.h"
#include "net/graveyard.h"
#include "push/push.h"
#include "store/backstage.h"
#include "store/store_identity.h"

struct event;

struct control {
    struct control_options o;
    struct event_base *base;
    struct graveyard *graveyard;
    struct trust *trust;
    struct store *store;
    struct committer *committer;
    struct backstage *backstage;
    struct admin *admin;
    struct push_server *push;
    struct map removed;            /* id -> struct removed_node: names of nodes that were ever thrown out */
    struct vec seen;               /* struct seen_node: not written yet */
    struct event *stop_timer, *seen_timer, *renew_timer;
    char checker[4096], admin_address[64], push_address[64], instance[129];
    uint64_t stop_deadline;
    bool stopping;
    int status;
};

/* In store_node's words. The first membership that is served, once it is back. */
struct removed_node {
    uint64_t membership;
    bool is_back;
    char id[129];
};

struct seen_node {
    char id[129], environment[129];
    int64_t not_after_ms, last_seen_ms;
};

/* control_push.c: what push asks of the store. */
struct push_callbacks control_push_callbacks(void);
/* A node that was removed comes back only by a new token, and only for certificates that it was given since. */
void control_node_removed(void *arg, const char *node_id);
MUST_USE int control_remember_removed(struct control *c, const struct removed_node *node);
/* Hands what was seen of nodes to backstage. */
void control_flush_seen(struct control *c);
/* The reason that the store keeps of a failed head, and back. */
MUST_USE int control_reason_write(const struct push_failure *f, char *out, size_t size);
void control_reason_read(const char *text, struct push_failure *out);

/* control_load.c: from an open store to a serving push port. */
MUST_USE int control_load(struct control *c);
