#include "net/grpc_wire.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "net/grpc.h"

int64_t grpc_wire_message(const char *p, size_t n, uint32_t max, struct slice *message, size_t *need)
{
    const unsigned char *b = (const unsigned char *)p;
    uint32_t size;

    *need = 0;
    if (n == 0)
        return 0;
    if (b[0] > 1)
        return -ERR_SYNTAX;
    if (b[0] == 1)
        return -ERR_UNSUPPORTED;
    if (n < GRPC_PREFIX)
        return 0;
    size = (uint32_t)b[1] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 8 | b[4];
    if (size > max)
        return -ERR_LIMIT;
    *need = (size_t)size + GRPC_PREFIX;
    if (n < *need)
        return 0;
    *message = slice_from(p + GRPC_PREFIX, size);
    return (int64_t)*need;
}

void grpc_wire_prefix(uint32_t n, char out[GRPC_PREFIX])
{
    out[0] = 0;
    out[1] = (char)(n >> 24);
    out[2] = (char)(n >> 16);
    out[3] = (char)(n >> 8);
    out[4] = (char)n;
}

int grpc_wire_timeout_read(struct slice text, uint64_t *ms)
{
    uint64_t n = 0;

    if (text.n < 2 || text.n > 9)
        return -ERR_SYNTAX;
    for (size_t i = 0; i + 1 < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return -ERR_SYNTAX;
        n = n * 10 + (uint64_t)(text.p[i] - '0');
    }
    switch (text.p[text.n - 1]) {
    case 'H':
        *ms = n * 3600000;
        return 0;
    case 'M':
        *ms = n * 60000;
        return 0;
    case 'S':
        *ms = n * 1000;
        return 0;
    case 'm':
        *ms = n;
        return 0;
    case 'u':
        *ms = (n + 999) / 1000;
        return 0;
    case 'n':
        *ms = (n + 999999) / 1000000;
        return 0;
    default:
        return -ERR_SYNTAX;
    }
}

void grpc_wire_timeout_write(uint32_t ms, char out[GRPC_TIMEOUT_TEXT])
{
    if (ms <= 99999999u)
        (void)snprintf(out, GRPC_TIMEOUT_TEXT, "%um", ms);
    else
        (void)snprintf(out, GRPC_TIMEOUT_TEXT, "%uS", ms / 1000);
}

int grpc_wire_percent_encode(const char *text, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (const unsigned char *b = (const unsigned char *)text; *b != '\0'; b++) {
        char hex[3] = {'%', digits[*b >> 4], digits[*b & 15]};
        bool plain = *b >= 0x20 && *b <= 0x7e && *b != '%';
        int rc = plain ? buf_append(out, b, 1) : buf_append(out, hex, 3);

        if (rc != 0)
            return rc;
    }
    return 0;
}

void grpc_wire_percent_decode(struct slice text, char *out, size_t size)
{
    size_t w = 0;

    for (size_t i = 0; i < text.n && w + 1 < size; i++) {
        int hi = text.p[i] == '%' && i + 2 < text.n ? ascii_hex_value(text.p[i + 1]) : -1;
        int lo = hi >= 0 ? ascii_hex_value(text.p[i + 2]) : -1;

        if (lo >= 0)
            i += 2;
        out[w++] = lo >= 0 ? (char)(hi << 4 | lo) : text.p[i];
    }
    out[w] = '\0';
}

int grpc_wire_status(struct slice text)
{
    int n = 0;

    if (text.n == 0 || text.n > 2)
        return GRPC_UNKNOWN;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return GRPC_UNKNOWN;
        n = n * 10 + (text.p[i] - '0');
    }
    return n > GRPC_UNAUTHENTICATED ? GRPC_UNKNOWN : n;
}

int grpc_wire_from_http(int http_status)
{
    switch (http_status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

int grpc_wire_from_h2(uint32_t code)
{
    switch (code) {
    case 7: /* REFUSED_STREAM */
        return GRPC_UNAVAILABLE;
    case 8: /* CANCEL */
        return GRPC_CANCELLED;
    case 11: /* ENHANCE_YOUR_CALM */
        return GRPC_RESOURCE_EXHAUSTED;
    case 12: /* INADEQUATE_SECURITY */
        return GRPC_PERMISSION_DENIED;
    default:
        return GRPC_INTERNAL;
    }
}

const char *grpc_status_name(int status)
{
    static const char *const names[] = {
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    };

    return status >= 0 && status <= GRPC_UNAUTHENTICATED ? names[status] : names[GRPC_UNKNOWN];
}
