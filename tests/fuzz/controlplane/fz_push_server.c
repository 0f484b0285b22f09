/* What a node, or somebody who is none, may say to the control plane, any bytes: DpMessage, FetchChunksRequest, EnrollRequest,
 * RenewRequest. */
#include <stdint.h>
#include <stdlib.h>

#include "base/must.h"
#include "push/push_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct push_message message;
static struct push_enroll enroll;

static void is_text(const char *s, size_t size)
{
    MUST(memchr(s, '\0', size) != NULL);
}

static void one_message(struct slice in)
{
    struct err e;

    if (push_decode(in, &message, &e) != 0)
        return;
    MUST(in.n <= PUSH_DP_MESSAGE_MAX);
    if (message.said == PUSH_SAID_HELLO) {
        const struct protocol_hello *h = &message.u.hello;

        MUST(h->n_rejected <= PROTOCOL_REJECTED_MAX && (unsigned)h->source <= PROTOCOL_CONTROL_PLANE);
        is_text(h->cluster_id, sizeof(h->cluster_id));
        is_text(h->node_id, sizeof(h->node_id));
        is_text(h->environment, sizeof(h->environment));
        is_text(h->software, sizeof(h->software));
        is_text(h->labels, sizeof(h->labels));
    } else if (message.said == PUSH_SAID_NACK) {
        const struct protocol_error *x = &message.u.nack.error;

        is_text(x->type, sizeof(x->type));
        is_text(x->key, sizeof(x->key));
        is_text(x->field, sizeof(x->field));
        is_text(x->message, sizeof(x->message));
    } else if (message.said == PUSH_SAID_STATUS) {
        is_text(message.u.status.last_error, sizeof(message.u.status.last_error));
    } else if (message.said == PUSH_SAID_BYE) {
        is_text(message.u.bye.reason, sizeof(message.u.bye.reason));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_from(data, size);
    struct push_want want;
    struct err e;

    one_message(in);
    if (push_decode_fetch(in, &want, &e) == 0) {
        MUST(want.n <= PROTOCOL_WANT_MAX);
        free(want.hashes);
    } else {
        MUST(want.hashes == NULL);
    }
    if (push_decode_enroll(in, &enroll, &e) == 0) {
        is_text(enroll.token, sizeof(enroll.token));
        is_text(enroll.node_id, sizeof(enroll.node_id));
        MUST(enroll.n_csr > 0 && enroll.n_csr <= sizeof(enroll.csr));
    }
    if (push_decode_renew(in, &enroll, &e) == 0)
        MUST(enroll.n_csr > 0 && enroll.n_csr <= sizeof(enroll.csr));
    return 0;
}
