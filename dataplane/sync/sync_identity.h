#pragma once
/* Who this node is: its key and certificate on disk, the join token, and the TLS configurations made of them. No network. */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "protocol/protocol.h"
#include "sync/sync_codec.h"

struct tlsctx;

struct sync_identity {
    char dir[4096 - 32];
    bool enrolled;
    char cluster[PROTOCOL_CLUSTER], environment[PROTOCOL_ENVIRONMENT], node[PROTOCOL_NODE];
    int64_t not_before, not_after;
    struct tlsctx *tls;              /* for a node that is enrolled */
};

/* Reads node.pem (certificate and key in one file, 0600) and ca.crt. Not enrolled: they are not there, or the certificate has
 * expired. -ERR_X: they are there and cannot be used. */
MUST_USE int sync_identity_load(struct sync_identity *id, const char *dir, struct err *e);
void sync_identity_fini(struct sync_identity *id);

struct sync_token {
    char text[257];
    uint8_t ca_sha256[32];
};
/* From the file, or SLUICE_JOIN_TOKEN. -ERR_NOTFOUND: neither; -ERR_SYNTAX. Wipe it after use. */
MUST_USE int sync_token_read(const char *file, struct sync_token *out, struct err *e);
/* To enrol: the control plane is proven by the hash in the token alone. */
MUST_USE int sync_token_tls(const struct sync_token *t, struct tlsctx **out, struct err *e);

/* The key to enrol with: made once and kept (join.key), so that a lost answer can be asked for again with the same key. */
MUST_USE int sync_identity_join_key(const struct sync_identity *id, struct buf *key_pem, struct buf *csr, struct err *e);
/* A new key, for a renewal. */
MUST_USE int sync_identity_new_key(struct buf *key_pem, struct buf *csr, struct err *e);
/* Checks what was granted against key, root and who we are, writes it to disk and takes it into use. */
MUST_USE int sync_identity_take(struct sync_identity *id, const struct sync_granted *g, struct slice key_pem,
                                const uint8_t *ca_sha256 /* NULL: the root stays */, struct err *e);
