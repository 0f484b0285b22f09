/* The table of commands and options: data only. */
#include "cpctl/cpctl.h"

#include "base/must.h"
#include "cpctl/cpctl_commands.h"

#define FILES CPCTL_BIT(CPCTL_OPT_FILE)
#define WAIT (CPCTL_BIT(CPCTL_OPT_WAIT) | CPCTL_BIT(CPCTL_OPT_TIMEOUT))
#define MESSAGE CPCTL_BIT(CPCTL_OPT_MESSAGE)
#define DRY_RUN CPCTL_BIT(CPCTL_OPT_DRY_RUN)

const struct cpctl_option cpctl_options[CPCTL_OPT_N] = {
    [CPCTL_OPT_FILE] = {"file", 'f', "FILE", "a spec file, a folder of them, or - for standard input",
                        CPCTL_WORDS_FILE},
    [CPCTL_OPT_OUTPUT] = {"output", 'o', "FORMAT", "table, yaml, json or name", CPCTL_WORDS_FORMAT},
    [CPCTL_OPT_CONFIG] = {"config", 0, "FILE", "the file that holds the contexts", CPCTL_WORDS_FILE},
    [CPCTL_OPT_CONTEXT] = {"context", 0, "NAME", "the context to use instead of the current one",
                           CPCTL_WORDS_CONTEXT},
    [CPCTL_OPT_SERVER] = {"server", 0, "URL", "address of the control plane, https://HOST:PORT",
                          CPCTL_WORDS_NONE},
    [CPCTL_OPT_CA] = {"ca", 0, "FILE", "certificate that the control plane is checked with",
                      CPCTL_WORDS_FILE},
    [CPCTL_OPT_TOKEN_FILE] = {"token-file", 0, "FILE", "file that holds the API token, or - for standard input",
                              CPCTL_WORDS_FILE},
    [CPCTL_OPT_HELP] = {"help", 'h', NULL, "say what the command does", CPCTL_WORDS_NONE},
    [CPCTL_OPT_VERSION] = {"version", 0, NULL, "print cpctl's version", CPCTL_WORDS_NONE},
    [CPCTL_OPT_DRY_RUN] = {"dry-run", 0, NULL, "say what would change and change nothing",
                           CPCTL_WORDS_NONE},
    [CPCTL_OPT_WAIT] = {"wait", 0, NULL, "end only when every node runs it, or one refused it",
                        CPCTL_WORDS_NONE},
    [CPCTL_OPT_TIMEOUT] = {"timeout", 0, "TIME", "how long --wait waits: 500ms, 30s, 2m (default 30s)",
                           CPCTL_WORDS_NONE},
    [CPCTL_OPT_MESSAGE] = {"message", 'm', "TEXT", "why, kept in the history", CPCTL_WORDS_NONE},
    [CPCTL_OPT_TO] = {"to", 0, "REVISION", "the revision to go back to", CPCTL_WORDS_REVISION},
    [CPCTL_OPT_LIMIT] = {"limit", 0, "N", "at most so many (default 20)", CPCTL_WORDS_NONE},
    [CPCTL_OPT_JOIN] = {"join", 0, NULL, "a token that lets a node join", CPCTL_WORDS_NONE},
    [CPCTL_OPT_ROLE] = {"role", 0, "ROLE", "viewer, editor or admin", CPCTL_WORDS_ROLE},
    [CPCTL_OPT_ENVIRONMENT] = {"environment", 0, "NAME", "the environment that the node will serve",
                               CPCTL_WORDS_ENVIRONMENT},
    [CPCTL_OPT_TTL] = {"ttl", 0, "TIME", "how long the token lives: 10m, 12h, 30d", CPCTL_WORDS_NONE},
    [CPCTL_OPT_USES] = {"uses", 0, "N", "how many nodes may join with it (default 1)",
                        CPCTL_WORDS_NONE},
    [CPCTL_OPT_NAME] = {"name", 0, "TEXT", "what the token is for, shown in lists", CPCTL_WORDS_NONE},
    [CPCTL_OPT_LISTEN] = {"listen", 0, "ADDR:PORT", "where the gateway answers (default 127.0.0.1:8080; port 0: any)",
                          CPCTL_WORDS_NONE},
    [CPCTL_OPT_WORKERS] = {"workers", 0, "N", "worker threads (default: one a core)", CPCTL_WORDS_NONE},
    [CPCTL_OPT_MDOC] = {"mdoc", 0, NULL, "print the list of commands in the manual's markup",
                        CPCTL_WORDS_NONE},
};

