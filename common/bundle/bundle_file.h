#pragma once
/* A bundle in one file: what a node keeps on its disk and what a check reads from a pipe.
 *
 *   prelude   "SLUICEB1", u32 format, u32 header bytes, u32 leaves, u32 0, u64 leaf bytes; SHA-256 of these
 *   header    an encoded BundleHeader; SHA-256
 *   table     per leaf, rising: u32 index, u32 size, 32 bytes hash; SHA-256
 *   leaves    their bytes, one behind the other, each proven by its hash in the table
 *   footer    u64 bytes of the whole file, "SLUICEBE"
 *
 * Numbers are little-endian. Every length is proven before memory is taken for it; a file cut or changed at any byte is
 * refused, and the error says at which byte of which section. Blocking: never on a worker's loop. */
#include "base/err.h"
#include "base/slice.h"
#include "bundle/bundle.h"

/* Writes to a descriptor (pipe or file), without sync. -ERR_IO (errno's words in *e; ENOSPC, EPIPE ...), -ERR_LIMIT. */
MUST_USE int bundle_file_write_fd(int fd, const struct bundle *b, struct err *e);
/* path.tmp with mode 0600, fsync, rename, fsync of the folder: the old file, the new file, never half of one. */
MUST_USE int bundle_file_write(const char *path, const struct bundle *b, struct err *e);
/* *out gets one reference; untouched on failure. -ERR_SYNTAX (not a bundle, or cut), -ERR_MISMATCH (a hash is wrong),
 * -ERR_LIMIT, -ERR_UNSUPPORTED (format or schema), -ERR_IO, -ERR_NOMEM; -ERR_NOTFOUND from bundle_file_read. */
MUST_USE int bundle_file_read_fd(int fd, struct bundle **out, struct err *e);
MUST_USE int bundle_file_read(const char *path, struct bundle **out, struct err *e);
MUST_USE int bundle_file_read_mem(struct slice bytes, struct bundle **out, struct err *e);
