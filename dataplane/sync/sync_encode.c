/* To the wire. */
#include <pb_encode.h>
#include <stdio.h>

#include "base/must.h"
#include "push.pb.h"
#include "sync/sync_codec.h"

static void put_version(sluice_push_v1_Version *out, const struct bundle_version *v)
{
    out->epoch = v->epoch;
    out->revision = v->revision;
    out->root.size = BUNDLE_HASH;
    memcpy(out->root.bytes, v->root, BUNDLE_HASH);
}

#define PUT_NONCE(field, from)                                                                                         \
    do {                                                                                                               \
        (field).size = PROTOCOL_NONCE;                                                                                 \
        memcpy((field).bytes, (from), PROTOCOL_NONCE);                                                                 \
    } while (0)
#define PUT_TEXT(field, from) snprintf((field), sizeof(field), "%s", (from))

static int pack(struct buf *out, const pb_msgdesc_t *fields, const void *m)
{
    pb_ostream_t s;
    size_t n;
    int rc;

    if (!pb_get_encoded_size(&n, fields, m))
        return -ERR_INTERNAL;
    rc = buf_reserve(out, n + 1);
    if (rc != 0)
        return rc;
    s = pb_ostream_from_buffer((pb_byte_t *)out->p + out->w, n);
    if (!pb_encode(&s, fields, m))
        return -ERR_INTERNAL;
    out->w += s.bytes_written;
    return 0;
}

/* DpMessage: its number, then the one member that is set. */
static int pack_dp(struct buf *out, uint64_t seq, uint32_t tag, const pb_msgdesc_t *fields, const void *m)
{
    pb_byte_t front[32];
    pb_ostream_t s = pb_ostream_from_buffer(front, sizeof(front));
    size_t n;
    int rc;

    if (!pb_get_encoded_size(&n, fields, m) || !pb_encode_tag(&s, PB_WT_VARINT, sluice_push_v1_DpMessage_seq_tag) ||
        !pb_encode_varint(&s, seq) || !pb_encode_tag(&s, PB_WT_STRING, tag) || !pb_encode_varint(&s, n))
        return -ERR_INTERNAL;
    rc = buf_append(out, front, s.bytes_written);
    return rc == 0 ? pack(out, fields, m) : rc;
}

int sync_encode_hello(struct buf *out, uint64_t seq, const struct protocol_hello *h)
{
    sluice_push_v1_Hello *m = calloc(1, sizeof(*m));
    int rc;

    if (m == NULL)
        return -ERR_NOMEM;
    PUT_TEXT(m->cluster_id, h->cluster_id);
    PUT_TEXT(m->node_id, h->node_id);
    PUT_TEXT(m->environment, h->environment);
    PUT_TEXT(m->software_version, h->software);
    PUT_NONCE(m->instance_id, h->instance_id);
    m->restart_count = h->restart_count;
    m->schema_min = h->schema_min;
    m->schema_max = h->schema_max;
    if (h->can_delta)
        PUT_TEXT(m->capabilities[m->capabilities_count++], "delta.v1");
    if (h->can_zstd)
        PUT_TEXT(m->capabilities[m->capabilities_count++], "zstd");
    m->has_limits = true;
    m->limits.max_bundle_bytes = h->limits.max_bundle_bytes;
    m->limits.max_chunk_bytes = h->limits.max_chunk_bytes;
    m->limits.max_routes = h->limits.max_routes;
    m->has_active = h->has_active;
    put_version(&m->active, &h->active);
    m->has_stored = h->has_stored;
    put_version(&m->stored, &h->stored);
    for (size_t i = 0; i < h->n_rejected && i < ARRAY_LEN(m->rejected); i++)
        put_version(&m->rejected[m->rejected_count++], &h->rejected[i]);
    m->active_source = (sluice_push_v1_Hello_Source)h->source;
    m->workers = h->workers;
    rc = pack_dp(out, seq, sluice_push_v1_DpMessage_hello_tag, sluice_push_v1_Hello_fields, m);
    free(m);
    return rc;
}

int sync_encode_ack(struct buf *out, uint64_t seq, const struct protocol_ack *a)
{
    sluice_push_v1_Ack m = sluice_push_v1_Ack_init_zero;

    PUT_NONCE(m.nonce, a->nonce);
    m.has_version = true;
    put_version(&m.version, &a->version);
    m.phase = (sluice_push_v1_Ack_Phase)a->phase;
    m.has_timings = true;
    m.timings.fetch_us = a->timings.fetch_us;
    m.timings.verify_us = a->timings.verify_us;
    m.timings.build_us = a->timings.build_us;
    m.timings.swap_us = a->timings.swap_us;
    m.timings.persist_us = a->timings.persist_us;
    m.timings.bytes_received = a->timings.bytes_received;
    m.workers_active = a->workers_active;
    return pack_dp(out, seq, sluice_push_v1_DpMessage_ack_tag, sluice_push_v1_Ack_fields, &m);
}

