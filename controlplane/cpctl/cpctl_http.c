#include "cpctl/cpctl_http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "cpctl/cpctl_http_link.h"
#include "http/h1.h"
#include "net/tlsctx.h"

#define HEADERS_MAX 100u
#define TRAILERS_MAX 8192u
#define READ_STEP 65536u
#define INTERIM_MAX 8 /* 1xx heads before the real one; more fails the call */

struct cpctl_http {
    char host[256], port[8], authority[280];
    char *token;
    struct tlsctx *tls;
    struct cpctl_link link;
    struct buf in;     /* bytes read and not yet consumed */
};

/* "https://HOST[:PORT][/]" into its parts. IPv6 addresses stand in brackets. */
static int read_url(struct cpctl_http *h, const char *url, struct err *e)
{
    struct slice rest = slice_of(url), host;
    const char *colon;

    if (!slice_starts(rest, SLICE_LIT("https://")))
        return err_set(e, ERR_INVALID, "%s: the address begins with https://", url);
    rest = slice_sub(rest, 8, rest.n);
    if (rest.n != 0 && rest.p[rest.n - 1] == '/')
        rest.n--;
    if (rest.n == 0 || memchr(rest.p, '/', rest.n) != NULL || memchr(rest.p, '@', rest.n) != NULL ||
        memchr(rest.p, '?', rest.n) != NULL || rest.n >= sizeof(h->host))
        return err_set(e, ERR_INVALID, "%s: not of the form https://HOST:PORT", url);
    for (size_t i = 0; i < rest.n; i++)
        if (!isgraph((unsigned char)rest.p[i]))
            return err_set(e, ERR_INVALID, "%s: not of the form https://HOST:PORT", url);
    (void)snprintf(h->authority, sizeof(h->authority), "%.*s", SLICE_FMT(rest));
    colon = memrchr(rest.p, ':', rest.n);
    if (colon != NULL && memchr(colon, ']', (size_t)(rest.p + rest.n - colon)) != NULL)
        colon = NULL;
    host = colon == NULL ? rest : slice_sub(rest, 0, (size_t)(colon - rest.p));
    if (colon == NULL)
        (void)snprintf(h->port, sizeof(h->port), "443");
    else
        (void)snprintf(h->port, sizeof(h->port), "%.*s", (int)(rest.p + rest.n - colon - 1), colon + 1);
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = slice_sub(host, 1, host.n - 1);
    if (host.n == 0 || h->port[strspn(h->port, "0123456789")] != '\0' || *h->port == '\0' ||
        strtoul(h->port, NULL, 10) == 0 || strtoul(h->port, NULL, 10) > 65535)
        return err_set(e, ERR_INVALID, "%s: not of the form https://HOST:PORT", url);
    (void)snprintf(h->host, sizeof(h->host), "%.*s", SLICE_FMT(host));
    return 0;
}

int cpctl_http_new(const struct cpctl_http_def *def, struct cpctl_http **out, struct err *e)
{
    struct tlsctx_def tls = {.roots_pem = def->ca_pem, .alpn = "http/1.1"};
    struct cpctl_http *h;
    int rc;

    if (!http_value_is_valid(def->token))
        return err_set(e, ERR_INVALID, "the token has characters that no token has");
    h = calloc(1, sizeof(*h));
    if (h == NULL)
        return err_set(e, ERR_NOMEM, "client");
    cpctl_link_init(&h->link, def->cancel_fd);
    buf_init(&h->in, CPCTL_HTTP_BODY_MAX);
    h->token = def->token.n == 0 ? NULL : strndup(def->token.p, def->token.n);
    rc = def->token.n != 0 && h->token == NULL ? err_set(e, ERR_NOMEM, "client") : read_url(h, def->url, e);
    if (rc == 0)
        rc = tlsctx_new(&tls, &h->tls, e);
    if (rc != 0) {
        cpctl_http_free(h);
        return rc;
    }
    *out = h;
    return 0;
}

void cpctl_http_free(struct cpctl_http *h)
{
    if (h == NULL)
        return;
    cpctl_link_close(&h->link);
    if (h->tls != NULL)
        tlsctx_unref(h->tls);
    if (h->token != NULL)
        secret_wipe(h->token, strlen(h->token));
    free(h->token);
    buf_fini(&h->in);
    free(h);
}

