#pragma once
/* Time. Monotonic time orders and times out; wall time is only shown. Replaceable in tests. */
#include <stddef.h>
#include <stdint.h>

uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
uint64_t clock_mono_ns(void);
/* Milliseconds since 1970. */
int64_t clock_wall_ms(void);
/* "2026-11-20T13:20:00.123Z" into out (at least 25 bytes). Years 1970 to 9999; others are clamped. */
void clock_format(int64_t wall_ms, char *out, size_t size);
/* Tests: from now on all functions answer with this time (0: the real clock again). Not thread-safe. */
void clock_fake(uint64_t mono_ns, int64_t wall_ms);
