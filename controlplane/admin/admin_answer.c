#include <inttypes.h>
#include <string.h>

#include "admin/admin_int.h"
#include "base/clock.h"
#include "crypto/digest.h"

/* ---- what the peer sent ---- */

int admin_body(struct admin_call *call, const struct json **out, struct err *e)
{
    static const struct json_options options = {.depth_max = ADMIN_JSON_DEPTH, .borrow = true};

    if (call->json == NULL) {
        int rc = json_read_err(&call->arena, buf_slice(&call->body), &options, &call->json, e);

        if (rc == -ERR_NOMEM)
            return rc;
        if (rc != 0) {
            char why[ERR_TEXT_MAX];

            (void)snprintf(why, sizeof(why), "%s", e->text);
            return err_set(e, ERR_SYNTAX, "the body is not JSON: %.400s", why);
        }
    }
    if (!json_is(call->json, JSON_OBJECT))
        return err_set(e, ERR_SYNTAX, "the body must be a JSON object, it is %s", json_type_name(call->json));
    *out = call->json;
    return 0;
}

int admin_members(const struct json *object, const char *const *names, struct err *e)
{
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        size_t i = 0;

        while (names[i] != NULL && !slice_is(m->key, names[i]))
            i++;
        if (names[i] == NULL)
            return err_set(e, ERR_SYNTAX, "\"%.*s\" is not known here", (int)(m->key.n > 100 ? 100 : m->key.n), m->key.p);
    }
    return 0;
}

int admin_text(const struct json *object, const char *name, struct slice *out, struct err *e)
{
    const struct json *v = json_get_str(object, name);

    *out = SLICE_NONE;
    if (v == NULL || json_is(v, JSON_NULL))
        return 0;
    if (!json_is(v, JSON_STRING))
        return err_set(e, ERR_SYNTAX, "\"%s\" must be a string", name);
    *out = v->text;
    return 0;
}

int admin_number(const struct json *object, const char *name, uint64_t *io, struct err *e)
{
    const struct json *v = json_get_str(object, name);

    if (v == NULL || json_is(v, JSON_NULL))
        return 0;
    if (json_uint64(v, io) != 0)
        return err_set(e, ERR_SYNTAX, "\"%s\" must be a whole number", name);
    return 0;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding in the arena; text that is not well formed stays as it is. */
static struct slice decode(struct arena *a, struct slice s, bool plus)
{
    char *p = arena_alloc(a, s.n);
    size_t n = 0;

    if (p == NULL)
        return SLICE_NONE;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && i + 2 < s.n && digit(s.p[i + 1]) >= 0 && digit(s.p[i + 2]) >= 0) {
            p[n++] = (char)(digit(s.p[i + 1]) * 16 + digit(s.p[i + 2]));
            i += 2;
        } else {
            p[n++] = plus && s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    return slice_from(p, n);
}

/* Takes the first parameter off *rest, as sent. value: empty without a "=". False at the end. */
static bool next_parameter(struct slice *rest, struct slice *key, struct slice *value)
{
    const char *amp, *eq;
    struct slice pair;

    if (rest->n == 0)
        return false;
    amp = memchr(rest->p, '&', rest->n);
    pair = slice_from(rest->p, amp == NULL ? rest->n : (size_t)(amp - rest->p));
    eq = pair.n == 0 ? NULL : memchr(pair.p, '=', pair.n);
    *key = slice_from(pair.p, eq == NULL ? pair.n : (size_t)(eq - pair.p));
    *value = eq == NULL ? SLICE_LIT("") : slice_sub(pair, key->n + 1, pair.n);
    *rest = slice_sub(*rest, pair.n + (amp != NULL), rest->n);
    return true;
}

bool admin_query(struct admin_call *call, const char *name, struct slice *out)
{
    struct slice rest = call->query, key, value;

    while (next_parameter(&rest, &key, &value)) {
        if (!slice_is(key, name))
            continue;
        *out = decode(&call->arena, value, true);
        return true;
    }
    return false;
}

static bool has_parameter(const struct admin_route *r, struct slice key)
{
    for (const struct admin_parameter *p = r->query; p != NULL && p->name != NULL; p++) {
        if (slice_is(key, p->name))
            return true;
    }
    return false;
}

bool admin_query_is_known(struct admin_call *call, const char **detail)
{
    struct slice rest = call->query, key, value, text;

    while (next_parameter(&rest, &key, &value)) {
        if (key.n == 0 || has_parameter(call->route, key))
            continue;
        text = arena_printf(&call->arena, "the parameter \"%.*s\" is not known here%s", key.n > 40 ? 40 : (int)key.n, key.p,
                            call->route->body_max != 0 ? ": options stand in the body" : "");
        if (text.p != NULL)
            *detail = text.p;
        return false;
    }
    return true;
}

static bool parse_u64(struct slice s, uint64_t *out)
{
    uint64_t n = 0;

    if (s.n == 0 || s.n > 19)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(s.p[i] - '0');
    }
    *out = n;
    return true;
}

