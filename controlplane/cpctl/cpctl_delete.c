/* delete: one document by its name, or all that files name, as one change. */
#include <string.h>

#include "base/buf.h"
#include "cpctl/cpctl_api.h"
#include "cpctl/cpctl_change.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_documents.h"
#include "cpctl/cpctl_files.h"
#include "cpctl/cpctl_kind.h"
#include "cpctl/cpctl_say.h"

static int send(struct cpctl *c, const char *method, const char *target, struct json_writer *w, struct buf *body)
{
    struct cpctl_api api;
    int rc = json_writer_end(w) != 0 ? cpctl_fail(c, "out of memory") : cpctl_api_open(c, &api);

    if (rc != 0)
        return rc;
    rc = cpctl_change(&api, method, target, body);
    cpctl_api_close(&api);
    return rc;
}

static int delete_one(struct cpctl *c)
{
    const struct cpctl_kind *kind = cpctl_kind_find(c->args[0]);
    struct json_writer w;
    struct buf body;
    int rc;

    if (kind == NULL || kind->kind == NULL) {
        const char *near = cpctl_kind_near(c->args[0]);

        cpctl_error(c, "'%s' is no kind of document", c->args[0]);
        cpctl_hint(c, "%s%s%s", kind == NULL && near != NULL ? "did you mean " : "documents are apis, stages and upstreams",
                   kind == NULL && near != NULL ? near : "", kind == NULL && near != NULL ? "?" : "");
        return CPCTL_WRONG;
    }
    buf_init(&body, 0);
    json_writer_init(&w, &body, 0);
    json_begin_object(&w);
    cpctl_change_options(c, &w);
    json_end_object(&w);
    rc = send(c, "DELETE", arena_printf(&c->arena, "/v1/documents/%s/%s", kind->kind, cpctl_url_path(c, c->args[1])).p, &w,
              &body);
    buf_fini(&body);
    return rc;
}

static int delete_files(struct cpctl *c)
{
    struct cpctl_files files;
    struct vec keys = VEC_INIT(struct cpctl_document);
    struct json_writer w;
    struct buf body;
    int rc = cpctl_files_load(c, &files);

    if (rc != 0)
        return rc;
    buf_init(&body, 0);
    rc = cpctl_documents(c, &files, &keys);
    if (rc == 0) {
        json_writer_init(&w, &body, 0);
        json_begin_object(&w);
        cpctl_documents_put(&w, "deletes", &keys);
        cpctl_change_options(c, &w);
        json_end_object(&w);
        rc = send(c, "POST", "/v1/apply", &w, &body);
    }
    buf_fini(&body);
    vec_fini(&keys);
    cpctl_files_fini(&files);
    return rc;
}

int cpctl_delete(struct cpctl *c)
{
    if (c->n_files != 0 && c->n_args != 0)
        return cpctl_wrong(c, "either KIND NAME or -f FILE, not both");
    if (c->n_files != 0)
        return delete_files(c);
    return c->n_args == 2 ? delete_one(c) : cpctl_wrong(c, "KIND NAME or -f FILE is needed");
}
