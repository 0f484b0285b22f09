#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/must.h"
#include "bundle/bundle_file.h"
#include "bundle/bundle_file_int.h"
#include "bundle/bundle_header.h"
#include "crypto/digest.h"

#define OUT_STEP 65536u

struct sink {
    int fd;
    int failed;        /* errno */
    uint64_t total;
    size_t n;
    uint8_t bytes[OUT_STEP];
};

static void flush(struct sink *s)
{
    size_t at = 0;

    while (s->failed == 0 && at < s->n) {
        ssize_t done = write(s->fd, s->bytes + at, s->n - at);

        if (done < 0 && errno != EINTR)
            s->failed = errno;
        if (done > 0)
            at += (size_t)done;
    }
    s->n = 0;
}

static void emit(struct sink *s, const void *p, size_t n)
{
    const uint8_t *at = p;

    s->total += n;
    while (n > 0 && s->failed == 0) {
        size_t room = OUT_STEP - s->n, step = n < room ? n : room;

        memcpy(s->bytes + s->n, at, step);
        s->n += step;
        at += step;
        n -= step;
        if (s->n == OUT_STEP)
            flush(s);
    }
}

static void emit_section(struct sink *s, const void *p, size_t n)
{
    uint8_t hash[DIGEST_SHA256];

    digest_sha256(p, n, hash);
    emit(s, p, n);
    emit(s, hash, sizeof(hash));
}

static void emit_table(struct sink *s, const struct leaf_table *t, uint8_t *bytes)
{
    uint8_t *p = bytes;

    for (uint32_t i = 0; i < BUNDLE_LEAVES; i++) {
        const struct leaf *l = t->leaves[i];

        if (l == NULL)
            continue;
        file_put_u32(p, i);
        file_put_u32(p + 4, l->size);
        memcpy(p + 8, l->hash, BUNDLE_HASH);
        p += FILE_ENTRY;
    }
    emit_section(s, bytes, (size_t)(p - bytes));
}

static void emit_all(struct sink *s, const struct leaf_table *t, const uint8_t *header, size_t n_header, uint8_t *table)
{
    uint8_t prelude[FILE_PRELUDE] = FILE_MAGIC, footer[FILE_FOOTER];

    file_put_u32(prelude + 8, FILE_FORMAT);
    file_put_u32(prelude + 12, (uint32_t)n_header);
    file_put_u32(prelude + 16, t->n_leaves);
    file_put_u32(prelude + 20, 0);
    file_put_u64(prelude + 24, t->total_bytes);
    emit_section(s, prelude, sizeof(prelude));
    emit_section(s, header, n_header);
    emit_table(s, t, table);
    for (uint32_t i = 0; i < BUNDLE_LEAVES; i++)
        if (t->leaves[i] != NULL)
            emit(s, t->leaves[i]->bytes, t->leaves[i]->size);
    file_put_u64(footer, s->total + FILE_FOOTER);
    memcpy(footer + 8, FILE_MAGIC_END, 8);
    emit(s, footer, sizeof(footer));
    flush(s);
}

int bundle_file_write_fd(int fd, const struct bundle *b, struct err *e)
{
    uint8_t header[BUNDLE_HEADER_MAX];
    uint8_t *table = malloc((size_t)BUNDLE_LEAVES * FILE_ENTRY);
    struct sink *s = malloc(sizeof(*s));
    int n = bundle_header_encode(b, header), rc = 0;

    MUST(b->table != NULL);
    if (table == NULL || s == NULL) {
        rc = err_set(e, ERR_NOMEM, "no memory to write a bundle");
    } else if (n < 0) {
        rc = err_set(e, ERR_LIMIT, "the bundle's header is over %u bytes", BUNDLE_HEADER_MAX);
    } else {
        s->fd = fd;
        s->failed = 0;
        s->n = 0;
        s->total = 0;
        emit_all(s, b->table, header, (size_t)n, table);
        errno = s->failed;
        if (s->failed != 0)
            rc = err_errno(e, "writing a bundle");
    }
    free(table);
    free(s);
    return rc;
}

int bundle_file_write(const char *path, const struct bundle *b, struct err *e)
{
    char tmp[PATH_MAX];
    int n = snprintf(tmp, sizeof(tmp), "%s.tmp", path), fd, rc;

    if (n < 0 || (size_t)n >= sizeof(tmp))
        return err_set(e, ERR_LIMIT, "%s: path too long", path);
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(e, "%s", tmp);
    rc = fchmod(fd, 0600) != 0 ? err_errno(e, "%s", tmp) : bundle_file_write_fd(fd, b, e);
    if (rc == 0 && fsync(fd) != 0)
        rc = err_errno(e, "%s", tmp);
    (void)close(fd);
    if (rc == 0 && (rename(tmp, path) != 0 || file_sync_parent(path) != 0))
        rc = err_errno(e, "%s", path);
    if (rc != 0)
        (void)unlink(tmp);
    return rc;
}
