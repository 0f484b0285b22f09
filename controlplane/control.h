#pragma once
/* The running control plane: store, compiler, admin API and push server wired together. main.c only reads options. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct control;
struct event_base;

struct control_options {
    const char *state_dir, *admin_listen, *push_listen, *advertise;
    const char *dataplane_binary;      /* NULL or "": looked for; "none": bundles are not proven in a child */
    const char *single_environment;    /* NULL or "": as the Stages say */
    bool implicit_stage, new_epoch;
    uint32_t admin_connections_max, admin_idle_timeout_ms, admin_request_timeout_ms;
    uint32_t apply_deadline_ms;        /* how long a head waits for slow nodes; 0: push's own */
    uint32_t node_certificate_s;       /* life of nodes' certificates; 0: push's own */
    uint32_t node_stall_ms;            /* a node that takes nothing is cut off after it; 0: push's own */
};

/* Checks what can be checked without starting. */
MUST_USE int control_check(const struct control_options *o, struct err *e);
/* Opens everything; loading goes on behind the loop's back. o outlives it. */
MUST_USE int control_new(struct event_base *base, const struct control_options *o, struct control **out, struct err *e);
/* Ends in order: answers what runs, tells nodes to come back, then leaves the loop. */
void control_stop(struct control *c);
/* Why the loop was left: 0, or the exit status of a failed start. */
int control_status(const struct control *c);
void control_free(struct control *c);
