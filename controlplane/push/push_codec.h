#pragma once
/* Protobuf to plain structs and back. Refuses what is over its bound; knows nothing of streams. */
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "protocol/protocol.h"

#define PUSH_DP_MESSAGE_MAX 65536u   /* bytes of a message of a node; refused */

enum push_said { PUSH_SAID_NOTHING, PUSH_SAID_HELLO, PUSH_SAID_ACK, PUSH_SAID_NACK, PUSH_SAID_STATUS, PUSH_SAID_BYE };

struct push_message {
    enum push_said said;             /* NOTHING: a kind that this program does not know; to be passed over */
    union {
        struct protocol_hello hello;
        struct protocol_ack ack;
        struct protocol_nack nack;
        struct protocol_status status;
        struct protocol_bye bye;
    } u;
};

/* -ERR_SYNTAX, -ERR_LIMIT, -ERR_INVALID with *e filled. */
MUST_USE int push_decode(struct slice bytes, struct push_message *out, struct err *e);

/* Each appends one CpMessage to out. */
MUST_USE int push_encode_welcome(struct buf *out, uint64_t seq, const struct protocol_welcome *w);
MUST_USE int push_encode_ping(struct buf *out, uint64_t seq, int64_t clock_ms, const struct bundle_version *head);
MUST_USE int push_encode_withdraw(struct buf *out, uint64_t seq, const uint8_t nonce[PROTOCOL_NONCE], const char *reason);
MUST_USE int push_encode_activate(struct buf *out, uint64_t seq, const uint8_t nonce[PROTOCOL_NONCE]);
MUST_USE int push_encode_goaway(struct buf *out, uint64_t seq, const struct protocol_goaway *g);

/* What all nodes with the same base get: the fields of an Offer but nonce, hold and deadline. base NULL: the full list. */
MUST_USE int push_encode_offer_shared(struct buf *out, const struct bundle *b, const struct leaf_table *base,
                                      const struct bundle_version *base_version);
/* The front of one node's message; the shared bytes (n of them) follow it on the wire. */
MUST_USE int push_encode_offer_own(struct buf *out, uint64_t seq, const uint8_t nonce[PROTOCOL_NONCE], bool hold,
                                   uint32_t deadline_ms, size_t n_shared);

/* One message of FetchChunks. encoded: as it goes out; piece_size: of it, decoded. */
MUST_USE int push_encode_chunk(struct buf *out, const struct leaf *l, bool is_zstd, struct slice encoded, uint32_t offset,
                               uint32_t piece_size);

struct push_want {
    struct bundle_version version;
    uint8_t (*hashes)[BUNDLE_HASH];  /* owned by the caller: free */
    size_t n;
    bool zstd;                       /* the node takes it */
};
MUST_USE int push_decode_fetch(struct slice bytes, struct push_want *out, struct err *e);

struct push_enroll {
    char token[257];
    char node_id[PROTOCOL_NODE];
    uint8_t csr[4096];
    size_t n_csr;
};
MUST_USE int push_decode_enroll(struct slice bytes, struct push_enroll *out, struct err *e);
/* Renew: only the CSR is filled. */
MUST_USE int push_decode_renew(struct slice bytes, struct push_enroll *out, struct err *e);

struct push_identity {
    struct slice cert_der, ca_der;
    const char *node_id, *environment, *cluster_id;
    const char *const *endpoints;
    size_t n_endpoints;
    int64_t renew_after;
};
MUST_USE int push_encode_identity(struct buf *out, const struct push_identity *i);
