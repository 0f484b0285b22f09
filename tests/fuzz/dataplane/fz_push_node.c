/* What a control plane may say to a node, any bytes: CpMessage, Chunk, EnrollResponse. */
#include <stdint.h>

#include "base/caps.h"
#include "base/must.h"
#include "sync/sync_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sync_message message;
static struct sync_granted granted;

static void is_text(const char *s, size_t size)
{
    MUST(memchr(s, '\0', size) != NULL);
}

/* A slice of what was decoded lies inside the input or the scratch. */
static void is_inside(struct slice s, struct slice in)
{
    bool in_input = s.p >= in.p && s.p + s.n <= in.p + in.n;
    bool in_plain = s.p >= message.plain && s.p + s.n <= message.plain + sizeof(message.plain);

    MUST(s.n == 0 || in_input || in_plain);
}

static void one_message(struct slice in)
{
    const struct protocol_offer *o = &message.offer;
    struct err e;

    if (sync_decode(in, &message, &e) != 0)
        return;
    if (message.said == SYNC_SAID_WELCOME) {
        is_text(message.welcome.cluster_id, sizeof(message.welcome.cluster_id));
        is_text(message.welcome.instance, sizeof(message.welcome.instance));
    } else if (message.said == SYNC_SAID_GOAWAY) {
        is_text(message.goaway.reason, sizeof(message.goaway.reason));
    } else if (message.said == SYNC_SAID_OFFER) {
        uint64_t sum = 0;

        MUST(o->header != NULL && o->n_refs <= BUNDLE_LEAVES && o->n_inlined <= BUNDLE_LEAVES);
        is_text(o->missing_capability, sizeof(o->missing_capability));
        for (size_t i = 0; i < o->n_refs; i++)
            sum += o->refs[i].index + o->refs[i].size + o->refs[i].hash[31];
        for (size_t i = 0; i < o->n_inlined; i++) {
            is_inside(o->inlined[i].bytes, in);
            for (size_t k = 0; k < o->inlined[i].bytes.n; k++)
                sum += (uint8_t)o->inlined[i].bytes.p[k];
        }
        MUST(sum != UINT64_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_from(data, size);
    struct sync_chunk chunk;
    struct err e;

    one_message(in);
    if (sync_decode_chunk(in, &chunk, &e) == 0)
        MUST(chunk.data.n == 0 || (chunk.data.p >= in.p && chunk.data.p + chunk.data.n <= in.p + in.n));
    if (sync_decode_granted(in, &granted, &e) == 0) {
        MUST(granted.n_cert <= SYNC_DER_MAX && granted.n_root <= SYNC_DER_MAX);
        is_text(granted.node_id, sizeof(granted.node_id));
        is_text(granted.environment, sizeof(granted.environment));
        is_text(granted.cluster_id, sizeof(granted.cluster_id));
    }
    return 0;
}
