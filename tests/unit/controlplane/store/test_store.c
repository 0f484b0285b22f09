#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "base/random.h"
#include "store/store_int.h"

#define LIT(s) SLICE_LIT(s)

static char folder[64], path[96];

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/sluice-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/sluice.db", folder);
}

static void teardown(void)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock", ".copy"};
    char name[128];

    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
}

static struct store *opened(void)
{
    struct store *s = NULL;
    struct err e;

    ck_assert_msg(store_open(path, &s, &e) == 0, "%s", e.text);
    return s;
}

static uint64_t commit(struct store *s, uint64_t base, const char *name, struct slice text, enum store_op op)
{
    struct store_document d = {.kind = LIT("Api"), .name = slice_of(name), .text = text, .file = LIT("a.yaml"), .line = 3, .op = op};
    struct store_root root = {.environment = LIT("dev")};
    struct store_commit c = {.base_revision = base, .who = LIT("ann"), .action = LIT("apply"), .message = LIT("why not"),
                             .summary = LIT("[]"), .at_ms = 1000, .changes = &d, .n_changes = 1, .roots = &root, .n_roots = 1};
    uint64_t revision = 0;
    struct err e;

    memset(root.root, (int)base + 1, sizeof(root.root));
    ck_assert_msg(store_commit(s, &c, &revision, &e) == 0, "%s", e.text);
    return revision;
}

struct seen {
    size_t n;
    char text[4096];
};

static int see_document(void *arg, const struct store_document *d)
{
    struct seen *seen = arg;
    size_t used = strlen(seen->text);

    seen->n++;
    (void)snprintf(seen->text + used, sizeof(seen->text) - used, "%.*s/%.*s@%d %s %.*s;", SLICE_FMT(d->kind), SLICE_FMT(d->name),
                   (int)d->revision, store_op_name(d->op), (int)(d->text.n > 20 ? 20 : d->text.n), d->text.p);
    return 0;
}

static void expect_documents(struct store *s, uint64_t revision, const char *want)
{
    struct seen seen = {0};
    struct err e;

    ck_assert_msg(store_documents_at(s, revision, true, see_document, &seen, &e) == 0, "%s", e.text);
    ck_assert_str_eq(seen.text, want);
}

static int see_revision(void *arg, const struct store_revision *r)
{
    struct seen *seen = arg;
    size_t used = strlen(seen->text);

    seen->n++;
    (void)snprintf(seen->text + used, sizeof(seen->text) - used, "%d:%.*s:%.*s:%.*s;", (int)r->revision, SLICE_FMT(r->who),
                   SLICE_FMT(r->action), SLICE_FMT(r->message));
    return 0;
}

static int copy_head(void *arg, const struct store_head *h)
{
    struct store_head *out = arg;

    *out = *h;
    out->environment = out->reason = SLICE_NONE;
    return 0;
}

static struct store_head head_of(struct store *s)
{
    struct store_head h = {0};

    ck_assert_int_eq(store_heads(s, copy_head, &h, NULL), 0);
    return h;
}

START_TEST(history)
{
    struct store *s = opened();
    struct seen seen = {0};
    struct err e;
    uint64_t newest = 9;

    ck_assert_int_eq(store_revision_newest(s, &newest, &e), 0);
    ck_assert_uint_eq(newest, 0);
    ck_assert_uint_eq(commit(s, 0, "a", LIT("one"), STORE_CREATED), 1);
    ck_assert_uint_eq(commit(s, 1, "b", LIT("two"), STORE_CREATED), 2);
    ck_assert_uint_eq(commit(s, 2, "a", LIT("three"), STORE_UPDATED), 3);
    ck_assert_uint_eq(commit(s, 3, "b", SLICE_NONE, STORE_DELETED), 4);
    expect_documents(s, 0, "");
    expect_documents(s, 1, "Api/a@1 created one;");
    expect_documents(s, 2, "Api/a@1 created one;Api/b@2 created two;");
    expect_documents(s, 3, "Api/a@3 updated three;Api/b@2 created two;");
    expect_documents(s, 4, "Api/a@3 updated three;");
    expect_documents(s, 99, "Api/a@3 updated three;");
    store_close(s);

    s = opened(); /* and all is there again */
    expect_documents(s, 4, "Api/a@3 updated three;");
    ck_assert_int_eq(store_revisions(s, 4, 2, see_revision, &seen, &e), 0);
    ck_assert_str_eq(seen.text, "3:ann:apply:why not;2:ann:apply:why not;");
    memset(&seen, 0, sizeof(seen));
    ck_assert_int_eq(store_revision_changes(s, 4, true, see_document, &seen, &e), 0);
    ck_assert_str_eq(seen.text, "Api/b@4 deleted ;");
    ck_assert_int_eq(store_revision_get(s, 7, see_revision, &seen, &e), -ERR_NOTFOUND);
    ck_assert_int_eq(store_revision_get(s, UINT64_MAX, see_revision, &seen, &e), -ERR_NOTFOUND);
    store_close(s);
}
END_TEST

