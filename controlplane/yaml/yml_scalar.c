/* Types of scalars by YAML 1.2's core schema, and their values. */
#include <errno.h>
#include <math.h>

#include "base/ascii.h"
#include "yaml/yml_build.h"

static bool any_of(struct slice s, const char *const *words)
{
    for (; *words != NULL; words++)
        if (slice_is(s, *words))
            return true;
    return false;
}

static size_t digits(struct slice s, size_t i)
{
    while (i < s.n && ascii_is_digit(s.p[i]))
        i++;
    return i;
}

static enum yml_type number_type(struct slice s)
{
    size_t i = 0, whole, end;
    bool fraction = false;

    if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'o')) {
        for (i = 2; i < s.n; i++)
            if (s.p[1] == 'x' ? !ascii_is_hex(s.p[i]) : s.p[i] < '0' || s.p[i] > '7')
                return YML_STRING;
        return YML_INT;
    }
    if (s.p[0] == '-' || s.p[0] == '+')
        i = 1;
    whole = i;
    i = digits(s, i);
    if (i == s.n)
        return i > whole ? YML_INT : YML_STRING;
    whole = i - whole;
    if (s.p[i] == '.') {
        fraction = true;
        end = digits(s, i + 1);
        if (whole == 0 && end == i + 1)
            return YML_STRING;
        i = end;
    }
    if (i == s.n)
        return YML_FLOAT;
    if ((whole == 0 && !fraction) || (s.p[i] != 'e' && s.p[i] != 'E'))
        return YML_STRING;
    i++;
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        i++;
    end = digits(s, i);
    return end > i && end == s.n ? YML_FLOAT : YML_STRING;
}

enum yml_type yml_plain_type(struct slice s)
{
    static const char *const nulls[] = {"null", "Null", "NULL", "~", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    static const char *const floats[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf",
                                         "-.INF", ".nan", ".NaN", ".NAN", NULL};

    if (s.n == 0)
        return YML_NULL;
    switch (s.p[0]) {
    case 'n': case 'N': case '~':
        return any_of(s, nulls) ? YML_NULL : YML_STRING;
    case 't': case 'T': case 'f': case 'F':
        return any_of(s, bools) ? YML_BOOL : YML_STRING;
    case '+': case '-': case '.':
        return any_of(s, floats) ? YML_FLOAT : number_type(s);
    default:
        return ascii_is_digit(s.p[0]) ? number_type(s) : YML_STRING;
    }
}

const char *yml_type_words(const struct yml_node *n)
{
    static const char *const words[] = {"nothing", "a boolean", "an integer", "a number", "a string", "a list", "a map"};

    return words[n->type];
}

bool yml_bool(const struct yml_node *n)
{
    return n->type == YML_BOOL && (n->u.p[0] == 't' || n->u.p[0] == 'T');
}

bool yml_int(const struct yml_node *n, int64_t *out)
{
    const char *p = n->u.p;
    char *end;
    long long v;

    if (n->type != YML_INT)
        return false;
    errno = 0;
    if (n->n > 2 && p[0] == '0' && p[1] == 'o')
        v = strtoll(p + 2, &end, 8);
    else
        v = strtoll(p, &end, n->n > 2 && p[1] == 'x' ? 16 : 10);
    *out = v;
    return errno == 0 && end == p + n->n;
}

bool yml_number(const struct yml_node *n, double *out)
{
    struct slice s = yml_text(n);
    int64_t i;

    if (yml_int(n, &i)) {
        *out = (double)i;
        return true;
    }
    if (n->type != YML_FLOAT)
        return false;
    if (s.n > 0 && (s.p[s.n - 1] == 'f' || s.p[s.n - 1] == 'F'))
        *out = s.p[0] == '-' ? -INFINITY : INFINITY;
    else if (s.p[s.n - 1] == 'n' || s.p[s.n - 1] == 'N')
        *out = NAN;
    else
        *out = strtod(s.p, NULL);
    return true;
}

const struct yml_node *yml_get(const struct yml_node *n, const char *key)
{
    if (n == NULL || n->type != YML_MAP)
        return NULL;
    for (uint32_t i = 0; i < n->n; i++)
        if (slice_is(yml_text(yml_key(n, i)), key))
            return yml_value(n, i);
    return NULL;
}
