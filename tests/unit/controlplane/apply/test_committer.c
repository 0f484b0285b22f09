#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/committer.h"
#include "base/file.h"
#include "base/must.h"

#define LIT(s) SLICE_LIT(s)
#define API(text)                                                                                                      \
    "apiVersion: sluice/v1\nkind: Api\nmetadata: {name: shop}\nspec:\n  routes:\n    - {path: /" text ", method: GET, "    \
    "integration: {type: http_proxy, uri: \"http://127.0.0.1:9/\"}}\n"
#define STAGE(name)                                                                                                    \
    "---\napiVersion: sluice/v1\nkind: Stage\nmetadata: {name: " name "}\nspec: {api: shop, environment: " name "}\n"

static char folder[64], path[96], checker[96];
static struct store *store;
static struct committer *committer;
static struct vec heads;
static struct err e;

/* A new process on the same store. */
static int load(const char *check)
{
    struct committer_options o = {.checker = check};
    struct diag_list diags;
    int rc;

    diag_init(&diags);
    vec_init(&heads, sizeof(struct committer_head));
    ck_assert_int_eq(store_open(path, &store, &e), 0);
    ck_assert_int_eq(committer_new(&o, &committer, &e), 0);
    rc = committer_load(committer, store, &heads, &diags, &e);
    diag_fini(&diags);
    return rc;
}

static void unload(void)
{
    for (size_t i = 0; i < heads.n; i++)
        committer_head_fini(&VEC_AT(&heads, struct committer_head, i));
    vec_fini(&heads);
    committer_free(TAKE(&committer));
    store_close(TAKE(&store));
}

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/sluice-committer-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/sluice.db", folder);
    (void)snprintf(checker, sizeof(checker), "%s/checker", folder);
    ck_assert_msg(load(NULL) == 0, "%s", e.text);
}

static void teardown(void)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    char name[128];

    unload();
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        (void)unlink(name);
    }
    (void)unlink(checker);
    (void)rmdir(folder);
}

/* Applies text: the number of environments that changed, or -ERR_X. */
static int apply(const char *text, bool dry_run, uint64_t *revision)
{
    struct apply_file f = {LIT("f.yaml"), slice_of(text), 1};
    struct commit_request q = {.files = &f, .n_files = 1, .dry_run = dry_run, .who = LIT("ann"), .action = LIT("apply")};
    struct commit_result r;
    int rc;

    commit_result_init(&r);
    rc = committer_apply(committer, store, &q, &r, &e);
    if (rc == 0) {
        *revision = r.revision;
        rc = (int)r.environments.n;
        for (size_t i = 0; i < r.environments.n; i++) {
            const struct commit_environment *ce = &VEC_AT(&r.environments, struct commit_environment, i);
            struct err why;

            ck_assert((ce->bundle == NULL) == dry_run);
            ck_assert(ce->bundle == NULL || bundle_verify(ce->bundle, &why) == 0);
            ck_assert(ce->bundle == NULL || ce->bundle->version.revision == r.revision);
        }
    }
    commit_result_fini(&r);
    return rc;
}

START_TEST(only_what_changed)
{
    uint64_t revision = 0;

    ck_assert_int_eq(apply(API("a") STAGE("dev") STAGE("prod"), true, &revision), 2);
    ck_assert_uint_eq(revision, 0);
    ck_assert_int_eq(apply(API("a") STAGE("dev") STAGE("prod"), false, &revision), 2);
    ck_assert_uint_eq(revision, 1);
    ck_assert_int_eq(apply(API("a") STAGE("dev") STAGE("prod"), false, &revision), 0);
    ck_assert_uint_eq(revision, 1);
    ck_assert_int_eq(apply("apiVersion: sluice/v1\nkind: Stage\nmetadata: {name: dev}\nspec: {api: shop, environment: dev, basePath: /x}\n",
                           false, &revision), 1);
    ck_assert_uint_eq(revision, 2);
    ck_assert_int_eq(apply("kind: [", false, &revision), -ERR_INVALID);
    ck_assert_uint_eq(committer_revision(committer), 2);
}
END_TEST

