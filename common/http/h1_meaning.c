#include "http/h1_meaning.h"

#include "base/must.h"
#include "http/h1_scan.h"

static inline bool has(const struct h1_head *h, enum http_header id)
{
    return (h->present >> id & 1) != 0;
}

static inline bool is_twice(const struct h1_seen *seen, enum http_header id)
{
    return (seen->twice >> id & 1) != 0;
}

static inline struct slice value_of(const struct h1_head *h, const struct h1_seen *seen, enum http_header id)
{
    return h->headers[seen->at[id]].value;
}

/* ---- authority and target --------------------------------------------------------------------------------------------- */

static int read_port(struct slice s, uint16_t *port)
{
    uint32_t v = 0;

    if (s.n == 0 || s.n > 5)
        return -H1_ERR_HOST;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -H1_ERR_HOST;
        v = v * 10 + (uint32_t)(s.p[i] - '0');
    }
    if (v == 0 || v > 65535)
        return -H1_ERR_HOST;
    *port = (uint16_t)v;
    return 0;
}

/* "[::1]": its length, 0 where malformed. Zone ids and future versions are refused. */
static size_t ipv6_length(struct slice s)
{
    for (size_t i = 1; i < s.n && i < 48; i++) {
        char c = s.p[i];

        if (c == ']')
            return i >= 3 ? i + 1 : 0;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.'))
            return 0;
    }
    return 0;
}

/* Cuts "host", "host:port" or "[v6]:port". No user info, no percent-encoding, no empty host. */
static int read_authority(struct slice s, struct slice *host, uint16_t *port)
{
    size_t n;

    *port = 0;
    if (s.n != 0 && s.p[0] == '[')
        n = ipv6_length(s);
    else
        n = (size_t)(h1_scan_slow(s.p, s.p + s.n, H1_IN_HOST) - s.p);
    if (n == 0)
        return -H1_ERR_HOST;
    *host = slice_from(s.p, n);
    if (n == s.n)
        return 0;
    if (s.p[n] != ':')
        return -H1_ERR_HOST;
    return read_port(slice_sub(s, n + 1, s.n), port);
}

static void split_query(struct slice s, struct h1_head *h)
{
    const char *mark = memchr(s.p, '?', s.n);

    h->path = s;
    if (mark == NULL)
        return;
    h->has_query = true;
    h->path.n = (size_t)(mark - s.p);
    h->query = slice_from(mark + 1, s.n - h->path.n - 1);
}

/* "http://host/path?query": fills authority, host, port, path and query. */
static int read_absolute(struct slice s, struct h1_head *h)
{
    size_t scheme, n;

    if (s.n >= 7 && strncasecmp(s.p, "http://", 7) == 0) {
        scheme = 7;
    } else if (s.n >= 8 && strncasecmp(s.p, "https://", 8) == 0) {
        scheme = 8;
        h->absolute_https = true;
    } else {
        return -H1_ERR_TARGET;
    }
    for (n = scheme; n < s.n && s.p[n] != '/' && s.p[n] != '?'; n++)
        ;
    h->absolute_form = true;
    h->authority = slice_sub(s, scheme, n);
    if (read_authority(h->authority, &h->host, &h->port) != 0)
        return -H1_ERR_TARGET;
    split_query(slice_sub(s, n, s.n), h);
    if (h->path.n == 0)
        h->path = SLICE_LIT("/");
    return 0;
}

static int read_target(struct h1_head *h)
{
    if (h->method == HTTP_METHOD_CONNECT)
        return -H1_ERR_CONNECT;
    if (LIKELY(h->target.p[0] == '/')) {
        split_query(h->target, h);
        return 0;
    }
    if (slice_is(h->target, "*")) {
        h->path = h->target;
        return h->method == HTTP_METHOD_OPTIONS ? 0 : -H1_ERR_TARGET;
    }
    return read_absolute(h->target, h);
}

/* The port that a request without one means, for comparing. */
static unsigned effective_port(uint16_t port, bool https)
{
    return port != 0 ? port : https ? 443 : 80;
}

static int read_host(struct h1_head *h, const struct h1_seen *seen)
{
    struct slice value, host;
    uint16_t port;
    int rc;

    if (!has(h, HTTP_HEADER_HOST))
        return h->minor == 0 ? 0 : -H1_ERR_HOST_MISSING;
    if (is_twice(seen, HTTP_HEADER_HOST))
        return -H1_ERR_HOST_MANY;
    value = value_of(h, seen, HTTP_HEADER_HOST);
    rc = read_authority(value, &host, &port);
    if (rc != 0)
        return rc;
    if (!h->absolute_form) {
        h->authority = value;
        h->host = host;
        h->port = port;
        return 0;
    }
    /* RFC 9112 3.2.2 lets the target win. Two names in one request have one honest explanation and many others. */
    if (!slice_ieq(host, h->host) ||
        effective_port(port, h->absolute_https) != effective_port(h->port, h->absolute_https))
        return -H1_ERR_HOST_DIFFERS;
    return 0;
}

/* ---- framing ---------------------------------------------------------------------------------------------------------- */

/* Digits only, at most 19, at most 2^63 - 1. */
static int read_length(struct slice s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0 || s.n > 19)
        return -H1_ERR_LENGTH;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -H1_ERR_LENGTH;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    if (v > INT64_MAX)
        return -H1_ERR_LENGTH;
    *out = v;
    return 0;
}

