#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    if (e == NULL)
        return -(int)code;
    e->code = code;
    va_start(ap, fmt);
    (void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    return -(int)code;
}

int err_errno(struct err *e, const char *fmt, ...)
{
    int saved = errno;
    char reason[128];
    va_list ap;
    size_t n;

    if (e == NULL)
        return -(int)ERR_IO;
    e->code = ERR_IO;
    va_start(ap, fmt);
    (void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    n = strlen(e->text);
    (void)snprintf(e->text + n, sizeof(e->text) - n, ": %s",
                   strerror_r(saved, reason, sizeof(reason)));
    return -(int)ERR_IO;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    char old[ERR_TEXT_MAX];
    va_list ap;
    size_t n;

    if (e == NULL)
        return -(int)ERR_INTERNAL;
    memcpy(old, e->text, sizeof(old));
    va_start(ap, fmt);
    (void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    n = strlen(e->text);
    (void)snprintf(e->text + n, sizeof(e->text) - n, ": %.*s", (int)(sizeof(old) / 2), old);
    return -(int)e->code;
}

