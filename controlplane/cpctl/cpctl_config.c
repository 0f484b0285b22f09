#include "cpctl/cpctl_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"
#include "diag/diag.h"
#include "diag/diag_near.h"
#include "yaml/yml.h"

const char *cpctl_config_locate(struct cpctl *c)
{
    const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME"), *env = getenv("SLUICE_CONFIG");

    if (cpctl_given(c, CPCTL_OPT_CONFIG))
        return c->value[CPCTL_OPT_CONFIG];
    if (env != NULL && *env != '\0')
        return env;
    if (xdg != NULL && *xdg != '\0')
        return arena_printf(&c->arena, "%s/sluice/config.yaml", xdg).p;
    return arena_printf(&c->arena, "%s/.config/sluice/config.yaml", home == NULL ? "" : home).p;
}

/* A string of a map: 0 and *out (NULL when absent), or CPCTL_FAILED after saying that it is something else. */
static int text_of(struct cpctl *c, const struct cpctl_config *f, const struct yml_node *map, const char *key,
                   const char **out)
{
    const struct yml_node *n = yml_get(map, key);

    *out = NULL;
    if (n == NULL || n->type == YML_NULL)
        return 0;
    if (!yml_is_scalar(n))
        return cpctl_fail(c, "%s:%u: %s is %s, not text", f->path, n->line, key, yml_type_words(n));
    *out = arena_dup(&c->arena, yml_text(n)).p;
    return *out == NULL ? cpctl_fail(c, "out of memory") : 0;
}

static int known_keys(struct cpctl *c, const struct cpctl_config *f, const struct yml_node *map, const char *const *keys)
{
    for (uint32_t i = 0; i < map->n; i++) {
        struct slice key = yml_text(yml_key(map, i));
        struct diag_near near;
        size_t k;

        diag_near_init(&near, key);
        for (k = 0; keys[k] != NULL && !slice_is(key, keys[k]); k++)
            diag_near_offer(&near, slice_of(keys[k]));
        if (keys[k] != NULL)
            continue;
        cpctl_error(c, "%s:%u: unknown field '%.*s'", f->path, yml_key(map, i)->line, SLICE_FMT(key));
        if (near.best.n != 0)
            cpctl_hint(c, "did you mean %.*s?", SLICE_FMT(near.best));
        return c->failed;
    }
    return 0;
}

static int read_context(struct cpctl *c, struct cpctl_config *f, const struct yml_node *n)
{
    static const char *const keys[] = {"name", "server", "certificateAuthority", "tokenFile", "token", NULL};
    struct cpctl_context one;
    int rc = 0;

    if (n->type != YML_MAP)
        return cpctl_fail(c, "%s:%u: a context is a map, this is %s", f->path, n->line, yml_type_words(n));
    rc = known_keys(c, f, n, keys);
    if (rc == 0)
        rc = text_of(c, f, n, "name", &one.name);
    if (rc == 0)
        rc = text_of(c, f, n, "server", &one.server);
    if (rc == 0)
        rc = text_of(c, f, n, "certificateAuthority", &one.ca);
    if (rc == 0)
        rc = text_of(c, f, n, "tokenFile", &one.token_file);
    if (rc == 0)
        rc = text_of(c, f, n, "token", &one.token);
    if (rc != 0)
        return rc;
    if (one.name == NULL || one.server == NULL)
        return cpctl_fail(c, "%s:%u: a context needs a name and a server", f->path, n->line);
    if (cpctl_config_find(f, one.name) != NULL)
        return cpctl_fail(c, "%s:%u: there are two contexts '%s'", f->path, n->line, one.name);
    return vec_push(&f->contexts, &one) == NULL ? cpctl_fail(c, "out of memory") : 0;
}

static int read_root(struct cpctl *c, struct cpctl_config *f, const struct yml_node *root)
{
    static const char *const keys[] = {"currentContext", "contexts", NULL};
    const struct yml_node *list;
    int rc;

    if (root->type != YML_MAP)
        return cpctl_fail(c, "%s:%u: expected a map with currentContext and contexts", f->path, root->line);
    list = yml_get(root, "contexts");
    rc = known_keys(c, f, root, keys);
    if (rc == 0)
        rc = text_of(c, f, root, "currentContext", &f->current);
    if (rc != 0 || list == NULL || list->type == YML_NULL)
        return rc;
    if (list->type != YML_SEQ || list->n > CPCTL_CONTEXTS_MAX)
        return cpctl_fail(c, "%s:%u: contexts is a list of at most %u", f->path, list->line, CPCTL_CONTEXTS_MAX);
    for (uint32_t i = 0; rc == 0 && i < list->n; i++)
        rc = read_context(c, f, &list->u.child[i]);
    return rc;
}

