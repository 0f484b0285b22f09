#include "cpctl/cpctl_change.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpctl/cpctl_kind.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_rollout.h"
#include "cpctl/cpctl_say.h"
#include "diag/diag.h"

#define TIMEOUT_DEFAULT_MS 30000u
#define YEAR_MS (366u * UINT64_C(86400000))

bool cpctl_duration(const char *text, uint64_t *ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
    uint64_t total = 0;

    if (*text == '\0')
        return false;
    while (*text != '\0') {
        uint64_t n = 0, unit = 0;
        size_t letters;

        if (*text < '0' || *text > '9')
            return false;
        for (; *text >= '0' && *text <= '9'; text++) {
            n = n * 10 + (uint64_t)(*text - '0');
            if (n > YEAR_MS)
                return false;
        }
        letters = strspn(text, "abcdefghijklmnopqrstuvwxyz");
        if (letters == 0 && *text == '\0' && total == 0)
            unit = 1000;
        for (int i = 0; letters != 0 && units[i].name != NULL; i++)
            if (strlen(units[i].name) == letters && memcmp(units[i].name, text, letters) == 0)
                unit = units[i].ms;
        if (unit == 0 || n > YEAR_MS / unit)
            return false;
        total += n * unit;
        text += letters;
    }
    *ms = total;
    return total <= YEAR_MS;
}

int cpctl_number(struct cpctl *c, enum cpctl_opt opt, uint64_t min, uint64_t max, uint64_t otherwise, uint64_t *out)
{
    const char *text = c->value[opt];
    char *end;

    *out = otherwise;
    if (text == NULL)
        return 0;
    *out = strtoull(text, &end, 10);
    if (strspn(text, "0123456789") == 0 || *end != '\0' || strlen(text) > 18 || *out < min || *out > max)
        return cpctl_wrong(c, "--%s %s: a whole number from %" PRIu64 " to %" PRIu64 " is expected",
                           cpctl_options[opt].name, text, min, max);
    return 0;
}

int cpctl_timeout(struct cpctl *c, uint64_t *ms)
{
    const char *text = c->value[CPCTL_OPT_TIMEOUT];

    *ms = TIMEOUT_DEFAULT_MS;
    if (text == NULL)
        return 0;
    if (!cpctl_given(c, CPCTL_OPT_WAIT))
        return cpctl_wrong(c, "--timeout is for --wait");
    return cpctl_duration(text, ms) ? 0 : cpctl_wrong(c, "--timeout %s: a time like 500ms, 30s or 2m is expected", text);
}

void cpctl_change_options(struct cpctl *c, struct json_writer *w)
{
    if (cpctl_given(c, CPCTL_OPT_DRY_RUN))
        json_member_bool(w, "dryRun", true);
    if (cpctl_given(c, CPCTL_OPT_MESSAGE))
        json_member_str(w, "message", c->value[CPCTL_OPT_MESSAGE]);
}

static enum cpctl_ink ink_of(const char *op)
{
    return strcmp(op, "created") == 0     ? CPCTL_INK_GREEN
           : strcmp(op, "updated") == 0   ? CPCTL_INK_YELLOW
           : strcmp(op, "deleted") == 0   ? CPCTL_INK_RED
           : strcmp(op, "unchanged") == 0 ? CPCTL_INK_DIM
                                          : CPCTL_INK_NONE;
}

static void show_changes(struct cpctl *c, const struct json *list, bool dry_run)
{
    for (const struct json *one = list == NULL ? NULL : list->first; one != NULL; one = one->next) {
        const char *op = cpctl_text(c, one, "op"), *summary = cpctl_text(c, one, "summary");
        char kind[64];

        (void)cpctl_kind_show(cpctl_text(c, one, "kind"), kind, sizeof(kind));
        fprintf(c->out, "%s/%s", cpctl_clean(c, slice_of(kind), false),
                cpctl_clean(c, slice_of(cpctl_text(c, one, "name")), false));
        if (c->format == CPCTL_NAME) {
            fputc('\n', c->out);
            continue;
        }
        fprintf(c->out, " %s%s%s", cpctl_ink(c->color_out, ink_of(op)), cpctl_clean(c, slice_of(op), false),
                cpctl_ink(c->color_out, CPCTL_INK_NONE));
        if (*summary != '\0')
            fprintf(c->out, " (%s)", cpctl_clean(c, slice_of(summary), false));
        fputs(dry_run && strcmp(op, "unchanged") != 0 ? " (dry run)\n" : "\n", c->out);
    }
}

