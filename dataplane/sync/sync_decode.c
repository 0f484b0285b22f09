/* From the wire. The oneof of CpMessage is taken apart by hand: a callback inside a oneof member of nanopb would have to be set
 * before it is known which member comes. */
#include <pb_decode.h>
#include <stdio.h>
#include <zstd.h>

#include "base/caps.h"
#include "base/must.h"
#include "bundle/bundle_header.h"
#include "push.pb.h"
#include "sync/sync_codec.h"

#ifdef PB_FIELD_32BIT
#error Debian builds nanopb without PB_FIELD_32BIT; with it every message decodes to garbage
#endif

static int wrong(const pb_istream_t *s, const char *what, struct err *e)
{
    return err_set(e, ERR_SYNTAX, "%s: %s", what, PB_GET_ERROR(s));
}

/* A bytes field as a slice of the buffer that is decoded. */
struct taken {
    struct slice all, bytes;     /* all: the buffer */
};

/* arg: struct taken. A field of another wire type comes in a buffer of nanopb's own, which is gone when it returns: refused. */
static bool take_slice(pb_istream_t *s, const pb_field_t *field, void **arg)
{
    struct taken *t = *arg;
    struct slice bytes = slice_from(s->state, s->bytes_left);

    (void)field;
    if (bytes.p < t->all.p || bytes.p > t->all.p + t->all.n)
        return false;
    t->bytes = bytes;
    return pb_read(s, NULL, s->bytes_left);
}

static bool take_version(const sluice_push_v1_Version *in, struct bundle_version *out)
{
    memset(out, 0, sizeof(*out));
    out->epoch = in->epoch;
    out->revision = in->revision;
    if (in->root.size == 0)
        return true;
    if (in->root.size != BUNDLE_HASH)
        return false;
    memcpy(out->root, in->root.bytes, BUNDLE_HASH);
    return true;
}

/* ---- offer -------------------------------------------------------------------------------------------------------------- */

static bool take_ref(pb_istream_t *s, const pb_field_t *field, void **arg)
{
    struct sync_message *m = *arg;
    sluice_push_v1_LeafRef in = sluice_push_v1_LeafRef_init_zero;
    struct protocol_leaf_ref *out;

    (void)field;
    if (m->offer.n_refs >= BUNDLE_LEAVES || !pb_decode(s, sluice_push_v1_LeafRef_fields, &in))
        return false;
    if (in.index >= BUNDLE_LEAVES || (in.hash.size != 0 && in.hash.size != BUNDLE_HASH))
        return false;
    out = &m->refs[m->offer.n_refs++];
    *out = (struct protocol_leaf_ref){.index = (uint16_t)in.index, .is_empty = in.hash.size == 0,
                                      .size = in.hash.size == 0 ? 0 : in.size};
    memcpy(out->hash, in.hash.bytes, in.hash.size);
    return true;
}

static bool take_inlined(pb_istream_t *s, const pb_field_t *field, void **arg)
{
    struct sync_message *m = *arg;
    sluice_push_v1_InlineLeaf in = sluice_push_v1_InlineLeaf_init_zero;
    struct taken data = {m->all, SLICE_NONE};

    (void)field;
    in.data.funcs.decode = take_slice;
    in.data.arg = &data;
    if (m->offer.n_inlined >= BUNDLE_LEAVES || !pb_decode(s, sluice_push_v1_InlineLeaf_fields, &in) ||
        in.index >= BUNDLE_LEAVES || data.bytes.n > PROTOCOL_INLINE_MAX)
        return false;
    m->raw_sizes[m->offer.n_inlined] = in.raw_size;
    m->inlined[m->offer.n_inlined++] = (struct protocol_inline_leaf){(uint16_t)in.index, data.bytes};
    return true;
}