static int parse(struct cpctl *c, struct cpctl_config *f, struct slice text)
{
    struct arena tree;
    struct diag_list diags;
    struct slice rest = text;
    struct yml_piece piece, second;
    const struct yml_node *root;
    uint32_t line = 1;
    int rc;

    if (!yml_split(&rest, &line, &piece))
        return 0; /* an empty file holds no contexts */
    if (yml_split(&rest, &line, &second))
        return cpctl_fail(c, "%s:%u: the file has more than one document", f->path, second.line);
    arena_init(&tree, 0, 64u * CPCTL_CONFIG_MAX);
    diag_init(&diags);
    diag_source_add(&diags, slice_of(f->path), text, 1);
    rc = yml_parse(&tree, slice_of(f->path), &piece, &root, &diags);
    if (rc == 0)
        rc = read_root(c, f, root);
    else
        rc = cpctl_print_diags(c, c->err, &diags) != 0 || diags.errors == 0 ? cpctl_fail(c, "%s: cannot be read", f->path)
                                                                           : c->failed;
    diag_fini(&diags);
    arena_fini(&tree);
    return rc;
}

int cpctl_config_load(struct cpctl *c, struct cpctl_config *out)
{
    struct buf text;
    struct err e;
    int rc;

    memset(out, 0, sizeof(*out));
    vec_init(&out->contexts, sizeof(struct cpctl_context));
    out->path = cpctl_config_locate(c);
    if (out->path == NULL)
        return cpctl_fail(c, "out of memory");
    buf_init(&text, 0);
    rc = file_read(out->path, CPCTL_CONFIG_MAX, &text, &e);
    out->exists = rc == 0;
    if (rc == 0)
        rc = parse(c, out, buf_slice(&text));
    else if (rc == -ERR_NOTFOUND)
        rc = 0;
    else
        rc = cpctl_fail(c, "%s", e.text);
    buf_fini(&text);
    if (rc != 0)
        cpctl_config_fini(out);
    return rc;
}

void cpctl_config_fini(struct cpctl_config *f)
{
    vec_fini(&f->contexts);
}

struct cpctl_context *cpctl_config_find(const struct cpctl_config *f, const char *name)
{
    for (size_t i = 0; i < f->contexts.n; i++) {
        struct cpctl_context *one = &VEC_AT(&f->contexts, struct cpctl_context, i);

        if (strcmp(one->name, name) == 0)
            return one;
    }
    return NULL;
}

int cpctl_config_unknown(struct cpctl *c, const struct cpctl_config *f, const char *name)
{
    struct diag_near near;

    diag_near_init(&near, slice_of(name));
    for (size_t i = 0; i < f->contexts.n; i++)
        diag_near_offer(&near, slice_of(VEC_AT(&f->contexts, struct cpctl_context, i).name));
    cpctl_error(c, "%s: no context is called '%s'", f->path, name);
    if (near.best.n != 0)
        cpctl_hint(c, "did you mean '%.*s'?", SLICE_FMT(near.best));
    else
        cpctl_hint(c, "`cpctl config get-contexts` lists them, `cpctl config set-context %s --server URL` adds it", name);
    return CPCTL_WRONG;
}

const char *cpctl_config_path(struct cpctl *c, const struct cpctl_config *f, const char *path)
{
    const char *slash = strrchr(f->path, '/');

    if (path[0] == '/' || slash == NULL)
        return path;
    return arena_printf(&c->arena, "%.*s/%s", (int)(slash - f->path), f->path, path).p;
}

static const char *option_or_env(struct cpctl *c, enum cpctl_opt opt, const char *name)
{
    const char *env = getenv(name);

    if (cpctl_given(c, opt))
        return c->value[opt];
    return env == NULL || *env == '\0' ? NULL : env;
}

static int from_context(struct cpctl *c, struct cpctl_target *out, const char *asked)
{
    const struct cpctl_context *one;
    struct cpctl_config f;
    const char *name;
    int rc = cpctl_config_load(c, &f);

    if (rc != 0)
        return rc;
    name = asked != NULL ? asked : f.current;
    one = name == NULL ? NULL : cpctl_config_find(&f, name);
    if (name != NULL && one == NULL) {
        rc = cpctl_config_unknown(c, &f, name);
    } else if (one != NULL) {
        out->context = one->name;
        out->server = one->server;
        out->ca = one->ca == NULL ? NULL : cpctl_config_path(c, &f, one->ca);
        out->token = one->token;
        out->token_file = one->token_file == NULL ? NULL : cpctl_config_path(c, &f, one->token_file);
    }
    cpctl_config_fini(&f);
    return rc;
}

int cpctl_config_target(struct cpctl *c, struct cpctl_target *out)
{
    const char *server = option_or_env(c, CPCTL_OPT_SERVER, "SLUICE_SERVER");
    const char *context = option_or_env(c, CPCTL_OPT_CONTEXT, "SLUICE_CONTEXT");
    const char *ca = option_or_env(c, CPCTL_OPT_CA, "SLUICE_CA");
    const char *token = getenv("SLUICE_TOKEN");
    int rc = 0;

    memset(out, 0, sizeof(*out));
    if (server == NULL || context != NULL)
        rc = from_context(c, out, context);
    if (rc != 0)
        return rc;
    if (server != NULL)
        out->server = server;
    if (ca != NULL)
        out->ca = ca;
    if (token != NULL && *token != '\0') {
        out->token = token;
        out->token_file = NULL;
    }
    if (cpctl_given(c, CPCTL_OPT_TOKEN_FILE)) {
        out->token = NULL;
        out->token_file = c->value[CPCTL_OPT_TOKEN_FILE];
    }
    out->overridden = server != NULL || ca != NULL || out->token != NULL || cpctl_given(c, CPCTL_OPT_TOKEN_FILE);
    return 0;
}
