#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "loader/loader_disk.h"
#include "make_api.h"

Suite *test_loader_disk_suite(void);

#define SOAK 1000u

static char dir[64];
static struct err e;

static void setup(void)
{
    log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    (void)snprintf(dir, sizeof(dir), "/tmp/sluice-disk-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
    char path[400];
    const struct dirent *at;
    DIR *d = opendir(dir);

    while ((at = readdir(d)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, at->d_name);
        (void)unlink(path);
    }
    (void)closedir(d);
    (void)rmdir(dir);
}

static size_t count_files(const char *tail)
{
    const struct dirent *at;
    DIR *d = opendir(dir);
    size_t n = 0;

    while ((at = readdir(d)) != NULL)
        n += slice_ends(slice_of(at->d_name), slice_of(tail));
    (void)closedir(d);
    return n;
}

static struct bundle *make(uint64_t revision)
{
    char path[32];
    struct mb m = {0};
    struct bundle *b;

    (void)snprintf(path, sizeof(path), "/r%llu", (unsigned long long)revision);
    api_stage(&m, "shop", "prod", NULL, "/shop/prod");
    api_integration(&m, "shop/prod", "i", 1, "");
    api_route(&m, "shop/prod", "GET", path, "i");
    b = mb_bundle(&m, 1, revision);
    mb_fini(&m);
    return b;
}

static struct bundle_version version_of(uint64_t revision)
{
    struct bundle *b = make(revision);
    struct bundle_version v = b->version;

    bundle_unref(b);
    return v;
}

static struct disk *start(void)
{
    struct disk *d = NULL;

    ck_assert_int_eq(disk_open(dir, SOAK, "1.0", &d, &e), 0);
    ck_assert_msg(e.code == ERR_NONE, "%s", e.text);
    return d;
}

static void save(struct disk *d, uint64_t revision)
{
    struct bundle *b = make(revision);

    ck_assert_msg(disk_save(d, b, &e) == 0, "%s", e.text);
    bundle_unref(b);
}

/* Served for the soak time: now it is good. */
static void soak(struct disk *d, uint64_t revision)
{
    struct bundle_version v = version_of(revision);

    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
    ck_assert_int_eq(disk_attempt_tick(d, 5000, false, &e), 0);
    ck_assert_int_eq(disk_attempt_tick(d, 6000, true, &e), 0);
    ck_assert_int_eq(disk_attempt_tick(d, 6000 + SOAK, true, &e), 0);
}

/* 0: none can be used. */
static uint64_t chosen(struct disk *d)
{
    struct bundle *b = NULL;
    uint64_t revision;

    if (disk_choose(d, &b, &e) != 0)
        return 0;
    revision = b->version.revision;
    bundle_unref(b);
    return revision;
}

START_TEST(empty_folder)
{
    struct disk_report r;
    struct disk *d = start();

    ck_assert_uint_eq(chosen(d), 0);
    disk_report(d, &r);
    ck_assert_uint_eq(r.restart_count, 1);
    ck_assert(!r.has_stored && !r.has_attempt && r.n_rejected == 0);
    disk_close(d);
    d = start();
    disk_report(d, &r);
    ck_assert_uint_eq(r.restart_count, 2);
    disk_close(d);
    disk_close(NULL);
}
END_TEST

START_TEST(newest_is_chosen_and_private)
{
    struct disk_report r;
    struct disk *d = start();
    struct stat st;
    char path[128];

    save(d, 9);
    save(d, 10);
    save(d, 11);
    ck_assert_uint_eq(chosen(d), 11);
    disk_close(d);
    d = start();
    ck_assert_uint_eq(chosen(d), 11);
    disk_report(d, &r);
    ck_assert(r.has_stored && r.stored.revision == 11);
    (void)snprintf(path, sizeof(path), "%s/gen-1-11.bundle", dir);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    (void)snprintf(path, sizeof(path), "%s/state", dir);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    disk_close(d);
}
END_TEST

/* Three hundred quick revisions must not push out what is proven. */
START_TEST(good_ones_stay)
{
    struct disk *d = start();

    for (uint64_t i = 1; i <= 4; i++) {
        save(d, i);
        soak(d, i);
    }
    ck_assert_uint_eq(count_files(".bundle"), 4); /* good: 2, 3, 4; and room for one more */
    for (uint64_t i = 5; i <= 30; i++)
        save(d, i);
    ck_assert_uint_eq(count_files(".bundle"), 4); /* good: 2, 3, 4; candidate: 30 */
    ck_assert_uint_eq(chosen(d), 30);
    for (uint64_t i = 30; i >= 2; i = i == 30 ? 4 : i - 1) {
        struct bundle_version v = version_of(i);

        ck_assert_uint_eq(chosen(d), i);
        ck_assert_int_eq(disk_reject(d, &v, &e), 0);
    }
    ck_assert_uint_eq(chosen(d), 0);
    disk_close(d);
}
END_TEST

START_TEST(two_crashes_and_no_third)
{
    struct bundle_version v = version_of(2), old = version_of(1);
    struct disk_report r;
    struct disk *d = start();

    save(d, 1);
    soak(d, 1);
    save(d, 2);
    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0); /* counts once a run */
    disk_close(d);                                      /* the first crash */

    d = start();
    ck_assert_uint_eq(chosen(d), 2);
    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
    disk_close(d);                                      /* the second */

    d = start();
    ck_assert_uint_eq(chosen(d), 1);
    ck_assert(disk_is_rejected(d, &v));
    disk_report(d, &r);
    ck_assert_uint_eq(r.restart_count, 3);
    ck_assert_uint_eq(r.n_rejected, 1);
    ck_assert(bundle_version_eq(&r.rejected[0], &v));
    ck_assert(!r.has_attempt);
    ck_assert_int_eq(disk_attempt_begin(d, &old, &e), 0);
    disk_close(d);

    d = start(); /* the older one has crashed once: it is tried again */
    ck_assert(disk_is_rejected(d, &v));
    ck_assert_uint_eq(chosen(d), 1);
    disk_close(d);
}
END_TEST

