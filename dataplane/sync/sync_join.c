/* Enrolment with a join token, and renewal over the certificate that is about to end. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/secret.h"
#include "crypto/cert.h"
#include "net/tlsctx.h"
#include "sync/sync_int.h"

#define CALL_MS 20000u
#define RETRY_BASE_MS 500u
#define RETRY_CAP_MS 30000u
#define DENIED_CAP_MS 300000u
#define RENEW_RETRY_CAP_MS 600000u

static void retry_later(struct sync *s, uint64_t cap_ms)
{
    uint64_t bound = RETRY_BASE_MS;

    for (uint32_t i = 0; i < s->join.failures && bound < cap_ms; i++)
        bound *= 2;
    s->join.failures++;
    s->join.next_ms = clock_mono_ms() + 50 + sync_random_below(s, bound < cap_ms ? bound : cap_ms);
}

static void failed(struct sync *s, const char *what, const char *why, uint64_t cap_ms)
{
    snprintf(s->join_error, sizeof(s->join_error), "%s: %s", what, why);
    LOG_WARN(what, LOG_STR("reason", why), LOG_U64("tries", s->join.failures + 1));
    retry_later(s, cap_ms);
}

static void let_go(struct sync *s)
{
    struct grpc_client *c = TAKE(&s->join.client);

    s->join.call = NULL;
    s->join.renewing = false;
    grpc_client_free(c);
    if (s->join.tls != NULL)
        tlsctx_unref(TAKE(&s->join.tls));
    cert_wipe(&s->join.key);
    buf_init(&s->join.key, 0);
    buf_clear(&s->join.answer);
    secret_wipe(s->join.token.text, sizeof(s->join.token.text));
}

/* Somewhere between 50 and 70 % of the certificate's life: nodes that enrolled together do not renew together. */
void sync_join_plan_renewal(struct sync *s)
{
    int64_t life = s->identity.not_after - s->identity.not_before;

    s->join.failures = 0;
    s->join.next_ms = 0;
    s->join.alarmed = false;
    s->join.renew_at = s->identity.not_before + life / 2 + (int64_t)sync_random_below(s, (uint64_t)life / 5 + 1);
}

/* Often enough that a short life is not over between two tries. */
static uint64_t renew_cap_ms(const struct sync *s)
{
    uint64_t part = (uint64_t)(s->identity.not_after - s->identity.not_before) * 1000 / 20;

    return part < RENEW_RETRY_CAP_MS ? part : RENEW_RETRY_CAP_MS;
}

/* Once a certificate, at 80 % of its life: people have a fifth of it to look why it is not renewed. */
static void alarm_late(struct sync *s)
{
    int64_t life = s->identity.not_after - s->identity.not_before;

    if (s->join.alarmed || clock_wall_ms() / 1000 < s->identity.not_after - life / 5)
        return;
    s->join.alarmed = true;
    LOG_ERROR("the certificate ends soon and is not renewed", LOG_STR("node", s->identity.node),
              LOG_I64("not_after", s->identity.not_after), LOG_STR("reason", s->join_error));
}

static int take_answer(struct sync *s, const uint8_t *ca_sha256, struct err *e)
{
    struct sync_granted *g = malloc(sizeof(*g));
    int rc = g == NULL ? err_set(e, ERR_NOMEM, "identity") : sync_decode_granted(buf_slice(&s->join.answer), g, e);

    if (rc == 0)
        rc = sync_identity_take(&s->identity, g, buf_slice(&s->join.key), ca_sha256, e);
    free(g);
    return rc;
}

static void on_answer(struct grpc_call *call, struct slice bytes)
{
    struct sync *s = grpc_call_arg(call);

    if (call != s->join.call || s->ending)
        return;
    buf_clear(&s->join.answer);
    if (buf_puts(&s->join.answer, bytes) != 0)
        buf_clear(&s->join.answer);
}

static void on_enrolled(struct grpc_call *call, int status, const char *message)
{
    struct sync *s = grpc_call_arg(call);
    struct err e = {0};

    if (call != s->join.call || s->ending)
        return;
    if (status == GRPC_OK && take_answer(s, s->join.token.ca_sha256, &e) == 0) {
        LOG_INFO("enrolled", LOG_STR("node", s->identity.node), LOG_STR("environment", s->identity.environment));
        s->join_error[0] = '\0';
        let_go(s);
        sync_begin(s);
        return;
    }
    failed(s, "enrolment failed", status == GRPC_OK ? e.text : message == NULL || message[0] == '\0' ? grpc_status_name(status) : message,
           status == GRPC_PERMISSION_DENIED || status == GRPC_ALREADY_EXISTS ? DENIED_CAP_MS : RETRY_CAP_MS);
    let_go(s);
}

