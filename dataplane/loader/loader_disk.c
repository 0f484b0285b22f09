#include "loader/loader_disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "bundle/bundle_file.h"
#include "loader/loader_disk_int.h"

/* The state goes to the disk; when it cannot, the next tick tries again. */
static int persist(struct disk *d, struct err *e)
{
    int rc = disk_state_write(d->dir, &d->state, e);

    d->dirty = rc != 0;
    return rc;
}

static void read_state(struct disk *d)
{
    char path[PATH_MAX], bad[PATH_MAX];
    struct err e;
    int rc = disk_state_read(d->dir, &d->state, &e);

    if (rc == 0)
        return;
    LOG_WARN("the node's state file cannot be used", LOG_STR("error", e.text));
    if (rc != -ERR_SYNTAX)
        return;
    (void)snprintf(path, sizeof(path), "%s/state", d->dir);
    (void)snprintf(bad, sizeof(bad), "%s/state.bad", d->dir);
    (void)rename(path, bad);
}

static void drop_file_of(struct disk *d, const struct bundle_version *v)
{
    for (size_t i = 0; i < d->n_files; i++) {
        if (d->files[i].epoch == v->epoch && d->files[i].revision == v->revision) {
            disk_file_drop(d, i, true);
            return;
        }
    }
}

/* How often the node crashed on v in runs before the attempt's; v is out of the list then. */
static uint32_t take_crashes(struct disk_state *s, const struct bundle_version *v)
{
    uint32_t count = 0;
    size_t kept = 0;

    for (size_t i = 0; i < s->n_crashed; i++) {
        if (bundle_version_eq(&s->crashed[i].version, v))
            count = s->crashed[i].count;
        else
            s->crashed[kept++] = s->crashed[i];
    }
    s->n_crashed = kept;
    return count;
}

/* The attempt gives way to another one or to none. What it crashed before stays known until it is good or rejected: else a
 * node that starts from an older bundle would forget it, take the bad one from the control plane again, and so on for ever. */
static void leave_attempt(struct disk *d)
{
    struct disk_state *s = &d->state;
    struct disk_crash c = {s->attempt, d->begun ? s->attempt_count - 1 : s->attempt_count};

    if (s->has_attempt && c.count != 0) {
        (void)take_crashes(s, &c.version);
        if (s->n_crashed == DISK_CRASHED_MAX) {
            memmove(s->crashed, s->crashed + 1, (DISK_CRASHED_MAX - 1) * sizeof(*s->crashed));
            s->n_crashed--;
        }
        s->crashed[s->n_crashed++] = c;
    }
    s->has_attempt = d->begun = false;
}

static void reject(struct disk *d, const struct bundle_version *v)
{
    struct bundle_version rejected = *v;

    disk_set_add(d->state.rejected, &d->state.n_rejected, DISK_REJECTED_MAX, &rejected);
    disk_set_del(d->state.good, &d->state.n_good, &rejected);
    (void)take_crashes(&d->state, &rejected);
    if (d->state.has_attempt && bundle_version_eq(&d->state.attempt, &rejected))
        d->state.has_attempt = d->begun = false;
    if (d->has_stored && bundle_version_eq(&d->stored, &rejected))
        d->has_stored = false;
    drop_file_of(d, &rejected);
}

/* Another program wrote the state: its crashes and refusals say nothing about this one. */
static void forget_other_software(struct disk_state *s, const char *software)
{
    if (strcmp(s->software, software) != 0) {
        s->has_attempt = false;
        s->n_crashed = s->n_rejected = 0;
    }
    (void)snprintf(s->software, sizeof(s->software), "%s", software);
}

int disk_open(const char *dir, uint64_t soak_ms, const char *software, struct disk **out, struct err *e)
{
    struct disk *d;
    int rc;

    *e = (struct err){ERR_NONE, ""};
    if (strlen(dir) >= sizeof(d->dir))
        return err_set(e, ERR_LIMIT, "%.100s...: the folder's name is too long", dir);
    d = calloc(1, sizeof(*d));
    if (d == NULL)
        return err_set(e, ERR_NOMEM, "no memory for the state folder");
    (void)snprintf(d->dir, sizeof(d->dir), "%s", dir);
    d->soak_ms = soak_ms;
    rc = file_mkdirs(dir, 0700, e);
    read_state(d);
    forget_other_software(&d->state, software);
    disk_files_scan(d);
    d->state.restart_count++;
    if (d->state.has_attempt && d->state.attempt_count >= DISK_CRASHES_MAX) {
        LOG_ERROR("a bundle that this node crashed on is not tried again", LOG_U64("epoch", d->state.attempt.epoch),
                  LOG_U64("revision", d->state.attempt.revision), LOG_U64("crashes", d->state.attempt_count));
        reject(d, &d->state.attempt);
    }
    if (rc == 0)
        (void)persist(d, e);
    else
        d->dirty = true;
    *out = d;
    return 0;
}