START_TEST(heads_after_a_start)
{
    const struct committer_head *h;
    uint64_t revision;

    ck_assert_int_eq(apply(API("a") STAGE("dev"), false, &revision), 1);
    unload();
    ck_assert_int_eq(load(NULL), 0);
    ck_assert_uint_eq(heads.n, 1);
    h = heads.p;
    ck_assert(h->live == NULL && h->pending != NULL && h->pending->version.revision == 1 && !h->failed);
    ck_assert_int_eq(store_head_live(store, LIT("dev"), 1, 5, &e), 0);
    ck_assert_int_eq(apply(API("b"), false, &revision), 1);
    unload();
    ck_assert_int_eq(load(NULL), 0);
    h = heads.p; /* what was live is made again, beside the head that waits */
    ck_assert(h->live != NULL && h->live->version.revision == 1 && h->pending != NULL && h->pending->version.revision == 2);
    ck_assert_int_ne(memcmp(h->live->version.root, h->pending->version.root, BUNDLE_HASH), 0);
    ck_assert_int_eq(store_head_failed(store, LIT("dev"), 2, LIT("because"), 6, &e), 0);
    unload();
    ck_assert_int_eq(load(NULL), 0);
    h = heads.p;
    ck_assert(h->live != NULL && h->pending == NULL && h->failed && h->version.revision == 2);
    ck_assert_str_eq(h->reason, "because");
    unload();
    ck_assert_int_eq(load(NULL), 0);
    ck_assert_uint_eq(committer_revision(committer), 2); /* a start by itself makes no revision */
}
END_TEST

/* As if another compiler had written the heads: the roots are others than what this one makes. */
START_TEST(a_new_compiler_makes_a_revision)
{
    struct store_root root = {.environment = LIT("dev")};
    struct store_commit c = {.base_revision = 1, .summary = LIT("[]"), .roots = &root, .n_roots = 1};
    const struct committer_head *h;
    uint64_t revision;

    ck_assert_int_eq(apply(API("a") STAGE("dev"), false, &revision), 1);
    memset(root.root, 0xab, sizeof(root.root));
    ck_assert_int_eq(store_commit(store, &c, &revision, &e), 0);
    ck_assert_int_eq(store_head_live(store, LIT("dev"), 2, 5, &e), 0);
    unload();
    ck_assert_int_eq(load(NULL), 0);
    ck_assert_uint_eq(committer_revision(committer), 3);
    h = heads.p;
    ck_assert(h->pending != NULL && h->pending->version.revision == 3);
    ck_assert_ptr_null(h->live); /* nobody can make those bytes again: nodes keep them until 3 is live */
    unload();
    ck_assert_int_eq(load(NULL), 0);
    ck_assert_uint_eq(committer_revision(committer), 3);
}
END_TEST

START_TEST(an_environment_without_stages_is_empty)
{
    struct apply_key key = {LIT("Stage"), LIT("shop/dev")};
    struct commit_request q = {.deletes = &key, .n_deletes = 1, .who = LIT("ann"), .action = LIT("delete")};
    const struct committer_head *h;
    struct commit_result r;
    uint64_t revision;

    ck_assert_int_eq(apply(API("a") STAGE("dev"), false, &revision), 1);
    commit_result_init(&r);
    ck_assert_int_eq(committer_apply(committer, store, &q, &r, &e), 0);
    ck_assert_uint_eq(r.environments.n, 1);
    ck_assert(VEC_AT(&r.environments, struct commit_environment, 0).bundle->empty_is_intended);
    commit_result_fini(&r);
    unload();
    ck_assert_int_eq(load(NULL), 0);
    h = heads.p;
    ck_assert(h->pending->empty_is_intended && h->pending->table->n_leaves == 0);
    ck_assert_uint_eq(committer_revision(committer), 2);
}
END_TEST

struct preparing {
    uint64_t revision;      /* seen in the result */
    size_t bundles;
    unsigned calls;
    bool refuse;
};

