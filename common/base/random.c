#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/must.h"

void random_bytes(void *p, size_t n)
{
    unsigned char *at = p;

    while (n > 0) {
        ssize_t got = getrandom(at, n > 256 ? 256 : n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        MUST(got > 0);
        at += got;
        n -= (size_t)got;
    }
}

uint64_t random_below(uint64_t bound)
{
    uint64_t x, threshold;

    if (bound == 0)
        return 0;
    threshold = (0 - bound) % bound; /* drop the part that would favour small numbers */
    do {
        random_bytes(&x, sizeof(x));
    } while (x < threshold);
    return x % bound;
}

void random_uuid(char out[37])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char b[16];
    size_t at = 0;

    random_bytes(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = hex[b[i] >> 4];
        out[at++] = hex[b[i] & 15];
    }
    out[at] = '\0';
}
