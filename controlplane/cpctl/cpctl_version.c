/* version: ours, and the control plane's when there is one to ask. */
#include "cpctl/cpctl_api.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_config.h"
#include "cpctl/cpctl_out.h"

#define ASK_MS 5000u

static int print(struct cpctl *c, const char *server, const struct json *answer)
{
    struct cpctl_json j;

    if (c->format == CPCTL_TABLE) {
        fprintf(c->out, "cpctl %s\n", SLUICE_VERSION);
        if (answer != NULL)
            fprintf(c->out, "sluice-controlplane %s (%s)\n",
                    cpctl_clean(c, slice_of(cpctl_text(c, answer, "version")), false), server);
        return CPCTL_OK;
    }
    cpctl_json_init(&j);
    json_begin_object(&j.w);
    json_member_str(&j.w, "cpctl", SLUICE_VERSION);
    if (server != NULL)
        json_member_str(&j.w, "server", server);
    if (answer != NULL) {
        json_key(&j.w, "controlplane");
        json_put_tree(&j.w, answer);
    }
    json_end_object(&j.w);
    return cpctl_json_print(c, &j);
}

int cpctl_version(struct cpctl *c)
{
    const struct json *answer = NULL;
    struct cpctl_target target;
    struct cpctl_api api;
    int rc = cpctl_config_target(c, &target);

    if (rc != 0)
        return rc;
    if (target.server != NULL && cpctl_api_open_target(c, &target, -1, &api) == 0) {
        /* Why it does not answer was told; our own version is known all the same. */
        if (cpctl_api_ask(&api, "/v1/version", ASK_MS, &answer) != 0)
            answer = NULL;
        cpctl_api_close(&api);
    }
    return print(c, target.server, answer);
}
