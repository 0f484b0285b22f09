#pragma once
/* Structured log: one line an event to stderr; text on a terminal, JSON otherwise. Thread-safe; keeps errno.
 *
 *   LOG_INFO("node connected", LOG_STR("node", id), LOG_U64("revision", r));
 *
 * Secrets never go in. A line is cut at LOG_LINE_MAX. */
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define LOG_LINE_MAX 4096

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_type { LOG_TYPE_STR, LOG_TYPE_SLICE, LOG_TYPE_I64, LOG_TYPE_U64 };

struct log_field {
    const char *key;
    enum log_type type;
    union {
        const char *str; /* NULL prints as empty */
        struct slice slice;
        int64_t i64;
        uint64_t u64;
    } v;
};

#define LOG_STR(k, s) ((struct log_field){(k), LOG_TYPE_STR, {.str = (s)}})
#define LOG_SLICE(k, s) ((struct log_field){(k), LOG_TYPE_SLICE, {.slice = (s)}})
#define LOG_I64(k, n) ((struct log_field){(k), LOG_TYPE_I64, {.i64 = (n)}})
#define LOG_U64(k, n) ((struct log_field){(k), LOG_TYPE_U64, {.u64 = (n)}})

#define LOG_AT(level, ...) LOG_PICK_(level, __VA_ARGS__, LOG_END_)
#define LOG_END_ ((struct log_field){NULL, LOG_TYPE_STR, {.str = NULL}})
#define LOG_PICK_(level, event, ...)                                                               \
    do {                                                                                           \
        if ((level) >= log_level_get())                                                            \
            log_write((level), (event), (const struct log_field[]){__VA_ARGS__});                  \
    } while (0)
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...) LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

/* Once, before threads start. program is shown in each line; it must outlive the log. */
void log_init(const char *program, enum log_level level, enum log_format format);
enum log_level log_level_get(void);
/* "debug", "info", "warn", "error": 0, or -1. */
int log_level_parse(const char *text, enum log_level *out);
/* fields end with one whose key is NULL. Use the macros. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);
