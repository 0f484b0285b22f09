#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "crypto/digest.h"
#include "store/store_int.h"

#define LIT(s) SLICE_LIT(s)

static char folder[64], path[96];
static struct store *s;
static struct err e;

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/sluice-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/sluice.db", folder);
    ck_assert_msg(store_open(path, &s, &e) == 0, "%s", e.text);
}

static void teardown(void)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    char name[128];

    store_close(s);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
}

static void add(const char *id, enum store_token_kind kind, uint64_t uses, int64_t expires)
{
    struct store_token t = {.id = slice_of(id), .name = LIT("n"), .created_by = LIT("ann"), .environment = LIT("dev"),
                            .kind = kind, .role = STORE_ROLE_EDITOR, .created_ms = 10, .expires_ms = expires, .uses_left = uses};

    digest_sha256("secret", 6, t.hash);
    ck_assert_msg(store_token_add(s, &t, &e) == 0, "%s", e.text);
}

static int join(const char *id, const char *secret, uint8_t key, const char *node, int64_t now, struct store_joined *out)
{
    struct store_join j = {.id = slice_of(id), .node_id = slice_of(node), .now_ms = now};

    digest_sha256(secret, strlen(secret), j.secret_hash);
    memset(j.key_hash, key, sizeof(j.key_hash));
    return store_token_join(s, &j, out, &e);
}

START_TEST(joining)
{
    struct store_joined got;

    add("t1", STORE_TOKEN_JOIN, 2, 1000);
    ck_assert_int_eq(join("none", "secret", 1, "a", 20, &got), -ERR_DENIED);
    ck_assert_int_eq(join("t1", "wrong", 1, "a", 20, &got), -ERR_DENIED);
    ck_assert_int_eq(join("t1", "secret", 1, "a", 20, &got), 0);
    ck_assert_str_eq(got.node_id, "a");
    ck_assert_str_eq(got.environment, "dev");
    ck_assert(!got.again);
    /* A lost answer: the same key gets the same name, and no use is burnt, whatever name it asks for. */
    ck_assert_int_eq(join("t1", "secret", 1, "other", 20, &got), 0);
    ck_assert_str_eq(got.node_id, "a");
    ck_assert(got.again);
    ck_assert_int_eq(join("t1", "secret", 2, "b", 20, &got), 0);
    ck_assert_int_eq(join("t1", "secret", 3, "c", 20, &got), -ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(e.text, "used up"));
    ck_assert_int_eq(join("t1", "secret", 1, "a", 20, &got), 0);
    ck_assert_int_eq(join("t1", "secret", 1, "a", 1000, &got), -ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(e.text, "expired"));
    add("t2", STORE_TOKEN_API, 0, 0);
    ck_assert_int_eq(join("t2", "secret", 1, "a", 20, &got), -ERR_DENIED);
}
END_TEST

START_TEST(a_name_stays_in_its_environment)
{
    struct store_node n = {.id = LIT("a"), .environment = LIT("prod"), .serial = LIT("01"), .not_after_ms = 5, .last_seen_ms = 6};
    struct store_joined got;

    add("t1", STORE_TOKEN_JOIN, 1, 0);
    ck_assert_int_eq(store_nodes_seen(s, &n, 1, &e), 0);
    ck_assert_int_eq(join("t1", "secret", 1, "a", 20, &got), -ERR_EXISTS);
    ck_assert_int_eq(join("t1", "secret", 1, "b", 20, &got), 0); /* the use was not burnt */
    ck_assert_int_eq(store_node_remove(s, LIT("dev"), LIT("a"), 30, &e), -ERR_NOTFOUND);
    ck_assert_int_eq(store_node_remove(s, LIT("prod"), LIT("a"), 30, &e), 0);
    ck_assert_int_eq(store_node_remove(s, LIT("prod"), LIT("a"), 30, &e), -ERR_NOTFOUND);
    /* One that was thrown out does not come back by the use that it had; with another it does. */
    ck_assert_int_eq(store_node_remove(s, LIT("dev"), LIT("b"), 30, &e), 0);
    ck_assert_int_eq(join("t1", "secret", 1, "b", 40, &got), -ERR_DENIED);
    add("t2", STORE_TOKEN_JOIN, 1, 0);
    ck_assert_int_eq(join("t2", "secret", 1, "b", 40, &got), 0);
    /* The name is free again, for any environment: the node is that one's from then on, and can be thrown out there. */
    add("t3", STORE_TOKEN_JOIN, 1, 0);
    ck_assert_int_eq(join("t3", "secret", 4, "a", 40, &got), 0);
    ck_assert_str_eq(got.environment, "dev");
    ck_assert_int_eq(store_node_remove(s, LIT("prod"), LIT("a"), 50, &e), -ERR_NOTFOUND);
    ck_assert_int_eq(store_node_remove(s, LIT("dev"), LIT("a"), 50, &e), 0);
}
END_TEST

