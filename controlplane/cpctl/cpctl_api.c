#include "cpctl/cpctl_api.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/secret.h"
#include "cpctl/cpctl_config.h"
#include "cpctl/cpctl_http.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"
#include "diag/diag.h"

#define PEM_MAX (256u << 10)
#define TOKEN_MAX 4096u
#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

static int nobody(struct cpctl *c)
{
    cpctl_error(c, "no control plane is named, and there is no current context");
    cpctl_hint(c, "cpctl config set-context NAME --server https://HOST:9901 --ca ca.crt --token-file FILE, or use "
                  "--config with the cpctl.yaml that the control plane made in its state directory");
    return CPCTL_WRONG;
}

static void trim(struct slice *s)
{
    while (s->n != 0 && isspace((unsigned char)s->p[s->n - 1]))
        s->n--;
    while (s->n != 0 && isspace((unsigned char)s->p[0]))
        *s = slice_sub(*s, 1, s->n);
}

int cpctl_api_open_target(struct cpctl *c, const struct cpctl_target *t, int cancel_fd, struct cpctl_api *out)
{
    struct cpctl_http_def def = {.url = t->server, .cancel_fd = cancel_fd};
    struct buf pem, token;
    struct err e;
    int rc;

    buf_init(&pem, 0);
    buf_init(&token, 0);
    rc = file_read(t->ca == NULL ? SYSTEM_ROOTS : t->ca, PEM_MAX, &pem, &e);
    if (rc == 0 && t->token != NULL)
        rc = buf_puts(&token, slice_of(t->token)) == 0 ? 0 : err_set(&e, ERR_NOMEM, "token");
    else if (rc == 0 && t->token_file != NULL)
        rc = file_read(t->token_file, TOKEN_MAX, &token, &e);
    def.ca_pem = buf_slice(&pem);
    def.token = buf_slice(&token);
    trim(&def.token);
    out->c = c;
    out->context = t->context;
    if (rc == 0)
        rc = cpctl_http_new(&def, &out->http, &e);
    if (token.p != NULL)
        secret_wipe(token.p, token.size);
    buf_fini(&token);
    buf_fini(&pem);
    if (rc == 0)
        return 0;
    if (rc == -ERR_SYNTAX)
        cpctl_error(c, "%s: %s", t->ca == NULL ? SYSTEM_ROOTS : t->ca, e.text);
    else
        cpctl_error(c, "%s", e.text);
    if (t->context != NULL && !t->overridden)
        cpctl_hint(c, "this comes from the context '%s'", t->context);
    return c->failed;
}

int cpctl_api_open(struct cpctl *c, struct cpctl_api *out)
{
    struct cpctl_target t;
    int rc = cpctl_config_target(c, &t);

    memset(out, 0, sizeof(*out));
    if (rc != 0)
        return rc;
    if (t.server == NULL)
        return nobody(c);
    return cpctl_api_open_target(c, &t, -1, out);
}

void cpctl_api_close(struct cpctl_api *a)
{
    cpctl_http_free(a->http);
    a->http = NULL;
}

static int unreachable(struct cpctl_api *a, int rc, const struct err *e)
{
    struct cpctl *c = a->c;

    if (rc == -ERR_CLOSED)
        return c->failed; /* we were told to stop: no failure to speak of */
    cpctl_error(c, "%s", e->text);
    if (rc == -ERR_IO)
        cpctl_hint(c, "is sluice-controlplane running at %s%s%s%s?", cpctl_http_peer(a->http),
                   a->context == NULL ? "" : " (context '", a->context == NULL ? "" : a->context,
                   a->context == NULL ? "" : "')");
    else if (rc == -ERR_DENIED)
        cpctl_hint(c, "the certificate is checked with --ca or the context's certificateAuthority, and must name the host");
    else if (rc == -ERR_UNSUPPORTED)
        cpctl_hint(c, "is %s the admin port of a sluice-controlplane?", cpctl_http_peer(a->http));
    return c->failed;
}

/* The diagnostics of a problem, as text. False: it has none. */
static bool tell_diags(struct cpctl *c, const struct json *problem)
{
    const struct json *list = json_get_str(problem, "diagnostics");
    struct diag_list diags;
    struct buf text;
    bool told = false;

    if (!json_is(list, JSON_ARRAY) || list->count == 0)
        return false;
    diag_init(&diags);
    buf_init(&text, 0);
    if (json_write(&text, list, 0) == 0 && diag_read_json(&diags, buf_slice(&text), NULL) == 0)
        told = cpctl_print_diags(c, c->err, &diags) == 0;
    buf_fini(&text);
    diag_fini(&diags);
    return told;
}

static void hint_for(struct cpctl_api *a, unsigned status)
{
    if (status == 401)
        cpctl_hint(a->c, "the control plane does not know the token%s; see --token-file, SLUICE_TOKEN and "
                         "`cpctl config set-context`",
                   a->context == NULL ? "" : " of this context");
    else if (status == 403)
        cpctl_hint(a->c, "the token's role does not allow this: `cpctl token create --role editor` makes one that may");
}

