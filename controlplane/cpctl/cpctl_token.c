/* token create, list and revoke. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cpctl/cpctl_api.h"
#include "cpctl/cpctl_change.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_list.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"

#define USES_MAX 100000u

static int check(struct cpctl *c)
{
    bool join = cpctl_given(c, CPCTL_OPT_JOIN);
    const char *role = c->value[CPCTL_OPT_ROLE];

    if (join == (role != NULL))
        return cpctl_wrong(c, "either --join or --role ROLE is needed");
    if (join && !cpctl_given(c, CPCTL_OPT_ENVIRONMENT))
        return cpctl_wrong(c, "--join needs --environment: the one that the node will serve");
    if (!join && (cpctl_given(c, CPCTL_OPT_ENVIRONMENT) || cpctl_given(c, CPCTL_OPT_USES)))
        return cpctl_wrong(c, "--environment and --uses are for --join");
    if (role != NULL && strcmp(role, "viewer") != 0 && strcmp(role, "editor") != 0 && strcmp(role, "admin") != 0)
        return cpctl_wrong(c, "--role %s: the roles are viewer, editor and admin", role);
    return 0;
}

static int build(struct cpctl *c, struct buf *out)
{
    bool join = cpctl_given(c, CPCTL_OPT_JOIN);
    uint64_t uses, ttl_ms = 0;
    struct json_writer w;
    int rc = cpctl_number(c, CPCTL_OPT_USES, 1, USES_MAX, 1, &uses);

    if (rc != 0)
        return rc;
    if (cpctl_given(c, CPCTL_OPT_TTL) && (!cpctl_duration(c->value[CPCTL_OPT_TTL], &ttl_ms) || ttl_ms < 1000))
        return cpctl_wrong(c, "--ttl %s: a time like 10m, 12h or 30d is expected", c->value[CPCTL_OPT_TTL]);
    if (ttl_ms == 0 && join)
        ttl_ms = 600000;
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    json_member_str(&w, "kind", join ? "join" : "api");
    if (join) {
        json_member_str(&w, "environment", c->value[CPCTL_OPT_ENVIRONMENT]);
        json_member_uint(&w, "uses", uses);
    } else {
        json_member_str(&w, "role", c->value[CPCTL_OPT_ROLE]);
    }
    if (ttl_ms != 0)
        json_member_uint(&w, "ttlSeconds", ttl_ms / 1000);
    if (cpctl_given(c, CPCTL_OPT_NAME))
        json_member_str(&w, "name", c->value[CPCTL_OPT_NAME]);
    json_end_object(&w);
    return json_writer_end(&w) == 0 ? 0 : cpctl_fail(c, "out of memory");
}

/* The secret alone on standard output, so that it can go into a file; the rest is for the person. */
static int show(struct cpctl *c, const struct json *answer)
{
    const char *token = cpctl_text(c, answer, "token"), *expires = cpctl_text(c, answer, "expiresAt");

    if (c->format != CPCTL_TABLE)
        return cpctl_print_data(c, answer);
    if (*token == '\0')
        return cpctl_fail(c, "the control plane's answer has no token");
    fprintf(c->out, "%s\n", cpctl_clean(c, slice_of(token), false));
    fprintf(c->err, "token %s, %s%s; it is shown this once\n", cpctl_clean(c, slice_of(cpctl_text(c, answer, "id")), false),
            *expires == '\0' ? "without an end" : "until ", cpctl_clean(c, slice_of(expires), false));
    return CPCTL_OK;
}

int cpctl_token_create(struct cpctl *c)
{
    const struct json *answer;
    struct cpctl_api api;
    struct buf body;
    int rc = check(c);

    if (rc != 0)
        return rc;
    buf_init(&body, 0);
    rc = build(c, &body);
    if (rc == 0)
        rc = cpctl_api_open(c, &api);
    if (rc == 0) {
        rc = cpctl_api_call(&api, "POST", "/v1/tokens", &body, &answer);
        cpctl_api_close(&api);
        if (rc == 0)
            rc = show(c, answer);
    }
    buf_fini(&body);
    return rc;
}

int cpctl_token_list(struct cpctl *c)
{
    struct cpctl_api api;
    int rc = cpctl_api_open(c, &api);

    if (rc != 0)
        return rc;
    rc = cpctl_list_tokens(&api);
    cpctl_api_close(&api);
    return rc;
}

int cpctl_token_revoke(struct cpctl *c)
{
    const struct json *answer;
    struct cpctl_api api;
    struct cpctl_json j;
    int rc = cpctl_api_open(c, &api);

    if (rc != 0)
        return rc;
    rc = cpctl_api_call(&api, "DELETE", arena_printf(&c->arena, "/v1/tokens/%s", cpctl_url_value(c, c->args[0])).p, NULL,
                        &answer);
    cpctl_api_close(&api);
    if (rc != 0)
        return rc;
    if (c->format == CPCTL_TABLE) {
        fprintf(c->out, "token %s revoked\n", c->args[0]);
        return CPCTL_OK;
    }
    cpctl_json_init(&j);
    json_begin_object(&j.w);
    json_member_str(&j.w, "id", c->args[0]);
    json_member_bool(&j.w, "revoked", true);
    json_end_object(&j.w);
    return cpctl_json_print(c, &j);
}
