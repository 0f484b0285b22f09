/* Mocks: literal templates, status codes, response headers. The node builds by the same rules. */
#include "base/ascii.h"
#include "base/must.h"
#include "text/mock_rules.h"
#include "validate/validate_int.h"

static void check_template(struct validate *v, const struct spec_pair *t, const struct validate_path *path)
{
    struct validate_path own = {.up = path, .key = t->name.v};
    size_t offset, width;
    struct diag *d;

    if (t->name.v.n > 256 || memchr(t->name.v.p, '/', t->name.v.n) == NULL) {
        d = validate_error(v, "SL2308", &t->name.at, &own, "\"%.*s\" is not a media type", SLICE_FMT(t->name.v));
        diag_hint(v->diags, d, "for example application/json");
    }
    if (t->value.v.n > SPEC_TEMPLATE_MAX)
        (void)validate_error(v, "SL2006", &t->value.at, &own, "a template of %zu bytes; at most %u are allowed", t->value.v.n,
                             SPEC_TEMPLATE_MAX);
    else if (mock_rules_find_velocity(t->value.v, &offset, &width)) {
        d = validate_error_in(v, "SL2305", &t->value, offset, width, &own, "Velocity (\"%.*s\") is not supported by this version",
                              (int)width, t->value.v.p + offset);
        diag_hint(v->diags, d, "a mock's template is literal text here");
    }
}

static bool pattern_compiles(struct slice s)
{
    regex_t re;

    if (mock_rules_pattern_is_simple(s))
        return true;
    if (mock_rules_compile(s, &re) != 0)
        return false;
    regfree(&re);
    return true;
}

static void check_header(struct validate *v, const struct spec_pair *p, const struct validate_path *path)
{
    static const struct slice prefix = {"method.response.header.", 23};
    struct validate_path own = {.up = path, .key = p->name.v};
    struct slice value = p->value.v;
    struct diag *d;
    size_t bad;

    if (!slice_starts(p->name.v, prefix) || !mock_rules_header_is_settable(slice_sub(p->name.v, prefix.n, p->name.v.n))) {
        d = validate_error(v, "SL2309", &p->name.at, &own, "\"%.*s\" is not a response header that can be set", SLICE_FMT(p->name.v));
        diag_hint(v->diags, d, "method.response.header.<Name>");
        return;
    }
    if (value.n < 2 || value.p[0] != '\'' || value.p[value.n - 1] != '\'') {
        d = validate_error(v, "SL2009", &p->value.at, &own, "the value \"%.*s\" is not supported by this version", SLICE_FMT(value));
        diag_hint(v->diags, d, "a literal in single quotes: \"'%.*s'\"", SLICE_FMT(value));
        return;
    }
    bad = mock_rules_value_end(value);
    if (bad != value.n)
        (void)validate_error_in(v, "SL2309", &p->value, bad, 1, &own, "a control character in a header's value");
}

static void check_response(struct validate *v, const struct spec_response *r, const struct validate_path *path)
{
    struct validate_path own = {.up = path, .key = r->object.key.v};
    struct validate_path code = {.up = &own, .name = "statusCode"}, templates = {.up = &own, .name = "responseTemplates"};
    struct validate_path parameters = {.up = &own, .name = "responseParameters"};
    struct slice s = r->status_code.v;
    struct diag *d;

    if (!slice_is(r->object.key.v, "default") && (r->object.key.v.n == 0 || !pattern_compiles(r->object.key.v))) {
        d = validate_error(v, "SL2307", &r->object.key.at, &own, "\"%.*s\" is not a pattern for status codes", SLICE_FMT(r->object.key.v));
        diag_hint(v->diags, d, "a regular expression like 4\\d{2}, or default");
    }
    if (spec_is_set(&r->status_code.at) && (s.n != 3 || s.p[0] < '2' || s.p[0] > '5' || !ascii_is_digit(s.p[1]) || !ascii_is_digit(s.p[2]))) {
        d = validate_error(v, "SL2306", &r->status_code.at, &code, "\"%.*s\" is not a status code", SLICE_FMT(s));
        diag_hint(v->diags, d, "200 to 599");
    }
    for (uint32_t i = 0; i < r->templates.n; i++)
        check_template(v, &r->templates.p[i], &templates);
    for (uint32_t i = 0; i < r->parameters.n; i++)
        check_header(v, &r->parameters.p[i], &parameters);
}

static void check_request(struct validate *v, const struct spec_pair *t, const struct validate_path *path)
{
    struct validate_path own = {.up = path, .key = t->name.v};
    bool bad = v->bad;
    struct diag *d;
    long code;

    v->bad = false;
    check_template(v, t, path);
    if (!v->bad && mock_rules_status(t->value.v, &code) != 0) {
        d = validate_error(v, "SL2306", &t->value.at, &own, "a mock's request template has no integer \"statusCode\"");
        diag_hint(v->diags, d, "for example '{\"statusCode\": 200}'");
    }
    v->bad = v->bad || bad;
}

void validate_mock(struct validate *v, struct spec_integration *i, const struct validate_path *path)
{
    struct validate_path requests = {.up = path, .name = "requestTemplates"}, responses = {.up = path, .name = "responses"};

    for (uint32_t k = 0; k < i->request_templates.n; k++)
        check_request(v, &i->request_templates.p[k], &requests);
    for (uint32_t k = 0; k < i->responses.n; k++)
        check_response(v, &SPEC_AT(&i->responses, struct spec_response, k), &responses);
    if (i->responses.n == 0)
        (void)validate_warning(v, "SL2392", &i->object.at, path, "a mock without responses answers 500 to every request");
}
