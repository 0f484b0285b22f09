#include "cpctl/cpctl_list.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "cpctl/cpctl_change.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"

const struct json *cpctl_document_spec(const struct json *document)
{
    const struct json *spec = json_get_str(document, "spec"), *inner = json_get_str(spec, "spec");

    return json_is(inner, JSON_OBJECT) ? inner : spec;
}

const char *cpctl_ago(struct cpctl *c, const char *time)
{
    struct tm tm;
    int64_t then, away;
    const char *end, *text;

    memset(&tm, 0, sizeof(tm));
    end = strptime(time, "%Y-%m-%dT%H:%M:%S", &tm);
    if (end == NULL || (*end != 'Z' && *end != '.'))
        return time;
    then = (int64_t)timegm(&tm);
    away = clock_wall_ms() / 1000 - then;
    away = away < 0 ? -away : away;
    if (away < 120)
        text = arena_printf(&c->arena, "%" PRId64 "s", away).p;
    else if (away < 2 * 3600)
        text = arena_printf(&c->arena, "%" PRId64 "m", away / 60).p;
    else if (away < 2 * 86400)
        text = arena_printf(&c->arena, "%" PRId64 "h", away / 3600).p;
    else
        text = arena_printf(&c->arena, "%" PRId64 "d", away / 86400).p;
    return text == NULL ? time : text;
}

void cpctl_facts(struct cpctl *c, const struct json *object, const char *const *omit)
{
    struct buf text, json;
    struct json_writer w;
    struct json *copy = NULL;

    buf_init(&text, 0);
    buf_init(&json, 0);
    json_writer_init(&w, &json, 0);
    json_begin_object(&w);
    for (const struct json *m = object == NULL ? NULL : object->first; m != NULL; m = m->next) {
        bool left_out = m->type == JSON_NULL;

        for (size_t i = 0; omit != NULL && omit[i] != NULL; i++)
            left_out = left_out || slice_is(m->key, omit[i]);
        if (left_out)
            continue;
        json_key_slice(&w, m->key);
        json_put_tree(&w, m);
    }
    json_end_object(&w);
    if (json_writer_end(&w) == 0 && json_read(&c->arena, buf_slice(&json), NULL, &copy, NULL) == 0 &&
        cpctl_yaml_write(&text, copy) == 0)
        (void)fwrite(text.p + text.r, 1, buf_len(&text), c->out);
    buf_fini(&json);
    buf_fini(&text);
}

/* Fetches a list; names and data are printed here, tables by the caller (then *list is set). */
static int fetch(struct cpctl_api *a, const char *target, const char *name, const char *id, const struct json **list)
{
    struct cpctl *c = a->c;
    const struct json *answer;
    int rc = target == NULL ? cpctl_fail(c, "out of memory") : cpctl_api_get(a, target, &answer);

    *list = NULL;
    if (rc != 0)
        return rc;
    if (c->format == CPCTL_JSON || c->format == CPCTL_YAML) {
        const struct json *bare = cpctl_list(answer, name);

        return cpctl_print_data(c, bare == NULL ? answer : bare);
    }
    *list = cpctl_list(answer, name);
    if (*list == NULL)
        return cpctl_fail(c, "the control plane's answer is not what cpctl %s expects", SLUICE_VERSION);
    if (c->format == CPCTL_TABLE)
        return 0;
    for (const struct json *one = (*list)->first; one != NULL; one = one->next)
        fprintf(c->out, "%s\n", cpctl_clean(c, slice_of(cpctl_text(c, one, id)), false));
    *list = NULL;
    return 0;
}

/* ---- revisions -------------------------------------------------------------------------------- */

static const char *summary_of(struct cpctl *c, const struct json *r)
{
    const struct json *list = cpctl_list(json_get_str(r, "changes"), "changes");
    struct slice all = SLICE_NONE;
    size_t more = 0;

    for (const struct json *one = list == NULL ? NULL : list->first; one != NULL; one = one->next) {
        struct slice was = all;

        if (all.n > 60) {
            more++;
            continue;
        }
        all = arena_printf(&c->arena, "%.*s%s%s %s", SLICE_FMT(was), was.n == 0 ? "" : ", ", cpctl_text(c, one, "name"),
                           cpctl_text(c, one, "op"));
    }
    if (more != 0) {
        struct slice was = all;

        all = arena_printf(&c->arena, "%.*s and %zu more", SLICE_FMT(was), more);
    }
    return all.p == NULL ? cpctl_text(c, r, "summary") : all.p;
}

