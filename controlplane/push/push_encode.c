/* To the wire. Offers are made of two parts, so that the large one is encoded once for all nodes. */
#include "base/must.h"
#include "bundle/bundle_header.h"
#include "push.pb-c.h"
#include "push/push_codec.h"

/* protobuf-c's own initialisers cast const away. */
#pragma GCC diagnostic ignored "-Wcast-qual"

/* protobuf-c only reads what it packs; its structs have no const. */
static ProtobufCBinaryData bytes_of(const void *p, size_t n)
{
    return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

static char *text_of(const char *s)
{
    return (char *)(uintptr_t)s;
}

static Sluice__Push__V1__Version version_of(const struct bundle_version *v)
{
    Sluice__Push__V1__Version out = SLUICE__PUSH__V1__VERSION__INIT;

    out.epoch = v->epoch;
    out.revision = v->revision;
    out.root = bytes_of(v->root, sizeof(v->root));
    return out;
}

static int pack(struct buf *out, const ProtobufCMessage *m)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    int rc = buf_reserve(out, n);

    if (rc != 0)
        return rc;
    out->w += protobuf_c_message_pack(m, (uint8_t *)out->p + out->w);
    return 0;
}

static int pack_cp(struct buf *out, uint64_t seq, Sluice__Push__V1__CpMessage__BodyCase which, void *body)
{
    Sluice__Push__V1__CpMessage m = SLUICE__PUSH__V1__CP_MESSAGE__INIT;

    m.seq = seq;
    m.body_case = which;
    m.welcome = body; /* a union of pointers */
    return pack(out, &m.base);
}

int push_encode_welcome(struct buf *out, uint64_t seq, const struct protocol_welcome *w)
{
    Sluice__Push__V1__Welcome m = SLUICE__PUSH__V1__WELCOME__INIT;
    Sluice__Push__V1__Version head = version_of(&w->head);

    m.cluster_id = text_of(w->cluster_id);
    m.cp_instance = text_of(w->instance);
    m.schema_max = w->schema_max;
    m.status_interval_ms = w->status_interval_ms;
    m.dead_after_ms = w->dead_after_ms;
    m.backoff_base_ms = w->backoff_base_ms;
    m.backoff_cap_ms = w->backoff_cap_ms;
    m.clock_unix_ms = w->clock_unix_ms;
    m.head = w->has_head ? &head : NULL;
    return pack_cp(out, seq, SLUICE__PUSH__V1__CP_MESSAGE__BODY_WELCOME, &m);
}

int push_encode_ping(struct buf *out, uint64_t seq, int64_t clock_ms, const struct bundle_version *head)
{
    Sluice__Push__V1__Ping m = SLUICE__PUSH__V1__PING__INIT;
    Sluice__Push__V1__Version v = head == NULL ? (Sluice__Push__V1__Version)SLUICE__PUSH__V1__VERSION__INIT : version_of(head);

    m.clock_unix_ms = clock_ms;
    m.head = head == NULL ? NULL : &v;
    return pack_cp(out, seq, SLUICE__PUSH__V1__CP_MESSAGE__BODY_PING, &m);
}

int push_encode_withdraw(struct buf *out, uint64_t seq, const uint8_t nonce[PROTOCOL_NONCE], const char *reason)
{
    Sluice__Push__V1__Withdraw m = SLUICE__PUSH__V1__WITHDRAW__INIT;

    m.nonce = bytes_of(nonce, PROTOCOL_NONCE);
    m.reason = text_of(reason);
    return pack_cp(out, seq, SLUICE__PUSH__V1__CP_MESSAGE__BODY_WITHDRAW, &m);
}

int push_encode_activate(struct buf *out, uint64_t seq, const uint8_t nonce[PROTOCOL_NONCE])
{
    Sluice__Push__V1__Activate m = SLUICE__PUSH__V1__ACTIVATE__INIT;

    m.nonce = bytes_of(nonce, PROTOCOL_NONCE);
    return pack_cp(out, seq, SLUICE__PUSH__V1__CP_MESSAGE__BODY_ACTIVATE, &m);
}

int push_encode_goaway(struct buf *out, uint64_t seq, const struct protocol_goaway *g)
{
    Sluice__Push__V1__GoAway m = SLUICE__PUSH__V1__GO_AWAY__INIT;

    m.reason = text_of(g->reason);
    m.reconnect_after_ms = g->reconnect_after_ms;
    m.spread_ms = g->spread_ms;
    return pack_cp(out, seq, SLUICE__PUSH__V1__CP_MESSAGE__BODY_GO_AWAY, &m);
}

/* ---- offers ------------------------------------------------------------------------------------------------------------- */

struct offer_lists {
    uint16_t index[BUNDLE_LEAVES];
    Sluice__Push__V1__LeafRef refs[BUNDLE_LEAVES], *ref_at[BUNDLE_LEAVES];
    Sluice__Push__V1__InlineLeaf inlined[BUNDLE_LEAVES], *inlined_at[BUNDLE_LEAVES];
    size_t n, n_inlined;
    uint64_t bytes;
};

