/* Help in every form, out of the table: overview, one command, a group, JSON, and the manual's list. */
#include <string.h>

#include "base/buf.h"
#include "cpctl/cpctl.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"

#define WIDTH 96

/* Prints text with lines broken between words; newlines in the text stay. */
static void print_wrapped(FILE *out, const char *text, unsigned indent)
{
    unsigned column = 0;

    while (*text != '\0') {
        size_t n = strcspn(text, " \n");

        if (column != 0 && column + 1 + n > WIDTH - indent) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%*s%.*s", column == 0 ? (int)indent : 1, "", (int)n, text);
        column += (unsigned)n + (column == 0 ? 0 : 1);
        text += n;
        if (*text == '\n') {
            fputc('\n', out);
            column = 0;
        }
        text += *text != '\0';
    }
    fputc('\n', out);
}

static void print_options(struct cpctl *c, const char *title, uint64_t which)
{
    if (which == 0)
        return;
    fprintf(c->out, "\n%s%s%s\n", cpctl_ink(c->color_out, CPCTL_INK_BOLD), title,
            cpctl_ink(c->color_out, CPCTL_INK_NONE));
    for (int i = 0; i < CPCTL_OPT_N; i++) {
        const struct cpctl_option *o = &cpctl_options[i];
        char left[64], letter[8] = "    ";

        if ((which & CPCTL_BIT(i)) == 0)
            continue;
        if (o->letter != 0)
            (void)snprintf(letter, sizeof(letter), "-%c, ", o->letter);
        (void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->arg == NULL ? "" : " ",
                       o->arg == NULL ? "" : o->arg);
        fprintf(c->out, "  %-28s  %s\n", left, o->help);
    }
}

static void print_command(struct cpctl *c, const struct cpctl_command *m)
{
    const char *bold = cpctl_ink(c->color_out, CPCTL_INK_BOLD);
    const char *plain = cpctl_ink(c->color_out, CPCTL_INK_NONE);

    fprintf(c->out, "cpctl %s: %s\n\n%sUsage%s\n  cpctl %s%s%s%s\n\n", m->name, m->help, bold, plain,
            m->name, *m->args == '\0' ? "" : " ", m->args,
            (m->options & CPCTL_BIT(CPCTL_OPT_FILE)) == 0 ? " [OPTIONS]"
            : *m->args == '\0'                            ? " -f FILE [OPTIONS]"
                                                          : " | -f FILE [OPTIONS]");
    print_wrapped(c->out, m->detail, 0);
    print_options(c, "Options", m->options);
    print_options(c, "Options of every command", CPCTL_GLOBAL);
    fprintf(c->out, "\n%sExamples%s\n", bold, plain);
    for (const char *p = m->examples; *p != '\0'; p += strcspn(p, "\n") + 1)
        fprintf(c->out, "  %.*s\n", (int)strcspn(p, "\n"), p);
}

static void print_line(struct cpctl *c, const struct cpctl_command *m)
{
    char left[80];

    bool files = (m->options & CPCTL_BIT(CPCTL_OPT_FILE)) != 0;

    (void)snprintf(left, sizeof(left), "%s%s%s", m->name, *m->args != '\0' ? " " : files ? " -f FILE" : "", m->args);
    fprintf(c->out, "  %-38s  %s\n", left, m->help);
}

static void print_group(struct cpctl *c, struct slice group)
{
    fprintf(c->out, "Usage: cpctl %.*s COMMAND [OPTIONS]\n\n", SLICE_FMT(group));
    for (size_t i = 0; i < cpctl_n_commands; i++) {
        const char *name = cpctl_commands[i].name;

        if (slice_starts(slice_of(name), group) && name[group.n] == ' ')
            print_line(c, &cpctl_commands[i]);
    }
}

static void print_overview(struct cpctl *c)
{
    const char *bold = cpctl_ink(c->color_out, CPCTL_INK_BOLD);
    const char *plain = cpctl_ink(c->color_out, CPCTL_INK_NONE);

    fprintf(c->out, "cpctl: the command line of the Sluice API gateway\n\nUsage: cpctl COMMAND [OPTIONS]\n");
    for (size_t i = 0; i < cpctl_n_commands; i++) {
        if (cpctl_commands[i].group != NULL)
            fprintf(c->out, "\n%s%s%s\n", bold, cpctl_commands[i].group, plain);
        print_line(c, &cpctl_commands[i]);
    }
    print_options(c, "Options of every command", CPCTL_GLOBAL);
    fprintf(c->out, "\n%sEnvironment%s\n"
                    "  SLUICE_CONFIG, SLUICE_CONTEXT, SLUICE_SERVER, SLUICE_CA   as the options of these names\n"
                    "  SLUICE_TOKEN       the API token itself\n"
                    "  NO_COLOR           no colours, also on a terminal\n"
                    "\n%sExit status%s\n"
                    "  0 done, 1 the work failed, 2 the call was wrong; diff: 0 same, 1 different, 2 error\n\n"
                    "`cpctl COMMAND --help` says more about each.\n",
            bold, plain, bold, plain);
}

/* ---- mdoc ------------------------------------------------------------------------------------- */

/* Text that mdoc must not take for markup. */
static void mdoc_text(FILE *out, const char *text)
{
    bool line_start = true;

    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '\n')
            fputs("\n.Pp\n", out);
        else if (*text == '`')
            fputs("\\(oq", out);
        else if (*text == '-' && text[1] == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        line_start = *text == '\n';
        /* A new line after each sentence, as mdoc wants it. */
        if (*text == '.' && text[1] == ' ') {
            fputc('\n', out);
            line_start = true;
            text++;
        }
    }
    fputc('\n', out);
}

