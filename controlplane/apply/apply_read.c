/* Files to documents. A document whose text the base already has is not read again. */
#include <stdlib.h>

#include "apply/apply_int.h"
#include "base/caps.h"

#define ARENA_MAX ((size_t)2 << 30)

struct slice apply_key_dup(struct apply *a, struct slice kind, struct slice name)
{
    char key[WORLD_KEY_MAX];

    return arena_dup(&a->scratch, world_key(kind, name, key));
}

/* What an unusable document would have been, as far as it says so: it must not be called missing. */
static int note_broken(struct apply *a, const struct yml_node *root)
{
    const struct yml_node *kind = yml_get(root, "kind"), *name = yml_get(yml_get(root, "metadata"), "name");
    const struct yml_node *api = yml_get(yml_get(root, "spec"), "api");
    struct slice key;

    if (kind == NULL || name == NULL || kind->type != YML_STRING || name->type != YML_STRING) {
        a->unreadable = true;
        return 0;
    }
    if (slice_is(yml_text(kind), "Stage") && api != NULL && api->type == YML_STRING) {
        char full[2 * CAPS_NAME_MAX + 2];

        (void)snprintf(full, sizeof(full), "%.*s/%.*s", SLICE_FMT(yml_text(api)), SLICE_FMT(yml_text(name)));
        key = apply_key_dup(a, yml_text(kind), slice_of(full));
    } else {
        key = apply_key_dup(a, yml_text(kind), yml_text(name));
    }
    return key.p == NULL ? -ERR_NOMEM : map_put(&a->broken, key, a, NULL);
}

static int set_identity(struct world_doc *d)
{
    const struct spec_document *m = d->model;
    struct buf canonical;
    int rc;

    d->pub.kind = m->kind_text.v;
    d->pub.name = m->metadata.name.v;
    if (m->kind == SPEC_STAGE)
        d->pub.name = arena_printf(&d->arena, "%.*s/%.*s", SLICE_FMT(m->u.stage->api.v), SLICE_FMT(m->metadata.name.v));
    if (d->pub.name.p == NULL)
        return -ERR_NOMEM;
    buf_init(&canonical, 0);
    rc = buf_reserve(&canonical, d->pub.text.n);
    if (rc == 0)
        rc = yml_canonical(d->root, &canonical);
    if (rc == 0)
        digest_sha256(canonical.p, canonical.w, d->pub.hash);
    buf_fini(&canonical);
    return rc;
}

static int parse(struct apply *a, struct world_doc *d, bool *ok)
{
    struct yml_piece piece = {d->pub.text, d->pub.line};
    int rc = yml_parse(&d->arena, d->pub.file, &piece, &d->root, a->diags);

    *ok = false;
    if (rc == -ERR_SYNTAX || rc == -ERR_LIMIT) {
        a->bad = a->unreadable = true;
        return 0;
    }
    if (rc != 0)
        return rc;
    d->source = (struct validate_source){d->pub.file, d->pub.text, d->pub.line};
    rc = validate_document(&d->source, d->root, &d->arena, &d->model, a->diags);
    if (rc == -ERR_INVALID) {
        a->bad = true;
        return note_broken(a, d->root);
    }
    *ok = rc == 0;
    return rc == 0 ? set_identity(d) : rc;
}

int apply_read_document(struct apply *a, struct slice file, const struct yml_piece *piece, struct world_doc **out)
{
    struct world_doc *d = calloc(1, sizeof(*d));
    bool ok = false;
    int rc = 0;

    *out = NULL;
    if (d == NULL)
        return -ERR_NOMEM;
    ref_init(&d->ref);
    arena_init(&d->arena, piece->text.n > 65536 ? 262144 : 8192, ARENA_MAX);
    d->pub.text = arena_dup(&d->arena, piece->text);
    d->pub.file = arena_dup(&d->arena, file);
    d->pub.line = piece->line;
    if (d->pub.text.p == NULL || d->pub.file.p == NULL)
        rc = -ERR_NOMEM;
    digest_sha256(piece->text.p, piece->text.n, d->text_hash);
    if (rc == 0)
        rc = parse(a, d, &ok);
    if (rc != 0 || !ok) {
        world_doc_unref(d);
        return rc;
    }
    *out = d;
    return 0;
}

