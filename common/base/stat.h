#pragma once
/* Counters with one writer, read by another thread now and then: plain increments to the machine, and no race to the language. */
#include <stdint.h>

#define STAT_ADD_N(v, n) __atomic_store_n(&(v), (v) + (n), __ATOMIC_RELAXED)
#define STAT_ADD(v) STAT_ADD_N(v, 1)
#define STAT_SET(v, to) __atomic_store_n(&(v), (to), __ATOMIC_RELAXED)
#define STAT_GET(v) __atomic_load_n(&(v), __ATOMIC_RELAXED)