static int membership_of(void *arg, const struct store_node *n)
{
    *(uint64_t *)arg = slice_is(n->id, "a") ? n->membership : *(uint64_t *)arg;
    return 0;
}

static uint64_t membership(void)
{
    uint64_t out = 99;

    ck_assert_int_eq(store_nodes(s, membership_of, &out, &e), 0);
    return out;
}

START_TEST(a_removal_begins_a_membership)
{
    struct store_node seen = {.id = LIT("a"), .environment = LIT("dev"), .last_seen_ms = 70};
    struct store_joined got;

    add("t1", STORE_TOKEN_JOIN, 2, 0);
    add("t2", STORE_TOKEN_JOIN, 9, 0);
    ck_assert_int_eq(join("t1", "secret", 1, "a", 20, &got), 0);
    ck_assert_uint_eq(got.membership, 0);
    ck_assert_int_eq(join("t2", "secret", 9, "a", 20, &got), 0); /* twice without a removal: the same one */
    ck_assert_uint_eq(got.membership, 0);
    ck_assert_int_eq(store_node_remove(s, LIT("dev"), LIT("a"), 30, &e), 0);
    ck_assert_uint_eq(membership(), 30);
    ck_assert_int_eq(join("t2", "secret", 2, "a", 40, &got), 0);
    ck_assert_uint_eq(got.membership, 30);
    ck_assert_int_eq(join("t2", "secret", 2, "a", 40, &got), 0);
    ck_assert(got.again);
    ck_assert_uint_eq(got.membership, 30);
    /* The keys of before do not come back behind the new one by the uses that they had. */
    ck_assert_int_eq(join("t1", "secret", 1, "a", 50, &got), -ERR_DENIED);
    ck_assert_int_eq(join("t2", "secret", 9, "a", 50, &got), -ERR_DENIED);
    ck_assert_int_eq(store_nodes_seen(s, &seen, 1, &e), 0);
    ck_assert_uint_eq(membership(), 30);
    /* A clock that was set back does not bring an old membership back. */
    ck_assert_int_eq(store_node_remove(s, LIT("dev"), LIT("a"), 10, &e), 0);
    ck_assert_uint_eq(membership(), 31);
    store_close(s);
    ck_assert_int_eq(store_open(path, &s, &e), 0);
    ck_assert_int_eq(join("t2", "secret", 3, "a", 80, &got), 0);
    ck_assert_uint_eq(got.membership, 31);
}
END_TEST

START_TEST(memberships_of_an_older_store)
{
    struct store_joined got;

    store_close(s);
    (void)unlink(path);
    {
        sqlite3 *db;

        ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(db, store_migrations[0], NULL, NULL, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(db,
                                      "PRAGMA application_id=1397506885; PRAGMA user_version=1;"
                                      "INSERT INTO meta VALUES('cluster_id', 'c'), ('epoch', '1');"
                                      "INSERT INTO token VALUES('t0', zeroblob(32), 2, 0, 'dev', '', '', 0, 0, 0, 0, 0);"
                                      "INSERT INTO node VALUES('a', 'dev', '', 0, 1, 1, 500), ('b', 'dev', '', 0, 1, 1, 0)",
                                      NULL, NULL, NULL), SQLITE_OK);
        (void)sqlite3_close(db);
    }
    ck_assert_msg(store_open(path, &s, &e) == 0, "%s", e.text);
    ck_assert_uint_eq(membership(), 500);
    add("t1", STORE_TOKEN_JOIN, 2, 0);
    ck_assert_int_eq(join("t1", "secret", 1, "a", 600, &got), 0); /* what it had before was of membership 0 */
    ck_assert_uint_eq(got.membership, 500);
    ck_assert_int_eq(join("t1", "secret", 2, "b", 600, &got), 0); /* this one was never away: its certificates go on */
    ck_assert_uint_eq(got.membership, 0);
}
END_TEST

