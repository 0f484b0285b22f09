#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "text/json.h"
#include "text/json_lex.h"
#include "text/utf8.h"

static void put(struct json_writer *w, const char *p, size_t n)
{
    if (w->rc == 0)
        w->rc = buf_append(w->out, p, n);
}

static void put_line(struct json_writer *w)
{
    static const char blanks[] = "                                ";
    size_t left = (size_t)w->depth * w->indent;

    put(w, "\n", 1);
    while (left != 0 && w->rc == 0) {
        size_t n = left < sizeof(blanks) - 1 ? left : sizeof(blanks) - 1;

        put(w, blanks, n);
        left -= n;
    }
}

static bool in_object(const struct json_writer *w)
{
    return w->depth != 0 && (w->in_object[(w->depth - 1) / 8] >> ((w->depth - 1) % 8) & 1) != 0;
}

/* What goes before a key or an element. */
static void separate(struct json_writer *w)
{
    if (w->comma)
        put(w, ",", 1);
    if (w->indent != 0 && w->depth != 0)
        put_line(w);
    w->comma = true;
}

static void before_value(struct json_writer *w)
{
    MUST(w->after_key == in_object(w));
    if (!w->after_key)
        separate(w);
    w->after_key = false;
}

static void begin(struct json_writer *w, bool object)
{
    before_value(w);
    put(w, object ? "{" : "[", 1);
    if (w->depth == JSON_DEPTH_CAP) {
        w->rc = w->rc == 0 ? -ERR_LIMIT : w->rc;
        return;
    }
    w->in_object[w->depth / 8] = (uint8_t)((w->in_object[w->depth / 8] & ~(1u << (w->depth % 8))) |
                                           (object ? 1u << (w->depth % 8) : 0));
    w->depth++;
    w->comma = false;
}

static void end(struct json_writer *w, bool object)
{
    bool empty = !w->comma;

    if (w->rc != 0) /* a begin may not have counted */
        return;
    MUST(w->depth != 0 && in_object(w) == object && !w->after_key);
    w->depth--;
    if (w->indent != 0 && !empty)
        put_line(w);
    put(w, object ? "}" : "]", 1);
    w->comma = true;
}

void json_writer_init(struct json_writer *w, struct buf *out, uint32_t indent)
{
    memset(w, 0, sizeof(*w));
    w->out = out;
    w->indent = indent;
}

void json_begin_object(struct json_writer *w)
{
    if (w->rc == 0)
        begin(w, true);
}

void json_end_object(struct json_writer *w)
{
    end(w, true);
}

void json_begin_array(struct json_writer *w)
{
    if (w->rc == 0)
        begin(w, false);
}

void json_end_array(struct json_writer *w)
{
    end(w, false);
}

static int put_escape(struct buf *out, unsigned char c)
{
    static const char names[] = "btn_fr"; /* from 0x08 */
    char text[6] = {'\\', 'u', '0', '0', "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]};

    if (c == '"' || c == '\\')
        text[1] = (char)c;
    else if (c >= 8 && c <= 13 && c != 11)
        text[1] = names[c - 8];
    else
        return buf_append(out, text, 6);
    return buf_append(out, text, 2);
}

int json_write_string(struct buf *out, struct slice v)
{
    const char *p = v.n == 0 ? "" : v.p, *end_ = p + v.n;
    int rc = buf_append(out, "\"", 1);

    while (rc == 0 && p < end_) {
        const char *stop = json_lex_plain(p, end_);
        uint32_t c;
        unsigned n;

        /* Take whole characters along with the plain bytes around them. */
        while (stop < end_ && (n = utf8_read(slice_from(stop, (size_t)(end_ - stop)), &c)) > 1)
            stop = json_lex_plain(stop + n, end_);
        rc = buf_append(out, p, (size_t)(stop - p));
        p = stop;
        if (rc != 0 || p == end_)
            break;
        if ((unsigned char)*p >= 0x80)
            rc = buf_append(out, "\xef\xbf\xbd", 3);
        else
            rc = put_escape(out, (unsigned char)*p);
        p++;
    }
    return rc != 0 ? rc : buf_append(out, "\"", 1);
}

void json_key_slice(struct json_writer *w, struct slice key)
{
    if (w->rc != 0)
        return;
    MUST(in_object(w) && !w->after_key);
    separate(w);
    if (w->rc == 0)
        w->rc = json_write_string(w->out, key);
    put(w, ": ", w->indent != 0 ? 2 : 1);
    w->after_key = true;
}

void json_key(struct json_writer *w, const char *key)
{
    json_key_slice(w, slice_of(key));
}

void json_put_raw(struct json_writer *w, struct slice text)
{
    if (w->rc != 0)
        return;
    before_value(w);
    put(w, text.p, text.n);
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, SLICE_LIT("null"));
}

