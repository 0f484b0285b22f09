/* One call: parse, then help, version or the command's handler. */
#include "cpctl/cpctl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_say.h"

static bool wants_color(FILE *f)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    int fd = fileno(f);

    return fd >= 0 && isatty(fd) && (no_color == NULL || *no_color == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

static int dispatch(struct cpctl *c)
{
    if (cpctl_given(c, CPCTL_OPT_HELP))
        return cpctl_help(c);
    if (c->command != NULL)
        return c->command->run(c);
    if (cpctl_given(c, CPCTL_OPT_VERSION)) {
        fprintf(c->out, "cpctl %s\n", SLUICE_VERSION);
        return CPCTL_OK;
    }
    return cpctl_help(c);
}

int cpctl_main(int argc, char **argv, FILE *out, FILE *err)
{
    struct cpctl c;
    int status;

    memset(&c, 0, sizeof(c));
    c.out = out;
    c.err = err;
    c.failed = CPCTL_FAILED;
    c.color_out = wants_color(out);
    c.color_err = wants_color(err);
    c.tty_err = fileno(err) >= 0 && isatty(fileno(err));
    arena_init(&c.arena, 0, 0);
    status = cpctl_parse(&c, argc, argv);
    if (status == CPCTL_OK)
        status = dispatch(&c);
    /* A full disk or a closed pipe must not look like success. */
    if ((fflush(out) != 0 || ferror(out)) && status == CPCTL_OK)
        status = cpctl_fail(&c, "could not write the output");
    (void)fflush(err);
    arena_fini(&c.arena);
    return status;
}