const char *cpctl_http_peer(const struct cpctl_http *h)
{
    return h->authority;
}

void cpctl_http_answer_fini(struct cpctl_http_answer *a)
{
    buf_fini(&a->body);
}

static int send_request(struct cpctl_http *h, const char *method, const char *target, const struct slice *body,
                        struct err *e)
{
    size_t size = strlen(target) + strlen(h->authority) + (h->token == NULL ? 0 : strlen(h->token)) + 512;
    char *head = malloc(size);
    struct h1_writer w;
    int rc;

    if (head == NULL)
        return err_set(e, ERR_NOMEM, "request");
    h1_writer_init(&w, head, size);
    h1_write_request_line(&w, slice_of(method), slice_of(target));
    h1_write_header(&w, SLICE_LIT("Host"), slice_of(h->authority));
    h1_write_header(&w, SLICE_LIT("User-Agent"), SLICE_LIT("cpctl/" SLUICE_VERSION));
    h1_write_header(&w, SLICE_LIT("Accept"), SLICE_LIT("application/json"));
    if (h->token != NULL) {
        h1_write_bytes(&w, SLICE_LIT("Authorization: Bearer "));
        h1_write_bytes(&w, slice_of(h->token));
        h1_write_bytes(&w, SLICE_LIT("\r\n"));
    }
    if (body != NULL) {
        h1_write_header(&w, SLICE_LIT("Content-Type"), SLICE_LIT("application/json"));
        h1_write_header_u64(&w, SLICE_LIT("Content-Length"), body->n);
    }
    h1_write_end(&w);
    rc = w.full ? err_set(e, ERR_LIMIT, "the request's head is too long")
                : cpctl_link_write(&h->link, head, (size_t)(w.p - head), e);
    secret_wipe(head, size);
    free(head);
    if (rc == 0 && body != NULL)
        rc = cpctl_link_write(&h->link, body->p, body->n, e);
    return rc;
}

/* Reads more into h->in. *end: the stream is over. */
static int read_more(struct cpctl_http *h, bool *end, struct err *e)
{
    size_t got;
    int rc = buf_reserve(&h->in, READ_STEP);

    if (rc != 0)
        return err_set(e, (enum err_code)-rc, "the answer is too large");
    rc = cpctl_link_read(&h->link, h->in.p + h->in.w, READ_STEP, &got, e);
    h->in.w += rc == 0 ? got : 0;
    *end = rc == 0 && got == 0;
    return rc;
}

static int bad(struct err *e, int code)
{
    return err_set(e, ERR_SYNTAX, "the answer is not HTTP: %s", h1_error_text(-code));
}

/* The head of the final answer; its bytes are consumed, so head's slices are dead afterwards: what is needed goes to out. */
static int read_head(struct cpctl_http *h, enum http_method method, struct h1_head *head, struct cpctl_http_answer *out,
                     struct err *e)
{
    static const struct h1_limits limits = {CPCTL_HTTP_HEAD_MAX, 8192, HEADERS_MAX};
    struct h1_header headers[HEADERS_MAX];
    const struct h1_header *type;
    size_t scanned = 0;
    int interim = 0, n, rc;
    bool end;

    for (;;) {
        head->headers = headers;
        head->headers_cap = HEADERS_MAX;
        n = h1_parse_response(h->in.p + h->in.r, buf_len(&h->in), &scanned, &limits, method, head);
        if (n < 0)
            return bad(e, n);
        if (n > 0 && head->status >= 200)
            break;
        if (n > 0) {
            buf_consume(&h->in, (size_t)n);
            scanned = 0;
            if (++interim > INTERIM_MAX)
                return err_set(e, ERR_LIMIT, "too many interim answers");
            continue;
        }
        rc = read_more(h, &end, e);
        if (rc != 0)
            return rc;
        if (end)
            return err_set(e, ERR_IO, "the server closed the connection without an answer");
    }
    type = h1_head_get(head, HTTP_HEADER_CONTENT_TYPE);
    out->status = head->status;
    out->is_json = type != NULL && memmem(type->value.p, type->value.n, "json", 4) != NULL;
    head->headers = NULL;
    buf_consume(&h->in, (size_t)n);
    return 0;
}

