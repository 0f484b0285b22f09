/* nghttp2's callbacks: from frames to the layer above, and the bounds that nghttp2 leaves to us. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/h2_int.h"

static int alive(const struct h2 *h)
{
    return h->state == H2_CLOSED ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static struct h2_stream *find(struct h2 *h, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h->session, id);
}

/* ---- control frames cost a token each; DATA earns some: a peer that takes much data says much --------------------------- */

/* grpcio opens the window for each message that it takes, however small. */
#define WINDOW_UPDATE_BYTES 16

static void earn(struct h2 *h, double n)
{
    h->tokens += n;
    if (h->tokens > h->limits.control_burst)
        h->tokens = h->limits.control_burst;
}

static void spend(struct h2 *h)
{
    uint64_t now = clock_mono_ms();

    earn(h, (double)(now - h->tokens_at) * h->limits.control_rate / 1000.0);
    h->tokens_at = now;
    h->tokens -= 1;
    if (h->tokens < 0 && h->fault == NULL)
        h->fault = "too many control frames";
}

static int on_begin_frame_cb(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
    struct h2 *h = arg;

    (void)session;
    switch (hd->type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION: /* nghttp2 bounds these, as */
    case NGHTTP2_RST_STREAM:   /* these */
        break;
    case NGHTTP2_DATA:
        if (hd->length > 0)
            earn(h, 1);
        else if ((hd->flags & NGHTTP2_FLAG_END_STREAM) == 0)
            spend(h);
        break;
    default: /* unknown types do not come here: nghttp2 skips them */
        spend(h);
        break;
    }
    return alive(h);
}

/* ---- heads ------------------------------------------------------------------------------------------------------------- */

static int on_begin_headers_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = find(h, frame->hd.stream_id);

    if (s != NULL)
        s->head_bytes = 0;
    if (!h->server || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    s = h->going_away && h->final_goaway ? NULL : h->ops->on_stream(h, h->arg);
    if (alive(h) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    s->h2 = h;
    s->id = frame->hd.stream_id;
    list_append(&h->streams, &s->link);
    h->n_streams++;
    return nghttp2_session_set_stream_user_data(session, s->id, s) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_header_cb(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t n_name,
                        const uint8_t *value, size_t n_value, uint8_t flags, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = find(h, frame->hd.stream_id);
    size_t cost = n_name + n_value + 32; /* RFC 9113, 6.5.2 */

    (void)session, (void)flags;
    if (s == NULL)
        return 0;
    if (cost > h->limits.header_list_max || s->head_bytes + cost > h->limits.header_list_max)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    s->head_bytes += (uint32_t)cost;
    if (!h->ops->on_header(s, slice_from(name, n_name), slice_from(value, n_value)))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return alive(h);
}

/* ---- frames ------------------------------------------------------------------------------------------------------------ */

static void on_ended(struct h2 *h, struct h2_stream *s)
{
    if (h->state == H2_CLOSED || s->h2 == NULL || s->remote_ended)
        return;
    s->remote_ended = true;
    h->ops->on_end(s);
}

static void on_ping_ack(struct h2 *h, const uint8_t *opaque)
{
    h->ping_sent = 0;
    if (!h->going_away || h->final_goaway || memcmp(opaque, PING_SHUTDOWN, 8) != 0)
        return;
    /* The peer has seen the first GOAWAY: whatever it began before that is here by now. */
    h->final_goaway = true;
    (void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
}

static void on_settings(struct h2 *h)
{
    if (h->state != H2_SETTINGS)
        return;
    h->state = H2_READY;
    h->last_stream = clock_mono_ms();
    if (h->ops->on_ready != NULL)
        h->ops->on_ready(h, h->arg);
}

static int on_frame_recv_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = frame->hd.stream_id == 0 ? NULL : find(h, frame->hd.stream_id);
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (s == NULL)
            break;
        h->ops->on_head(s, end);
        if (end)
            on_ended(h, s);
        break;
    case NGHTTP2_DATA:
        if (s != NULL && end)
            on_ended(h, s);
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
            on_settings(h);
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
            on_ping_ack(h, frame->ping.opaque_data);
        break;
    case NGHTTP2_GOAWAY:
        if (h->ops->on_goaway != NULL)
            h->ops->on_goaway(h, h->arg);
        break;
    default:
        break;
    }
    return alive(h);
}

static int on_data_cb(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = find(h, id);

    (void)flags;
    /* The connection's window opens at once, or a stream that nobody reads would stop all others. */
    if (nghttp2_session_consume_connection(session, n) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (s != NULL)
        h->ops->on_data(s, slice_from(p, n));
    return alive(h);
}

static int on_frame_send_cb(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s;

    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0)
        earn(h, 1 + (double)frame->hd.length / WINDOW_UPDATE_BYTES);
    if (frame->hd.stream_id == 0 || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ||
        (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    s = find(h, frame->hd.stream_id);
    if (s == NULL)
        return 0;
    s->local_ended = true;
    /* The answer is complete and the client still sends: RFC 9113, 8.1, lets the server stop it without an error. */
    if (h->server && !s->remote_ended)
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close_cb(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = find(h, id);

    if (s == NULL)
        return 0;
    (void)nghttp2_session_set_stream_user_data(session, id, NULL);
    list_remove(&s->link);
    h->n_streams--;
    h->last_stream = clock_mono_ms();
    s->h2 = NULL;
    h->ops->on_close(s, code);
    return alive(h);
}

static int on_error_cb(nghttp2_session *session, int code, const char *text, size_t n, void *arg)
{
    (void)session, (void)arg;
    LOG_DEBUG("http/2", LOG_I64("code", code), LOG_SLICE("text", slice_from(text, n)));
    return 0;
}

static void set_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame_cb);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers_cb);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header_cb);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv_cb);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_cb);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send_cb);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close_cb);
    nghttp2_session_callbacks_set_error_callback2(cb, on_error_cb);
}

static int first_frames(struct h2 *h)
{
    nghttp2_settings_entry v[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, h->limits.window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, h->limits.header_list_max},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h->server ? h->limits.streams_max : 0},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    int rc = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, v, h->server ? 3 : 4);

    if (rc == 0) /* SETTINGS does not touch the connection's window */
        rc = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
                                                   (int32_t)(2 * h->limits.window));
    return rc;
}

int h2_session_new(struct h2 *h, struct err *e)
{
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *option = NULL;
    int rc = nghttp2_session_callbacks_new(&cb);

    if (rc == 0)
        rc = nghttp2_option_new(&option);
    if (rc == 0) {
        set_callbacks(cb);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_no_closed_streams(option, 1);
        rc = h->server ? nghttp2_session_server_new2(&h->session, cb, h, option)
                       : nghttp2_session_client_new2(&h->session, cb, h, option);
    }
    if (rc == 0)
        rc = first_frames(h);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
    h->tokens = h->limits.control_burst;
    h->tokens_at = clock_mono_ms();
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "HTTP/2: %s", nghttp2_strerror(rc));
}
