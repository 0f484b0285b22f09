#pragma once
/* The admin listener: a handful of GETs answered from memory, on the main thread. One request a connection. */
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/sock.h"

struct event_base;
struct admin;

struct admin_answer {
    unsigned status;
    const char *content_type;  /* static */
    struct buf body;
};

struct admin_page {
    const char *path;          /* "/healthz"; the last one NULL */
    /* Fills *out (status 200 and text/plain before). A failure is a 500. */
    int (*get)(void *arg, struct slice query, struct admin_answer *out);
};

#define ADMIN_CONNECTIONS_MAX 64u /* the oldest makes room for one more */
#define ADMIN_TIMEOUT_MS 10000u   /* of a whole connection */

/* fd is a listening socket and taken over; pages and arg outlive the admin. */
MUST_USE int admin_new(struct event_base *base, int fd, const struct admin_page *pages, void *arg, struct admin **out, struct err *e);
/* Closes all. NULL is fine. */
void admin_free(struct admin *a);
