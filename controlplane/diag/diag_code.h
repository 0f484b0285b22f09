#pragma once
/* What the codes of diagnostics are about: one line each in tbl/code.h. */
#include <stddef.h>

struct diag_code {
    const char *code, *title;
};

extern const struct diag_code diag_codes[]; /* code NULL at the end, sorted */
/* NULL: no such code. */
const char *diag_code_title(const char *code);
