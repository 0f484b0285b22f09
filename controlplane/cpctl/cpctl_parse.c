/* From words to a call: options may stand anywhere, the command is the longest name that the plain words begin with. */
#include "cpctl/cpctl.h"

#include <string.h>

#include "base/must.h"
#include "cpctl/cpctl_say.h"
#include "diag/diag_near.h"

struct words {
    int argc, at;
    char **argv;
};

static int find_long(const char *name, size_t n)
{
    for (int i = 0; i < CPCTL_OPT_N; i++)
        if (strlen(cpctl_options[i].name) == n && memcmp(cpctl_options[i].name, name, n) == 0)
            return i;
    return -1;
}

static int find_letter(char letter)
{
    for (int i = 0; i < CPCTL_OPT_N; i++)
        if (cpctl_options[i].letter == letter)
            return i;
    return -1;
}

static int unknown_option(struct cpctl *c, const char *word)
{
    struct diag_near near;
    const char *eq = strchr(word, '=');

    cpctl_error(c, "unknown option '%s'", word);
    if (strncmp(word, "--", 2) != 0)
        return CPCTL_WRONG;
    diag_near_init(&near, slice_from(word + 2, eq == NULL ? strlen(word + 2) : (size_t)(eq - word - 2)));
    for (int i = 0; i < CPCTL_OPT_N; i++)
        diag_near_offer(&near, slice_of(cpctl_options[i].name));
    if (near.best.n != 0)
        cpctl_hint(c, "did you mean --%.*s?", SLICE_FMT(near.best));
    else
        cpctl_hint(c, "`cpctl COMMAND --help` lists the options");
    return CPCTL_WRONG;
}

static int set(struct cpctl *c, int opt, const char *value)
{
    c->value[opt] = value;
    if (opt == CPCTL_OPT_FILE)
        c->files[c->n_files++] = value;
    return 0;
}

/* "--name", "--name=value" or "--name value" at w->at; moves behind it. */
static int long_option(struct cpctl *c, struct words *w)
{
    const char *word = w->argv[w->at++], *eq = strchr(word, '=');
    int opt = find_long(word + 2, eq == NULL ? strlen(word + 2) : (size_t)(eq - word - 2));

    if (opt < 0)
        return unknown_option(c, word);
    if (cpctl_options[opt].arg == NULL) {
        if (eq != NULL)
            return cpctl_wrong(c, "option --%s takes no value", cpctl_options[opt].name);
        return set(c, opt, "");
    }
    if (eq != NULL)
        return set(c, opt, eq + 1);
    if (w->at >= w->argc)
        return cpctl_wrong(c, "option --%s needs a value: %s", cpctl_options[opt].name,
                           cpctl_options[opt].arg);
    return set(c, opt, w->argv[w->at++]);
}

/* "-h", "-f value" or "-fvalue". */
static int short_option(struct cpctl *c, struct words *w)
{
    const char *word = w->argv[w->at++];
    int opt = find_letter(word[1]);

    if (opt < 0)
        return unknown_option(c, word);
    if (cpctl_options[opt].arg == NULL)
        return word[2] == '\0' ? set(c, opt, "") : unknown_option(c, word);
    if (word[2] != '\0')
        return set(c, opt, word + 2);
    if (w->at >= w->argc)
        return cpctl_wrong(c, "option -%c needs a value: %s", word[1], cpctl_options[opt].arg);
    return set(c, opt, w->argv[w->at++]);
}

