#pragma once
/* Whole files. Blocking: never on a worker's loop. */
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads all of path ("-": standard input) to the end of out (initialised by the caller).
 * -ERR_NOTFOUND, -ERR_LIMIT (more than max bytes), -ERR_IO, -ERR_NOMEM. */
MUST_USE int file_read(const char *path, size_t max, struct buf *out, struct err *e);
/* Writes path.tmp with mode, fsyncs, renames over path, fsyncs the folder: old or new, never half. */
MUST_USE int file_write_atomic(const char *path, const void *p, size_t n, mode_t mode, struct err *e);
/* Makes a folder and its parents. Existing ones are fine. */
MUST_USE int file_mkdirs(const char *path, mode_t mode, struct err *e);
/* Makes a rename or unlink in path's folder durable. 0, or -1 with errno. */
MUST_USE int file_sync_parent(const char *path);
