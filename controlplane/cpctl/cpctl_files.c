#include "cpctl/cpctl_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/file.h"
#include "cpctl/cpctl_say.h"

static int load_one(struct cpctl *c, struct cpctl_files *out, const char *path)
{
    struct cpctl_file one = {.name = arena_strdup(&c->arena, strcmp(path, "-") == 0 ? "stdin" : path)};
    struct buf text;
    struct err e;
    int rc;

    buf_init(&text, 0);
    rc = out->files.n >= CPCTL_FILES_MAX ? err_set(&e, ERR_LIMIT, "more than %u files", CPCTL_FILES_MAX)
                                         : file_read(path, CAPS_SPEC_FILE_MAX, &text, &e);
    out->bytes += buf_len(&text);
    if (rc == 0 && out->bytes > CAPS_APPLY_MAX)
        rc = err_set(&e, ERR_LIMIT, "the files together are larger than %u bytes", CAPS_APPLY_MAX);
    one.text = buf_slice(&text);
    if (rc == 0 && (one.name == NULL || vec_push(&out->files, &one) == NULL))
        rc = err_set(&e, ERR_NOMEM, "%s", path);
    if (rc != 0) {
        buf_fini(&text);
        return cpctl_fail(c, "%s", e.text);
    }
    return 0;
}

static int is_spec(const struct dirent *d)
{
    static const char *const endings[] = {".yaml", ".yml", ".json", NULL};
    struct slice name = slice_of(d->d_name);

    for (int i = 0; d->d_name[0] != '.' && endings[i] != NULL; i++)
        if (slice_ends(name, slice_of(endings[i])))
            return 1;
    return 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_folder(struct cpctl *c, struct cpctl_files *out, const char *path)
{
    struct dirent **list;
    size_t taken = 0, length = strlen(path);
    int n = scandir(path, &list, is_spec, by_bytes), rc = 0;

    if (n < 0)
        return cpctl_fail(c, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        const char *name = arena_printf(&c->arena, "%s%s%s", path, length != 0 && path[length - 1] == '/' ? "" : "/",
                                        list[i]->d_name).p;
        struct stat st;

        if (rc == 0 && name != NULL && stat(name, &st) == 0 && S_ISREG(st.st_mode)) {
            rc = load_one(c, out, name);
            taken++;
        }
        free(list[i]);
    }
    free(list);
    if (rc == 0 && taken == 0)
        return cpctl_fail(c, "%s: the folder has no *.yaml, *.yml or *.json", path);
    return rc;
}

int cpctl_files_load(struct cpctl *c, struct cpctl_files *out)
{
    bool stdin_taken = false;
    int rc = 0;

    memset(out, 0, sizeof(*out));
    vec_init(&out->files, sizeof(struct cpctl_file));
    if (c->n_files == 0)
        return cpctl_wrong(c, "-f FILE is missing");
    for (size_t i = 0; rc == 0 && i < c->n_files; i++) {
        const char *path = c->files[i];
        bool is_stdin = strcmp(path, "-") == 0;
        struct stat st;

        if (is_stdin && stdin_taken)
            rc = cpctl_wrong(c, "-f - stands twice: standard input can be read once");
        else if (!is_stdin && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            rc = load_folder(c, out, path);
        else
            rc = load_one(c, out, path);
        stdin_taken = stdin_taken || is_stdin;
    }
    if (rc != 0)
        cpctl_files_fini(out);
    return rc;
}

void cpctl_files_fini(struct cpctl_files *f)
{
    for (size_t i = 0; i < f->files.n; i++) {
        union {
            const char *from;
            char *to;
        } text = {VEC_AT(&f->files, struct cpctl_file, i).text.p};

        free(text.to);
    }
    vec_fini(&f->files);
}
