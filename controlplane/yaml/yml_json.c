/* Strict JSON with positions, into the same builder: exact where libyaml is not (surrogate pairs, long keys), and faster. */
#include "text/utf8.h"
#include "yaml/yml_build.h"

struct json {
    const char *p, *end, *line_start;
    uint32_t line;
    uint32_t wide;          /* bytes of this line that are not characters of their own (UTF-8 continuations) */
    struct yml_build *b;
    struct buf text;        /* the string last read, unescaped */
};

bool yml_looks_like_json(struct slice text)
{
    size_t i = 0;

    while (i < text.n && (text.p[i] == ' ' || text.p[i] == '\t' || text.p[i] == '\n' || text.p[i] == '\r'))
        i++;
    return i < text.n && (text.p[i] == '{' || text.p[i] == '[');
}

static uint32_t column(const struct json *j, const char *at)
{
    return (uint32_t)(at - j->line_start) - j->wide + 1;
}

static int bad(struct json *j, const char *what)
{
    return yml_build_fail(j->b, ERR_SYNTAX, "SL1001", j->line, column(j, j->p), 1, NULL, "not JSON: %s", what);
}

static void skip_blank(struct json *j)
{
    for (; j->p < j->end; j->p++) {
        if (*j->p == '\n') {
            j->line++;
            j->line_start = j->p + 1;
            j->wide = 0;
        } else if (*j->p != ' ' && *j->p != '\t' && *j->p != '\r') {
            return;
        }
    }
}

static int read_hex4(struct json *j, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, j->p++) {
        char c = j->p < j->end ? (char)(*j->p | 0x20) : 'x';
        uint32_t v = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 : 16;

        if (v > 15 || (j->p < j->end && *j->p < '0'))
            return bad(j, "\\u is followed by four hexadecimal digits");
        *out = *out * 16 + v;
    }
    return 0;
}

