/* The URI of an http_proxy, cut into pieces when the snapshot is built. */
#include <ctype.h>

#include "base/must.h"
#include "integration/integration_http_proxy_int.h"

#define PIECES_MAX 64

static int fail(struct integration_build *b, struct err *e, const char *what, struct slice where)
{
    b->field = SLICE_LIT("uri");
    return err_set(e, ERR_INVALID, "%s: \"%.*s\"", what, where.n > 200 ? 200 : (int)where.n, where.p);
}

static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 256;
}

/* One character of a path, decoded; *used bytes long. */
static char decoded(const char *p, const char *end, size_t *used)
{
    unsigned v;

    *used = 1;
    if (*p != '%' || end - p < 3)
        return *p;
    v = hex_value(p[1]) * 16 + hex_value(p[2]);
    if (v > 255)
        return *p;
    *used = 3;
    return (char)v;
}

bool proxy_path_climbs(struct slice path)
{
    const char *p = path.p, *end = path.p + path.n;
    unsigned dots = 0;
    bool only_dots = false;

    while (p < end) {
        size_t used;
        char c = decoded(p, end, &used);

        if (c == '/' || c == '\\') {
            if (only_dots && dots >= 1 && dots <= 2)
                return true;
            only_dots = true;
            dots = 0;
        } else if ((c == ';' || c == '\0') && only_dots && dots >= 1 && dots <= 2) {
            return true; /* "..;" climbs in servers that strip parameters of segments, "..%00" in those that end text there */
        } else if (c == '.') {
            dots++;
        } else {
            only_dots = false;
        }
        p += used;
    }
    return only_dots && dots >= 1 && dots <= 2;
}

static bool uri_text_ok(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '#' || c == '\\' || c == '^' || c == '`' || c == '|')
            return false;
    }
    return true;
}

static bool knows_param(const struct integration_build *b, struct slice name)
{
    for (size_t i = 0; i < b->n_params; i++) {
        if (slice_eq(b->params[i], name))
            return true;
    }
    return false;
}

/* integration.request.path.<name> <- method.request.path.<other>: what the URI calls name is the route's other. */
static int mapped_param(struct integration_build *b, const struct def_integration *def, struct slice *name, struct err *e)
{
    static const struct slice from = {"method.request.path.", 20}, to = {"integration.request.path.", 25};

    for (size_t i = 0; i < def->n_request_parameters; i++) {
        const struct def_pair *p = &def->request_parameters[i];

        if (!slice_starts(p->name, to) || !slice_eq(slice_sub(p->name, to.n, p->name.n), *name))
            continue;
        if (!slice_starts(p->value, from))
            return fail(b, e, "a path parameter of the URI is taken from method.request.path.<name>, not from", p->value);
        *name = slice_sub(p->value, from.n, p->value.n);
        return 0;
    }
    return 0;
}

static int split_pieces(struct integration_build *b, const struct def_integration *def, struct slice target,
                        struct proxy_conf *conf, struct err *e)
{
    struct proxy_piece *pieces;
    size_t at = 0, n = 0, room = 1;
    bool in_query = false;

    for (size_t i = 0; i < target.n && room < PIECES_MAX; i++)
        room += target.p[i] == '{' ? 2 : 0;
    if (room > PIECES_MAX)
        room = PIECES_MAX;
    pieces = arena_calloc(b->arena, room, sizeof(*pieces));
    if (pieces == NULL)
        return err_set(e, ERR_NOMEM, "uri");
    while (at < target.n) {
        size_t end = at;

        if (n == room)
            return fail(b, e, "too many parameters", target);
        if (target.p[at] == '{') {
            const char *close = memchr(target.p + at, '}', target.n - at);
            struct slice name;
            int rc;

            if (close == NULL)
                return fail(b, e, "a { without its }", target);
            name = slice_from(target.p + at + 1, (size_t)(close - target.p) - at - 1);
            end = (size_t)(close - target.p) + 1;
            if (name.n > 0 && name.p[name.n - 1] == '+')
                name.n--;
            rc = mapped_param(b, def, &name, e);
            if (rc != 0)
                return rc;
            if (!knows_param(b, name))
                return fail(b, e, "no route of this integration has the path parameter", name);
            pieces[n++] = (struct proxy_piece){.param = name, .in_query = in_query};
            conf->has_params = true;
        } else {
            while (end < target.n && target.p[end] != '{') {
                if (target.p[end] == '}')
                    return fail(b, e, "a } without its {", target);
                if (target.p[end] == '?')
                    in_query = true;
                end++;
            }
            pieces[n++] = (struct proxy_piece){.literal = slice_sub(target, at, end), .in_query = in_query};
        }
        at = end;
    }
    conf->pieces = pieces;
    conf->n_pieces = n;
    conf->has_query = in_query;
    return 0;
}