static int too_large(struct err *e)
{
    return err_set(e, ERR_LIMIT, "the answer is larger than %u bytes", CPCTL_HTTP_BODY_MAX);
}

static int read_length(struct cpctl_http *h, uint64_t left, struct buf *out, struct err *e)
{
    if (left > CPCTL_HTTP_BODY_MAX)
        return too_large(e);
    for (;;) {
        size_t n = buf_len(&h->in) < left ? buf_len(&h->in) : (size_t)left;
        bool end;
        int rc;

        if (buf_append(out, h->in.p + h->in.r, n) != 0)
            return too_large(e);
        buf_consume(&h->in, n);
        left -= n;
        if (left == 0)
            return 0;
        rc = read_more(h, &end, e);
        if (rc != 0)
            return rc;
        if (end)
            return err_set(e, ERR_IO, "the answer was cut short");
    }
}

static int read_chunked(struct cpctl_http *h, struct buf *out, struct err *e)
{
    struct h1_chunk chunk;
    bool done = false, end;

    h1_chunk_init(&chunk, TRAILERS_MAX);
    while (!done) {
        int rc;

        while (!done && buf_len(&h->in) != 0) {
            struct slice data;
            size_t used;

            rc = h1_chunk_feed(&chunk, h->in.p + h->in.r, buf_len(&h->in), &data, &used, &done);
            if (rc != 0)
                return bad(e, rc);
            if (buf_puts(out, data) != 0)
                return too_large(e);
            buf_consume(&h->in, used);
        }
        if (done)
            break;
        rc = read_more(h, &end, e);
        if (rc != 0)
            return rc;
        if (end)
            return err_set(e, ERR_IO, "the answer was cut short");
    }
    return 0;
}

static int read_to_end(struct cpctl_http *h, struct buf *out, struct err *e)
{
    for (bool end = false; !end;) {
        int rc;

        if (buf_puts(out, buf_slice(&h->in)) != 0)
            return too_large(e);
        buf_clear(&h->in);
        rc = read_more(h, &end, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_answer(struct cpctl_http *h, enum http_method method, struct cpctl_http_answer *out, struct err *e)
{
    struct h1_head head;
    int rc;

    memset(&head, 0, sizeof(head));
    rc = read_head(h, method, &head, out, e);
    if (rc != 0)
        return rc;
    switch (head.framing) {
    case H1_BODY_NONE:
        break;
    case H1_BODY_LENGTH:
        rc = read_length(h, head.content_length, &out->body, e);
        break;
    case H1_BODY_CHUNKED:
        rc = read_chunked(h, &out->body, e);
        break;
    case H1_BODY_CLOSE:
        rc = read_to_end(h, &out->body, e);
        break;
    }
    if (rc != 0 || !head.keep_alive || head.framing == H1_BODY_CLOSE || buf_len(&h->in) != 0)
        cpctl_link_close(&h->link);
    return rc;
}

int cpctl_http_call(struct cpctl_http *h, const char *method, const char *target, const struct slice *body,
                    uint64_t timeout_ms, struct cpctl_http_answer *out, struct err *e)
{
    int rc = 0;

    memset(out, 0, sizeof(*out));
    buf_init(&out->body, CPCTL_HTTP_BODY_MAX);
    h->link.deadline = clock_mono_ms() + timeout_ms;
    if (h->link.fd >= 0 && !cpctl_link_is_fresh(&h->link))
        cpctl_link_close(&h->link);
    if (h->link.fd < 0) {
        buf_clear(&h->in);
        rc = cpctl_link_open(&h->link, h->host, h->port, h->tls, e);
    }
    if (rc == 0)
        rc = send_request(h, method, target, body, e);
    /* A server that refuses a large body answers before it has read it all. */
    if (rc == 0 || (rc == -ERR_IO && h->link.fd >= 0 && body != NULL))
        rc = read_answer(h, http_method_of(slice_of(method)), out, e);
    if (rc != 0) {
        cpctl_link_close(&h->link);
        cpctl_http_answer_fini(out);
        (void)err_prefix(e, "%s", h->authority);
    }
    return rc;
}