static void mdoc_option(FILE *out, const struct cpctl_option *o)
{
    if (o->letter != 0)
        fprintf(out, ".It Fl %c , Fl -%s%s%s\n", o->letter, o->name, o->arg == NULL ? "" : " Ar ",
                o->arg == NULL ? "" : o->arg);
    else
        fprintf(out, ".It Fl -%s%s%s\n", o->name, o->arg == NULL ? "" : " Ar ",
                o->arg == NULL ? "" : o->arg);
    fprintf(out, "%s.\n", o->help);
}

static void mdoc_options(FILE *out, uint64_t which)
{
    if (which == 0)
        return;
    fputs(".Bl -tag -width Ds\n", out);
    for (int i = 0; i < CPCTL_OPT_N; i++)
        if ((which & CPCTL_BIT(i)) != 0)
            mdoc_option(out, &cpctl_options[i]);
    fputs(".El\n", out);
}

static void print_mdoc(FILE *out)
{
    fputs(".Ss Options of every command\n", out);
    mdoc_options(out, CPCTL_GLOBAL);
    for (size_t i = 0; i < cpctl_n_commands; i++) {
        const struct cpctl_command *m = &cpctl_commands[i];

        fprintf(out, ".Ss cpctl %s%s%s\n", m->name, *m->args == '\0' ? "" : " ", m->args);
        mdoc_text(out, m->detail);
        mdoc_options(out, m->options);
        fputs(".Bd -literal -offset indent\n", out);
        for (const char *p = m->examples; *p != '\0'; p += strcspn(p, "\n") + 1) {
            char line[256];

            (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
            fputs("$ ", out);
            mdoc_text(out, line);
        }
        fputs(".Ed\n", out);
    }
}

/* ---- json ------------------------------------------------------------------------------------- */

static void json_options_of(struct json_writer *j, uint64_t which)
{
    json_begin_array(j);
    for (int i = 0; i < CPCTL_OPT_N; i++) {
        const struct cpctl_option *o = &cpctl_options[i];

        if ((which & CPCTL_BIT(i)) == 0)
            continue;
        json_begin_object(j);
        json_member_str(j, "name", o->name);
        if (o->letter != 0)
            json_member_slice(j, "letter", slice_from(&o->letter, 1));
        if (o->arg != NULL)
            json_member_str(j, "argument", o->arg);
        json_member_str(j, "help", o->help);
        json_end_object(j);
    }
    json_end_array(j);
}

static void json_command(struct json_writer *j, const struct cpctl_command *m)
{
    json_begin_object(j);
    json_member_str(j, "name", m->name);
    json_member_str(j, "arguments", m->args);
    json_member_str(j, "help", m->help);
    json_member_str(j, "detail", m->detail);
    json_member_str(j, "examples", m->examples);
    json_key(j, "options");
    json_options_of(j, m->options);
    json_end_object(j);
}

static int print_data(struct cpctl *c, const struct cpctl_command *only)
{
    struct cpctl_json j;

    cpctl_json_init(&j);
    if (only != NULL) {
        json_command(&j.w, only);
        return cpctl_json_print(c, &j);
    }
    json_begin_object(&j.w);
    json_key(&j.w, "globalOptions");
    json_options_of(&j.w, CPCTL_GLOBAL);
    json_key(&j.w, "commands");
    json_begin_array(&j.w);
    for (size_t i = 0; i < cpctl_n_commands; i++)
        json_command(&j.w, &cpctl_commands[i]);
    json_end_array(&j.w);
    json_end_object(&j.w);
    return cpctl_json_print(c, &j);
}

/* "help token create": the words behind "help" name a command or a group. */
static int help_about(struct cpctl *c, const struct cpctl_command **about, struct slice *group)
{
    struct slice name = slice_of(c->args[0]);

    if (c->n_args > 1)
        name = arena_printf(&c->arena, "%s %s", c->args[0], c->args[1]);
    *about = c->n_args > 2 ? NULL : cpctl_command_find(name);
    if (*about != NULL)
        return CPCTL_OK;
    if (c->n_args != 1 || !cpctl_command_is_group(name))
        return cpctl_wrong(c, "there is no command '%.*s'", SLICE_FMT(name));
    *group = name;
    return CPCTL_OK;
}

int cpctl_help(struct cpctl *c)
{
    const struct cpctl_command *about = c->command;
    struct slice group = SLICE_NONE;
    bool is_help = about != NULL && about->run == cpctl_help;
    int rc = CPCTL_OK;

    if (is_help && cpctl_given(c, CPCTL_OPT_MDOC)) {
        print_mdoc(c->out);
        return CPCTL_OK;
    }
    if (is_help && c->n_args == 0 && !cpctl_given(c, CPCTL_OPT_HELP))
        about = NULL;
    if (c->n_args != 0 && (is_help || about == NULL))
        rc = help_about(c, &about, &group);
    if (rc != CPCTL_OK)
        return rc;
    if (c->format == CPCTL_JSON || c->format == CPCTL_YAML)
        return print_data(c, about);
    if (group.n != 0)
        print_group(c, group);
    else if (about != NULL)
        print_command(c, about);
    else
        print_overview(c);
    return CPCTL_OK;
}
