#include "cpctl/cpctl_documents.h"

#include <string.h>

#include "base/caps.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"
#include "diag/diag.h"
#include "yaml/yml.h"

static struct slice text_of(const struct yml_node *n)
{
    return n != NULL && n->type == YML_STRING ? yml_text(n) : SLICE_NONE;
}

static int take(struct cpctl *c, const struct cpctl_file *f, uint32_t line, const struct yml_node *root, struct vec *out)
{
    struct slice kind = text_of(yml_get(root, "kind")), name = text_of(yml_get(yml_get(root, "metadata"), "name"));
    struct slice api = text_of(yml_get(yml_get(root, "spec"), "api"));
    struct cpctl_document one;

    if (kind.n == 0 || name.n == 0)
        return cpctl_fail(c, "%s:%u: a document with a kind and a metadata.name is expected", f->name, line);
    one.kind = arena_dup(&c->arena, kind).p;
    if (slice_is(kind, "Stage"))
        one.name = arena_printf(&c->arena, "%.*s/%.*s", SLICE_FMT(api), SLICE_FMT(name)).p;
    else
        one.name = arena_dup(&c->arena, name).p;
    if (one.kind == NULL || one.name == NULL || vec_push(out, &one) == NULL)
        return cpctl_fail(c, "out of memory");
    return 0;
}

static int read_file(struct cpctl *c, const struct cpctl_file *f, struct vec *out)
{
    struct slice rest = f->text;
    struct yml_piece piece;
    uint32_t line = 1;
    int rc = 0;

    while (rc == 0 && yml_split(&rest, &line, &piece)) {
        const struct yml_node *root;
        struct diag_list diags;
        struct arena tree;

        arena_init(&tree, 0, (size_t)16 * CAPS_SPEC_FILE_MAX);
        diag_init(&diags);
        diag_source_add(&diags, slice_of(f->name), f->text, 1);
        rc = yml_parse(&tree, slice_of(f->name), &piece, &root, &diags);
        if (rc == 0) {
            rc = take(c, f, piece.line, root, out);
        } else {
            (void)cpctl_print_diags(c, c->err, &diags);
            rc = cpctl_fail(c, "%s: cannot be read", f->name);
        }
        diag_fini(&diags);
        arena_fini(&tree);
    }
    return rc;
}

int cpctl_documents(struct cpctl *c, const struct cpctl_files *files, struct vec *out)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < files->files.n; i++)
        rc = read_file(c, &VEC_AT(&files->files, struct cpctl_file, i), out);
    if (rc == 0 && out->n == 0)
        rc = cpctl_fail(c, "the files hold no document");
    return rc;
}

void cpctl_documents_put(struct json_writer *w, const char *key, const struct vec *documents)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < documents->n; i++) {
        const struct cpctl_document *one = &VEC_AT(documents, struct cpctl_document, i);

        json_begin_object(w);
        json_member_str(w, "kind", one->kind);
        json_member_str(w, "name", one->name);
        json_end_object(w);
    }
    json_end_array(w);
}
