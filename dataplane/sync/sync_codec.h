#pragma once
/* nanopb to plain structs and back. Every length is proven against its bound before anything is copied. */
#include "base/buf.h"
#include "base/err.h"
#include "protocol/protocol.h"

enum sync_said {
    SYNC_SAID_NOTHING,           /* a kind that this program does not know; to be passed over */
    SYNC_SAID_WELCOME,
    SYNC_SAID_OFFER,
    SYNC_SAID_WITHDRAW,
    SYNC_SAID_PING,
    SYNC_SAID_GOAWAY,
    SYNC_SAID_ACTIVATE,
};

/* Scratch of one message; large, made once. Slices point into the bytes decoded. */
struct sync_message {
    enum sync_said said;
    struct slice all;            /* the bytes decoded */
    struct protocol_welcome welcome;
    struct protocol_goaway goaway;
    uint8_t nonce[PROTOCOL_NONCE];
    bool has_head;
    struct bundle_version head;
    struct protocol_offer offer;
    struct bundle header;
    char header_error[ERR_TEXT_MAX];
    struct protocol_leaf_ref refs[BUNDLE_LEAVES];
    struct protocol_inline_leaf inlined[BUNDLE_LEAVES];
    bool inlined_zstd;
    uint32_t raw_sizes[BUNDLE_LEAVES];
    char plain[PROTOCOL_INLINE_MAX];    /* of inline leaves that came compressed */
    size_t n_plain;
};

/* One CpMessage. -ERR_SYNTAX, -ERR_LIMIT with *e filled. */
MUST_USE int sync_decode(struct slice bytes, struct sync_message *out, struct err *e);

/* Each appends one DpMessage. */
MUST_USE int sync_encode_hello(struct buf *out, uint64_t seq, const struct protocol_hello *h);
MUST_USE int sync_encode_ack(struct buf *out, uint64_t seq, const struct protocol_ack *a);
MUST_USE int sync_encode_nack(struct buf *out, uint64_t seq, const struct protocol_nack *k);
MUST_USE int sync_encode_status(struct buf *out, uint64_t seq, const struct protocol_status *s);
MUST_USE int sync_encode_bye(struct buf *out, uint64_t seq, const struct protocol_bye *b);

/* FetchChunks. */
MUST_USE int sync_encode_want(struct buf *out, const struct bundle_version *v, const uint8_t (*hashes)[BUNDLE_HASH], size_t n);
struct sync_chunk {
    uint8_t hash[BUNDLE_HASH];
    bool is_zstd;
    uint32_t raw_size, offset, piece_size;
    struct slice data;
};
MUST_USE int sync_decode_chunk(struct slice bytes, struct sync_chunk *out, struct err *e);

/* Identity. */
#define SYNC_DER_MAX 4096u
struct sync_granted {
    uint8_t cert[SYNC_DER_MAX], root[SYNC_DER_MAX];
    size_t n_cert, n_root;
    char node_id[PROTOCOL_NODE], environment[PROTOCOL_ENVIRONMENT], cluster_id[PROTOCOL_CLUSTER];
};
MUST_USE int sync_encode_enroll(struct buf *out, const char *token, struct slice csr, const char *node_id);
MUST_USE int sync_encode_renew(struct buf *out, struct slice csr);
MUST_USE int sync_decode_granted(struct slice bytes, struct sync_granted *out, struct err *e);
