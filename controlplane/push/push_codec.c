#include "push/push_codec.h"

#include <stdio.h>

#include "base/must.h"
#include "bundle/bundle_header.h"
#include "push.pb-c.h"

typedef Sluice__Push__V1__Version pb_version;

/* ---- from the wire ---------------------------------------------------------------------------------------------------- */

static int take_text(const char *text, char *out, size_t size, const char *what, struct err *e)
{
    if (strlen(text) >= size)
        return err_set(e, ERR_LIMIT, "%s is longer than %zu bytes", what, size - 1);
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

/* Texts for people are cut, not refused. */
static void take_note(const char *text, char *out, size_t size)
{
    snprintf(out, size, "%s", text == NULL ? "" : text);
}

/* An empty root stands for 32 zero bytes: nothing. */
static int take_version(const pb_version *v, bool *has, struct bundle_version *out, struct err *e)
{
    memset(out, 0, sizeof(*out));
    if (has != NULL)
        *has = v != NULL;
    if (v == NULL)
        return 0;
    if (v->root.len != 0 && v->root.len != BUNDLE_HASH)
        return err_set(e, ERR_INVALID, "a root of %zu bytes", v->root.len);
    out->epoch = v->epoch;
    out->revision = v->revision;
    if (v->root.len != 0)
        memcpy(out->root, v->root.data, BUNDLE_HASH);
    return 0;
}

static int take_bytes(ProtobufCBinaryData b, uint8_t *out, size_t n, const char *what, struct err *e)
{
    if (b.len != n)
        return err_set(e, ERR_INVALID, "%s has %zu bytes, not %zu", what, b.len, n);
    memcpy(out, b.data, n);
    return 0;
}

static void take_labels(const Sluice__Push__V1__Hello *h, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < h->n_labels && at < size; i++) {
        int n = snprintf(out + at, size - at, "%s%s=%s", i == 0 ? "" : ",", h->labels[i]->name, h->labels[i]->value);

        at += n < 0 ? 0 : (size_t)n;
    }
}

static int take_hello(const Sluice__Push__V1__Hello *h, struct protocol_hello *out, struct err *e)
{
    int rc;

    if (h->n_labels > PROTOCOL_LABELS_MAX || h->n_capabilities > PROTOCOL_CAPABILITIES_MAX ||
        h->n_rejected > PROTOCOL_REJECTED_MAX)
        return err_set(e, ERR_LIMIT, "too many labels, capabilities or rejected versions");
    if ((rc = take_text(h->cluster_id, out->cluster_id, sizeof(out->cluster_id), "cluster_id", e)) != 0 ||
        (rc = take_text(h->node_id, out->node_id, sizeof(out->node_id), "node_id", e)) != 0 ||
        (rc = take_text(h->environment, out->environment, sizeof(out->environment), "environment", e)) != 0 ||
        (rc = take_text(h->software_version, out->software, sizeof(out->software), "software_version", e)) != 0 ||
        (rc = take_bytes(h->instance_id, out->instance_id, sizeof(out->instance_id), "instance_id", e)) != 0 ||
        (rc = take_version(h->active, &out->has_active, &out->active, e)) != 0 ||
        (rc = take_version(h->stored, &out->has_stored, &out->stored, e)) != 0)
        return rc;
    for (size_t i = 0; i < h->n_rejected; i++) {
        if ((rc = take_version(h->rejected[i], NULL, &out->rejected[i], e)) != 0)
            return rc;
    }
    out->n_rejected = h->n_rejected;
    for (size_t i = 0; i < h->n_capabilities; i++) {
        out->can_delta |= strcmp(h->capabilities[i], "delta.v1") == 0;
        out->can_zstd |= strcmp(h->capabilities[i], "zstd") == 0;
    }
    take_labels(h, out->labels, sizeof(out->labels));
    out->restart_count = h->restart_count;
    out->schema_min = h->schema_min;
    out->schema_max = h->schema_max;
    if (h->limits != NULL) {
        out->limits.max_bundle_bytes = h->limits->max_bundle_bytes;
        out->limits.max_chunk_bytes = h->limits->max_chunk_bytes;
        out->limits.max_routes = h->limits->max_routes;
    }
    out->source = (unsigned)h->active_source <= PROTOCOL_CONTROL_PLANE ? (enum protocol_source)h->active_source
                                                                      : PROTOCOL_NONE;
    out->workers = h->workers;
    return 0;
}

