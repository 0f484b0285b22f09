/* The lenient object that a mock's request template is. */
#include <string.h>

#include "base/ascii.h"
#include "text/mock_rules.h"

struct scan {
    const char *p, *end;
};

static void skip_blank(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\n'))
        s->p++;
}

/* From an opening quote to behind the same one. */
static bool read_quoted(struct scan *s, struct slice *out)
{
    char quote = *s->p++;
    const char *from = s->p;

    while (s->p < s->end && *s->p != quote) {
        if (*s->p == '\\' && s->p + 1 < s->end)
            s->p++;
        s->p++;
    }
    if (s->p >= s->end)
        return false;
    *out = slice_from(from, (size_t)(s->p - from));
    s->p++;
    return true;
}

static bool read_key(struct scan *s, struct slice *out)
{
    const char *from = s->p;

    if (*s->p == '"' || *s->p == '\'')
        return read_quoted(s, out);
    while (s->p < s->end && *s->p != '\0' && strchr(":,{}[]\"' \t\r\n", *s->p) == NULL)
        s->p++;
    *out = slice_from(from, (size_t)(s->p - from));
    return out->n != 0;
}

/* Skips one value of any shape. Brackets are only counted: what is inside does not matter here. */
static bool skip_value(struct scan *s)
{
    unsigned depth = 0;
    struct slice text;

    while (s->p < s->end) {
        char c = *s->p;

        if (c == '"' || c == '\'') {
            if (!read_quoted(s, &text))
                return false;
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}'))
            return true;
        if (c == '{' || c == '[')
            depth++;
        if ((c == '}' || c == ']') && depth > 0)
            depth--;
        s->p++;
    }
    return false;
}

static bool read_integer(struct scan *s, long *out)
{
    bool negative = s->p < s->end && *s->p == '-';
    const char *from;
    long v = 0;

    if (negative)
        s->p++;
    for (from = s->p; s->p < s->end && ascii_is_digit(*s->p); s->p++) {
        if (s->p - from >= 9)
            return false;
        v = v * 10 + (*s->p - '0');
    }
    if (s->p == from)
        return false;
    *out = negative ? -v : v;
    skip_blank(s);
    return s->p < s->end && (*s->p == ',' || *s->p == '}');
}

int mock_rules_status(struct slice text, long *code)
{
    struct scan s = {text.p, text.p + text.n};
    bool found = false;
    struct slice key;

    skip_blank(&s);
    if (s.p >= s.end || *s.p++ != '{')
        return -ERR_SYNTAX;
    for (;;) {
        skip_blank(&s);
        while (s.p < s.end && *s.p == ',') {
            s.p++;
            skip_blank(&s);
        }
        if (s.p >= s.end)
            return -ERR_SYNTAX;
        if (*s.p == '}')
            return found ? 0 : -ERR_SYNTAX;
        if (!read_key(&s, &key))
            return -ERR_SYNTAX;
        skip_blank(&s);
        if (s.p < s.end && *s.p == '}')
            return found ? 0 : -ERR_SYNTAX; /* "foo}": AWS stops there */
        if (s.p >= s.end || *s.p++ != ':')
            return -ERR_SYNTAX;
        skip_blank(&s);
        if (slice_is(key, "statusCode")) {
            if (!read_integer(&s, code))
                return -ERR_SYNTAX;
            found = true;
        } else if (!skip_value(&s)) {
            return -ERR_SYNTAX;
        }
    }
}