static void list_leaves(struct offer_lists *l, const struct leaf_table *table, const struct leaf_table *base)
{
    l->n = leaf_table_diff(base, table, l->index);
    for (size_t i = 0; i < l->n; i++) {
        const struct leaf *leaf = table->leaves[l->index[i]];

        sluice__push__v1__leaf_ref__init(&l->refs[i]);
        l->ref_at[i] = &l->refs[i];
        l->refs[i].index = l->index[i];
        if (leaf == NULL)
            continue;
        l->refs[i].hash = bytes_of(leaf->hash, sizeof(leaf->hash));
        l->refs[i].size = leaf->size;
        l->bytes += leaf->size;
    }
}

/* A small delta rides along and saves the node a round trip. */
static void inline_leaves(struct offer_lists *l, const struct leaf_table *table)
{
    for (size_t i = 0; i < l->n && l->bytes <= PROTOCOL_INLINE_MAX; i++) {
        const struct leaf *leaf = table->leaves[l->index[i]];
        Sluice__Push__V1__InlineLeaf *m = &l->inlined[l->n_inlined];

        if (leaf == NULL)
            continue;
        sluice__push__v1__inline_leaf__init(m);
        m->index = l->index[i];
        m->raw_size = leaf->size;
        m->data = bytes_of(leaf->bytes, leaf->size);
        l->inlined_at[l->n_inlined++] = m;
    }
}

int push_encode_offer_shared(struct buf *out, const struct bundle *b, const struct leaf_table *base,
                             const struct bundle_version *base_version)
{
    Sluice__Push__V1__Offer m = SLUICE__PUSH__V1__OFFER__INIT;
    Sluice__Push__V1__SignedHeader header = SLUICE__PUSH__V1__SIGNED_HEADER__INIT;
    Sluice__Push__V1__Version base_wire = SLUICE__PUSH__V1__VERSION__INIT;
    struct offer_lists *l = calloc(1, sizeof(*l));
    uint8_t encoded[BUNDLE_HEADER_MAX];
    int n = bundle_header_encode(b, encoded), rc;

    if (l == NULL || n < 0) {
        free(l);
        return l == NULL ? -ERR_NOMEM : n;
    }
    header.header = bytes_of(encoded, (size_t)n);
    m.header = &header;
    list_leaves(l, b->table, base);
    if (base != NULL) {
        base_wire = version_of(base_version);
        m.base_version = &base_wire;
        inline_leaves(l, b->table);
        m.inline_encoding = text_of(l->n_inlined > 0 ? "identity" : "");
    }
    m.n_leaves = l->n;
    m.leaves = l->ref_at;
    m.n_inline_leaves = l->n_inlined;
    m.inline_leaves = l->inlined_at;
    m.total_bytes = b->total_bytes;
    rc = pack(out, &m.base);
    free(l);
    return rc;
}

static size_t put_varint(uint8_t *p, uint64_t v)
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

int push_encode_offer_own(struct buf *out, uint64_t seq, const uint8_t nonce[PROTOCOL_NONCE], bool hold,
                          uint32_t deadline_ms, size_t n_shared)
{
    Sluice__Push__V1__Offer m = SLUICE__PUSH__V1__OFFER__INIT;
    uint8_t front[32];
    size_t n = 0;
    int rc;

    m.nonce = bytes_of(nonce, PROTOCOL_NONCE);
    m.hold = hold;
    m.apply_deadline_ms = deadline_ms;
    front[n++] = 1 << 3; /* CpMessage.seq */
    n += put_varint(front + n, seq);
    front[n++] = 3 << 3 | 2; /* CpMessage.offer: its fields may come in any order, so the parts just stand side by side */
    n += put_varint(front + n, protobuf_c_message_get_packed_size(&m.base) + n_shared);
    rc = buf_append(out, front, n);
    return rc == 0 ? pack(out, &m.base) : rc;
}

int push_encode_chunk(struct buf *out, const struct leaf *l, bool is_zstd, struct slice encoded, uint32_t offset,
                      uint32_t piece_size)
{
    Sluice__Push__V1__Chunk m = SLUICE__PUSH__V1__CHUNK__INIT;

    m.hash = bytes_of(l->hash, sizeof(l->hash));
    m.encoding = text_of(is_zstd ? "zstd" : "identity");
    m.raw_size = l->size;
    m.data = bytes_of(encoded.p, encoded.n);
    m.offset = offset;
    m.piece_size = piece_size;
    return pack(out, &m.base);
}

int push_encode_identity(struct buf *out, const struct push_identity *i)
{
    Sluice__Push__V1__EnrollResponse m = SLUICE__PUSH__V1__ENROLL_RESPONSE__INIT;
    ProtobufCBinaryData chain = bytes_of(i->cert_der.p, i->cert_der.n), root = bytes_of(i->ca_der.p, i->ca_der.n);

    m.n_chain_der = 1;
    m.chain_der = &chain;
    m.n_trust_roots_der = 1;
    m.trust_roots_der = &root;
    m.node_id = text_of(i->node_id);
    m.environment = text_of(i->environment);
    m.cluster_id = text_of(i->cluster_id);
    m.n_endpoints = i->n_endpoints;
    m.endpoints = (char **)(uintptr_t)i->endpoints;
    m.renew_after_unix = i->renew_after;
    return pack(out, &m.base);
}
