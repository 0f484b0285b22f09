/* Any bytes through the whole line. What is taken must be taken again without a change, and compile to the same root from its
 * own canonical YAML; what is refused must say why. */
#include <stdint.h>

#include "apply/apply.h"
#include "base/must.h"
#include "bundle/leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    struct world *world;
    struct vec changes;
    struct diag_list diags;
    struct err err;
    int rc;
};

static void run(struct run *r, struct slice text, struct world *base)
{
    struct apply_file f = {SLICE_LIT("f"), text, 1};
    struct apply_request request = {.files = &f, .n_files = 1};

    r->world = NULL;
    vec_init(&r->changes, sizeof(struct apply_change));
    diag_init(&r->diags);
    r->rc = apply_run(&request, base, &r->world, &r->changes, &r->diags, &r->err);
}

static void end(struct run *r)
{
    world_unref(r->world);
    vec_fini(&r->changes);
    diag_fini(&r->diags);
}

static void check_roots(const struct world *a, const struct world *b)
{
    const struct world_environment *e;
    size_t at = 0;

    while ((e = world_each_environment(a, &at)) != NULL) {
        const struct world_environment *other = world_environment(b, e->name);

        MUST(other != NULL && memcmp(e->leaves->root, other->leaves->root, BUNDLE_HASH) == 0);
    }
}

static void check_taken(struct run *r, struct slice text)
{
    const struct apply_document *d;
    struct buf all;
    struct run again, fresh;
    size_t at = 0;

    run(&again, text, r->world);
    MUST(again.rc == 0);
    for (size_t i = 0; i < again.changes.n; i++)
        MUST(VEC_AT(&again.changes, struct apply_change, i).op == APPLY_UNCHANGED);
    end(&again);
    buf_init(&all, 0);
    while ((d = world_each_document(r->world, &at)) != NULL)
        MUST(apply_document_yaml(d, &all) == 0 && buf_puts(&all, SLICE_LIT("---\n")) == 0);
    run(&fresh, buf_slice(&all), NULL);
    MUST(fresh.rc == 0);
    check_roots(r->world, fresh.world);
    end(&fresh);
    buf_fini(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from(data, size);
    struct buf out;
    struct run r;

    run(&r, text, NULL);
    if (r.rc == 0)
        check_taken(&r, text);
    else
        MUST(r.rc == -ERR_INVALID && r.diags.errors > 0);
    buf_init(&out, 0);
    MUST(diag_text(&r.diags, &out, false) == 0);
    MUST(diag_json(&r.diags, &out) == 0);
    buf_fini(&out);
    end(&r);
    return 0;
}
