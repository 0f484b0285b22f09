#include "spec/spec.h"

#include <stdio.h>

struct slice spec_base_path(const struct spec_stage *s, struct slice name, char *buf, size_t size)
{
    struct slice p = s->base_path.v;

    if (!spec_is_set(&s->base_path.at)) {
        int n = snprintf(buf, size, "/%.*s/%.*s", SLICE_FMT(s->api.v), SLICE_FMT(name));

        return slice_from(buf, n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1);
    }
    while (p.n > 0 && p.p[p.n - 1] == '/')
        p.n--;
    return p;
}
