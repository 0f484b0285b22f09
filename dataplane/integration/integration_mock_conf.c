/* A mock's definition to its read-only configuration. */
#include <ctype.h>
#include <stdlib.h>

#include "base/must.h"
#include "integration/integration_mock_int.h"

#define PATTERN_MAX 256

static int fail(struct integration_build *b, const char *field, struct err *e, const char *what, struct slice where)
{
    b->field = slice_of(field);
    return err_set(e, ERR_INVALID, "%s: \"%.*s\"", what, where.n > 80 ? 80 : (int)where.n, where.p);
}

/* There is no template engine here: a reference or directive must not go out as text. */
static bool has_velocity(struct slice t)
{
    static const char *const words[] = {"set", "if", "else", "end", "foreach", "define", "macro", "stop", "break", "parse",
                                        "include", "evaluate"};

    for (size_t i = 0; i + 1 < t.n; i++) {
        const char *p = t.p + i + 1;
        size_t left = t.n - i - 1;

        if (t.p[i] == '$' && (isalpha((unsigned char)*p) || *p == '{' || *p == '!' || *p == '_'))
            return true;
        if (t.p[i] != '#')
            continue;
        if (*p == '#' || *p == '*' || *p == '{')
            return true;
        for (size_t w = 0; w < ARRAY_LEN(words); w++) {
            size_t n = strlen(words[w]);

            if (left >= n && memcmp(p, words[w], n) == 0 && (left == n || !isalnum((unsigned char)p[n])))
                return true;
        }
    }
    return false;
}

/* Lower case, without parameters. */
static struct slice media_type(struct arena *a, struct slice s)
{
    struct slice t = arena_dup(a, s);
    char *p = (char *)(uintptr_t)t.p;

    for (size_t i = 0; p != NULL && i < t.n; i++) {
        if (p[i] == ';') {
            t.n = i;
            break;
        }
        p[i] = (char)tolower((unsigned char)p[i]);
    }
    while (t.n > 0 && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t'))
        t.n--;
    return t;
}

/* Java's pattern, full match, in POSIX words: \d is the only thing that status patterns use and POSIX lacks. */
static int compile_pattern(struct integration_build *b, struct slice in, regex_t *out, struct err *e)
{
    char text[PATTERN_MAX * 6];
    size_t n = 0;

    if (in.n > PATTERN_MAX)
        return fail(b, "responses.selectionPattern", e, "a pattern has at most 256 characters", in);
    text[n++] = '^';
    text[n++] = '(';
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '\\' && i + 1 < in.n && in.p[i + 1] == 'd') {
            memcpy(text + n, "[0-9]", 5);
            n += 5;
            i++;
        } else {
            text[n++] = in.p[i];
        }
    }
    text[n++] = ')';
    text[n++] = '$';
    text[n] = '\0';
    if (regcomp(out, text, REG_EXTENDED | REG_NOSUB) != 0)
        return fail(b, "responses.selectionPattern", e, "not a regular expression", in);
    return 0;
}

static void free_pattern(void *p)
{
    regfree(p);
}

static int build_templates(struct integration_build *b, const struct def_response *def, struct mock_response *out, struct err *e)
{
    struct mock_template *t = arena_calloc(b->arena, def->n_templates, sizeof(*t));

    if (t == NULL)
        return err_set(e, ERR_NOMEM, "mock");
    for (size_t i = 0; i < def->n_templates; i++) {
        if (has_velocity(def->templates[i].text))
            return fail(b, "responses.responseTemplates", e,
                        "a mock's template is literal text here: references and directives of Velocity are not available",
                        def->templates[i].text);
        t[i].content_type = media_type(b->arena, def->templates[i].content_type);
        t[i].text = def->templates[i].text;
    }
    out->templates = t;
    out->n_templates = def->n_templates;
    return 0;
}

static bool header_name_ok(struct slice s)
{
    static const char *const reserved[] = {"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade",
                                           "trailer", "te", "date"};

    for (size_t i = 0; i < s.n; i++) {
        if (!isalnum((unsigned char)s.p[i]) && strchr("!#$%&'*+-.^_`|~", s.p[i]) == NULL)
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        if (slice_ieq(s, slice_of(reserved[i])))
            return false;
    }
    return s.n != 0;
}

