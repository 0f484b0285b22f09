#pragma once
/* One apply of texts, for the tests of this folder. */
#include <check.h>

#include "apply/apply.h"
#include "bundle/leaf.h"

struct run {
    struct world *world;      /* NULL: refused */
    struct vec changes;
    struct diag_list diags;
    struct err err;
    int rc;
};

static inline void run_request(struct run *r, const struct apply_request *request, struct world *base)
{
    r->world = NULL;
    r->err.text[0] = '\0';
    vec_init(&r->changes, sizeof(struct apply_change));
    diag_init(&r->diags);
    r->rc = apply_run(request, base, &r->world, &r->changes, &r->diags, &r->err);
}

static inline void run_text(struct run *r, const char *text, struct world *base)
{
    struct apply_file f = {SLICE_LIT("f.yaml"), slice_of(text), 1};
    struct apply_request request = {.files = &f, .n_files = 1};

    run_request(r, &request, base);
}

static inline void run_end(struct run *r)
{
    world_unref(r->world);
    vec_fini(&r->changes);
    diag_fini(&r->diags);
}

/* Must succeed; the caller unrefs the world. */
static inline struct world *run_good(const char *text, struct world *base)
{
    struct buf words;
    struct world *w;
    struct run r;

    run_text(&r, text, base);
    buf_init(&words, 0);
    ck_assert_int_eq(diag_text(&r.diags, &words, false), 0);
    ck_assert_msg(r.rc == 0, "%s: %.*s", r.err.text, SLICE_FMT(buf_slice(&words)));
    buf_fini(&words);
    w = world_ref(r.world);
    run_end(&r);
    return w;
}

/* "created Api shop;unchanged Stage shop/prod;" */
static inline void check_changes(const struct run *r, const char *expected)
{
    struct buf b;

    buf_init(&b, 0);
    for (size_t i = 0; i < r->changes.n; i++) {
        const struct apply_change *c = &VEC_AT(&r->changes, struct apply_change, i);

        ck_assert_int_eq(buf_printf(&b, "%s %.*s %.*s;", apply_op_name(c->op), SLICE_FMT(c->kind), SLICE_FMT(c->name)), 0);
    }
    ck_assert_msg(slice_is(buf_slice(&b), expected), "%.*s", SLICE_FMT(buf_slice(&b)));
    buf_fini(&b);
}

static inline const uint8_t *root_of(const struct world *w, const char *environment)
{
    struct leaf_table *t = world_leaves(w, slice_of(environment));

    ck_assert_ptr_nonnull(t);
    return t->root;
}
