#include "cpctl/cpctl_rollout.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_change.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"

#define POLL_MS 25000u          /* of one long poll */
#define PROGRESS_AFTER_MS 1000u /* what is done sooner needs no progress */

static const char *clean(struct cpctl *c, const struct json *object, const char *name)
{
    const char *text = cpctl_clean(c, slice_of(cpctl_text(c, object, name)), false);

    return text == NULL ? "" : text;
}

/* The name stands under "environment", in lists also under "name". */
static const char *environment_of(struct cpctl *c, const struct json *rollout)
{
    const char *name = clean(c, rollout, "environment");

    return *name != '\0' ? name : clean(c, rollout, "name");
}

static bool state_is(struct cpctl *c, const struct json *rollout, const char *state)
{
    return strcmp(cpctl_text(c, rollout, "state"), state) == 0;
}

bool cpctl_rollout_failed(struct cpctl *c, const struct json *rollout)
{
    return state_is(c, rollout, "failed");
}

static uint64_t version_revision(const struct json *rollout, const char *name)
{
    return cpctl_u64(json_get_str(rollout, name), "revision");
}

/* An error of the protocol: "route GET /users/{id}: integration: unknown integration soap". */
static void print_error(struct cpctl *c, FILE *to, const struct json *error)
{
    const char *type = clean(c, error, "type"), *key = clean(c, error, "key"), *field = clean(c, error, "field");
    const char *message = clean(c, error, "message");

    if (*type != '\0' || *key != '\0')
        fprintf(to, "%s%s%s: ", type, *type != '\0' && *key != '\0' ? " " : "", key);
    if (*field != '\0')
        fprintf(to, "%s: ", field);
    fputs(*message != '\0' ? message : clean(c, error, "code"), to);
}

void cpctl_rollout_reason(struct cpctl *c, const struct json *rollout)
{
    const struct json *failure = json_get_str(rollout, "failure"), *error = json_get_str(failure, "error");
    const char *node = clean(c, failure, "node"), *reason = clean(c, rollout, "reason");
    const char *red = cpctl_ink(c->color_err, CPCTL_INK_RED), *plain = cpctl_ink(c->color_err, CPCTL_INK_NONE);

    fprintf(c->err, "%serror:%s %s: revision %" PRIu64 " failed", red, plain, environment_of(c, rollout),
            version_revision(rollout, "head"));
    if (json_is(failure, JSON_OBJECT)) {
        fprintf(c->err, "%s%s: ", *node == '\0' ? "" : ": refused by node ", node);
        print_error(c, c->err, error != NULL ? error : failure);
    } else if (*reason != '\0') {
        fprintf(c->err, ": %s", reason);
    }
    fputc('\n', c->err);
    if (version_revision(rollout, "live") != 0)
        fprintf(c->err, "%shint:%s revision %" PRIu64 " is still live; `cpctl rollback` brings it back as the newest\n",
                cpctl_ink(c->color_err, CPCTL_INK_CYAN), plain, version_revision(rollout, "live"));
}

