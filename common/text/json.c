#include "text/json.h"

#include <errno.h>
#include <math.h>

#include "base/must.h"

const struct json *json_get(const struct json *v, struct slice key)
{
    const struct json *found = NULL;

    if (!json_is(v, JSON_OBJECT))
        return NULL;
    for (const struct json *c = v->first; c != NULL; c = c->next)
        if (slice_eq(c->key, key))
            found = c;
    return found;
}

const struct json *json_at(const struct json *v, uint32_t i)
{
    const struct json *c;

    if (v == NULL || i >= v->count)
        return NULL;
    for (c = v->first; i != 0; i--)
        c = c->next;
    return c;
}

struct slice json_string(const struct json *v, struct slice otherwise)
{
    return json_is(v, JSON_STRING) ? v->text : otherwise;
}

bool json_bool(const struct json *v, bool otherwise)
{
    if (json_is(v, JSON_TRUE))
        return true;
    return json_is(v, JSON_FALSE) ? false : otherwise;
}

/* ---- whole numbers ---------------------------------------------------------------------------------------------------- */

/* The exponent behind 'e', held within +-100000: beyond that every number that is not 0 is out of range anyway. */
static int64_t read_exponent(const char *p, const char *end)
{
    bool minus = *p == '-';
    int64_t v = 0;

    if (*p == '-' || *p == '+')
        p++;
    for (; p < end; p++)
        v = v < 100000 ? v * 10 + (*p - '0') : v;
    return minus ? -v : v;
}

/* The value of a JSON number as sign and magnitude, when it is a whole one. */
static int read_whole(const struct json *number, bool *minus, uint64_t *out)
{
    const char *p, *end;
    int64_t exponent = 0, zeros = 0;
    bool fraction = false;
    uint64_t v = 0;

    if (!json_is(number, JSON_NUMBER))
        return -ERR_INVALID;
    p = number->text.p;
    end = p + number->text.n;
    *minus = *p == '-';
    for (p += *minus; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        exponent -= fraction;
        zeros++;
        if (*p == '0')
            continue;
        /* Zeros count only once another digit follows: "1.000" and "1000...e-3" stay small. */
        for (; zeros > 1 && v != 0; zeros--)
            if (__builtin_mul_overflow(v, (uint64_t)10, &v))
                return -ERR_LIMIT;
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return -ERR_LIMIT;
        zeros = 0;
    }
    *out = 0;
    if (v == 0)
        return 0;
    if (p < end)
        exponent += read_exponent(p + 1, end);
    exponent += zeros;
    if (exponent < 0)
        return -ERR_INVALID;
    for (; exponent > 0; exponent--)
        if (__builtin_mul_overflow(v, (uint64_t)10, &v))
            return -ERR_LIMIT;
    *out = v;
    return 0;
}

int json_int64(const struct json *v, int64_t *out)
{
    uint64_t magnitude;
    bool minus;
    int rc;

    rc = read_whole(v, &minus, &magnitude);
    if (rc != 0)
        return rc;
    if (magnitude > (uint64_t)INT64_MAX + minus)
        return -ERR_LIMIT;
    *out = minus ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

int json_uint64(const struct json *v, uint64_t *out)
{
    uint64_t magnitude;
    bool minus;
    int rc;

    rc = read_whole(v, &minus, &magnitude);
    if (rc != 0)
        return rc;
    if (minus && magnitude != 0)
        return -ERR_LIMIT;
    *out = magnitude;
    return 0;
}

int json_double(const struct json *v, double *out)
{
    char small[128], *text = small;
    double d;

    if (!json_is(v, JSON_NUMBER))
        return -ERR_INVALID;
    if (v->text.n >= sizeof(small) && (text = malloc(v->text.n + 1)) == NULL)
        return -ERR_NOMEM;
    memcpy(text, v->text.p, v->text.n);
    text[v->text.n] = '\0';
    d = strtod(text, NULL);
    if (text != small)
        free(text);
    if (!isfinite(d))
        return -ERR_LIMIT;
    *out = d;
    return 0;
}

/* ---- trees ------------------------------------------------------------------------------------------------------------ */

static bool equal_members(const struct json *a, const struct json *b)
{
    for (const struct json *c = a->first; c != NULL; c = c->next) {
        const struct json *other = json_get(b, c->key);

        if (other == NULL || !json_equal(c, other))
            return false;
    }
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    const struct json *x, *y;

    if (a == NULL || b == NULL)
        return a == b;
    if (a->type != b->type || a->count != b->count || !slice_eq(a->text, b->text))
        return false;
    if (a->type == JSON_OBJECT)
        return equal_members(a, b) && equal_members(b, a);
    for (x = a->first, y = b->first; x != NULL; x = x->next, y = y->next)
        if (!json_equal(x, y))
            return false;
    return true;
}

const char *json_type_name(const struct json *v)
{
    static const char *const names[] = {"null", "boolean", "boolean", "number", "string", "array", "object"};

    return v == NULL ? "nothing" : names[v->type];
}
