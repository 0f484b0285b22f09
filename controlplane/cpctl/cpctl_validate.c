/* validate, and the local check that dev makes before it troubles anybody: the control plane's own code, offline. */
#include "cpctl/cpctl_validate.h"

#include <stdlib.h>

#include "apply/apply.h"
#include "base/buf.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_files.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"
#include "diag/diag.h"

int cpctl_check_files(struct cpctl *c, const struct cpctl_files *files, const struct cpctl_check *how,
                      struct diag_list *diags, size_t *documents)
{
    struct apply_request request = {
        .n_files = files->files.n,
        .single_environment = slice_of(how->single_environment),
        .implicit_stage = how->implicit_stage,
    };
    struct apply_file *list = arena_calloc(&c->arena, files->files.n + 1, sizeof(*list));
    struct world *world = NULL;
    struct vec changes = VEC_INIT(struct apply_change);
    struct err e = {.code = ERR_NONE};
    int rc;

    if (list == NULL)
        return cpctl_fail(c, "out of memory");
    for (size_t i = 0; i < files->files.n; i++) {
        const struct cpctl_file *f = &VEC_AT(&files->files, struct cpctl_file, i);

        list[i] = (struct apply_file){.name = slice_of(f->name), .text = f->text};
    }
    request.files = list;
    rc = apply_run(&request, NULL, &world, &changes, diags, &e);
    *documents = changes.n;
    if (rc == 0)
        world_unref(world);
    vec_fini(&changes);
    if (rc != 0 && rc != -ERR_INVALID)
        return cpctl_fail(c, "%s", e.text);
    return rc == 0 ? CPCTL_OK : CPCTL_FAILED;
}

static int print_json(struct cpctl *c, const struct diag_list *diags, size_t files, size_t documents)
{
    struct cpctl_json j;
    struct buf list;

    cpctl_json_init(&j);
    buf_init(&list, 0);
    if (diag_json(diags, &list) != 0)
        j.w.rc = -ERR_NOMEM;
    json_begin_object(&j.w);
    json_member_bool(&j.w, "valid", diags->errors == 0);
    json_member_uint(&j.w, "files", files);
    json_member_uint(&j.w, "documents", documents);
    json_member_uint(&j.w, "errors", diags->errors);
    json_member_uint(&j.w, "warnings", diags->warnings);
    json_key(&j.w, "diagnostics");
    json_put_raw(&j.w, buf_slice(&list));
    json_end_object(&j.w);
    buf_fini(&list);
    return cpctl_json_print(c, &j);
}

static int tell(struct cpctl *c, const struct diag_list *diags, size_t files, size_t documents)
{
    struct buf count;

    if (c->format != CPCTL_TABLE)
        return print_json(c, diags, files, documents);
    if (cpctl_print_diags(c, c->err, diags) != 0)
        return cpctl_fail(c, "out of memory");
    if (diags->errors == 0) {
        fprintf(c->out, "%zu document%s in %zu file%s: valid\n", documents, documents == 1 ? "" : "s", files,
                files == 1 ? "" : "s");
        return CPCTL_OK;
    }
    buf_init(&count, 0);
    if (diag_count_text(diags, &count) == 0)
        fprintf(c->err, "%.*s\n", SLICE_FMT(buf_slice(&count)));
    buf_fini(&count);
    return CPCTL_OK;
}

int cpctl_validate(struct cpctl *c)
{
    struct cpctl_check how = {.single_environment = NULL};
    struct cpctl_files files;
    struct diag_list diags;
    size_t documents = 0;
    int rc = cpctl_files_load(c, &files), told;

    if (rc != 0)
        return rc;
    diag_init(&diags);
    rc = cpctl_check_files(c, &files, &how, &diags, &documents);
    told = rc == 0 || diags.errors != 0 ? tell(c, &diags, files.files.n, documents) : CPCTL_OK;
    diag_fini(&diags);
    cpctl_files_fini(&files);
    return rc != 0 ? rc : told;
}
