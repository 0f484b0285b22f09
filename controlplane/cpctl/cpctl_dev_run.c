/* dev: children, signals, the temporary folder. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cpctl/cpctl_dev.h"
#include "cpctl/cpctl_say.h"

#define LOOK_MS 5 /* between two looks for a file that a child is about to write */

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
        (void)nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (d->watching)
        cpctl_watch_close(&d->watch);
    if (d->signal_fd >= 0)
        (void)close(d->signal_fd);
    buf_fini(&d->text);
    vec_fini(&d->documents);
}
