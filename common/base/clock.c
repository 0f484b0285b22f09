#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t fake_mono_ns;
static int64_t fake_wall_ms;

void clock_fake(uint64_t mono_ns, int64_t wall_ms)
{
    fake_mono_ns = mono_ns;
    fake_wall_ms = wall_ms;
}

uint64_t clock_mono_ns(void)
{
    struct timespec t;

    if (fake_mono_ns != 0)
        return fake_mono_ns;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono_us(void)
{
    return clock_mono_ns() / 1000;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000;
}

int64_t clock_wall_ms(void)
{
    struct timespec t;

    if (fake_wall_ms != 0)
        return fake_wall_ms;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_format(int64_t wall_ms, char *out, size_t size)
{
    const int64_t last = 253402300799999; /* the end of the year 9999 */
    time_t seconds;
    struct tm tm;

    if (wall_ms < 0)
        wall_ms = 0;
    if (wall_ms > last)
        wall_ms = last;
    seconds = (time_t)(wall_ms / 1000);
    (void)gmtime_r(&seconds, &tm);
    (void)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (tm.tm_year + 1900) % 10000,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(wall_ms % 1000));
}
