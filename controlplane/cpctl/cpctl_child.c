#include "cpctl/cpctl_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/slice.h"

extern char **environ;

void cpctl_child_init(struct cpctl_child *ch, const char *name)
{
    memset(ch, 0, sizeof(*ch));
    ch->name = name;
    ch->log_fd = -1;
    buf_init(&ch->log, 4 * CPCTL_CHILD_LINE_MAX);
}

void cpctl_child_fini(struct cpctl_child *ch)
{
    if (ch->log_fd >= 0)
        (void)close(ch->log_fd);
    ch->log_fd = -1;
    buf_fini(&ch->log);
}

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

int cpctl_child_find(const char *program, char *path, struct err *e)
{
    const char *search = getenv("PATH");
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *slash;

    if (n > 0) {
        path[n] = '\0';
        slash = strrchr(path, '/');
        if (slash != NULL && snprintf(slash + 1, PATH_MAX - (size_t)(slash + 1 - path), "%s", program) > 0 &&
            is_program(path))
            return 0;
    }
    while (search != NULL && *search != '\0') {
        size_t length = strcspn(search, ":");

        if (length != 0 && snprintf(path, PATH_MAX, "%.*s/%s", (int)length, search, program) < PATH_MAX &&
            is_program(path))
            return 0;
        search += length + (search[length] == ':');
    }
    return err_set(e, ERR_NOTFOUND, "%s is neither beside cpctl nor on PATH", program);
}

/* Our environment without settings meant for the daemons of somebody else. */
static char **clean_environment(void)
{
    size_t n = 0, kept = 0;
    char **out;

    while (environ[n] != NULL)
        n++;
    out = calloc(n + 1, sizeof(*out));
    for (size_t i = 0; out != NULL && i < n; i++)
        if (strncmp(environ[i], "SLUICE_", 7) != 0)
            out[kept++] = environ[i];
    return out;
}

/* In the child, between fork and exec: only calls that are safe there. */
static _Noreturn void become(const char *path, const char *const *argv, char **env, int log_fd, int null_fd, pid_t parent)
{
    union {
        const char *const *from;
        char *const *to;
    } args = {argv};
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigaction(SIGPIPE, &plain, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(127); /* our parent is gone already */
    if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0)
        _exit(127);
    (void)execve(path, args.to, env);
    _exit(127);
}

int cpctl_child_start(struct cpctl_child *ch, const char *path, const char *const *argv, struct err *e)
{
    int fds[2], null_fd;
    pid_t parent = getpid();
    char **env = clean_environment();

    if (env == NULL)
        return err_set(e, ERR_NOMEM, "%s", ch->name);
    null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0 || pipe2(fds, O_CLOEXEC) != 0) {
        free(env);
        if (null_fd >= 0)
            (void)close(null_fd);
        return err_errno(e, "%s", ch->name);
    }
    ch->pid = fork();
    if (ch->pid == 0)
        become(path, argv, env, fds[1], null_fd, parent);
    (void)close(fds[1]);
    (void)close(null_fd);
    free(env);
    if (ch->pid < 0) {
        ch->pid = 0;
        (void)close(fds[0]);
        return err_errno(e, "%s: fork", ch->name);
    }
    (void)setpgid(ch->pid, ch->pid);
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    ch->log_fd = fds[0];
    return 0;
}

/* A line of the log is "13:20:00.123 warn  program: event key=value"; of the reason only what follows the program is kept. */
static void keep_reason(struct cpctl_child *ch, struct slice line)
{
    bool is_error = memmem(line.p, line.n, " error ", 7) != NULL || memmem(line.p, line.n, "error: ", 7) != NULL;
    const char *colon = memmem(line.p, line.n, ": ", 2);

    if (line.n == 0 || (ch->last_is_error && !is_error))
        return;
    if (colon != NULL)
        line = slice_sub(line, (size_t)(colon + 2 - line.p), line.n);
    (void)snprintf(ch->last, sizeof(ch->last), "%.*s", SLICE_FMT(line));
    ch->last_is_error = is_error;
}

static void take_lines(struct cpctl_child *ch, FILE *to, bool all)
{
    for (;;) {
        struct slice text = buf_slice(&ch->log), line;
        const char *end = text.n == 0 ? NULL : memchr(text.p, '\n', text.n);

        if (end == NULL && (text.n == 0 || (!all && text.n < CPCTL_CHILD_LINE_MAX)))
            return;
        line = slice_from(text.p, end == NULL ? text.n : (size_t)(end - text.p));
        keep_reason(ch, line);
        if (line.n != 0)
            fprintf(to, "%.*s\n", SLICE_FMT(line));
        buf_consume(&ch->log, line.n + (end != NULL));
    }
}

void cpctl_child_read(struct cpctl_child *ch, FILE *to)
{
    while (ch->log_fd >= 0) {
        ssize_t n;

        if (buf_reserve(&ch->log, CPCTL_CHILD_LINE_MAX) != 0)
            return;
        n = read(ch->log_fd, ch->log.p + ch->log.w, CPCTL_CHILD_LINE_MAX);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        if (n == 0) {
            (void)close(ch->log_fd);
            ch->log_fd = -1;
        }
        ch->log.w += (size_t)n;
        take_lines(ch, to, n == 0);
    }
    (void)fflush(to);
}

bool cpctl_child_ended(struct cpctl_child *ch)
{
    if (ch->pid == 0)
        return true;
    if (waitpid(ch->pid, &ch->status, WNOHANG) != ch->pid)
        return false;
    ch->pid = 0;
    return true;
}

void cpctl_child_reason(const struct cpctl_child *ch, char *out, size_t size)
{
    const char *colon = ch->last[0] == '\0' ? "" : ": ";

    if (WIFSIGNALED(ch->status))
        (void)snprintf(out, size, "%s was ended by signal %d%s%s", ch->name, WTERMSIG(ch->status), colon, ch->last);
    else if (WEXITSTATUS(ch->status) == 127)
        (void)snprintf(out, size, "%s could not be started%s%s", ch->name, colon, ch->last);
    else
        (void)snprintf(out, size, "%s ended with status %d%s%s", ch->name, WEXITSTATUS(ch->status), colon, ch->last);
}

void cpctl_child_signal(const struct cpctl_child *ch, int number)
{
    if (ch->pid != 0)
        (void)kill(ch->pid, number);
}
