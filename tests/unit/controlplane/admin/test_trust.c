#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/trust.h"
#include "base/buf.h"
#include "base/file.h"
#include "crypto/cert.h"

static char folder[64];
static struct store *store;
static struct err e;

static void path_of(const char *file, char out[160])
{
    (void)snprintf(out, 160, "%s/%s", folder, file);
}

static void setup(void)
{
    char path[160];

    (void)snprintf(folder, sizeof(folder), "/tmp/sluice-trust-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    path_of("sluice.db", path);
    ck_assert_int_eq(store_open(path, &store, &e), 0);
}

static void teardown(void)
{
    DIR *d = opendir(folder);
    struct dirent *entry;

    store_close(store);
    while (d != NULL && (entry = readdir(d)) != NULL) {
        char path[420];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(d);
    (void)rmdir(folder);
}

static struct trust *opened(const char *advertise)
{
    struct trust_options o = {folder, advertise};
    struct trust *t = NULL;

    ck_assert_msg(trust_open(&o, &t, &e) == 0, "%s", e.text);
    return t;
}

static void read_text(const char *file, char *out, size_t size)
{
    char path[160];
    struct buf b;

    path_of(file, path);
    buf_init(&b, 0);
    ck_assert_int_eq(file_read(path, 100000, &b, &e), 0);
    (void)snprintf(out, size, "%.*s", (int)buf_len(&b), buf_slice(&b).p);
    buf_fini(&b);
}

static unsigned mode_of(const char *file)
{
    char path[160];
    struct stat st;

    path_of(file, path);
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_mode & 0777;
}

START_TEST(made_once)
{
    char ca[8000], crt[8000], again[8000];
    struct trust *t = opened("gate.example.com, 10.1.2.3");

    trust_free(t);
    ck_assert_uint_eq(mode_of("ca.key"), 0600);
    ck_assert_uint_eq(mode_of("server.key"), 0600);
    read_text("ca.crt", ca, sizeof(ca));
    read_text("server.crt", crt, sizeof(crt));
    t = opened("gate.example.com, 10.1.2.3");
    trust_free(t);
    read_text("ca.crt", again, sizeof(again));
    ck_assert_str_eq(ca, again);
    read_text("server.crt", again, sizeof(again));
    ck_assert_str_eq(crt, again);
    t = opened("other.example.com"); /* other names: another certificate by the same CA */
    trust_free(t);
    read_text("ca.crt", again, sizeof(again));
    ck_assert_str_eq(ca, again);
    read_text("server.crt", again, sizeof(again));
    ck_assert_str_ne(crt, again);
}
END_TEST

/* A crash between two files, or a damaged one, costs a new server certificate and nothing else. */
START_TEST(half_made)
{
    char path[160];
    struct trust *t = opened(NULL);

    trust_free(t);
    path_of("server.key", path);
    ck_assert_int_eq(unlink(path), 0);
    trust_free(opened(NULL));
    ck_assert_int_eq(file_write_atomic(path, "nonsense", 8, 0600, &e), 0);
    trust_free(opened(NULL));
    path_of("server.crt", path);
    ck_assert_int_eq(truncate(path, 100), 0);
    trust_free(opened(NULL));
}
END_TEST

/* Near its end: made anew, by the same CA, while the server runs. */
START_TEST(renewal)
{
    const char *names[] = {"localhost"};
    char ca_crt[8000], ca_key[8000], crt[8000], again[8000], path[160];
    struct cert_ca *ca = NULL;
    struct buf cert, key;
    struct trust *t = opened(NULL);

    read_text("server.crt", crt, sizeof(crt));
    ck_assert_int_eq(trust_renew(t, &e), 0);
    read_text("server.crt", again, sizeof(again));
    ck_assert_str_eq(crt, again);
    read_text("ca.crt", ca_crt, sizeof(ca_crt));
    read_text("ca.key", ca_key, sizeof(ca_key));
    ck_assert_int_eq(cert_ca_load(slice_of(ca_crt), slice_of(ca_key), &ca, &e), 0);
    buf_init(&cert, 0);
    buf_init(&key, 0);
    ck_assert_int_eq(cert_make_server(ca, names, 1, TRUST_RENEW_DAYS - 1, &cert, &key, &e), 0);
    path_of("server.crt", path);
    ck_assert_int_eq(file_write_atomic(path, buf_slice(&cert).p, buf_len(&cert), 0644, &e), 0);
    path_of("server.key", path);
    ck_assert_int_eq(file_write_atomic(path, buf_slice(&key).p, buf_len(&key), 0600, &e), 0);
    (void)snprintf(crt, sizeof(crt), "%.*s", (int)buf_len(&cert), buf_slice(&cert).p);
    ck_assert_msg(trust_renew(t, &e) == 0, "%s", e.text);
    read_text("server.crt", again, sizeof(again));
    ck_assert_str_ne(crt, again);
    buf_fini(&cert);
    cert_wipe(&key);
    cert_ca_free(ca);
    trust_free(t);
}
END_TEST

START_TEST(a_ca_is_never_replaced)
{
    struct trust_options o = {folder, NULL};
    struct trust *t = opened(NULL);
    char path[160];

    trust_free(t);
    path_of("ca.key", path);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_ne(trust_open(&o, &t, &e), 0);
    ck_assert_ptr_nonnull(strstr(e.text, "ca.key"));
}
END_TEST

static int find(void *arg, const struct store_token *t)
{
    int *n = arg;

    ck_assert_int_eq(t->role, STORE_ROLE_ADMIN);
    *n += t->revoked_ms == 0;
    return 0;
}

static int tokens(void)
{
    int n = 0;

    ck_assert_int_eq(store_tokens(store, find, &n, &e), 0);
    return n;
}

START_TEST(admin_token)
{
    char text[256], again[256], id[64], path[160];
    struct slice tid, secret;
    struct trust *t = opened(NULL);

    ck_assert_int_eq(trust_admin_token(t, store, &e), 0);
    ck_assert_uint_eq(mode_of("admin.token"), 0600);
    read_text("admin.token", text, sizeof(text));
    ck_assert_int_eq(trust_admin_token(t, store, &e), 0);
    read_text("admin.token", again, sizeof(again));
    ck_assert_str_eq(text, again);
    ck_assert_int_eq(tokens(), 1);
    text[strcspn(text, "\n")] = '\0';
    ck_assert(trust_token_parse(slice_of(text), &tid, &secret));
    ck_assert_uint_eq(secret.n, TRUST_TOKEN_SECRET);
    (void)snprintf(id, sizeof(id), "%.*s", SLICE_FMT(tid));
    /* Revoked: a new one. Lost file: a new one. */
    ck_assert_int_eq(store_token_revoke(store, slice_of(id), 5, &e), 0);
    ck_assert_int_eq(trust_admin_token(t, store, &e), 0);
    ck_assert_int_eq(tokens(), 1);
    read_text("admin.token", again, sizeof(again));
    ck_assert_int_ne(strncmp(text, again, strlen(text)), 0);
    path_of("admin.token", path);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(trust_admin_token(t, store, &e), 0);
    ck_assert_int_eq(tokens(), 2);
    trust_free(t);
}
END_TEST

START_TEST(the_store_missed_it)
{
    const char *text = "slc_0123456789abcdef_0123456789abcdefghijklmnopqrstuv0123456789abcdefghij\n";
    struct trust *t = opened(NULL);
    char path[160], again[256];

    path_of("admin.token", path);
    ck_assert_int_eq(file_write_atomic(path, text, strlen(text), 0600, &e), 0);
    ck_assert_int_eq(trust_admin_token(t, store, &e), 0);
    ck_assert_int_eq(tokens(), 1);
    read_text("admin.token", again, sizeof(again));
    ck_assert_str_eq(text, again);
    trust_free(t);
}
END_TEST

START_TEST(token_form)
{
    static const char *const bad[] = {"", "slc_", "slc__x", "slc_a_", "slc_ab", "xlc_a_b", "slc-a-b"};
    struct slice id, secret;
    struct trust_token made;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!trust_token_parse(slice_of(bad[i]), &id, &secret), "%s", bad[i]);
    trust_token_make(&made);
    ck_assert_uint_eq(strlen(made.id), 16);
    ck_assert_uint_eq(strlen(made.secret), TRUST_TOKEN_SECRET);
}
END_TEST

START_TEST(context_file)
{
    struct trust *t = opened(NULL);
    char text[2000];

    ck_assert_int_eq(trust_write_context(t, "127.0.0.1:9901", &e), 0);
    ck_assert_uint_eq(mode_of("cpctl.yaml"), 0600);
    read_text("cpctl.yaml", text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "https://127.0.0.1:9901"));
    ck_assert_ptr_nonnull(strstr(text, "/admin.token"));
    trust_free(t);
}
END_TEST

Suite *test_trust_suite(void)
{
    Suite *suite = suite_create("trust");
    TCase *t = tcase_create("trust");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, made_once);
    tcase_add_test(t, half_made);
    tcase_add_test(t, renewal);
    tcase_add_test(t, a_ca_is_never_replaced);
    tcase_add_test(t, admin_token);
    tcase_add_test(t, the_store_missed_it);
    tcase_add_test(t, token_form);
    tcase_add_test(t, context_file);
    suite_add_tcase(suite, t);
    return suite;
}