int cpctl_list_revisions(struct cpctl_api *a)
{
    static const char *const heads[] = {"REVISION", "AGE", "WHO", "ACTION", "CHANGES", "MESSAGE", NULL};
    struct cpctl *c = a->c;
    const struct json *list;
    struct cpctl_table t;
    uint64_t limit;
    int rc = cpctl_number(c, CPCTL_OPT_LIMIT, 1, 1000, 20, &limit);

    if (rc == 0)
        rc = fetch(a, arena_printf(&c->arena, "/v1/revisions?limit=%" PRIu64, limit).p, "revisions", "revision", &list);
    if (rc != 0 || list == NULL)
        return rc;
    cpctl_table_init(&t, c, heads);
    for (const struct json *r = list->first; r != NULL; r = r->next) {
        cpctl_table_cell(&t, cpctl_text(c, r, "revision"));
        cpctl_table_cell(&t, cpctl_ago(c, cpctl_text(c, r, "at")));
        cpctl_table_cell(&t, cpctl_text(c, r, "who"));
        cpctl_table_cell(&t, cpctl_text(c, r, "action"));
        cpctl_table_cell(&t, summary_of(c, r));
        cpctl_table_cell(&t, cpctl_text(c, r, "message"));
    }
    cpctl_table_print(&t);
    return 0;
}

/* ---- nodes ------------------------------------------------------------------------------------ */

int cpctl_list_nodes(struct cpctl_api *a)
{
    static const char *const heads[] = {"NODE", "ENVIRONMENT", "STATE", "REVISION", "CONNECTED", "ADDRESS", "VERSION", "ERROR", NULL};
    struct cpctl *c = a->c;
    const struct json *list;
    struct cpctl_table t;
    int rc = fetch(a, "/v1/nodes", "nodes", "id", &list);

    if (rc != 0 || list == NULL)
        return rc;
    cpctl_table_init(&t, c, heads);
    for (const struct json *n = list->first; n != NULL; n = n->next) {
        const struct json *active = json_get_str(n, "active"), *error = json_get_str(n, "error");

        cpctl_table_cell(&t, cpctl_text(c, n, "id"));
        cpctl_table_cell(&t, cpctl_text(c, n, "environment"));
        cpctl_table_cell(&t, cpctl_text(c, n, "state"));
        cpctl_table_cell(&t, json_is(active, JSON_OBJECT) ? cpctl_text(c, active, "revision") : "");
        cpctl_table_cell(&t, json_bool(json_get_str(n, "connected"), false) ? "yes" : "no");
        cpctl_table_cell(&t, cpctl_text(c, n, "address"));
        cpctl_table_cell(&t, cpctl_text(c, n, "version"));
        cpctl_table_cell(&t, cpctl_text(c, error, "message"));
    }
    cpctl_table_print(&t);
    return 0;
}

/* ---- tokens ----------------------------------------------------------------------------------- */

int cpctl_list_tokens(struct cpctl_api *a)
{
    static const char *const heads[] = {"ID", "KIND", "NAME", "ROLE", "ENVIRONMENT", "USES LEFT", "EXPIRES", "LAST USED", NULL};
    struct cpctl *c = a->c;
    const struct json *list;
    struct cpctl_table t;
    int rc = fetch(a, "/v1/tokens", "tokens", "id", &list);

    if (rc != 0 || list == NULL)
        return rc;
    cpctl_table_init(&t, c, heads);
    for (const struct json *k = list->first; k != NULL; k = k->next) {
        const char *used = cpctl_text(c, k, "lastUsedAt");

        cpctl_table_cell(&t, cpctl_text(c, k, "id"));
        cpctl_table_cell(&t, cpctl_text(c, k, "kind"));
        cpctl_table_cell(&t, cpctl_text(c, k, "name"));
        cpctl_table_cell(&t, cpctl_text(c, k, "role"));
        cpctl_table_cell(&t, cpctl_text(c, k, "environment"));
        cpctl_table_cell(&t, cpctl_text(c, k, "usesLeft"));
        cpctl_table_cell(&t, cpctl_text(c, k, "expiresAt"));
        if (*used == '\0')
            cpctl_table_cell(&t, "");
        else
            cpctl_table_printf(&t, "%s ago", cpctl_ago(c, used));
    }
    cpctl_table_print(&t);
    return 0;
}