START_TEST(conflict_leaves_nothing)
{
    struct store *s = opened();
    struct store_document d = {.kind = LIT("Api"), .name = LIT("x"), .text = LIT("x"), .op = STORE_CREATED};
    struct store_commit c = {.base_revision = 0, .changes = &d, .n_changes = 1, .summary = LIT("[]")};
    uint64_t revision = 77;
    struct err e;

    (void)commit(s, 0, "a", LIT("one"), STORE_CREATED);
    ck_assert_int_eq(store_commit(s, &c, &revision, &e), -ERR_CONFLICT);
    ck_assert_ptr_nonnull(strstr(e.text, "revision 1"));
    ck_assert_uint_eq(revision, 77);
    expect_documents(s, 9, "Api/a@1 created one;");
    /* The same key twice in one commit is our bug, but it must not leave half of one either. */
    c.base_revision = 1;
    c.changes = (struct store_document[]){d, d};
    c.n_changes = 2;
    ck_assert_int_lt(store_commit(s, &c, &revision, &e), 0);
    expect_documents(s, 9, "Api/a@1 created one;");
    store_close(s);
}
END_TEST

START_TEST(contents_are_shared_and_packed)
{
    struct store *s = opened();
    size_t n = 200000;
    char *text = malloc(n);
    struct store_stmt q;
    struct err e;

    memset(text, 'x', n);
    (void)commit(s, 0, "a", slice_from(text, n), STORE_CREATED);
    (void)commit(s, 1, "b", slice_from(text, n), STORE_CREATED);
    ck_assert_int_eq(store_prepare(s, &q, "SELECT count(*), sum(length(bytes)) FROM blob", &e), 0);
    ck_assert_int_eq(store_step(s, &q, &e), 1);
    ck_assert_int_eq(store_col_int(&q, 0), 1);
    ck_assert_int_lt(store_col_int(&q, 1), 1000);
    store_finish(&q);
    expect_documents(s, 2, "Api/a@1 created xxxxxxxxxxxxxxxxxxxx;Api/b@2 created xxxxxxxxxxxxxxxxxxxx;");
    /* A byte that rots is found when it is read. */
    ck_assert_int_eq(store_exec(s, "UPDATE blob SET size = size - 1", &e), 0);
    ck_assert_int_eq(store_documents_at(s, 2, true, see_document, &(struct seen){0}, &e), -ERR_INVALID);
    ck_assert_int_eq(store_exec(s, "UPDATE blob SET size = 3, encoding = 0, bytes = x'616263'", &e), 0);
    ck_assert_int_eq(store_documents_at(s, 2, true, see_document, &(struct seen){0}, &e), -ERR_MISMATCH);
    free(text);
    store_close(s);
}
END_TEST

