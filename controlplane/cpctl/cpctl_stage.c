/* stage set: variables of one stage. */
#include <string.h>

#include "base/buf.h"
#include "cpctl/cpctl_api.h"
#include "cpctl/cpctl_change.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_say.h"

/* KEY=VALUE sets, KEY- removes. */
static int check(struct cpctl *c, const char *word)
{
    const char *eq = strchr(word, '=');
    size_t n = strlen(word);

    if (eq == word || n == 0)
        return cpctl_wrong(c, "'%s': the name of the variable is missing", word);
    if (eq == NULL && (n < 2 || word[n - 1] != '-'))
        return cpctl_wrong(c, "'%s' is neither KEY=VALUE nor KEY-", word);
    return 0;
}

static void build(struct cpctl *c, struct json_writer *w)
{
    json_begin_object(w);
    json_key(w, "set");
    json_begin_object(w);
    for (size_t i = 1; i < c->n_args; i++) {
        const char *eq = strchr(c->args[i], '=');

        if (eq == NULL)
            continue;
        json_key_slice(w, slice_from(c->args[i], (size_t)(eq - c->args[i])));
        json_put_str(w, eq + 1);
    }
    json_end_object(w);
    json_key(w, "unset");
    json_begin_array(w);
    for (size_t i = 1; i < c->n_args; i++)
        if (strchr(c->args[i], '=') == NULL)
            json_put_string(w, slice_from(c->args[i], strlen(c->args[i]) - 1));
    json_end_array(w);
    cpctl_change_options(c, w);
    json_end_object(w);
}

int cpctl_stage_set(struct cpctl *c)
{
    const char *slash = strchr(c->args[0], '/'), *target;
    struct json_writer w;
    struct cpctl_api api;
    struct buf body;
    int rc = 0;

    if (slash == NULL || slash == c->args[0] || slash[1] == '\0' || strchr(slash + 1, '/') != NULL)
        return cpctl_wrong(c, "'%s': a stage is named API/STAGE", c->args[0]);
    for (size_t i = 1; rc == 0 && i < c->n_args; i++)
        rc = check(c, c->args[i]);
    if (rc != 0)
        return rc;
    target = arena_printf(&c->arena, "/v1/stages/%s/variables", cpctl_url_path(c, c->args[0])).p;
    buf_init(&body, 0);
    json_writer_init(&w, &body, 0);
    build(c, &w);
    rc = json_writer_end(&w) != 0 ? cpctl_fail(c, "out of memory") : cpctl_api_open(c, &api);
    if (rc == 0) {
        rc = cpctl_change(&api, "PATCH", target, &body);
        cpctl_api_close(&api);
    }
    buf_fini(&body);
    return rc;
}
