#include <string.h>

#include "admin/admin_int.h"
#include "admin/admin_schemas.h"
#include "base/must.h"

/* The OpenAPI 3.1 document, from the same table that the server runs on. */

static void put_reference(struct json_writer *w, const char *schema)
{
    char ref[128];

    (void)snprintf(ref, sizeof(ref), "#/components/schemas/%s", schema);
    json_begin_object(w);
    json_member_str(w, "$ref", ref);
    json_end_object(w);
}

static void put_content(struct json_writer *w, const char *type, const char *schema)
{
    json_key(w, "content");
    json_begin_object(w);
    json_key(w, type);
    json_begin_object(w);
    json_key(w, "schema");
    put_reference(w, schema);
    json_end_object(w);
    json_end_object(w);
}

/* "{name...}" is "{name}" there. */
static void plain_path(const char *path, char out[128])
{
    size_t n = 0;

    for (; *path != '\0' && n + 1 < 128; path++)
        if (*path != '.' || strchr(path, '}') == NULL)
            out[n++] = *path;
    out[n] = '\0';
}

static void put_path_parameters(struct json_writer *w, const char *path)
{
    char plain[128];
    const char *p = plain;

    plain_path(path, plain);
    while ((p = strchr(p, '{')) != NULL) {
        const char *end = strchr(p, '}');

        json_begin_object(w);
        json_member_slice(w, "name", slice_from(p + 1, (size_t)(end - p - 1)));
        json_member_str(w, "in", "path");
        json_member_bool(w, "required", true);
        json_key(w, "schema");
        json_put_raw(w, SLICE_LIT("{\"type\":\"string\"}"));
        json_end_object(w);
        p = end;
    }
}

static void put_parameters(struct json_writer *w, const struct admin_route *r)
{
    if (strchr(r->path, '{') == NULL && r->query == NULL)
        return;
    json_key(w, "parameters");
    json_begin_array(w);
    put_path_parameters(w, r->path);
    for (const struct admin_parameter *q = r->query; q != NULL && q->name != NULL; q++) {
        json_begin_object(w);
        json_member_str(w, "name", q->name);
        json_member_str(w, "in", "query");
        json_member_str(w, "description", q->help);
        json_key(w, "schema");
        json_begin_object(w);
        json_member_str(w, "type", q->type);
        json_end_object(w);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_responses(struct json_writer *w, const struct admin_route *r)
{
    bool made = r->finish == admin_finish_token_create;
    bool none = r->response == NULL && r->method == HTTP_METHOD_DELETE;

    json_key(w, "responses");
    json_begin_object(w);
    json_key(w, made ? "201" : none ? "204" : "200");
    json_begin_object(w);
    json_member_str(w, "description", made ? "made" : none ? "done" : "what was asked for");
    if (r->response != NULL)
        put_content(w, "application/json", r->response);
    json_end_object(w);
    json_key(w, "default");
    json_begin_object(w);
    json_member_str(w, "description", "a problem");
    put_content(w, "application/problem+json", "Problem");
    json_end_object(w);
    json_end_object(w);
}

static void put_operation(struct json_writer *w, const struct admin_route *r)
{
    char method[16];
    struct slice name = http_method_text(r->method);

    for (size_t i = 0; i <= name.n && i < sizeof(method); i++)
        method[i] = i == name.n ? '\0' : (char)(name.p[i] | 0x20);
    json_key(w, method);
    json_begin_object(w);
    json_member_str(w, "operationId", r->id);
    json_member_str(w, "summary", r->summary);
    json_member_str(w, "x-sluice-role", store_role_name(r->role));
    json_key(w, "security");
    json_put_raw(w, r->role == STORE_ROLE_NONE ? SLICE_LIT("[]") : SLICE_LIT("[{\"token\":[]}]"));
    put_parameters(w, r);
    if (r->request != NULL) {
        json_key(w, "requestBody");
        json_begin_object(w);
        json_member_bool(w, "required", strcmp(r->request, "ChangeOptions") != 0);
        put_content(w, "application/json", r->request);
        json_end_object(w);
    }
    put_responses(w, r);
    json_end_object(w);
}

static void put_paths(struct json_writer *w)
{
    json_key(w, "paths");
    json_begin_object(w);
    for (size_t i = 0; i < admin_routes_n; i++) {
        char plain[128];
        bool told = false;

        for (size_t k = 0; k < i; k++)
            told |= strcmp(admin_routes[k].path, admin_routes[i].path) == 0;
        if (told)
            continue;
        plain_path(admin_routes[i].path, plain);
        json_key(w, plain);
        json_begin_object(w);
        for (size_t k = i; k < admin_routes_n; k++)
            if (strcmp(admin_routes[k].path, admin_routes[i].path) == 0)
                put_operation(w, &admin_routes[k]);
        json_end_object(w);
    }
    json_end_object(w);
}

int admin_openapi_build(struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    json_member_str(&w, "openapi", "3.1.0");
    json_key(&w, "info");
    json_begin_object(&w);
    json_member_str(&w, "title", "Sluice control plane");
    json_member_str(&w, "version", SLUICE_VERSION);
    json_member_str(&w, "description", "Specs in, revisions out, and how far they have come. Errors are problem+json (RFC 9457).");
    json_end_object(&w);
    put_paths(&w);
    json_key(&w, "components");
    json_begin_object(&w);
    json_key(&w, "securitySchemes");
    json_put_raw(&w, SLICE_LIT("{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}}"));
    json_key(&w, "schemas");
    json_put_raw(&w, slice_of(admin_schemas));
    json_end_object(&w);
    json_end_object(&w);
    return json_writer_end(&w);
}
