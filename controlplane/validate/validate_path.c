/* Paths of routes: "/users/{id}/files/{rest+}". */
#include "base/ascii.h"
#include "validate/validate_int.h"

static int split_param(struct slice path, size_t at, size_t end, struct validate_params *out, struct spec_uri_error *e)
{
    struct slice name = slice_sub(path, at + 1, end - 1);
    bool greedy = name.n > 0 && name.p[name.n - 1] == '+';

    if (greedy)
        name.n--;
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alnum(name.p[i]) && name.p[i] != '_' && name.p[i] != '-' && name.p[i] != '.')
            return spec_uri_fail(e, at, end - at, "letters, digits, \".\", \"_\" and \"-\"", "\"%.*s\" cannot be a path parameter's name",
                        SLICE_FMT(name));
    if (name.n == 0 || name.n > 64)
        return spec_uri_fail(e, at, end - at, "letters, digits, \".\", \"_\" and \"-\", at most 64", "a path parameter %s",
                    name.n == 0 ? "without a name" : "with too long a name");
    if (greedy && end != path.n)
        return spec_uri_fail(e, at, end - at, "nothing can follow it", "\"{%.*s+}\" is not the last segment", SLICE_FMT(name));
    for (size_t i = 0; i < out->n; i++)
        if (slice_eq(out->names[i], name))
            return spec_uri_fail(e, at, end - at, "give each its own name", "the parameter \"%.*s\" stands twice in the path", SLICE_FMT(name));
    if (out->n == VALIDATE_PARAMS_MAX)
        return spec_uri_fail(e, at, end - at, NULL, "more than %u path parameters", VALIDATE_PARAMS_MAX);
    out->names[out->n] = name;
    out->offsets[out->n++] = at;
    return 0;
}

static int check_literal(struct slice path, size_t at, size_t end, struct spec_uri_error *e)
{
    struct slice s = slice_sub(path, at, end);

    if (slice_is(s, ".") || slice_is(s, ".."))
        return spec_uri_fail(e, at, s.n, "clients never send it", "a dot segment in a path");
    for (size_t i = at; i < end; i++) {
        char c = path.p[i];

        if (c == '{' || c == '}')
            return spec_uri_fail(e, at, s.n, "a parameter is a whole segment: /users/{id}", "\"%.*s\" is neither text nor a parameter", SLICE_FMT(s));
        if (c == '*')
            return spec_uri_fail(e, i, 1, "write {proxy+} for the rest of a path", "a \"*\" in a path");
        if (c == '?' || c == '#')
            return spec_uri_fail(e, i, end - i, "routes are chosen by the path alone", "a \"%c\" in a path", c);
        if (c == '%' && i + 2 < end && ascii_is_hex(path.p[i + 1]) && ascii_is_hex(path.p[i + 2]))
            continue;
        if (!ascii_is_alnum(c) && (c == '\0' || strchr("-._~!$&'()+,;=:@", c) == NULL))
            return spec_uri_fail(e, i, 1, "percent-encode it", "a character that no path has");
    }
    return 0;
}

int validate_path_split(struct slice path, struct validate_params *out, struct spec_uri_error *e)
{
    size_t at = 1, segments = 0;

    out->n = 0;
    if (path.n == 0 || path.p[0] != '/')
        return spec_uri_fail(e, 0, 1, "paths begin with \"/\"", "\"%.*s\" is not a path", SLICE_FMT(path));
    while (at < path.n) {
        const char *slash = memchr(path.p + at, '/', path.n - at);
        size_t end = slash == NULL ? path.n : (size_t)(slash - path.p);
        int rc;

        if (end == at)
            return spec_uri_fail(e, at, 1, NULL, "an empty segment in \"%.*s\"", SLICE_FMT(path));
        if (++segments > CAPS_PATH_SEGMENTS)
            return spec_uri_fail(e, at, end - at, NULL, "more than %u segments in a path", CAPS_PATH_SEGMENTS);
        if (path.p[at] == '{' && path.p[end - 1] == '}' && memchr(path.p + at, '}', end - at) == path.p + end - 1)
            rc = split_param(path, at, end, out, e);
        else
            rc = check_literal(path, at, end, e);
        if (rc != 0)
            return rc;
        at = end + 1;
        if (at == path.n)
            return spec_uri_fail(e, end, 1, "requests with and without it reach the same route: leave it out", "a slash at the end of a path");
    }
    return 0;
}

struct slice validate_path_form(struct slice path, char *buf)
{
    size_t n = 0;

    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '{') {
            const char *close = memchr(path.p + i, '}', path.n - i);
            size_t end = close == NULL ? path.n - 1 : (size_t)(close - path.p);

            buf[n++] = '{';
            if (end > i && path.p[end - 1] == '+')
                buf[n++] = '+';
            i = end;
            buf[n++] = '}';
        } else {
            buf[n++] = path.p[i];
        }
    }
    return slice_from(buf, n);
}
