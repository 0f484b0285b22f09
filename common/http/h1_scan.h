#pragma once
/* Private to common/http: find the next byte that ends a part of a head. 16 bytes at a time where the machine can, by table where not.
 * Nothing reads at or behind `end`. Where a scan takes `start`, the bytes [start, p) are readable too: then the last bytes before `end`
 * are looked at in one piece that begins before p. */
#include <stdint.h>

#include "base/slice.h"

/* What a byte may be part of. h1_class.c is the table. */
enum h1_class_bit {
    H1_IN_TOKEN = 1,  /* RFC 9110 5.6.2 */
    H1_IN_VALUE = 2,  /* field value: visible, obs-text, SP, HT */
    H1_IN_TARGET = 4, /* request target: visible ASCII but '#' */
    H1_IN_HOST = 8    /* a host name or IPv4 address: letters, digits, "-._~" */
};
extern const uint8_t h1_class[256];

static inline bool h1_is(char c, unsigned bits)
{
    return (h1_class[(unsigned char)c] & bits) != 0;
}

static inline const char *h1_scan_slow(const char *p, const char *end, unsigned bits)
{
    while (p < end && h1_is(*p, bits))
        p++;
    return p;
}

#ifdef __SSE2__
#include <emmintrin.h>

/* One bit for each of the 16 bytes at p that no value has. */
static inline unsigned h1_value_stops(const char *p)
{
    const __m128i low = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(x, low), x);
    __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(x, tab), control), _mm_cmpeq_epi8(x, del));

    return (unsigned)_mm_movemask_epi8(bad);
}

static inline const char *h1_scan_value(const char *start, const char *p, const char *end)
{
    unsigned mask;

    for (; end - p >= 16; p += 16) {
        mask = h1_value_stops(p);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
    if (p == end || end - start < 16)
        return h1_scan_slow(p, end, H1_IN_VALUE);
    mask = h1_value_stops(end - 16) >> (16 - (end - p));
    return mask != 0 ? p + __builtin_ctz(mask) : end;
}

static inline const char *h1_scan_target(const char *p, const char *end)
{
    const __m128i visible = _mm_set1_epi8(0x21), del = _mm_set1_epi8(0x7f), hash = _mm_set1_epi8('#');

    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Signed: below '!' are the controls, SP and everything from 0x80. */
        __m128i bad = _mm_or_si128(_mm_cmplt_epi8(x, visible), _mm_or_si128(_mm_cmpeq_epi8(x, del), _mm_cmpeq_epi8(x, hash)));
        int mask = _mm_movemask_epi8(bad);

        if (mask != 0)
            return p + __builtin_ctz((unsigned)mask);
    }
    return h1_scan_slow(p, end, H1_IN_TARGET);
}

/* One bit for each of the 16 bytes at p that is no letter, digit or '-': nearly all names are made of these. */
static inline unsigned h1_name_stops(const char *p)
{
    const __m128i space = _mm_set1_epi8(0x20), dash = _mm_set1_epi8('-');
    /* x - from - 128 is below -128 + count, signed, exactly for the `count` bytes from `from`. */
    const __m128i from_a = _mm_set1_epi8((char)(-'a' - 128)), count_a = _mm_set1_epi8(-128 + 26);
    const __m128i from_0 = _mm_set1_epi8((char)(-'0' - 128)), count_0 = _mm_set1_epi8(-128 + 10);
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i alpha = _mm_cmplt_epi8(_mm_add_epi8(_mm_or_si128(x, space), from_a), count_a);
    __m128i digit = _mm_cmplt_epi8(_mm_add_epi8(x, from_0), count_0);
    __m128i good = _mm_or_si128(_mm_or_si128(alpha, digit), _mm_cmpeq_epi8(x, dash));

    return (unsigned)_mm_movemask_epi8(good) ^ 0xffffu;
}

/* The table decides where something other than the common letters comes before the colon. */
static inline const char *h1_scan_name(const char *start, const char *p, const char *end)
{
    unsigned mask = 0;

    for (; end - p >= 16; p += 16) {
        mask = h1_name_stops(p);
        if (mask != 0)
            break;
    }
    if (mask == 0) {
        if (p == end || end - start < 16)
            return h1_scan_slow(p, end, H1_IN_TOKEN);
        mask = h1_name_stops(end - 16) >> (16 - (end - p));
        if (mask == 0)
            return end;
    }
    p += __builtin_ctz(mask);
    return *p == ':' ? p : h1_scan_slow(p, end, H1_IN_TOKEN);
}
#else
static inline const char *h1_scan_value(const char *start, const char *p, const char *end)
{
    (void)start;
    return h1_scan_slow(p, end, H1_IN_VALUE);
}

static inline const char *h1_scan_target(const char *p, const char *end)
{
    return h1_scan_slow(p, end, H1_IN_TARGET);
}

static inline const char *h1_scan_name(const char *start, const char *p, const char *end)
{
    (void)start;
    return h1_scan_slow(p, end, H1_IN_TOKEN);
}
#endif