static int read_unicode(struct json *j)
{
    char text[UTF8_MAX];
    uint32_t c, low;
    int rc = read_hex4(j, &c);

    if (rc != 0)
        return rc;
    if (c >= 0xdc00 && c <= 0xdfff)
        return bad(j, "half of a surrogate pair");
    if (c >= 0xd800 && c <= 0xdbff) {
        if (j->end - j->p < 2 || j->p[0] != '\\' || j->p[1] != 'u')
            return bad(j, "half of a surrogate pair");
        j->p += 2;
        rc = read_hex4(j, &low);
        if (rc != 0)
            return rc;
        if (low < 0xdc00 || low > 0xdfff)
            return bad(j, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    return c == 0 ? bad(j, "a NUL character") : buf_append(&j->text, text, utf8_write(c, text));
}

static int read_escape(struct json *j)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at;

    if (++j->p >= j->end)
        return bad(j, "the string has no end");
    if (*j->p == 'u') {
        j->p++;
        return read_unicode(j);
    }
    at = *j->p == '\0' ? NULL : strchr(from, *j->p);
    if (at == NULL)
        return bad(j, "not an escape");
    j->p++;
    return buf_append(&j->text, &to[at - from], 1);
}

/* From the opening quote to behind the closing one; the text is in j->text. */
static int read_string(struct json *j)
{
    int rc = 0;

    buf_clear(&j->text);
    for (j->p++; rc == 0;) {
        const char *from = j->p;

        while (j->p < j->end && *j->p != '"' && *j->p != '\\' && (unsigned char)*j->p >= 0x20 && (unsigned char)*j->p < 0x80)
            j->p++;
        rc = buf_append(&j->text, from, (size_t)(j->p - from));
        if (rc != 0)
            return rc;
        if (j->p >= j->end)
            return bad(j, "the string has no end");
        if (*j->p == '"') {
            j->p++;
            return 0;
        }
        if (*j->p == '\\') {
            rc = read_escape(j);
        } else if ((unsigned char)*j->p < 0x20) {
            return bad(j, "a control character in a string");
        } else {
            uint32_t c;
            size_t n = utf8_read(slice_from(j->p, (size_t)(j->end - j->p)), &c);

            if (n == 0)
                return yml_build_fail(j->b, ERR_SYNTAX, "SL1002", j->line, column(j, j->p), 1, NULL, "not UTF-8 (0x%02x)",
                                      (unsigned char)*j->p);
            rc = buf_append(&j->text, j->p, n);
            j->wide += (uint32_t)n - 1;
            j->p += n;
        }
    }
    return rc;
}

static struct yml_node node_at(const struct json *j, enum yml_type type, enum yml_style style)
{
    return (struct yml_node){.type = (uint8_t)type, .style = (uint8_t)style, .width = 1, .line = j->line,
                             .column = column(j, j->p)};
}

static int add_string(struct json *j)
{
    struct yml_node n = node_at(j, YML_STRING, YML_DOUBLE);
    uint32_t width;
    int rc = read_string(j);

    if (rc != 0)
        return rc;
    width = column(j, j->p) - n.column;
    n.width = (uint16_t)(width > UINT16_MAX ? UINT16_MAX : width);
    return yml_build_scalar(j->b, n, j->text.p == NULL ? SLICE_LIT("") : buf_slice(&j->text), SLICE_NONE);
}

static bool is_json_number(struct slice s)
{
    size_t i = s.n > 0 && s.p[0] == '-' ? 1 : 0;

    if (i >= s.n || s.p[i] < '0' || s.p[i] > '9' || (s.p[i] == '0' && i + 1 < s.n && s.p[i + 1] >= '0' && s.p[i + 1] <= '9'))
        return false;
    for (; i < s.n; i++)
        if (s.p[i] == '.' && (i + 1 >= s.n || s.p[i + 1] < '0' || s.p[i + 1] > '9'))
            return false;
    return true;
}

/* null, true, false, numbers. */
static int add_word(struct json *j)
{
    struct yml_node n = node_at(j, YML_NULL, YML_PLAIN);
    const char *from = j->p;
    struct slice s;
    enum yml_type type;

    while (j->p < j->end && *j->p != '\0' && strchr(" \t\r\n,:[]{}\"", *j->p) == NULL)
        j->p++;
    s = slice_from(from, (size_t)(j->p - from));
    type = s.n == 0 ? YML_STRING : yml_plain_type(s);
    if (type == YML_STRING || ((type == YML_INT || type == YML_FLOAT) && !is_json_number(s)) ||
        (type <= YML_BOOL && (s.p[0] < 'a' || s.p[0] > 'z' || (s.p[1] >= 'A' && s.p[1] <= 'Z')))) {
        j->p = from;
        return bad(j, "a value was expected: a string in double quotes, a number, true, false, null, { or [");
    }
    n.type = (uint8_t)type;
    n.width = (uint16_t)(s.n > UINT16_MAX ? UINT16_MAX : s.n);
    return yml_build_scalar(j->b, n, s, SLICE_NONE);
}

/* Behind a value: into the next one of the collection, or out of collections. *done: the document's value is complete. */
static int after_value(struct json *j, bool *done)
{
    for (;;) {
        bool map;
        int rc;

        skip_blank(j);
        if (j->b->depth == 0) {
            *done = true;
            return 0;
        }
        map = j->b->frames[j->b->depth - 1].node.type == YML_MAP;
        if (j->p >= j->end)
            return bad(j, map ? "the object has no end" : "the array has no end");
        if (*j->p == ',') {
            j->p++;
            return 0;
        }
        if (*j->p != (map ? '}' : ']'))
            return bad(j, map ? "\",\" or \"}\" was expected" : "\",\" or \"]\" was expected");
        j->p++;
        rc = yml_build_close(j->b);
        if (rc != 0)
            return rc;
    }
}

static int add_key(struct json *j)
{
    int rc;

    skip_blank(j);
    if (j->p >= j->end || *j->p != '"')
        return bad(j, "a key in double quotes was expected");
    rc = add_string(j);
    if (rc != 0)
        return rc;
    skip_blank(j);
    if (j->p >= j->end || *j->p != ':')
        return bad(j, "\":\" was expected");
    j->p++;
    return 0;
}

static int read_value(struct json *j, bool *opened)
{
    *opened = false;
    skip_blank(j);
    if (j->p >= j->end)
        return bad(j, "a value was expected");
    if (*j->p == '"')
        return add_string(j);
    if (*j->p != '{' && *j->p != '[')
        return add_word(j);
    *opened = true;
    return 0;
}

/* Opens a collection; an empty one is closed at once. */
static int open_collection(struct json *j, bool *empty)
{
    bool map = *j->p == '{';
    int rc = yml_build_open(j->b, node_at(j, map ? YML_MAP : YML_SEQ, YML_FLOW), SLICE_NONE);

    if (rc != 0)
        return rc;
    j->p++;
    skip_blank(j);
    *empty = j->p < j->end && *j->p == (map ? '}' : ']');
    if (!*empty)
        return 0;
    j->p++;
    return yml_build_close(j->b);
}

static int read_document(struct json *j)
{
    bool done = false;
    int rc = 0;

    while (rc == 0 && !done) {
        bool opened, empty = true;

        if (j->b->depth > 0 && j->b->frames[j->b->depth - 1].node.type == YML_MAP)
            rc = add_key(j);
        if (rc == 0)
            rc = read_value(j, &opened);
        if (rc == 0 && opened)
            rc = open_collection(j, &empty);
        if (rc == 0 && empty)
            rc = after_value(j, &done);
    }
    if (rc != 0)
        return rc;
    skip_blank(j);
    return j->p < j->end ? bad(j, "something stands behind the end") : 0;
}

int yml_read_json(struct yml_build *b, struct slice text)
{
    struct json j = {.p = text.p, .end = text.p + text.n, .line_start = text.p, .line = 1, .b = b};
    int rc;

    buf_init(&j.text, 0);
    rc = read_document(&j);
    buf_fini(&j.text);
    return rc;
}
