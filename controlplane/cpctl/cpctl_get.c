/* get, describe, nodes: what is there. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "cpctl/cpctl_api.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_kind.h"
#include "cpctl/cpctl_list.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"

static int unknown_kind(struct cpctl *c, const char *name)
{
    const char *near = cpctl_kind_near(name);

    cpctl_error(c, "there is no kind '%s'", name);
    if (near != NULL)
        cpctl_hint(c, "did you mean %s?", near);
    else
        cpctl_hint(c, "the kinds are apis, stages, upstreams, routes, revisions, nodes, tokens and rollouts");
    return CPCTL_WRONG;
}

static int not_there(struct cpctl *c, const struct cpctl_kind *kind, const char *name)
{
    cpctl_error(c, "there is no %s '%s'", kind->singular, name);
    cpctl_hint(c, "`cpctl get %s` lists them", kind->plural);
    return c->failed;
}

/* A path for one thing of a kind, or NULL when it has to be looked for in the list. */
static const char *path_of(struct cpctl *c, const struct cpctl_kind *kind, const char *name)
{
    switch (kind->source) {
    case CPCTL_FROM_DOCUMENTS:
        return arena_printf(&c->arena, "/v1/documents/%s/%s", kind->kind, cpctl_url_path(c, name)).p;
    case CPCTL_FROM_REVISIONS:
        return arena_printf(&c->arena, "/v1/revisions/%s", cpctl_url_value(c, *name == 'r' ? name + 1 : name)).p;
    case CPCTL_FROM_ROLLOUTS:
        return arena_printf(&c->arena, "/v1/rollouts/%s", cpctl_url_value(c, name)).p;
    default:
        return NULL;
    }
}

static int find_in_list(struct cpctl_api *a, const struct cpctl_kind *kind, const char *name, const struct json **out)
{
    const struct json *answer, *list;
    const char *member = kind->source == CPCTL_FROM_NODES ? "nodes" : "tokens";
    int rc = cpctl_api_get(a, kind->source == CPCTL_FROM_NODES ? "/v1/nodes" : "/v1/tokens", &answer);

    *out = NULL;
    list = rc == 0 ? cpctl_list(answer, member) : NULL;
    for (const struct json *one = list == NULL ? NULL : list->first; one != NULL; one = one->next)
        if (strcmp(cpctl_text(a->c, one, "id"), name) == 0)
            *out = one;
    return rc;
}

/* The thing itself, or words and an exit status. */
static int fetch_one(struct cpctl_api *a, const struct cpctl_kind *kind, const char *name, const struct json **out)
{
    const char *path = path_of(a->c, kind, name);
    int rc = path != NULL ? cpctl_api_ask(a, path, CPCTL_CALL_TIMEOUT_MS, out) : find_in_list(a, kind, name, out);

    return rc != 0 ? rc : *out == NULL ? not_there(a->c, kind, name) : 0;
}

static int list(struct cpctl_api *a, const struct cpctl_kind *kind)
{
    switch (kind->source) {
    case CPCTL_FROM_DOCUMENTS:
        return cpctl_list_documents(a, kind->kind);
    case CPCTL_FROM_ROUTES:
        return cpctl_list_routes(a, NULL);
    case CPCTL_FROM_REVISIONS:
        return cpctl_list_revisions(a);
    case CPCTL_FROM_NODES:
        return cpctl_list_nodes(a);
    case CPCTL_FROM_TOKENS:
        return cpctl_list_tokens(a);
    case CPCTL_FROM_ROLLOUTS:
        return cpctl_rollout_status(a->c);
    }
    return CPCTL_FAILED;
}

/* A document as it was written; anything else as its members. */
static void show_text(struct cpctl *c, const struct json *one)
{
    struct slice text = json_string(json_get_str(one, "text"), SLICE_NONE);

    if (text.n == 0)
        cpctl_facts(c, one, NULL);
    else
        fprintf(c->out, "%s%s", cpctl_clean(c, text, true), text.p[text.n - 1] == '\n' ? "" : "\n");
}

static int get_one(struct cpctl_api *a, const struct cpctl_kind *kind, const char *name)
{
    struct cpctl *c = a->c;
    const struct json *one;
    int rc;

    if (kind->source == CPCTL_FROM_ROUTES)
        return cpctl_list_routes(a, name);
    rc = fetch_one(a, kind, name, &one);
    if (rc != 0)
        return rc;
    if (c->format == CPCTL_JSON)
        return cpctl_print_data(c, one);
    if (c->format == CPCTL_NAME)
        fprintf(c->out, "%s\n", name);
    else
        show_text(c, one);
    return CPCTL_OK;
}

