#include "base/must.h"
#include "http/h1.h"
#include "http/h1_meaning.h"
#include "http/h1_scan.h"

/* 15 hex digits: no chunk is longer than 2^60 - 1 and nothing overflows. */
#define DIGITS_MAX 15
/* Bytes of one size line. */
#define LINE_MAX_BYTES 1024
/* Framing may be this much larger than twice the data: extensions and tiny chunks cost us work, not the sender (CVE-2023-39326). */
#define EXCESS_MAX 16384
#define TRAILER_LINES_MAX 64

enum chunk_state {
    AT_SIZE,         /* the first digit */
    IN_SIZE,         /* more digits, ';' or CR */
    IN_EXTENSION,
    AT_SIZE_LF,
    IN_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_TRAILER,      /* start of a trailer line, or the CR that ends it all */
    IN_TRAILER_NAME,
    IN_TRAILER_VALUE,
    AT_TRAILER_LF,
    AT_LAST_LF,
    FINISHED
};

void h1_chunk_init(struct h1_chunk *c, uint32_t trailers_max)
{
    memset(c, 0, sizeof(*c));
    c->trailers_max = trailers_max;
}

void h1_chunk_keep_trailers(struct h1_chunk *c, char *keep, size_t cap)
{
    c->keep = keep;
    c->keep_cap = cap;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The LF of a size line: data begins, or the trailers do. */
static int size_line_ends(struct h1_chunk *c)
{
    uint64_t fair = c->left > EXCESS_MAX ? 2 * EXCESS_MAX : 16 + 2 * c->left;

    c->excess += c->line;
    c->excess -= c->excess < fair ? c->excess : (uint32_t)fair;
    if (c->excess > EXCESS_MAX)
        return -H1_ERR_CHUNK_EXCESS;
    c->state = c->left == 0 ? AT_TRAILER : IN_DATA;
    c->digits = c->line = 0;
    return 0;
}

static int size_byte(struct h1_chunk *c, char ch)
{
    int digit;

    if (++c->line > LINE_MAX_BYTES)
        return -H1_ERR_CHUNK_LONG;
    switch (c->state) {
    case AT_SIZE:
    case IN_SIZE:
        digit = hex_value(ch);
        if (digit >= 0) {
            if (++c->digits > DIGITS_MAX)
                return -H1_ERR_CHUNK_SIZE;
            c->left = c->left << 4 | (unsigned)digit;
            c->state = IN_SIZE;
            return 0;
        }
        if (c->state == AT_SIZE || (ch != ';' && ch != '\r'))
            return ch == '\n' ? -H1_ERR_LINE_END : -H1_ERR_CHUNK_SIZE;
        c->state = ch == ';' ? IN_EXTENSION : AT_SIZE_LF;
        return 0;
    case IN_EXTENSION:
        if (ch == '\r')
            c->state = AT_SIZE_LF;
        else if (!h1_is(ch, H1_IN_VALUE))
            return ch == '\n' ? -H1_ERR_LINE_END : -H1_ERR_CHUNK_SIZE;
        return 0;
    default: /* AT_SIZE_LF */
        return ch == '\n' ? size_line_ends(c) : -H1_ERR_LINE_END;
    }
}

static int data_end_byte(struct h1_chunk *c, char ch)
{
    if (ch != (c->state == AT_DATA_CR ? '\r' : '\n'))
        return -H1_ERR_CHUNK_END;
    c->state = c->state == AT_DATA_CR ? AT_DATA_LF : AT_SIZE;
    return 0;
}

static int keep_byte(struct h1_chunk *c, char ch)
{
    if (++c->trailers_n > c->trailers_max)
        return -H1_ERR_TRAILER_LONG;
    if (c->keep == NULL)
        return 0;
    if (c->keep_n == c->keep_cap)
        return -H1_ERR_TRAILER_LONG;
    c->keep[c->keep_n++] = ch;
    return 0;
}

static int trailer_start(struct h1_chunk *c, char ch)
{
    if (ch == '\r') {
        c->state = AT_LAST_LF;
        return 0;
    }
    if (!h1_is(ch, H1_IN_TOKEN))
        return ch == '\n' ? -H1_ERR_LINE_END : -H1_ERR_TRAILER;
    if (++c->trailer_lines > TRAILER_LINES_MAX)
        return -H1_ERR_TRAILER_LONG;
    c->state = IN_TRAILER_NAME;
    return 0;
}

/* The bytes of the section with its last CRLF are kept and counted: it is cut like a head's fields then. */
static int trailer_byte(struct h1_chunk *c, char ch)
{
    int rc = keep_byte(c, ch);

    if (rc != 0)
        return rc;
    switch (c->state) {
    case AT_TRAILER:
        return trailer_start(c, ch);
    case IN_TRAILER_NAME:
        if (ch == ':')
            c->state = IN_TRAILER_VALUE;
        else if (!h1_is(ch, H1_IN_TOKEN))
            return -H1_ERR_TRAILER;
        return 0;
    case IN_TRAILER_VALUE:
        if (ch == '\r')
            c->state = AT_TRAILER_LF;
        else if (!h1_is(ch, H1_IN_VALUE))
            return ch == '\n' ? -H1_ERR_LINE_END : -H1_ERR_TRAILER;
        return 0;
    default: /* AT_TRAILER_LF, AT_LAST_LF */
        if (ch != '\n')
            return -H1_ERR_LINE_END;
        c->state = c->state == AT_LAST_LF ? FINISHED : AT_TRAILER;
        return 0;
    }
}

int h1_chunk_feed(struct h1_chunk *c, const char *p, size_t n, struct slice *data, size_t *used, bool *done)
{
    size_t i;
    int rc = 0;

    MUST(c->state != FINISHED);
    *data = SLICE_NONE;
    for (i = 0; i < n && rc == 0 && c->state != FINISHED; i++) {
        if (c->state == IN_DATA) {
            size_t take = n - i < c->left ? n - i : (size_t)c->left;

            *data = slice_from(p + i, take);
            c->left -= take;
            c->state = c->left == 0 ? AT_DATA_CR : IN_DATA;
            i += take;
            break;
        }
        if (c->state <= AT_SIZE_LF)
            rc = size_byte(c, p[i]);
        else if (c->state <= AT_DATA_LF)
            rc = data_end_byte(c, p[i]);
        else
            rc = trailer_byte(c, p[i]);
    }
    *used = i;
    *done = rc == 0 && c->state == FINISHED;
    return rc;
}

/* RFC 9110 6.5.1: fields that frame, route, authenticate or change how the rest is read mean nothing this late. */
static bool is_refused_trailer(enum http_header id)
{
    switch (id) {
    case HTTP_HEADER_CONTENT_LENGTH:
    case HTTP_HEADER_TRANSFER_ENCODING:
    case HTTP_HEADER_HOST:
    case HTTP_HEADER_CONNECTION:
    case HTTP_HEADER_KEEP_ALIVE:
    case HTTP_HEADER_UPGRADE:
    case HTTP_HEADER_TE:
    case HTTP_HEADER_TRAILER:
    case HTTP_HEADER_EXPECT:
    case HTTP_HEADER_RANGE:
    case HTTP_HEADER_AUTHORIZATION:
    case HTTP_HEADER_PROXY_AUTHORIZATION:
    case HTTP_HEADER_PROXY_AUTHENTICATE:
    case HTTP_HEADER_WWW_AUTHENTICATE:
    case HTTP_HEADER_COOKIE:
    case HTTP_HEADER_SET_COOKIE:
    case HTTP_HEADER_CACHE_CONTROL:
    case HTTP_HEADER_AGE:
    case HTTP_HEADER_EXPIRES:
    case HTTP_HEADER_DATE:
    case HTTP_HEADER_LOCATION:
    case HTTP_HEADER_VARY:
    case HTTP_HEADER_RETRY_AFTER:
    case HTTP_HEADER_CONTENT_TYPE:
    case HTTP_HEADER_CONTENT_ENCODING:
    case HTTP_HEADER_CONTENT_RANGE:
    case HTTP_HEADER_X_API_KEY:
    case HTTP_HEADER_X_FORWARDED_FOR:
    case HTTP_HEADER_X_FORWARDED_PROTO:
    case HTTP_HEADER_X_FORWARDED_HOST:
    case HTTP_HEADER_X_FORWARDED_PORT:
    case HTTP_HEADER_FORWARDED:
    case HTTP_HEADER_X_REAL_IP: return true;
    default: return false;
    }
}

int h1_parse_trailers(struct slice section, struct h1_header *headers, uint32_t cap)
{
    struct h1_head h = {0};
    struct h1_seen seen;
    const char *p = section.p;
    uint32_t kept = 0;
    int rc;

    if (section.n == 0)
        return 0;
    rc = h1_cut_fields(section.p, &p, section.p + section.n, headers, cap < UINT16_MAX ? cap : UINT16_MAX, &h, &seen);
    if (rc <= 0)
        return rc == 0 ? -H1_ERR_TRAILER : rc;
    for (uint32_t i = 0; i < h.n_headers; i++)
        if (!is_refused_trailer((enum http_header)headers[i].id))
            headers[kept++] = headers[i];
    return (int)kept;
}
