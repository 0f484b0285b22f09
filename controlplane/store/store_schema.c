#include "store/store_int.h"

/* Only append. A store of an older schema runs the statements that it lacks, in one transaction. Times are milliseconds
 * since 1970. Numbers behind names are the enums of store.h and store_identity.h: they never change their meaning. */
const char *const store_migrations[STORE_SCHEMA + 1] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    /* hash: SHA-256 of the text. encoding: 0 as it is, 1 zstd. size: of the text. */
    "CREATE TABLE blob(hash BLOB PRIMARY KEY CHECK(length(hash) = 32), encoding INTEGER NOT NULL, size INTEGER NOT NULL,"
    " bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE revision(revision INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, at INTEGER NOT NULL, who TEXT NOT NULL,"
    " action TEXT NOT NULL, message TEXT NOT NULL, summary TEXT NOT NULL, restores INTEGER NOT NULL DEFAULT 0) STRICT;"
    /* What a revision changed. blob NULL: deleted. */
    "CREATE TABLE revision_document(kind TEXT NOT NULL, name TEXT NOT NULL,"
    " revision INTEGER NOT NULL REFERENCES revision(revision), op INTEGER NOT NULL, blob BLOB REFERENCES blob(hash),"
    " file TEXT NOT NULL, line INTEGER NOT NULL, PRIMARY KEY(kind, name, revision)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX revision_document_revision ON revision_document(revision);"
    "CREATE TABLE revision_root(revision INTEGER NOT NULL REFERENCES revision(revision), environment TEXT NOT NULL,"
    " root BLOB NOT NULL CHECK(length(root) = 32), PRIMARY KEY(revision, environment)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE head(environment TEXT PRIMARY KEY, epoch INTEGER NOT NULL,"
    " head_revision INTEGER NOT NULL REFERENCES revision(revision), head_root BLOB NOT NULL,"
    " live_revision INTEGER NOT NULL, live_root BLOB NOT NULL, state INTEGER NOT NULL, reason TEXT NOT NULL,"
    " changed INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE token(id TEXT PRIMARY KEY, hash BLOB NOT NULL CHECK(length(hash) = 32), kind INTEGER NOT NULL,"
    " role INTEGER NOT NULL, environment TEXT NOT NULL, name TEXT NOT NULL, created_by TEXT NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, last_used INTEGER NOT NULL DEFAULT 0,"
    " revoked INTEGER NOT NULL DEFAULT 0, uses_left INTEGER NOT NULL CHECK(uses_left >= 0)) STRICT;"
    /* Who joined by which token: the same key again gets the same answer. */
    "CREATE TABLE token_use(token TEXT NOT NULL REFERENCES token(id), key_hash BLOB NOT NULL, node TEXT NOT NULL,"
    " at INTEGER NOT NULL, PRIMARY KEY(token, key_hash)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE node(id TEXT PRIMARY KEY, environment TEXT NOT NULL, serial TEXT NOT NULL, not_after INTEGER NOT NULL,"
    " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;"
    "CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, peer TEXT NOT NULL,"
    " action TEXT NOT NULL, target TEXT NOT NULL, request TEXT NOT NULL, status INTEGER NOT NULL) STRICT;",
    /* Which membership of its name a node has: a removal begins the next one. See store_node. */
    "ALTER TABLE node ADD COLUMN membership INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE token_use ADD COLUMN membership INTEGER NOT NULL DEFAULT 0;"
    "UPDATE node SET membership = removed WHERE removed <> 0;",
    NULL,
};
