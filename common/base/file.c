#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP 65536u

static int read_all(int fd, const char *path, size_t max, struct buf *out, struct err *e)
{
    size_t total = 0;

    for (;;) {
        ssize_t n;
        int rc = buf_reserve(out, READ_STEP);

        if (rc != 0)
            return err_set(e, (enum err_code)-rc, "%s: no room for the file", path);
        n = read(fd, out->p + out->w, READ_STEP);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, "%s", path);
        if (n == 0)
            return 0;
        total += (size_t)n;
        if (total > max)
            return err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, max);
        out->w += (size_t)n;
    }
}

int file_read(const char *path, size_t max, struct buf *out, struct err *e)
{
    int fd, rc;

    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", max, out, e);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(e, ERR_NOTFOUND, "%s: no such file", path);
    if (fd < 0)
        return err_errno(e, "%s", path);
    rc = read_all(fd, path, max, out, e);
    (void)close(fd);
    return rc;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

int file_sync_parent(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd, rc;

    if (slash == NULL)
        (void)snprintf(dir, sizeof(dir), ".");
    else
        (void)snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    rc = fsync(fd);
    (void)close(fd);
    return rc;
}

int file_write_atomic(const char *path, const void *p, size_t n, mode_t mode, struct err *e)
{
    char tmp[PATH_MAX];
    int fd, rc, bad;

    rc = snprintf(tmp, sizeof(tmp), "%s.tmp", path);
    if (rc < 0 || (size_t)rc >= sizeof(tmp))
        return err_set(e, ERR_LIMIT, "%s: path too long", path);
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return err_errno(e, "%s", tmp);
    bad = fchmod(fd, mode) != 0 || write_all(fd, p, n) != 0 || fsync(fd) != 0;
    if (bad)
        rc = err_errno(e, "%s", tmp);
    (void)close(fd);
    if (!bad && (rename(tmp, path) != 0 || file_sync_parent(path) != 0)) {
        rc = err_errno(e, "%s", path);
        bad = 1;
    }
    if (!bad)
        return 0;
    (void)unlink(tmp);
    return rc;
}

int file_mkdirs(const char *path, mode_t mode, struct err *e)
{
    char part[PATH_MAX];
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof(part))
        return err_set(e, ERR_INVALID, "bad folder name");
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, mode) != 0 && errno != EEXIST)
            return err_errno(e, "%s", part);
        part[i] = path[i];
    }
    return 0;
}