/* It crashes while it is built, so it never comes to the disk: each start serves the older one, and is offered it again. */
START_TEST(two_crashes_with_another_between)
{
    struct bundle_version v = version_of(2), old = version_of(1);
    struct disk *d = start();

    save(d, 1);
    soak(d, 1);
    for (int run = 0; run < 2; run++) {
        ck_assert(!disk_is_rejected(d, &v));
        ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
        disk_close(d); /* a crash */
        d = start();
        ck_assert_uint_eq(chosen(d), 1);
        if (run == 0)
            ck_assert_int_eq(disk_attempt_begin(d, &old, &e), 0);
    }
    ck_assert(disk_is_rejected(d, &v));
    ck_assert(!disk_is_rejected(d, &old));
    disk_close(d);
}
END_TEST

/* An orderly end between two crashes is no excuse; to be served for the soak time is. */
START_TEST(crashes_are_remembered_until_good)
{
    struct bundle_version v = version_of(1);
    struct disk *d = start();

    save(d, 1);
    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
    disk_close(d); /* a crash */
    d = start();
    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
    ck_assert_int_eq(disk_attempt_clear(d, &e), 0);
    disk_close(d);
    d = start();
    soak(d, 1);
    disk_close(d);
    d = start();
    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
    disk_close(d); /* the first one since it was good */
    d = start();
    ck_assert(!disk_is_rejected(d, &v));
    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
    ck_assert_int_eq(disk_attempt_clear(d, &e), 0);
    disk_close(d);
    d = start();
    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
    disk_close(d); /* the second */
    d = start();
    ck_assert(disk_is_rejected(d, &v));
    disk_close(d);
}
END_TEST