static const struct grpc_handler enroll_handler = {.on_message = on_answer, .on_end = on_enrolled};

static void ignore_state(struct grpc_client *c, enum grpc_client_state state, const char *why, void *arg)
{
    (void)c;
    (void)state;
    (void)why;
    (void)arg;
}

/* Sends one request on a call that was just made. */
static int ask(struct grpc_call *call, const struct buf *request)
{
    struct slice bytes = buf_slice(request);
    int rc = grpc_call_send(call, &bytes, 1);

    if (rc == 0)
        grpc_call_half_close(call);
    return rc;
}

static int enroll(struct sync *s, struct err *e)
{
    struct sync_join *j = &s->join;
    struct grpc_client_options o = {.base = s->o.base, .graveyard = s->o.graveyard,
                                    .target = s->targets[j->endpoint++ % s->n_targets], .on_state = ignore_state, .arg = s};
    struct buf csr, request;
    int rc = sync_token_read(s->token_file, &j->token, e);

    buf_init(&csr, 0);
    buf_init(&request, 0);
    if (rc == 0)
        rc = sync_token_tls(&j->token, &j->tls, e);
    if (rc == 0)
        rc = sync_identity_join_key(&s->identity, &j->key, &csr, e);
    if (rc == 0) {
        rc = sync_encode_enroll(&request, j->token.text, buf_slice(&csr), s->o.node_id == NULL ? "" : s->o.node_id);
        if (rc != 0)
            err_set(e, ERR_LIMIT, "the token, the node id or the key is too long");
    }
    o.tls = j->tls;
    if (rc == 0)
        rc = grpc_client_new(&o, &j->client, e);
    if (rc == 0) {
        rc = grpc_client_call(j->client, "/sluice.push.v1.EnrollService/Enroll", CALL_MS, &enroll_handler, s, &j->call);
        if (rc == 0)
            rc = ask(j->call, &request);
        if (rc != 0)
            err_set(e, ERR_IO, "the request could not be sent");
    }
    secret_wipe(request.p, request.size);
    buf_fini(&request);
    buf_fini(&csr);
    return rc;
}

/* ---- renewal ----------------------------------------------------------------------------------------------------------------- */

static void on_renewed(struct grpc_call *call, int status, const char *message)
{
    struct sync *s = grpc_call_arg(call);
    struct err e = {0};

    if (call != s->join.call || s->ending)
        return;
    if (status == GRPC_OK && take_answer(s, NULL, &e) == 0) {
        LOG_INFO("certificate renewed", LOG_STR("node", s->identity.node), LOG_I64("not_after", s->identity.not_after));
        s->renewals++;
        s->join_error[0] = '\0';
        let_go(s);
        sync_join_plan_renewal(s);
        return;
    }
    failed(s, "renewal failed", status == GRPC_OK ? e.text : message == NULL ? "" : message, renew_cap_ms(s));
    let_go(s);
}

static const struct grpc_handler renew_handler = {.on_message = on_answer, .on_end = on_renewed};

static int renew(struct sync *s, struct err *e)
{
    struct sync_join *j = &s->join;
    struct buf csr, request;
    int rc;

    buf_init(&csr, 0);
    buf_init(&request, 0);
    rc = sync_identity_new_key(&j->key, &csr, e);
    if (rc == 0)
        rc = sync_encode_renew(&request, buf_slice(&csr));
    if (rc == 0)
        rc = grpc_client_call(s->client, "/sluice.push.v1.IdentityService/Renew", CALL_MS, &renew_handler, s, &j->call);
    if (rc == 0) {
        j->renewing = true;
        rc = ask(j->call, &request);
    }
    if (rc != 0)
        err_set(e, ERR_IO, "the request could not be sent");
    buf_fini(&request);
    buf_fini(&csr);
    return rc;
}

void sync_join_tick(struct sync *s)
{
    struct sync_join *j = &s->join;
    struct err e = {0};

    if (s->identity.enrolled)
        alarm_late(s);
    if (s->n_targets == 0 || j->call != NULL || clock_mono_ms() < j->next_ms)
        return;
    if (!s->identity.enrolled) {
        if (enroll(s, &e) != 0) {
            failed(s, "cannot enrol", e.text, RETRY_CAP_MS);
            let_go(s);
        }
    } else if (clock_wall_ms() / 1000 >= j->renew_at && s->stream != NULL) {
        if (renew(s, &e) != 0) {
            failed(s, "cannot renew", e.text, renew_cap_ms(s));
            let_go(s);
        }
    }
}

void sync_join_fini(struct sync *s)
{
    let_go(s);
    cert_wipe(&s->join.key);
    buf_fini(&s->join.answer);
}