START_TEST(revoking)
{
    struct store_joined got;
    struct store_token t = {.id = LIT("t1"), .kind = STORE_TOKEN_API};

    add("t1", STORE_TOKEN_JOIN, 5, 0);
    ck_assert_int_eq(store_token_add(s, &t, &e), -ERR_EXISTS);
    ck_assert_int_eq(store_token_revoke(s, LIT("t1"), 30, &e), 0);
    ck_assert_int_eq(store_token_revoke(s, LIT("t1"), 30, &e), -ERR_NOTFOUND);
    ck_assert_int_eq(store_token_revoke(s, LIT("none"), 30, &e), -ERR_NOTFOUND);
    ck_assert_int_eq(join("t1", "secret", 1, "a", 40, &got), -ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(e.text, "revoked"));
    ck_assert_int_eq(store_token_add(s, &t, &e), -ERR_EXISTS); /* an id never comes back */
}
END_TEST

static int last_token(void *arg, const struct store_token *t)
{
    struct store_token *out = arg;

    *out = *t;
    return 0;
}

START_TEST(touching)
{
    struct store_token t = {0};

    add("t1", STORE_TOKEN_API, 0, 0);
    ck_assert_int_eq(store_token_touch(s, LIT("t1"), 500, &e), 0);
    ck_assert_int_eq(store_token_touch(s, LIT("t1"), 400, &e), 0); /* never back */
    ck_assert_int_eq(store_tokens(s, last_token, &t, &e), 0);
    ck_assert_int_eq(t.last_used_ms, 500);
    ck_assert_int_eq(t.role, STORE_ROLE_EDITOR);
}
END_TEST

static int count_node(void *arg, const struct store_node *n)
{
    int64_t *sum = arg;

    if (n->removed_ms == 0)
        *sum += n->last_seen_ms * 1000 + n->not_after_ms;
    return 0;
}

START_TEST(nodes)
{
    struct store_node n = {.id = LIT("a"), .environment = LIT("dev"), .serial = LIT("01"), .not_after_ms = 5, .last_seen_ms = 6};
    struct store_node seen[] = {{.id = LIT("a"), .environment = LIT("dev"), .last_seen_ms = 9},
                                {.id = LIT("stranger"), .environment = LIT("dev"), .last_seen_ms = 1}};
    int64_t sum = 0;

    ck_assert_int_eq(store_nodes_seen(s, &n, 1, &e), 0);
    /* Only seen again: the certificate's data stay. */
    ck_assert_int_eq(store_nodes_seen(s, seen, 2, &e), 0);
    ck_assert_int_eq(store_nodes(s, count_node, &sum, &e), 0);
    ck_assert_int_eq(sum, 10005);
}
END_TEST

START_TEST(names)
{
    enum store_role role;
    enum store_token_kind kind;

    ck_assert_int_eq(store_role_parse(LIT("admin"), &role), 0);
    ck_assert_int_eq(role, STORE_ROLE_ADMIN);
    ck_assert_int_eq(store_role_parse(LIT("none"), &role), -ERR_INVALID);
    ck_assert_int_eq(store_role_parse(LIT("root"), &role), -ERR_INVALID);
    ck_assert_int_eq(store_token_kind_parse(LIT("join"), &kind), 0);
    ck_assert_int_eq(store_token_kind_parse(LIT(""), &kind), -ERR_INVALID);
    ck_assert_str_eq(store_role_name((enum store_role)9), "unknown");
}
END_TEST

Suite *test_store_identity_suite(void)
{
    Suite *suite = suite_create("store_identity");
    TCase *t = tcase_create("identity");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, joining);
    tcase_add_test(t, a_name_stays_in_its_environment);
    tcase_add_test(t, a_removal_begins_a_membership);
    tcase_add_test(t, memberships_of_an_older_store);
    tcase_add_test(t, revoking);
    tcase_add_test(t, touching);
    tcase_add_test(t, nodes);
    tcase_add_test(t, names);
    suite_add_tcase(suite, t);
    return suite;
}
