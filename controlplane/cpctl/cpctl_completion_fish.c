/* The completion script for fish. */
#include "cpctl/cpctl_completion.h"

#include <string.h>

/* Text inside single quotes. */
static void quoted(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
}

/* -a '...': what a sort of words offers. */
static void offer(FILE *out, enum cpctl_words words)
{
    if (words == CPCTL_WORDS_FILE) {
        fputs(" -r -F", out);
    } else if (words == CPCTL_WORDS_NAME) {
        fputs(" -x -a '(__cpctl_names)'", out);
    } else if (cpctl_words_call(words) != NULL) {
        fprintf(out, " -x -a '(__cpctl_ask %s)'", cpctl_words_call(words));
    } else {
        fputs(" -x -a '", out);
        cpctl_words_print(out, words);
        fputs("'", out);
    }
}

static void option(FILE *out, const char *condition, const struct cpctl_option *o)
{
    fprintf(out, "complete -c cpctl%s", condition);
    if (o->letter != 0)
        fprintf(out, " -s %c", o->letter);
    fprintf(out, " -l %s", o->name);
    if (o->arg != NULL)
        offer(out, o->words);
    fputs(" -d '", out);
    quoted(out, o->help);
    fputs("'\n", out);
}

static void first_words(FILE *out)
{
    struct slice first;

    for (size_t i = 0; i < cpctl_n_commands;) {
        size_t next = cpctl_first_word(i, &first);

        fprintf(out, "complete -c cpctl -n '__cpctl_at \"\"' -a %.*s -d '", SLICE_FMT(first));
        quoted(out, next == i + 1 ? cpctl_commands[i].help : "a group of commands");
        fputs("'\n", out);
        for (; cpctl_command_is_group(first) && i < next; i++) {
            fprintf(out, "complete -c cpctl -n '__cpctl_at \"%.*s\"' -a %s -d '", SLICE_FMT(first),
                    cpctl_commands[i].name + first.n + 1);
            quoted(out, cpctl_commands[i].help);
            fputs("'\n", out);
        }
        i = next;
    }
}

static void command(FILE *out, const struct cpctl_command *m)
{
    char condition[96];

    (void)snprintf(condition, sizeof(condition), " -n '__cpctl_at \"%s\"'", m->name);
    for (int i = 0; i < CPCTL_OPT_N; i++)
        if ((m->options & CPCTL_BIT(i)) != 0)
            option(out, condition, &cpctl_options[i]);
    for (int a = 0; a < CPCTL_WORDS_MAX && m->words[a] != CPCTL_WORDS_NONE; a++) {
        fprintf(out, "complete -c cpctl -n '__cpctl_at \"%s\" %d'", m->name, a);
        offer(out, m->words[a]);
        fputs("\n", out);
    }
}

static void state_function(FILE *out)
{
    struct slice first;

    fputs("# Prints the command so far, then its arguments, one a line.\n"
          "function __cpctl_state\n"
          "    set -l words (commandline -opc)\n"
          "    set -l command ''\n"
          "    set -l group ''\n"
          "    set -l args\n"
          "    set -l skip 0\n"
          "    for word in $words[2..-1]\n"
          "        if test $skip = 1\n            set skip 0\n            continue\n        end\n"
          "        switch $word\n"
          "            case",
          out);
    for (int i = 0; i < CPCTL_OPT_N; i++) {
        if (cpctl_options[i].arg == NULL)
            continue;
        if (cpctl_options[i].letter != 0)
            fprintf(out, " -%c", cpctl_options[i].letter);
        fprintf(out, " --%s", cpctl_options[i].name);
    }
    fputs("\n                set skip 1\n"
          "            case '-*'\n"
          "            case '*'\n"
          "                if test -n \"$group\"\n"
          "                    set command \"$group $word\"\n"
          "                    set group ''\n"
          "                else if test -n \"$command\"\n"
          "                    set -a args $word\n"
          "                else if contains -- $word",
          out);
    for (size_t i = 0; i < cpctl_n_commands;) {
        i = cpctl_first_word(i, &first);
        if (cpctl_command_is_group(first))
            fprintf(out, " %.*s", SLICE_FMT(first));
    }
    fputs("\n                    set group $word\n"
          "                else\n"
          "                    set command $word\n"
          "                end\n"
          "        end\n"
          "    end\n"
          "    test -n \"$group\"; and set command $group\n"
          "    printf '%s\\n' \"$command\" $args\n"
          "end\n\n",
          out);
}

void cpctl_completion_fish(FILE *out)
{
    fputs("# fish completion for cpctl; made by `cpctl completion fish`\n\n", out);
    state_function(out);
    fputs("# Is this the command, and (when given) the number of arguments before the cursor?\n"
          "function __cpctl_at\n"
          "    set -l state (__cpctl_state)\n"
          "    test \"$state[1]\" = \"$argv[1]\"; or return 1\n"
          "    set -q argv[2]; or return 0\n"
          "    test (math (count $state) - 1) = $argv[2]\n"
          "end\n\n"
          "# Asks the control plane of the context in use; says nothing when it cannot.\n"
          "function __cpctl_ask\n    cpctl $argv 2>/dev/null\nend\n\n"
          "function __cpctl_names\n"
          "    set -l state (__cpctl_state)\n"
          "    __cpctl_ask get $state[2] -o name\n"
          "end\n\n"
          "complete -c cpctl -f\n",
          out);
    first_words(out);
    for (int i = 0; i < CPCTL_OPT_N; i++)
        if ((CPCTL_GLOBAL & CPCTL_BIT(i)) != 0)
            option(out, "", &cpctl_options[i]);
    for (size_t i = 0; i < cpctl_n_commands; i++)
        command(out, &cpctl_commands[i]);
}