static int read_words(struct cpctl *c, struct words *w)
{
    bool only_args = false;

    while (w->at < w->argc) {
        const char *word = w->argv[w->at];
        int rc = 0;

        if (!only_args && strcmp(word, "--") == 0) {
            only_args = true;
            w->at++;
        } else if (!only_args && strncmp(word, "--", 2) == 0) {
            rc = long_option(c, w);
        } else if (!only_args && word[0] == '-' && word[1] != '\0') {
            rc = short_option(c, w);
        } else {
            c->args[c->n_args++] = word;
            w->at++;
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

const struct cpctl_command *cpctl_command_find(struct slice name)
{
    for (size_t i = 0; i < cpctl_n_commands; i++)
        if (slice_is(name, cpctl_commands[i].name))
            return &cpctl_commands[i];
    return NULL;
}

bool cpctl_command_is_group(struct slice word)
{
    for (size_t i = 0; i < cpctl_n_commands; i++) {
        const char *name = cpctl_commands[i].name;

        if (strlen(name) > word.n && memcmp(name, word.p, word.n) == 0 && name[word.n] == ' ')
            return true;
    }
    return false;
}

static int unknown_command(struct cpctl *c, struct slice word)
{
    struct diag_near near;

    diag_near_init(&near, word);
    for (size_t i = 0; i < cpctl_n_commands; i++) {
        const char *name = cpctl_commands[i].name;

        diag_near_offer(&near, slice_from(name, strcspn(name, " ")));
        diag_near_offer(&near, slice_of(name));
    }
    cpctl_error(c, "unknown command '%.*s'", SLICE_FMT(word));
    if (near.best.n != 0)
        cpctl_hint(c, "did you mean `cpctl %.*s`?", SLICE_FMT(near.best));
    else
        cpctl_hint(c, "`cpctl --help` lists the commands");
    return CPCTL_WRONG;
}

/* "token" alone, or with a second word that it lacks. */
static int unknown_in_group(struct cpctl *c, struct slice group, struct slice word)
{
    struct diag_near near;
    struct slice all = SLICE_NONE;

    diag_near_init(&near, word);
    for (size_t i = 0; i < cpctl_n_commands; i++) {
        const char *name = cpctl_commands[i].name;
        struct slice was = all;

        if (!slice_starts(slice_of(name), group) || name[group.n] != ' ')
            continue;
        diag_near_offer(&near, slice_of(name + group.n + 1));
        all = arena_printf(&c->arena, "%.*s%s%s", SLICE_FMT(was), was.n == 0 ? "" : ", ",
                           name + group.n + 1);
    }
    if (word.n == 0)
        cpctl_error(c, "what about the %.*s? cpctl %.*s takes one of: %.*s", SLICE_FMT(group),
                    SLICE_FMT(group), SLICE_FMT(all));
    else
        cpctl_error(c, "unknown command '%.*s %.*s'", SLICE_FMT(group), SLICE_FMT(word));
    if (near.best.n != 0)
        cpctl_hint(c, "did you mean `cpctl %.*s %.*s`?", SLICE_FMT(group), SLICE_FMT(near.best));
    else if (word.n != 0)
        cpctl_hint(c, "one of: %.*s", SLICE_FMT(all));
    return CPCTL_WRONG;
}

static int find_command(struct cpctl *c)
{
    struct slice first, second, both;
    size_t taken = 1;

    if (c->n_args == 0)
        return 0;
    first = slice_of(c->args[0]);
    second = c->n_args > 1 ? slice_of(c->args[1]) : SLICE_NONE;
    if (cpctl_command_is_group(first)) {
        both = arena_printf(&c->arena, "%.*s %.*s", SLICE_FMT(first), SLICE_FMT(second));
        c->command = cpctl_command_find(both);
        taken = 2;
        if (c->command == NULL && cpctl_given(c, CPCTL_OPT_HELP) && second.n == 0)
            return 0; /* `cpctl token --help`: help deals with the group */
        if (c->command == NULL)
            return unknown_in_group(c, first, second);
    } else {
        c->command = cpctl_command_find(first);
    }
    if (c->command == NULL)
        return unknown_command(c, first);
    c->args += taken;
    c->n_args -= taken;
    return 0;
}

static int check_format(struct cpctl *c)
{
    static const char *const names[] = {"table", "yaml", "json", "name"};
    const char *text = c->value[CPCTL_OPT_OUTPUT];

    c->format = CPCTL_TABLE;
    if (text == NULL)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        c->format = (enum cpctl_format)i;
        if (c->format == CPCTL_NAME && c->command != NULL && !c->command->names)
            return cpctl_wrong(c, "-o name makes no sense here");
        return 0;
    }
    return cpctl_wrong(c, "-o %s: the formats are table, yaml, json and name", text);
}

/* Are the options and the number of arguments this command's own? */
static int check_call(struct cpctl *c)
{
    const struct cpctl_command *m = c->command;

    if (cpctl_given(c, CPCTL_OPT_HELP))
        return 0;
    for (int i = 0; i < CPCTL_OPT_N; i++)
        if (c->value[i] != NULL && ((m->options | CPCTL_GLOBAL) & CPCTL_BIT(i)) == 0)
            return cpctl_wrong(c, "`cpctl %s` has no option --%s", m->name, cpctl_options[i].name);
    if (c->n_args > m->args_max)
        return cpctl_wrong(c, "'%s' is one word too many: cpctl %s%s%s", c->args[m->args_max],
                           m->name, *m->args == '\0' ? "" : " ", m->args);
    if (c->n_args < m->args_min)
        return cpctl_wrong(c, "something is missing: cpctl %s %s", m->name, m->args);
    return 0;
}

int cpctl_parse(struct cpctl *c, int argc, char **argv)
{
    struct words w = {argc, 1, argv};
    int rc;

    c->args = arena_calloc(&c->arena, (size_t)argc + 1, sizeof(*c->args));
    c->files = arena_calloc(&c->arena, (size_t)argc + 1, sizeof(*c->files));
    if (c->args == NULL || c->files == NULL)
        return cpctl_fail(c, "out of memory");
    rc = read_words(c, &w);
    if (rc == 0)
        rc = find_command(c);
    if (rc == 0)
        rc = check_format(c);
    if (rc == 0 && c->command != NULL)
        rc = check_call(c);
    return rc;
}
