#pragma once
/* Status codes and the error text for humans.
 * Every function that can fail returns 0 or -ERR_X. The text is for people: it is never compared. */
#include <stdarg.h>

enum err_code {
    ERR_NONE = 0,
    ERR_NOMEM,       /* out of memory or over an arena's cap */
    ERR_LIMIT,       /* a length, depth or count is over its bound */
    ERR_SYNTAX,      /* the bytes are not what the format says */
    ERR_INVALID,     /* well formed, but not allowed here */
    ERR_IO,          /* the system said no; text carries errno's words */
    ERR_NOTFOUND,
    ERR_EXISTS,
    ERR_CONFLICT,    /* somebody else changed it first */
    ERR_NOTNOW,      /* wrong state for this call (OpenSSL has a type named ERR_STATE) */
    ERR_AGAIN,       /* would block, or not enough bytes yet */
    ERR_CLOSED,      /* the other side is gone */
    ERR_TIMEOUT,
    ERR_DENIED,      /* not authenticated or not allowed */
    ERR_UNSUPPORTED,
    ERR_MISMATCH,    /* a hash, a version or a name is not the expected one */
    ERR_INTERNAL,
};

#define ERR_TEXT_MAX 512

struct err {
    enum err_code code;
    char text[ERR_TEXT_MAX];
};

#define MUST_USE __attribute__((warn_unused_result))

/* Fills *e (may be NULL) and returns -code, so that `return err_set(e, ERR_IO, ...)` reads well. Text is cut at the cap. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* As err_set, with ": <strerror(errno)>" behind the text. */
int err_errno(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts "prefix: " before the text that *e has. Returns -e->code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
