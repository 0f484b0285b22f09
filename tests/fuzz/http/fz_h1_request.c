/* Any bytes as a request head: slices stay inside, what is accepted keeps its promises, and a restart at any byte changes nothing. */
#include "fz_h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct h1_limits limits = {1024, 256, FIELDS};

static void check_head(const struct h1_head *h, const char *p, size_t n, int rc)
{
    const struct h1_header *length = h1_head_get(h, HTTP_HEADER_CONTENT_LENGTH);
    const struct h1_header *coding = h1_head_get(h, HTTP_HEADER_TRANSFER_ENCODING);

    MUST((size_t)rc <= n && (size_t)rc <= limits.head_max && memcmp(p + rc - 4, "\r\n\r\n", 4) == 0);
    check_fields(h, p, (size_t)rc);
    check_inside(h->target, p, (size_t)rc);
    check_inside(h->query, p, (size_t)rc);
    check_inside(h->authority, p, (size_t)rc);
    check_inside(h->host, h->authority.p, h->authority.n);
    MUST(h->target.n != 0 && h->target.n <= limits.target_max && h->path.n != 0);
    MUST(h->path.p[0] == '/' || (h->method == HTTP_METHOD_OPTIONS && slice_is(h->path, "*")));
    MUST(h->method != HTTP_METHOD_CONNECT && http_token_is_valid(h->method_text));
    MUST(h->minor == 0 || h->host.n != 0);
    MUST(length == NULL || coding == NULL);
    MUST((h->framing == H1_BODY_LENGTH) == (length != NULL) && (h->framing == H1_BODY_CHUNKED) == (coding != NULL));
    MUST(h->framing != H1_BODY_CLOSE && h->status == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *p = (const char *)bytes;
    struct h1_header headers[FIELDS], again[FIELDS];
    struct h1_head h = {.headers = headers, .headers_cap = FIELDS}, g = {.headers = again, .headers_cap = FIELDS};
    size_t scanned = 0, hint = 0;
    int rc = h1_parse_request(p, n, &scanned, &limits, &h), step = 0;

    if (rc > 0)
        check_head(&h, p, n, rc);
    MUST(rc > -(int)H1_ERR_COUNT);
    for (size_t m = 1; m <= n && step == 0; m++)
        step = h1_parse_request(p, m, &hint, &limits, &g);
    if (rc >= 0)
        MUST(step == rc && (rc == 0 || (h.n_headers == g.n_headers && h.framing == g.framing && slice_eq(h.path, g.path))));
    else
        MUST(step == rc || step == 0);
    return 0;
}