/* ---- documents -------------------------------------------------------------------------------- */

static void document_cells(struct cpctl *c, struct cpctl_table *t, const char *kind, const struct json *d)
{
    const struct json *spec = cpctl_document_spec(d);

    cpctl_table_cell(t, cpctl_text(c, d, "name"));
    if (strcmp(kind, "Api") == 0) {
        const struct json *routes = json_get_str(spec, "routes");

        cpctl_table_printf(t, "%u", routes == NULL ? 0 : routes->count);
    } else if (strcmp(kind, "Stage") == 0) {
        const struct json *hosts = json_get_str(spec, "hosts"), *variables = json_get_str(spec, "variables");
        const char *host = json_is(hosts, JSON_ARRAY) && hosts->first != NULL ? arena_dup(&c->arena, hosts->first->text).p : "";

        cpctl_table_cell(t, cpctl_text(c, spec, "environment"));
        cpctl_table_printf(t, "%s%s", *host == '\0' ? "*" : host, hosts != NULL && hosts->count > 1 ? ",..." : "");
        cpctl_table_cell(t, cpctl_text(c, spec, "basePath"));
        cpctl_table_printf(t, "%u", variables == NULL ? 0 : variables->count);
    } else if (strcmp(kind, "Upstream") == 0) {
        const struct json *endpoints = json_get_str(spec, "endpoints");

        cpctl_table_printf(t, "%u", endpoints == NULL ? 0 : endpoints->count);
    }
    cpctl_table_cell(t, cpctl_text(c, d, "revision"));
}

/* The documents of a kind with their specs (const struct json *): the list leaves them out, so each is asked for, on one
 * connection. name: one of them alone, or NULL. One that goes away meanwhile is left out. */
static int each_document(struct cpctl_api *a, const char *kind, const char *name, struct vec *out)
{
    struct cpctl *c = a->c;
    const struct json *answer, *list, *full;
    int rc;

    if (name != NULL) {
        rc = cpctl_api_get(a, arena_printf(&c->arena, "/v1/documents/%s/%s", kind, cpctl_url_path(c, name)).p, &answer);
        return rc != 0 ? rc : vec_push(out, &answer) == NULL ? cpctl_fail(c, "out of memory") : 0;
    }
    rc = cpctl_api_get(a, arena_printf(&c->arena, "/v1/documents?kind=%s", cpctl_url_value(c, kind)).p, &answer);
    list = rc == 0 ? cpctl_list(answer, "documents") : NULL;
    for (const struct json *d = list == NULL ? NULL : list->first; rc == 0 && d != NULL; d = d->next) {
        const char *target = arena_printf(&c->arena, "/v1/documents/%s/%s", kind, cpctl_url_path(c, cpctl_text(c, d, "name"))).p;

        rc = cpctl_api_ask(a, target, CPCTL_CALL_TIMEOUT_MS, &full);
        if (rc == 0 && full != NULL && vec_push(out, &full) == NULL)
            rc = cpctl_fail(c, "out of memory");
    }
    return rc;
}

static void documents_table(struct cpctl *c, const char *kind, const struct vec *list)
{
    static const char *const api[] = {"NAME", "ROUTES", "REVISION", NULL};
    static const char *const stage[] = {"NAME", "ENVIRONMENT", "HOSTS", "BASE PATH", "VARIABLES", "REVISION", NULL};
    static const char *const upstream[] = {"NAME", "ENDPOINTS", "REVISION", NULL};
    static const char *const other[] = {"NAME", "REVISION", NULL};
    struct cpctl_table t;

    cpctl_table_init(&t, c,
                     strcmp(kind, "Api") == 0        ? api
                     : strcmp(kind, "Stage") == 0    ? stage
                     : strcmp(kind, "Upstream") == 0 ? upstream
                                                     : other);
    for (size_t i = 0; i < list->n; i++)
        document_cells(c, &t, kind, VEC_AT(list, const struct json *, i));
    cpctl_table_print(&t);
}

