/* The state file: lines of text, the last one with the SHA-256 of those before it.
 *
 *   sluice-state 1
 *   software 0.1.0
 *   restarts 5
 *   attempt 1 42 <root> 2
 *   crashed 1 39 <root> 1
 *   good 1 41 <root>
 *   rejected 1 40 <root>
 *   sum <sha-256> */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "loader/loader_disk_int.h"

#define STATE_MAX 16384u
#define HEAD "sluice-state 1"
#define SUM_LINE (4u + DIGEST_SHA256_HEX + 1u) /* "sum " hash newline */

bool disk_set_has(const struct bundle_version *set, size_t n, const struct bundle_version *v)
{
    for (size_t i = 0; i < n; i++)
        if (bundle_version_eq(&set[i], v))
            return true;
    return false;
}

void disk_set_del(struct bundle_version *set, size_t *n, const struct bundle_version *v)
{
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++)
        if (!bundle_version_eq(&set[i], v))
            set[kept++] = set[i];
    *n = kept;
}

void disk_set_add(struct bundle_version *set, size_t *n, size_t max, const struct bundle_version *v)
{
    struct bundle_version added = *v; /* v may point into the set */

    disk_set_del(set, n, &added);
    if (*n == max) {
        memmove(set, set + 1, (max - 1) * sizeof(*set));
        (*n)--;
    }
    set[(*n)++] = added;
}

static bool take_word(struct slice *line, struct slice *out)
{
    const char *space;

    if (line->n == 0)
        return false;
    space = memchr(line->p, ' ', line->n);
    out->p = line->p;
    out->n = space == NULL ? line->n : (size_t)(space - line->p);
    *line = slice_sub(*line, out->n + (space != NULL), line->n);
    return out->n != 0;
}

