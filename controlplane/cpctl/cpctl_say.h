#pragma once
/* What cpctl says to people on its error stream. Data goes to c->out and nowhere else. */
#include <stdarg.h>

#include "cpctl/cpctl.h"

/* "error: ...", on colour terminals in red. */
void cpctl_error(struct cpctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "hint: ...": what to do about it. */
void cpctl_hint(struct cpctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* cpctl_error, and c->failed: so that `return cpctl_fail(c, ...)` reads well. */
int cpctl_fail(struct cpctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* cpctl_error, a hint at --help of the command, and CPCTL_WRONG. */
int cpctl_wrong(struct cpctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

enum cpctl_ink { CPCTL_INK_NONE, CPCTL_INK_BOLD, CPCTL_INK_RED, CPCTL_INK_GREEN, CPCTL_INK_YELLOW, CPCTL_INK_CYAN, CPCTL_INK_DIM };
/* The escape that starts an ink, or "" when `on` is false; CPCTL_INK_NONE ends all. */
const char *cpctl_ink(bool on, enum cpctl_ink ink);
