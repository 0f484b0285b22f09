/* apply and diff: files to the control plane. */
#include <string.h>

#include "base/buf.h"
#include "cpctl/cpctl_api.h"
#include "cpctl/cpctl_change.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_files.h"
#include "cpctl/cpctl_kind.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"
#include "cpctl/cpctl_upload.h"
#include "text/utf8.h"

void cpctl_upload_files(struct json_writer *w, const struct cpctl_files *files)
{
    json_key(w, "files");
    json_begin_array(w);
    for (size_t i = 0; i < files->files.n; i++) {
        const struct cpctl_file *f = &VEC_AT(&files->files, struct cpctl_file, i);

        json_begin_object(w);
        json_member_str(w, "name", f->name);
        json_member_slice(w, "text", f->text);
        json_end_object(w);
    }
    json_end_array(w);
}

/* {"files": [...], "dryRun": ..., "message": ...} */
static int build(struct cpctl *c, const struct cpctl_files *files, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    cpctl_upload_files(&w, files);
    cpctl_change_options(c, &w);
    json_end_object(&w);
    return json_writer_end(&w) == 0 ? 0 : cpctl_fail(c, "out of memory");
}

/* The server would tell of it by a line of JSON; here there is a file's name. */
static int check_text(struct cpctl *c, const struct cpctl_files *files)
{
    for (size_t i = 0; i < files->files.n; i++) {
        const struct cpctl_file *f = &VEC_AT(&files->files, struct cpctl_file, i);

        if (!utf8_is_valid(f->text)) {
            cpctl_error(c, "%s: is no text in UTF-8", f->name);
            cpctl_hint(c, "`cpctl validate` says where");
            return c->failed;
        }
    }
    return 0;
}

/* Files into a request body. */
static int prepare(struct cpctl *c, struct buf *body)
{
    struct cpctl_files files;
    int rc = cpctl_files_load(c, &files);

    if (rc != 0)
        return rc;
    rc = check_text(c, &files);
    if (rc == 0)
        rc = build(c, &files, body);
    cpctl_files_fini(&files);
    return rc;
}

int cpctl_apply(struct cpctl *c)
{
    struct cpctl_api api;
    struct buf body;
    int rc;

    buf_init(&body, 0);
    rc = prepare(c, &body);
    if (rc == 0)
        rc = cpctl_api_open(c, &api);
    if (rc == 0) {
        rc = cpctl_change(&api, "POST", "/v1/apply", &body);
        cpctl_api_close(&api);
    }
    buf_fini(&body);
    return rc;
}

/* ---- diff ------------------------------------------------------------------------------------- */

void cpctl_diff_print(struct cpctl *c, struct slice text)
{
    const char *plain = cpctl_ink(c->color_out, CPCTL_INK_NONE);

    while (text.n != 0) {
        const char *end = memchr(text.p, '\n', text.n);
        struct slice line = slice_from(text.p, end == NULL ? text.n : (size_t)(end - text.p));
        enum cpctl_ink ink = line.n == 0                                      ? CPCTL_INK_NONE
                             : slice_starts(line, SLICE_LIT("--- ")) ||
                                       slice_starts(line, SLICE_LIT("+++ "))  ? CPCTL_INK_BOLD
                             : line.p[0] == '+'                               ? CPCTL_INK_GREEN
                             : line.p[0] == '-'                               ? CPCTL_INK_RED
                             : line.p[0] == '@'                               ? CPCTL_INK_CYAN
                                                                              : CPCTL_INK_NONE;

        fprintf(c->out, "%s%s%s\n", ink == CPCTL_INK_NONE ? "" : cpctl_ink(c->color_out, ink),
                cpctl_clean(c, line, true), ink == CPCTL_INK_NONE ? "" : plain);
        text = end == NULL ? SLICE_NONE : slice_sub(text, line.n + 1, text.n);
    }
}

size_t cpctl_diff_changes(struct cpctl *c, const struct json *answer)
{
    const struct json *list = cpctl_list(answer, "changes");
    size_t n = 0;
    char kind[64];

    for (const struct json *one = list == NULL ? NULL : list->first; one != NULL; one = one->next) {
        if (strcmp(cpctl_text(c, one, "op"), "unchanged") == 0)
            continue;
        n++;
        if (c->format != CPCTL_TABLE)
            continue;
        (void)cpctl_kind_show(cpctl_text(c, one, "kind"), kind, sizeof(kind));
        fprintf(c->out, "%s%s/%s %s%s\n", cpctl_ink(c->color_out, CPCTL_INK_BOLD), cpctl_clean(c, slice_of(kind), false),
                cpctl_clean(c, slice_of(cpctl_text(c, one, "name")), false), cpctl_clean(c, slice_of(cpctl_text(c, one, "op")), false),
                cpctl_ink(c->color_out, CPCTL_INK_NONE));
        cpctl_diff_print(c, json_string(json_get_str(one, "diff"), SLICE_NONE));
    }
    return n;
}

int cpctl_diff(struct cpctl *c)
{
    struct cpctl_api api;
    struct buf body;
    const struct json *answer = NULL;
    size_t changed;
    int rc;

    c->failed = CPCTL_WRONG; /* 1 is for a difference */
    buf_init(&body, 0);
    rc = prepare(c, &body);
    if (rc == 0)
        rc = cpctl_api_open(c, &api);
    if (rc == 0) {
        rc = cpctl_api_call(&api, "POST", "/v1/diff", &body, &answer);
        cpctl_api_close(&api);
    }
    buf_fini(&body);
    if (rc != 0)
        return rc;
    changed = cpctl_diff_changes(c, answer);
    if (c->format != CPCTL_TABLE)
        rc = cpctl_print_data(c, answer);
    return rc != 0 ? rc : changed == 0 ? CPCTL_OK : CPCTL_FAILED;
}
