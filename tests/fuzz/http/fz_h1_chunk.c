/* Any bytes as a chunked body: the same data, end and verdict whether they come at once or one by one. */
#include "fz_h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct outcome {
    char *data;
    size_t n_data, used;
    char trailers[256];
    size_t n_trailers;
    bool done;
    int rc;
};

static void decode(const char *p, size_t n, size_t piece_max, struct outcome *o)
{
    struct h1_chunk c;

    memset(o, 0, sizeof(*o));
    o->data = malloc(n + 1);
    MUST(o->data != NULL);
    h1_chunk_init(&c, sizeof(o->trailers));
    h1_chunk_keep_trailers(&c, o->trailers, sizeof(o->trailers));
    while (o->used < n && !o->done && o->rc == 0) {
        size_t piece = n - o->used < piece_max ? n - o->used : piece_max, used;
        struct slice data;

        o->rc = h1_chunk_feed(&c, p + o->used, piece, &data, &used, &o->done);
        MUST(used > 0 && used <= piece);
        check_inside(data, p + o->used, used);
        if (o->rc == 0 && data.n != 0) {
            memcpy(o->data + o->n_data, data.p, data.n);
            o->n_data += data.n;
        }
        o->used += used;
    }
    o->n_trailers = c.keep_n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct h1_header headers[FIELDS];
    struct outcome whole, single;

    decode((const char *)bytes, n, SIZE_MAX, &whole);
    decode((const char *)bytes, n, 1, &single);
    MUST(whole.rc == single.rc && whole.done == single.done && whole.used == single.used && whole.n_data == single.n_data);
    MUST(memcmp(whole.data, single.data, whole.n_data) == 0 && whole.n_trailers == single.n_trailers);
    if (whole.done) {
        int fields = h1_parse_trailers(slice_from(whole.trailers, whole.n_trailers), headers, FIELDS);

        MUST((fields >= 0 && fields <= FIELDS) || fields == -H1_ERR_HEADERS_MANY);
    }
    free(whole.data);
    free(single.data);
    return 0;
}
