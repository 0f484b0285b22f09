/* What all completion scripts share, and the script for bash. */
#include "cpctl/cpctl_completion.h"

#include <string.h>

#include "base/must.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_kind.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"
#include "diag/diag_near.h"

const char *cpctl_words_name(enum cpctl_words words)
{
    static const char *const names[] = {
        "none", "file", "kind",    "document", "name",  "stage",  "environment", "revision", "token",
        "context", "command", "shell", "format",   "role",
    };

    MUST((size_t)words < ARRAY_LEN(names));
    return names[words];
}

void cpctl_words_print(FILE *out, enum cpctl_words words)
{
    struct slice first;

    switch (words) {
    case CPCTL_WORDS_KIND:
    case CPCTL_WORDS_DOCUMENT:
        for (size_t i = 0; i < cpctl_n_kinds; i++)
            if (words == CPCTL_WORDS_KIND || cpctl_kinds[i].source == CPCTL_FROM_DOCUMENTS)
                fprintf(out, "%s%s", i == 0 ? "" : " ",
                        words == CPCTL_WORDS_KIND ? cpctl_kinds[i].plural : cpctl_kinds[i].singular);
        break;
    case CPCTL_WORDS_COMMAND:
        for (size_t i = 0; i < cpctl_n_commands;) {
            fputs(i == 0 ? "" : " ", out);
            i = cpctl_first_word(i, &first);
            fprintf(out, "%.*s", SLICE_FMT(first));
        }
        break;
    case CPCTL_WORDS_SHELL:
        fputs("bash zsh fish", out);
        break;
    case CPCTL_WORDS_FORMAT:
        fputs("table yaml json name", out);
        break;
    case CPCTL_WORDS_ROLE:
        fputs("viewer editor admin", out);
        break;
    default:
        break;
    }
}

const char *cpctl_words_call(enum cpctl_words words)
{
    switch (words) {
    case CPCTL_WORDS_STAGE:
        return "get stages -o name";
    case CPCTL_WORDS_ENVIRONMENT:
        return "get rollouts -o name";
    case CPCTL_WORDS_REVISION:
        return "get revisions -o name";
    case CPCTL_WORDS_TOKEN:
        return "get tokens -o name";
    case CPCTL_WORDS_CONTEXT:
        return "config get-contexts -o name";
    default:
        return NULL;
    }
}

size_t cpctl_first_word(size_t i, struct slice *out)
{
    const char *name = cpctl_commands[i].name;

    *out = slice_from(name, strcspn(name, " "));
    for (i++; i < cpctl_n_commands; i++) {
        const char *next = cpctl_commands[i].name;

        if (strcspn(next, " ") != out->n || memcmp(next, out->p, out->n) != 0)
            break;
    }
    return i;
}

/* ---- what the scripts of bash and zsh have in common --------------------------------------------- */

void cpctl_completion_offers(FILE *out, const char *before, const char *behind)
{
    for (int w = CPCTL_WORDS_KIND; w <= CPCTL_WORDS_ROLE; w++) {
        enum cpctl_words words = (enum cpctl_words)w;

        if (words == CPCTL_WORDS_NAME)
            continue;
        fprintf(out, "    %s) ", cpctl_words_name(words));
        if (cpctl_words_call(words) != NULL) {
            fprintf(out, "_cpctl_ask %s", cpctl_words_call(words));
        } else {
            fputs(before, out);
            cpctl_words_print(out, words);
            fputs(behind, out);
        }
        fputs(" ;;\n", out);
    }
}

void cpctl_completion_options(FILE *out)
{
    for (int i = 0; i < CPCTL_OPT_N; i++) {
        const struct cpctl_option *o = &cpctl_options[i];

        if (o->arg == NULL)
            continue;
        if (o->letter != 0)
            fprintf(out, "        -%c | ", o->letter);
        else
            fputs("        ", out);
        fprintf(out, "--%s) expects=%s option=--%s ;;\n", o->name, cpctl_words_name(o->words), o->name);
    }
}

/* ---- bash ------------------------------------------------------------------------------------- */

static void bash_offers(FILE *out)
{
    fputs("_cpctl_offer()\n{\n    case $1 in\n"
          "    file)\n        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n        ;;\n"
          "    name) _cpctl_ask get \"${args[0]}\" -o name ;;\n",
          out);
    cpctl_completion_offers(out, "_cpctl_fixed \"", "\"");
    fputs("    esac\n}\n\n", out);
}

static void bash_options_of(FILE *out, uint64_t which)
{
    const char *space = "";

    for (int i = 0; i < CPCTL_OPT_N; i++) {
        if ((which & CPCTL_BIT(i)) == 0)
            continue;
        fprintf(out, "%s--%s", space, cpctl_options[i].name);
        space = " ";
    }
}