const struct cpctl_command cpctl_commands[] = {
    {"apply", "Change what runs", "", 0, 0, true, FILES | WAIT | MESSAGE | DRY_RUN, {CPCTL_WORDS_NONE},
     "put spec files into force",
     "Sends the documents of all the files as one change: all of them take effect, or none does. A folder stands for "
     "its *.yaml, *.yml and *.json files in order of their names; hidden files are left out. Applying the same files "
     "again changes nothing. What is absent from the files is left alone: see delete.\n"
     "With --wait the command ends when every node of the environments concerned runs the change (exit 0), or "
     "with exit 1 when a node refused it, naming the node, the resource and the reason; nothing is live then.",
     "cpctl apply -f shop.yaml\n"
     "cpctl apply -f specs/ --wait -m 'orders: new backend'\n"
     "generate-spec | cpctl apply -f - --dry-run -o json\n",
     cpctl_apply},
    {"diff", NULL, "", 0, 0, false, FILES, {CPCTL_WORDS_NONE},
     "show what apply would change",
     "Compares the files with what is in force and prints a unified diff a document. Exits 0 when there is no "
     "difference, 1 when there is one, 2 on any error.",
     "cpctl diff -f specs/\n"
     "cpctl diff -f shop.yaml -o json\n",
     cpctl_diff},
    {"validate", NULL, "", 0, 0, false, FILES, {CPCTL_WORDS_NONE},
     "check spec files without a control plane",
     "Runs the control plane's own reader, checks and compiler over the files, here and offline, and prints every "
     "error with its place and what would be right. References to documents that are not in the files count as errors.",
     "cpctl validate -f specs/\n"
     "cpctl validate -f shop.yaml -o json\n",
     cpctl_validate},
    {"delete", NULL, "[KIND NAME]", 0, 2, true, FILES | WAIT | MESSAGE | DRY_RUN,
     {CPCTL_WORDS_DOCUMENT, CPCTL_WORDS_NAME},
     "remove a document, or all those that files name",
     "Takes a kind and a name, or with -f every document in the files. A document that others still need is "
     "kept, and they are named.",
     "cpctl delete api shop\n"
     "cpctl delete stage shop/prod --wait\n"
     "cpctl delete -f specs/old.yaml\n",
     cpctl_delete},
    {"stage set", NULL, "API/STAGE KEY=VALUE|KEY-...", 2, CPCTL_ARGS_ANY, false, WAIT | MESSAGE | DRY_RUN,
     {CPCTL_WORDS_STAGE, CPCTL_WORDS_NONE},
     "set or remove variables of one stage",
     "Changes the named variables and nothing else; KEY- removes one. Only the stage's own environment gets a new "
     "bundle.",
     "cpctl stage set shop/prod backend=api2.internal:8080 --wait\n"
     "cpctl stage set shop/dev debug-\n",
     cpctl_stage_set},
    {"rollback", NULL, "[REVISION]", 0, 1, false,
     WAIT | MESSAGE | CPCTL_BIT(CPCTL_OPT_TO) | DRY_RUN, {CPCTL_WORDS_REVISION},
     "bring a revision back",
     "Makes a new revision with the documents of an older one: the one before the newest, unless another is named. "
     "The history keeps both.",
     "cpctl rollback --wait\n"
     "cpctl rollback 41\n"
     "cpctl rollback --to 41 --dry-run\n",
     cpctl_rollback},
    {"get", "Look", "KIND [NAME]", 1, 2, true,
     CPCTL_BIT(CPCTL_OPT_LIMIT), {CPCTL_WORDS_KIND, CPCTL_WORDS_NAME},
     "list things, or show one",
     "Kinds: apis, stages, upstreams, routes, revisions, nodes, tokens, rollouts; the singular and short names (st, up, "
     "rt, rev, no, tok, ro) do as well. With a name and -o yaml a document is printed as it was written.",
     "cpctl get apis\n"
     "cpctl get stage shop/prod -o yaml\n"
     "cpctl get routes -o json\n",
     cpctl_get},
    {"describe", NULL, "KIND NAME", 2, 2, false, 0, {CPCTL_WORDS_KIND, CPCTL_WORDS_NAME},
     "show all there is to know about one thing",
     "Prints what is in force for a document, who changed it last, and where it runs.",
     "cpctl describe api shop\n"
     "cpctl describe node edge-1\n",
     cpctl_describe},
    {"history", NULL, "[REVISION]", 0, 1, false, CPCTL_BIT(CPCTL_OPT_LIMIT), {CPCTL_WORDS_REVISION},
     "list revisions, newest first, or show what one changed",
     "Says for each revision when, who, what and why. With a number it shows that revision and its difference to the one "
     "before.",
     "cpctl history\n"
     "cpctl history 41\n",
     cpctl_history},
    {"rollout status", NULL, "[ENVIRONMENT]", 0, 1, true, WAIT, {CPCTL_WORDS_ENVIRONMENT},
     "show which nodes run what",
     "Prints for each environment the revision that is wanted, its state, and how far each node is. Exits 1 when a "
     "rollout failed; with --wait it ends when the newest revision is live or has failed.",
     "cpctl rollout status\n"
     "cpctl rollout status prod --wait --timeout 2m\n",
     cpctl_rollout_status},
    {"nodes", NULL, "", 0, 0, true, 0, {CPCTL_WORDS_NONE},
     "list the nodes",
     "The same as `cpctl get nodes`.",
     "cpctl nodes\n",
     cpctl_nodes},
    {"token create", "Let in", "", 0, 0, false,
     CPCTL_BIT(CPCTL_OPT_JOIN) | CPCTL_BIT(CPCTL_OPT_ROLE) | CPCTL_BIT(CPCTL_OPT_ENVIRONMENT) |
         CPCTL_BIT(CPCTL_OPT_TTL) | CPCTL_BIT(CPCTL_OPT_USES) | CPCTL_BIT(CPCTL_OPT_NAME),
     {CPCTL_WORDS_NONE},
     "make a token for a node or a person",
     "With --join and --environment: a short-lived token with which a node enrols (default: 10 minutes, one use). "
     "With --role: an API token. The secret is printed once and kept nowhere.",
     "cpctl token create --join --environment prod --ttl 10m > join-token\n"
     "cpctl token create --role editor --name ci --ttl 90d > ci-token\n",
     cpctl_token_create},
    {"token list", NULL, "", 0, 0, true, 0, {CPCTL_WORDS_NONE},
     "list tokens, without their secrets",
     "Says of each token what it is for, its role or environment, when it ends and how many uses are left.",
     "cpctl token list\n",
     cpctl_token_list},
    {"token revoke", NULL, "ID", 1, 1, false, 0, {CPCTL_WORDS_TOKEN},
     "end a token",
     "The token does not work from now on. Nodes that joined with it stay.",
     "cpctl token revoke 7f3a9c\n",
     cpctl_token_revoke},
    {"dev", "Try out", "", 0, 0, false,
     FILES | CPCTL_BIT(CPCTL_OPT_LISTEN) | CPCTL_BIT(CPCTL_OPT_WORKERS), {CPCTL_WORDS_NONE},
     "run a whole gateway from one file, here",
     "Starts a control plane and a node on loopback in a temporary folder, applies the file, and prints one line "
     "`ready http://ADDR:PORT` on standard output once it serves. The file is applied again whenever it changes; while "
     "it has errors the gateway goes on with what it had. An Api without a Stage is served at /, all stages are served "
     "whatever their environment. Ctrl-C ends it all and leaves nothing behind.",
     "cpctl dev -f shop.yaml\n"
     "cpctl dev -f shop.yaml --listen 127.0.0.1:0 --workers 1\n",
     cpctl_dev},
    {"config get-contexts", "This command line", "", 0, 0, true, 0, {CPCTL_WORDS_NONE},
     "list the contexts",
     "A context names a control plane, the certificate it is checked with, and a token.",
     "cpctl config get-contexts\n",
     cpctl_config_get_contexts},
    {"config use-context", NULL, "NAME", 1, 1, false, 0, {CPCTL_WORDS_CONTEXT},
     "choose the current context",
     "Later calls use it unless --context names another.",
     "cpctl config use-context prod\n",
     cpctl_config_use_context},
    {"config set-context", NULL, "NAME", 1, 1, false, 0, {CPCTL_WORDS_CONTEXT},
     "add a context or change one",
     "Takes --server, --ca and --token-file; what is not given stays as it is. The first context becomes the current "
     "one.",
     "cpctl config set-context prod --server https://cp.example.com:9901 --ca ca.crt --token-file prod.token\n",
     cpctl_config_set_context},
    {"config view", NULL, "", 0, 0, false, 0, {CPCTL_WORDS_NONE},
     "print the config file, without its secrets",
     "Tokens that stand in the file itself are not shown.",
     "cpctl config view -o json\n",
     cpctl_config_view},
    {"version", NULL, "", 0, 0, false, 0, {CPCTL_WORDS_NONE},
     "print the versions of cpctl and of the control plane",
     "The control plane is asked only when a context or --server names one; that it does not answer is no error.",
     "cpctl version -o json\n",
     cpctl_version},
    {"completion", NULL, "SHELL", 1, 1, false, 0, {CPCTL_WORDS_SHELL},
     "print a completion script for bash, zsh or fish",
     "Load it in the shell's start-up file.",
     "source <(cpctl completion bash)\n"
     "cpctl completion zsh > ~/.zfunc/_cpctl\n"
     "cpctl completion fish > ~/.config/fish/completions/cpctl.fish\n",
     cpctl_completion},
    {"help", NULL, "[COMMAND]", 0, CPCTL_ARGS_ANY, false, CPCTL_BIT(CPCTL_OPT_MDOC), {CPCTL_WORDS_COMMAND},
     "say what cpctl does, or one command",
     "With -o json it prints the table of commands.",
     "cpctl help\n"
     "cpctl help token create\n",
     cpctl_help},
};

const size_t cpctl_n_commands = ARRAY_LEN(cpctl_commands);