void json_put_bool(struct json_writer *w, bool v)
{
    json_put_raw(w, v ? SLICE_LIT("true") : SLICE_LIT("false"));
}

static void put_digits(struct json_writer *w, uint64_t v, bool minus)
{
    char text[21];
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    if (minus)
        text[--at] = '-';
    json_put_raw(w, slice_from(text + at, sizeof(text) - at));
}

void json_put_int(struct json_writer *w, int64_t v)
{
    put_digits(w, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

void json_put_uint(struct json_writer *w, uint64_t v)
{
    put_digits(w, v, false);
}

void json_put_double(struct json_writer *w, double v)
{
    char text[32];
    int n = 0;

    if (!isfinite(v)) {
        json_put_null(w);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    json_put_raw(w, slice_from(text, (size_t)n));
}

void json_put_string(struct json_writer *w, struct slice v)
{
    if (w->rc != 0)
        return;
    before_value(w);
    if (w->rc == 0)
        w->rc = json_write_string(w->out, v);
}

void json_put_str(struct json_writer *w, const char *v)
{
    if (v == NULL)
        json_put_null(w);
    else
        json_put_string(w, slice_of(v));
}

static void put_children(struct json_writer *w, const struct json *v)
{
    for (const struct json *c = v->first; c != NULL && w->rc == 0; c = c->next) {
        if (v->type == JSON_OBJECT)
            json_key_slice(w, c->key);
        json_put_tree(w, c);
    }
}

/* As deep as the tree is: at most JSON_DEPTH_CAP. */
void json_put_tree(struct json_writer *w, const struct json *v)
{
    switch (v == NULL ? JSON_NULL : (enum json_type)v->type) {
    case JSON_NULL: json_put_null(w); break;
    case JSON_FALSE: json_put_bool(w, false); break;
    case JSON_TRUE: json_put_bool(w, true); break;
    case JSON_NUMBER: json_put_raw(w, v->text); break;
    case JSON_STRING: json_put_string(w, v->text); break;
    case JSON_ARRAY:
        json_begin_array(w);
        put_children(w, v);
        json_end_array(w);
        break;
    case JSON_OBJECT:
        json_begin_object(w);
        put_children(w, v);
        json_end_object(w);
        break;
    }
}

void json_member_str(struct json_writer *w, const char *key, const char *v)
{
    json_key(w, key);
    json_put_str(w, v);
}

void json_member_slice(struct json_writer *w, const char *key, struct slice v)
{
    json_key(w, key);
    json_put_string(w, v);
}

void json_member_int(struct json_writer *w, const char *key, int64_t v)
{
    json_key(w, key);
    json_put_int(w, v);
}

void json_member_uint(struct json_writer *w, const char *key, uint64_t v)
{
    json_key(w, key);
    json_put_uint(w, v);
}

void json_member_bool(struct json_writer *w, const char *key, bool v)
{
    json_key(w, key);
    json_put_bool(w, v);
}

int json_writer_end(struct json_writer *w)
{
    if (w->rc == 0)
        MUST(w->depth == 0 && !w->after_key);
    return w->rc;
}

int json_write(struct buf *out, const struct json *v, uint32_t indent)
{
    struct json_writer w;

    json_writer_init(&w, out, indent);
    json_put_tree(&w, v);
    return json_writer_end(&w);
}
