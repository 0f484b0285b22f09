#pragma once
/* Random bytes from the kernel. Never fails (aborts if the kernel cannot). */
#include <stddef.h>
#include <stdint.h>

void random_bytes(void *p, size_t n);
/* Uniform in [0, bound); bound 0 gives 0. */
uint64_t random_below(uint64_t bound);
/* A version 4 UUID, 36 characters and a NUL. */
void random_uuid(char out[37]);
