#pragma once
/* Dates as HTTP and JSON write them. Pure; the caller says what time it is. */
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define DATE_HTTP_SIZE 29u /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Writes DATE_HTTP_SIZE bytes, no NUL. Years 1 to 9999; others are clamped. */
void date_http_format(int64_t unix_seconds, char *out);
/* 0, or -ERR_SYNTAX. Only the form above (IMF-fixdate); the weekday has to be the right one. */
MUST_USE int date_http_parse(struct slice s, int64_t *unix_seconds);

/* Formats once a second. One for each thread; zeroed at first. */
struct date_cache {
    int64_t second;
    char text[DATE_HTTP_SIZE + 3];
};
/* Good until the next call with the same cache. */
struct slice date_http_cached(struct date_cache *c, int64_t unix_seconds);

/* RFC 3339: "2026-11-20T13:20:00Z", with a fraction (cut after milliseconds) and an offset (+01:00). 0, or -ERR_SYNTAX. */
MUST_USE int date_iso_parse(struct slice s, int64_t *unix_ms);
