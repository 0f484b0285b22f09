/* The connection to one control plane: its Sync stream and, beside it, the fetch of leaves. */
#include <stdio.h>
#include <zstd.h>

#include "base/caps.h"
#include "base/log.h"
#include "base/must.h"
#include "sync/sync_int.h"

#define STATUS_UNAVAILABLE 14
#define STATUS_INTERNAL 13

static void disconnected(struct sync *s, int status, const char *reason)
{
    struct sync_event event = {.type = SYNC_EVENT_DISCONNECTED};

    if (s->closing)
        return;
    sync_link_close(s);
    event.u.disconnected.status = status;
    event.u.disconnected.reason = reason;
    sync_feed(s, &event);
}

/* ---- the stream ------------------------------------------------------------------------------------------------------------ */

static void feed_message(struct sync *s, const struct sync_message *m)
{
    struct sync_event event = {.type = SYNC_EVENT_PING};

    switch (m->said) {
    case SYNC_SAID_NOTHING:
        return;
    case SYNC_SAID_WELCOME:
        event.type = SYNC_EVENT_WELCOME;
        event.u.welcome = &m->welcome;
        break;
    case SYNC_SAID_OFFER:
        event.type = SYNC_EVENT_OFFER;
        event.u.offer = &m->offer;
        break;
    case SYNC_SAID_WITHDRAW:
        event.type = SYNC_EVENT_WITHDRAW;
        event.u.nonce = m->nonce;
        break;
    case SYNC_SAID_ACTIVATE:
        event.type = SYNC_EVENT_ACTIVATE;
        event.u.nonce = m->nonce;
        break;
    case SYNC_SAID_GOAWAY:
        event.type = SYNC_EVENT_GOAWAY;
        event.u.goaway = &m->goaway;
        break;
    case SYNC_SAID_PING:
        event.u.ping.has_head = m->has_head;
        event.u.ping.head = m->head;
        break;
    }
    sync_feed(s, &event);
}

static void on_message(struct grpc_call *call, struct slice bytes)
{
    struct sync *s = grpc_call_arg(call);
    struct err e;

    if (s->closing || call != s->stream)
        return;
    if (sync_decode(bytes, s->message, &e) == 0)
        feed_message(s, s->message);
    else
        disconnected(s, STATUS_INTERNAL, e.text);
}

static void on_end(struct grpc_call *call, int status, const char *message)
{
    struct sync *s = grpc_call_arg(call);
    char reason[PROTOCOL_MESSAGE];

    if (s->closing || call != s->stream)
        return;
    s->stream = NULL;
    snprintf(reason, sizeof(reason), "%s: %s", grpc_status_name(status), message == NULL ? "" : message);
    disconnected(s, status, reason);
}

static const struct grpc_handler stream_handler = {.on_message = on_message, .on_end = on_end};

static void on_state(struct grpc_client *c, enum grpc_client_state state, const char *why, void *arg)
{
    struct sync_event event = {.type = SYNC_EVENT_CONNECTED};
    struct sync *s = arg;

    if (s->closing || c != s->client)
        return;
    if (state == GRPC_CLIENT_CLOSED) {
        disconnected(s, STATUS_UNAVAILABLE, why == NULL ? "the connection is closed" : why);
        return;
    }
    if (state != GRPC_CLIENT_READY || s->stream != NULL)
        return;
    s->seq = 0;
    if (grpc_client_call(c, "/sluice.push.v1.ConfigService/Sync", 0, &stream_handler, s, &s->stream) != 0)
        disconnected(s, STATUS_UNAVAILABLE, "no stream");
    else
        sync_feed(s, &event);
}

void sync_link_open(struct sync *s, size_t endpoint)
{
    struct grpc_client_options o = {.base = s->o.base, .graveyard = s->o.graveyard, .target = s->targets[endpoint],
                                    .tls = s->identity.tls, .limits = {.send_max = 1u << 20}, .on_state = on_state,
                                    .arg = s};
    struct err e;

    sync_link_close(s);
    s->link_not_after = s->identity.not_after;
    if (grpc_client_new(&o, &s->client, &e) != 0)
        disconnected(s, STATUS_UNAVAILABLE, e.text);
}

/* The control plane cuts a stream at its certificate's end, whatever goes on then. A renewed one is taken into use before, when
 * nothing goes on; so it also shows early whether it is good for anything. */
void sync_link_tick(struct sync *s)
{
    struct sync_core_view v;

    if (s->stream == NULL || s->core == NULL || s->join.call != NULL || s->link_not_after == s->identity.not_after)
        return;
    sync_core_view(s->core, &v);
    if (v.state == SYNC_SYNCED)
        disconnected(s, 0, "the certificate was renewed");
}

void sync_link_close(struct sync *s)
{
    if (s->client == NULL)
        return;
    s->closing = true;
    grpc_client_free(TAKE(&s->client));
    s->stream = NULL;
    s->closing = false;
}

void sync_link_send(struct sync *s, const struct buf *message)
{
    struct slice bytes = buf_slice(message);

    if (s->stream != NULL && grpc_call_send(s->stream, &bytes, 1) != 0)
        disconnected(s, STATUS_UNAVAILABLE, "the control plane does not take what it is sent");
}

/* ---- leaves ------------------------------------------------------------------------------------------------------------------ */

