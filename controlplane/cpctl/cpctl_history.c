/* history and rollback. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cpctl/cpctl_api.h"
#include "cpctl/cpctl_change.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_list.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"
#include "cpctl/cpctl_upload.h"

/* "41" or "r41". */
static int read_revision(struct cpctl *c, const char *text, uint64_t *out)
{
    const char *digits = *text == 'r' ? text + 1 : text;

    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0' || strlen(digits) > 18)
        return cpctl_wrong(c, "'%s' is no revision: a number is expected", text);
    *out = strtoull(digits, NULL, 10);
    return *out == 0 ? cpctl_wrong(c, "revisions begin with 1") : 0;
}

/* One revision's difference to the one before. */
static int show_diff(struct cpctl_api *a, uint64_t from, uint64_t to)
{
    const struct json *answer;
    int rc = cpctl_api_get(a, arena_printf(&a->c->arena, "/v1/revisions/%" PRIu64 "/diff/%" PRIu64, from, to).p, &answer);

    if (rc != 0)
        return rc;
    (void)cpctl_diff_changes(a->c, answer);
    return CPCTL_OK;
}

static int show_one(struct cpctl_api *a)
{
    static const char *const omit[] = {"documents", NULL};
    struct cpctl *c = a->c;
    const struct json *r;
    uint64_t revision;
    int rc = read_revision(c, c->args[0], &revision);

    if (rc == 0)
        rc = cpctl_api_get(a, arena_printf(&c->arena, "/v1/revisions/%" PRIu64, revision).p, &r);
    if (rc != 0)
        return rc;
    if (c->format != CPCTL_TABLE)
        return cpctl_print_data(c, r);
    cpctl_facts(c, r, omit);
    fputc('\n', c->out);
    return show_diff(a, revision - 1, revision);
}

int cpctl_history(struct cpctl *c)
{
    struct cpctl_api api;
    int rc = cpctl_api_open(c, &api);

    if (rc != 0)
        return rc;
    rc = c->n_args == 1 ? show_one(&api) : cpctl_list_revisions(&api);
    cpctl_api_close(&api);
    return rc;
}

/* ---- rollback --------------------------------------------------------------------------------- */

/* The revision to go back to: the one named, or the one before the newest. */
static int choose(struct cpctl_api *a, uint64_t *target)
{
    struct cpctl *c = a->c;
    const char *text = c->n_args == 1 ? c->args[0] : c->value[CPCTL_OPT_TO];
    const struct json *answer;
    int rc;

    if (text != NULL)
        return read_revision(c, text, target);
    rc = cpctl_api_get(a, "/v1/revisions?limit=2", &answer);
    if (rc != 0)
        return rc;
    *target = cpctl_u64(json_at(cpctl_list(answer, "revisions"), 1), "revision");
    return *target == 0 ? cpctl_fail(c, "there is no earlier revision to go back to") : 0;
}

static int restore(struct cpctl_api *a, uint64_t target)
{
    struct cpctl *c = a->c;
    struct json_writer w;
    struct buf body;
    int rc;

    buf_init(&body, 0);
    json_writer_init(&w, &body, 0);
    json_begin_object(&w);
    cpctl_change_options(c, &w);
    json_end_object(&w);
    rc = json_writer_end(&w) != 0 ? cpctl_fail(c, "out of memory")
                                  : cpctl_change(a, "POST",
                                                 arena_printf(&c->arena, "/v1/revisions/%" PRIu64 "/restore", target).p,
                                                 &body);
    buf_fini(&body);
    return rc;
}

int cpctl_rollback(struct cpctl *c)
{
    struct cpctl_api api;
    uint64_t target = 0;
    int rc;

    if (c->n_args == 1 && cpctl_given(c, CPCTL_OPT_TO))
        return cpctl_wrong(c, "the revision is named twice");
    rc = cpctl_api_open(c, &api);
    if (rc != 0)
        return rc;
    rc = choose(&api, &target);
    if (rc == 0)
        rc = restore(&api, target);
    cpctl_api_close(&api);
    return rc;
}
