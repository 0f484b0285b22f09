#include "http/h1.h"

#include "base/must.h"
#include "http/h1_meaning.h"
#include "http/h1_scan.h"

#define METHOD_MAX 32
#define MORE 0 /* the bytes end here */
#define GOOD 1

static const struct {
    uint16_t status;
    const char *name, *text;
} errors[H1_ERR_COUNT] = {
    [H1_OK] = {200, "ok", "ok"},
#define X(id, status, text) [H1_ERR_##id] = {status, #id, text},
#include "http/tbl/h1_error.h"
#undef X
};

static bool is_error(int code)
{
    return code > 0 && code < (int)H1_ERR_COUNT;
}

unsigned h1_error_status(int code)
{
    return is_error(code) ? errors[code].status : 400;
}

const char *h1_error_text(int code)
{
    return is_error(code) ? errors[code].text : "malformed message";
}

const char *h1_error_name(int code)
{
    return is_error(code) ? errors[code].name : "unknown";
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

/* *pp stands where CRLF has to be. `other` is the error where it is neither CR nor LF. */
static inline int cut_crlf(const char **pp, const char *end, enum h1_error other)
{
    const char *p = *pp;

    if (p == end)
        return MORE;
    if (*p != '\r')
        return *p == '\n' ? -H1_ERR_LINE_END : -(int)other;
    if (p + 1 == end)
        return MORE;
    if (p[1] != '\n')
        return -H1_ERR_LINE_END;
    *pp = p + 2;
    return GOOD;
}

/* "HTTP/1.0" or "HTTP/1.1" */
static int cut_version(const char **pp, const char *end, uint8_t *minor)
{
    static const char want[] = "HTTP/1.";
    const char *p = *pp;
    size_t n = (size_t)(end - p);

    if (LIKELY(n >= 8 && memcmp(p, want, 7) == 0 && (p[7] == '1' || p[7] == '0'))) {
        *minor = (uint8_t)(p[7] - '0');
        *pp = p + 8;
        return GOOD;
    }
    for (size_t i = 0; i < 8; i++) {
        bool digit;

        if (i == n)
            return MORE;
        digit = p[i] >= '0' && p[i] <= '9';
        if (i == 5 || i == 7 ? !digit : p[i] != want[i])
            return -H1_ERR_VERSION;
    }
    return -H1_ERR_VERSION_OTHER;
}

static int cut_method(const char **pp, const char *end, struct h1_head *h)
{
    const char *from = *pp, *p;

    p = h1_scan_slow(from, end, H1_IN_TOKEN);
    if (p - from > METHOD_MAX)
        return -H1_ERR_METHOD_LONG;
    if (p == end)
        return MORE;
    if (p == from || *p != ' ')
        return p != from && (*p == '\r' || *p == '\n') ? -H1_ERR_REQUEST_LINE : -H1_ERR_METHOD;
    h->method_text = slice_from(from, (size_t)(p - from));
    h->method = http_method_of(h->method_text);
    *pp = p + 1;
    return GOOD;
}

static int cut_target(const char **pp, const char *end, uint32_t target_max, struct h1_head *h)
{
    const char *from = *pp, *p;

    p = h1_scan_target(from, end);
    if ((size_t)(p - from) > target_max)
        return -H1_ERR_TARGET_LONG;
    if (p == end)
        return MORE;
    if (*p != ' ')
        return *p == '\r' || *p == '\n' ? -H1_ERR_REQUEST_LINE : -H1_ERR_TARGET;
    if (p == from)
        return -H1_ERR_REQUEST_LINE;
    h->target = slice_from(from, (size_t)(p - from));
    *pp = p + 1;
    return GOOD;
}

static int cut_request_line(const char **pp, const char *end, uint32_t target_max, struct h1_head *h)
{
    int rc;

    if (*pp < end && (**pp == '\r' || **pp == '\n')) {
        rc = cut_crlf(pp, end, H1_ERR_LINE_END);
        if (rc != GOOD)
            return rc;
    }
    rc = cut_method(pp, end, h);
    if (rc == GOOD)
        rc = cut_target(pp, end, target_max, h);
    if (rc == GOOD)
        rc = cut_version(pp, end, &h->minor);
    if (rc == GOOD)
        rc = cut_crlf(pp, end, H1_ERR_VERSION);
    return rc;
}

/* "HTTP/1.1 200 OK"; also without the blank behind the number, which many servers leave out with the reason. */
static int cut_status_line(const char **pp, const char *end, struct h1_head *h)
{
    const char *p, *from;
    int rc = cut_version(pp, end, &h->minor);

    if (rc != GOOD)
        return rc;
    p = *pp;
    for (int i = 0; i < 4; i++) {
        if (p + i == end)
            return MORE;
        if (i == 0 ? p[0] != ' ' : p[i] < '0' || p[i] > '9')
            return -H1_ERR_STATUS_LINE;
    }
    h->status = (uint16_t)((p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0'));
    if (h->status < 100)
        return -H1_ERR_STATUS_LINE;
    p += 4;
    if (p < end && *p == ' ') {
        from = ++p;
        p = h1_scan_value(from, p, end);
        h->reason = slice_from(from, (size_t)(p - from));
    }
    *pp = p;
    return cut_crlf(pp, end, H1_ERR_STATUS_LINE);
}

/* ---- fields ----------------------------------------------------------------------------------------------------------- */

static int name_error(const char *from, const char *stop)
{
    if (stop == from && (*stop == ' ' || *stop == '\t'))
        return -H1_ERR_FOLD;
    if (*stop == '\n')
        return -H1_ERR_LINE_END;
    return -H1_ERR_HEADER_NAME;
}

/* One "name: value CRLF". */
static inline int cut_field(const char *start, const char **pp, const char *end, struct h1_header *out)
{
    const char *from = *pp, *p, *v;
    int rc;

    p = h1_scan_name(start, from, end);
    if (p == end)
        return MORE;
    if (UNLIKELY(*p != ':' || p == from))
        return name_error(from, p);
    out->name = slice_from(from, (size_t)(p - from));
    for (v = p + 1; v < end && (*v == ' ' || *v == '\t'); v++)
        ;
    p = h1_scan_value(start, v, end);
    *pp = p;
    rc = cut_crlf(pp, end, H1_ERR_HEADER_VALUE);
    if (UNLIKELY(rc != GOOD))
        return rc;
    while (p > v && (p[-1] == ' ' || p[-1] == '\t'))
        p--;
    out->value = slice_from(v, (size_t)(p - v));
    return GOOD;
}

int h1_cut_fields(const char *start, const char **pp, const char *end, struct h1_header *headers, uint32_t cap,
                  struct h1_head *h, struct h1_seen *seen)
{
    uint64_t present = 0, twice = 0;
    uint32_t n = 0;
    int rc;

    for (;; n++) {
        struct h1_header *f = &headers[n];
        uint64_t bit;

        if (*pp == end)
            return MORE;
        if (**pp == '\r')
            break;
        if (UNLIKELY(n == cap))
            return -H1_ERR_HEADERS_MANY;
        rc = cut_field(start, pp, end, f);
        if (UNLIKELY(rc != GOOD))
            return rc;
        f->id = (uint16_t)http_header_of(f->name);
        bit = (uint64_t)1 << f->id;
        twice |= present & bit;
        present |= bit;
        seen->at[f->id] = (uint16_t)n;
    }
    rc = cut_crlf(pp, end, H1_ERR_LINE_END);
    h->n_headers = n;
    h->present = present & ~(uint64_t)1;
    seen->twice = twice & ~(uint64_t)1;
    return rc;
}

/* ---- heads ------------------------------------------------------------------------------------------------------------ */

static void reset(struct h1_head *h)
{
    struct h1_header *headers = h->headers;
    uint32_t cap = h->headers_cap;

    memset(h, 0, sizeof(*h));
    h->headers = headers;
    h->headers_cap = cap;
}

/* True when nothing can have changed since the last call: no line has ended since. Keeps a slow sender from making us read
 * its head again for each byte. */
static bool is_still_incomplete(const char *p, size_t n, size_t *scanned, uint32_t head_max)
{
    size_t from = *scanned;

    *scanned = n;
    return from != 0 && from <= n && n < head_max && memchr(p + from, '\n', n - from) == NULL;
}

static uint32_t fields_cap(const struct h1_head *h, const struct h1_limits *limits)
{
    uint32_t cap = h->headers_cap < limits->headers_max ? h->headers_cap : limits->headers_max;

    return cap < UINT16_MAX ? cap : UINT16_MAX; /* h1_seen counts in 16 bits */
}

int h1_parse_request(const char *p, size_t n, size_t *scanned, const struct h1_limits *limits, struct h1_head *out)
{
    size_t most = n < limits->head_max ? n : limits->head_max;
    const char *at = p, *end = p + most;
    struct h1_seen seen;
    int rc;

    if (n == 0 || is_still_incomplete(p, n, scanned, limits->head_max))
        return 0;
    reset(out);
    rc = cut_request_line(&at, end, limits->target_max, out);
    if (UNLIKELY(rc != GOOD))
        return rc == MORE && n >= limits->head_max ? -H1_ERR_TARGET_LONG : rc;
    rc = h1_cut_fields(p, &at, end, out->headers, fields_cap(out, limits), out, &seen);
    if (UNLIKELY(rc != GOOD))
        return rc == MORE && n >= limits->head_max ? -H1_ERR_HEAD_LONG : rc;
    rc = h1_mean_request(out, &seen);
    return rc != 0 ? rc : (int)(at - p);
}

int h1_parse_response(const char *p, size_t n, size_t *scanned, const struct h1_limits *limits, enum http_method of_request,
                      struct h1_head *out)
{
    size_t most = n < limits->head_max ? n : limits->head_max;
    const char *at = p, *end = p + most;
    struct h1_seen seen;
    int rc;

    if (n == 0 || is_still_incomplete(p, n, scanned, limits->head_max))
        return 0;
    reset(out);
    rc = cut_status_line(&at, end, out);
    if (rc == GOOD)
        rc = h1_cut_fields(p, &at, end, out->headers, fields_cap(out, limits), out, &seen);
    if (UNLIKELY(rc != GOOD))
        return rc == MORE && n >= limits->head_max ? -H1_ERR_HEAD_LONG : rc;
    rc = h1_mean_response(out, &seen, of_request);
    return rc != 0 ? rc : (int)(at - p);
}
