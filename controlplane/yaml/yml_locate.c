/* From a byte of a scalar's text back to the place in the source where it stands. */
#include "yaml/yml.h"

struct cursor {
    const char *p, *end;
    struct yml_place at;
};

static bool at_end(const struct cursor *c)
{
    return c->p >= c->end;
}

/* Over one character. */
static void step(struct cursor *c)
{
    if (*c->p++ == '\n') {
        c->at = (struct yml_place){c->at.line + 1, 1};
        return;
    }
    while (!at_end(c) && ((unsigned char)*c->p & 0xc0u) == 0x80)
        c->p++;
    c->at.column++;
}

static bool seek(struct cursor *c, uint32_t line, uint32_t column)
{
    while (c->at.line < line) {
        const char *nl = at_end(c) ? NULL : memchr(c->p, '\n', (size_t)(c->end - c->p));

        if (nl == NULL)
            return false;
        c->p = nl + 1;
        c->at = (struct yml_place){c->at.line + 1, 1};
    }
    if (line == 1 && c->end - c->p >= 3 && memcmp(c->p, "\xef\xbb\xbf", 3) == 0)
        c->p += 3;
    while (c->at.column < column && !at_end(c) && *c->p != '\n')
        step(c);
    return c->at.column == column && !at_end(c);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t char_size(struct slice s, size_t i)
{
    size_t n = 1;

    while (i + n < s.n && ((unsigned char)s.p[i + n] & 0xc0u) == 0x80)
        n++;
    return n;
}

/* Over "\n", "\x41", "\u263a", a pair of surrogates: what stands for one character. */
static void step_escape(struct cursor *c, size_t value_size)
{
    size_t hex = 0;

    step(c);
    if (at_end(c))
        return;
    hex = *c->p == 'x' ? 2 : *c->p == 'u' ? 4 : *c->p == 'U' ? 8 : 0;
    if (*c->p == 'u' && value_size == 4)
        hex = 10; /* \ud83d\ude00 */
    step(c);
    while (hex-- > 0 && !at_end(c))
        step(c);
}

static void skip_blanks(struct cursor *c)
{
    while (!at_end(c) && is_blank(*c->p))
        step(c);
}

/* Source and value side by side: folded white space matches white space. */
static bool walk(struct cursor *c, enum yml_style style, struct slice text, size_t offset)
{
    size_t v = 0;

    while (v < offset) {
        if (at_end(c))
            return false;
        if (style == YML_DOUBLE && *c->p == '\\' && c->p + 1 < c->end && c->p[1] == '\n') {
            step(c);
            skip_blanks(c);
        } else if (style == YML_DOUBLE && *c->p == '\\') {
            size_t n = char_size(text, v);

            step_escape(c, n);
            v += n;
        } else if (*c->p == '\n' || *c->p == '\r') {
            skip_blanks(c);
            while (v < offset && is_blank(text.p[v]))
                v++;
        } else if (*c->p == text.p[v]) {
            if (style == YML_SINGLE && *c->p == '\'')
                step(c);
            step(c);
            v += char_size(text, v);
        } else if (is_blank(*c->p)) {
            step(c); /* trailing blanks of a folded line */
        } else if (is_blank(text.p[v])) {
            v++;
        } else {
            return false;
        }
    }
    while (!at_end(c) && v < text.n && is_blank(*c->p) && !is_blank(text.p[v]))
        step(c);
    return true;
}

static size_t leading_spaces(const char *p, const char *end)
{
    size_t n = 0;

    while (p + n < end && p[n] == ' ')
        n++;
    return n;
}

/* A literal block: value line k is source line header + 1 + k, moved right by the indentation. */
static bool walk_block(struct cursor *c, enum yml_style style, struct slice text, size_t offset)
{
    const char *first = text.p, *text_end = text.p + text.n;
    size_t source, value;
    struct cursor at;

    if (!seek(c, c->at.line + 1, 1))
        return false;
    at = *c;
    while (!at_end(&at) && leading_spaces(at.p, at.end) < (size_t)(at.end - at.p) &&
           at.p[leading_spaces(at.p, at.end)] == '\n') {
        const char *nl = memchr(at.p, '\n', (size_t)(at.end - at.p));

        at.p = nl + 1;
    }
    while (first < text_end && *first == '\n')
        first++;
    source = leading_spaces(at.p, at.end);
    value = leading_spaces(first, text_end);
    if (source < value)
        return false;
    if (style == YML_FOLDED) {
        skip_blanks(c);
        return walk(c, style, text, offset);
    }
    c->at.column += (uint32_t)(source - value);
    for (size_t i = 0; i < offset; i++) {
        if (text.p[i] == '\n')
            c->at = (struct yml_place){c->at.line + 1, (uint32_t)(source - value) + 1};
        else if (((unsigned char)text.p[i] & 0xc0u) != 0x80)
            c->at.column++;
    }
    return true;
}

struct yml_place yml_locate(struct slice document, enum yml_style style, uint32_t line, uint32_t column, struct slice text,
                            size_t offset)
{
    struct cursor c = {document.p, document.p + document.n, {1, 1}};
    struct yml_place own = {line, column};
    bool found;

    if (offset > text.n || !seek(&c, line, column))
        return own;
    if (style == YML_LITERAL || style == YML_FOLDED)
        found = walk_block(&c, style, text, offset);
    else {
        if (style == YML_SINGLE || style == YML_DOUBLE)
            step(&c);
        found = walk(&c, style, text, offset);
    }
    return found ? c.at : own;
}