static int refused(struct cpctl_api *a, const struct cpctl_http_answer *answer, const struct json *problem)
{
    struct cpctl *c = a->c;
    const char *detail = cpctl_text(c, problem, "detail"), *title = cpctl_text(c, problem, "title");

    if (c->format == CPCTL_JSON || c->format == CPCTL_YAML) {
        if (problem != NULL && cpctl_print_data(c, problem) != 0)
            return c->failed;
    } else {
        (void)tell_diags(c, problem);
    }
    if (*detail == '\0')
        detail = title;
    if (*detail != '\0')
        cpctl_error(c, "%s", cpctl_clean(c, slice_of(detail), false));
    else
        cpctl_error(c, "%s answered with status %u", cpctl_http_peer(a->http), answer->status);
    hint_for(a, answer->status);
    return c->failed;
}

static int take(struct cpctl_api *a, const struct cpctl_http_answer *answer, const struct json **out)
{
    static const struct json_options options = {.depth_max = 256};
    struct json *value = NULL;
    struct err e = {.code = ERR_NONE};
    struct slice text = buf_slice(&answer->body);
    int rc = 0;

    if (text.n != 0)
        rc = answer->is_json ? json_read_err(&a->c->arena, text, &options, &value, &e)
                             : err_set(&e, ERR_SYNTAX, "not JSON");
    if (answer->status >= 400)
        return refused(a, answer, rc == 0 ? value : NULL);
    if (answer->status >= 300 || rc != 0)
        return cpctl_fail(a->c, "%s: what answers there is no control plane of Sluice (status %u%s%s)",
                          cpctl_http_peer(a->http), answer->status, rc == 0 ? "" : ": ", e.text);
    *out = value;
    return 0;
}

static int call(struct cpctl_api *a, const char *method, const char *target, const struct buf *body, uint64_t timeout_ms,
                bool may_be_absent, const struct json **out)
{
    struct slice bytes = body == NULL ? SLICE_NONE : buf_slice(body);
    struct cpctl_http_answer answer;
    struct err e;
    int rc;

    *out = NULL;
    rc = cpctl_http_call(a->http, method, target, body == NULL ? NULL : &bytes, timeout_ms, &answer, &e);
    if (rc != 0)
        return unreachable(a, rc, &e);
    rc = answer.status == 404 && may_be_absent ? 0 : take(a, &answer, out);
    cpctl_http_answer_fini(&answer);
    return rc;
}

int cpctl_api_call(struct cpctl_api *a, const char *method, const char *target, const struct buf *body,
                   const struct json **out)
{
    return call(a, method, target, body, CPCTL_CALL_TIMEOUT_MS, false, out);
}

int cpctl_api_get(struct cpctl_api *a, const char *target, const struct json **out)
{
    return call(a, "GET", target, NULL, CPCTL_CALL_TIMEOUT_MS, false, out);
}

int cpctl_api_ask(struct cpctl_api *a, const char *target, uint64_t timeout_ms, const struct json **out)
{
    return call(a, "GET", target, NULL, timeout_ms, true, out);
}

static const char *encode(struct cpctl *c, const char *text, const char *kept)
{
    char *out = arena_alloc(&c->arena, strlen(text) * 3 + 1), *p = out;

    if (out == NULL)
        return "";
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (isalnum(byte) || strchr(kept, byte) != NULL)
            *p++ = (char)byte;
        else
            p += snprintf(p, 4, "%%%02X", byte);
    }
    *p = '\0';
    return out;
}

const char *cpctl_url_path(struct cpctl *c, const char *text)
{
    return encode(c, text, "-._~/");
}

const char *cpctl_url_value(struct cpctl *c, const char *text)
{
    return encode(c, text, "-._~");
}

const struct json *cpctl_list(const struct json *answer, const char *name)
{
    const struct json *list = json_is(answer, JSON_ARRAY) ? answer : json_get_str(answer, name);

    return json_is(list, JSON_ARRAY) ? list : NULL;
}

const char *cpctl_text(struct cpctl *c, const struct json *object, const char *name)
{
    const struct json *v = json_get_str(object, name);
    const char *text = NULL;

    if (json_is(v, JSON_STRING) || json_is(v, JSON_NUMBER))
        text = arena_dup(&c->arena, v->text).p;
    else if (json_is(v, JSON_TRUE) || json_is(v, JSON_FALSE))
        text = json_is(v, JSON_TRUE) ? "true" : "false";
    return text == NULL ? "" : text;
}

uint64_t cpctl_u64(const struct json *object, const char *name)
{
    uint64_t n = 0;

    return json_uint64(json_get_str(object, name), &n) == 0 ? n : 0;
}