START_TEST(heads_move_forward)
{
    struct store *s = opened();
    struct store_head h;
    struct err e;

    (void)commit(s, 0, "a", LIT("1"), STORE_CREATED);
    h = head_of(s);
    ck_assert(h.state == STORE_HEAD_PENDING && h.head_revision == 1 && h.live_revision == 0 && h.epoch == 1);
    ck_assert_int_eq(store_head_live(s, LIT("dev"), 1, 5, &e), 0);
    h = head_of(s);
    ck_assert(h.state == STORE_HEAD_LIVE && h.live_revision == 1 && memcmp(h.live_root, h.head_root, 32) == 0);
    (void)commit(s, 1, "a", LIT("2"), STORE_UPDATED);
    (void)commit(s, 2, "a", LIT("3"), STORE_UPDATED);
    /* 2 became live while 3 was accepted: live is 2, the head waits. */
    ck_assert_int_eq(store_head_live(s, LIT("dev"), 2, 6, &e), 0);
    h = head_of(s);
    ck_assert(h.state == STORE_HEAD_PENDING && h.live_revision == 2 && h.head_revision == 3);
    ck_assert_int_eq(store_head_failed(s, LIT("dev"), 2, LIT("late"), 7, &e), -ERR_MISMATCH);
    ck_assert_int_eq(store_head_failed(s, LIT("dev"), 3, LIT("node n1 refused"), 7, &e), 0);
    ck_assert_int_eq(store_head_live(s, LIT("dev"), 1, 8, &e), -ERR_MISMATCH);
    ck_assert_int_eq(store_head_live(s, LIT("dev"), 4, 8, &e), -ERR_MISMATCH);
    ck_assert_int_eq(store_head_live(s, LIT("nowhere"), 1, 8, &e), -ERR_MISMATCH);
    h = head_of(s);
    ck_assert(h.state == STORE_HEAD_FAILED && h.live_revision == 2 && h.live_root[0] == 2);
    ck_assert_int_eq(store_epoch_raise(s, &e), 0);
    ck_assert_uint_eq(head_of(s).epoch, 2);
    store_close(s);
    s = opened();
    ck_assert_uint_eq(store_epoch(s), 2);
    store_close(s);
}
END_TEST

START_TEST(one_process_only)
{
    struct store *s = opened(), *other = NULL;
    struct stat st;
    struct err e;

    ck_assert_int_eq(store_open(path, &other, &e), -ERR_NOTNOW);
    ck_assert_ptr_nonnull(strstr(e.text, "another control plane"));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    store_close(s);
}
END_TEST

START_TEST(strangers_are_refused)
{
    char cluster[STORE_CLUSTER_ID_SIZE];
    struct store *s = opened();
    struct err e;
    int fd;

    (void)snprintf(cluster, sizeof(cluster), "%s", store_cluster_id(s));
    ck_assert_uint_eq(strlen(cluster), 36);
    ck_assert_int_eq(store_exec(s, "PRAGMA user_version=99", &e), 0);
    store_close(s);
    ck_assert_int_eq(store_open(path, &s, &e), -ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(e.text, "newer version"));
    teardown();
    setup();
    s = opened();
    ck_assert_str_ne(cluster, store_cluster_id(s));
    ck_assert_int_eq(store_exec(s, "PRAGMA application_id=5", &e), 0);
    store_close(s);
    ck_assert_int_eq(store_open(path, &s, &e), -ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(e.text, "another program"));
    fd = open(path, O_WRONLY | O_TRUNC);
    ck_assert_int_eq(write(fd, "this is no database, by any means at all", 40), 40);
    (void)close(fd);
    ck_assert_int_eq(store_open(path, &s, &e), -ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(e.text, "damaged"));
}
END_TEST