static void tell_twice(struct apply *a, struct world_doc *first, struct slice file, uint32_t line, const struct spec_document *m)
{
    struct validate_source src = {file, SLICE_NONE, line};
    struct diag_place at = validate_place(&src, &m->metadata.name.at), other = validate_place(&first->source, &first->model->metadata.name.at);
    struct diag *d = diag_add(a->diags, DIAG_ERROR, "SL2601", at, SLICE_LIT("metadata.name"), "%.*s \"%.*s\" stands twice in this apply",
                              SLICE_FMT(first->pub.kind), SLICE_FMT(first->pub.name));

    diag_hint(a->diags, d, "the other one is at %.*s:%u:%u", SLICE_FMT(other.file), other.line, other.column);
    a->bad = true;
}

/* Takes over the reference. */
static int add_given(struct apply *a, struct world_doc *d, struct slice file, uint32_t line)
{
    struct slice key = apply_key_dup(a, d->pub.kind, d->pub.name);
    struct world_doc *first = key.p == NULL ? NULL : map_get(&a->given_keys, key);

    if (key.p == NULL || vec_push(&a->given, &d) == NULL) {
        world_doc_unref(d);
        return -ERR_NOMEM;
    }
    if (first != NULL) {
        tell_twice(a, first, file, line, d->model);
        return 0;
    }
    return map_put(&a->given_keys, key, d, NULL);
}

static int read_piece(struct apply *a, struct slice file, const struct yml_piece *piece)
{
    struct world_doc *d = NULL;
    uint8_t hash[32];
    int rc = 0;

    if (a->base_texts.n > 0) {
        digest_sha256(piece->text.p, piece->text.n, hash);
        d = map_get(&a->base_texts, slice_from(hash, sizeof(hash)));
    }
    if (d != NULL)
        (void)world_doc_ref(d);
    else
        rc = apply_read_document(a, file, piece, &d);
    return rc != 0 || d == NULL ? rc : add_given(a, d, file, piece->line);
}

static int read_file(struct apply *a, const struct apply_file *f)
{
    uint32_t line = f->first_line == 0 ? 1 : f->first_line;
    struct slice rest = f->text;
    struct yml_piece piece;
    bool empty = true;
    int rc = 0;

    if (f->text.n > CAPS_SPEC_FILE_MAX) {
        struct diag *d = diag_add(a->diags, DIAG_ERROR, "SL1012", (struct diag_place){.file = f->name}, SLICE_NONE,
                                  "the file has %zu bytes; at most %u are allowed", f->text.n, CAPS_SPEC_FILE_MAX);

        diag_hint(a->diags, d, "split it into several files");
        a->bad = a->unreadable = true;
        return 0;
    }
    diag_source_add(a->diags, f->name, f->text, line);
    while (rc == 0 && yml_split(&rest, &line, &piece)) {
        rc = read_piece(a, f->name, &piece);
        empty = false;
    }
    if (rc == 0 && empty)
        /* Not an error: files that are generated may be empty. But it is seldom what was meant. */
        (void)diag_add(a->diags, DIAG_WARNING, "SL2604", (struct diag_place){.file = f->name}, SLICE_NONE,
                       "the file holds no document");
    return rc;
}

static int index_base(struct apply *a)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && a->base != NULL && i < a->base->n_docs; i++) {
        struct world_doc *d = a->base->docs[i];

        if (!d->pub.is_implicit)
            rc = map_put(&a->base_texts, slice_from(d->text_hash, sizeof(d->text_hash)), d, NULL);
    }
    return rc;
}

int apply_read(struct apply *a)
{
    size_t total = 0;
    int rc = 0;

    for (size_t i = 0; i < a->request->n_files; i++)
        total += a->request->files[i].text.n;
    if (total > CAPS_APPLY_MAX && !a->request->from_store)
        return err_set(a->e, ERR_LIMIT, "the files have %zu bytes together; at most %u are allowed", total, CAPS_APPLY_MAX);
    if (a->request->n_files > 0)
        rc = index_base(a);
    for (size_t i = 0; rc == 0 && i < a->request->n_files; i++)
        rc = read_file(a, &a->request->files[i]);
    return rc;
}
