#pragma once
/* Private to this room: what a world is made of, and one run of apply. */
#include "apply/apply.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/ref.h"
#include "compile/compile.h"
#include "crypto/digest.h"
#include "spec/spec.h"
#include "validate/validate.h"
#include "yaml/yml.h"

/* One document: its text, tree and model in one arena. Immutable once read, counted, shared between worlds. */
struct world_doc {
    struct ref ref;
    struct arena arena;
    struct apply_document pub;
    uint8_t text_hash[32];
    const struct yml_node *root;
    struct spec_document *model;
    struct validate_source source;
};

/* What an environment is made of, beside its public face. */
struct world_env {
    struct world_environment pub;
    struct compile_unit **units;    /* sorted by id, one reference each */
    size_t n_units;
};

struct world {
    struct ref ref;
    struct arena arena;             /* the arrays below and names */
    struct world_doc **docs;        /* sorted by kind and name, one reference each */
    size_t n_docs;
    struct map by_key;              /* "Kind/name" -> struct world_doc */
    struct world_env *envs;         /* sorted by name */
    size_t n_envs;
};

/* "Kind/name" in buf: the longest is "Upstream/" and two names. */
#define WORLD_KEY_MAX (3 * CAPS_NAME_MAX + 16)
struct slice world_key(struct slice kind, struct slice name, char buf[WORLD_KEY_MAX]);
struct world_doc *world_doc_ref(struct world_doc *d);
void world_doc_unref(struct world_doc *d); /* NULL is fine */
struct world_doc *world_find(const struct world *w, struct slice kind, struct slice name);
int world_doc_compare(const void *a, const void *b);

/* One run. */
struct apply {
    const struct apply_request *request;
    const struct world *base;       /* may be NULL */
    struct diag_list *diags;
    struct err *e;
    struct arena scratch;
    struct map base_texts;          /* text_hash -> struct world_doc of base */
    struct vec given;               /* struct world_doc *, one reference each: what the request names */
    struct map given_keys;          /* key -> struct world_doc */
    struct map broken;              /* keys of documents that are wrong: nobody is told that they are missing */
    bool unreadable;                /* a document could not even be parsed: its key is not known */
    bool bad;
    struct vec docs;                /* struct world_doc *, one reference each: the new world's */
    struct map docs_keys;           /* key -> struct world_doc */
};

/* Each: 0, -ERR_NOMEM, -ERR_LIMIT. Errors of documents set a->bad. */
MUST_USE int apply_read(struct apply *a);      /* files -> given */
MUST_USE int apply_merge(struct apply *a);     /* base, given, deletes, implicit stages -> docs */
MUST_USE int apply_check(struct apply *a);     /* documents among each other */
MUST_USE int apply_compile(struct apply *a, struct world *w);   /* docs of w -> envs of w */
/* Reads one document; NULL in *out when it is wrong (told). */
MUST_USE int apply_read_document(struct apply *a, struct slice file, const struct yml_piece *piece, struct world_doc **out);
/* The environment that serves a stage in this run. */
struct slice apply_environment(const struct apply *a, const struct spec_stage *s);
/* Copies a key into the run's scratch arena. p NULL: no memory. */
struct slice apply_key_dup(struct apply *a, struct slice kind, struct slice name);