static int take_ack(const Sluice__Push__V1__Ack *a, struct protocol_ack *out, struct err *e)
{
    int rc;

    if ((rc = take_bytes(a->nonce, out->nonce, sizeof(out->nonce), "nonce", e)) != 0 ||
        (rc = take_version(a->version, NULL, &out->version, e)) != 0)
        return rc;
    out->phase = (enum protocol_phase)a->phase;
    out->workers_active = a->workers_active;
    if (a->timings != NULL) {
        out->timings = (struct protocol_timings){a->timings->fetch_us, a->timings->verify_us, a->timings->build_us,
                                                 a->timings->swap_us,  a->timings->persist_us, a->timings->bytes_received};
    }
    return 0;
}

static int take_nack(const Sluice__Push__V1__Nack *k, struct protocol_nack *out, struct err *e)
{
    int rc;

    if ((rc = take_bytes(k->nonce, out->nonce, sizeof(out->nonce), "nonce", e)) != 0 ||
        (rc = take_version(k->rejected, NULL, &out->rejected, e)) != 0 ||
        (rc = take_version(k->still_active, &out->has_active, &out->still_active, e)) != 0)
        return rc;
    out->n_errors = (uint32_t)k->n_errors;
    out->retryable = k->n_errors > 0;
    for (size_t i = 0; i < k->n_errors; i++)
        out->retryable &= k->errors[i]->retryable != 0;
    if (k->n_errors == 0) {
        out->error.code = PROTOCOL_INTERNAL;
        take_note(k->status == NULL ? NULL : k->status->message, out->error.message, sizeof(out->error.message));
        return 0;
    }
    out->error.code = (enum protocol_code)k->errors[0]->code;
    out->error.retryable = k->errors[0]->retryable != 0;
    take_note(k->errors[0]->resource_type, out->error.type, sizeof(out->error.type));
    take_note(k->errors[0]->resource_key, out->error.key, sizeof(out->error.key));
    take_note(k->errors[0]->field_path, out->error.field, sizeof(out->error.field));
    take_note(k->errors[0]->message, out->error.message, sizeof(out->error.message));
    return 0;
}

static int take_status(const Sluice__Push__V1__NodeStatus *s, struct protocol_status *out, struct err *e)
{
    int rc = take_version(s->active, &out->has_active, &out->active, e);

    if (rc != 0)
        return rc;
    out->uptime_s = s->uptime_s;
    out->active_since_unix_ms = s->active_since_unix_ms;
    out->health = (enum protocol_health)s->health;
    out->live_generations = s->live_generations;
    out->oldest_generation_age_s = s->oldest_generation_age_s;
    out->rss_bytes = s->rss_bytes;
    out->clock_unix_ms = s->clock_unix_ms;
    out->cert_not_after_unix = s->cert_not_after_unix;
    if (s->last_error != NULL)
        take_note(s->last_error->message, out->last_error, sizeof(out->last_error));
    if (s->delta == NULL)
        return 0;
    out->delta.revision = s->delta->revision;
    out->delta.requests = s->delta->requests;
    out->delta.resp_5xx_local = s->delta->resp_5xx_local;
    out->delta.resp_5xx_upstream = s->delta->resp_5xx_upstream;
    out->delta.route_miss = s->delta->route_miss;
    out->delta.auth_denied = s->delta->auth_denied;
    out->delta.plugin_errors = s->delta->plugin_errors;
    for (size_t i = 0; i < s->delta->n_latency_us_log2 && i < ARRAY_LEN(out->delta.latency_us_log2); i++)
        out->delta.latency_us_log2[i] = s->delta->latency_us_log2[i];
    return 0;
}

static int take_body(const Sluice__Push__V1__DpMessage *m, struct push_message *out, struct err *e)
{
    switch (m->body_case) {
    case SLUICE__PUSH__V1__DP_MESSAGE__BODY_HELLO:
        out->said = PUSH_SAID_HELLO;
        return take_hello(m->hello, &out->u.hello, e);
    case SLUICE__PUSH__V1__DP_MESSAGE__BODY_ACK:
        out->said = PUSH_SAID_ACK;
        return take_ack(m->ack, &out->u.ack, e);
    case SLUICE__PUSH__V1__DP_MESSAGE__BODY_NACK:
        out->said = PUSH_SAID_NACK;
        return take_nack(m->nack, &out->u.nack, e);
    case SLUICE__PUSH__V1__DP_MESSAGE__BODY_STATUS:
        out->said = PUSH_SAID_STATUS;
        return take_status(m->status, &out->u.status, e);
    case SLUICE__PUSH__V1__DP_MESSAGE__BODY_BYE:
        out->said = PUSH_SAID_BYE;
        out->u.bye.draining = m->bye->draining != 0;
        take_note(m->bye->reason, out->u.bye.reason, sizeof(out->u.bye.reason));
        return 0;
    default:
        out->said = PUSH_SAID_NOTHING;
        return 0;
    }
}

