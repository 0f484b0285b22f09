/* dev: children, signals, the temporary folder. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cpctl/cpctl_dev.h"
#include "cpctl/cpctl_say.h"

#define LOOK_MS       5   /* between two looks for a file that a child is about to write */
#define STALE_AFTER_S 600

static void take_signals(struct cpctl_dev *d)
{
    struct signalfd_siginfo info;

    while (read(d->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo != SIGCHLD && d->end == CPCTL_DEV_GOES_ON)
            d->end = CPCTL_DEV_STOPPED;
}

static void look_at(struct cpctl_dev *d, struct cpctl_child *ch)
{
    char reason[700];
    bool was_running = ch->pid != 0, ended = cpctl_child_ended(ch);

    cpctl_child_read(ch, d->c->err);
    if (!was_running || !ended || d->end != CPCTL_DEV_GOES_ON)
        return;
    cpctl_child_reason(ch, reason, sizeof(reason));
    cpctl_error(d->c, "%s", reason);
    d->end = CPCTL_DEV_BROKEN;
}

void cpctl_dev_pump(struct cpctl_dev *d, int timeout_ms)
{
    struct pollfd fds[4] = {
        {d->signal_fd, POLLIN, 0},
        {d->cp.log_fd, POLLIN, 0},
        {d->dp.log_fd, POLLIN, 0},
        {d->watching ? d->watch.fd : -1, POLLIN, 0},
    };

    if (poll(fds, 4, timeout_ms) < 0 && errno != EINTR) {
        cpctl_error(d->c, "poll: %s", strerror(errno));
        d->end = CPCTL_DEV_BROKEN;
        return;
    }
    take_signals(d);
    look_at(d, &d->cp);
    look_at(d, &d->dp);
    if (d->watching && fds[3].revents != 0)
        cpctl_watch_read(&d->watch, clock_mono_ms());
}

/* The file that a child writes when it listens; it is replaced whole, so what is there is complete. */
static const struct json *read_addresses(struct cpctl_dev *d, const char *path)
{
    struct json *value = NULL;
    struct buf text;

    buf_init(&text, 0);
    if (file_read(path, 65536, &text, NULL) == 0 && json_read(&d->c->arena, buf_slice(&text), NULL, &value, NULL) != 0)
        value = NULL;
    buf_fini(&text);
    return value;
}

int cpctl_dev_start(struct cpctl_dev *d, struct cpctl_child *ch, const char *program, const char *const *argv,
                    const char *state, const struct json **addresses)
{
    uint64_t deadline = clock_mono_ms() + CPCTL_DEV_START_MS;
    const char *file = arena_printf(&d->c->arena, "%s/addresses.json", state).p;
    char path[PATH_MAX];
    struct err e;

    if (cpctl_child_find(program, path, &e) != 0 || cpctl_child_start(ch, path, argv, &e) != 0) {
        d->end = CPCTL_DEV_BROKEN;
        return cpctl_fail(d->c, "%s", e.text);
    }
    do {
        cpctl_dev_pump(d, LOOK_MS);
        if (d->end != CPCTL_DEV_GOES_ON)
            return CPCTL_FAILED;
        *addresses = read_addresses(d, file);
        if (*addresses != NULL)
            return CPCTL_OK;
    } while (clock_mono_ms() < deadline);
    d->end = CPCTL_DEV_BROKEN;
    return cpctl_fail(d->c, "%s does not come up", ch->name);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* Until both have ended, or the time is up, or a second signal says that it is urgent. */
static void wait_children(struct cpctl_dev *d, uint64_t deadline)
{
    struct pollfd fd = {d->signal_fd, POLLIN, 0};
    struct signalfd_siginfo info;
    bool urgent = false;

    for (;;) {
        bool gone = cpctl_child_ended(&d->cp);
        uint64_t now = clock_mono_ms();

        gone = cpctl_child_ended(&d->dp) && gone;
        if (gone || urgent || now >= deadline)
            return;
        (void)poll(&fd, 1, (int)(deadline - now < 50 ? deadline - now : 50));
        while (read(d->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
            urgent = urgent || info.ssi_signo != SIGCHLD;
        cpctl_child_read(&d->cp, d->c->err);
        cpctl_child_read(&d->dp, d->c->err);
    }
}

static void remove_folder(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* A folder of ours that nobody holds, left by a dev that was killed: it has keys in it. Young ones are left alone, their
 * owner may be about to lock them. */
static void remove_stale(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
        clock_wall_ms() / 1000 - st.st_mtime > STALE_AFTER_S && flock(fd, LOCK_EX | LOCK_NB) == 0)
        remove_folder(path);
    (void)close(fd);
}

int cpctl_dev_folder(struct cpctl_dev *d)
{
    const char *tmp = getenv("TMPDIR");
    char pattern[PATH_MAX];
    glob_t found;

    tmp = tmp == NULL || *tmp == '\0' ? "/tmp" : tmp;
    (void)snprintf(pattern, sizeof(pattern), "%s/sluice-dev-??????", tmp);
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            remove_stale(found.gl_pathv[i]);
        globfree(&found);
    }
    (void)snprintf(d->dir, sizeof(d->dir), "%s/sluice-dev-XXXXXX", tmp);
    if (mkdtemp(d->dir) == NULL) {
        (void)cpctl_fail(d->c, "%s: %s", d->dir, strerror(errno));
        d->dir[0] = '\0';
        return CPCTL_FAILED;
    }
    d->dir_fd = open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->dir_fd < 0 || flock(d->dir_fd, LOCK_EX | LOCK_NB) != 0)
        return cpctl_fail(d->c, "%s: %s", d->dir, strerror(errno));
    return CPCTL_OK;
}

void cpctl_dev_stop(struct cpctl_dev *d)
{
    if (d->api_open)
        cpctl_api_close(&d->api);
    cpctl_child_signal(&d->dp, SIGTERM);
    cpctl_child_signal(&d->cp, SIGTERM);
    wait_children(d, clock_mono_ms() + CPCTL_DEV_STOP_MS);
    cpctl_child_signal(&d->dp, SIGKILL);
    cpctl_child_signal(&d->cp, SIGKILL);
    wait_children(d, clock_mono_ms() + CPCTL_DEV_STOP_MS);
    cpctl_child_fini(&d->dp);
    cpctl_child_fini(&d->cp);
    if (d->dir[0] != '\0')
        remove_folder(d->dir);
    if (d->dir_fd >= 0)
        (void)close(d->dir_fd);
    if (d->watching)
        cpctl_watch_close(&d->watch);
    if (d->signal_fd >= 0)
        (void)close(d->signal_fd);
    buf_fini(&d->text);
    vec_fini(&d->documents);
}