/* What the fields say of the body; the same for both directions. */
static int read_framing(struct h1_head *h, const struct h1_seen *seen)
{
    bool length = has(h, HTTP_HEADER_CONTENT_LENGTH), coding = has(h, HTTP_HEADER_TRANSFER_ENCODING);

    h->content_length = H1_NO_LENGTH;
    if (LIKELY(!length && !coding))
        return 0;
    if (length && coding)
        return -H1_ERR_LENGTH_AND_TE;
    if (length) {
        if (is_twice(seen, HTTP_HEADER_CONTENT_LENGTH))
            return -H1_ERR_LENGTH_MANY;
        h->framing = H1_BODY_LENGTH;
        return read_length(value_of(h, seen, HTTP_HEADER_CONTENT_LENGTH), &h->content_length);
    }
    if (is_twice(seen, HTTP_HEADER_TRANSFER_ENCODING))
        return -H1_ERR_TE_MANY;
    if (!slice_ieq(value_of(h, seen, HTTP_HEADER_TRANSFER_ENCODING), SLICE_LIT("chunked")))
        return -H1_ERR_TE;
    if (h->minor == 0)
        return -H1_ERR_TE_HTTP10;
    h->framing = H1_BODY_CHUNKED;
    return 0;
}

/* ---- connection options ------------------------------------------------------------------------------------------------ */

static void read_connection_value(struct h1_head *h, struct slice rest, bool *close, bool *keep)
{
    struct slice item;

    if (LIKELY(slice_eq(rest, SLICE_LIT("keep-alive")))) { /* nearly always exactly this */
        *keep = true;
        return;
    }
    while (http_list_next(&rest, &item)) {
        if (slice_ieq(item, SLICE_LIT("keep-alive")))
            *keep = true;
        else if (slice_ieq(item, SLICE_LIT("close")))
            *close = true;
        else if (slice_ieq(item, SLICE_LIT("upgrade")))
            h->upgrade = h->minor == 1 && has(h, HTTP_HEADER_UPGRADE);
        else
            h->connection_listed = true;
    }
}

static void read_connection(struct h1_head *h, const struct h1_seen *seen)
{
    bool close = false, keep = false;

    if (!has(h, HTTP_HEADER_CONNECTION)) {
        h->keep_alive = h->minor == 1;
        return;
    }
    if (LIKELY(!is_twice(seen, HTTP_HEADER_CONNECTION)))
        read_connection_value(h, value_of(h, seen, HTTP_HEADER_CONNECTION), &close, &keep);
    else
        for (uint32_t i = 0; i < h->n_headers; i++)
            if (h->headers[i].id == HTTP_HEADER_CONNECTION)
                read_connection_value(h, h->headers[i].value, &close, &keep);
    h->keep_alive = !close && (h->minor == 1 || keep);
}

static int read_expect(struct h1_head *h, const struct h1_seen *seen)
{
    if (LIKELY(!has(h, HTTP_HEADER_EXPECT)) || h->minor == 0)
        return 0;
    if (is_twice(seen, HTTP_HEADER_EXPECT) ||
        !slice_ieq(value_of(h, seen, HTTP_HEADER_EXPECT), SLICE_LIT("100-continue")))
        return -H1_ERR_EXPECT;
    h->expect_continue = true;
    return 0;
}

int h1_mean_request(struct h1_head *h, const struct h1_seen *seen)
{
    int rc = read_target(h);

    if (rc == 0)
        rc = read_host(h, seen);
    if (rc == 0)
        rc = read_framing(h, seen);
    if (rc == 0)
        rc = read_expect(h, seen);
    read_connection(h, seen);
    return rc;
}

int h1_mean_response(struct h1_head *h, const struct h1_seen *seen, enum http_method of_request)
{
    bool bodiless = h->status < 200 || h->status == 204;
    int rc = read_framing(h, seen);

    if (rc != 0)
        return rc;
    read_connection(h, seen);
    if (h->status == 101)
        h->upgrade = true;
    if (bodiless) {
        /* RFC 9110 forbids both fields here. Whoever sends them may also send the body: do not use the connection again. */
        if (h->framing == H1_BODY_CHUNKED || (h->framing == H1_BODY_LENGTH && h->content_length != 0))
            h->keep_alive = false;
        h->framing = H1_BODY_NONE;
    } else if (of_request == HTTP_METHOD_HEAD || h->status == 304) {
        h->framing = H1_BODY_NONE;
    } else if (h->framing == H1_BODY_NONE) {
        h->framing = H1_BODY_CLOSE;
        h->keep_alive = false;
    }
    return 0;
}

/* ---- looking at a head -------------------------------------------------------------------------------------------------- */

const struct h1_header *h1_head_get(const struct h1_head *h, enum http_header id)
{
    if (!has(h, id))
        return NULL;
    for (uint32_t i = 0; i < h->n_headers; i++)
        if (h->headers[i].id == id)
            return &h->headers[i];
    return NULL;
}

const struct h1_header *h1_head_find(const struct h1_head *h, struct slice name)
{
    for (uint32_t i = 0; i < h->n_headers; i++)
        if (slice_ieq(h->headers[i].name, name))
            return &h->headers[i];
    return NULL;
}

bool h1_connection_names(const struct h1_head *h, struct slice name)
{
    struct slice rest, item;

    for (uint32_t i = 0; i < h->n_headers; i++) {
        if (h->headers[i].id != HTTP_HEADER_CONNECTION)
            continue;
        for (rest = h->headers[i].value; http_list_next(&rest, &item);)
            if (slice_ieq(item, name))
                return true;
    }
    return false;
}
