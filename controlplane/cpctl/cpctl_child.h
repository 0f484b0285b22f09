#pragma once
/* A program that we start, whose log we read, and that does not outlive us: it is killed by the kernel when we end, however. */
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#define CPCTL_CHILD_LINE_MAX 4096u

struct cpctl_child {
    const char *name;        /* for messages */
    pid_t pid;               /* 0: not running */
    int log_fd;              /* what it writes; -1: nothing more. Poll it */
    struct buf log;          /* of a line not yet complete */
    char last[512];          /* the last line that told of an error, else the last line */
    bool last_is_error;
    int status;              /* of waitpid, once it has ended */
};

void cpctl_child_init(struct cpctl_child *ch, const char *name);
void cpctl_child_fini(struct cpctl_child *ch);
/* The program beside ours, else on PATH. -ERR_NOTFOUND. path: PATH_MAX bytes. */
MUST_USE int cpctl_child_find(const char *program, char *path, struct err *e);
/* argv ends with NULL. Signals are as for a fresh process, standard input is empty, SLUICE_* are left out of its environment,
 * it is in a process group of its own: Ctrl-C reaches us alone, and we stop it in order. */
MUST_USE int cpctl_child_start(struct cpctl_child *ch, const char *path, const char *const *argv, struct err *e);
/* Takes what log_fd has; complete lines are printed to `to`. */
void cpctl_child_read(struct cpctl_child *ch, FILE *to);
/* True when it has ended; status tells how. Never blocks. */
bool cpctl_child_ended(struct cpctl_child *ch);
/* "ended with status 1: listen 127.0.0.1:8080: address already in use" into out. */
void cpctl_child_reason(const struct cpctl_child *ch, char *out, size_t size);
void cpctl_child_signal(const struct cpctl_child *ch, int number);
