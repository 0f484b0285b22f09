#pragma once
/* Private to this room: builds a tree from the outside in, for both readers (libyaml's events, our JSON). Checks depth, node
 * and alias budgets, duplicate keys, merge keys; tells what is wrong in diags. */
#include "base/map.h"
#include "base/vec.h"
#include "yaml/yml.h"

struct yml_frame {
    struct yml_node node;     /* of the collection, without children */
    size_t start;             /* of its children on the stack */
    uint64_t weight;          /* nodes below, aliases expanded */
    struct slice anchor;
};

struct yml_build {
    struct arena *arena;
    struct slice file;
    struct diag_list *diags;
    uint32_t first_line;      /* added to lines in diagnostics */
    struct vec stack;         /* struct yml_node: children of open collections, finished ones */
    struct yml_frame frames[YML_DEPTH_MAX];
    size_t depth;
    size_t nodes, alias_nodes;
    uint64_t weight;          /* of the node finished last */
    struct map anchors;       /* name -> struct anchor */
    bool failed;              /* something was told: go on only to tell more of the same kind */
};

void yml_build_init(struct yml_build *b, struct arena *a, struct slice file, uint32_t first_line, struct diag_list *diags);
void yml_build_fini(struct yml_build *b);
/* All: 0, -ERR_SYNTAX or -ERR_LIMIT (told in diags), -ERR_NOMEM. n: type, style and place are filled. anchor: in any memory. */
MUST_USE int yml_build_open(struct yml_build *b, struct yml_node n, struct slice anchor);
MUST_USE int yml_build_close(struct yml_build *b);
/* text is copied. */
MUST_USE int yml_build_scalar(struct yml_build *b, struct yml_node n, struct slice text, struct slice anchor);
MUST_USE int yml_build_alias(struct yml_build *b, struct yml_node n, struct slice name);
/* The one node left. */
MUST_USE int yml_build_root(struct yml_build *b, const struct yml_node **root);
/* Adds an error at a place of the document. Returns -code. */
int yml_build_fail(struct yml_build *b, enum err_code code, const char *diag_code, uint32_t line, uint32_t column,
                   uint32_t width, const char *hint, const char *fmt, ...) __attribute__((format(printf, 8, 9)));

/* Type of a plain scalar by the core schema. */
enum yml_type yml_plain_type(struct slice s);
/* Strict JSON. Same contract as yml_parse. */
MUST_USE int yml_read_json(struct yml_build *b, struct slice text);
/* True when s is JSON by its first byte and its brackets: worth trying. */
bool yml_looks_like_json(struct slice text);