/* Inline leaves that came compressed are laid out in m->plain. */
static bool expand_inlined(struct sync_message *m)
{
    for (size_t i = 0; i < m->offer.n_inlined; i++) {
        struct slice *data = &m->inlined[i].bytes;
        size_t room = sizeof(m->plain) - m->n_plain, n;

        if (m->raw_sizes[i] > room)
            return false;
        n = ZSTD_decompress(m->plain + m->n_plain, room, data->p, data->n);
        if (ZSTD_isError(n) || n != m->raw_sizes[i])
            return false;
        *data = slice_from(m->plain + m->n_plain, n);
        m->n_plain += n;
    }
    return true;
}

static bool is_known_capability(const char *name)
{
    static const char *const known[] = {"delta.v1", "zstd"};

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i], name) == 0)
            return true;
    }
    return false;
}

/* Enough of the header to refuse it by name, then all of it. */
static int take_header(struct slice bytes, struct sync_message *m, struct err *e)
{
    sluice_push_v1_BundleHeader in = sluice_push_v1_BundleHeader_init_zero;
    pb_istream_t s = pb_istream_from_buffer((const pb_byte_t *)bytes.p, bytes.n);
    struct err why;

    memset(&m->header, 0, sizeof(m->header));
    if (bytes.n > BUNDLE_HEADER_MAX || !pb_decode(&s, sluice_push_v1_BundleHeader_fields, &in) ||
        !take_version(&in.version, &m->header.version))
        return err_set(e, ERR_SYNTAX, "an offer whose header cannot be read");
    m->offer.leaf_count = in.leaf_count;
    m->header.schema = in.schema;
    m->offer.header = &m->header;
    if (bundle_header_decode(bytes, &m->header, &why) != 0) {
        snprintf(m->header_error, sizeof(m->header_error), "%s", why.text);
        m->offer.header_error = m->header_error;
        m->header.schema = in.schema;
        (void)take_version(&in.version, &m->header.version);
    }
    for (uint32_t i = 0; i < m->header.n_capabilities && m->offer.missing_capability[0] == '\0'; i++) {
        if (!is_known_capability(m->header.capabilities[i]))
            snprintf(m->offer.missing_capability, sizeof(m->offer.missing_capability), "%s", m->header.capabilities[i]);
    }
    return 0;
}

static int take_offer(pb_istream_t *s, struct sync_message *m, struct err *e)
{
    sluice_push_v1_Offer in = sluice_push_v1_Offer_init_zero;
    struct taken header = {m->all, SLICE_NONE};

    m->offer = (struct protocol_offer){.refs = m->refs, .inlined = m->inlined};
    m->n_plain = 0;
    in.header.header.funcs.decode = take_slice;
    in.header.header.arg = &header;
    in.leaves.funcs.decode = take_ref;
    in.leaves.arg = m;
    in.inline_leaves.funcs.decode = take_inlined;
    in.inline_leaves.arg = m;
    if (!pb_decode(s, sluice_push_v1_Offer_fields, &in))
        return wrong(s, "offer", e);
    if (in.nonce.size != PROTOCOL_NONCE)
        return err_set(e, ERR_SYNTAX, "an offer without a nonce");
    memcpy(m->offer.nonce, in.nonce.bytes, PROTOCOL_NONCE);
    m->offer.has_base = in.has_base_version;
    m->offer.hold = in.hold;
    m->offer.apply_deadline_ms = in.apply_deadline_ms;
    m->offer.start_jitter_ms = in.start_jitter_ms;
    if (!take_version(&in.base_version, &m->offer.base))
        return err_set(e, ERR_SYNTAX, "an offer whose base has no root");
    if (strcmp(in.inline_encoding, "zstd") == 0 && !expand_inlined(m))
        return err_set(e, ERR_SYNTAX, "an offer whose inline leaves cannot be decompressed");
    return take_header(header.bytes, m, e);
}

/* ---- the other messages ------------------------------------------------------------------------------------------------------ */

