#include "http/http.h"

#include "base/must.h"

static const struct slice method_texts[HTTP_METHOD_COUNT] = {
#define X(id, text) [HTTP_METHOD_##id] = {text, sizeof(text) - 1},
#include "http/tbl/method.h"
#undef X
};

static const struct slice header_names[HTTP_HEADER_COUNT] = {
#define X(id, name, first, middle, near_end) [HTTP_HEADER_##id] = {name, sizeof(name) - 1},
#include "http/tbl/header.h"
#undef X
};
_Static_assert(HTTP_HEADER_COUNT <= 64, "h1_head.present has a bit for each");

/* Perfect over the names of the table: two on one slot do not compile (override-init is an error). The factors come from a
 * random search; where a new name collides, search again. */
#define HEADER_SLOT(n, first, middle, near_end)                                                    \
    (((unsigned)(n) * 231u + (unsigned)(first) * 183u + (unsigned)(near_end) * 169u +              \
      (unsigned)(middle) * 127u) & 255u)

static const uint8_t header_slots[256] = {
#define X(id, name, first, middle, near_end)                                                       \
    [HEADER_SLOT(sizeof(name) - 1, first, middle, near_end)] = HTTP_HEADER_##id,
#include "http/tbl/header.h"
#undef X
};

enum http_method http_method_of(struct slice s)
{
    if (s.n == 3 && memcmp(s.p, "GET", 3) == 0) /* most of them */
        return HTTP_METHOD_GET;
    for (unsigned m = 1; m < HTTP_METHOD_COUNT; m++)
        if (method_texts[m].n == s.n && memcmp(method_texts[m].p, s.p, s.n) == 0)
            return (enum http_method)m;
    return HTTP_METHOD_OTHER;
}

struct slice http_method_text(enum http_method m)
{
    return m < HTTP_METHOD_COUNT ? method_texts[m] : SLICE_NONE;
}

static inline uint64_t load8(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint32_t load4(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/* Equal but for case, where `name` has only small letters, digits and '-' and p only token characters: for those, setting the
 * bit 0x20 folds capitals and makes nothing else alike. n is at least 2. */
static inline bool is_folded(const char *p, const char *name, size_t n)
{
    const uint64_t fold = 0x2020202020202020u;
    size_t i;

    if (n >= 8) {
        for (i = 0; i + 8 <= n; i += 8)
            if ((load8(p + i) | fold) != load8(name + i))
                return false;
        return (load8(p + n - 8) | fold) == load8(name + n - 8);
    }
    if (n >= 4)
        return (load4(p) | (uint32_t)fold) == load4(name) &&
               (load4(p + n - 4) | (uint32_t)fold) == load4(name + n - 4);
    return (p[0] | 0x20) == name[0] && (p[1] | 0x20) == name[1] && (n == 2 || (p[2] | 0x20) == name[2]);
}

enum http_header http_header_of(struct slice s)
{
    unsigned id;

    if (s.n < 2)
        return HTTP_HEADER_OTHER;
    id = header_slots[HEADER_SLOT(s.n, s.p[0] | 0x20, s.p[s.n / 2] | 0x20, s.p[s.n - 2] | 0x20)];
    if (header_names[id].n != s.n || !is_folded(s.p, header_names[id].p, s.n))
        return HTTP_HEADER_OTHER;
    return (enum http_header)id;
}

struct slice http_header_name(enum http_header id)
{
    return id < HTTP_HEADER_COUNT ? header_names[id] : SLICE_NONE;
}

struct status_row {
    struct slice text, line;
};

static const struct status_row *status_row(unsigned status)
{
    switch (status) {
#define X(code, phrase)                                                                            \
    case code: {                                                                                   \
        static const struct status_row row = {                                                     \
            {phrase, sizeof(phrase) - 1},                                                          \
            {"HTTP/1.1 " #code " " phrase "\r\n", sizeof("HTTP/1.1 " #code " " phrase "\r\n") - 1}}; \
        return &row;                                                                               \
    }
#include "http/tbl/status.h"
#undef X
    default: return NULL;
    }
}

struct slice http_status_text(unsigned status)
{
    const struct status_row *row = status_row(status);

    return row == NULL ? SLICE_NONE : row->text;
}

struct slice http_status_line(unsigned status)
{
    const struct status_row *row = status_row(status);

    return row == NULL ? SLICE_NONE : row->line;
}

static bool is_token(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool http_token_is_valid(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token((unsigned char)s.p[i]))
            return false;
    return s.n != 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool http_value_is_valid(struct slice s)
{
    if (s.n != 0 && (is_blank(s.p[0]) || is_blank(s.p[s.n - 1])))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool http_list_next(struct slice *rest, struct slice *item)
{
    const char *p = rest->p, *end = rest->p + rest->n;

    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *from = p, *to = comma == NULL ? end : comma;

        p = comma == NULL ? end : comma + 1;
        while (from < to && is_blank(*from))
            from++;
        while (to > from && is_blank(to[-1]))
            to--;
        if (from < to) {
            *item = (struct slice){from, (size_t)(to - from)};
            *rest = (struct slice){p, (size_t)(end - p)};
            return true;
        }
    }
    *rest = (struct slice){end, 0};
    return false;
}
