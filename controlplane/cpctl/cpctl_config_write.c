/* config: the commands, and how the file is written. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_config.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"

/* A double-quoted string is the same in YAML and JSON. */
static int put(struct buf *b, const char *before, const char *value)
{
    int rc = buf_puts(b, slice_of(before));

    if (rc == 0)
        rc = json_write_string(b, slice_of(value));
    return rc == 0 ? buf_append(b, "\n", 1) : rc;
}

static int write_file(const struct cpctl_config *f, struct buf *b)
{
    int rc = f->current == NULL ? 0 : put(b, "currentContext: ", f->current);

    if (rc == 0)
        rc = buf_puts(b, f->contexts.n == 0 ? SLICE_LIT("contexts: []\n") : SLICE_LIT("contexts:\n"));
    for (size_t i = 0; rc == 0 && i < f->contexts.n; i++) {
        const struct cpctl_context *one = &VEC_AT(&f->contexts, struct cpctl_context, i);

        rc = put(b, "  - name: ", one->name);
        if (rc == 0)
            rc = put(b, "    server: ", one->server);
        if (rc == 0 && one->ca != NULL)
            rc = put(b, "    certificateAuthority: ", one->ca);
        if (rc == 0 && one->token_file != NULL)
            rc = put(b, "    tokenFile: ", one->token_file);
        if (rc == 0 && one->token != NULL)
            rc = put(b, "    token: ", one->token);
    }
    return rc;
}

int cpctl_config_save(struct cpctl *c, const struct cpctl_config *f)
{
    const char *slash = strrchr(f->path, '/');
    struct buf text;
    struct err e;
    int rc = 0;

    buf_init(&text, 0);
    if (slash != NULL && slash != f->path)
        rc = file_mkdirs(arena_printf(&c->arena, "%.*s", (int)(slash - f->path), f->path).p, 0700, &e);
    if (rc == 0 && write_file(f, &text) != 0)
        rc = err_set(&e, ERR_NOMEM, "%s", f->path);
    if (rc == 0)
        rc = file_write_atomic(f->path, text.p, text.w, 0600, &e);
    buf_fini(&text);
    return rc == 0 ? 0 : cpctl_fail(c, "%s", e.text);
}

static void row(struct cpctl_table *t, const struct cpctl_config *f, const struct cpctl_context *one)
{
    cpctl_table_cell(t, f->current != NULL && strcmp(f->current, one->name) == 0 ? "*" : "");
    cpctl_table_cell(t, one->name);
    cpctl_table_cell(t, one->server);
    cpctl_table_cell(t, one->ca == NULL ? "(system)" : one->ca);
    cpctl_table_cell(t, one->token_file != NULL ? one->token_file : one->token != NULL ? "(in this file)" : "(none)");
}

/* The file as data, without its secrets. */
static int data(struct cpctl *c, const struct cpctl_config *f)
{
    struct cpctl_json j;

    cpctl_json_init(&j);
    json_begin_object(&j.w);
    json_member_str(&j.w, "path", f->path);
    if (f->current != NULL)
        json_member_str(&j.w, "currentContext", f->current);
    json_key(&j.w, "contexts");
    json_begin_array(&j.w);
    for (size_t i = 0; i < f->contexts.n; i++) {
        const struct cpctl_context *one = &VEC_AT(&f->contexts, struct cpctl_context, i);

        json_begin_object(&j.w);
        json_member_str(&j.w, "name", one->name);
        json_member_str(&j.w, "server", one->server);
        if (one->ca != NULL)
            json_member_str(&j.w, "certificateAuthority", one->ca);
        if (one->token_file != NULL)
            json_member_str(&j.w, "tokenFile", one->token_file);
        if (one->token != NULL)
            json_member_slice(&j.w, "token", SLICE_LIT("(not shown)"));
        json_end_object(&j.w);
    }
    json_end_array(&j.w);
    json_end_object(&j.w);
    return cpctl_json_print(c, &j);
}

int cpctl_config_get_contexts(struct cpctl *c)
{
    static const char *const heads[] = {"CURRENT", "NAME", "SERVER", "CERTIFICATE", "TOKEN", NULL};
    struct cpctl_config f;
    struct cpctl_table t;
    int rc = cpctl_config_load(c, &f);

    if (rc != 0)
        return rc;
    if (c->format == CPCTL_JSON || c->format == CPCTL_YAML) {
        rc = data(c, &f);
    } else if (c->format == CPCTL_NAME) {
        for (size_t i = 0; i < f.contexts.n; i++)
            fprintf(c->out, "%s\n", VEC_AT(&f.contexts, struct cpctl_context, i).name);
    } else if (f.contexts.n == 0) {
        cpctl_hint(c, "%s holds no contexts; `cpctl config set-context NAME --server URL` adds one", f.path);
    } else {
        cpctl_table_init(&t, c, heads);
        for (size_t i = 0; i < f.contexts.n; i++)
            row(&t, &f, &VEC_AT(&f.contexts, struct cpctl_context, i));
        cpctl_table_print(&t);
    }
    cpctl_config_fini(&f);
    return rc;
}

