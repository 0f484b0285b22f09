#include <stdarg.h>
#include <stdio.h>

#include "loader/loader_int.h"
#include "text/utf8.h"

static void put(char *to, size_t size, struct slice s)
{
    size_t n;

    if (s.n >= size)
        s.n = size - 1;
    n = utf8_valid_prefix(s);
    if (n != 0)
        memcpy(to, s.p, n);
    to[n] = '\0';
}

static enum err_code err_of(enum loader_code code)
{
    switch (code) {
    case LOADER_HASH_MISMATCH:
        return ERR_MISMATCH;
    case LOADER_DECODE:
        return ERR_SYNTAX;
    case LOADER_SCHEMA_UNSUPPORTED:
    case LOADER_CAPABILITY_MISSING:
        return ERR_UNSUPPORTED;
    case LOADER_LIMIT_EXCEEDED:
        return ERR_LIMIT;
    case LOADER_NO_MEMORY:
        return ERR_NOMEM;
    case LOADER_DANGLING_REFERENCE:
        return ERR_NOTFOUND;
    case LOADER_INTERNAL:
        return ERR_INTERNAL;
    default:
        return ERR_INVALID;
    }
}

static enum loader_code code_of(enum err_code code)
{
    switch (code) {
    case ERR_NOMEM:
        return LOADER_NO_MEMORY;
    case ERR_LIMIT:
        return LOADER_LIMIT_EXCEEDED;
    case ERR_SYNTAX:
        return LOADER_DECODE;
    case ERR_MISMATCH:
        return LOADER_HASH_MISMATCH;
    case ERR_NOTFOUND:
        return LOADER_DANGLING_REFERENCE;
    case ERR_INTERNAL:
        return LOADER_INTERNAL;
    default:
        return LOADER_INVALID_RESOURCE;
    }
}

int loader_fail(struct loader_error *e, enum loader_code code, const struct leaf_resource *r, const char *field, const char *fmt, ...)
{
    char message[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    memset(e, 0, sizeof(*e));
    e->code = code;
    e->retryable = code == LOADER_NO_MEMORY;
    if (r != NULL) {
        put(e->type, sizeof(e->type), r->type);
        put(e->key, sizeof(e->key), r->key);
    }
    put(e->field, sizeof(e->field), slice_of(field));
    put(e->message, sizeof(e->message), slice_of(message));
    return -(int)err_of(code);
}

int loader_fail_err(struct loader_error *e, const struct leaf_resource *r, const char *field, const struct err *err)
{
    return loader_fail(e, code_of(err->code), r, field, "%s", err->text);
}

int loader_fail_memory(struct loader_error *e, const struct leaf_resource *r)
{
    return loader_fail(e, LOADER_NO_MEMORY, r, "", "no memory to build the snapshot");
}
