/* Certificates for nodes: the first against a join token, the following ones over the one before. Only the key of a CSR
 * counts; the name comes from the token or from the certificate shown. */
#include <openssl/x509.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/random.h"
#include "base/secret.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "push/push_int.h"

#define CERT_LIFE_S 86400u

/* An Enroll that waits for the store. */
struct push_join {
    struct list link;
    struct push_server *server;
    struct grpc_call *call;
    uint64_t ticket;
    struct push_enroll request;
    uint64_t opened_ms;
    bool asked;
};

/* SHA-256 of the public key in a CSR (SubjectPublicKeyInfo). */
static int key_hash(const struct push_enroll *r, uint8_t out[32], struct err *e)
{
    const unsigned char *p = r->csr;
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)r->n_csr);
    unsigned char *der = NULL;
    int n = req == NULL ? -1 : i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &der);

    X509_REQ_free(req);
    if (n <= 0)
        return err_set(e, ERR_SYNTAX, "the CSR cannot be read");
    digest_sha256(der, (size_t)n, out);
    OPENSSL_free(der);
    return 0;
}

static bool is_name(const char *s)
{
    for (; *s != '\0'; s++) {
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '-' ||
              *s == '_' || *s == '.'))
            return false;
    }
    return true;
}

/* Signs and answers. */
static void issue(struct push_server *ps, struct grpc_call *call, const struct push_enroll *r, const char *environment,
                  const char *node, uint64_t membership)
{
    int64_t life = ps->o.cert_life_s == 0 ? CERT_LIFE_S : ps->o.cert_life_s;
    struct push_identity id = {.node_id = node, .environment = environment, .cluster_id = ps->cluster_id,
                               .ca_der = cert_ca_der(ps->o.ca), .endpoints = ps->o.endpoints,
                               .n_endpoints = ps->o.n_endpoints};
    char uri[CERT_URI_MAX];
    struct cert_info info;
    struct buf der, out;
    struct slice message;
    struct err e = {0};
    int rc;

    buf_init(&der, 0);
    buf_init(&out, 0);
    snprintf(uri, sizeof(uri), "spiffe://%s/dp/%s/%s", ps->cluster_id, environment, node);
    rc = cert_sign_csr(ps->o.ca, slice_from(r->csr, r->n_csr), uri, membership, life, &der, &e);
    if (rc == 0)
        rc = cert_info_der(buf_slice(&der), &info, &e);
    if (rc == 0) {
        id.cert_der = buf_slice(&der);
        id.renew_after = clock_wall_ms() / 1000 + life / 2;
        rc = push_encode_identity(&out, &id);
    }
    message = buf_slice(&out);
    if (rc == 0)
        rc = grpc_call_send(call, &message, 1);
    if (rc == 0) {
        LOG_INFO("certificate issued", LOG_STR("node", node), LOG_STR("environment", environment), LOG_STR("serial", info.serial));
        if (ps->o.callbacks.issued != NULL)
            ps->o.callbacks.issued(ps->o.arg, environment, node, info.serial, info.not_after);
        grpc_call_finish(call, GRPC_OK, NULL);
    } else {
        LOG_WARN("certificate refused", LOG_STR("node", node), LOG_STR("reason", e.text));
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT, e.text[0] == '\0' ? "the certificate could not be made" : e.text);
    }
    buf_fini(&der);
    buf_fini(&out);
}

/* ---- Enroll -------------------------------------------------------------------------------------------------------------- */

/* "<id>.<secret>.<hash of the CA>". The secret is wiped from the token. */
static int parse_token(struct push_server *ps, char *token, struct push_enroll_ask *ask, struct err *e)
{
    char *dot = strchr(token, '.'), *second = dot == NULL ? NULL : strchr(dot + 1, '.');
    uint8_t hash[32];
    int rc = 0;

    if (second == NULL || (size_t)(dot - token) >= sizeof(ask->token_id) || dot == token || second == dot + 1) {
        rc = err_set(e, ERR_DENIED, "this is no join token");
    } else {
        memcpy(ask->token_id, token, (size_t)(dot - token));
        digest_sha256(dot + 1, (size_t)(second - dot - 1), ask->secret_sha256);
        if (!digest_unhex(slice_of(second + 1), hash, sizeof(hash)) ||
            memcmp(hash, cert_ca_sha256(ps->o.ca), sizeof(hash)) != 0)
            rc = err_set(e, ERR_DENIED, "the join token is another control plane's");
    }
    secret_wipe(token, strlen(token));
    return rc;
}

static int prepare(struct push_join *j, struct slice bytes, struct push_enroll_ask *ask, struct err *e)
{
    int rc = push_decode_enroll(bytes, &j->request, e);

    if (rc == 0)
        rc = parse_token(j->server, j->request.token, ask, e);
    if (rc == 0 && !is_name(j->request.node_id))
        rc = err_set(e, ERR_INVALID, "a node id has letters, digits, '-', '_' and '.'");
    if (rc == 0)
        rc = key_hash(&j->request, ask->key_sha256, e);
    if (rc != 0)
        return rc;
    /* A name out of the key: the same key asks again under the same name. */
    if (j->request.node_id[0] == '\0') {
        snprintf(j->request.node_id, sizeof(j->request.node_id), "node-");
        digest_hex(ask->key_sha256, 6, j->request.node_id + 5);
    }
    snprintf(ask->node_id, sizeof(ask->node_id), "%s", j->request.node_id);
    snprintf(ask->address, sizeof(ask->address), "%s", grpc_call_peer(j->call)->address);
    return 0;
}

