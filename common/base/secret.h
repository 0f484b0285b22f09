#pragma once
/* Handling of secrets: compare in constant time, wipe for real. */
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* Time depends on the lengths only. */
bool secret_equal(struct slice a, struct slice b);
void secret_wipe(void *p, size_t n);
