#pragma once
/* The file of contexts: which control planes there are, how each is checked and with which token. Like kubeconfig:
 *   currentContext: local
 *   contexts:
 *     - {name: local, server: "https://127.0.0.1:9901", certificateAuthority: ca.crt, tokenFile: admin.token}
 * Relative paths are relative to the file. Where it is: --config, $SLUICE_CONFIG, ~/.config/sluice/config.yaml. */
#include <stdbool.h>
#include <stddef.h>

#include "base/vec.h"
#include "cpctl/cpctl.h"

#define CPCTL_CONFIG_MAX (1u << 20) /* bytes of the file; more is refused */
#define CPCTL_CONTEXTS_MAX 1000u

struct cpctl_context {
    const char *name, *server;
    const char *ca;          /* path, as written; may be NULL: the system's certificates */
    const char *token_file;  /* path, as written; may be NULL */
    const char *token;       /* the secret itself; may be NULL */
};

struct cpctl_config {
    const char *path;        /* where it is or would be */
    bool exists;
    const char *current;     /* may be NULL */
    struct vec contexts;     /* struct cpctl_context; in the call's arena, as all strings */
};

/* Where the file is or would be; NULL when memory is out. */
const char *cpctl_config_locate(struct cpctl *c);
/* The file, empty when there is none. Errors are told; an exit status. */
MUST_USE int cpctl_config_load(struct cpctl *c, struct cpctl_config *out);
/* Writes it back, 0600, whole or not at all. */
MUST_USE int cpctl_config_save(struct cpctl *c, const struct cpctl_config *f);
void cpctl_config_fini(struct cpctl_config *f);
struct cpctl_context *cpctl_config_find(const struct cpctl_config *f, const char *name);
/* Tells that a context is missing, and the nearest one. CPCTL_WRONG. */
int cpctl_config_unknown(struct cpctl *c, const struct cpctl_config *f, const char *name);
/* A path of the file, seen from where we are. In the call's arena; NULL when memory is out. */
const char *cpctl_config_path(struct cpctl *c, const struct cpctl_config *f, const char *path);

/* Whom to talk to, after options, environment and context have been heard, in this order. --server stands alone: nothing of
 * a context is sent there unless --context is given too. */
struct cpctl_target {
    const char *server;      /* NULL: nobody was named */
    const char *context;     /* its name; NULL: none was used */
    const char *ca;          /* path or NULL */
    const char *token_file;  /* path, "-" or NULL */
    const char *token;       /* NULL: read token_file, or none */
    bool overridden;         /* an option or the environment has replaced something of the context */
};
MUST_USE int cpctl_config_target(struct cpctl *c, struct cpctl_target *out);
