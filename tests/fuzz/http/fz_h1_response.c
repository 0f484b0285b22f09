/* Any bytes as a response head; the first byte picks the request's method. */
#include "fz_h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct h1_limits limits = {1024, 256, FIELDS};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct h1_header headers[FIELDS], again[FIELDS];
    struct h1_head h = {.headers = headers, .headers_cap = FIELDS}, g = {.headers = again, .headers_cap = FIELDS};
    enum http_method method;
    size_t scanned = 0, hint = 0;
    const char *p;
    int rc, step = 0;

    if (n == 0)
        return 0;
    method = (enum http_method)(bytes[0] % HTTP_METHOD_COUNT);
    p = (const char *)bytes + 1;
    n--;
    rc = h1_parse_response(p, n, &scanned, &limits, method, &h);
    if (rc > 0) {
        MUST((size_t)rc <= n && memcmp(p + rc - 4, "\r\n\r\n", 4) == 0);
        check_fields(&h, p, (size_t)rc);
        check_inside(h.reason, p, (size_t)rc);
        MUST(h.status >= 100 && h.status <= 999);
        MUST(h.framing != H1_BODY_CLOSE || !h.keep_alive);
        if (method == HTTP_METHOD_HEAD || h.status < 200 || h.status == 204 || h.status == 304)
            MUST(h.framing == H1_BODY_NONE);
    }
    for (size_t m = 1; m <= n && step == 0; m++)
        step = h1_parse_response(p, m, &hint, &limits, method, &g);
    MUST(rc >= 0 ? step == rc : step == rc || step == 0);
    return 0;
}
