#include "text/b64.h"

#include <stdint.h>

static const char alphabets[2][65] = {
    [B64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [B64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t b64_encoded_size(size_t n, enum b64_kind kind)
{
    size_t tail = n % 3;

    if (kind == B64_STANDARD)
        return (n + 2) / 3 * 4;
    return n / 3 * 4 + (tail == 0 ? 0 : tail + 1);
}

size_t b64_decoded_max(size_t n)
{
    return n / 4 * 3 + n % 4;
}

size_t b64_encode(struct slice s, enum b64_kind kind, char *out)
{
    const unsigned char *p = (const unsigned char *)s.p;
    const char *a = alphabets[kind];
    size_t i, tail = s.n % 3;
    char *to = out;
    uint32_t v;

    for (i = 0; i + 3 <= s.n; i += 3) {
        v = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        *to++ = a[v >> 18];
        *to++ = a[v >> 12 & 63];
        *to++ = a[v >> 6 & 63];
        *to++ = a[v & 63];
    }
    if (tail == 0)
        return (size_t)(to - out);
    v = (uint32_t)p[i] << 16 | (tail == 2 ? (uint32_t)p[i + 1] << 8 : 0);
    *to++ = a[v >> 18];
    *to++ = a[v >> 12 & 63];
    if (tail == 2)
        *to++ = a[v >> 6 & 63];
    for (; kind == B64_STANDARD && tail < 3; tail++)
        *to++ = '=';
    return (size_t)(to - out);
}

static int value_of(char c, enum b64_kind kind)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == alphabets[kind][62])
        return 62;
    return c == alphabets[kind][63] ? 63 : -1;
}

int b64_decode(struct slice s, enum b64_kind kind, char *out, size_t *n)
{
    uint32_t v = 0;
    size_t at = 0;

    if (kind == B64_STANDARD) {
        if (s.n % 4 != 0)
            return -ERR_SYNTAX;
        if (s.n != 0 && s.p[s.n - 1] == '=')
            s.n -= s.p[s.n - 2] == '=' ? 2 : 1;
    }
    if (s.n % 4 == 1)
        return -ERR_SYNTAX;
    for (size_t i = 0; i < s.n; i++) {
        int digit = value_of(s.p[i], kind);

        if (digit < 0)
            return -ERR_SYNTAX;
        v = (v << 6 | (uint32_t)digit) & 0xffffff;
        if (i % 4 != 0) /* 6 bits wait after the first of four, 4 and 2 after the next: a byte is complete each time */
            out[at++] = (char)(v >> (6 - 2 * (i % 4)));
    }
    if ((s.n % 4 == 2 && (v & 15) != 0) || (s.n % 4 == 3 && (v & 3) != 0))
        return -ERR_SYNTAX;
    *n = at;
    return 0;
}
