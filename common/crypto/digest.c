#include "crypto/digest.h"

#include <pthread.h>

#include <openssl/evp.h>

#include "base/ascii.h"
#include "base/must.h"

static EVP_MD *sha256;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void ctx_free_cb(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void setup(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    MUST(sha256 != NULL);
    MUST(pthread_key_create(&key, ctx_free_cb) == 0);
}

/* A state of this thread's own, for one-shot hashes: making one each time costs more than hashing 64 bytes. */
static EVP_MD_CTX *thread_ctx(void)
{
    EVP_MD_CTX *ctx;

    MUST(pthread_once(&once, setup) == 0);
    ctx = pthread_getspecific(key);
    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();
        MUST(ctx != NULL && pthread_setspecific(key, ctx) == 0);
    }
    return ctx;
}

void digest_sha256_parts(const struct slice *parts, size_t n, uint8_t out[DIGEST_SHA256])
{
    EVP_MD_CTX *ctx = thread_ctx();
    int ok = EVP_DigestInit_ex2(ctx, sha256, NULL);

    for (size_t i = 0; i < n; i++)
        ok &= EVP_DigestUpdate(ctx, parts[i].p, parts[i].n);
    ok &= EVP_DigestFinal_ex(ctx, out, NULL);
    MUST(ok == 1);
}

void digest_sha256(const void *p, size_t n, uint8_t out[DIGEST_SHA256])
{
    struct slice part = slice_from(p, n);

    digest_sha256_parts(&part, 1, out);
}

void digest_init(struct digest *d)
{
    MUST(pthread_once(&once, setup) == 0);
    d->ctx = EVP_MD_CTX_new();
    MUST(d->ctx != NULL && EVP_DigestInit_ex2(d->ctx, sha256, NULL) == 1);
}

void digest_add(struct digest *d, const void *p, size_t n)
{
    MUST(EVP_DigestUpdate(d->ctx, p, n) == 1);
}

void digest_end(struct digest *d, uint8_t out[DIGEST_SHA256])
{
    MUST(EVP_DigestFinal_ex(d->ctx, out, NULL) == 1);
    MUST(EVP_DigestInit_ex2(d->ctx, sha256, NULL) == 1);
}

void digest_fini(struct digest *d)
{
    EVP_MD_CTX_free(d->ctx);
    d->ctx = NULL;
}

void digest_hex(const void *p, size_t n, char *out)
{
    ascii_put_hex(p, n, out);
    out[2 * n] = '\0';
}

bool digest_unhex(struct slice text, void *out, size_t n)
{
    uint8_t *b = out;

    if (text.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (ascii_hex_value(text.p[2 * i]) < 0 || ascii_hex_value(text.p[2 * i + 1]) < 0)
            return false;
    }
    for (size_t i = 0; i < n; i++)
        b[i] = (uint8_t)(ascii_hex_value(text.p[2 * i]) << 4 | ascii_hex_value(text.p[2 * i + 1]));
    return true;
}
