#pragma once
/* What cpctl prints as data: tables for people, JSON and YAML for programs. Control characters that a server sent never
 * reach a terminal. */
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/slice.h"
#include "base/vec.h"
#include "cpctl/cpctl.h"
#include "text/json.h"

struct diag_list;

/* A table: the heads, then cells row by row; columns are as wide as their widest cell. */
struct cpctl_table {
    struct cpctl *c;
    size_t columns;
    struct vec cells;   /* const char *, in the call's arena */
};

/* heads ends with NULL. */
void cpctl_table_init(struct cpctl_table *t, struct cpctl *c, const char *const *heads);
/* text is copied; NULL and "" print as "-". */
void cpctl_table_cell(struct cpctl_table *t, const char *text);
void cpctl_table_slice(struct cpctl_table *t, struct slice text);
void cpctl_table_printf(struct cpctl_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints and frees it. */
void cpctl_table_print(struct cpctl_table *t);

/* Text without control characters ('?' for each), newlines kept when `lines`. In the call's arena. */
const char *cpctl_clean(struct cpctl *c, struct slice text, bool lines);

/* JSON that is put together with json_*(&j.w, ...) and then printed. */
struct cpctl_json {
    struct buf text;
    struct json_writer w;
};

void cpctl_json_init(struct cpctl_json *j);
/* Prints it in the format asked for (JSON or YAML; JSON for a table) and frees it. An exit status. */
MUST_USE int cpctl_json_print(struct cpctl *c, struct cpctl_json *j);
/* The same for a tree. */
MUST_USE int cpctl_print_data(struct cpctl *c, const struct json *value);
/* YAML in block style. Strings that would be read as something else are quoted; long texts with line ends are literal. */
MUST_USE int cpctl_yaml_write(struct buf *out, const struct json *value);

/* Diagnostics as people read them, with colours when the stream has them. 0 or -ERR_NOMEM. */
int cpctl_print_diags(struct cpctl *c, FILE *to, const struct diag_list *diags);
