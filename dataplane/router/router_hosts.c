#include "base/vec.h"
#include "router/router_int.h"

struct build {
    struct router_growing table;
    struct vec stages;         /* const struct snap_stage *, by node; node 0 is the parent of hosts */
    uint32_t any;
    bool has_hosts;
};

/* The child of at by that name, made where it is missing. */
static int step(struct build *b, uint32_t at, struct slice name, uint32_t *out)
{
    *out = router_growing_find(&b->table, at, name);
    if (*out != 0)
        return 0;
    if (vec_push(&b->stages, NULL) == NULL)
        return -ERR_NOMEM;
    *out = (uint32_t)b->stages.n - 1;
    return router_growing_add(&b->table, at, name, *out);
}

/* host NULL: every host. */
static int add(struct build *b, const struct snap_stage *stage, const struct slice *host, struct err *e)
{
    struct slice rest = stage->base_path, seg;
    const struct snap_stage **there;
    uint32_t at;
    int rc = 0;

    if (host != NULL) {
        b->has_hosts = true;
        rc = step(b, 0, *host, &at);
    } else {
        if (b->any == 0 && vec_push(&b->stages, NULL) != NULL)
            b->any = (uint32_t)b->stages.n - 1;
        at = b->any;
        rc = at == 0 ? -ERR_NOMEM : 0;
    }
    while (rc == 0 && router_next_segment(&rest, &seg))
        rc = step(b, at, seg, &at);
    if (rc != 0)
        return err_set(e, ERR_NOMEM, "no memory for the hosts");
    there = &VEC_AT(&b->stages, const struct snap_stage *, at);
    if (*there != NULL)
        return err_set(e, ERR_EXISTS, "stage %.*s/%.*s is already at host \"%.*s\", base path \"%.*s\"", SLICE_FMT((*there)->api),
                       SLICE_FMT((*there)->name), host == NULL ? 1 : (int)host->n, host == NULL ? "*" : host->p,
                       SLICE_FMT(stage->base_path));
    *there = stage;
    return 0;
}

static int seal(struct build *b, struct arena *a, const struct snap_hosts **out, struct err *e)
{
    struct snap_hosts *h = arena_calloc(a, 1, sizeof(*h));
    const struct snap_stage **stages = arena_alloc(a, b->stages.n * sizeof(*stages));

    if (h == NULL || stages == NULL || router_growing_seal(&b->table, a, &h->table) != 0)
        return err_set(e, ERR_NOMEM, "no memory for the hosts");
    memcpy(stages, b->stages.p, b->stages.n * sizeof(*stages));
    h->stages = stages;
    h->any = b->any;
    h->has_hosts = b->has_hosts;
    *out = h;
    return 0;
}

int router_hosts_build(struct arena *a, const struct snap_stage *const *stages, size_t n, const struct snap_hosts **out,
                       struct router_fault *fault, struct err *e)
{
    struct build b = {.stages = VEC_INIT(const struct snap_stage *)};
    int rc = 0;

    router_growing_init(&b.table);
    *fault = (struct router_fault){0, "hosts"};
    if (vec_push(&b.stages, NULL) == NULL)
        rc = err_set(e, ERR_NOMEM, "no memory for the hosts");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        fault->route = i;
        if (stages[i]->n_hosts == 0) {
            fault->field = "basePath";
            rc = add(&b, stages[i], NULL, e);
        }
        for (size_t k = 0; rc == 0 && k < stages[i]->n_hosts; k++) {
            fault->field = "hosts";
            rc = add(&b, stages[i], &stages[i]->hosts[k], e);
        }
    }
    if (rc == 0)
        rc = seal(&b, a, out, e);
    vec_fini(&b.stages);
    router_growing_fini(&b.table);
    return rc;
}
