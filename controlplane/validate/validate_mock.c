/* Mocks: literal templates, status codes, response headers. The node builds by the same rules. */
#include <regex.h>

#include "base/must.h"
#include "validate/validate_int.h"

#define PATTERN_MAX 256u

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}

static size_t word_width(struct slice t, size_t at)
{
    size_t n = 1;

    while (at + n < t.n && (is_word(t.p[at + n]) || (n <= 2 && strchr("{!#*", t.p[at + n]) != NULL && t.p[at + n] != '\0')))
        n++;
    return n;
}

bool validate_find_velocity(struct slice t, size_t *offset, size_t *width)
{
    static const char *const words[] = {"set", "if", "else", "end", "foreach", "define", "macro", "stop", "break", "parse",
                                        "include", "evaluate"};

    for (size_t i = 0; i + 1 < t.n; i++) {
        struct slice rest = slice_sub(t, i + 1, t.n);
        bool found = false;

        if (t.p[i] == '$')
            found = is_alpha(rest.p[0]) || rest.p[0] == '{' || rest.p[0] == '!' || rest.p[0] == '_';
        else if (t.p[i] == '#') {
            found = rest.p[0] == '#' || rest.p[0] == '*' || rest.p[0] == '{';
            for (size_t w = 0; w < ARRAY_LEN(words) && !found; w++) {
                size_t n = strlen(words[w]);

                found = slice_starts(rest, slice_of(words[w])) && (rest.n == n || !(is_alpha(rest.p[n]) || is_digit(rest.p[n])));
            }
        }
        if (found) {
            *offset = i;
            *width = word_width(t, i);
            return true;
        }
    }
    return false;
}

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
    else if (validate_find_velocity(t->value.v, &offset, &width)) {
        d = validate_error_in(v, "SL2305", &t->value, offset, width, &own, "Velocity (\"%.*s\") is not supported by this version",
                              (int)width, t->value.v.p + offset);
        diag_hint(v->diags, d, "a mock's template is literal text here");
    }
}

/* Repetitions multiply the size of the compiled pattern: bounded before it is compiled. */
static bool repeats_are_bounded(struct slice s)
{
    unsigned long product = 1;

    for (size_t i = 0; i < s.n; i++) {
        unsigned long n = 0;

        if (s.p[i] != '{')
            continue;
        for (i++; i < s.n && s.p[i] != '}'; i++) {
            if (s.p[i] == ',')
                n = 0;
            else if (is_digit(s.p[i]))
                n = n * 10 + (unsigned long)(s.p[i] - '0');
            if (n > 1000)
                return false;
        }
        product *= n == 0 ? 1 : n;
        if (product > 1000)
            return false;
    }
    return true;
}

/* "201", "2\d{2}", "2..": right without compiling, which takes longer than all the rest of a mock. */
static bool pattern_is_simple(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == 'd')
            i++;
        else if (!is_digit(s.p[i]) && s.p[i] != '.')
            return false;
        if (i + 3 < s.n && s.p[i + 1] == '{' && is_digit(s.p[i + 2]) && s.p[i + 3] == '}')
            i += 3;
    }
    return s.n > 0;
}

/* As the node compiles it: a full match, \d for a digit. */
static bool pattern_compiles(struct slice s)
{
    char text[PATTERN_MAX * 6 + 8];
    size_t n = 0;
    regex_t re;

    if (s.n <= PATTERN_MAX && pattern_is_simple(s))
        return true;
    if (s.n > PATTERN_MAX || memchr(s.p, '\0', s.n) != NULL || !repeats_are_bounded(s))
        return false;
    text[n++] = '^';
    text[n++] = '(';
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == 'd') {
            memcpy(text + n, "[0-9]", 5);
            n += 5;
            i++;
        } else {
            text[n++] = s.p[i];
        }
    }
    text[n++] = ')';
    text[n++] = '$';
    text[n] = '\0';
    if (regcomp(&re, text, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    regfree(&re);
    return true;
}

static bool header_is_settable(struct slice s)
{
    static const char *const reserved[] = {"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade",
                                           "trailer", "te", "date"};

    for (size_t i = 0; i < s.n; i++)
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && (s.p[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s.p[i]) == NULL))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (slice_ieq(s, slice_of(reserved[i])))
            return false;
    return s.n > 0;
}

static void check_header(struct validate *v, const struct spec_pair *p, const struct validate_path *path)
{
    static const struct slice prefix = {"method.response.header.", 23};
    struct validate_path own = {.up = path, .key = p->name.v};
    struct slice value = p->value.v;
    struct diag *d;

    if (!slice_starts(p->name.v, prefix) || !header_is_settable(slice_sub(p->name.v, prefix.n, p->name.v.n))) {
        d = validate_error(v, "SL2309", &p->name.at, &own, "\"%.*s\" is not a response header that can be set", SLICE_FMT(p->name.v));
        diag_hint(v->diags, d, "method.response.header.<Name>");
        return;
    }
    if (value.n < 2 || value.p[0] != '\'' || value.p[value.n - 1] != '\'') {
        d = validate_error(v, "SL2009", &p->value.at, &own, "the value \"%.*s\" is not supported by this version", SLICE_FMT(value));
        diag_hint(v->diags, d, "a literal in single quotes: \"'%.*s'\"", SLICE_FMT(value));
        return;
    }
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f) {
            (void)validate_error_in(v, "SL2309", &p->value, i, 1, &own, "a control character in a header's value");
            return;
        }
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
    if (spec_is_set(&r->status_code.at) && (s.n != 3 || s.p[0] < '2' || s.p[0] > '5' || !is_digit(s.p[1]) || !is_digit(s.p[2]))) {
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
    if (!v->bad && validate_mock_status(t->value.v, &code) != 0) {
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
