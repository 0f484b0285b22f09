#include "diag/diag_code.h"

#include <string.h>

const struct diag_code diag_codes[] = {
#define X(code_, title_) {#code_, title_},
#include "diag/tbl/code.h"
#undef X
    {NULL, NULL},
};

const char *diag_code_title(const char *code)
{
    for (const struct diag_code *c = diag_codes; c->code != NULL; c++)
        if (strcmp(c->code, code) == 0)
            return c->title;
    return NULL;
}