static void fetch_over(struct sync_fetch *f, int status, const char *reason)
{
    struct sync_event event = {.type = SYNC_EVENT_FETCH_END};
    struct sync *s = f->sync;

    if (f->dead)
        return;
    f->dead = true;
    if (s->fetch == f)
        s->fetch = NULL;
    event.u.fetch_end.fetch = f->id;
    event.u.fetch_end.status = status;
    event.u.fetch_end.reason = reason;
    if (!s->closing)
        sync_feed(s, &event);
}

/* One piece decoded; *out is piece_size bytes. */
static bool expand(struct sync *s, const struct sync_chunk *c, struct slice *out)
{
    size_t n;

    *out = c->data;
    if (!c->is_zstd)
        return c->data.n == c->piece_size;
    n = ZSTD_decompressDCtx(s->zstd, s->piece, sizeof(s->piece), c->data.p, c->data.n);
    *out = slice_from(s->piece, c->piece_size);
    return !ZSTD_isError(n) && n == c->piece_size;
}

/* Pieces of a leaf come in order, leaves one after the other. */
static const char *take_piece(struct sync_fetch *f, const struct sync_chunk *c)
{
    struct slice plain;

    if (!expand(f->sync, c, &plain))
        return "a piece of a leaf cannot be decompressed";
    if (c->offset == 0) {
        if (buf_len(&f->bytes) != 0)
            return "a leaf began before the last one ended";
        memcpy(f->hash, c->hash, BUNDLE_HASH);
        f->raw_size = c->raw_size;
    }
    if (c->offset != buf_len(&f->bytes) || c->raw_size != f->raw_size || memcmp(c->hash, f->hash, BUNDLE_HASH) != 0)
        return "pieces of a leaf came out of order";
    return buf_puts(&f->bytes, plain) == 0 ? NULL : "no memory for a leaf";
}

static void on_chunk(struct grpc_call *call, struct slice bytes)
{
    struct sync_event event = {.type = SYNC_EVENT_LEAF};
    struct sync_fetch *f = grpc_call_arg(call);
    const char *wrong = NULL;
    struct sync_chunk c;
    struct buf whole;
    struct err e;

    if (f->dead)
        return;
    if (sync_decode_chunk(bytes, &c, &e) != 0)
        wrong = e.text;
    else
        wrong = take_piece(f, &c);
    if (wrong != NULL) {
        grpc_call_cancel(call);
        fetch_over(f, STATUS_INTERNAL, wrong);
        return;
    }
    if (buf_len(&f->bytes) < f->raw_size)
        return;
    /* The leaf's end may be the connection's (an answer to it that cannot be sent), and with it f's. */
    whole = f->bytes;
    buf_init(&f->bytes, CAPS_LEAF_MAX);
    event.u.leaf.fetch = f->id;
    memcpy(event.u.leaf.hash, f->hash, BUNDLE_HASH);
    event.u.leaf.bytes = buf_slice(&whole);
    sync_feed(f->sync, &event);
    buf_fini(&whole);
}

static void on_fetched(struct grpc_call *call, int status, const char *message)
{
    struct sync_fetch *f = grpc_call_arg(call);
    char reason[PROTOCOL_MESSAGE];

    snprintf(reason, sizeof(reason), "%s: %s", grpc_status_name(status), message == NULL ? "" : message);
    fetch_over(f, status, reason);
    buf_fini(&f->bytes);
    free(f);
}

static const struct grpc_handler fetch_handler = {.on_message = on_chunk, .on_end = on_fetched};

static int start_fetch(struct sync *s, struct sync_fetch *f, const struct sync_action *a)
{
    struct slice request;
    struct buf b;
    int rc;

    buf_init(&b, 0);
    rc = sync_encode_want(&b, &a->version, (const uint8_t (*)[BUNDLE_HASH])a->want, a->n_want);
    if (rc == 0)
        rc = s->client == NULL ? -ERR_CLOSED
                               : grpc_client_call(s->client, "/sluice.push.v1.ConfigService/FetchChunks", 0,
                                                  &fetch_handler, f, &f->call);
    if (rc == 0) {
        request = buf_slice(&b);
        if (grpc_call_send(f->call, &request, 1) != 0)
            grpc_call_cancel(f->call);
        else
            grpc_call_half_close(f->call);
    }
    buf_fini(&b);
    return rc;
}

void sync_link_fetch(struct sync *s, const struct sync_action *a)
{
    struct sync_fetch *f = calloc(1, sizeof(*f));
    struct sync_event event = {.type = SYNC_EVENT_FETCH_END};

    if (f != NULL) {
        *f = (struct sync_fetch){.sync = s, .id = a->job};
        buf_init(&f->bytes, CAPS_LEAF_MAX);
        s->fetch = f;
        if (start_fetch(s, f, a) == 0)
            return;
        s->fetch = NULL;
        free(f);
    }
    event.u.fetch_end.fetch = a->job;
    event.u.fetch_end.status = STATUS_UNAVAILABLE;
    event.u.fetch_end.reason = "the fetch could not be started";
    sync_feed(s, &event);
}

void sync_link_fetch_cancel(struct sync *s, uint64_t id)
{
    struct sync_fetch *f = s->fetch;

    if (f == NULL || f->id != id)
        return;
    s->fetch = NULL;
    f->dead = true;
    grpc_call_cancel(f->call);
}
