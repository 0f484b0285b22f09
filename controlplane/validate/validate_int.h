#pragma once
/* Private to this room. */
#include "base/map.h"
#include "diag/diag_near.h"
#include "spec/spec_shape.h"
#include "spec/spec_uri.h"
#include "validate/validate.h"

/* What one validation carries with it. */
struct validate {
    const struct validate_source *src;
    struct arena *arena;
    struct diag_list *diags;
    bool bad;                    /* an error was told */
    bool nomem;
};

/* Where in the document: a chain on the stack, turned into "spec.routes[3].path" only when something is wrong. */
struct validate_path {
    const struct validate_path *up;
    const char *name;            /* NULL: key or index */
    struct slice key;
    uint32_t index;              /* when key.p and name are NULL */
};

/* Adds an error. hint may be NULL. Returns it for diag_hint. */
struct diag *validate_error(struct validate *v, const char *code, const struct spec_place *at, const struct validate_path *path,
                            const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The same at a byte of a text's value, `width` characters of it. */
struct diag *validate_error_in(struct validate *v, const char *code, const struct spec_text *t, size_t offset, size_t width,
                               const struct validate_path *path, const char *fmt, ...) __attribute__((format(printf, 7, 8)));
/* "did you mean" when near has one; else `otherwise` (may be NULL). */
void validate_suggest(struct validate *v, struct diag *d, const struct diag_near *near, const char *otherwise);

struct spec_place validate_node_place(const struct yml_node *n);
/* Fills `out` (of shape->size bytes, zeroed) from a map. */
void validate_shape(struct validate *v, const struct spec_shape *shape, const struct yml_node *n, void *out,
                    const struct validate_path *path);
/* A scalar by its field's type; validate_shape's own, in a file of its own. */
void validate_scalar(struct validate *v, const struct spec_field *f, const struct yml_node *n, void *out,
                     const struct validate_path *path);
bool validate_name(struct slice s);
/* "a, b, c" of words. */
struct slice validate_list(struct arena *a, const char *const *words);

struct diag *validate_warning(struct validate *v, const char *code, const struct spec_place *at, const struct validate_path *path,
                              const char *fmt, ...) __attribute__((format(printf, 5, 6)));

void validate_api(struct validate *v, struct spec_api *api);
void validate_routes(struct validate *v, struct spec_api *api, const struct validate_path *path);
void validate_integration(struct validate *v, const struct spec_api *api, struct spec_integration *i, const struct validate_path *path);
void validate_mock(struct validate *v, struct spec_integration *i, const struct validate_path *path);
void validate_stage_alone(struct validate *v, struct spec_stage *stage);
void validate_upstream(struct validate *v, struct spec_upstream *u);

/* Cuts a route's path into parameter names: 0 and their number, or -ERR_SYNTAX with *e. */
#define VALIDATE_PARAMS_MAX 32u
struct validate_params {
    struct slice names[VALIDATE_PARAMS_MAX];
    size_t offsets[VALIDATE_PARAMS_MAX];
    size_t n;
};
MUST_USE int validate_path_split(struct slice path, struct validate_params *out, struct spec_uri_error *e);
/* The path with every parameter's name left out: what a request can tell apart. buf: at least path.n bytes. */
struct slice validate_path_form(struct slice path, char *buf);