int cpctl_get(struct cpctl *c)
{
    const struct cpctl_kind *kind = cpctl_kind_find(c->args[0]);
    struct cpctl_api api;
    int rc;

    if (kind == NULL)
        return unknown_kind(c, c->args[0]);
    if (cpctl_given(c, CPCTL_OPT_LIMIT) && (kind->source != CPCTL_FROM_REVISIONS || c->n_args == 2))
        return cpctl_wrong(c, "--limit is for lists of revisions");
    if (kind->source == CPCTL_FROM_ROLLOUTS && c->n_args == 1) {
        c->n_args = 0; /* `get rollouts` is `rollout status` */
        return cpctl_rollout_status(c);
    }
    rc = cpctl_api_open(c, &api);
    if (rc != 0)
        return rc;
    rc = c->n_args == 2 ? get_one(&api, kind, c->args[1]) : list(&api, kind);
    cpctl_api_close(&api);
    return rc;
}

int cpctl_nodes(struct cpctl *c)
{
    struct cpctl_api api;
    int rc = cpctl_api_open(c, &api);

    if (rc != 0)
        return rc;
    rc = cpctl_list_nodes(&api);
    cpctl_api_close(&api);
    return rc;
}

/* ---- describe --------------------------------------------------------------------------------- */

/* Who wrote the document as it is now, and when. */
static int describe_history(struct cpctl_api *a, const struct json *document)
{
    struct cpctl *c = a->c;
    uint64_t revision = cpctl_u64(document, "revision");
    const struct json *r;
    int rc;

    if (revision == 0)
        return 0;
    rc = cpctl_api_ask(a, arena_printf(&c->arena, "/v1/revisions/%" PRIu64, revision).p, CPCTL_CALL_TIMEOUT_MS, &r);
    if (rc != 0 || r == NULL)
        return rc;
    fprintf(c->out, "lastChange: revision %" PRIu64 ", %s ago, by %s%s%s\n", revision,
            cpctl_ago(c, cpctl_text(c, r, "at")), cpctl_clean(c, slice_of(cpctl_text(c, r, "who")), false),
            *cpctl_text(c, r, "message") == '\0' ? "" : ": ",
            cpctl_clean(c, slice_of(cpctl_text(c, r, "message")), false));
    return 0;
}

/* The stages of an Api, with where they run. */
static int describe_stages(struct cpctl_api *a, const char *name)
{
    struct cpctl *c = a->c;
    const struct json *answer, *list;
    int rc = cpctl_api_get(a, "/v1/documents?kind=Stage", &answer);

    list = rc == 0 ? cpctl_list(answer, "documents") : NULL;
    for (const struct json *d = list == NULL ? NULL : list->first; d != NULL; d = d->next) {
        const char *stage = cpctl_text(c, d, "name");
        const struct json *full = NULL;

        if (strncmp(stage, name, strlen(name)) != 0 || stage[strlen(name)] != '/')
            continue;
        rc = cpctl_api_ask(a, arena_printf(&c->arena, "/v1/documents/Stage/%s", cpctl_url_path(c, stage)).p,
                           CPCTL_CALL_TIMEOUT_MS, &full);
        if (rc != 0)
            break;
        fprintf(c->out, "stage: %s, environment %s\n", cpctl_clean(c, slice_of(stage), false),
                cpctl_clean(c, slice_of(cpctl_text(c, cpctl_document_spec(full), "environment")), false));
    }
    return rc;
}

static int describe_document(struct cpctl_api *a, const struct cpctl_kind *kind, const struct json *one)
{
    struct cpctl *c = a->c;
    int rc;

    fprintf(c->out, "%s: %s\n", kind->singular, cpctl_clean(c, slice_of(c->args[1]), false));
    rc = describe_history(a, one);
    if (rc == 0 && strcmp(kind->kind, "Api") == 0)
        rc = describe_stages(a, c->args[1]);
    if (rc == 0) {
        fputs("\n", c->out);
        show_text(c, one);
    }
    return rc;
}

static int describe_one(struct cpctl_api *a, const struct cpctl_kind *kind)
{
    struct cpctl *c = a->c;
    const struct json *one;
    int rc = fetch_one(a, kind, c->args[1], &one);

    if (rc != 0)
        return rc;
    if (c->format != CPCTL_TABLE)
        return cpctl_print_data(c, one);
    if (kind->source == CPCTL_FROM_DOCUMENTS)
        return describe_document(a, kind, one);
    cpctl_facts(c, one, NULL);
    return CPCTL_OK;
}

int cpctl_describe(struct cpctl *c)
{
    const struct cpctl_kind *kind = cpctl_kind_find(c->args[0]);
    struct cpctl_api api;
    int rc;

    if (kind == NULL)
        return unknown_kind(c, c->args[0]);
    rc = cpctl_api_open(c, &api);
    if (rc != 0)
        return rc;
    rc = kind->source == CPCTL_FROM_ROUTES ? cpctl_list_routes(&api, c->args[1]) : describe_one(&api, kind);
    cpctl_api_close(&api);
    return rc;
}