START_TEST(other_software_tries_again)
{
    struct bundle_version rejected = version_of(7), once = version_of(8);
    struct disk_report r;
    struct disk *d = start();

    save(d, 1);
    soak(d, 1);
    ck_assert_int_eq(disk_reject(d, &rejected, &e), 0);
    ck_assert_int_eq(disk_attempt_begin(d, &once, &e), 0);
    disk_close(d); /* a crash */
    ck_assert_int_eq(disk_open(dir, SOAK, "1.1", &d, &e), 0);
    disk_report(d, &r);
    ck_assert_uint_eq(r.n_rejected, 0);
    ck_assert_uint_eq(r.restart_count, 2);
    ck_assert(!r.has_attempt);
    ck_assert_uint_eq(chosen(d), 1);
    ck_assert_int_eq(disk_attempt_begin(d, &once, &e), 0);
    disk_close(d); /* the new one's first crash */
    ck_assert_int_eq(disk_open(dir, SOAK, "1.1", &d, &e), 0);
    ck_assert(!disk_is_rejected(d, &once));
    disk_close(d);
}
END_TEST

/* More of them than are remembered: the oldest is forgotten, the state stays readable. */
START_TEST(crashed_is_bounded)
{
    struct disk *d = start();

    for (uint64_t i = 1; i <= 12; i++) {
        struct bundle_version v = version_of(i);

        ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
        disk_close(d); /* a crash on each */
        d = start();
    }
    for (uint64_t i = 12; i > 4; i--) {
        struct bundle_version v = version_of(i);

        ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
        disk_close(d);
        d = start();
        ck_assert_msg(disk_is_rejected(d, &v), "%d", (int)i);
    }
    disk_close(d);
}
END_TEST

START_TEST(soak_and_orderly_end)
{
    struct bundle_version v = version_of(1);
    struct disk_report r;
    struct disk *d;

    for (int run = 0; run < 5; run++) { /* ends by SIGTERM within the soak: no crash, however often */
        d = start();
        save(d, 1);
        ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
        ck_assert_int_eq(disk_attempt_clear(d, &e), 0);
        disk_close(d);
    }
    d = start();
    ck_assert_uint_eq(chosen(d), 1);
    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), 0);
    ck_assert_int_eq(disk_attempt_tick(d, 100, true, &e), 0);
    ck_assert_int_eq(disk_attempt_tick(d, 100 + SOAK - 1, true, &e), 0);
    disk_report(d, &r);
    ck_assert(r.has_attempt);
    ck_assert_int_eq(disk_attempt_tick(d, 1099, false, &e), 0);     /* a gap: from the start */
    ck_assert_int_eq(disk_attempt_tick(d, 1200, true, &e), 0);
    ck_assert_int_eq(disk_attempt_tick(d, 1200 + SOAK - 1, true, &e), 0);
    disk_report(d, &r);
    ck_assert(r.has_attempt);
    ck_assert_int_eq(disk_attempt_tick(d, 1200 + SOAK, true, &e), 0);
    disk_report(d, &r);
    ck_assert(!r.has_attempt);
    disk_close(d);
    for (int run = 0; run < 5; run++) { /* crashes after the soak are not the bundle's */
        d = start();
        ck_assert_uint_eq(chosen(d), 1);
        disk_close(d);
    }
}
END_TEST

START_TEST(rejected_is_bounded_and_kept)
{
    struct bundle *b = make(30);
    struct disk_report r;
    struct disk *d = start();

    for (uint64_t i = 1; i <= 30; i++) {
        struct bundle_version v = version_of(i);

        ck_assert_int_eq(disk_reject(d, &v, &e), 0);
        ck_assert_int_eq(disk_reject(d, &v, &e), 0); /* once in the list */
    }
    disk_close(d);
    d = start();
    disk_report(d, &r);
    ck_assert_uint_eq(r.n_rejected, DISK_REJECTED_MAX);
    ck_assert_uint_eq(r.rejected[0].revision, 23);
    ck_assert_uint_eq(r.rejected[7].revision, 30);
    ck_assert_int_eq(disk_save(d, b, &e), -ERR_NOTNOW);
    bundle_unref(b);
    disk_close(d);
}
END_TEST

static void read_bytes(const char *path, struct buf *out)
{
    buf_init(out, 0);
    ck_assert_int_eq(file_read(path, 1 << 20, out, &e), 0);
}

