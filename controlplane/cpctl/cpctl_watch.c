#include "cpctl/cpctl_watch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* IN_MODIFY is left out on purpose: a file that is being written is looked at when its writer is done with it. */
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE)

static int watch_folder_of(struct cpctl_watch *w, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
    int rc = 0;

    if (folder == NULL)
        return err_set(e, ERR_NOMEM, "%s", path);
    if (inotify_add_watch(w->fd, folder, EVENTS) < 0)
        rc = err_errno(e, "cannot watch %s", folder);
    free(folder);
    return rc;
}

int cpctl_watch_open(struct cpctl_watch *w, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    char *target;
    struct stat st;
    int rc;

    memset(w, 0, sizeof(*w));
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd < 0)
        return err_errno(e, "cannot watch files");
    w->name = strdup(slash == NULL ? path : slash + 1);
    rc = w->name == NULL ? err_set(e, ERR_NOMEM, "%s", path) : watch_folder_of(w, path, e);
    if (rc == 0 && lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
        w->is_link = true;
        target = realpath(path, NULL);
        if (target != NULL)
            rc = watch_folder_of(w, target, e);
        free(target);
    }
    if (rc != 0)
        cpctl_watch_close(w);
    return rc;
}

void cpctl_watch_close(struct cpctl_watch *w)
{
    if (w->fd >= 0)
        (void)close(w->fd);
    w->fd = -1;
    free(w->name);
    w->name = NULL;
}

static bool concerns(const struct cpctl_watch *w, const struct inotify_event *event)
{
    if ((event->mask & IN_Q_OVERFLOW) != 0)
        return true;
    /* A file just created is still empty; what is complete at its creation is a link. */
    if ((event->mask & IN_CREATE) != 0 && !w->is_link)
        return false;
    return event->len != 0 && (w->is_link || strcmp(event->name, w->name) == 0);
}

void cpctl_watch_read(struct cpctl_watch *w, uint64_t now)
{
    union {
        char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
        struct inotify_event align;
    } in;
    ssize_t n;

    while ((n = read(w->fd, in.bytes, sizeof(in.bytes))) > 0) {
        const struct inotify_event *event;

        for (char *p = in.bytes; p < in.bytes + n; p += sizeof(*event) + event->len) {
            event = (const struct inotify_event *)(void *)p;
            if (!concerns(w, event))
                continue;
            w->first = w->first == 0 ? now : w->first;
            w->last = now;
        }
    }
}

int cpctl_watch_due(const struct cpctl_watch *w, uint64_t now)
{
    uint64_t quiet = w->last + CPCTL_WATCH_SETTLE_MS, latest = w->first + CPCTL_WATCH_SETTLE_MAX_MS;
    uint64_t due = quiet < latest ? quiet : latest;

    if (w->first == 0)
        return -1;
    return due <= now ? 0 : (int)(due - now);
}

bool cpctl_watch_take(struct cpctl_watch *w, uint64_t now)
{
    if (cpctl_watch_due(w, now) != 0)
        return false;
    w->first = w->last = 0;
    return true;
}