static int take_welcome(pb_istream_t *s, struct sync_message *m, struct err *e)
{
    sluice_push_v1_Welcome in = sluice_push_v1_Welcome_init_zero;
    struct protocol_welcome *w = &m->welcome;

    if (!pb_decode(s, sluice_push_v1_Welcome_fields, &in))
        return wrong(s, "welcome", e);
    memset(w, 0, sizeof(*w));
    snprintf(w->cluster_id, sizeof(w->cluster_id), "%s", in.cluster_id);
    snprintf(w->instance, sizeof(w->instance), "%s", in.cp_instance);
    w->schema_max = in.schema_max;
    w->clock_unix_ms = in.clock_unix_ms;
    w->has_head = in.has_head;
    if (!take_version(&in.head, &w->head))
        return err_set(e, ERR_SYNTAX, "a welcome whose head has no root");
    return 0;
}

static int take_nonce(pb_istream_t *s, bool is_activate, struct sync_message *m, struct err *e)
{
    sluice_push_v1_Withdraw w = sluice_push_v1_Withdraw_init_zero;
    sluice_push_v1_Activate a = sluice_push_v1_Activate_init_zero;
    bool ok = is_activate ? pb_decode(s, sluice_push_v1_Activate_fields, &a) : pb_decode(s, sluice_push_v1_Withdraw_fields, &w);
    size_t n = is_activate ? a.nonce.size : w.nonce.size;

    if (!ok || n != PROTOCOL_NONCE)
        return err_set(e, ERR_SYNTAX, "a nonce of %zu bytes", n);
    memcpy(m->nonce, is_activate ? a.nonce.bytes : w.nonce.bytes, PROTOCOL_NONCE);
    return 0;
}

static int take_ping(pb_istream_t *s, struct sync_message *m, struct err *e)
{
    sluice_push_v1_Ping in = sluice_push_v1_Ping_init_zero;

    if (!pb_decode(s, sluice_push_v1_Ping_fields, &in))
        return wrong(s, "ping", e);
    m->has_head = in.has_head;
    return take_version(&in.head, &m->head) ? 0 : err_set(e, ERR_SYNTAX, "a ping whose head has no root");
}

static int take_goaway(pb_istream_t *s, struct sync_message *m, struct err *e)
{
    sluice_push_v1_GoAway in = sluice_push_v1_GoAway_init_zero;

    if (!pb_decode(s, sluice_push_v1_GoAway_fields, &in))
        return wrong(s, "go_away", e);
    snprintf(m->goaway.reason, sizeof(m->goaway.reason), "%s", in.reason);
    m->goaway.reconnect_after_ms = in.reconnect_after_ms;
    m->goaway.spread_ms = in.spread_ms;
    return 0;
}

static int take_body(uint32_t tag, pb_istream_t *s, struct sync_message *m, struct err *e)
{
    switch (tag) {
    case sluice_push_v1_CpMessage_welcome_tag:
        m->said = SYNC_SAID_WELCOME;
        return take_welcome(s, m, e);
    case sluice_push_v1_CpMessage_offer_tag:
        m->said = SYNC_SAID_OFFER;
        return take_offer(s, m, e);
    case sluice_push_v1_CpMessage_withdraw_tag:
        m->said = SYNC_SAID_WITHDRAW;
        return take_nonce(s, false, m, e);
    case sluice_push_v1_CpMessage_activate_tag:
        m->said = SYNC_SAID_ACTIVATE;
        return take_nonce(s, true, m, e);
    case sluice_push_v1_CpMessage_ping_tag:
        m->said = SYNC_SAID_PING;
        return take_ping(s, m, e);
    case sluice_push_v1_CpMessage_go_away_tag:
        m->said = SYNC_SAID_GOAWAY;
        return take_goaway(s, m, e);
    default:
        return pb_read(s, NULL, s->bytes_left) ? 0 : wrong(s, "message", e);
    }
}