void push_enroll_answer(struct push_server *ps, uint64_t ticket, const struct push_enroll_answer *answer)
{
    struct push_join *j = NULL;

    for (struct list *l = ps->enrolls.next; l != &ps->enrolls && j == NULL; l = l->next) {
        if (CONTAINER_OF(l, struct push_join, link)->ticket == ticket)
            j = CONTAINER_OF(l, struct push_join, link);
    }
    if (j == NULL)
        return; /* the node has hung up; with the same key it may ask again */
    if (answer->rc == 0) {
        ps->stats.enrolled++;
        issue(ps, j->call, &j->request, answer->environment, answer->node_id, answer->membership);
    } else if (answer->rc == -ERR_DENIED) {
        /* Which of unknown, expired and used up it was is for our log, not for who tries. */
        LOG_WARN("enrolment refused", LOG_STR("address", grpc_call_peer(j->call)->address), LOG_STR("reason", "join token"));
        grpc_call_finish(j->call, GRPC_PERMISSION_DENIED, "the join token is unknown, expired or used up");
    } else if (answer->rc == -ERR_EXISTS) {
        grpc_call_finish(j->call, GRPC_ALREADY_EXISTS, "this node id is another node's");
    } else {
        grpc_call_finish(j->call, GRPC_UNAVAILABLE, "the store does not answer");
    }
    j->ticket = 0;
}

static void enroll_open(struct grpc_call *call)
{
    struct push_server *ps = grpc_call_arg(call);
    struct push_join *j = ps->n_enrolls >= PUSH_ENROLLS_MAX ? NULL : calloc(1, sizeof(*j));

    grpc_call_set_arg(call, j);
    if (!ps->is_ready || ps->o.callbacks.enroll == NULL) {
        grpc_call_finish(call, GRPC_UNAVAILABLE, "this control plane is not ready");
    } else if (j == NULL) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "too many nodes enrol at once");
    }
    if (j == NULL)
        return;
    *j = (struct push_join){.server = ps, .call = call, .ticket = ++ps->ids, .opened_ms = clock_mono_ms()};
    list_append(&ps->enrolls, &j->link);
    ps->n_enrolls++;
}

static void enroll_message(struct grpc_call *call, struct slice bytes)
{
    struct push_join *j = grpc_call_arg(call);
    struct push_enroll_ask ask = {0};
    struct err e;
    int rc;

    if (j == NULL)
        return;
    j->asked = true;
    rc = prepare(j, bytes, &ask, &e);
    if (rc == 0) {
        j->server->o.callbacks.enroll(j->server->o.arg, j->ticket, &ask);
        return;
    }
    LOG_WARN("enrolment refused", LOG_STR("address", grpc_call_peer(call)->address), LOG_STR("reason", e.text));
    grpc_call_finish(call, rc == -ERR_DENIED ? GRPC_PERMISSION_DENIED : GRPC_INVALID_ARGUMENT, e.text);
}

/* Anybody may open an Enroll: one that asks for nothing keeps its place from others. */
void push_identity_tick(struct push_server *ps, uint64_t now_ms)
{
    for (struct list *l = ps->enrolls.next; l != &ps->enrolls; l = l->next) {
        struct push_join *j = CONTAINER_OF(l, struct push_join, link);

        if (!j->asked && now_ms >= j->opened_ms + PUSH_REQUEST_MS)
            grpc_call_finish(j->call, GRPC_DEADLINE_EXCEEDED, "no request in time");
    }
}

static void enroll_end(struct grpc_call *call, int status, const char *message)
{
    struct push_join *j = grpc_call_arg(call);

    (void)status;
    (void)message;
    grpc_call_set_arg(call, NULL);
    if (j == NULL)
        return;
    list_remove(&j->link);
    j->server->n_enrolls--;
    free(j);
}

const struct grpc_handler push_enroll_handler = {
    .on_open = enroll_open, .on_message = enroll_message, .on_end = enroll_end};

/* ---- Renew ---------------------------------------------------------------------------------------------------------------- */

static void renew_message(struct grpc_call *call, struct slice bytes)
{
    struct push_server *ps = grpc_call_arg(call);
    struct push_identity_parts who;
    const char *why = push_refusal_of(ps, grpc_call_peer(call), &who);
    struct push_enroll *r;
    struct err e;

    if (why != NULL) {
        grpc_call_finish(call, GRPC_PERMISSION_DENIED, why);
        return;
    }
    r = malloc(sizeof(*r));
    if (r == NULL) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    } else if (push_decode_renew(bytes, r, &e) != 0) {
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT, e.text);
    } else {
        ps->stats.renewed++;
        issue(ps, call, r, who.environment, who.node, grpc_call_peer(call)->mark);
    }
    free(r);
}

static void renew_end(struct grpc_call *call, int status, const char *message)
{
    (void)call;
    (void)status;
    (void)message;
}

const struct grpc_handler push_renew_handler = {.on_message = renew_message, .on_end = renew_end};