int cpctl_config_view(struct cpctl *c)
{
    struct cpctl_config f;
    int rc = cpctl_config_load(c, &f);

    if (rc != 0)
        return rc;
    if (c->format == CPCTL_TABLE)
        c->format = CPCTL_YAML;
    rc = data(c, &f);
    cpctl_config_fini(&f);
    return rc;
}

/* Two calls at once must not lose each other's change: the folder of the file is the lock. -1 when it cannot be had (then
 * the last one wins, as without a lock). */
static int lock(struct cpctl *c)
{
    const char *path = cpctl_config_locate(c), *slash = path == NULL ? NULL : strrchr(path, '/');
    int fd;

    fd = open(slash == NULL ? "." : arena_printf(&c->arena, "%.*s", (int)(slash - path) + 1, path).p,
              O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)flock(fd, LOCK_EX);
    return fd;
}

static void unlock(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

static int said(struct cpctl *c, const struct cpctl_config *f, const char *what)
{
    if (c->format == CPCTL_JSON || c->format == CPCTL_YAML)
        return data(c, f);
    fprintf(c->out, "%s\n", what);
    return CPCTL_OK;
}

int cpctl_config_use_context(struct cpctl *c)
{
    struct cpctl_config f;
    int fd = lock(c), rc = cpctl_config_load(c, &f);

    if (rc == 0) {
        if (cpctl_config_find(&f, c->args[0]) == NULL) {
            rc = cpctl_config_unknown(c, &f, c->args[0]);
        } else {
            f.current = c->args[0];
            rc = cpctl_config_save(c, &f);
        }
        if (rc == 0)
            rc = said(c, &f, arena_printf(&c->arena, "the current context is now '%s'", f.current).p);
        cpctl_config_fini(&f);
    }
    unlock(fd);
    return rc;
}

/* A path that still holds when the call is made from another folder. */
static const char *absolute(struct cpctl *c, const char *path)
{
    char *cwd;
    struct slice full;

    if (path[0] == '/')
        return path;
    cwd = getcwd(NULL, 0);
    if (cwd == NULL)
        return path;
    full = arena_printf(&c->arena, "%s/%s", cwd, path);
    free(cwd);
    return full.p;
}

static int change(struct cpctl *c, struct cpctl_config *f, const char *name)
{
    struct cpctl_context fresh = {.name = name}, *one = cpctl_config_find(f, name);

    if (one == NULL && !cpctl_given(c, CPCTL_OPT_SERVER))
        return cpctl_wrong(c, "a new context needs --server");
    if (one == NULL) {
        if (f->contexts.n >= CPCTL_CONTEXTS_MAX)
            return cpctl_fail(c, "%s holds %u contexts, the most there may be", f->path, CPCTL_CONTEXTS_MAX);
        one = vec_push(&f->contexts, &fresh);
    }
    if (one == NULL)
        return cpctl_fail(c, "out of memory");
    if (cpctl_given(c, CPCTL_OPT_SERVER))
        one->server = c->value[CPCTL_OPT_SERVER];
    if (cpctl_given(c, CPCTL_OPT_CA))
        one->ca = absolute(c, c->value[CPCTL_OPT_CA]);
    if (cpctl_given(c, CPCTL_OPT_TOKEN_FILE)) {
        one->token_file = absolute(c, c->value[CPCTL_OPT_TOKEN_FILE]);
        one->token = NULL;
    }
    if (f->current == NULL)
        f->current = name;
    return 0;
}

int cpctl_config_set_context(struct cpctl *c)
{
    struct cpctl_config f;
    int fd, rc;

    if (*c->args[0] == '\0')
        return cpctl_wrong(c, "a context needs a name");
    if (cpctl_given(c, CPCTL_OPT_SERVER) && strncmp(c->value[CPCTL_OPT_SERVER], "https://", 8) != 0)
        return cpctl_wrong(c, "--server begins with https://");
    if (cpctl_given(c, CPCTL_OPT_TOKEN_FILE) && strcmp(c->value[CPCTL_OPT_TOKEN_FILE], "-") == 0)
        return cpctl_wrong(c, "--token-file - would be read once only; name a file");
    fd = lock(c);
    rc = cpctl_config_load(c, &f);
    if (rc == 0) {
        rc = change(c, &f, c->args[0]);
        if (rc == 0)
            rc = cpctl_config_save(c, &f);
        if (rc == 0)
            rc = said(c, &f, arena_printf(&c->arena, "context '%s' written to %s", c->args[0], f.path).p);
        cpctl_config_fini(&f);
    }
    unlock(fd);
    return rc;
}
