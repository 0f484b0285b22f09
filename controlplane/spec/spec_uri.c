#include "spec/spec_uri.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/ascii.h"

int spec_uri_fail(struct spec_uri_error *e, size_t offset, size_t width, const char *hint, const char *fmt, ...)
{
    va_list ap;

    e->offset = offset;
    e->width = width == 0 ? 1 : width;
    va_start(ap, fmt);
    (void)vsnprintf(e->message, sizeof(e->message), fmt, ap);
    va_end(ap);
    (void)snprintf(e->hint, sizeof(e->hint), "%s", hint == NULL ? "" : hint);
    return -ERR_SYNTAX;
}

static bool all_of(struct slice s, const char *more)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr(more, s.p[i]) == NULL))
            return false;
    return s.n > 0;
}

/* "${stageVariables.name}" at `at`; *end behind it. */
static int split_variable(struct slice uri, size_t at, struct spec_uri_part *part, size_t *end, struct spec_uri_error *e)
{
    static const struct slice open = {"${stageVariables.", 17};
    const char *close = memchr(uri.p + at, '}', uri.n - at);
    size_t stop = close == NULL ? uri.n : (size_t)(close - uri.p);

    if (at + 1 >= uri.n || uri.p[at + 1] != '{')
        return spec_uri_fail(e, at, 1, "a stage variable is written ${stageVariables.name}", "a \"$\" without its \"{\"");
    if (close == NULL)
        return spec_uri_fail(e, at, uri.n - at, "a stage variable is written ${stageVariables.name}", "a \"${\" without its \"}\"");
    if (!slice_starts(slice_sub(uri, at, stop), open))
        return spec_uri_fail(e, at, stop + 1 - at, "a URI has stage variables, ${stageVariables.name}, and path parameters, {name}",
                    "\"%.*s\" is not a stage variable", (int)(stop + 1 - at), uri.p + at);
    part->kind = SPEC_URI_VARIABLE;
    part->text = slice_sub(uri, at + open.n, stop);
    part->offset = at;
    *end = stop + 1;
    if (!all_of(part->text, "_") || part->text.n > SPEC_VARIABLE_NAME_MAX)
        return spec_uri_fail(e, at, stop + 1 - at, "letters, digits and underscores, at most 64", "\"%.*s\" cannot be a stage variable's name",
                    SLICE_FMT(part->text));
    return 0;
}

static int split_param(struct slice uri, size_t at, struct spec_uri_part *part, size_t *end, struct spec_uri_error *e)
{
    const char *close = memchr(uri.p + at, '}', uri.n - at);
    size_t stop = close == NULL ? uri.n : (size_t)(close - uri.p);

    if (close == NULL)
        return spec_uri_fail(e, at, uri.n - at, "a path parameter is written {name}", "a \"{\" without its \"}\"");
    part->kind = SPEC_URI_PARAM;
    part->text = slice_sub(uri, at + 1, stop);
    part->offset = at;
    *end = stop + 1;
    if (part->text.n > 0 && part->text.p[part->text.n - 1] == '+')
        part->text.n--;
    if (!all_of(part->text, "._-"))
        return spec_uri_fail(e, at, stop + 1 - at, "letters, digits, \".\", \"_\" and \"-\"", "\"%.*s\" cannot be a path parameter's name",
                    SLICE_FMT(part->text));
    return 0;
}

int spec_uri_split(struct slice uri, struct spec_uri_part parts[SPEC_URI_PARTS_MAX], size_t *n, struct spec_uri_error *e)
{
    size_t at = 0, count = 0;

    while (at < uri.n) {
        size_t end = at;
        int rc = 0;

        if (count == SPEC_URI_PARTS_MAX)
            return spec_uri_fail(e, at, 1, NULL, "more than %u parts in a URI", SPEC_URI_PARTS_MAX);
        if (uri.p[at] == '$')
            rc = split_variable(uri, at, &parts[count], &end, e);
        else if (uri.p[at] == '{')
            rc = split_param(uri, at, &parts[count], &end, e);
        else {
            while (end < uri.n && uri.p[end] != '$' && uri.p[end] != '{') {
                if (uri.p[end] == '}')
                    return spec_uri_fail(e, end, 1, "a path parameter is written {name}", "a \"}\" without its \"{\"");
                end++;
            }
            parts[count] = (struct spec_uri_part){SPEC_URI_LITERAL, slice_sub(uri, at, end), at};
        }
        if (rc != 0)
            return rc;
        count++;
        at = end;
    }
    *n = count;
    return 0;
}

