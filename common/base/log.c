#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"

static const char *log_program = "sluice";
static enum log_level log_min = LOG_LEVEL_INFO;
static bool log_json = true;
static bool log_colour;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

struct line {
    char p[LOG_LINE_MAX];
    size_t n;
};

void log_init(const char *program, enum log_level level, enum log_format format)
{
    bool tty = isatty(STDERR_FILENO) == 1;

    log_program = program;
    log_min = level;
    log_json = format == LOG_FORMAT_JSON || (format == LOG_FORMAT_AUTO && !tty);
    log_colour = tty && getenv("NO_COLOR") == NULL;
}

enum log_level log_level_get(void)
{
    return log_min;
}

int log_level_parse(const char *text, enum log_level *out)
{
    for (int i = LOG_LEVEL_DEBUG; i <= LOG_LEVEL_ERROR; i++) {
        if (strcasecmp(text, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

static void put(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct line *l, const char *fmt, ...)
{
    size_t room = sizeof(l->p) - l->n;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(l->p + l->n, room, fmt, ap);
    va_end(ap);
    if (n > 0)
        l->n += (size_t)n < room ? (size_t)n : room - 1;
}

/* Keeps 8 bytes free so that the closing quote, brace and newline always fit. */
static void put_escaped(struct line *l, struct slice s)
{
    for (size_t i = 0; i < s.n && l->n + 16 < sizeof(l->p); i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == '"' || c == '\\') {
            l->p[l->n++] = '\\';
            l->p[l->n++] = (char)c;
        } else if (c == '\n') {
            l->p[l->n++] = '\\';
            l->p[l->n++] = 'n';
        } else if (c < 0x20 || c == 0x7f) {
            put(l, "\\u%04x", c);
        } else {
            l->p[l->n++] = (char)c;
        }
    }
}

static void put_value(struct line *l, const struct log_field *f)
{
    switch (f->type) {
    case LOG_TYPE_I64:
        put(l, "%" PRId64, f->v.i64);
        return;
    case LOG_TYPE_U64:
        put(l, "%" PRIu64, f->v.u64);
        return;
    case LOG_TYPE_STR:
    case LOG_TYPE_SLICE:
        put(l, "\"");
        put_escaped(l, f->type == LOG_TYPE_STR ? slice_of(f->v.str) : f->v.slice);
        put(l, "\"");
        return;
    }
}

static void format_json(struct line *l, const char *now, enum log_level level, const char *event,
                        const struct log_field *fields)
{
    put(l, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"event\":\"", now,
        level_names[level], log_program);
    put_escaped(l, slice_of(event));
    put(l, "\"");
    for (; fields->key != NULL && l->n + 128 < sizeof(l->p); fields++) {
        put(l, ",\"%s\":", fields->key);
        put_value(l, fields);
    }
    put(l, "}");
}

static void format_text(struct line *l, const char *now, enum log_level level, const char *event,
                        const struct log_field *fields)
{
    static const char *const colours[] = {"\033[2m", "", "\033[33m", "\033[31m"};

    put(l, "%s%.12s %-5s %s: %s", log_colour ? colours[level] : "", now + 11, level_names[level],
        log_program, event);
    for (; fields->key != NULL && l->n + 128 < sizeof(l->p); fields++) {
        put(l, " %s=", fields->key);
        put_value(l, fields);
    }
    if (log_colour && colours[level][0] != '\0')
        put(l, "\033[0m");
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    int saved = errno;
    struct line l;
    char now[32];

    l.n = 0;
    clock_format(clock_wall_ms(), now, sizeof(now));
    if (log_json)
        format_json(&l, now, level, event, fields);
    else
        format_text(&l, now, level, event, fields);
    if (l.n > sizeof(l.p) - 1)
        l.n = sizeof(l.p) - 1;
    l.p[l.n++] = '\n';
    /* One write a line: lines of several threads do not mix. There is nobody to tell if it fails. */
    if (write(STDERR_FILENO, l.p, l.n) < 0)
        errno = saved;
    errno = saved;
}


_Noreturn void must_fail(const char *what, const char *file, int line)
{
    LOG_ERROR("assertion failed", LOG_STR("what", what), LOG_STR("file", file), LOG_I64("line", line));
    abort();
}