static void put_bytes(const char *path, const char *p, size_t n)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(p, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

/* Every byte in turn, every length: the file is set aside and the older one is taken. */
START_TEST(damaged_bundles)
{
    char path[128];
    struct buf bytes;
    struct disk *d = start();

    save(d, 1);
    save(d, 2);
    (void)snprintf(path, sizeof(path), "%s/gen-1-2.bundle", dir);
    read_bytes(path, &bytes);
    disk_close(d);
    ck_assert_uint_lt(buf_len(&bytes), 2000);
    for (size_t i = 0; i < 2 * buf_len(&bytes); i++) {
        size_t at = i / 2, n = i % 2 == 0 ? buf_len(&bytes) : at;

        bytes.p[at] ^= (char)(i % 2 == 0 ? 1u << (at % 8) : 0);
        put_bytes(path, bytes.p, n);
        bytes.p[at] ^= (char)(i % 2 == 0 ? 1u << (at % 8) : 0);
        ck_assert_int_eq(disk_open(dir, SOAK, "1.0", &d, &e), 0);
        ck_assert_msg(chosen(d) == 1, "%s at %zu", i % 2 == 0 ? "a flip" : "a cut", at);
        ck_assert_int_ne(access(path, F_OK), 0);
        disk_close(d);
    }
    ck_assert_uint_eq(count_files(".bad"), 1);
    put_bytes(path, bytes.p, buf_len(&bytes));
    d = start();
    ck_assert_uint_eq(chosen(d), 2);
    disk_close(d);
    buf_fini(&bytes);
}
END_TEST

START_TEST(damaged_state)
{
    struct bundle_version v = version_of(3), good = version_of(1);
    char path[128];
    struct disk_report r;
    struct buf bytes;
    struct disk *d = start();

    save(d, 1);
    soak(d, 1);
    ck_assert_int_eq(disk_reject(d, &v, &e), 0);
    ck_assert_int_eq(disk_attempt_begin(d, &good, &e), 0);
    disk_close(d);
    (void)snprintf(path, sizeof(path), "%s/state", dir);
    read_bytes(path, &bytes);
    for (size_t i = 0; i < 2 * buf_len(&bytes); i++) {
        size_t at = i / 2, n = i % 2 == 0 ? buf_len(&bytes) : at;
        bool digit = at > buf_len(&bytes) - 66; /* of the sum: hexadecimal has two cases */

        bytes.p[at] ^= (char)(i % 2 == 0 ? 1u << (digit ? at % 4 : at % 8) : 0);
        put_bytes(path, bytes.p, n);
        bytes.p[at] ^= (char)(i % 2 == 0 ? 1u << (digit ? at % 4 : at % 8) : 0);
        ck_assert_int_eq(disk_open(dir, SOAK, "1.0", &d, &e), 0);
        disk_report(d, &r);
        ck_assert_msg(r.restart_count == 1 && r.n_rejected == 0 && !r.has_attempt, "%s at %zu", i % 2 == 0 ? "a flip" : "a cut", at);
        ck_assert_uint_eq(chosen(d), 1); /* bundles are found without it */
        disk_close(d);
    }
    put_bytes(path, bytes.p, buf_len(&bytes));
    d = start();
    disk_report(d, &r);
    ck_assert_uint_eq(r.restart_count, 2);
    ck_assert(disk_is_rejected(d, &v) && r.has_attempt);
    disk_close(d);
    buf_fini(&bytes);
}
END_TEST

START_TEST(other_files_are_left_alone)
{
    static const char *const names[] = {"gen-1-2.bundlex", "gen-01-2.bundle", "gen-1.bundle", "gen--1-2.bundle", "key.pem",
                                        "gen-1-99999999999999999999999.bundle", "gen-1-5 .bundle", "gen-1-+5.bundle"};
    char path[200];
    struct disk *d;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        put_bytes(path, "x", 1);
    }
    (void)snprintf(path, sizeof(path), "%s/gen-1-7.bundle.tmp", dir); /* a write that was cut */
    put_bytes(path, "x", 1);
    d = start();
    save(d, 1);
    ck_assert_uint_eq(chosen(d), 1);
    ck_assert_int_ne(access(path, F_OK), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        ck_assert_int_eq(access(path, F_OK), 0);
    }
    /* A good bundle under another's name is no good. */
    (void)snprintf(path, sizeof(path), "%s/gen-1-8.bundle", dir);
    disk_close(d);
    {
        char from[200];
        struct buf bytes;

        (void)snprintf(from, sizeof(from), "%s/gen-1-1.bundle", dir);
        read_bytes(from, &bytes);
        put_bytes(path, bytes.p, buf_len(&bytes));
        buf_fini(&bytes);
    }
    d = start();
    ck_assert_uint_eq(chosen(d), 1);
    ck_assert_int_ne(access(path, F_OK), 0);
    disk_close(d);
}
END_TEST

