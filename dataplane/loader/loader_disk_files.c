#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "loader/loader_disk_int.h"

#define BAD_MAX 2u /* damaged files that are kept for whoever wants to look at them */

static int file_cmp(const struct disk_file *a, const struct disk_file *b)
{
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    return a->revision < b->revision ? -1 : a->revision > b->revision;
}

void disk_file_path(const struct disk *d, const struct disk_file *f, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s/gen-%llu-%llu.bundle", d->dir, (unsigned long long)f->epoch, (unsigned long long)f->revision);
}

/* "gen-1-42.bundle" and nothing that only looks like it. */
static bool parse_name(const char *name, struct disk_file *out)
{
    unsigned long long epoch, revision;
    char again[80];

    if (sscanf(name, "gen-%20llu-%20llu.bundle", &epoch, &revision) != 2)
        return false;
    (void)snprintf(again, sizeof(again), "gen-%llu-%llu.bundle", epoch, revision);
    *out = (struct disk_file){epoch, revision};
    return strcmp(name, again) == 0;
}

static bool ends_with(const char *name, const char *tail)
{
    return slice_ends(slice_of(name), slice_of(tail));
}

static void remove_in(const struct disk *d, const char *name)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", d->dir, name) < (int)sizeof(path))
        (void)unlink(path);
}

void disk_files_add(struct disk *d, uint64_t epoch, uint64_t revision)
{
    struct disk_file f = {epoch, revision};
    size_t i = 0;

    while (i < d->n_files && file_cmp(&d->files[i], &f) > 0)
        i++;
    if (i == DISK_FILES_MAX || (i < d->n_files && file_cmp(&d->files[i], &f) == 0))
        return;
    if (d->n_files == DISK_FILES_MAX)
        d->n_files--;
    memmove(d->files + i + 1, d->files + i, (d->n_files - i) * sizeof(f));
    d->files[i] = f;
    d->n_files++;
}

void disk_files_scan(struct disk *d)
{
    DIR *dir = opendir(d->dir);
    const struct dirent *at;
    unsigned n_bad = 0;

    d->n_files = 0;
    if (dir == NULL)
        return;
    while ((at = readdir(dir)) != NULL) {
        struct disk_file f;

        if (strncmp(at->d_name, "gen-", 4) == 0 && ends_with(at->d_name, ".tmp"))
            remove_in(d, at->d_name); /* a write that did not end */
        else if (strncmp(at->d_name, "gen-", 4) == 0 && ends_with(at->d_name, ".bad") && ++n_bad > BAD_MAX)
            remove_in(d, at->d_name);
        else if (parse_name(at->d_name, &f))
            disk_files_add(d, f.epoch, f.revision);
    }
    (void)closedir(dir);
}

static void take_out(struct disk *d, size_t i)
{
    memmove(d->files + i, d->files + i + 1, (d->n_files - i - 1) * sizeof(*d->files));
    d->n_files--;
}

void disk_file_drop(struct disk *d, size_t i, bool unlink_it)
{
    char path[PATH_MAX];

    disk_file_path(d, &d->files[i], path);
    if (unlink_it)
        (void)unlink(path);
    take_out(d, i);
}

void disk_file_bad(struct disk *d, size_t i)
{
    char path[PATH_MAX], bad[PATH_MAX];

    disk_file_path(d, &d->files[i], path);
    (void)snprintf(bad, sizeof(bad), "%.*s.bad", PATH_MAX - 8, path);
    if (rename(path, bad) != 0)
        LOG_WARN("a damaged bundle cannot be set aside", LOG_STR("file", path));
    take_out(d, i);
}

static bool is_in(const struct bundle_version *set, size_t n, const struct disk_file *f)
{
    for (size_t i = 0; i < n; i++)
        if (set[i].epoch == f->epoch && set[i].revision == f->revision)
            return true;
    return false;
}

void disk_files_prune(struct disk *d)
{
    const struct disk_state *s = &d->state;
    size_t kept = 0, candidates = 0;

    for (size_t i = 0; i < d->n_files; i++)
        kept += is_in(s->good, s->n_good, &d->files[i]);
    for (size_t i = 0; i < d->n_files;) {
        const struct disk_file *f = &d->files[i];
        bool attempted = s->has_attempt && is_in(&s->attempt, 1, f);

        if (is_in(s->good, s->n_good, f)) {
            i++;
        } else if (candidates == 0 || attempted || kept < DISK_GOOD_MAX + 1) {
            candidates++;
            kept++;
            i++;
        } else {
            disk_file_drop(d, i, true);
        }
    }
}