static void show_warnings(struct cpctl *c, const struct json *answer)
{
    const struct json *list = json_get_str(answer, "diagnostics");
    struct diag_list diags;
    struct buf text;

    if (!json_is(list, JSON_ARRAY) || list->count == 0)
        return;
    diag_init(&diags);
    buf_init(&text, 0);
    if (json_write(&text, list, 0) == 0 && diag_read_json(&diags, buf_slice(&text), NULL) == 0)
        (void)cpctl_print_diags(c, c->err, &diags);
    buf_fini(&text);
    diag_fini(&diags);
}

static void show_text(struct cpctl *c, const struct json *answer, bool dry_run)
{
    bool changed = json_bool(json_get_str(answer, "changed"), false);
    uint64_t revision = cpctl_u64(answer, "revision");

    show_changes(c, cpctl_list(answer, "changes"), dry_run);
    if (c->format == CPCTL_NAME)
        return;
    if (dry_run)
        fputs("nothing was applied (dry run)\n", c->out);
    else if (changed)
        fprintf(c->out, "revision %" PRIu64 "\n", revision);
    else
        fprintf(c->out, "unchanged (revision %" PRIu64 ")\n", revision);
    (void)fflush(c->out);
}

/* The answer with the rollouts that were waited for. */
static int show_data(struct cpctl *c, const struct json *answer, const struct vec *rollouts)
{
    struct cpctl_json j;

    cpctl_json_init(&j);
    json_begin_object(&j.w);
    for (const struct json *m = answer->first; m != NULL; m = m->next) {
        json_key_slice(&j.w, m->key);
        json_put_tree(&j.w, m);
    }
    if (cpctl_given(c, CPCTL_OPT_WAIT)) {
        json_key(&j.w, "rollouts");
        json_begin_array(&j.w);
        for (size_t i = 0; i < rollouts->n; i++)
            json_put_tree(&j.w, VEC_AT(rollouts, const struct json *, i));
        json_end_array(&j.w);
    }
    json_end_object(&j.w);
    return cpctl_json_print(c, &j);
}

/* Each environment in turn, all within one deadline; the first that fails decides. */
static int wait_all(struct cpctl_api *a, const struct json *answer, uint64_t timeout_ms, struct vec *rollouts)
{
    const struct json *list = cpctl_list(answer, "environments");
    int status = CPCTL_OK;
    struct cpctl_wait w;

    cpctl_wait_init(&w, a, timeout_ms);
    for (const struct json *one = list == NULL ? NULL : list->first; one != NULL; one = one->next) {
        const struct json *rollout = NULL;
        int rc = cpctl_wait_live(&w, cpctl_text(a->c, one, "name"), cpctl_u64(one, "revision"), &rollout);

        if (rollout != NULL && vec_push(rollouts, &rollout) == NULL)
            return cpctl_fail(a->c, "out of memory");
        status = status == CPCTL_OK ? rc : status;
    }
    return status;
}

int cpctl_change(struct cpctl_api *a, const char *method, const char *target, const struct buf *body)
{
    struct cpctl *c = a->c;
    bool dry_run = cpctl_given(c, CPCTL_OPT_DRY_RUN), data = c->format == CPCTL_JSON || c->format == CPCTL_YAML;
    struct vec rollouts = VEC_INIT(const struct json *);
    const struct json *answer;
    uint64_t timeout_ms;
    int rc = cpctl_timeout(c, &timeout_ms), shown;

    if (rc != 0)
        return rc;
    rc = cpctl_api_call(a, method, target, body, &answer);
    if (rc != 0)
        return rc;
    if (!json_is(answer, JSON_OBJECT))
        return cpctl_fail(c, "the control plane's answer is not what cpctl %s expects", SLUICE_VERSION);
    if (!data) {
        show_warnings(c, answer);
        show_text(c, answer, dry_run);
    }
    if (cpctl_given(c, CPCTL_OPT_WAIT) && !dry_run)
        rc = wait_all(a, answer, timeout_ms, &rollouts);
    shown = data ? show_data(c, answer, &rollouts) : CPCTL_OK;
    vec_fini(&rollouts);
    return rc != 0 ? rc : shown;
}