/* "method.response.header.NAME" <- "'text'". */
static int build_headers(struct integration_build *b, const struct def_response *def, struct mock_response *out, struct err *e)
{
    static const struct slice prefix = {"method.response.header.", 23};
    struct mock_header *h = arena_calloc(b->arena, def->n_parameters, sizeof(*h));

    if (h == NULL)
        return err_set(e, ERR_NOMEM, "mock");
    for (size_t i = 0; i < def->n_parameters; i++) {
        struct slice name = def->parameters[i].name, value = def->parameters[i].value;

        if (!slice_starts(name, prefix))
            return fail(b, "responses.responseParameters", e, "a name is method.response.header.<Name>", name);
        name = slice_sub(name, prefix.n, name.n);
        if (!header_name_ok(name))
            return fail(b, "responses.responseParameters", e, "not a header that can be set", name);
        if (value.n < 2 || value.p[0] != '\'' || value.p[value.n - 1] != '\'')
            return fail(b, "responses.responseParameters", e, "a mock has only literal values, in single quotes", value);
        value = slice_sub(value, 1, value.n - 1);
        for (size_t k = 0; k < value.n; k++) {
            if ((unsigned char)value.p[k] < 0x20 || value.p[k] == 0x7f)
                return fail(b, "responses.responseParameters", e, "control characters in the value of", name);
        }
        h[i] = (struct mock_header){name, value};
    }
    out->headers = h;
    out->n_headers = def->n_parameters;
    return 0;
}

static int build_response(struct integration_build *b, const struct def_response *def, struct mock_response *out, struct err *e)
{
    unsigned status = 0;
    int rc;

    for (size_t i = 0; i < def->status_code.n && i < 4; i++)
        status = isdigit((unsigned char)def->status_code.p[i]) ? status * 10 + (unsigned)(def->status_code.p[i] - '0') : 9999;
    if (def->status_code.n != 3 || status < 200 || status > 599)
        return fail(b, "responses.statusCode", e, "a status code is 200 to 599", def->status_code);
    out->status = (uint16_t)status;
    out->is_default = def->selection_pattern.n == 0;
    if (!out->is_default) {
        rc = compile_pattern(b, def->selection_pattern, &out->pattern, e);
        if (rc != 0)
            return rc;
        if (arena_hold(b->arena, free_pattern, &out->pattern) != 0) {
            regfree(&out->pattern);
            return err_set(e, ERR_NOMEM, "mock");
        }
    }
    rc = build_templates(b, def, out, e);
    return rc != 0 ? rc : build_headers(b, def, out, e);
}

const struct mock_response *mock_select(const struct mock_conf *conf, long code)
{
    const struct mock_response *fallback = NULL;
    char text[16];

    (void)snprintf(text, sizeof(text), "%ld", code);
    for (size_t i = 0; i < conf->n_responses; i++) {
        const struct mock_response *r = &conf->responses[i];

        if (r->is_default)
            fallback = fallback == NULL ? r : fallback;
        else if (regexec(&r->pattern, text, 0, NULL, 0) == 0)
            return r;
    }
    return fallback;
}

static int build_requests(struct integration_build *b, const struct def_integration *def, struct mock_conf *conf, struct err *e)
{
    struct mock_request *r = arena_calloc(b->arena, def->n_request_templates, sizeof(*r));

    if (r == NULL)
        return err_set(e, ERR_NOMEM, "mock");
    for (size_t i = 0; i < def->n_request_templates; i++) {
        const struct def_template *t = &def->request_templates[i];
        long code;

        if (has_velocity(t->text))
            return fail(b, "requestTemplates", e,
                        "a mock's template is literal text here: references and directives of Velocity are not available", t->text);
        if (mock_parse_status(t->text, &code) != 0)
            return fail(b, "requestTemplates", e,
                        "a mock's request template is an object with an integer statusCode, like {\"statusCode\": 200}; got", t->text);
        r[i].content_type = media_type(b->arena, t->content_type);
        r[i].response = mock_select(conf, code);
    }
    conf->requests = r;
    conf->n_requests = def->n_request_templates;
    return 0;
}

static int build_passthrough(struct integration_build *b, struct slice s, enum mock_passthrough *out, struct err *e)
{
    if (s.n == 0 || slice_ieq(s, SLICE_LIT("when_no_match")))
        *out = MOCK_WHEN_NO_MATCH;
    else if (slice_ieq(s, SLICE_LIT("when_no_templates")))
        *out = MOCK_WHEN_NO_TEMPLATES;
    else if (slice_ieq(s, SLICE_LIT("never")))
        *out = MOCK_NEVER;
    else
        return fail(b, "passthroughBehavior", e, "one of when_no_match, when_no_templates, never; got", s);
    return 0;
}

int mock_build(struct integration_build *b, const struct def_integration *def, const void **out, struct err *e)
{
    struct mock_conf *conf = arena_calloc(b->arena, 1, sizeof(*conf));
    struct mock_response *r = arena_calloc(b->arena, def->n_responses, sizeof(*r));
    int rc;

    if (conf == NULL || r == NULL)
        return err_set(e, ERR_NOMEM, "mock");
    rc = build_passthrough(b, def->passthrough_behavior, &conf->passthrough, e);
    for (size_t i = 0; rc == 0 && i < def->n_responses; i++)
        rc = build_response(b, &def->responses[i], &r[i], e);
    if (rc != 0)
        return rc;
    conf->responses = r;
    conf->n_responses = def->n_responses;
    rc = build_requests(b, def, conf, e);
    if (rc == 0)
        *out = conf;
    return rc;
}
