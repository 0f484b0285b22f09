#pragma once
/* Private to committer*.c. */
#include "apply/committer.h"
#include "base/arena.h"

/* What the store has as head of an environment. */
struct known_head {
    char name[129];
    uint64_t revision;
    uint8_t root[BUNDLE_HASH];
};

struct committer {
    struct committer_options options;
    struct world *world;
    uint64_t revision;
    struct vec heads;              /* struct known_head, by name */
};

struct known_head *committer_known(struct committer *c, struct slice environment);
MUST_USE int committer_know(struct committer *c, struct slice environment, uint64_t revision,
                            const uint8_t root[BUNDLE_HASH], struct err *e);

/* Documents of a revision as input for apply_run; all text in the arena. */
struct stored_files {
    struct arena arena;
    struct vec files;              /* struct apply_file */
    struct vec keys;               /* struct apply_key, same order */
};
void stored_files_init(struct stored_files *f);
void stored_files_fini(struct stored_files *f);
MUST_USE int stored_files_read(struct store *s, uint64_t revision, struct stored_files *f, struct err *e);

/* The bundle of an environment in a world (NULL or without it: empty, as intended). *out has one reference. */
struct bundle_facts {
    const char *cluster_id;
    uint64_t epoch, revision, restores_revision;
    int64_t created_ms;
};
MUST_USE int committer_bundle(const struct world *w, struct slice environment, const struct bundle_facts *f,
                              struct bundle **out, struct err *e);
/* Its root only. */
MUST_USE int committer_root(const struct world *w, struct slice environment, uint8_t root[BUNDLE_HASH], struct err *e);
/* Environments of either world or of a head whose root is not the head's: appends struct commit_environment (no bundle). */
MUST_USE int committer_changed(struct committer *c, const struct world *w, uint64_t revision, struct vec *out,
                               struct err *e);