int admin_query_number(struct admin_call *call, const char *name, uint64_t max, uint64_t *io, struct err *e)
{
    struct slice text;
    uint64_t n;

    if (!admin_query(call, name, &text))
        return 0;
    if (!parse_u64(text, &n) || n > max)
        return err_set(e, ERR_SYNTAX, "the parameter %s must be a whole number, at most %" PRIu64, name, max);
    *io = n;
    return 0;
}

int admin_arg_number(const struct admin_call *call, size_t i, uint64_t *out, struct err *e)
{
    if (parse_u64(call->args[i], out) && *out != 0)
        return 0;
    return err_set(e, ERR_NOTFOUND, "there is no revision %.*s", (int)(call->args[i].n > 40 ? 40 : call->args[i].n), call->args[i].p);
}

/* ---- routes ---- */

/* args: raw path arguments. A template's last {name...} takes the rest of the path. */
static bool match(const char *template, struct slice path, struct slice args[ADMIN_ARGS])
{
    size_t n = 0;

    while (*template != '\0') {
        if (*template == '{') {
            const char *end = strchr(template, '}');
            bool tail = end[-1] == '.';
            size_t used = 0;

            while (used < path.n && (tail || path.p[used] != '/'))
                used++;
            if (used == 0 || n == ADMIN_ARGS)
                return false;
            args[n++] = slice_from(path.p, used);
            path = slice_sub(path, used, path.n);
            template = end + 1;
        } else {
            if (path.n == 0 || *path.p != *template)
                return false;
            path = slice_sub(path, 1, path.n);
            template++;
        }
    }
    return path.n == 0;
}

enum admin_match admin_route_find(struct admin_call *call, enum http_method method, struct slice path, uint32_t *allow)
{
    *allow = 0;
    for (size_t i = 0; i < admin_routes_n; i++) {
        struct slice args[ADMIN_ARGS] = {SLICE_NONE, SLICE_NONE, SLICE_NONE};

        if (!match(admin_routes[i].path, path, args))
            continue;
        *allow |= HTTP_METHOD_BIT(admin_routes[i].method);
        if (admin_routes[i].method != method)
            continue;
        call->route = &admin_routes[i];
        for (size_t k = 0; k < ADMIN_ARGS; k++)
            call->args[k] = args[k].n == 0 ? SLICE_NONE : decode(&call->arena, args[k], false);
        return ADMIN_MATCH;
    }
    return *allow == 0 ? ADMIN_NO_PATH : ADMIN_NO_METHOD;
}

/* ---- answers ---- */

void admin_problem(struct admin_call *call, unsigned status, struct slice detail, struct slice extra)
{
    struct json_writer w;

    call->status = status;
    call->content_type = "application/problem+json";
    if (call->error.text[0] == '\0')
        (void)err_set(&call->error, ERR_INVALID, "%.*s", SLICE_FMT(detail));
    buf_clear(&call->out);
    json_writer_init(&w, &call->out, 0);
    json_begin_object(&w);
    json_member_str(&w, "type", "about:blank");
    json_member_slice(&w, "title", http_status_text(status));
    json_member_uint(&w, "status", status);
    json_member_slice(&w, "detail", detail);
    json_member_str(&w, "requestId", call->request_id);
    if (extra.n > 0) {
        json_key(&w, "diagnostics");
        json_put_raw(&w, extra);
    }
    json_end_object(&w);
    if (json_writer_end(&w) != 0)
        buf_clear(&call->out);
}

int admin_end(struct json_writer *w, int rc, struct err *e)
{
    return rc == 0 && json_writer_end(w) != 0 ? err_set(e, ERR_NOMEM, "answer") : rc;
}

int admin_end_good(struct admin_call *call, struct json_writer *w, struct err *e)
{
    call->status = 200;
    call->content_type = "application/json";
    return admin_end(w, 0, e);
}

unsigned admin_status_of(const struct err *e)
{
    switch (e->code) {
    case ERR_SYNTAX: return 400;
    case ERR_DENIED: return 403;
    case ERR_NOTFOUND: return 404;
    case ERR_CONFLICT:
    case ERR_EXISTS: return 409;
    case ERR_LIMIT: return 413;
    case ERR_INVALID: return 422;
    case ERR_NOMEM:
    case ERR_NOTNOW:
    case ERR_AGAIN: return 503;
    default: return 500;
    }
}

void admin_problem_err(struct admin_call *call, const struct err *e)
{
    char text[ERR_TEXT_MAX];

    (void)snprintf(text, sizeof(text), "%s", e->text);
    admin_problem(call, admin_status_of(e), slice_of(text), SLICE_NONE);
}

void admin_member_root(struct json_writer *w, const char *key, const uint8_t root[32])
{
    char hex[65];

    digest_hex(root, 32, hex);
    json_member_str(w, key, hex);
}

void admin_member_time(struct json_writer *w, const char *key, int64_t wall_ms)
{
    char text[32];

    json_key(w, key);
    if (wall_ms == 0) {
        json_put_null(w);
        return;
    }
    clock_format(wall_ms, text, sizeof(text));
    json_put_str(w, text);
}
