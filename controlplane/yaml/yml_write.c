/* A tree back to YAML: block style, the source's order, a form that every YAML reader takes the same way. */
#include "yaml/yml_build.h"

static int write_value(const struct yml_node *n, struct buf *out, unsigned indent, bool in_list);

static int pad(struct buf *out, unsigned n)
{
    return buf_printf(out, "%*s", (int)n, "");
}

/* Words that YAML 1.1 readers take for booleans, and the merge key. */
static bool is_odd_word(struct slice s)
{
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "<<", "=", NULL};

    for (const char *const *w = words; *w != NULL; w++)
        if (slice_ieq(s, slice_of(*w)))
            return true;
    return false;
}

static bool is_plain_safe(struct slice s)
{
    if (s.n == 0 || s.n > 200 || yml_plain_type(s) != YML_STRING || is_odd_word(s) || (s.p[0] >= '0' && s.p[0] <= '9' && s.n < 30))
        return false;
    if (strchr(" -?:,[]{}#&*!|>'\"%@`~=.+", s.p[0]) != NULL || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == ':')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c >= 0x7f || strchr(",[]{}\"", c) != NULL)
            return false;
        if ((c == ':' && i + 1 < s.n && s.p[i + 1] == ' ') || (c == '#' && s.p[i - 1] == ' '))
            return false;
    }
    return true;
}

static int put_quoted(struct slice s, struct buf *out)
{
    int rc = buf_append(out, "\"", 1);

    for (size_t i = 0; rc == 0 && i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == '"' || c == '\\')
            rc = buf_printf(out, "\\%c", c);
        else if (c == '\n')
            rc = buf_append(out, "\\n", 2);
        else if (c == '\t')
            rc = buf_append(out, "\\t", 2);
        else if (c == '\r')
            rc = buf_append(out, "\\r", 2);
        else if (c < 0x20 || c == 0x7f)
            rc = buf_printf(out, "\\x%02x", c);
        else if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0) /* C1 controls, NEL among them */
            rc = buf_printf(out, "\\x%02x", (unsigned char)s.p[++i]);
        else if (c == 0xe2 && i + 2 < s.n && s.p[i + 1] == '\x80' && (s.p[i + 2] == '\xa8' || s.p[i + 2] == '\xa9')) {
            rc = buf_printf(out, "\\u20%02x", s.p[i + 2] == '\xa8' ? 0x28 : 0x29);
            i += 2;
        } else if (c == 0xef && i + 2 < s.n && s.p[i + 1] == '\xbb' && s.p[i + 2] == '\xbf') {
            rc = buf_append(out, "\\ufeff", 6);
            i += 2;
        } else if (c == 0xef && i + 2 < s.n && s.p[i + 1] == '\xbf' && (unsigned char)s.p[i + 2] >= 0xbe) {
            rc = buf_printf(out, "\\uff%02x", (unsigned char)s.p[i + 2] == 0xbe ? 0xfe : 0xff); /* not characters */
            i += 2;
        } else
            rc = buf_append(out, &s.p[i], 1);
    }
    return rc == 0 ? buf_append(out, "\"", 1) : rc;
}

/* Several lines as a literal block? Only what comes back byte by byte. */
static bool is_literal_safe(struct slice s)
{
    if (s.n < 2 || memchr(s.p, '\n', s.n) == NULL || s.p[0] == ' ' || s.p[0] == '\n' || s.p[0] == '\t')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\n') || c >= 0x7f)
            return false;
        if (c == '\n' && i > 0 && s.p[i - 1] == ' ')
            return false;
    }
    return s.p[s.n - 1] != ' ';
}

static int put_literal(struct slice s, struct buf *out, unsigned indent)
{
    bool ends = s.p[s.n - 1] == '\n', keeps = ends && s.p[s.n - 2] == '\n';
    int rc = buf_puts(out, ends ? (keeps ? SLICE_LIT("|+") : SLICE_LIT("|")) : SLICE_LIT("|-"));
    size_t at = 0;

    while (rc == 0 && at < s.n) {
        const char *nl = memchr(s.p + at, '\n', s.n - at);
        size_t end = nl == NULL ? s.n : (size_t)(nl - s.p);

        rc = buf_append(out, "\n", 1);
        if (rc == 0 && end > at)
            rc = pad(out, indent);
        if (rc == 0)
            rc = buf_append(out, s.p + at, end - at);
        at = end + 1;
    }
    return rc;
}

static int put_scalar(const struct yml_node *n, struct buf *out, unsigned indent, bool is_key)
{
    struct slice s = yml_text(n);

    if (n->type == YML_NULL && !is_key)
        return buf_puts(out, SLICE_LIT("null"));
    if (n->type != YML_STRING && n->type != YML_NULL)
        return buf_puts(out, s);
    if (is_plain_safe(s))
        return buf_puts(out, s);
    if (!is_key && is_literal_safe(s))
        return put_literal(s, out, indent);
    return put_quoted(s, out);
}

static int write_map(const struct yml_node *n, struct buf *out, unsigned indent, bool in_list)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < n->n; i++) {
        if (i > 0 || !in_list)
            rc = pad(out, indent);
        if (rc == 0)
            rc = put_scalar(yml_key(n, i), out, indent, true);
        if (rc == 0)
            rc = buf_append(out, ":", 1);
        if (rc == 0)
            rc = write_value(yml_value(n, i), out, indent + 2, false);
    }
    return rc;
}

static int write_list(const struct yml_node *n, struct buf *out, unsigned indent, bool in_list)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < n->n; i++) {
        if (i > 0 || !in_list)
            rc = pad(out, indent);
        if (rc == 0)
            rc = buf_append(out, "-", 1);
        if (rc == 0)
            rc = write_value(&n->u.child[i], out, indent + 2, true);
    }
    return rc;
}

/* Behind "key:" or "-". in_list: the first line of a collection goes behind the dash. */
static int write_value(const struct yml_node *n, struct buf *out, unsigned indent, bool in_list)
{
    int rc;

    if (yml_is_scalar(n) || n->n == 0) {
        rc = buf_append(out, " ", 1);
        if (rc == 0)
            rc = n->type == YML_MAP   ? buf_puts(out, SLICE_LIT("{}"))
                 : n->type == YML_SEQ ? buf_puts(out, SLICE_LIT("[]"))
                                      : put_scalar(n, out, indent, false);
        return rc == 0 ? buf_append(out, "\n", 1) : rc;
    }
    rc = buf_append(out, in_list ? " " : "\n", 1);
    if (rc != 0)
        return rc;
    return n->type == YML_MAP ? write_map(n, out, indent, in_list) : write_list(n, out, indent, in_list);
}

int yml_write(const struct yml_node *n, struct buf *out)
{
    int rc;

    if (n->type == YML_MAP && n->n > 0)
        return write_map(n, out, 0, false);
    if (n->type == YML_SEQ && n->n > 0)
        return write_list(n, out, 0, false);
    rc = n->type == YML_MAP   ? buf_puts(out, SLICE_LIT("{}"))
         : n->type == YML_SEQ ? buf_puts(out, SLICE_LIT("[]"))
                              : put_scalar(n, out, 2, false);
    return rc == 0 ? buf_append(out, "\n", 1) : rc;
}
