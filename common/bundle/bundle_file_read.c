#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "bundle/bundle_file.h"
#include "bundle/bundle_file_int.h"
#include "bundle/bundle_header.h"
#include "crypto/digest.h"

#define IN_STEP 65536u

/* Bytes from a descriptor (through a buffer) or from memory (fd -1, the whole of it is the buffer). */
struct source {
    int fd;
    const uint8_t *p, *end;
    uint64_t at;            /* offset of p in the file */
    const char *section;
    uint8_t *buffer;
};

static int cut(const struct source *s, struct err *e)
{
    return err_set(e, ERR_SYNTAX, "bundle file: ends at byte %llu, within the %s", (unsigned long long)s->at, s->section);
}

static int damaged(const struct source *s, struct err *e)
{
    return err_set(e, ERR_MISMATCH, "bundle file: the %s before byte %llu is damaged, its hash is wrong", s->section,
                   (unsigned long long)s->at);
}

/* More bytes into an empty buffer. 1: some; 0: the end; <0: error. */
static int refill(struct source *s, struct err *e)
{
    ssize_t n;

    if (s->fd < 0)
        return 0;
    do
        n = read(s->fd, s->buffer, IN_STEP);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_errno(e, "bundle file: %s at byte %llu", s->section, (unsigned long long)s->at);
    s->p = s->buffer;
    s->end = s->buffer + n;
    return n > 0;
}

static int take(struct source *s, uint8_t *to, size_t n, struct err *e)
{
    while (n > 0) {
        size_t have = (size_t)(s->end - s->p), step = have < n ? have : n;

        if (have == 0) {
            int rc = refill(s, e);

            if (rc < 0)
                return rc;
            if (rc == 0)
                return cut(s, e);
            continue;
        }
        memcpy(to, s->p, step);
        s->p += step;
        s->at += step;
        to += step;
        n -= step;
    }
    return 0;
}

static int take_section(struct source *s, const char *name, uint8_t *to, size_t n, struct err *e)
{
    uint8_t want[DIGEST_SHA256], have[DIGEST_SHA256];
    int rc;

    s->section = name;
    rc = take(s, to, n, e);
    if (rc == 0)
        rc = take(s, want, sizeof(want), e);
    if (rc != 0)
        return rc;
    digest_sha256(to, n, have);
    return memcmp(have, want, sizeof(have)) == 0 ? 0 : damaged(s, e);
}

struct prelude {
    uint32_t n_header, n_leaves;
    uint64_t leaf_bytes;
};

static int take_prelude(struct source *s, struct prelude *out, struct err *e)
{
    uint8_t p[FILE_PRELUDE];
    int rc = take_section(s, "prelude", p, sizeof(p), e);

    if (rc != 0 && (rc != -ERR_MISMATCH || memcmp(p, FILE_MAGIC, 8) == 0))
        return rc;
    if (memcmp(p, FILE_MAGIC, 8) != 0)
        return err_set(e, ERR_SYNTAX, "this is not a bundle file");
    if (file_get_u32(p + 8) != FILE_FORMAT || file_get_u32(p + 20) != 0)
        return err_set(e, ERR_UNSUPPORTED, "bundle file: format %u, this program knows %u", (unsigned)file_get_u32(p + 8),
                       FILE_FORMAT);
    *out = (struct prelude){file_get_u32(p + 12), file_get_u32(p + 16), file_get_u64(p + 24)};
    if (out->n_header > BUNDLE_HEADER_MAX || out->n_leaves > BUNDLE_LEAVES || out->leaf_bytes > CAPS_BUNDLE_MAX)
        return err_set(e, ERR_LIMIT, "bundle file: header of %u bytes, %u leaves of %llu bytes are over the bounds",
                       (unsigned)out->n_header, (unsigned)out->n_leaves, (unsigned long long)out->leaf_bytes);
    return 0;
}

/* Rising indexes, sizes within bounds that make up the sum: all known before memory is taken for a leaf. */
static int check_table(const uint8_t *table, const struct prelude *pre, struct err *e)
{
    uint64_t sum = 0;
    int64_t last = -1;

    for (uint32_t i = 0; i < pre->n_leaves; i++) {
        uint32_t index = file_get_u32(table + (size_t)i * FILE_ENTRY), size = file_get_u32(table + (size_t)i * FILE_ENTRY + 4);

        if (index >= BUNDLE_LEAVES || (int64_t)index <= last)
            return err_set(e, ERR_SYNTAX, "bundle file: entry %u of the table names leaf %u, out of order", (unsigned)i,
                           (unsigned)index);
        if (size == 0 || size > CAPS_LEAF_MAX)
            return err_set(e, ERR_LIMIT, "bundle file: leaf %u has %u bytes, 1 to %u are allowed", (unsigned)index,
                           (unsigned)size, CAPS_LEAF_MAX);
        last = index;
        sum += size;
    }
    if (sum != pre->leaf_bytes)
        return err_set(e, ERR_SYNTAX, "bundle file: the table's sizes make %llu bytes, not %llu", (unsigned long long)sum,
                       (unsigned long long)pre->leaf_bytes);
    return 0;
}