static bool take_number(struct slice *line, uint64_t *out)
{
    struct slice w;
    uint64_t v = 0;

    if (!take_word(line, &w))
        return false;
    for (size_t i = 0; i < w.n; i++) {
        if (w.p[i] < '0' || w.p[i] > '9' || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(w.p[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

static bool take_version(struct slice *line, struct bundle_version *v)
{
    struct slice w;

    return take_number(line, &v->epoch) && take_number(line, &v->revision) && take_word(line, &w) &&
           digest_unhex(w, v->root, BUNDLE_HASH);
}

static bool set_software(struct disk_state *s, struct slice text)
{
    if (text.n >= sizeof(s->software))
        return false;
    (void)snprintf(s->software, sizeof(s->software), "%.*s", SLICE_FMT(text));
    return true;
}

static bool set_attempt(struct disk_state *s, const struct bundle_version *v, uint32_t count)
{
    s->has_attempt = true;
    s->attempt = *v;
    s->attempt_count = count;
    return true;
}

static bool add_crashed(struct disk_state *s, const struct bundle_version *v, uint32_t count)
{
    if (s->n_crashed == DISK_CRASHED_MAX)
        return false;
    s->crashed[s->n_crashed++] = (struct disk_crash){*v, count};
    return true;
}

static bool take_line(struct slice line, struct disk_state *s)
{
    struct bundle_version v;
    struct slice word;
    uint64_t n;

    if (!take_word(&line, &word))
        return false;
    if (slice_is(word, "software"))
        return set_software(s, line);
    if (slice_is(word, "restarts"))
        return take_number(&line, &s->restart_count) && line.n == 0;
    if (!take_version(&line, &v))
        return false;
    if (slice_is(word, "attempt") || slice_is(word, "crashed")) {
        if (!take_number(&line, &n) || n == 0 || n > UINT32_MAX || line.n != 0)
            return false;
        return slice_is(word, "attempt") ? set_attempt(s, &v, (uint32_t)n) : add_crashed(s, &v, (uint32_t)n);
    }
    if (slice_is(word, "good") && s->n_good < DISK_GOOD_MAX)
        s->good[s->n_good++] = v;
    else if (slice_is(word, "rejected") && s->n_rejected < DISK_REJECTED_MAX)
        s->rejected[s->n_rejected++] = v;
    else
        return false;
    return line.n == 0;
}

static bool parse(struct slice text, struct disk_state *s)
{
    uint8_t want[DIGEST_SHA256], have[DIGEST_SHA256];
    struct slice body, sum;
    bool first = true;

    if (text.n < SUM_LINE || text.p[text.n - 1] != '\n')
        return false;
    body = slice_sub(text, 0, text.n - SUM_LINE);
    sum = slice_sub(text, body.n, text.n - 1);
    digest_sha256(body.p, body.n, have);
    if (!slice_starts(sum, SLICE_LIT("sum ")) || !digest_unhex(slice_sub(sum, 4, sum.n), want, sizeof(want)) ||
        memcmp(have, want, sizeof(have)) != 0)
        return false;
    while (body.n != 0) {
        const char *end = memchr(body.p, '\n', body.n);
        struct slice line;

        if (end == NULL)
            return false;
        line = slice_from(body.p, (size_t)(end - body.p));
        body = slice_sub(body, line.n + 1, body.n);
        if (first ? !slice_is(line, HEAD) : !take_line(line, s))
            return false;
        first = false;
    }
    return !first;
}

int disk_state_read(const char *dir, struct disk_state *s, struct err *e)
{
    char path[PATH_MAX];
    struct buf text;
    int rc;

    memset(s, 0, sizeof(*s));
    (void)snprintf(path, sizeof(path), "%s/state", dir);
    buf_init(&text, 0);
    rc = file_read(path, STATE_MAX, &text, e);
    if (rc == -ERR_NOTFOUND)
        rc = 0;
    else if (rc == -ERR_LIMIT || (rc == 0 && !parse(buf_slice(&text), s)))
        rc = err_set(e, ERR_SYNTAX, "%s is damaged", path);
    if (rc != 0)
        memset(s, 0, sizeof(*s));
    buf_fini(&text);
    return rc;
}

static int put_version(struct buf *b, const char *word, const struct bundle_version *v, const char *tail)
{
    char root[2 * BUNDLE_HASH + 1];

    digest_hex(v->root, BUNDLE_HASH, root);
    return buf_printf(b, "%s %llu %llu %s%s\n", word, (unsigned long long)v->epoch, (unsigned long long)v->revision, root, tail);
}

static int format(struct buf *b, const struct disk_state *s)
{
    char count[16], hex[DIGEST_SHA256_HEX + 1];
    uint8_t sum[DIGEST_SHA256];
    int rc = buf_printf(b, "%s\nsoftware %s\nrestarts %llu\n", HEAD, s->software, (unsigned long long)s->restart_count);

    (void)snprintf(count, sizeof(count), " %u", (unsigned)s->attempt_count);
    if (rc == 0 && s->has_attempt)
        rc = put_version(b, "attempt", &s->attempt, count);
    for (size_t i = 0; rc == 0 && i < s->n_crashed; i++) {
        (void)snprintf(count, sizeof(count), " %u", (unsigned)s->crashed[i].count);
        rc = put_version(b, "crashed", &s->crashed[i].version, count);
    }
    for (size_t i = 0; rc == 0 && i < s->n_good; i++)
        rc = put_version(b, "good", &s->good[i], "");
    for (size_t i = 0; rc == 0 && i < s->n_rejected; i++)
        rc = put_version(b, "rejected", &s->rejected[i], "");
    if (rc != 0)
        return rc;
    digest_sha256(b->p, b->w, sum);
    digest_hex(sum, sizeof(sum), hex);
    return buf_printf(b, "sum %s\n", hex);
}

int disk_state_write(const char *dir, const struct disk_state *s, struct err *e)
{
    char path[PATH_MAX];
    struct buf text;
    int rc;

    (void)snprintf(path, sizeof(path), "%s/state", dir);
    buf_init(&text, STATE_MAX);
    rc = format(&text, s);
    if (rc != 0)
        rc = err_set(e, (enum err_code)-rc, "%s: no memory", path);
    else
        rc = file_write_atomic(path, text.p, buf_len(&text), 0600, e);
    buf_fini(&text);
    return rc;
}