int push_decode(struct slice bytes, struct push_message *out, struct err *e)
{
    Sluice__Push__V1__DpMessage *m;
    int rc;

    memset(out, 0, sizeof(*out));
    if (bytes.n > PUSH_DP_MESSAGE_MAX)
        return err_set(e, ERR_LIMIT, "a message of more than %u bytes", PUSH_DP_MESSAGE_MAX);
    m = sluice__push__v1__dp_message__unpack(NULL, bytes.n, (const uint8_t *)bytes.p);
    if (m == NULL)
        return err_set(e, ERR_SYNTAX, "a message that is no DpMessage");
    rc = take_body(m, out, e);
    sluice__push__v1__dp_message__free_unpacked(m, NULL);
    return rc;
}

int push_decode_fetch(struct slice bytes, struct push_want *out, struct err *e)
{
    Sluice__Push__V1__FetchChunksRequest *m;
    int rc;

    memset(out, 0, sizeof(*out));
    if (bytes.n > PUSH_DP_MESSAGE_MAX)
        return err_set(e, ERR_LIMIT, "a request of more than %u bytes", PUSH_DP_MESSAGE_MAX);
    m = sluice__push__v1__fetch_chunks_request__unpack(NULL, bytes.n, (const uint8_t *)bytes.p);
    if (m == NULL)
        return err_set(e, ERR_SYNTAX, "a message that is no FetchChunksRequest");
    rc = take_version(m->version, NULL, &out->version, e);
    if (rc == 0 && m->n_want > PROTOCOL_WANT_MAX)
        rc = err_set(e, ERR_LIMIT, "more than %u hashes", PROTOCOL_WANT_MAX);
    if (rc == 0) {
        out->hashes = calloc(m->n_want + 1, BUNDLE_HASH);
        rc = out->hashes == NULL ? err_set(e, ERR_NOMEM, "fetch") : 0;
    }
    for (size_t i = 0; rc == 0 && i < m->n_want; i++)
        rc = take_bytes(m->want[i], out->hashes[out->n++], BUNDLE_HASH, "a hash", e);
    for (size_t i = 0; i < m->n_accept_encoding && i < 4; i++)
        out->zstd |= strcmp(m->accept_encoding[i], "zstd") == 0;
    sluice__push__v1__fetch_chunks_request__free_unpacked(m, NULL);
    if (rc != 0) {
        free(out->hashes);
        out->hashes = NULL;
    }
    return rc;
}

static int take_csr(ProtobufCBinaryData csr, struct push_enroll *out, struct err *e)
{
    if (csr.len == 0 || csr.len > sizeof(out->csr))
        return err_set(e, ERR_LIMIT, "a CSR of %zu bytes", csr.len);
    memcpy(out->csr, csr.data, csr.len);
    out->n_csr = csr.len;
    return 0;
}

int push_decode_enroll(struct slice bytes, struct push_enroll *out, struct err *e)
{
    Sluice__Push__V1__EnrollRequest *m;
    int rc;

    memset(out, 0, sizeof(*out));
    if (bytes.n > PUSH_DP_MESSAGE_MAX)
        return err_set(e, ERR_LIMIT, "a request of more than %u bytes", PUSH_DP_MESSAGE_MAX);
    m = sluice__push__v1__enroll_request__unpack(NULL, bytes.n, (const uint8_t *)bytes.p);
    if (m == NULL)
        return err_set(e, ERR_SYNTAX, "a message that is no EnrollRequest");
    if ((rc = take_text(m->join_token, out->token, sizeof(out->token), "the join token", e)) == 0 &&
        (rc = take_text(m->node_id, out->node_id, sizeof(out->node_id), "node_id", e)) == 0)
        rc = take_csr(m->csr_der, out, e);
    sluice__push__v1__enroll_request__free_unpacked(m, NULL);
    return rc;
}

int push_decode_renew(struct slice bytes, struct push_enroll *out, struct err *e)
{
    Sluice__Push__V1__RenewRequest *m;
    int rc;

    memset(out, 0, sizeof(*out));
    m = bytes.n > PUSH_DP_MESSAGE_MAX
            ? NULL
            : sluice__push__v1__renew_request__unpack(NULL, bytes.n, (const uint8_t *)bytes.p);
    if (m == NULL)
        return err_set(e, ERR_SYNTAX, "a message that is no RenewRequest");
    rc = take_csr(m->csr_der, out, e);
    sluice__push__v1__renew_request__free_unpacked(m, NULL);
    return rc;
}
