#pragma once
/* A growing array of fixed-size elements. Owns its memory; elements move when it grows. */
#include <stddef.h>

#include "base/err.h"

struct vec {
    void *p;
    size_t n;
    size_t size;       /* allocated elements */
    size_t elem;       /* bytes an element */
};

#define VEC_INIT(type) {NULL, 0, 0, sizeof(type)}
#define VEC_AT(v, type, i) (((type *)(v)->p)[i])

void vec_init(struct vec *v, size_t elem);
void vec_fini(struct vec *v);
/* Copies one element to the end. Returns its place, NULL when memory is out. item NULL: zeroed. */
void *vec_push(struct vec *v, const void *item);
static inline void vec_clear(struct vec *v)
{
    v->n = 0;
}