void disk_close(struct disk *d)
{
    free(d);
}

/* What the file at i holds, when it is what its name says. */
static int read_file(struct disk *d, size_t i, struct bundle **out, struct err *e)
{
    char path[PATH_MAX];
    int rc;

    disk_file_path(d, &d->files[i], path);
    rc = bundle_file_read(path, out, e);
    if (rc == 0 && ((*out)->version.epoch != d->files[i].epoch || (*out)->version.revision != d->files[i].revision)) {
        bundle_unref(*out);
        rc = err_set(e, ERR_MISMATCH, "%s holds another version than its name says", path);
    }
    return rc;
}

int disk_choose(struct disk *d, struct bundle **out, struct err *e)
{
    struct bundle *b;

    for (size_t i = 0; i < d->n_files;) {
        int rc = read_file(d, i, &b, e);

        if (rc == 0 && !disk_is_rejected(d, &b->version)) {
            d->has_stored = true;
            d->stored = b->version;
            *out = b;
            return 0;
        }
        if (rc == 0) {
            bundle_unref(b);
            i++;
        } else if (rc == -ERR_NOTFOUND) {
            disk_file_drop(d, i, false);
        } else if (rc == -ERR_IO || rc == -ERR_NOMEM || rc == -ERR_UNSUPPORTED) {
            /* Not damaged: it could not be read now, or is of a later program. */
            LOG_WARN("a bundle on disk cannot be read", LOG_STR("error", e->text));
            i++;
        } else {
            LOG_WARN("a bundle on disk is damaged", LOG_STR("error", e->text));
            disk_file_bad(d, i);
        }
    }
    return err_set(e, ERR_NOTFOUND, "%s: no bundle that can be used", d->dir);
}

int disk_attempt_begin(struct disk *d, const struct bundle_version *v, struct err *e)
{
    struct disk_state *s = &d->state;
    bool same = s->has_attempt && bundle_version_eq(&s->attempt, v);

    if (same && d->begun)
        return 0;
    if (same) {
        s->attempt_count++;
    } else {
        leave_attempt(d);
        s->attempt_count = take_crashes(s, v) + 1;
    }
    s->has_attempt = true;
    s->attempt = *v;
    d->begun = true;
    d->healthy = false;
    return persist(d, e);
}

static void promote(struct disk *d)
{
    disk_set_add(d->state.good, &d->state.n_good, DISK_GOOD_MAX, &d->state.attempt);
    d->state.has_attempt = d->begun = false;
    disk_files_prune(d);
}

int disk_attempt_tick(struct disk *d, uint64_t now_ms, bool healthy, struct err *e)
{
    bool soaking = d->state.has_attempt && d->begun;

    if (!healthy)
        d->healthy = false;
    if (healthy && !d->healthy) {
        d->healthy = true;
        d->healthy_since_ms = now_ms;
    }
    if (soaking && d->healthy && now_ms - d->healthy_since_ms >= d->soak_ms) {
        promote(d);
        d->dirty = true;
    }
    return d->dirty ? persist(d, e) : 0;
}

int disk_attempt_clear(struct disk *d, struct err *e)
{
    if (!d->state.has_attempt || !d->begun)
        return d->dirty ? persist(d, e) : 0;
    leave_attempt(d);
    return persist(d, e);
}

int disk_save(struct disk *d, const struct bundle *b, struct err *e)
{
    struct disk_file f = {b->version.epoch, b->version.revision};
    char path[PATH_MAX];
    int rc;

    if (disk_is_rejected(d, &b->version))
        return err_set(e, ERR_NOTNOW, "this version was rejected");
    disk_file_path(d, &f, path);
    rc = bundle_file_write(path, b, e);
    if (rc != 0)
        return rc;
    disk_files_add(d, f.epoch, f.revision);
    d->has_stored = true;
    d->stored = b->version;
    disk_files_prune(d);
    return d->dirty ? persist(d, e) : 0;
}

int disk_reject(struct disk *d, const struct bundle_version *v, struct err *e)
{
    reject(d, v);
    return persist(d, e);
}

bool disk_is_rejected(const struct disk *d, const struct bundle_version *v)
{
    return disk_set_has(d->state.rejected, d->state.n_rejected, v);
}

void disk_report(const struct disk *d, struct disk_report *out)
{
    memset(out, 0, sizeof(*out));
    out->restart_count = d->state.restart_count;
    out->has_stored = d->has_stored;
    out->stored = d->stored;
    out->n_rejected = d->state.n_rejected;
    memcpy(out->rejected, d->state.rejected, sizeof(out->rejected));
    out->has_attempt = d->state.has_attempt;
    out->attempt = d->state.attempt;
}
