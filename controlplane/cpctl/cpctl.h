#pragma once
/* One call of cpctl: what was asked for, and the table that says what can be asked for.
 * Help, completion and the manual's list of commands are generated from cpctl_commands and cpctl_options:
 * a command that is not in the table does not exist, and nothing else has to be kept in step with it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/* Exit statuses. */
#define CPCTL_OK 0
#define CPCTL_FAILED 1 /* the work failed; diff: there is a difference */
#define CPCTL_WRONG 2  /* the call was wrong; diff: any error */

enum cpctl_opt {
    CPCTL_OPT_FILE,
    CPCTL_OPT_OUTPUT,
    CPCTL_OPT_CONFIG,
    CPCTL_OPT_CONTEXT,
    CPCTL_OPT_SERVER,
    CPCTL_OPT_CA,
    CPCTL_OPT_TOKEN_FILE,
    CPCTL_OPT_HELP,
    CPCTL_OPT_VERSION,
    CPCTL_OPT_DRY_RUN,
    CPCTL_OPT_WAIT,
    CPCTL_OPT_TIMEOUT,
    CPCTL_OPT_MESSAGE,
    CPCTL_OPT_TO,
    CPCTL_OPT_LIMIT,
    CPCTL_OPT_JOIN,
    CPCTL_OPT_ROLE,
    CPCTL_OPT_ENVIRONMENT,
    CPCTL_OPT_TTL,
    CPCTL_OPT_USES,
    CPCTL_OPT_NAME,
    CPCTL_OPT_LISTEN,
    CPCTL_OPT_WORKERS,
    CPCTL_OPT_MDOC,
    CPCTL_OPT_N,
};

#define CPCTL_BIT(opt) (UINT64_C(1) << (opt))

/* What a shell can offer for a word. */
enum cpctl_words {
    CPCTL_WORDS_NONE,
    CPCTL_WORDS_FILE,
    CPCTL_WORDS_KIND,         /* what `get` lists */
    CPCTL_WORDS_DOCUMENT,     /* what `delete` takes: kinds that are written in files */
    CPCTL_WORDS_NAME,         /* a name of the kind before it */
    CPCTL_WORDS_STAGE,
    CPCTL_WORDS_ENVIRONMENT,
    CPCTL_WORDS_REVISION,
    CPCTL_WORDS_TOKEN,
    CPCTL_WORDS_CONTEXT,
    CPCTL_WORDS_COMMAND,
    CPCTL_WORDS_SHELL,
    CPCTL_WORDS_FORMAT,
    CPCTL_WORDS_ROLE,
};

struct cpctl_option {
    const char *name;  /* "dry-run" */
    char letter;       /* 'f', or 0 */
    const char *arg;   /* "FILE"; NULL: a flag */
    const char *help;  /* one line */
    enum cpctl_words words;
};

enum cpctl_format { CPCTL_TABLE, CPCTL_YAML, CPCTL_JSON, CPCTL_NAME };

struct cpctl;

#define CPCTL_ARGS_ANY 255
#define CPCTL_WORDS_MAX 3

struct cpctl_command {
    const char *name;     /* "token create" */
    const char *group;    /* heading in the overview; NULL: as the one before */
    const char *args;     /* "KIND [NAME]"; "" when there are none */
    uint8_t args_min, args_max;
    bool names;           /* takes -o name */
    uint64_t options;     /* CPCTL_BIT of each of its own options; the global ones come on top */
    enum cpctl_words words[CPCTL_WORDS_MAX]; /* of each argument; the last one holds for the rest */
    const char *help;     /* one line */
    const char *detail;   /* paragraphs */
    const char *examples; /* lines, each a command */
    int (*run)(struct cpctl *c);
};

extern const struct cpctl_option cpctl_options[CPCTL_OPT_N];
extern const struct cpctl_command cpctl_commands[];
extern const size_t cpctl_n_commands;
/* The options that every command takes. */
#define CPCTL_GLOBAL                                                                               \
    (CPCTL_BIT(CPCTL_OPT_OUTPUT) | CPCTL_BIT(CPCTL_OPT_CONFIG) | CPCTL_BIT(CPCTL_OPT_CONTEXT) |    \
     CPCTL_BIT(CPCTL_OPT_SERVER) | CPCTL_BIT(CPCTL_OPT_CA) | CPCTL_BIT(CPCTL_OPT_TOKEN_FILE) |     \
     CPCTL_BIT(CPCTL_OPT_HELP) | CPCTL_BIT(CPCTL_OPT_VERSION))

struct cpctl {
    const struct cpctl_command *command; /* NULL: none was named */
    const char *value[CPCTL_OPT_N];      /* the last one given; NULL: not given; flags: "" */
    const char **files;                  /* each -f, in order */
    size_t n_files;
    const char **args;                   /* what stands behind the command's name */
    size_t n_args;
    enum cpctl_format format;
    bool color_out, color_err;           /* a terminal that wants colours */
    bool tty_err;
    int failed;                          /* what cpctl_fail answers: CPCTL_FAILED, with diff CPCTL_WRONG */
    FILE *out, *err;
    struct arena arena;                  /* lives as long as the call */
};

/* Reads the words behind argv[0]. 0, or CPCTL_WRONG after saying why on c->err. c->command is NULL when no command was
 * named. The strings stay argv's. */
MUST_USE int cpctl_parse(struct cpctl *c, int argc, char **argv);
/* The command with this full name ("token create"), or NULL. */
const struct cpctl_command *cpctl_command_find(struct slice name);
/* True when some command's name starts with this word and a space: "token". */
bool cpctl_command_is_group(struct slice word);
/* Runs one call from argv to exit status. */
int cpctl_main(int argc, char **argv, FILE *out, FILE *err);

static inline bool cpctl_given(const struct cpctl *c, enum cpctl_opt opt)
{
    return c->value[opt] != NULL;
}