START_TEST(damage_is_found_at_start)
{
    struct store *s = opened();
    char junk[600], *text = malloc(300000);
    struct err e;
    int fd;

    random_bytes(text, 300000);
    (void)commit(s, 0, "a", slice_from(text, 300000), STORE_CREATED);
    store_close(s);
    memset(junk, 0xee, sizeof(junk));
    fd = open(path, O_WRONLY);
    for (off_t at = 4096; at < 15 * 4096; at += 4096)
        ck_assert_int_eq(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
    (void)close(fd);
    ck_assert_int_eq(store_open(path, &s, &e), -ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(e.text, "backup"));
    free(text);
}
END_TEST

START_TEST(a_migration_is_whole_or_nothing)
{
    sqlite3 *db;
    struct store *s;
    struct err e;

    /* An old store (schema 0, marked as ours) in which the new tables cannot be made: refused, nothing half done. */
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA application_id=1397506885; CREATE TABLE audit(x)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    ck_assert_int_lt(store_open(path, &s, &e), 0);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_ne(sqlite3_exec(db, "SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "DROP TABLE audit", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    s = opened();
    ck_assert_uint_eq(commit(s, 0, "a", LIT("one"), STORE_CREATED), 1);
    store_close(s);
}
END_TEST

START_TEST(backup)
{
    struct store *s = opened();
    char copy[128];
    struct err e;

    (void)commit(s, 0, "a", LIT("one"), STORE_CREATED);
    (void)snprintf(copy, sizeof(copy), "%s.copy", path);
    ck_assert_int_eq(store_backup(s, copy, &e), 0);
    ck_assert_int_eq(store_backup(s, copy, &e), -ERR_EXISTS);
    (void)commit(s, 1, "a", LIT("two"), STORE_UPDATED);
    store_close(s);
    ck_assert_int_eq(rename(copy, path), 0);
    s = opened();
    expect_documents(s, 9, "Api/a@1 created one;");
    store_close(s);
}
END_TEST

/* Files may not grow: every write beyond the limit fails as on a full disk. */
START_TEST(disk_full)
{
    struct store *s = opened();
    struct rlimit small = {200 * 1024, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    size_t n = 60000;
    char *text = malloc(n);
    struct store_document d = {.kind = LIT("Api"), .name = LIT("a"), .op = STORE_UPDATED, .text = {text, n}};
    struct store_commit c = {.changes = &d, .n_changes = 1, .summary = LIT("[]")};
    uint64_t revision = 0, good = 0, newest = 0;
    struct seen seen = {0};
    struct err e;
    int rc = 0;

    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 50 && rc == 0; i++) {
        random_bytes(text, n);
        c.base_revision = good;
        rc = store_commit(s, &c, &revision, &e);
        if (rc == 0)
            good = revision;
    }
    ck_assert_msg(rc == -ERR_IO, "%d %s", rc, e.text);
    ck_assert_uint_ge(good, 1);
    ck_assert_int_eq(store_revision_newest(s, &newest, &e), 0);
    ck_assert_uint_eq(newest, good);
    /* Reads still work, and there is a whole document at each revision. */
    ck_assert_int_eq(store_documents_at(s, good, true, see_document, &seen, &e), 0);
    ck_assert_uint_eq(seen.n, 1);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    c.base_revision = good;
    ck_assert_msg(store_commit(s, &c, &revision, &e) == 0, "%s", e.text);
    ck_assert_uint_eq(revision, good + 1);
    store_close(s);
    s = opened();
    ck_assert_int_eq(store_revision_newest(s, &newest, &e), 0);
    ck_assert_uint_eq(newest, good + 1);
    store_close(s);
    free(text);
}
END_TEST

static int see_audit(void *arg, const struct store_audit *a)
{
    struct seen *seen = arg;
    size_t used = strlen(seen->text);

    (void)snprintf(seen->text + used, sizeof(seen->text) - used, "%d:%.*s:%d;", (int)a->id, SLICE_FMT(a->action), a->status);
    return 0;
}

START_TEST(audit)
{
    struct store *s = opened();
    struct store_audit a = {.at_ms = 5, .who = LIT("ann"), .action = LIT("token.create"), .status = 200};
    struct seen seen = {0};
    struct err e;

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(store_audit_add(s, &a, &e), 0);
    ck_assert_int_eq(store_audit_each(s, 3, 10, see_audit, &seen, &e), 0);
    ck_assert_str_eq(seen.text, "2:token.create:200;1:token.create:200;");
    /* The bound: what is older goes. */
    ck_assert_int_eq(store_exec(s, "UPDATE sqlite_sequence SET seq = 100999 WHERE name = 'audit'", &e), -ERR_NONE);
    ck_assert_int_eq(store_audit_add(s, &a, &e), 0);
    memset(&seen, 0, sizeof(seen));
    ck_assert_int_eq(store_audit_each(s, 0, 10, see_audit, &seen, &e), 0);
    ck_assert_str_eq(seen.text, "101000:token.create:200;");
    store_close(s);
}
END_TEST

Suite *test_store_suite(void)
{
    Suite *suite = suite_create("store");
    TCase *t = tcase_create("store");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, history);
    tcase_add_test(t, conflict_leaves_nothing);
    tcase_add_test(t, contents_are_shared_and_packed);
    tcase_add_test(t, heads_move_forward);
    tcase_add_test(t, one_process_only);
    tcase_add_test(t, strangers_are_refused);
    tcase_add_test(t, damage_is_found_at_start);
    tcase_add_test(t, a_migration_is_whole_or_nothing);
    tcase_add_test(t, backup);
    tcase_add_test(t, disk_full);
    tcase_add_test(t, audit);
    suite_add_tcase(suite, t);
    return suite;
}