/* "host", "host:port", "[v6]:port" to "http://host:port", lower case, always with a port. */
static int implied_name(struct integration_build *b, struct slice authority, struct slice *name, struct err *e)
{
    size_t host_n = authority.n;
    unsigned long port = 80;
    char *p;

    if (memchr(authority.p, '@', authority.n) != NULL)
        return fail(b, e, "no user or password in a URI", authority);
    if (authority.p[0] == '[') {
        const char *close = memchr(authority.p, ']', authority.n);

        if (close == NULL)
            return fail(b, e, "a [ without its ]", authority);
        host_n = (size_t)(close - authority.p) + 1;
    } else if (memchr(authority.p, ':', authority.n) != NULL) {
        host_n = (size_t)((const char *)memchr(authority.p, ':', authority.n) - authority.p);
    }
    if (host_n == 0 || host_n > 253)
        return fail(b, e, "no host", authority);
    if (host_n < authority.n) {
        port = 0;
        for (size_t i = host_n + 1; i < authority.n; i++)
            port = isdigit((unsigned char)authority.p[i]) && port < 65536 ? port * 10 + (unsigned long)(authority.p[i] - '0') : 65536;
        if (authority.p[host_n] != ':' || port == 0 || port > 65535)
            return fail(b, e, "a port is 1 to 65535", authority);
    }
    *name = arena_printf(b->arena, "http://%.*s:%lu", (int)host_n, authority.p, port);
    if (name->p == NULL)
        return err_set(e, ERR_NOMEM, "uri");
    p = (char *)(uintptr_t)name->p;
    for (size_t i = 0; i < name->n; i++)
        p[i] = (char)tolower((unsigned char)p[i]);
    return 0;
}

static int resolve_upstream(struct integration_build *b, struct slice uri, struct proxy_conf *conf, struct slice *target, struct err *e)
{
    static const struct slice http = {"http://", 7}, https = {"https://", 8}, group = {"upstream://", 11};
    bool implied = slice_starts(uri, http);
    struct slice authority, name;
    size_t end;
    int rc;

    if (slice_starts(uri, https))
        return fail(b, e, "https:// to a backend is not available yet; use http:// or upstream://", uri);
    if (!implied && !slice_starts(uri, group))
        return fail(b, e, "a URI begins with http:// or upstream://", uri);
    authority = slice_sub(uri, implied ? http.n : group.n, uri.n);
    for (end = 0; end < authority.n && authority.p[end] != '/' && authority.p[end] != '?'; end++) {
        if (authority.p[end] == '{')
            return fail(b, e, "a path parameter cannot choose the host", uri);
    }
    *target = slice_sub(authority, end, authority.n);
    authority.n = end;
    if (authority.n == 0)
        return fail(b, e, "no host", uri);
    name = authority;
    if (implied) {
        rc = implied_name(b, authority, &name, e);
        if (rc != 0)
            return rc;
        conf->host = authority;
    }
    rc = b->upstream(b, name, implied, &conf->slot, e);
    if (rc != 0)
        b->field = SLICE_LIT("uri");
    return rc;
}

static int build_method(struct integration_build *b, struct slice m, struct proxy_conf *conf, struct err *e)
{
    if (m.n == 0 || slice_ieq(m, SLICE_LIT("ANY")))
        return 0;
    for (size_t i = 0; i < m.n; i++) {
        if (!isalpha((unsigned char)m.p[i]) || m.n > 16) {
            b->field = SLICE_LIT("httpMethod");
            return err_set(e, ERR_INVALID, "not a method: \"%.*s\"", (int)m.n, m.p);
        }
    }
    if (slice_ieq(m, SLICE_LIT("CONNECT"))) {
        b->field = SLICE_LIT("httpMethod");
        return err_set(e, ERR_INVALID, "CONNECT cannot be proxied");
    }
    conf->method = m;
    return 0;
}

int proxy_build(struct integration_build *b, const struct def_integration *def, const void **out, struct err *e)
{
    struct proxy_conf *conf = arena_calloc(b->arena, 1, sizeof(*conf));
    struct slice target = SLICE_NONE, path;
    const char *q;
    int rc;

    if (conf == NULL)
        return err_set(e, ERR_NOMEM, "uri");
    if (!uri_text_ok(def->uri))
        return fail(b, e, "a URI has only visible ASCII, and none of \" < > # \\ ^ ` |", def->uri);
    rc = resolve_upstream(b, def->uri, conf, &target, e);
    if (rc != 0)
        return rc;
    if (target.n == 0 || target.p[0] == '?') {
        target = arena_printf(b->arena, "/%.*s", SLICE_FMT(target));
        if (target.p == NULL)
            return err_set(e, ERR_NOMEM, "uri");
    }
    q = memchr(target.p, '?', target.n);
    path = slice_sub(target, 0, q == NULL ? target.n : (size_t)(q - target.p));
    if (proxy_path_climbs(path))
        return fail(b, e, "no dot segments in the path of a URI", def->uri);
    rc = split_pieces(b, def, target, conf, e);
    if (rc == 0)
        rc = build_method(b, def->http_method, conf, e);
    if (rc == 0)
        *out = conf;
    return rc;
}
