#include "text/mock_rules.h"

#include <string.h>

#include "base/ascii.h"
#include "base/must.h"

/* ---- Velocity ---------------------------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return ascii_is_alnum(c) || c == '_' || c == '-' || c == '.';
}

static size_t word_width(struct slice t, size_t at)
{
    size_t n = 1;

    while (at + n < t.n && (is_word(t.p[at + n]) || (n <= 2 && strchr("{!#*", t.p[at + n]) != NULL && t.p[at + n] != '\0')))
        n++;
    return n;
}

static bool is_directive(struct slice rest)
{
    static const char *const words[] = {"set", "if", "else", "end", "foreach", "define", "macro", "stop", "break", "parse",
                                        "include", "evaluate"};

    if (rest.p[0] == '#' || rest.p[0] == '*' || rest.p[0] == '{')
        return true;
    for (size_t w = 0; w < ARRAY_LEN(words); w++) {
        size_t n = strlen(words[w]);

        if (slice_starts(rest, slice_of(words[w])) && (rest.n == n || !ascii_is_alnum(rest.p[n])))
            return true;
    }
    return false;
}

bool mock_rules_find_velocity(struct slice t, size_t *offset, size_t *width)
{
    for (size_t i = 0; i + 1 < t.n; i++) {
        struct slice rest = slice_sub(t, i + 1, t.n);
        char next = rest.p[0];

        if (t.p[i] == '$' ? ascii_is_alpha(next) || next == '{' || next == '!' || next == '_' : t.p[i] == '#' && is_directive(rest)) {
            *offset = i;
            *width = word_width(t, i);
            return true;
        }
    }
    return false;
}

/* ---- headers ----------------------------------------------------------------------------------------------------------- */

bool mock_rules_header_is_settable(struct slice name)
{
    static const char *const reserved[] = {"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade",
                                           "trailer", "te", "date"};

    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alnum(name.p[i]) && (name.p[i] == '\0' || strchr("!#$%&'*+-.^_`|~", name.p[i]) == NULL))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (slice_ieq(name, slice_of(reserved[i])))
            return false;
    return name.n > 0;
}

size_t mock_rules_value_end(struct slice value)
{
    size_t i = 0;

    while (i < value.n && (unsigned char)value.p[i] >= 0x20 && value.p[i] != 0x7f)
        i++;
    return i;
}

/* ---- patterns ---------------------------------------------------------------------------------------------------------- */

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
            else if (ascii_is_digit(s.p[i]))
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

bool mock_rules_pattern_is_simple(struct slice s)
{
    if (s.n > MOCK_RULES_PATTERN_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == 'd')
            i++;
        else if (!ascii_is_digit(s.p[i]) && s.p[i] != '.')
            return false;
        if (i + 3 < s.n && s.p[i + 1] == '{' && ascii_is_digit(s.p[i + 2]) && s.p[i + 3] == '}')
            i += 3;
    }
    return s.n > 0;
}

/* In POSIX words: \d is the only thing that status patterns use and POSIX lacks. */
int mock_rules_compile(struct slice s, regex_t *out)
{
    char text[MOCK_RULES_PATTERN_MAX * 6 + 8];
    size_t n = 0;

    if (s.n == 0 || s.n > MOCK_RULES_PATTERN_MAX || memchr(s.p, '\0', s.n) != NULL || !repeats_are_bounded(s))
        return -ERR_INVALID;
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
    return regcomp(out, text, REG_EXTENDED | REG_NOSUB) == 0 ? 0 : -ERR_INVALID;
}
