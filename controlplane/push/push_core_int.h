#pragma once
/* Private to push_core*.c and its tests. */
#include "base/list.h"
#include "base/map.h"
#include "push/push_core.h"

struct push_connection {
    struct list link;                /* of the core, oldest first */
    uint64_t id;
    char cluster[PROTOCOL_CLUSTER], environment[PROTOCOL_ENVIRONMENT], name[PROTOCOL_NODE], address[64];
    int64_t not_after;
    uint64_t opened_ms, heard_ms, pinged_ms;
    struct push_node *node;          /* NULL until Hello */
};

struct push_refusal {
    struct bundle_version version;
    struct protocol_error error;
};

/* The one offer in flight. It ends with ACTIVE, a nack, a withdrawal or the stream. */
struct push_offer {
    bool inflight, hold, activated;
    uint8_t nonce[PROTOCOL_NONCE];
    struct bundle *bundle;           /* referenced while in flight */
    enum protocol_phase phase;
    uint64_t due_ms;                 /* what is live is to be ACTIVE by then; what is pending has its rollout's deadline */
};

struct push_node {
    struct list link;                /* of its environment, by id */
    struct push_environment *environment;
    char key[PROTOCOL_ENVIRONMENT + PROTOCOL_NODE]; /* "environment\nid": key of core->nodes */
    struct push_connection *connection;             /* NULL: offline */
    uint32_t schema_min, schema_max;
    uint8_t instance_id[PROTOCOL_INSTANCE];
    struct protocol_limits limits;
    bool can_delta;
    struct push_offer offer;
    struct push_refusal refused[PROTOCOL_REJECTED_MAX]; /* never offered again while the software is the same */
    size_t n_refused;
    struct bundle_version retry;     /* what was put off */
    uint32_t retries;
    uint64_t retry_ms;               /* not before */
    bool full_list;                  /* its base was not what it said: no delta for the next offer */
    bool lost;                       /* vanished while it was building lost_version */
    struct bundle_version lost_version;
    uint64_t lost_ms;
    bool ahead;
    uint32_t diverged;               /* statuses in a row that show something else than what it acknowledged */
    struct push_node_view view;      /* what people see; state is filled in when asked */
};

struct push_recent {
    struct bundle_version version;
    struct leaf_table *table;
};

struct push_environment {
    struct list link;                /* of the core, oldest first */
    char name[PROTOCOL_ENVIRONMENT];
    enum push_state state;
    struct bundle *live;             /* what nodes are to serve; NULL: nothing yet */
    struct bundle *head;             /* PUSH_PENDING only */
    struct bundle *next;             /* the newest, waiting for head's end */
    struct push_recent recent[PROTOCOL_RECENT]; /* what was live, newest first: bases of deltas */
    size_t n_recent;
    bool has_failed;
    struct bundle_version failed;
    struct push_failure failure;
    uint64_t chain_ms;               /* when the first of the heads that replaced each other came */
    uint64_t deadline_ms;            /* of head's building, then of swapping */
    uint64_t settle_ms;              /* after a restart: until then expected nodes are waited for */
    uint32_t expected;
    int64_t since_ms;
    struct list nodes;
    struct list dirty;               /* on core->dirty: a CHANGED is due */
};

struct push_core {
    struct push_core_options o;
    char cluster_id[PROTOCOL_CLUSTER];
    struct map connections;          /* id -> push_connection */
    struct map nodes;                /* key -> push_node */
    struct map environments;         /* name -> push_environment */
    struct list all_connections, all_environments; /* walks go over these: maps have no order */
    struct list dirty;
    struct push_now now;
    struct push_actions *out;        /* of the step that runs */
};

/* push_core.c */
/* Around everything that may act: end tells which environments look different. */
void push_core_begin(struct push_core *c, struct push_now now, struct push_actions *out);
void push_core_end(struct push_core *c);
struct push_action *push_act(struct push_core *c, enum push_action_type type, uint64_t connection);
void push_close(struct push_core *c, struct push_connection *conn, enum push_close status, const char *reason);
void push_changed(struct push_core *c, struct push_environment *env);
void push_alarm(struct push_core *c, const struct push_environment *env, const char *node, const char *text);
struct push_environment *push_environment_get(struct push_core *c, const char *name, bool make);

/* push_core_node.c: one node */
bool push_node_counts(const struct push_node *n);
bool push_node_is_at(const struct push_node *n, const struct bundle *b);
bool push_node_has_built(const struct push_node *n, const struct bundle *b);
/* Why the node will never take b; NULL: nothing known against it. scratch is filled when the reason is not one it gave. */
const struct protocol_error *push_node_refusal(const struct push_node *n, const struct bundle *b,
                                               struct protocol_error *scratch);
/* Offers what the node should have next, if nothing is in flight. */
void push_node_advance(struct push_core *c, struct push_node *n);
void push_node_withdraw(struct push_core *c, struct push_node *n, const char *reason);
void push_node_activate(struct push_core *c, struct push_node *n);
void push_node_end_offer(struct push_node *n);
/* An offer of what is live that is not answered in time: nobody waits for the node any more, but newer bundles would wait
 * behind that offer for ever. Its stream is closed; when it comes back it gets the newest. */
void push_node_tick(struct push_core *c, struct push_node *n);
void push_node_refuse(struct push_node *n, const struct bundle_version *v, const struct protocol_error *error);
void push_node_hello(struct push_core *c, struct push_connection *conn, const struct protocol_hello *h);
void push_node_ack(struct push_core *c, struct push_node *n, const struct protocol_ack *a);
void push_node_nack(struct push_core *c, struct push_node *n, const struct protocol_nack *k);
void push_node_status(struct push_core *c, struct push_node *n, const struct protocol_status *s);
void push_node_gone(struct push_core *c, struct push_node *n, bool graceful);

/* push_core_roll.c: one environment */
void push_roll_check(struct push_core *c, struct push_environment *env);
void push_roll_fail(struct push_core *c, struct push_environment *env, const char *node, const struct protocol_error *e);
void push_roll_free(struct push_environment *env);
