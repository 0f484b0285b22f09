#pragma once
/* Trees to models, and everything that can be wrong with them. Each function adds all errors that it finds to diags. */
#include "base/arena.h"
#include "base/err.h"
#include "diag/diag.h"
#include "spec/spec.h"
#include "yaml/yml.h"

/* Where a document came from: its places are lines of `text`, which begins at line `line` of `file`. */
struct validate_source {
    struct slice file, text;
    uint32_t line;
};

/* One document by itself: apiVersion, kind, the shape of its kind, then what its values mean (paths, methods, URIs, templates,
 * endpoints, references inside of it). 0: *out is complete, in the arena (its texts point into the tree).
 * -ERR_INVALID: told in diags. -ERR_NOMEM. */
MUST_USE int validate_document(const struct validate_source *src, const struct yml_node *root, struct arena *a,
                               struct spec_document **out, struct diag_list *diags);

/* A document among others. */
struct validate_ref {
    const struct spec_document *document;
    const struct validate_source *source;
    bool is_unknown;      /* not found, but it may be among what could not be read: nobody is told that it is missing */
};

/* Looks up a document of the same set; document NULL: there is none. */
struct validate_scope {
    struct validate_ref (*find)(void *arg, enum spec_kind kind, struct slice name);
    /* Calls back for each name of a kind, for "did you mean". */
    void (*each_name)(void *arg, enum spec_kind kind, void (*fn)(void *fn_arg, struct slice name), void *fn_arg);
    void *arg;
};

/* A Stage with its Api: it exists, each variable that it uses is there, URIs are right once they are filled in, and the
 * upstreams that they name exist. 0, -ERR_INVALID (told), -ERR_NOMEM. */
MUST_USE int validate_stage(const struct validate_ref *stage, const struct validate_scope *scope, struct diag_list *diags);

/* Two stages of one environment that no request could tell apart (same host, or both all hosts, and the same base path). */
struct validate_mount {
    struct slice environment, host, base_path;  /* host empty: every host */
    struct spec_place at;                       /* of the host or base path in its Stage */
    struct validate_ref stage;
};
/* mounts is sorted in place. 0, -ERR_INVALID (told). */
MUST_USE int validate_mounts(struct validate_mount *mounts, size_t n, struct diag_list *diags);

/* The place of a model's value in its file. */
struct diag_place validate_place(const struct validate_source *src, const struct spec_place *at);