static int documents_data(struct cpctl *c, const struct vec *list)
{
    struct cpctl_json j;

    cpctl_json_init(&j);
    json_begin_array(&j.w);
    for (size_t i = 0; i < list->n; i++)
        json_put_tree(&j.w, VEC_AT(list, const struct json *, i));
    json_end_array(&j.w);
    return cpctl_json_print(c, &j);
}

int cpctl_list_documents(struct cpctl_api *a, const char *kind)
{
    struct cpctl *c = a->c;
    struct vec documents = VEC_INIT(const struct json *);
    const struct json *list;
    int rc;

    if (c->format == CPCTL_NAME)
        return fetch(a, arena_printf(&c->arena, "/v1/documents?kind=%s", cpctl_url_value(c, kind)).p, "documents", "name",
                     &list);
    rc = each_document(a, kind, NULL, &documents);
    if (rc == 0 && c->format == CPCTL_TABLE)
        documents_table(c, kind, &documents);
    else if (rc == 0)
        rc = documents_data(c, &documents);
    vec_fini(&documents);
    return rc;
}

/* ---- routes ----------------------------------------------------------------------------------- */

/* "http_proxy http://..." of an integration that is a map, the name of one that is elsewhere in the Api. */
static const char *integration_of(struct cpctl *c, const struct json *spec, const struct json *route)
{
    const struct json *i = json_get_str(route, "integration");
    const char *name = cpctl_text(c, route, "integration");
    const char *text;

    if (json_is(i, JSON_STRING))
        i = json_get_str(json_get_str(spec, "integrations"), name);
    text = arena_printf(&c->arena, "%s %s", cpctl_text(c, i, "type"), cpctl_text(c, i, "uri")).p;
    return text == NULL ? "" : text;
}

static void json_route(struct json_writer *w, const struct json *document, const struct json *route)
{
    json_begin_object(w);
    json_member_slice(w, "api", json_string(json_get_str(document, "name"), SLICE_NONE));
    for (const struct json *m = route->first; m != NULL; m = m->next) {
        if (slice_is(m->key, "api"))
            continue;
        json_key_slice(w, m->key);
        json_put_tree(w, m);
    }
    json_end_object(w);
}

static void route_row(struct cpctl *c, struct cpctl_table *t, const struct json *document, const struct json *route)
{
    const char *api = cpctl_text(c, document, "name");

    if (c->format == CPCTL_NAME) {
        fprintf(c->out, "%s %s %s\n", cpctl_clean(c, slice_of(api), false),
                cpctl_clean(c, slice_of(cpctl_text(c, route, "method")), false),
                cpctl_clean(c, slice_of(cpctl_text(c, route, "path")), false));
        return;
    }
    cpctl_table_cell(t, api);
    cpctl_table_cell(t, cpctl_text(c, route, "method"));
    cpctl_table_cell(t, cpctl_text(c, route, "path"));
    cpctl_table_cell(t, integration_of(c, cpctl_document_spec(document), route));
}

int cpctl_list_routes(struct cpctl_api *a, const char *api)
{
    static const char *const heads[] = {"API", "METHOD", "PATH", "INTEGRATION", NULL};
    struct cpctl *c = a->c;
    bool data = c->format == CPCTL_JSON || c->format == CPCTL_YAML;
    struct vec apis = VEC_INIT(const struct json *);
    struct cpctl_table t;
    struct cpctl_json j;
    int rc = each_document(a, "Api", api, &apis);

    if (rc != 0) {
        vec_fini(&apis);
        return rc;
    }
    cpctl_json_init(&j);
    json_begin_array(&j.w);
    cpctl_table_init(&t, c, heads);
    for (size_t i = 0; i < apis.n; i++) {
        const struct json *d = VEC_AT(&apis, const struct json *, i), *routes = json_get_str(cpctl_document_spec(d), "routes");

        for (const struct json *r = json_is(routes, JSON_ARRAY) ? routes->first : NULL; r != NULL; r = r->next) {
            if (data)
                json_route(&j.w, d, r);
            else
                route_row(c, &t, d, r);
        }
    }
    json_end_array(&j.w);
    vec_fini(&apis);
    if (c->format == CPCTL_TABLE)
        cpctl_table_print(&t);
    else
        vec_fini(&t.cells);
    if (data)
        return cpctl_json_print(c, &j);
    buf_fini(&j.text);
    return 0;
}
