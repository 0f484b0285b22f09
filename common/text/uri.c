#include "text/uri.h"

#include "base/must.h"

enum class_bit { IN_UNRESERVED = 1, IN_SUB = 2, IN_DIGIT = 4, IN_HEX = 8 };

static unsigned class_of(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return IN_UNRESERVED | IN_DIGIT | IN_HEX;
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
        return IN_UNRESERVED | IN_HEX;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return IN_UNRESERVED;
    if (c == '\0')
        return 0;
    if (strchr("-._~", c) != NULL)
        return IN_UNRESERVED;
    return strchr("!$&'()*+,;=", c) != NULL ? IN_SUB : 0;
}

static bool is_hex(char c)
{
    return (class_of((unsigned char)c) & IN_HEX) != 0;
}

static unsigned hex_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* ---- splitting --------------------------------------------------------------------------------------------------------- */

static int read_port(struct slice s, uint16_t *port, struct err *e)
{
    uint32_t v = 0;

    for (size_t i = 0; i < s.n && i < 6; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return err_set(e, ERR_SYNTAX, "the port \"%.*s\" is not a number", SLICE_FMT(s));
        v = v * 10 + (uint32_t)(s.p[i] - '0');
    }
    if (s.n == 0 || s.n > 5 || v == 0 || v > 65535)
        return err_set(e, ERR_SYNTAX, "the port \"%.*s\" is not between 1 and 65535", SLICE_FMT(s));
    *port = (uint16_t)v;
    return 0;
}

static size_t ipv6_length(struct slice s)
{
    for (size_t i = 1; i < s.n && i < 48; i++) {
        if (s.p[i] == ']')
            return i >= 3 ? i + 1 : 0;
        if (!is_hex(s.p[i]) && s.p[i] != ':' && s.p[i] != '.')
            return 0;
    }
    return 0;
}

static int read_authority(struct slice s, struct uri *u, struct err *e)
{
    size_t n = 0;

    if (s.n == 0)
        return err_set(e, ERR_SYNTAX, u->scheme == URI_UPSTREAM ? "the upstream's name is missing" : "the host is missing");
    if (s.p[0] == '[') {
        n = ipv6_length(s);
        if (n == 0)
            return err_set(e, ERR_SYNTAX, "\"%.*s\" is not an IPv6 address in brackets", SLICE_FMT(s));
        u->host = slice_sub(s, 1, n - 1);
        u->host_is_ipv6 = true;
    } else {
        while (n < s.n && (class_of((unsigned char)s.p[n]) & IN_UNRESERVED) != 0)
            n++;
        u->host = slice_sub(s, 0, n);
    }
    if (n == 0 || (n < s.n && s.p[n] != ':'))
        return err_set(e, ERR_SYNTAX, "the host \"%.*s\" has a character that no host has", SLICE_FMT(s));
    if (n == s.n)
        return 0;
    if (u->scheme == URI_UPSTREAM)
        return err_set(e, ERR_SYNTAX, "an upstream's name has no port: its endpoints have");
    u->has_port = true;
    return read_port(slice_sub(s, n + 1, s.n), &u->port, e);
}

static size_t read_scheme(struct slice s, struct uri *u)
{
    static const struct {
        struct slice text;
        enum uri_scheme scheme;
        uint16_t port;
    } schemes[] = {{{"http://", 7}, URI_HTTP, 80}, {{"https://", 8}, URI_HTTPS, 443}, {{"upstream://", 11}, URI_UPSTREAM, 0}};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (s.n >= schemes[i].text.n && strncasecmp(s.p, schemes[i].text.p, schemes[i].text.n) == 0) {
            u->scheme = schemes[i].scheme;
            u->port = schemes[i].port;
            return schemes[i].text.n;
        }
    return 0;
}

static void split_query(struct slice s, struct uri *u)
{
    const char *mark = s.n == 0 ? NULL : memchr(s.p, '?', s.n);

    u->path = s;
    if (mark == NULL)
        return;
    u->has_query = true;
    u->path.n = (size_t)(mark - s.p);
    u->query = slice_from(mark + 1, s.n - u->path.n - 1);
}

int uri_split(struct slice s, struct uri *out, struct err *e)
{
    size_t from, to;
    int rc;

    memset(out, 0, sizeof(*out));
    from = read_scheme(s, out);
    if (from == 0)
        return err_set(e, ERR_SYNTAX, "a URI begins with http://, https:// or upstream://");
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= 0x20 || c >= 0x7f)
            return err_set(e, ERR_SYNTAX, "byte %zu (0x%02x) has to be percent-encoded", i + 1, c);
        if (c == '#')
            return err_set(e, ERR_SYNTAX, "a fragment (#) is never sent");
    }
    for (to = from; to < s.n && s.p[to] != '/' && s.p[to] != '?'; to++)
        ;
    out->authority = slice_sub(s, from, to);
    rc = read_authority(out->authority, out, e);
    if (rc != 0)
        return rc;
    split_query(slice_sub(s, to, s.n), out);
    return 0;
}