static void limit_files(rlim_t n)
{
    struct rlimit r;

    ck_assert_ptr_ne((void *)(uintptr_t)signal(SIGXFSZ, SIG_IGN), (void *)(uintptr_t)SIG_ERR);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = n == 0 ? r.rlim_max : n;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* As when the disk is full: writes fail, what is there stays, and the state follows once there is room. */
START_TEST(disk_full)
{
    struct bundle_version v = version_of(1);
    struct bundle *b = make(2);
    struct disk_report r;
    struct disk *d = start();

    save(d, 1);
    limit_files(16);
    ck_assert_int_eq(disk_save(d, b, &e), -ERR_IO);
    ck_assert_uint_eq(chosen(d), 1);
    ck_assert_uint_eq(count_files(".bundle"), 1);
    ck_assert_uint_eq(count_files(".tmp"), 0);
    ck_assert_int_eq(disk_attempt_begin(d, &v, &e), -ERR_IO);
    ck_assert_int_eq(disk_attempt_tick(d, 1, true, &e), -ERR_IO);
    ck_assert_int_eq(disk_attempt_tick(d, 1 + SOAK, true, &e), -ERR_IO);
    disk_report(d, &r);
    ck_assert(!r.has_attempt);
    limit_files(0);
    ck_assert_int_eq(disk_attempt_tick(d, 2 + SOAK, true, &e), 0);
    ck_assert_int_eq(disk_save(d, b, &e), 0);
    ck_assert_uint_eq(chosen(d), 2);
    disk_close(d);
    bundle_unref(b);
}
END_TEST

START_TEST(no_folder)
{
    struct bundle *b = make(2);
    struct bundle_version v = b->version;
    struct disk *d = NULL;
    char path[5000];

    (void)snprintf(path, sizeof(path), "%s/file", dir);
    put_bytes(path, "x", 1);
    (void)snprintf(path, sizeof(path), "%s/file/state", dir);
    ck_assert_int_eq(disk_open(path, SOAK, "1.0", &d, &e), 0);
    ck_assert_int_eq(e.code, ERR_IO);
    ck_assert_uint_eq(chosen(d), 0);
    ck_assert_int_eq(disk_save(d, b, &e), -ERR_IO);
    ck_assert_int_eq(disk_reject(d, &v, &e), -ERR_IO);
    ck_assert(disk_is_rejected(d, &v)); /* known as long as the process lives */
    disk_close(d);
    bundle_unref(b);
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    ck_assert_int_eq(disk_open(path, SOAK, "1.0", &d, &e), -ERR_LIMIT);
}
END_TEST

Suite *test_loader_disk_suite(void)
{
    Suite *s = suite_create("loader_disk");
    TCase *t = tcase_create("disk");

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, empty_folder);
    tcase_add_test(t, newest_is_chosen_and_private);
    tcase_add_test(t, good_ones_stay);
    tcase_add_test(t, two_crashes_and_no_third);
    tcase_add_test(t, two_crashes_with_another_between);
    tcase_add_test(t, crashes_are_remembered_until_good);
    tcase_add_test(t, crashed_is_bounded);
    tcase_add_test(t, other_software_tries_again);
    tcase_add_test(t, soak_and_orderly_end);
    tcase_add_test(t, rejected_is_bounded_and_kept);
    tcase_add_test(t, damaged_bundles);
    tcase_add_test(t, damaged_state);
    tcase_add_test(t, other_files_are_left_alone);
    tcase_add_test(t, disk_full);
    tcase_add_test(t, no_folder);
    suite_add_tcase(s, t);
    return s;
}