int sync_encode_nack(struct buf *out, uint64_t seq, const struct protocol_nack *k)
{
    sluice_push_v1_Nack *m = calloc(1, sizeof(*m));
    int rc;

    if (m == NULL)
        return -ERR_NOMEM;
    PUT_NONCE(m->nonce, k->nonce);
    m->has_rejected = true;
    put_version(&m->rejected, &k->rejected);
    m->has_still_active = k->has_active;
    put_version(&m->still_active, &k->still_active);
    m->has_status = true;
    m->status.code = k->retryable ? 14 : 9;
    PUT_TEXT(m->status.message, k->error.message);
    m->errors_count = 1;
    m->errors[0].code = (sluice_push_v1_ConfigError_Code)k->error.code;
    PUT_TEXT(m->errors[0].resource_type, k->error.type);
    PUT_TEXT(m->errors[0].resource_key, k->error.key);
    PUT_TEXT(m->errors[0].field_path, k->error.field);
    PUT_TEXT(m->errors[0].message, k->error.message);
    m->errors[0].retryable = k->error.retryable;
    rc = pack_dp(out, seq, sluice_push_v1_DpMessage_nack_tag, sluice_push_v1_Nack_fields, m);
    free(m);
    return rc;
}

int sync_encode_status(struct buf *out, uint64_t seq, const struct protocol_status *s)
{
    sluice_push_v1_NodeStatus m = sluice_push_v1_NodeStatus_init_zero;

    m.has_active = s->has_active;
    put_version(&m.active, &s->active);
    m.uptime_s = s->uptime_s;
    m.active_since_unix_ms = s->active_since_unix_ms;
    m.health = (sluice_push_v1_NodeStatus_Health)s->health;
    m.has_delta = true;
    m.delta.revision = s->delta.revision;
    m.delta.requests = s->delta.requests;
    m.delta.resp_5xx_local = s->delta.resp_5xx_local;
    m.delta.resp_5xx_upstream = s->delta.resp_5xx_upstream;
    m.delta.route_miss = s->delta.route_miss;
    m.delta.auth_denied = s->delta.auth_denied;
    m.delta.plugin_errors = s->delta.plugin_errors;
    m.delta.latency_us_log2_count = ARRAY_LEN(s->delta.latency_us_log2);
    memcpy(m.delta.latency_us_log2, s->delta.latency_us_log2, sizeof(m.delta.latency_us_log2));
    m.live_generations = s->live_generations;
    m.oldest_generation_age_s = s->oldest_generation_age_s;
    m.rss_bytes = s->rss_bytes;
    m.clock_unix_ms = s->clock_unix_ms;
    m.cert_not_after_unix = s->cert_not_after_unix;
    m.has_last_error = s->last_error[0] != '\0';
    PUT_TEXT(m.last_error.message, s->last_error);
    return pack_dp(out, seq, sluice_push_v1_DpMessage_status_tag, sluice_push_v1_NodeStatus_fields, &m);
}

int sync_encode_bye(struct buf *out, uint64_t seq, const struct protocol_bye *b)
{
    sluice_push_v1_Bye m = sluice_push_v1_Bye_init_zero;

    PUT_TEXT(m.reason, b->reason);
    m.draining = b->draining;
    return pack_dp(out, seq, sluice_push_v1_DpMessage_bye_tag, sluice_push_v1_Bye_fields, &m);
}

struct want {
    const uint8_t (*hashes)[BUNDLE_HASH];
    size_t n;
};

static bool put_wants(pb_ostream_t *s, const pb_field_t *field, void *const *arg)
{
    const struct want *w = *arg;

    for (size_t i = 0; i < w->n; i++) {
        if (!pb_encode_tag_for_field(s, field) || !pb_encode_string(s, w->hashes[i], BUNDLE_HASH))
            return false;
    }
    return true;
}

int sync_encode_want(struct buf *out, const struct bundle_version *v, const uint8_t (*hashes)[BUNDLE_HASH], size_t n)
{
    sluice_push_v1_FetchChunksRequest m = sluice_push_v1_FetchChunksRequest_init_zero;
    struct want w = {hashes, n};

    m.has_version = true;
    put_version(&m.version, v);
    m.want.funcs.encode = put_wants;
    m.want.arg = &w;
    PUT_TEXT(m.accept_encoding[m.accept_encoding_count++], "zstd");
    PUT_TEXT(m.accept_encoding[m.accept_encoding_count++], "identity");
    return pack(out, sluice_push_v1_FetchChunksRequest_fields, &m);
}

int sync_encode_enroll(struct buf *out, const char *token, struct slice csr, const char *node_id)
{
    sluice_push_v1_EnrollRequest *m = calloc(1, sizeof(*m));
    int rc;

    if (m == NULL)
        return -ERR_NOMEM;
    if (csr.n > sizeof(m->csr_der.bytes) || strlen(token) >= sizeof(m->join_token) || strlen(node_id) >= sizeof(m->node_id)) {
        free(m);
        return -ERR_LIMIT;
    }
    PUT_TEXT(m->join_token, token);
    PUT_TEXT(m->node_id, node_id);
    m->csr_der.size = (pb_size_t)csr.n;
    memcpy(m->csr_der.bytes, csr.p, csr.n);
    rc = pack(out, sluice_push_v1_EnrollRequest_fields, m);
    memset(m->join_token, 0, sizeof(m->join_token));
    free(m);
    return rc;
}

int sync_encode_renew(struct buf *out, struct slice csr)
{
    sluice_push_v1_RenewRequest m = sluice_push_v1_RenewRequest_init_zero;

    if (csr.n > sizeof(m.csr_der.bytes))
        return -ERR_LIMIT;
    m.csr_der.size = (pb_size_t)csr.n;
    memcpy(m.csr_der.bytes, csr.p, csr.n);
    return pack(out, sluice_push_v1_RenewRequest_fields, &m);
}
