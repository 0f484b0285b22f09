#pragma once
/* Assertions that stay in. MUST: a bug of ours, abort. Never for bad input, never with side effects. */
#include <stddef.h>

#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (__builtin_expect(!(x), 0))                                                             \
            must_fail(#x, __FILE__, __LINE__);                                                     \
    } while (0)

/* Magic numbers on loop objects: checked on entry of every callback. */
#define OBJ_CHECK(o, magic_) MUST((o) != NULL && (o)->magic == (magic_))

/* Moves ownership: reads a pointer and nulls the place it came from. */
#define TAKE(pp)                                                                                   \
    __extension__({                                                                                \
        __typeof__(*(pp)) take_ = *(pp);                                                           \
        *(pp) = NULL;                                                                              \
        take_;                                                                                     \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member)                                                              \
    ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

_Noreturn void must_fail(const char *what, const char *file, int line);
