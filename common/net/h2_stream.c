/* What the layer above does with a stream. Everything here only queues and wakes the connection. */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "net/h2_int.h"

#define HEADERS_MAX 16

static size_t to_nv(const struct h2_header *v, size_t n, nghttp2_nv *out)
{
    MUST(n <= HEADERS_MAX);
    for (size_t i = 0; i < n; i++) {
        out[i].name = (uint8_t *)(uintptr_t)v[i].name.p;
        out[i].namelen = v[i].name.n;
        out[i].value = (uint8_t *)(uintptr_t)v[i].value.p;
        out[i].valuelen = v[i].value.n;
        out[i].flags = NGHTTP2_NV_FLAG_NONE; /* copied */
    }
    return n;
}

static ssize_t read_cb(nghttp2_session *session, int32_t id, uint8_t *p, size_t n, uint32_t *flags,
                       nghttp2_data_source *source, void *arg)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
    struct h2 *h = arg;
    bool end = false, trailers = false;
    size_t got;

    (void)source;
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    got = h->ops->read(s, p, n, &end, &trailers);
    if (end)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (end && trailers)
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return got == 0 && !end ? NGHTTP2_ERR_DEFERRED : (ssize_t)got;
}

int h2_request(struct h2 *h, struct h2_stream *s, const struct h2_header *v, size_t n)
{
    nghttp2_data_provider body = {.read_callback = read_cb};
    nghttp2_nv nv[HEADERS_MAX];
    int32_t id;

    if (h->state == H2_CLOSED || !nghttp2_session_check_request_allowed(h->session))
        return -ERR_NOTNOW;
    id = nghttp2_submit_request(h->session, NULL, nv, to_nv(v, n, nv), &body, s);
    if (id < 0)
        return id == NGHTTP2_ERR_NOMEM ? -ERR_NOMEM : -ERR_NOTNOW;
    s->h2 = h;
    s->id = id;
    list_append(&h->streams, &s->link);
    h->n_streams++;
    h2_wake(h);
    return 0;
}

int h2_respond(struct h2_stream *s, const struct h2_header *v, size_t n, bool body)
{
    nghttp2_data_provider source = {.read_callback = read_cb};
    nghttp2_nv nv[HEADERS_MAX];
    int rc;

    if (s->h2 == NULL)
        return -ERR_CLOSED;
    rc = nghttp2_submit_response(s->h2->session, s->id, nv, to_nv(v, n, nv), body ? &source : NULL);
    h2_wake(s->h2);
    return rc == 0 ? 0 : rc == NGHTTP2_ERR_NOMEM ? -ERR_NOMEM : -ERR_NOTNOW;
}

int h2_trailers(struct h2_stream *s, const struct h2_header *v, size_t n)
{
    nghttp2_nv nv[HEADERS_MAX];

    if (s->h2 == NULL)
        return -ERR_CLOSED;
    return nghttp2_submit_trailer(s->h2->session, s->id, nv, to_nv(v, n, nv)) == 0 ? 0 : -ERR_NOMEM;
}

void h2_resume(struct h2_stream *s)
{
    if (s->h2 == NULL)
        return;
    (void)nghttp2_session_resume_data(s->h2->session, s->id); /* not deferred: it will read anyway */
    h2_wake(s->h2);
}

void h2_reset(struct h2_stream *s, uint32_t code)
{
    if (s->h2 == NULL)
        return;
    (void)nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, code);
    h2_wake(s->h2);
}

void h2_consume(struct h2_stream *s, size_t n)
{
    if (s->h2 == NULL || n == 0)
        return;
    (void)nghttp2_session_consume_stream(s->h2->session, s->id, n);
    h2_wake(s->h2);
}
