#include "snapshot/snap.h"

#include <stdlib.h>

struct snap *snap_ref(struct snap *s)
{
    ref_take(&s->ref);
    return s;
}

void snap_unref(struct snap *s)
{
    if (s == NULL || !ref_drop(&s->ref))
        return;
    for (size_t i = 0; i < s->n_parts; i++)
        snap_part_unref(s->parts[i]);
    leaf_table_unref(s->leaves);
    arena_fini(&s->arena);
    free(s);
}

struct snap_part *snap_part_new(struct slice name, size_t block_size, size_t cap)
{
    struct snap_part *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    ref_init(&p->ref);
    arena_init(&p->arena, block_size, cap);
    p->name = arena_dup(&p->arena, name);
    if (p->name.p == NULL) {
        snap_part_unref(p);
        return NULL;
    }
    return p;
}

struct snap_part *snap_part_ref(struct snap_part *p)
{
    ref_take(&p->ref);
    return p;
}

void snap_part_unref(struct snap_part *p)
{
    if (p == NULL || !ref_drop(&p->ref))
        return;
    arena_fini(&p->arena);
    free(p);
}