void cpctl_rollout_line(struct cpctl *c, FILE *to, const struct json *rollout)
{
    uint64_t connected = cpctl_u64(rollout, "connected"), active = cpctl_u64(rollout, "active");

    if (state_is(c, rollout, "live") && connected == 0)
        fprintf(to, "%s: revision %" PRIu64 " is live; no node is connected\n", environment_of(c, rollout),
                version_revision(rollout, "live"));
    else if (state_is(c, rollout, "live"))
        fprintf(to, "%s: %" PRIu64 "/%" PRIu64 " nodes at revision %" PRIu64 "\n", environment_of(c, rollout), active,
                connected, version_revision(rollout, "live"));
    else
        fprintf(to, "%s: revision %" PRIu64 " is %s: %" PRIu64 " of %" PRIu64 " nodes have built it, %" PRIu64 " run it\n",
                environment_of(c, rollout), version_revision(rollout, "head"), clean(c, rollout, "state"),
                cpctl_u64(rollout, "built"), connected, active);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

void cpctl_wait_init(struct cpctl_wait *w, struct cpctl_api *api, uint64_t timeout_ms)
{
    memset(w, 0, sizeof(*w));
    w->api = api;
    w->began_ms = clock_mono_ms();
    w->deadline_ms = w->began_ms + timeout_ms;
}

static void progress(struct cpctl_wait *w, const struct json *rollout)
{
    struct cpctl *c = w->api->c;

    if (w->quiet || !c->tty_err || clock_mono_ms() - w->began_ms < PROGRESS_AFTER_MS)
        return;
    fprintf(c->err, "\r\033[K%s: %s, %" PRIu64 "/%" PRIu64 " nodes built, %" PRIu64 " active",
            environment_of(c, rollout), clean(c, rollout, "state"), cpctl_u64(rollout, "built"),
            cpctl_u64(rollout, "connected"), cpctl_u64(rollout, "active"));
    (void)fflush(c->err);
    w->shown = true;
}

static void progress_end(struct cpctl_wait *w)
{
    if (w->shown)
        fputs("\r\033[K", w->api->c->err);
    w->shown = false;
}

/* Is it over for this revision? A later one that went live has it in it. */
static bool is_over(struct cpctl *c, const struct json *rollout, uint64_t revision)
{
    if (version_revision(rollout, "live") >= revision && !state_is(c, rollout, "activating"))
        return true;
    return cpctl_rollout_failed(c, rollout) && version_revision(rollout, "head") >= revision;
}

/* Who keeps the others waiting. */
static void tell_missing(struct cpctl *c, const struct json *rollout)
{
    const struct json *nodes = cpctl_list(json_get_str(rollout, "nodes"), "nodes");

    for (const struct json *n = nodes == NULL ? NULL : nodes->first; n != NULL; n = n->next) {
        const char *state = clean(c, n, "state");

        if (strcmp(state, "current") != 0 && strcmp(state, "offline") != 0)
            fprintf(c->err, "  node %s: %s\n", clean(c, n, "id"), state);
    }
}

static int tell_end(struct cpctl_wait *w, const struct json *rollout, uint64_t revision, const char *environment)
{
    struct cpctl *c = w->api->c;

    if (rollout == NULL)
        return cpctl_fail(c, "%s: the control plane knows no such environment", environment);
    if (version_revision(rollout, "live") >= revision && is_over(c, rollout, revision)) {
        if (!w->quiet && c->format == CPCTL_TABLE)
            cpctl_rollout_line(c, c->out, rollout);
        return CPCTL_OK;
    }
    if (is_over(c, rollout, revision)) {
        cpctl_rollout_reason(c, rollout);
        return CPCTL_FAILED;
    }
    cpctl_error(c, "%s: revision %" PRIu64 " is not live after %" PRIu64 " s: %s, %" PRIu64 " of %" PRIu64
                   " nodes have built it",
                environment, revision, (w->deadline_ms - w->began_ms) / 1000, clean(c, rollout, "state"),
                cpctl_u64(rollout, "built"), cpctl_u64(rollout, "connected"));
    tell_missing(c, rollout);
    cpctl_hint(c, "it goes on; see `cpctl rollout status %s --wait`", environment);
    return CPCTL_FAILED;
}

int cpctl_wait_live(struct cpctl_wait *w, const char *environment, uint64_t revision, const struct json **out)
{
    struct cpctl *c = w->api->c;

    for (;;) {
        uint64_t now = clock_mono_ms(), left = now < w->deadline_ms ? w->deadline_ms - now : 0;
        uint64_t most = c->tty_err && !w->quiet ? PROGRESS_AFTER_MS : POLL_MS, poll_ms = left < most ? left : most;
        const char *target = arena_printf(&c->arena, "/v1/rollouts/%s?waitRevision=%" PRIu64 "&timeoutMillis=%" PRIu64,
                                          cpctl_url_value(c, environment), revision, poll_ms).p;
        int rc = target == NULL ? cpctl_fail(c, "out of memory")
                                : cpctl_api_ask(w->api, target, poll_ms + 15000, out);

        if (rc != 0) {
            progress_end(w);
            return rc;
        }
        if (*out == NULL || left == 0 || is_over(c, *out, revision))
            break;
        progress(w, *out);
    }
    progress_end(w);
    return tell_end(w, *out, revision, environment);
}

/* ---- rollout status ---------------------------------------------------------------------------- */

static void node_row(struct cpctl *c, struct cpctl_table *t, const char *environment, const struct json *n)
{
    const struct json *error = json_get_str(n, "error");
    const struct json *active = json_get_str(n, "active");

    cpctl_table_cell(t, environment);
    cpctl_table_cell(t, clean(c, n, "id"));
    cpctl_table_cell(t, clean(c, n, "state"));
    cpctl_table_cell(t, json_is(active, JSON_OBJECT) ? clean(c, active, "revision") : "");
    cpctl_table_cell(t, clean(c, error, "message"));
}

static void show_rollouts(struct cpctl *c, const struct json *const *list, size_t n)
{
    static const char *const heads[] = {"ENVIRONMENT", "NODE", "STATE", "REVISION", "ERROR", NULL};
    struct cpctl_table t;
    size_t nodes = 0;

    for (size_t i = 0; i < n; i++) {
        const struct json *all = cpctl_list(json_get_str(list[i], "nodes"), "nodes");

        cpctl_rollout_line(c, c->out, list[i]);
        nodes += all == NULL ? 0 : all->count;
    }
    if (nodes == 0)
        return;
    fputc('\n', c->out);
    cpctl_table_init(&t, c, heads);
    for (size_t i = 0; i < n; i++) {
        const struct json *all = cpctl_list(json_get_str(list[i], "nodes"), "nodes");

        for (const struct json *node = all == NULL ? NULL : all->first; node != NULL; node = node->next)
            node_row(c, &t, environment_of(c, list[i]), node);
    }
    cpctl_table_print(&t);
}

/* The rollouts asked for, each with its nodes. */
static int fetch(struct cpctl_api *a, struct vec *out)
{
    struct cpctl *c = a->c;
    const struct json *answer, *list;
    int rc;

    if (c->n_args == 1) {
        rc = cpctl_api_get(a, arena_printf(&c->arena, "/v1/rollouts/%s", cpctl_url_value(c, c->args[0])).p, &answer);
        return rc != 0 ? rc : vec_push(out, &answer) == NULL ? cpctl_fail(c, "out of memory") : 0;
    }
    rc = cpctl_api_get(a, "/v1/rollouts", &answer);
    list = rc == 0 ? cpctl_list(answer, "rollouts") : NULL;
    for (const struct json *one = list == NULL ? NULL : list->first; rc == 0 && one != NULL; one = one->next)
        if (vec_push(out, &one) == NULL)
            rc = cpctl_fail(c, "out of memory");
    return rc;
}

static int wait_each(struct cpctl_api *a, struct vec *rollouts)
{
    struct cpctl_wait w;
    uint64_t timeout_ms;
    int status = cpctl_timeout(a->c, &timeout_ms);

    if (status != 0)
        return status;
    cpctl_wait_init(&w, a, timeout_ms);
    w.quiet = true;
    for (size_t i = 0; i < rollouts->n; i++) {
        const struct json **one = &VEC_AT(rollouts, const struct json *, i), *last = NULL;
        uint64_t head = version_revision(*one, "head");
        int rc = head == 0 ? CPCTL_OK : cpctl_wait_live(&w, environment_of(a->c, *one), head, &last);

        *one = last != NULL ? last : *one;
        status = status == CPCTL_OK ? rc : status;
    }
    return status;
}

static int print_rollouts(struct cpctl *c, const struct vec *rollouts)
{
    struct cpctl_json j;

    if (c->format == CPCTL_NAME) {
        for (size_t i = 0; i < rollouts->n; i++)
            fprintf(c->out, "%s\n", environment_of(c, VEC_AT(rollouts, const struct json *, i)));
        return CPCTL_OK;
    }
    if (c->format == CPCTL_TABLE) {
        if (rollouts->n == 0)
            fputs("no environment has anything yet\n", c->out);
        show_rollouts(c, rollouts->p, rollouts->n);
        return CPCTL_OK;
    }
    cpctl_json_init(&j);
    json_begin_array(&j.w);
    for (size_t i = 0; i < rollouts->n; i++)
        json_put_tree(&j.w, VEC_AT(rollouts, const struct json *, i));
    json_end_array(&j.w);
    return cpctl_json_print(c, &j);
}

int cpctl_rollout_status(struct cpctl *c)
{
    struct vec rollouts = VEC_INIT(const struct json *);
    struct cpctl_api api;
    int rc = cpctl_api_open(c, &api), status = CPCTL_OK, shown;
    bool waits = cpctl_given(c, CPCTL_OPT_WAIT);

    if (rc != 0)
        return rc;
    rc = fetch(&api, &rollouts);
    if (rc == 0 && waits)
        status = wait_each(&api, &rollouts);
    if (rc == 0) {
        shown = print_rollouts(c, &rollouts);
        for (size_t i = 0; i < rollouts.n; i++) {
            const struct json *one = VEC_AT(&rollouts, const struct json *, i);

            if (!cpctl_rollout_failed(c, one))
                continue;
            if (!waits)
                cpctl_rollout_reason(c, one);
            status = CPCTL_FAILED;
        }
        rc = shown != 0 ? shown : status;
    }
    vec_fini(&rollouts);
    cpctl_api_close(&api);
    return rc;
}
