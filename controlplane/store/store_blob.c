#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/caps.h"
#include "crypto/digest.h"

enum blob_encoding { BLOB_RAW = 0, BLOB_ZSTD = 1 };

#define BLOB_SMALL 256u   /* not worth a frame */
#define BLOB_LEVEL 3

static int insert(struct store *s, const uint8_t hash[32], enum blob_encoding encoding, size_t size, struct slice bytes,
                  struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, "INSERT INTO blob(hash, encoding, size, bytes) VALUES(?1, ?2, ?3, ?4)", e);

    if (rc != 0)
        return rc;
    store_bind_blob(&q, hash, 32);
    store_bind_int(&q, (int64_t)encoding);
    store_bind_int(&q, (int64_t)size);
    store_bind_blob(&q, bytes.p, bytes.n);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc;
}

static int exists(struct store *s, const uint8_t hash[32], struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, "SELECT 1 FROM blob WHERE hash = ?1", e);

    if (rc != 0)
        return rc;
    store_bind_blob(&q, hash, 32);
    rc = store_step(s, &q, e);
    store_finish(&q);
    return rc;
}

int store_blob_put(struct store *s, struct slice text, uint8_t hash[32], struct err *e)
{
    size_t bound, n;
    char *packed;
    int rc;

    if (text.n > CAPS_SPEC_FILE_MAX)
        return err_set(e, ERR_LIMIT, "store: a document of %zu bytes is over the bound of %u", text.n, CAPS_SPEC_FILE_MAX);
    digest_sha256(text.p, text.n, hash);
    rc = exists(s, hash, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (text.n < BLOB_SMALL)
        return insert(s, hash, BLOB_RAW, text.n, text, e);
    bound = ZSTD_compressBound(text.n);
    packed = malloc(bound);
    if (packed == NULL)
        return err_set(e, ERR_NOMEM, "store: a document");
    n = ZSTD_compress(packed, bound, text.p, text.n, BLOB_LEVEL);
    if (ZSTD_isError(n) != 0 || n >= text.n)
        rc = insert(s, hash, BLOB_RAW, text.n, text, e);
    else
        rc = insert(s, hash, BLOB_ZSTD, text.n, slice_from(packed, n), e);
    free(packed);
    return rc;
}

static int unpack(struct slice bytes, size_t size, void **owned, struct err *e)
{
    char *p = malloc(size == 0 ? 1 : size);

    if (p == NULL)
        return err_set(e, ERR_NOMEM, "store: a document");
    if (ZSTD_decompress(p, size, bytes.p, bytes.n) != size) {
        free(p);
        return err_set(e, ERR_INVALID, "store: a document does not unpack: the database is damaged");
    }
    *owned = p;
    return 0;
}

int store_blob_col(struct store_stmt *q, int first, const uint8_t hash[32], struct slice *text, void **owned, struct err *e)
{
    int64_t encoding = store_col_int(q, first), size = store_col_int(q, first + 1);
    struct slice bytes = store_col_blob(q, first + 2);
    uint8_t got[32];
    int rc = 0;

    *owned = NULL;
    if (size < 0 || size > (int64_t)CAPS_SPEC_FILE_MAX)
        return err_set(e, ERR_INVALID, "store: a document has an impossible size: the database is damaged");
    if (encoding == BLOB_ZSTD)
        rc = unpack(bytes, (size_t)size, owned, e);
    else if (encoding != BLOB_RAW || bytes.n != (size_t)size)
        rc = err_set(e, ERR_INVALID, "store: a document is kept in an unknown way: the database is damaged");
    if (rc != 0)
        return rc;
    *text = *owned != NULL ? slice_from(*owned, (size_t)size) : bytes;
    digest_sha256(text->p, text->n, got);
    if (memcmp(got, hash, sizeof(got)) == 0)
        return 0;
    free(*owned);
    *owned = NULL;
    return err_set(e, ERR_MISMATCH, "store: a document is not what was written: the database is damaged");
}
