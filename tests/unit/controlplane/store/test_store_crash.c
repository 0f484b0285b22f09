/* A writer that is killed at a random instant, over and over, on one store. It tells each acknowledged revision through a pipe
 * before it starts the next; nothing that was told may be missing, and no revision may be half there. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/random.h"
#include "store/store_int.h"

#define ROUNDS 220
#define DOCUMENTS 4
#define DELAY_US 12000

static char folder[64], path[96];

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/sluice-crash-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/sluice.db", folder);
}

static void teardown(void)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    char name[128];

    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
}

/* What document i says at a revision: so that a reader knows what it must find. */
static struct slice text_of(uint64_t revision, int i, char out[3000])
{
    int n = snprintf(out, 3000, "revision %" PRIu64 " document %d ", revision, i);

    for (size_t k = (size_t)n; k < 3000; k++)
        out[k] = (char)('a' + (revision * 7 + k * k * 31 + (size_t)i) % 26);
    return slice_from(out, 3000);
}

static int write_one(struct store *s, uint64_t base, uint64_t *revision, struct err *e)
{
    static char texts[DOCUMENTS][3000];
    static const char *const names[DOCUMENTS] = {"a", "b", "c", "d"};
    struct store_document d[DOCUMENTS];
    struct store_root roots[2] = {{.environment = SLICE_LIT("dev")}, {.environment = SLICE_LIT("prod")}};
    struct store_audit audit = {.who = SLICE_LIT("w"), .action = SLICE_LIT("apply")};
    struct store_commit c = {.base_revision = base, .summary = SLICE_LIT("[]"), .changes = d, .n_changes = DOCUMENTS,
                             .roots = roots, .n_roots = 2, .audit = &audit};

    for (int i = 0; i < DOCUMENTS; i++)
        d[i] = (struct store_document){.kind = SLICE_LIT("Api"), .name = slice_of(names[i]), .op = STORE_UPDATED,
                                       .text = text_of(base + 1, i, texts[i])};
    memcpy(roots[0].root, &(uint64_t){base + 1}, 8);
    memcpy(roots[1].root, &(uint64_t){base + 1}, 8);
    return store_commit(s, &c, revision, e);
}

/* In the child. Leaves by being killed. */
static _Noreturn void writer(int out)
{
    struct store *s;
    uint64_t newest = 0;
    struct err e;

    if (store_open(path, &s, &e) != 0 || store_revision_newest(s, &newest, &e) != 0) {
        (void)fprintf(stderr, "writer: %s\n", e.text);
        _exit(3);
    }
    for (;;) {
        if (write_one(s, newest, &newest, &e) != 0 || write(out, &newest, sizeof(newest)) != sizeof(newest)) {
            (void)fprintf(stderr, "writer: %s\n", e.text);
            _exit(3);
        }
    }
}

struct expectation {
    uint64_t revision;
    int n;
};

static int check_document(void *arg, const struct store_document *d)
{
    struct expectation *x = arg;
    char want[3000];

    ck_assert_uint_eq(d->revision, x->revision);
    ck_assert(slice_eq(d->text, text_of(x->revision, d->name.p[0] - 'a', want)));
    x->n++;
    return 0;
}

static int check_head(void *arg, const struct store_head *h)
{
    struct expectation *x = arg;
    uint64_t root;

    memcpy(&root, h->head_root, 8);
    ck_assert_uint_eq(h->head_revision, x->revision);
    ck_assert_uint_eq(root, x->revision);
    x->n++;
    return 0;
}

/* Returns the newest revision. */
static uint64_t check(uint64_t told)
{
    struct expectation x = {0};
    struct store *s;
    uint64_t newest = 0;
    struct err e;

    ck_assert_msg(store_open(path, &s, &e) == 0, "%s", e.text);
    ck_assert_int_eq(store_revision_newest(s, &newest, &e), 0);
    ck_assert_msg(newest == told || newest == told + 1, "told %" PRIu64 ", found %" PRIu64, told, newest);
    if (newest > 0) {
        x.revision = newest;
        ck_assert_int_eq(store_revision_changes(s, newest, true, check_document, &x, &e), 0);
        ck_assert_int_eq(x.n, DOCUMENTS);
        ck_assert_int_eq(store_documents_at(s, newest, true, check_document, &x, &e), 0);
        ck_assert_int_eq(x.n, 2 * DOCUMENTS);
        x.n = 0;
        ck_assert_int_eq(store_heads(s, check_head, &x, &e), 0);
        ck_assert_int_eq(x.n, 2);
    }
    store_close(s);
    return newest;
}

static void drain(int fd, uint64_t *told)
{
    uint64_t revision;

    while (read(fd, &revision, sizeof(revision)) == sizeof(revision)) {
        ck_assert_uint_eq(revision, *told + 1);
        *told = revision;
    }
}

START_TEST(killed_at_any_instant)
{
    uint64_t told = 0;

    for (int round = 0; round < ROUNDS; round++) {
        int fds[2], status;
        pid_t child;

        ck_assert_int_eq(pipe(fds), 0);
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            (void)close(fds[0]);
            writer(fds[1]);
        }
        (void)close(fds[1]);
        (void)usleep((useconds_t)random_below(DELAY_US));
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        drain(fds[0], &told);
        (void)close(fds[0]);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFSIGNALED(status), "the writer ended by itself: %d", status);
        told = check(told);
    }
    ck_assert_uint_gt(told, 0);
}
END_TEST

/* Not a test of speed: one figure for people, in the output. */
START_TEST(commit_latency)
{
    uint64_t newest = 0, worst = 0, sum = 0, begin, took;
    struct store *s;
    struct err e;

    ck_assert_int_eq(store_open(path, &s, &e), 0);
    for (int i = 0; i < 200; i++) {
        begin = clock_mono_us();
        ck_assert_int_eq(write_one(s, newest, &newest, &e), 0);
        took = clock_mono_us() - begin;
        sum += took;
        worst = took > worst ? took : worst;
    }
    (void)printf("store: a commit of %d documents takes %" PRIu64 " us on average, %" PRIu64 " us at most\n", DOCUMENTS, sum / 200, worst);
    store_close(s);
}
END_TEST

Suite *test_store_crash_suite(void)
{
    Suite *suite = suite_create("store_crash");
    TCase *t = tcase_create("crash");

    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, killed_at_any_instant);
    tcase_add_test(t, commit_latency);
    suite_add_tcase(suite, t);
    return suite;
}
