/* JSON and YAML out. */
#include "cpctl/cpctl_out.h"

#include <ctype.h>
#include <string.h>

#include "cpctl/cpctl_say.h"

void cpctl_json_init(struct cpctl_json *j)
{
    buf_init(&j->text, 0);
    json_writer_init(&j->w, &j->text, 0);
}

int cpctl_json_print(struct cpctl *c, struct cpctl_json *j)
{
    struct json *value = NULL;
    struct err e;
    int rc = json_writer_end(&j->w);

    if (rc == 0)
        rc = json_read_err(&c->arena, buf_slice(&j->text), NULL, &value, &e);
    buf_fini(&j->text);
    return rc != 0 ? cpctl_fail(c, "out of memory") : cpctl_print_data(c, value);
}

int cpctl_print_data(struct cpctl *c, const struct json *value)
{
    struct buf text;
    int rc;

    buf_init(&text, 0);
    if (c->format == CPCTL_YAML) {
        rc = cpctl_yaml_write(&text, value);
    } else {
        rc = json_write(&text, value, 2);
        if (rc == 0)
            rc = buf_append(&text, "\n", 1);
    }
    if (rc == 0)
        (void)fwrite(text.p + text.r, 1, buf_len(&text), c->out);
    buf_fini(&text);
    return rc == 0 ? CPCTL_OK : cpctl_fail(c, "out of memory");
}

/* ---- YAML ------------------------------------------------------------------------------------- */

/* Words that YAML 1.1 or 1.2 readers take for something other than text. */
static bool is_taken(struct slice s)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "~", NULL};

    for (int i = 0; words[i] != NULL; i++)
        if (slice_ieq(s, slice_of(words[i])))
            return true;
    return false;
}

/* May it stand without quotes? Cautious: letters first, then what no reader takes for markup or a number. */
static bool is_plain(struct slice s)
{
    if (s.n == 0 || is_taken(s) || !(isalpha((unsigned char)s.p[0]) || s.p[0] == '/' || s.p[0] == '_'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];

        if (isalnum((unsigned char)ch) || memchr("_-./{}+$", ch, 8) != NULL)
            continue;
        if (ch == ' ' && i + 1 < s.n && s.p[i + 1] != '#' && s.p[i + 1] != ' ')
            continue;
        if (ch == ':' && i + 1 < s.n && s.p[i + 1] != ' ')
            continue;
        return false;
    }
    return true;
}

/* Text with several lines that a literal block gives back unchanged. */
static bool is_literal(struct slice s)
{
    if (s.n < 2 || s.p[s.n - 1] != '\n' || s.p[s.n - 2] == '\n' || s.p[0] == ' ' || s.p[0] == '\n')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\n') || (unsigned char)s.p[i] >= 0x7f)
            return false;
    return true;
}

static int pad(struct buf *out, unsigned indent)
{
    return buf_printf(out, "%*s", (int)indent, "");
}

static int write_literal(struct buf *out, struct slice s, unsigned indent)
{
    int rc = buf_append(out, "|\n", 2);

    while (rc == 0 && s.n != 0) {
        const char *end = memchr(s.p, '\n', s.n);
        size_t n = (size_t)(end - s.p) + 1;

        if (n > 1)
            rc = pad(out, indent);
        if (rc == 0)
            rc = buf_append(out, s.p, n);
        s = slice_sub(s, n, s.n);
    }
    return rc;
}

static int write_scalar(struct buf *out, const struct json *v, unsigned indent)
{
    int rc;

    if (v->type == JSON_STRING && is_literal(v->text))
        return write_literal(out, v->text, indent);
    if (v->type == JSON_STRING && is_plain(v->text))
        rc = buf_puts(out, v->text);
    else if (v->type == JSON_ARRAY)
        rc = buf_append(out, "[]", 2);
    else if (v->type == JSON_OBJECT)
        rc = buf_append(out, "{}", 2);
    else
        rc = json_write(out, v, 0);
    return rc == 0 ? buf_append(out, "\n", 1) : rc;
}

static bool is_block(const struct json *v)
{
    return v->first != NULL && (v->type == JSON_ARRAY || v->type == JSON_OBJECT);
}

static int write_block(struct buf *out, const struct json *v, unsigned indent, bool in_line);

static int write_member(struct buf *out, const struct json *child, unsigned indent)
{
    int rc = is_plain(child->key) ? buf_puts(out, child->key) : json_write_string(out, child->key);

    if (rc == 0)
        rc = buf_append(out, ":", 1);
    if (rc == 0 && !is_block(child))
        rc = buf_append(out, " ", 1);
    if (rc != 0 || !is_block(child))
        return rc != 0 ? rc : write_scalar(out, child, indent + 2);
    rc = buf_append(out, "\n", 1);
    return rc != 0 ? rc : write_block(out, child, indent + 2, false);
}

/* in_line: the first entry follows "- " on the same line. Depth is bounded by the reader's. */
static int write_block(struct buf *out, const struct json *v, unsigned indent, bool in_line)
{
    int rc = 0;

    for (const struct json *child = v->first; rc == 0 && child != NULL; child = child->next) {
        if (!(in_line && child == v->first))
            rc = pad(out, indent);
        if (rc == 0 && v->type == JSON_OBJECT) {
            rc = write_member(out, child, indent);
            continue;
        }
        if (rc == 0)
            rc = buf_append(out, "- ", 2);
        if (rc == 0)
            rc = is_block(child) ? write_block(out, child, indent + 2, true) : write_scalar(out, child, indent + 2);
    }
    return rc;
}

int cpctl_yaml_write(struct buf *out, const struct json *value)
{
    return is_block(value) ? write_block(out, value, 0, false) : write_scalar(out, value, 2);
}