/* ---- percent-encoding --------------------------------------------------------------------------------------------------- */

static bool is_in(unsigned char c, enum uri_set set)
{
    unsigned k = class_of(c);

    if ((k & IN_UNRESERVED) != 0)
        return true;
    if (set == URI_UNRESERVED || c == '\0')
        return false;
    if (set == URI_QUERY_VALUE)
        return strchr("!$'()*,:@/?", c) != NULL;
    if ((k & IN_SUB) != 0 || c == ':' || c == '@')
        return true;
    return (c == '/' && set != URI_SEGMENT) || (c == '?' && set == URI_QUERY);
}

size_t uri_encoded_size(struct slice s, enum uri_set set)
{
    size_t n = s.n;

    for (size_t i = 0; i < s.n; i++)
        n += is_in((unsigned char)s.p[i], set) ? 0 : 2;
    return n;
}

size_t uri_encode(struct slice s, enum uri_set set, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    char *to = out;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (is_in(c, set)) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    return (size_t)(to - out);
}

/* True when a good escape stands at i. */
static bool is_escape(struct slice s, size_t i)
{
    return s.n - i >= 3 && is_hex(s.p[i + 1]) && is_hex(s.p[i + 2]);
}

int uri_decode(struct slice s, bool plus, char *out, size_t *n)
{
    size_t at = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '%') {
            if (!is_escape(s, i))
                return -ERR_SYNTAX;
            c = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[at++] = c;
    }
    *n = at;
    return 0;
}

bool uri_escapes_are_valid(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '%' && !is_escape(s, i))
            return false;
    return true;
}

/* ---- paths ------------------------------------------------------------------------------------------------------------- */

bool uri_path_needs_normalize(struct slice path)
{
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '%' && (!is_escape(path, i) || (path.p[i + 1] == '2' && (path.p[i + 2] | 0x20) == 'e')))
            return true;
        if (path.p[i] == '.' && i != 0 && path.p[i - 1] == '/')
            return true;
    }
    return false;
}

/* How many dots a segment is made of: 1 or 2; 0 for any other. */
static unsigned dots_of(struct slice s)
{
    unsigned dots = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && is_escape(s, i) && s.p[i + 1] == '2' && (s.p[i + 2] | 0x20) == 'e')
            i += 2;
        else if (s.p[i] != '.')
            return 0;
        if (++dots > 2)
            return 0;
    }
    return dots;
}

/* Takes the last segment and its slash away from out. */
static int go_up(const char *out, size_t *at)
{
    if (*at == 0)
        return -ERR_INVALID;
    do
        --*at;
    while (out[*at] != '/');
    return 0;
}

int uri_path_normalize(struct slice path, char *out, size_t *n)
{
    size_t at = 0, i = 0;

    if (path.n == 0 || path.p[0] != '/' || !uri_escapes_are_valid(path))
        return -ERR_INVALID;
    while (i < path.n) {
        const char *from = path.p + i + 1, *slash = memchr(from, '/', path.n - i - 1);
        struct slice segment = slice_from(from, slash == NULL ? path.n - i - 1 : (size_t)(slash - from));
        unsigned dots = dots_of(segment);

        i += segment.n + 1;
        if (dots == 0) {
            out[at++] = '/';
            memmove(out + at, segment.p, segment.n);
            at += segment.n;
            continue;
        }
        if (dots == 2 && go_up(out, &at) != 0)
            return -ERR_INVALID;
        if (i == path.n) /* "/a/." and "/a/b/.." end with a slash */
            out[at++] = '/';
    }
    *n = at;
    return 0;
}

bool uri_query_next(struct slice *rest, struct uri_pair *out)
{
    while (rest->n != 0) {
        const char *p = rest->p, *amp = memchr(p, '&', rest->n), *eq;
        size_t n = amp == NULL ? rest->n : (size_t)(amp - p);

        *rest = slice_sub(*rest, amp == NULL ? n : n + 1, rest->n);
        if (n == 0)
            continue;
        eq = memchr(p, '=', n);
        out->has_value = eq != NULL;
        out->key = slice_from(p, eq == NULL ? n : (size_t)(eq - p));
        out->value = eq == NULL ? SLICE_NONE : slice_from(eq + 1, n - out->key.n - 1);
        return true;
    }
    return false;
}
