/* A call on either side: its life, its deadline, and what the user can ask of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "base/clock.h"
#include "base/must.h"
#include "net/grpc_int.h"

static void call_free(void *obj)
{
    struct grpc_call *c = obj;

    if (c->ev_deadline != NULL)
        event_free(c->ev_deadline);
    buf_fini(&c->tx);
    buf_fini(&c->rx);
    buf_fini(&c->meta);
    free(c);
}

struct grpc_call *grpc_call_new(struct grpc_link *l, const struct grpc_handler *h, void *arg)
{
    struct grpc_call *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->owner = l;
    c->handler = h;
    c->arg = arg;
    c->status = -1;
    c->grpc_status = -1;
    buf_init(&c->tx, 0);
    buf_init(&c->rx, 0);
    buf_init(&c->meta, 0);
    list_init(&c->stream.link);
    list_init(&c->wake);
    list_init(&c->link);
    list_append(&l->calls, &c->link);
    return c;
}

void grpc_call_drop(struct grpc_call *c)
{
    list_remove(&c->link);
    call_free(c);
}

static void bury(struct grpc_call *c)
{
    if (c->ended && c->gone && c->grave.free_fn == NULL)
        graveyard_add(c->owner->graveyard, &c->grave, c, call_free);
}

void grpc_call_end(struct grpc_call *c, int status, const char *message)
{
    if (c->ended)
        return;
    c->ended = true;
    c->dropping = true;
    list_remove(&c->link);
    list_remove(&c->wake);
    if (c->ev_deadline != NULL)
        (void)event_del(c->ev_deadline);
    if (c->opened && c->owner->n_calls != NULL)
        --*c->owner->n_calls;
    if (c->opened || !c->owner->server)
        c->handler->on_end(c, status, message == NULL ? "" : message);
    bury(c);
}

void grpc_call_gone(struct grpc_call *c)
{
    c->gone = true;
    bury(c);
}

static void deadline_cb(evutil_socket_t fd, short what, void *arg)
{
    struct grpc_call *c = arg;
    bool whole = buf_len(&c->tx) == 0 && !c->closing;

    (void)fd, (void)what;
    /* A status can only follow whole messages; otherwise the stream is cut. */
    if (c->owner->server && whole)
        grpc_call_finish(c, GRPC_DEADLINE_EXCEEDED, "deadline exceeded");
    else
        h2_reset(&c->stream, NGHTTP2_CANCEL);
    if (c->stream.h2 == NULL)
        c->gone = true;
    grpc_call_end(c, GRPC_DEADLINE_EXCEEDED, "deadline exceeded");
}

int grpc_call_arm(struct grpc_call *c, uint64_t after_ms)
{
    struct timeval tv = {(time_t)(after_ms / 1000), (suseconds_t)(after_ms % 1000 * 1000)};

    if (after_ms > (uint64_t)365 * 86400 * 1000) /* nobody waits for that, and the timer need not */
        return 0;
    c->deadline = clock_mono_ms() + after_ms;
    c->ev_deadline = evtimer_new(c->owner->base, deadline_cb, c);
    if (c->ev_deadline == NULL || event_add(c->ev_deadline, &tv) != 0)
        return -ERR_NOMEM;
    return 0;
}

/* ---- what the user asks ------------------------------------------------------------------------------------------------ */

int grpc_call_send(struct grpc_call *c, const struct slice *pieces, size_t n)
{
    const struct grpc_limits *l = c->owner->limits;
    char prefix[GRPC_PREFIX];
    size_t total = 0;
    int rc;

    if (c->ended || c->gone || c->closing || c->cancelled)
        return -ERR_CLOSED;
    for (size_t i = 0; i < n; i++) {
        if (pieces[i].n > l->message_max - total)
            return -ERR_INVALID;
        total += pieces[i].n;
    }
    if (buf_len(&c->tx) > 0 && buf_len(&c->tx) + GRPC_PREFIX + total > l->send_max) {
        c->refused_send = true;
        return -ERR_LIMIT;
    }
    rc = buf_reserve(&c->tx, GRPC_PREFIX + total);
    if (rc != 0)
        return rc;
    grpc_wire_prefix((uint32_t)total, prefix);
    MUST(buf_append(&c->tx, prefix, sizeof(prefix)) == 0);
    for (size_t i = 0; i < n; i++)
        MUST(pieces[i].n == 0 || buf_append(&c->tx, pieces[i].p, pieces[i].n) == 0);
    if (c->owner->server && !c->started)
        grpc_server_call_respond(c);
    h2_resume(&c->stream);
    return 0;
}

size_t grpc_call_pending(const struct grpc_call *c)
{
    return buf_len(&c->tx);
}

void grpc_call_half_close(struct grpc_call *c)
{
    MUST(!c->owner->server);
    if (c->closing || c->ended)
        return;
    c->closing = true;
    h2_resume(&c->stream);
}

void grpc_call_finish(struct grpc_call *c, int status, const char *message)
{
    MUST(c->owner->server);
    if (c->closing || c->ended || c->cancelled)
        return;
    c->closing = true;
    c->dropping = true;
    c->status = status;
    (void)snprintf(c->message, sizeof(c->message), "%s", message == NULL ? "" : message);
    if (!c->started)
        grpc_server_call_respond(c);
    h2_resume(&c->stream);
    grpc_call_wake(c); /* lets go of messages that nobody will take */
}

void grpc_call_cancel(struct grpc_call *c)
{
    if (c->ended || c->cancelled)
        return;
    c->cancelled = true;
    c->dropping = true;
    if (c->stream.h2 == NULL && !c->owner->server)
        c->gone = true; /* no stream yet, or none any more */
    h2_reset(&c->stream, NGHTTP2_CANCEL);
    grpc_call_wake(c);
}

void grpc_call_pause(struct grpc_call *c)
{
    c->paused = true;
}

void grpc_call_resume(struct grpc_call *c)
{
    if (!c->paused)
        return;
    c->paused = false;
    grpc_call_wake(c);
}

void *grpc_call_arg(const struct grpc_call *c)
{
    return c->arg;
}

void grpc_call_set_arg(struct grpc_call *c, void *arg)
{
    c->arg = arg;
}

uint64_t grpc_call_deadline(const struct grpc_call *c)
{
    return c->deadline;
}

const char *grpc_call_path(const struct grpc_call *c)
{
    return c->path;
}

const struct grpc_peer *grpc_call_peer(const struct grpc_call *c)
{
    return &c->owner->peer;
}

/* meta: name NUL value NUL, again and again. */
struct slice grpc_call_metadata(const struct grpc_call *c, const char *name)
{
    struct slice all = buf_slice(&c->meta);
    size_t at = 0;

    while (at < all.n) {
        const char *key = all.p + at, *value = key + strlen(key) + 1;

        if (strcmp(key, name) == 0)
            return slice_of(value);
        at = (size_t)(value - all.p) + strlen(value) + 1;
    }
    return SLICE_NONE;
}

bool grpc_content_is_grpc(struct slice v)
{
    static const struct slice type = {"application/grpc", 16};

    return slice_starts(v, type) && (v.n == type.n || v.p[type.n] == '+' || v.p[type.n] == ';');
}
