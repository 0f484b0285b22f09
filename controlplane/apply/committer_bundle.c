#include "apply/committer_int.h"

#include <stdio.h>
#include <string.h>

static int empty_table(struct leaf_table **out, struct err *e)
{
    struct leaf_table *t = leaf_table_new();

    if (t == NULL)
        return err_set(e, ERR_NOMEM, "an empty bundle");
    leaf_table_seal(t);
    *out = t;
    return 0;
}

int committer_root(const struct world *w, struct slice environment, uint8_t root[BUNDLE_HASH], struct err *e)
{
    struct leaf_table *t = w == NULL ? NULL : world_leaves(w, environment);
    int rc = 0;

    if (t != NULL) {
        memcpy(root, t->root, BUNDLE_HASH);
        return 0;
    }
    rc = empty_table(&t, e);
    if (rc != 0)
        return rc;
    memcpy(root, t->root, BUNDLE_HASH);
    leaf_table_unref(t);
    return 0;
}

int committer_bundle(const struct world *w, struct slice environment, const struct bundle_facts *f, struct bundle **out,
                     struct err *e)
{
    const struct world_environment *we = w == NULL ? NULL : world_environment(w, environment);
    struct leaf_table *t = NULL;
    struct bundle *b;
    int rc = 0;

    if (environment.n >= sizeof(b->environment))
        return err_set(e, ERR_LIMIT, "the name of environment %.*s is too long", 40, environment.p);
    if (we == NULL)
        rc = empty_table(&t, e);
    else
        t = leaf_table_ref(we->leaves);
    if (rc != 0)
        return rc;
    b = bundle_new();
    if (b == NULL) {
        leaf_table_unref(t);
        return err_set(e, ERR_NOMEM, "a bundle");
    }
    bundle_set_table(b, t);
    b->version.epoch = f->epoch;
    b->version.revision = f->revision;
    (void)snprintf(b->cluster_id, sizeof(b->cluster_id), "%s", f->cluster_id);
    memcpy(b->environment, environment.p, environment.n);
    b->environment[environment.n] = '\0';
    b->restores_revision = f->restores_revision;
    b->routes = we == NULL ? 0 : we->routes;
    b->upstreams = we == NULL ? 0 : we->upstreams;
    b->empty_is_intended = b->table->n_leaves == 0;
    b->created_unix_ms = f->created_ms;
    *out = b;
    return 0;
}

struct known_head *committer_known(struct committer *c, struct slice environment)
{
    for (size_t i = 0; i < c->heads.n; i++) {
        struct known_head *h = &VEC_AT(&c->heads, struct known_head, i);

        if (slice_is(environment, h->name))
            return h;
    }
    return NULL;
}

int committer_know(struct committer *c, struct slice environment, uint64_t revision, const uint8_t root[BUNDLE_HASH],
                   struct err *e)
{
    struct known_head *h = committer_known(c, environment);

    if (h == NULL) {
        h = vec_push(&c->heads, NULL);
        if (h == NULL || environment.n >= sizeof(h->name))
            return err_set(e, ERR_NOMEM, "environment %.*s", 40, environment.p);
        memcpy(h->name, environment.p, environment.n);
    }
    h->revision = revision;
    memcpy(h->root, root, BUNDLE_HASH);
    return 0;
}

static int add_if_changed(struct committer *c, const struct world *w, struct slice name, uint64_t revision, struct vec *out,
                          struct err *e)
{
    const struct known_head *h = committer_known(c, name);
    struct commit_environment ce = {.revision = revision};
    int rc = committer_root(w, name, ce.root, e);

    if (rc != 0)
        return rc;
    if (h != NULL && memcmp(h->root, ce.root, BUNDLE_HASH) == 0)
        return 0;
    if (name.n >= sizeof(ce.name))
        return err_set(e, ERR_LIMIT, "the name of environment %.*s is too long", 40, name.p);
    memcpy(ce.name, name.p, name.n);
    return vec_push(out, &ce) == NULL ? err_set(e, ERR_NOMEM, "environments") : 0;
}

int committer_changed(struct committer *c, const struct world *w, uint64_t revision, struct vec *out, struct err *e)
{
    const struct world_environment *we;
    size_t at = 0;
    int rc = 0;

    while (rc == 0 && (we = world_each_environment(w, &at)) != NULL)
        rc = add_if_changed(c, w, we->name, revision, out, e);
    /* Those that no Stage names any more: their nodes get an empty bundle. */
    for (size_t i = 0; rc == 0 && i < c->heads.n; i++) {
        struct slice name = slice_of(VEC_AT(&c->heads, struct known_head, i).name);

        if (world_environment(w, name) == NULL)
            rc = add_if_changed(c, w, name, revision, out, e);
    }
    return rc;
}
