#include "base/opt.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

#define OPT_FILE_MAX (256u * 1024u)

static struct opt *find(struct opt *opts, const char *name, size_t n)
{
    for (struct opt *o = opts; o->name != NULL; o++)
        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            return o;
    return NULL;
}

static int set_u64(struct opt *o, const char *value, const char *where, struct err *e)
{
    char *end;
    unsigned long long n;

    errno = 0;
    n = strtoull(value, &end, 10);
    if (errno != 0 || *value == '\0' || *end != '\0' || !isdigit((unsigned char)*value))
        return err_set(e, ERR_INVALID, "%s: '%s' is not a whole number", where, value);
    if (n < o->min || n > o->max)
        return err_set(e, ERR_INVALID, "%s: %s is not between %" PRIu64 " and %" PRIu64, where, value,
                       o->min, o->max);
    *(uint64_t *)o->out = n;
    return 0;
}

static int set_flag(struct opt *o, const char *value, const char *where, struct err *e)
{
    bool on = strcmp(value, "true") == 0 || strcmp(value, "1") == 0 || strcmp(value, "yes") == 0;
    bool off = strcmp(value, "false") == 0 || strcmp(value, "0") == 0 || strcmp(value, "no") == 0;

    if (!on && !off)
        return err_set(e, ERR_INVALID, "%s: '%s' is neither true nor false", where, value);
    *(bool *)o->out = on;
    return 0;
}

static int set(struct opt *o, const char *value, enum opt_source source, const char *where, struct err *e)
{
    char *copy;
    int rc = 0;

    if (o->source > source)
        return 0; /* somebody nearer to the user has spoken */
    switch (o->type) {
    case OPT_STRING:
        copy = strdup(value);
        if (copy == NULL)
            return err_set(e, ERR_NOMEM, "%s", where);
        if (o->source != OPT_FROM_DEFAULT) /* ours, from a source farther away */
            free(*(char **)o->out);
        *(char **)o->out = copy;
        break;
    case OPT_FLAG:
        rc = set_flag(o, value, where, e);
        break;
    case OPT_U64:
        rc = set_u64(o, value, where, e);
        break;
    }
    if (rc == 0)
        o->source = source;
    return rc;
}

static char *trim(char *s)
{
    char *end = s + strlen(s);

    while (*s == ' ' || *s == '\t')
        s++;
    while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        *--end = '\0';
    if (end - s >= 2 && (*s == '"' || *s == '\'') && end[-1] == *s) {
        end[-1] = '\0';
        s++;
    }
    return s;
}

static int file_line(struct opt *opts, char *line, const char *where, struct err *e)
{
    char *colon, *name = trim(line);
    struct opt *o;

    if (*name == '\0' || *name == '#')
        return 0;
    colon = strchr(name, ':');
    if (colon == NULL)
        return err_set(e, ERR_INVALID, "%s: expected 'name: value'", where);
    *colon = '\0';
    o = find(opts, trim(name), strlen(trim(name)));
    if (o == NULL)
        return err_set(e, ERR_INVALID, "%s: no setting is called '%s' (see --help)", where, name);
    return set(o, trim(colon + 1), OPT_FROM_FILE, where, e);
}

static int from_file(struct opt *opts, const char *path, struct err *e)
{
    struct buf b;
    char where[512], *line, *next;
    int rc, number = 0;

    buf_init(&b, 0);
    rc = file_read(path, OPT_FILE_MAX, &b, e);
    if (rc == 0 && buf_append(&b, "", 1) != 0)
        rc = err_set(e, ERR_NOMEM, "%s", path);
    for (line = b.p; rc == 0 && line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        (void)snprintf(where, sizeof(where), "%s:%d", path, ++number);
        rc = file_line(opts, line, where, e);
    }
    buf_fini(&b);
    return rc;
}

static int from_env(struct opt *opts, const char *prefix, struct err *e)
{
    for (struct opt *o = opts; o->name != NULL; o++) {
        char name[128];
        const char *value;
        int rc;

        (void)snprintf(name, sizeof(name), "%s%s", prefix, o->name);
        for (char *c = name; *c != '\0'; c++)
            *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        value = getenv(name);
        if (value == NULL)
            continue;
        rc = set(o, value, OPT_FROM_ENV, name, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* One "--name[=value]" at argv[*i]; moves *i behind it. */
static int one_flag(struct opt *opts, int argc, char **argv, int *i, const char **config, struct err *e)
{
    const char *word = argv[*i], *eq = strchr(word, '=');
    size_t n = eq == NULL ? strlen(word + 2) : (size_t)(eq - word - 2);
    struct opt *o = find(opts, word + 2, n);
    bool is_config = n == 6 && memcmp(word + 2, "config", 6) == 0;
    const char *value = eq == NULL ? NULL : eq + 1;

    if (o == NULL && !is_config)
        return err_set(e, ERR_INVALID, "unknown option '%s' (see --help)", word);
    if (value == NULL && o != NULL && o->type == OPT_FLAG) {
        value = "true";
    } else if (value == NULL) {
        if (*i + 1 >= argc)
            return err_set(e, ERR_INVALID, "option '%s' needs a value", word);
        value = argv[++*i];
    }
    ++*i;
    if (o == NULL) {
        *config = value;
        return 0;
    }
    return set(o, value, OPT_FROM_FLAG, word, e);
}

int opt_parse(struct opt *opts, int argc, char **argv, const char *env_prefix, struct err *e)
{
    const char *config = NULL;
    int rc, i = 1;

    while (i < argc && strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0') {
        rc = one_flag(opts, argc, argv, &i, &config, e);
        if (rc != 0)
            return rc;
    }
    if (i < argc && strcmp(argv[i], "--") == 0)
        i++;
    rc = config == NULL ? 0 : from_file(opts, config, e);
    if (rc == 0 && env_prefix != NULL)
        rc = from_env(opts, env_prefix, e);
    return rc != 0 ? -ERR_INVALID : i;
}

void opt_help(const struct opt *opts)
{
    for (const struct opt *o = opts; o->name != NULL; o++) {
        char left[64];

        (void)snprintf(left, sizeof(left), "--%s%s%s", o->name, o->arg == NULL ? "" : " ",
                       o->arg == NULL ? "" : o->arg);
        printf("  %-30s %s\n", left, o->help);
    }
}

void opt_print(const struct opt *opts)
{
    static const char *const sources[] = {"default", "file", "environment", "flag"};

    for (const struct opt *o = opts; o->name != NULL; o++) {
        switch (o->type) {
        case OPT_STRING: {
            const char *value = *(const char *const *)o->out;

            printf("%s: %s  # %s\n", o->name, value == NULL ? "" : value, sources[o->source]);
            break;
        }
        case OPT_FLAG:
            printf("%s: %s  # %s\n", o->name, *(const bool *)o->out ? "true" : "false", sources[o->source]);
            break;
        case OPT_U64:
            printf("%s: %" PRIu64 "  # %s\n", o->name, *(const uint64_t *)o->out, sources[o->source]);
            break;
        }
    }
}
