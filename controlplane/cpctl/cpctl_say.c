#include "cpctl/cpctl_say.h"

static void say(struct cpctl *c, enum cpctl_ink ink, const char *what, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

static void say(struct cpctl *c, enum cpctl_ink ink, const char *what, const char *fmt, va_list ap)
{
    fprintf(c->err, "%s%s:%s ", cpctl_ink(c->color_err, ink), what,
            cpctl_ink(c->color_err, CPCTL_INK_NONE));
    vfprintf(c->err, fmt, ap);
    fputc('\n', c->err);
}

void cpctl_error(struct cpctl *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(c, CPCTL_INK_RED, "error", fmt, ap);
    va_end(ap);
}

void cpctl_hint(struct cpctl *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(c, CPCTL_INK_CYAN, "hint", fmt, ap);
    va_end(ap);
}

int cpctl_fail(struct cpctl *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(c, CPCTL_INK_RED, "error", fmt, ap);
    va_end(ap);
    return c->failed;
}

int cpctl_wrong(struct cpctl *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(c, CPCTL_INK_RED, "error", fmt, ap);
    va_end(ap);
    if (c->command == NULL)
        cpctl_hint(c, "see cpctl --help");
    else
        cpctl_hint(c, "see cpctl %s --help", c->command->name);
    return CPCTL_WRONG;
}

const char *cpctl_ink(bool on, enum cpctl_ink ink)
{
    static const char *const inks[] = {"\033[0m",  "\033[1m",  "\033[31m", "\033[32m",
                                       "\033[33m", "\033[36m", "\033[2m"};

    return on ? inks[ink] : "";
}
