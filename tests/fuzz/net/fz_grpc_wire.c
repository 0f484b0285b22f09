/* Message prefixes (however the bytes are cut), timeouts, status messages, protobuf fields. */
#include <stdint.h>

#include "base/must.h"
#include "net/grpc_pb.h"
#include "net/grpc_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void messages(const char *p, size_t n)
{
    size_t at = 0, need;
    struct slice m;

    for (;;) {
        int64_t used = grpc_wire_message(p + at, n - at, 4096, &m, &need);

        MUST(need == 0 || (need >= GRPC_PREFIX && need <= 4096 + GRPC_PREFIX));
        if (used <= 0)
            return;
        MUST((size_t)used == need && m.n + GRPC_PREFIX == need && m.p + m.n <= p + n);
        /* one byte less is incomplete, with the same need */
        MUST(grpc_wire_message(p + at, need - 1, 4096, &m, &need) == 0);
        at += (size_t)used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_from(data, size);
    struct grpc_pb_field f;
    struct buf b;
    char text[64], again[64];
    uint64_t ms;

    messages((const char *)data, size);
    if (grpc_wire_timeout_read(in, &ms) == 0)
        MUST(ms <= 99999999ull * 3600000);
    MUST(grpc_wire_status(in) >= 0 && grpc_wire_status(in) <= 16);
    grpc_wire_percent_decode(in, text, sizeof(text));
    buf_init(&b, 0);
    MUST(grpc_wire_percent_encode(text, &b) == 0);
    grpc_wire_percent_decode(buf_slice(&b), again, sizeof(again));
    MUST(slice_eq(slice_of(text), slice_of(again)));
    buf_fini(&b);
    while (grpc_pb_next(&in, &f) == 1)
        MUST(!f.is_bytes || f.bytes.p + f.bytes.n == in.p || f.bytes.n == 0);
    return 0;
}