static int on_prepare(void *arg, const struct commit_result *r, struct err *why)
{
    struct preparing *p = arg;
    uint64_t newest = 99;

    p->calls++;
    p->revision = r->revision;
    p->bundles = 0;
    for (size_t i = 0; i < r->environments.n; i++)
        p->bundles += VEC_AT(&r->environments, struct commit_environment, i).bundle != NULL;
    ck_assert_int_eq(store_revision_newest(store, &newest, why), 0);
    ck_assert_uint_eq(newest + 1, r->revision); /* not committed yet */
    return p->refuse ? err_set(why, ERR_NOMEM, "no room for the answer") : 0;
}

START_TEST(what_cannot_be_answered_is_not_committed)
{
    struct apply_file f = {LIT("f.yaml"), LIT(API("a") STAGE("dev") STAGE("prod")), 1};
    struct preparing p = {.refuse = true};
    struct commit_request q = {.files = &f, .n_files = 1, .who = LIT("ann"), .action = LIT("apply"),
                               .prepare = on_prepare, .prepare_arg = &p};
    struct commit_result r;
    uint64_t newest = 99;

    commit_result_init(&r);
    ck_assert_int_eq(committer_apply(committer, store, &q, &r, &e), -ERR_NOMEM);
    ck_assert_uint_eq(r.revision, 0);
    commit_result_fini(&r);
    ck_assert_uint_eq(p.revision, 1);
    ck_assert_uint_eq(p.bundles, 2);
    ck_assert_uint_eq(committer_revision(committer), 0);
    ck_assert_int_eq(store_revision_newest(store, &newest, &e), 0);
    ck_assert_uint_eq(newest, 0);
    p.refuse = false;
    for (int i = 0; i < 2; i++) { /* the second time nothing changes */
        commit_result_init(&r);
        ck_assert_int_eq(committer_apply(committer, store, &q, &r, &e), 0);
        ck_assert_uint_eq(r.revision, 1);
        commit_result_fini(&r);
    }
    ck_assert_uint_eq(p.calls, 2);
}
END_TEST

START_TEST(restoring)
{
    struct commit_request q = {.who = LIT("ann"), .action = LIT("restore")};
    struct commit_result r;
    uint64_t revision;

    ck_assert_int_eq(apply(API("a") STAGE("dev"), false, &revision), 1);
    ck_assert_int_eq(apply(API("b") STAGE("prod"), false, &revision), 2);
    commit_result_init(&r);
    ck_assert_int_eq(committer_restore(committer, store, 9, &q, &r, &e), -ERR_NOTFOUND);
    commit_result_fini(&r);
    commit_result_init(&r);
    ck_assert_msg(committer_restore(committer, store, 1, &q, &r, &e) == 0, "%s", e.text);
    ck_assert_uint_eq(r.revision, 3);
    ck_assert_uint_eq(r.environments.n, 2); /* dev is as it was, prod is empty */
    ck_assert_uint_eq(VEC_AT(&r.environments, struct commit_environment, 0).bundle->restores_revision, 1);
    commit_result_fini(&r);
    ck_assert_uint_eq(world_document_count(committer_world(committer)), 2);
}
END_TEST

START_TEST(a_refused_bundle_leaves_no_trace)
{
    const char *script = "#!/bin/sh\necho '{\"ok\":false,\"message\":\"no\"}'; exit 1\n";
    uint64_t revision = 0;

    ck_assert_int_eq(file_write_atomic(checker, script, strlen(script), 0755, &e), 0);
    unload();
    ck_assert_int_eq(load(checker), 0);
    ck_assert_int_eq(apply(API("a") STAGE("dev"), false, &revision), -ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(e.text, "environment dev would be refused"));
    ck_assert_uint_eq(committer_revision(committer), 0);
    ck_assert_uint_eq(world_document_count(committer_world(committer)), 0);
}
END_TEST

Suite *test_committer_suite(void)
{
    Suite *suite = suite_create("committer");
    TCase *t = tcase_create("committer");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, only_what_changed);
    tcase_add_test(t, heads_after_a_start);
    tcase_add_test(t, a_new_compiler_makes_a_revision);
    tcase_add_test(t, an_environment_without_stages_is_empty);
    tcase_add_test(t, what_cannot_be_answered_is_not_committed);
    tcase_add_test(t, restoring);
    tcase_add_test(t, a_refused_bundle_leaves_no_trace);
    suite_add_tcase(suite, t);
    return suite;
}
