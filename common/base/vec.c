#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

void vec_init(struct vec *v, size_t elem)
{
    memset(v, 0, sizeof(*v));
    v->elem = elem;
}

void vec_fini(struct vec *v)
{
    free(v->p);
    vec_init(v, v->elem);
}

void *vec_push(struct vec *v, const void *item)
{
    char *at;

    if (v->n == v->size) {
        size_t size = v->size == 0 ? 8 : v->size * 2, bytes;
        void *p;

        if (__builtin_mul_overflow(size, v->elem, &bytes))
            return NULL;
        p = realloc(v->p, bytes);
        if (p == NULL)
            return NULL;
        v->p = p;
        v->size = size;
    }
    at = (char *)v->p + v->n * v->elem;
    if (item != NULL)
        memcpy(at, item, v->elem);
    else
        memset(at, 0, v->elem);
    v->n++;
    return at;
}
