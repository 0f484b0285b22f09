#include "text/json_lex.h"

#include "base/ascii.h"
#include "base/must.h"
#include "text/utf8.h"

static inline bool is_plain(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 0x20 && u < 0x80 && u != '"' && u != '\\';
}

#ifdef __SSE2__
#include <emmintrin.h>

static inline const char *scan_plain(const char *p, const char *end)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);

    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Signed: the controls and everything from 0x80 are below ' '. */
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash)), _mm_cmplt_epi8(x, space));
        int mask = _mm_movemask_epi8(hit);

        if (mask != 0)
            return p + __builtin_ctz((unsigned)mask);
    }
    while (p < end && is_plain(*p))
        p++;
    return p;
}
#else
static inline const char *scan_plain(const char *p, const char *end)
{
    while (p < end && is_plain(*p))
        p++;
    return p;
}
#endif

const char *json_lex_plain(const char *p, const char *end)
{
    return scan_plain(p, end);
}

static bool fail(struct json_lex *l, const char *at, const char *what)
{
    l->p = at;
    l->what = what;
    return false;
}

/* The four digits of a \u escape; -1 where they are none. */
static int32_t read_hex4(const char *p, const char *end)
{
    int32_t v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int d = ascii_hex_value(p[i]);

        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* p stands on a backslash; its length when it is a good escape (both halves of a surrogate pair count as one), else 0. */
static size_t escape_length(const char *p, const char *end)
{
    int32_t unit;

    if (end - p < 2)
        return 0;
    if (p[1] != 'u')
        return p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL ? 2 : 0;
    unit = read_hex4(p + 2, end);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return 0;
    if (unit < 0xd800 || unit > 0xdbff)
        return 6;
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return 0;
    unit = read_hex4(p + 8, end);
    return unit >= 0xdc00 && unit <= 0xdfff ? 12 : 0;
}

bool json_lex_string(struct json_lex *l, struct slice *raw, bool *escapes)
{
    const char *from = l->p, *p = from;

    *escapes = false;
    for (;;) {
        size_t n;
        uint32_t c;

        p = scan_plain(p, l->end);
        if (p == l->end)
            return fail(l, p, "the text ends within a string");
        if (LIKELY(*p == '"'))
            break;
        if (*p == '\\') {
            *escapes = true;
            n = escape_length(p, l->end);
            if (n == 0)
                return fail(l, p, "an escape that JSON does not know, or half of a surrogate pair");
        } else if ((unsigned char)*p < 0x20) {
            return fail(l, p, "a control character within a string has to be escaped");
        } else {
            n = utf8_read(slice_from(p, (size_t)(l->end - p)), &c);
            if (n == 0)
                return fail(l, p, "bytes that are not UTF-8");
        }
        p += n;
    }
    *raw = slice_from(from, (size_t)(p - from));
    l->p = p + 1;
    return true;
}

static size_t unescape_one(const char *p, const char *end, char *out, size_t *used)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t unit, low;

    if (p[1] != 'u') {
        *out = to[strchr(from, p[1]) - from];
        *used = 2;
        return 1;
    }
    unit = (uint32_t)read_hex4(p + 2, end);
    *used = 6;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        low = (uint32_t)read_hex4(p + 8, end);
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        *used = 12;
    }
    return utf8_write(unit, out);
}

size_t json_lex_unescape(struct slice raw, char *out)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    char *to = out;

    while (p < end) {
        const char *stop = memchr(p, '\\', (size_t)(end - p));
        size_t used;

        if (stop == NULL)
            stop = end;
        memmove(to, p, (size_t)(stop - p));
        to += stop - p;
        p = stop;
        if (p == end)
            break;
        to += unescape_one(p, end, to, &used);
        p += used;
    }
    return (size_t)(to - out);
}

static const char *scan_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

bool json_lex_number(struct json_lex *l, struct slice *text)
{
    const char *from = l->p, *end = l->end, *p = from, *digits;

    if (*p == '-')
        p++;
    digits = p;
    p = scan_digits(p, end);
    if (p == digits)
        return fail(l, p, "a number needs a digit here");
    if (*digits == '0' && p - digits > 1)
        return fail(l, digits, "a number does not begin with 0 before other digits");
    if (p < end && *p == '.') {
        digits = ++p;
        p = scan_digits(p, end);
        if (p == digits)
            return fail(l, p, "a number needs a digit behind its point");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = scan_digits(p, end);
        if (p == digits)
            return fail(l, p, "a number needs a digit in its exponent");
    }
    *text = slice_from(from, (size_t)(p - from));
    l->p = p;
    return true;
}

bool json_lex_word(struct json_lex *l, const char *word, size_t n)
{
    if ((size_t)(l->end - l->p) < n || memcmp(l->p, word, n) != 0)
        return fail(l, l->p, "not a value: expected null, true, false, a number, \", [ or {");
    l->p += n;
    return true;
}
