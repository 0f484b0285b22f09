/* Certificates and keys as bytes: reading, writing, and OpenSSL's errors in words. */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/secret.h"
#include "crypto/cert.h"
#include "crypto/cert_int.h"

int cert_fail(struct err *e, enum err_code code, const char *what)
{
    char text[256];
    unsigned long last = ERR_peek_last_error();

    if (last == 0)
        return err_set(e, code, "%s", what);
    ERR_error_string_n(last, text, sizeof(text));
    ERR_clear_error();
    return err_set(e, code, "%s: %s", what, text);
}

/* A passphrase is never asked for: an encrypted key fails instead of reading the terminal. */
static int no_passphrase_cb(char *buf, int size, int rw, void *arg)
{
    (void)buf, (void)size, (void)rw, (void)arg;
    return -1;
}

static int open_pem(struct slice pem, BIO **out, struct err *e)
{
    if (pem.n > CERT_PEM_MAX)
        return err_set(e, ERR_LIMIT, "a PEM text of %zu bytes; at most %u", pem.n, CERT_PEM_MAX);
    if (pem.n == 0)
        return err_set(e, ERR_SYNTAX, "an empty PEM text");
    *out = BIO_new_mem_buf(pem.p, (int)pem.n);
    return *out == NULL ? err_set(e, ERR_NOMEM, "PEM") : 0;
}

int cert_read_pem(struct slice pem, STACK_OF(X509) **out, struct err *e)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    BIO *bio = NULL;
    X509 *x;
    int rc = all == NULL ? err_set(e, ERR_NOMEM, "PEM") : open_pem(pem, &bio, e);

    if (rc != 0)
        goto out;
    ERR_clear_error();
    while ((x = PEM_read_bio_X509(bio, NULL, no_passphrase_cb, NULL)) != NULL) {
        if (sk_X509_num(all) >= (int)CERT_CHAIN_MAX) {
            X509_free(x);
            rc = err_set(e, ERR_LIMIT, "more than %u certificates in one PEM text", CERT_CHAIN_MAX);
            goto out;
        }
        if (sk_X509_push(all, x) <= 0) {
            X509_free(x);
            rc = err_set(e, ERR_NOMEM, "PEM");
            goto out;
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        rc = cert_fail(e, ERR_SYNTAX, "certificate is not valid PEM");
    else if (sk_X509_num(all) == 0)
        rc = err_set(e, ERR_SYNTAX, "no certificate in the PEM text");
out:
    ERR_clear_error();
    BIO_free(bio);
    if (rc != 0) {
        sk_X509_pop_free(all, X509_free);
        return rc;
    }
    *out = all;
    return 0;
}

int cert_read_der(struct slice der, X509 **out, struct err *e)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *x;

    if (der.n == 0 || der.n > CERT_DER_MAX)
        return err_set(e, ERR_LIMIT, "a certificate of %zu bytes; at most %u", der.n, CERT_DER_MAX);
    x = d2i_X509(NULL, &p, (long)der.n);
    if (x == NULL)
        return cert_fail(e, ERR_SYNTAX, "certificate is not valid DER");
    if (p != (const unsigned char *)der.p + der.n) {
        X509_free(x);
        return err_set(e, ERR_SYNTAX, "bytes behind the certificate");
    }
    *out = x;
    return 0;
}

int cert_read_key(struct slice pem, EVP_PKEY **out, struct err *e)
{
    BIO *bio;
    int rc = open_pem(pem, &bio, e);

    if (rc != 0)
        return rc;
    ERR_clear_error();
    *out = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase_cb, NULL);
    BIO_free(bio);
    return *out == NULL ? cert_fail(e, ERR_SYNTAX, "private key is not valid PEM") : 0;
}

static int bio_take(BIO *bio, int ok, struct buf *out, struct err *e)
{
    char *p;
    long n;
    int rc;

    if (ok != 1) {
        rc = cert_fail(e, ERR_NOMEM, "writing a certificate or key");
    } else {
        n = BIO_get_mem_data(bio, &p);
        rc = buf_append(out, p, (size_t)n);
        if (rc != 0)
            (void)err_set(e, (enum err_code)-rc, "no room for a certificate or key");
        secret_wipe(p, (size_t)n);
    }
    BIO_free(bio);
    return rc;
}

int cert_write_pem(X509 *x, struct buf *pem, struct err *e)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return bio_take(bio, bio == NULL ? 0 : PEM_write_bio_X509(bio, x), pem, e);
}

int cert_write_der(X509 *x, struct buf *der, struct err *e)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return bio_take(bio, bio == NULL ? 0 : i2d_X509_bio(bio, x), der, e);
}

int cert_write_key(EVP_PKEY *k, struct buf *pem, struct err *e)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return bio_take(bio, bio == NULL ? 0 : PEM_write_bio_PKCS8PrivateKey(bio, k, NULL, NULL, 0, NULL, NULL), pem,
                    e);
}

int cert_pem_to_der(struct slice pem, size_t index, struct buf *der, struct err *e)
{
    STACK_OF(X509) *all;
    int rc = cert_read_pem(pem, &all, e);

    if (rc != 0)
        return rc;
    if (index >= (size_t)sk_X509_num(all))
        rc = err_set(e, ERR_NOTFOUND, "the PEM text has %d certificates", sk_X509_num(all));
    else
        rc = cert_write_der(sk_X509_value(all, (int)index), der, e);
    sk_X509_pop_free(all, X509_free);
    return rc;
}

int cert_der_to_pem(struct slice der, struct buf *pem, struct err *e)
{
    X509 *x;
    int rc = cert_read_der(der, &x, e);

    if (rc != 0)
        return rc;
    rc = cert_write_pem(x, pem, e);
    X509_free(x);
    return rc;
}

void cert_wipe(struct buf *b)
{
    if (b->p != NULL)
        secret_wipe(b->p, b->size);
    buf_fini(b);
}
