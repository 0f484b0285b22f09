#pragma once
/* The node and its bundle client: what sync asks of the node, and what the node's pages show of sync. */
#include "base/err.h"

struct node;
struct node_sync;

struct node_sync_options {
    const char *control_planes, *join_token_file, *node_id;
};

/* After node_start. */
MUST_USE int node_sync_start(struct node *n, const struct node_sync_options *o, struct node_sync **out, struct err *e);
/* Before node_end. NULL is fine. */
void node_sync_end(struct node_sync *ns);
