#include "apply/check_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/must.h"
#include "bundle/bundle_file.h"
#include "text/json.h"

#define VERDICT_MAX 8192u

extern char **environ;

/* The bundle in a file without a name: the child reads at its own pace and nobody waits for a full pipe. */
static int bundle_fd(const struct bundle *b, int *fd, struct err *e)
{
    int rc;

    *fd = memfd_create("bundle", MFD_CLOEXEC);
    if (*fd < 0)
        return err_errno(e, "check: memfd_create");
    rc = bundle_file_write_fd(*fd, b, e);
    if (rc == 0 && lseek(*fd, 0, SEEK_SET) != 0)
        rc = err_errno(e, "check: lseek");
    if (rc != 0)
        (void)close(*fd);
    return rc;
}

static int start(const char *program, int in, int out, pid_t *pid, struct err *e)
{
    char *argv[] = {strdup(program), strdup("--check-bundle"), NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, defaults;
    int rc;

    (void)sigemptyset(&none);
    (void)sigfillset(&defaults);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &defaults);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    rc = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (rc == 0 && argv[0] != NULL && argv[1] != NULL)
        rc = posix_spawnp(pid, program, &actions, &attr, argv, environ);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&actions);
    free(argv[0]);
    free(argv[1]);
    errno = rc;
    return rc == 0 ? 0 : err_errno(e, "check: cannot start %s", program);
}

/* Reads to the end of the child's output. -ERR_TIMEOUT, -ERR_LIMIT. */
static int read_verdict(int fd, uint64_t deadline, char *out, size_t size, size_t *used, struct err *e)
{
    *used = 0;
    for (;;) {
        uint64_t now = clock_mono_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (now >= deadline)
            return err_set(e, ERR_TIMEOUT, "the check did not end in time");
        if (poll(&p, 1, (int)(deadline - now)) <= 0)
            continue;
        if (*used == size)
            return err_set(e, ERR_LIMIT, "the check said too much");
        n = read(fd, out + *used, size - *used);
        if (n == 0)
            return 0;
        if (n > 0)
            *used += (size_t)n;
        else if (errno != EINTR && errno != EAGAIN)
            return err_errno(e, "check: read");
    }
}

static void copy_text(const struct json *root, const char *key, char *out, size_t size)
{
    struct slice s = json_string(json_get_str(root, key), SLICE_NONE);

    if (s.n >= size)
        s.n = size - 1;
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

static int judge(struct slice text, int status, struct check_verdict *v, struct err *e)
{
    struct json *root = NULL;
    struct arena a;
    bool ok = false, read;

    if (WIFSIGNALED(status))
        return err_set(e, ERR_INVALID, "the data plane crashed on it (signal %d)", WTERMSIG(status));
    arena_init(&a, 0, VERDICT_MAX * 16);
    read = json_read(&a, text, NULL, &root, NULL) == 0;
    if (read) {
        ok = json_bool(json_get_str(root, "ok"), false);
        copy_text(root, "type", v->type, sizeof(v->type));
        copy_text(root, "key", v->key, sizeof(v->key));
        copy_text(root, "field", v->field, sizeof(v->field));
        copy_text(root, "message", v->message, sizeof(v->message));
    }
    arena_fini(&a);
    if (!read)
        return err_set(e, ERR_INVALID, "the check ended with status %d and no verdict", WEXITSTATUS(status));
    if (ok && WEXITSTATUS(status) == 0)
        return 0;
    if (ok)
        return err_set(e, ERR_INVALID, "the check ended with status %d", WEXITSTATUS(status));
    return err_set(e, ERR_INVALID, "%s%s%s%s%s%s", v->type, v->type[0] == '\0' ? "" : " ", v->key,
                   v->key[0] == '\0' ? "" : ": ", v->message, "");
}

static int run(const char *program, int in, uint32_t timeout_ms, struct check_verdict *v, struct err *e)
{
    char text[VERDICT_MAX];
    size_t used = 0;
    int fds[2], rc, status = 0;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_errno(e, "check: pipe");
    rc = start(program, in, fds[1], &pid, e);
    (void)close(fds[1]);
    if (rc != 0) {
        (void)close(fds[0]);
        return rc;
    }
    rc = read_verdict(fds[0], clock_mono_ms() + timeout_ms, text, sizeof(text), &used, e);
    (void)close(fds[0]);
    /* Its output ended: it is about to end too. If something failed here, or it only closed its output, that is sure after this. */
    if (rc != 0)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (rc == 0)
        return judge(slice_from(text, used), status, v, e);
    e->code = ERR_INVALID; /* whatever the child did wrong: it is the bundle that is not proven */
    return -ERR_INVALID;
}

int check_child(const char *program, const struct bundle *b, uint32_t timeout_ms, struct check_verdict *v, struct err *e)
{
    struct err local;
    int fd, rc;

    memset(v, 0, sizeof(*v));
    if (e == NULL)
        e = &local;
    rc = bundle_fd(b, &fd, e);
    if (rc != 0)
        return rc;
    rc = run(program, fd, timeout_ms, v, e);
    (void)close(fd);
    return rc;
}