static void bash_commands(FILE *out)
{
    for (size_t i = 0; i < cpctl_n_commands; i++) {
        const struct cpctl_command *m = &cpctl_commands[i];

        fprintf(out, "    '%s')\n        options=\"", m->name);
        bash_options_of(out, m->options | CPCTL_GLOBAL);
        fputs("\" sorts=(", out);
        for (size_t a = 0; a < CPCTL_WORDS_MAX && m->words[a] != CPCTL_WORDS_NONE; a++)
            fprintf(out, "%s%s", a == 0 ? "" : " ", cpctl_words_name(m->words[a]));
        fputs(")\n        ;;\n", out);
    }
}

static void bash_groups(FILE *out)
{
    struct slice first;

    for (size_t i = 0; i < cpctl_n_commands;) {
        size_t next = cpctl_first_word(i, &first);

        if (cpctl_command_is_group(first)) {
            fprintf(out, "    '%.*s') seconds=\"", SLICE_FMT(first));
            for (size_t k = i; k < next; k++)
                fprintf(out, "%s%s", k == i ? "" : " ", cpctl_commands[k].name + first.n + 1);
            fputs("\" ;;\n", out);
        }
        i = next;
    }
}

void cpctl_completion_bash(FILE *out)
{
    fputs("# bash completion for cpctl; made by `cpctl completion bash`\n\n"
          "_cpctl_fixed()\n{\n    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n}\n\n"
          "# Asks the control plane of the context in use; says nothing when it cannot.\n"
          "_cpctl_ask()\n{\n    _cpctl_fixed \"$(\"${COMP_WORDS[0]}\" \"$@\" \"${flags[@]}\" 2>/dev/null)\"\n}\n\n",
          out);
    bash_offers(out);
    fputs("_cpctl_group()\n{\n    seconds=\n    case $1 in\n", out);
    bash_groups(out);
    fputs("    esac\n    [[ -n $seconds ]]\n}\n\n"
          "_cpctl()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} command='' group='' expects='' option='' seconds='' options='' word i\n"
          "    local -a args=() flags=() sorts=()\n"
          "    COMPREPLY=()\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        word=${COMP_WORDS[i]}\n"
          "        if [[ -n $expects ]]; then\n"
          "            case $option in\n"
          "            --config | --context | --server | --ca | --token-file) flags+=(\"$option\" \"$word\") ;;\n"
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
          "            elif _cpctl_group \"$word\"; then\n"
          "                group=$word\n"
          "            else\n"
          "                command=$word\n"
          "            fi\n"
          "            ;;\n"
          "        esac\n"
          "    done\n"
          "    if [[ -n $expects ]]; then\n        _cpctl_offer \"$expects\"\n        return\n    fi\n"
          "    case $command in\n",
          out);
    bash_commands(out);
    fputs("    *)\n        options=\"", out);
    bash_options_of(out, CPCTL_GLOBAL);
    fputs("\"\n        ;;\n    esac\n"
          "    if [[ $cur == -* ]]; then\n        _cpctl_fixed \"$options\"\n"
          "    elif [[ -n $group ]]; then\n        _cpctl_group \"$group\"\n        _cpctl_fixed \"$seconds\"\n"
          "    elif [[ -z $command ]]; then\n        _cpctl_offer command\n"
          "    elif ((${#sorts[@]} > 0)); then\n"
          "        i=${#args[@]}\n"
          "        ((i < ${#sorts[@]})) || i=$((${#sorts[@]} - 1))\n"
          "        _cpctl_offer \"${sorts[i]}\"\n"
          "    fi\n}\n\ncomplete -F _cpctl cpctl\n",
          out);
}

int cpctl_completion(struct cpctl *c)
{
    static const struct {
        const char *shell;
        void (*print)(FILE *out);
    } shells[] = {{"bash", cpctl_completion_bash}, {"zsh", cpctl_completion_zsh}, {"fish", cpctl_completion_fish}};
    struct cpctl_json j;
    char *text = NULL;
    size_t n = 0;
    FILE *memory;

    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (strcmp(c->args[0], shells[i].shell) != 0)
            continue;
        if (c->format == CPCTL_TABLE) {
            shells[i].print(c->out);
            return CPCTL_OK;
        }
        memory = open_memstream(&text, &n);
        if (memory == NULL)
            return cpctl_fail(c, "out of memory");
        shells[i].print(memory);
        (void)fclose(memory);
        cpctl_json_init(&j);
        json_begin_object(&j.w);
        json_member_str(&j.w, "shell", c->args[0]);
        json_member_slice(&j.w, "script", slice_from(text, n));
        json_end_object(&j.w);
        free(text);
        return cpctl_json_print(c, &j);
    }
    return cpctl_wrong(c, "no completion for '%s': the shells are bash, zsh and fish", c->args[0]);
}