static int take_leaf(struct source *s, const uint8_t *entry, struct leaf_table *t, struct err *e)
{
    uint32_t index = file_get_u32(entry);
    struct leaf *l = leaf_alloc(file_get_u32(entry + 4));
    int rc;

    if (l == NULL)
        return err_set(e, ERR_NOMEM, "no memory for leaf %u", (unsigned)index);
    rc = take(s, l->bytes, l->size, e);
    if (rc == 0) {
        leaf_finish(l);
        if (memcmp(l->hash, entry + 8, BUNDLE_HASH) != 0)
            rc = err_set(e, ERR_MISMATCH, "bundle file: leaf %u before byte %llu is damaged, its hash is wrong",
                         (unsigned)index, (unsigned long long)s->at);
    }
    if (rc != 0) {
        leaf_unref(l);
        return rc;
    }
    leaf_table_set(t, index, l);
    return 0;
}

static int take_footer(struct source *s, struct err *e)
{
    uint8_t p[FILE_FOOTER];
    uint8_t more;
    struct err ignored;
    int rc;

    s->section = "footer";
    rc = take(s, p, sizeof(p), e);
    if (rc != 0)
        return rc;
    if (file_get_u64(p) != s->at || memcmp(p + 8, FILE_MAGIC_END, 8) != 0)
        return err_set(e, ERR_SYNTAX, "bundle file: the footer at byte %llu is damaged", (unsigned long long)s->at - FILE_FOOTER);
    if (take(s, &more, 1, &ignored) == 0)
        return err_set(e, ERR_SYNTAX, "bundle file: there is more behind the footer at byte %llu", (unsigned long long)s->at - 1);
    return 0;
}

static int take_leaves(struct source *s, const uint8_t *table, const struct prelude *pre, struct bundle *b, struct err *e)
{
    struct leaf_table *t = leaf_table_new();
    int rc = 0;

    if (t == NULL)
        return err_set(e, ERR_NOMEM, "no memory for a bundle");
    s->section = "leaves";
    for (uint32_t i = 0; rc == 0 && i < pre->n_leaves; i++)
        rc = take_leaf(s, table + (size_t)i * FILE_ENTRY, t, e);
    if (rc == 0)
        rc = take_footer(s, e);
    if (rc == 0)
        leaf_table_seal(t);
    b->table = t;
    return rc;
}

static int take_bundle(struct source *s, uint8_t *scratch, struct bundle *b, struct err *e)
{
    struct prelude pre = {0, 0, 0};
    int rc = take_prelude(s, &pre, e);

    if (rc == 0)
        rc = take_section(s, "header", scratch, pre.n_header, e);
    if (rc == 0)
        rc = bundle_header_decode(slice_from(scratch, pre.n_header), b, e);
    if (rc == 0)
        rc = take_section(s, "table", scratch, (size_t)pre.n_leaves * FILE_ENTRY, e);
    if (rc == 0)
        rc = check_table(scratch, &pre, e);
    if (rc == 0)
        rc = take_leaves(s, scratch, &pre, b, e);
    return rc == 0 ? bundle_verify(b, e) : rc;
}

static int read_source(struct source *s, struct bundle **out, struct err *e)
{
    uint8_t *scratch = malloc((size_t)BUNDLE_LEAVES * FILE_ENTRY);
    struct bundle *b = bundle_new();
    int rc;

    if (scratch == NULL || b == NULL)
        rc = err_set(e, ERR_NOMEM, "no memory for a bundle");
    else
        rc = take_bundle(s, scratch, b, e);
    free(scratch);
    if (rc != 0) {
        bundle_unref(b);
        return rc;
    }
    *out = b;
    return 0;
}

int bundle_file_read_mem(struct slice bytes, struct bundle **out, struct err *e)
{
    struct source s = {.fd = -1, .p = (const uint8_t *)bytes.p, .section = "prelude"};

    s.end = bytes.n == 0 ? s.p : s.p + bytes.n;
    return read_source(&s, out, e);
}

int bundle_file_read_fd(int fd, struct bundle **out, struct err *e)
{
    struct source s = {.fd = fd, .section = "prelude"};
    int rc;

    s.buffer = malloc(IN_STEP);
    if (s.buffer == NULL)
        return err_set(e, ERR_NOMEM, "no memory for a bundle");
    rc = read_source(&s, out, e);
    free(s.buffer);
    return rc;
}

int bundle_file_read(const char *path, struct bundle **out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

    if (fd < 0 && errno == ENOENT)
        return err_set(e, ERR_NOTFOUND, "%s: no such file", path);
    if (fd < 0)
        return err_errno(e, "%s", path);
    rc = bundle_file_read_fd(fd, out, e);
    (void)close(fd);
    return rc == 0 ? 0 : err_prefix(e, "%s", path);
}