int spec_uri_fill(struct slice uri, const struct spec_pairs *variables, struct buf *out, struct slice *missing)
{
    struct spec_uri_part parts[SPEC_URI_PARTS_MAX];
    struct spec_uri_error e;
    size_t n = 0, at = 0;
    int rc = spec_uri_split(uri, parts, &n, &e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t end = i + 1 < n ? parts[i + 1].offset : uri.n;
        uint32_t v = 0;

        if (parts[i].kind != SPEC_URI_VARIABLE)
            continue;
        while (v < variables->n && !slice_eq(variables->p[v].name.v, parts[i].text))
            v++;
        if (v == variables->n) {
            *missing = parts[i].text;
            return -ERR_NOTFOUND;
        }
        rc = buf_append(out, uri.p + at, parts[i].offset - at);
        if (rc == 0)
            rc = buf_puts(out, variables->p[v].value.v);
        at = end;
    }
    return rc == 0 ? buf_append(out, uri.p + at, uri.n - at) : rc;
}

bool spec_host_is_valid(struct slice s)
{
    size_t label = 0;

    if (s.n == 0 || s.n > 253 || s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.') {
            if (label == 0 || s.p[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        if ((!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_') || ++label > 63 || (label == 1 && s.p[i] == '-'))
            return false;
    }
    return label > 0 && s.p[s.n - 1] != '-';
}

/* Letters, digits and colons between brackets; the node's parser has the last word. */
static bool is_v6(struct slice s)
{
    size_t colons = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = (char)(s.p[i] | 0x20);

        if (s.p[i] == ':')
            colons++;
        else if (!ascii_is_digit(s.p[i]) && s.p[i] != '.' && (c < 'a' || c > 'f'))
            return false;
    }
    return colons >= 2 && s.n <= 45;
}

static int check_port(struct slice s, size_t colon, uint16_t *port, struct spec_uri_error *e)
{
    unsigned v = 0;

    for (size_t i = colon + 1; i < s.n && v < 65536; i++)
        v = ascii_is_digit(s.p[i]) ? v * 10 + (unsigned)(s.p[i] - '0') : 65536;
    if (colon + 1 >= s.n || v == 0 || v > 65535)
        return spec_uri_fail(e, colon + 1 < s.n ? colon + 1 : colon, colon + 1 < s.n ? s.n - colon - 1 : 1, "a port is 1 to 65535",
                    "\"%.*s\" is not a port", (int)(s.n - colon - 1), s.p + colon + 1);
    *port = (uint16_t)v;
    return 0;
}

int spec_address_check(struct slice s, uint16_t default_port, struct slice *host, uint16_t *port, struct spec_uri_error *e)
{
    size_t end = 0;

    if (s.n > 0 && s.p[0] == '[') {
        const char *close = memchr(s.p, ']', s.n);

        if (close == NULL)
            return spec_uri_fail(e, 0, s.n, "an IPv6 address is written [::1]:8080", "a \"[\" without its \"]\"");
        end = (size_t)(close - s.p) + 1;
        *host = slice_sub(s, 1, end - 1);
        if (!is_v6(*host))
            return spec_uri_fail(e, 0, end, "an IPv6 address is written [::1]:8080", "\"%.*s\" is not an IPv6 address", SLICE_FMT(*host));
    } else {
        while (end < s.n && s.p[end] != ':')
            end++;
        *host = slice_sub(s, 0, end);
        if (end + 1 < s.n && memchr(s.p + end + 1, ':', s.n - end - 1) != NULL)
            return spec_uri_fail(e, 0, s.n, "an IPv6 address is written [::1]:8080", "\"%.*s\" is not host:port", SLICE_FMT(s));
        if (!spec_host_is_valid(*host))
            return spec_uri_fail(e, 0, end == 0 ? 1 : end, "letters, digits, hyphens and dots", end == 0 ? "no host%.*s" : "\"%.*s\" is not a host name",
                        SLICE_FMT(*host));
    }
    *port = default_port;
    if (end < s.n && s.p[end] != ':')
        return spec_uri_fail(e, end, s.n - end, "host:port", "\"%.*s\" behind the host", (int)(s.n - end), s.p + end);
    if (end < s.n)
        return check_port(s, end, port, e);
    if (default_port == 0)
        return spec_uri_fail(e, 0, s.n, "host:port, like 10.0.0.5:8080", "\"%.*s\" has no port", SLICE_FMT(s));
    return 0;
}

static int check_characters(struct slice uri, struct spec_uri_error *e)
{
    for (size_t i = 0; i < uri.n; i++) {
        unsigned char c = (unsigned char)uri.p[i];

        if (ascii_is_alnum(uri.p[i]))
            continue;
        if (c <= 0x20 || c >= 0x7f)
            return spec_uri_fail(e, i, 1, "percent-encode it", "a URI has only visible ASCII characters");
        if (c == '#')
            return spec_uri_fail(e, i, uri.n - i, "a fragment is never sent to a server", "a \"#\" in a URI");
        if (strchr("\"<>\\^`|", c) != NULL)
            return spec_uri_fail(e, i, 1, "percent-encode it", "a \"%c\" in a URI", c);
        if (c == '%' && (i + 2 >= uri.n || !ascii_is_hex(uri.p[i + 1]) || !ascii_is_hex(uri.p[i + 2])))
            return spec_uri_fail(e, i, 1, "write %25 for a percent sign", "a \"%%\" is followed by two hexadecimal digits");
    }
    return 0;
}

/* "." and ".." as a whole segment, also encoded, climb out of the path that the URI names. */
static int check_dots(struct slice uri, size_t at, struct spec_uri_error *e)
{
    while (at < uri.n && uri.p[at] == '/') {
        size_t start = ++at, dots = 0;
        bool only = true;

        while (at < uri.n && uri.p[at] != '/' && uri.p[at] != '?') {
            bool encoded = uri.p[at] == '%' && uri.n - at >= 3 && strncasecmp(uri.p + at, "%2e", 3) == 0;

            if (uri.p[at] == '.' || encoded)
                dots++;
            else if (uri.p[at] == ';' && dots > 0)
                break; /* "..;" climbs in servers that strip parameters */
            else
                only = false;
            at += encoded ? 3 : 1;
        }
        if (only && (dots == 1 || dots == 2))
            return spec_uri_fail(e, start, at - start, "write the path that is meant", "a dot segment in a URI's path");
        while (at < uri.n && uri.p[at] != '/' && uri.p[at] != '?')
            at++;
    }
    return 0;
}

static int check_upstream(struct slice name, size_t offset, struct spec_uri *out, struct spec_uri_error *e)
{
    out->is_upstream = true;
    out->host = name;
    out->port = 0;
    if (memchr(name.p, ':', name.n) != NULL)
        return spec_uri_fail(e, offset, name.n, "the Upstream's endpoints have the ports", "\"%.*s\": no port behind an upstream's name",
                    SLICE_FMT(name));
    if (name.n > CAPS_NAME_MAX || !all_of(name, "._-") || !ascii_is_alnum(name.p[0]))
        return spec_uri_fail(e, offset, name.n == 0 ? 1 : name.n, "upstream://<name>/path",
                    name.n == 0 ? "no upstream is named%.*s" : "\"%.*s\" cannot be an upstream's name", SLICE_FMT(name));
    return 0;
}

int spec_uri_check(struct slice uri, struct spec_uri *out, struct spec_uri_error *e)
{
    static const struct slice http = {"http://", 7}, https = {"https://", 8}, group = {"upstream://", 11};
    bool plain = slice_starts(uri, http);
    size_t start, end;
    int rc;

    if (slice_starts(uri, https))
        return spec_uri_fail(e, 0, 8, "use http://, or an Upstream", "https:// to a backend is not supported by this version");
    if (!plain && !slice_starts(uri, group))
        return spec_uri_fail(e, 0, uri.n, "http://host/path or upstream://name/path", "a URI begins with http:// or upstream://");
    start = plain ? http.n : group.n;
    for (end = start; end < uri.n && uri.p[end] != '/' && uri.p[end] != '?'; end++)
        if (uri.p[end] == '{')
            return spec_uri_fail(e, end, 1, "put the host into a stage variable", "a path parameter cannot choose the host");
    if (memchr(uri.p + start, '@', end - start) != NULL)
        return spec_uri_fail(e, start, end - start, NULL, "no user or password in a URI");
    out->is_upstream = false;
    rc = plain ? spec_address_check(slice_sub(uri, start, end), 80, &out->host, &out->port, e)
               : check_upstream(slice_sub(uri, start, end), start, out, e);
    if (rc != 0 && plain)
        e->offset += start;
    if (rc == 0)
        rc = check_characters(uri, e);
    return rc == 0 ? check_dots(uri, end, e) : rc;
}