int sync_decode(struct slice bytes, struct sync_message *out, struct err *e)
{
    pb_istream_t s = pb_istream_from_buffer((const pb_byte_t *)bytes.p, bytes.n), sub;
    pb_wire_type_t type;
    uint32_t tag;
    bool end;

    out->said = SYNC_SAID_NOTHING;
    out->all = bytes;
    while (s.bytes_left > 0) {
        int rc;

        if (!pb_decode_tag(&s, &type, &tag, &end))
            return wrong(&s, "message", e);
        if (tag == sluice_push_v1_CpMessage_seq_tag || type != PB_WT_STRING) {
            if (!pb_skip_field(&s, type))
                return wrong(&s, "message", e);
            continue;
        }
        if (out->said != SYNC_SAID_NOTHING)
            return err_set(e, ERR_SYNTAX, "two messages in one");
        if (!pb_make_string_substream(&s, &sub))
            return wrong(&s, "message", e);
        rc = take_body(tag, &sub, out, e);
        if (rc != 0)
            return rc;
        if (!pb_close_string_substream(&s, &sub))
            return wrong(&s, "message", e);
    }
    return 0;
}

int sync_decode_chunk(struct slice bytes, struct sync_chunk *out, struct err *e)
{
    pb_istream_t s = pb_istream_from_buffer((const pb_byte_t *)bytes.p, bytes.n);
    sluice_push_v1_Chunk in = sluice_push_v1_Chunk_init_zero;
    struct taken data = {bytes, SLICE_NONE};

    memset(out, 0, sizeof(*out));
    in.data.funcs.decode = take_slice;
    in.data.arg = &data;
    if (!pb_decode(&s, sluice_push_v1_Chunk_fields, &in))
        return wrong(&s, "chunk", e);
    out->is_zstd = strcmp(in.encoding, "zstd") == 0;
    if (in.hash.size != BUNDLE_HASH || (!out->is_zstd && strcmp(in.encoding, "identity") != 0))
        return err_set(e, ERR_SYNTAX, "a chunk without a hash or in an unknown encoding");
    if (in.raw_size == 0 || in.raw_size > CAPS_LEAF_MAX || in.piece_size > CAPS_CHUNK_MAX || in.piece_size == 0 ||
        in.offset > in.raw_size || in.piece_size > in.raw_size - in.offset)
        return err_set(e, ERR_LIMIT, "a chunk outside of its leaf");
    memcpy(out->hash, in.hash.bytes, BUNDLE_HASH);
    out->data = data.bytes;
    out->raw_size = in.raw_size;
    out->offset = in.offset;
    out->piece_size = in.piece_size;
    return 0;
}

int sync_decode_granted(struct slice bytes, struct sync_granted *out, struct err *e)
{
    pb_istream_t s = pb_istream_from_buffer((const pb_byte_t *)bytes.p, bytes.n);
    sluice_push_v1_EnrollResponse *in = calloc(1, sizeof(*in));
    int rc = in == NULL ? err_set(e, ERR_NOMEM, "identity") : 0;

    memset(out, 0, sizeof(*out));
    if (rc == 0 && !pb_decode(&s, sluice_push_v1_EnrollResponse_fields, in))
        rc = wrong(&s, "identity", e);
    if (rc == 0 && in->chain_der_count == 0)
        rc = err_set(e, ERR_SYNTAX, "an identity without a certificate");
    if (rc == 0) {
        out->n_cert = in->chain_der[0].size;
        memcpy(out->cert, in->chain_der[0].bytes, out->n_cert);
        out->n_root = in->trust_roots_der_count == 0 ? 0 : in->trust_roots_der[0].size;
        memcpy(out->root, in->trust_roots_der[0].bytes, out->n_root);
        snprintf(out->node_id, sizeof(out->node_id), "%s", in->node_id);
        snprintf(out->environment, sizeof(out->environment), "%s", in->environment);
        snprintf(out->cluster_id, sizeof(out->cluster_id), "%s", in->cluster_id);
    }
    free(in);
    return rc;
}
