/* Any bytes as JSON: what is read, written and read again is the same tree; both memory modes agree. */
#include <stdint.h>

#include "base/must.h"
#include "text/json.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_numbers(const struct json *v)
{
    uint64_t u;
    int64_t i;
    double d;

    if (v->type == JSON_NUMBER) {
        MUST(json_int64(v, &i) != 0 || v->text.n != 0);
        MUST(json_uint64(v, &u) <= 0 && json_double(v, &d) <= 0);
    }
    MUST(utf8_is_valid(v->text) && utf8_is_valid(v->key));
    for (const struct json *c = v->first; c != NULL; c = c->next)
        check_numbers(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct json_options borrow = {.borrow = true};
    struct json *v, *same, *again;
    struct json_error e, f;
    struct arena a;
    struct buf out;
    int rc;

    arena_init(&a, 0, 4 << 20);
    buf_init(&out, 0);
    rc = json_read(&a, slice_from(bytes, n), NULL, &v, &e);
    MUST(json_read(&a, slice_from(bytes, n), &borrow, &same, &f) == rc);
    if (rc != 0) {
        MUST(e.offset == f.offset && e.what == f.what && e.offset <= n && e.line > 0 && e.column > 0);
    } else {
        check_numbers(v);
        MUST(json_equal(v, same));
        MUST(json_write(&out, v, n % 2 == 0 ? 0 : 2) == 0);
        MUST(json_read(&a, buf_slice(&out), NULL, &again, &e) == 0);
        MUST(json_equal(v, again));
    }
    buf_fini(&out);
    arena_fini(&a);
    return 0;
}
