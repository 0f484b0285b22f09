/* A mock's definition to its read-only configuration. */
#include <ctype.h>
#include <stdlib.h>

#include "base/must.h"
#include "integration/integration_mock_int.h"
#include "text/mock_rules.h"

static int fail(struct integration_build *b, const char *field, struct err *e, const char *what, struct slice where)
{
    b->field = slice_of(field);
    return err_set(e, ERR_INVALID, "%s: \"%.*s\"", what, where.n > 80 ? 80 : (int)where.n, where.p);
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

static void free_pattern(void *p)
{
    regfree(p);
}

static int build_templates(struct integration_build *b, const struct def_response *def, struct mock_response *out, struct err *e)
{
    struct mock_template *t = arena_calloc(b->arena, def->n_templates, sizeof(*t));
    size_t offset, width;

    if (t == NULL)
        return err_set(e, ERR_NOMEM, "mock");
    for (size_t i = 0; i < def->n_templates; i++) {
        if (mock_rules_find_velocity(def->templates[i].text, &offset, &width))
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
        if (!mock_rules_header_is_settable(name))
            return fail(b, "responses.responseParameters", e, "not a header that can be set", name);
        if (value.n < 2 || value.p[0] != '\'' || value.p[value.n - 1] != '\'')
            return fail(b, "responses.responseParameters", e, "a mock has only literal values, in single quotes", value);
        value = slice_sub(value, 1, value.n - 1);
        if (mock_rules_value_end(value) != value.n)
            return fail(b, "responses.responseParameters", e, "control characters in the value of", name);
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
        if (mock_rules_compile(def->selection_pattern, &out->pattern) != 0)
            return fail(b, "responses.selectionPattern", e, "not a regular expression of at most 256 characters", def->selection_pattern);
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
        size_t offset, width;
        long code;

        if (mock_rules_find_velocity(t->text, &offset, &width))
            return fail(b, "requestTemplates", e,
                        "a mock's template is literal text here: references and directives of Velocity are not available", t->text);
        if (mock_rules_status(t->text, &code) != 0)
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
