/* The completion script for zsh. */
#include "cpctl/cpctl_completion.h"

#include <string.h>

/* Text inside single quotes, where ':' ends the word and its description begins. */
static void quoted(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (*text == ':')
            fputs("\\:", out);
        else
            fputc(*text, out);
    }
}

static void describe_commands(FILE *out)
{
    struct slice first;

    fputs("    '')\n        offered=(\n", out);
    for (size_t i = 0; i < cpctl_n_commands;) {
        size_t next = cpctl_first_word(i, &first);

        fprintf(out, "            '%.*s:", SLICE_FMT(first));
        quoted(out, next == i + 1 ? cpctl_commands[i].help : "a group of commands");
        fputs("'\n", out);
        i = next;
    }
    fputs("        )\n        ;;\n", out);
    for (size_t i = 0; i < cpctl_n_commands;) {
        size_t next = cpctl_first_word(i, &first);

        if (cpctl_command_is_group(first)) {
            fprintf(out, "    '%.*s')\n        offered=(\n", SLICE_FMT(first));
            for (size_t k = i; k < next; k++) {
                fprintf(out, "            '%s:", cpctl_commands[k].name + first.n + 1);
                quoted(out, cpctl_commands[k].help);
                fputs("'\n", out);
            }
            fputs("        )\n        ;;\n", out);
        }
        i = next;
    }
}

static void options_of(FILE *out, const char *name, uint64_t which)
{
    fprintf(out, "    '%s')\n        offered=(\n", name);
    for (int i = 0; i < CPCTL_OPT_N; i++) {
        if ((which & CPCTL_BIT(i)) == 0)
            continue;
        fprintf(out, "            '--%s:", cpctl_options[i].name);
        quoted(out, cpctl_options[i].help);
        fputs("'\n", out);
    }
    fputs("        )\n        ;;\n", out);
}

static void offers(FILE *out)
{
    fputs("_cpctl_offer() {\n    case $1 in\n    file) _files ;;\n"
          "    name) _cpctl_ask get \"$args[1]\" -o name ;;\n",
          out);
    cpctl_completion_offers(out, "compadd -- ", "");
    fputs("    esac\n}\n\n", out);
}

static void sorts(FILE *out)
{
    for (size_t i = 0; i < cpctl_n_commands; i++) {
        const struct cpctl_command *m = &cpctl_commands[i];

        if (m->words[0] == CPCTL_WORDS_NONE)
            continue;
        fprintf(out, "    '%s') sorts=(", m->name);
        for (size_t a = 0; a < CPCTL_WORDS_MAX && m->words[a] != CPCTL_WORDS_NONE; a++)
            fprintf(out, "%s%s", a == 0 ? "" : " ", cpctl_words_name(m->words[a]));
        fputs(") ;;\n", out);
    }
}

void cpctl_completion_zsh(FILE *out)
{
    fputs("#compdef cpctl\n# zsh completion for cpctl; made by `cpctl completion zsh`\n\n"
          "_cpctl_ask() {\n    local -a found\n"
          "    found=(${(f)\"$($words[1] \"$@\" \"${flags[@]}\" 2>/dev/null)\"})\n    compadd -- $found\n}\n\n",
          out);
    offers(out);
    fputs("_cpctl_commands() {\n    local -a offered\n    case $1 in\n", out);
    describe_commands(out);
    fputs("    *) return 1 ;;\n    esac\n    [[ -n $2 ]] || _describe command offered\n}\n\n"
          "_cpctl_options() {\n    local -a offered\n    case $1 in\n",
          out);
    for (size_t i = 0; i < cpctl_n_commands; i++)
        options_of(out, cpctl_commands[i].name, cpctl_commands[i].options | CPCTL_GLOBAL);
    options_of(out, "", CPCTL_GLOBAL);
    fputs("    esac\n    _describe option offered\n}\n\n"
          "_cpctl() {\n"
          "    local command='' group='' expects='' option='' word\n"
          "    local -a args flags sorts\n"
          "    local -i i\n"
          "    for ((i = 2; i < CURRENT; i++)); do\n"
          "        word=$words[i]\n"
          "        if [[ -n $expects ]]; then\n"
          "            case $option in\n"
          "            --config | --context | --server | --ca | --token-file) flags+=($option \"$word\") ;;\n"
          "            esac\n"
          "            expects=''\n"
          "            continue\n"
          "        fi\n"
          "        case $word in\n",
          out);
    cpctl_completion_options(out);
    fputs("        -*) ;;\n"
          "        *)\n"
          "            if [[ -n $group ]]; then\n"
          "                command=\"$group $word\" group=''\n"
          "            elif [[ -n $command ]]; then\n"
          "                args+=(\"$word\")\n"
          "            elif _cpctl_commands \"$word\" ask; then\n"
          "                group=$word\n"
          "            else\n"
          "                command=$word\n"
          "            fi\n"
          "            ;;\n"
          "        esac\n"
          "    done\n"
          "    if [[ -n $expects ]]; then\n        _cpctl_offer $expects\n        return\n    fi\n"
          "    if [[ $words[CURRENT] == -* ]]; then\n        _cpctl_options \"$command\"\n        return\n    fi\n"
          "    if [[ -z $command ]]; then\n        _cpctl_commands \"$group\"\n        return\n    fi\n"
          "    case $command in\n",
          out);
    sorts(out);
    fputs("    esac\n"
          "    i=$((${#args} + 1))\n"
          "    ((i <= ${#sorts})) || i=${#sorts}\n"
          "    ((i > 0)) && _cpctl_offer $sorts[i]\n"
          "}\n\n"
          "# Also works when it is sourced instead of found in $fpath.\n"
          "if [[ $funcstack[1] == _cpctl ]]; then\n    _cpctl \"$@\"\nelif (($+functions[compdef])); then\n"
          "    compdef _cpctl cpctl\nfi\n",
          out);
}
