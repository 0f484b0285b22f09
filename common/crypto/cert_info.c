/* What is in a certificate, and whether it can be trusted. */
#include <stdio.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "crypto/cert.h"
#include "crypto/cert_int.h"
#include "crypto/digest.h"

static int read_time(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;

    memset(&tm, 0, sizeof(tm));
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
        return -1;
    *out = (int64_t)timegm(&tm);
    return 0;
}

static void read_name(const X509_NAME *name, char *out, size_t size)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    unsigned char *text = NULL;
    int n;

    out[0] = '\0';
    if (at < 0)
        return;
    n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (n >= 0)
        (void)snprintf(out, size, "%.*s", n, (const char *)text);
    OPENSSL_free(text);
}

static int read_uri(const X509 *x, struct cert_info *out, struct err *e)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int found = 0, rc = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && rc == 0; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        const ASN1_IA5STRING *s;
        size_t n;

        if (g->type != GEN_URI)
            continue;
        s = g->d.uniformResourceIdentifier;
        n = (size_t)ASN1_STRING_length(s);
        if (found++ > 0)
            rc = err_set(e, ERR_INVALID, "a certificate with two URI names");
        else if (n >= CERT_URI_MAX || memchr(ASN1_STRING_get0_data(s), '\0', n) != NULL)
            rc = err_set(e, ERR_INVALID, "a certificate with a bad URI name");
        else
            memcpy(out->uri, ASN1_STRING_get0_data(s), n);
    }
    GENERAL_NAMES_free(names);
    return rc;
}

static uint64_t mark_of(const BIGNUM *serial)
{
    uint8_t bytes[CERT_MARKED_SIZE];
    uint64_t mark = 0;

    if (BN_num_bytes(serial) != CERT_MARKED_SIZE || BN_is_negative(serial))
        return 0;
    (void)BN_bn2bin(serial, bytes);
    for (size_t i = 0; i < 8; i++)
        mark = mark << 8 | bytes[4 + i];
    return memcmp(bytes, CERT_MARKED, 4) == 0 ? mark : 0;
}

static int read_serial(const X509 *x, struct cert_info *out, struct err *e)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = n == NULL ? NULL : BN_bn2hex(n);
    int rc = 0;

    if (hex == NULL || strlen(hex) >= CERT_SERIAL_MAX)
        rc = err_set(e, ERR_INVALID, "a certificate with a bad serial number");
    else
        (void)snprintf(out->serial, sizeof(out->serial), "%s", hex);
    if (rc == 0)
        out->mark = mark_of(n);
    OPENSSL_free(hex);
    BN_free(n);
    return rc;
}

int cert_info_x509(X509 *x, struct cert_info *out, struct err *e)
{
    struct buf der;
    int rc;

    memset(out, 0, sizeof(*out));
    buf_init(&der, 0);
    rc = cert_write_der(x, &der, e);
    if (rc == 0)
        digest_sha256(buf_slice(&der).p, buf_len(&der), out->sha256);
    buf_fini(&der);
    if (rc == 0)
        rc = read_uri(x, out, e);
    if (rc == 0)
        rc = read_serial(x, out, e);
    if (rc != 0)
        return rc;
    if (read_time(X509_get0_notBefore(x), &out->not_before) != 0 ||
        read_time(X509_get0_notAfter(x), &out->not_after) != 0)
        return err_set(e, ERR_INVALID, "a certificate with a bad validity");
    read_name(X509_get_subject_name(x), out->subject, sizeof(out->subject));
    read_name(X509_get_issuer_name(x), out->issuer, sizeof(out->issuer));
    out->is_ca = X509_check_ca(x) == 1;
    ERR_clear_error();
    return 0;
}

int cert_info_pem(struct slice pem, struct cert_info *out, struct err *e)
{
    STACK_OF(X509) *all;
    int rc = cert_read_pem(pem, &all, e);

    if (rc != 0)
        return rc;
    rc = cert_info_x509(sk_X509_value(all, 0), out, e);
    sk_X509_pop_free(all, X509_free);
    return rc;
}

int cert_info_der(struct slice der, struct cert_info *out, struct err *e)
{
    X509 *x;
    int rc = cert_read_der(der, &x, e);

    if (rc != 0)
        return rc;
    rc = cert_info_x509(x, out, e);
    X509_free(x);
    return rc;
}

int cert_check_pair(struct slice cert_pem, struct slice key_pem, struct err *e)
{
    STACK_OF(X509) *all = NULL;
    EVP_PKEY *key = NULL;
    int rc = cert_read_pem(cert_pem, &all, e);

    if (rc == 0)
        rc = cert_read_key(key_pem, &key, e);
    if (rc == 0 && X509_check_private_key(sk_X509_value(all, 0), key) != 1)
        rc = err_set(e, ERR_MISMATCH, "the key is not the certificate's");
    ERR_clear_error();
    EVP_PKEY_free(key);
    sk_X509_pop_free(all, X509_free);
    return rc;
}

static int run_verify(X509_STORE_CTX *ctx, STACK_OF(X509) *chain, STACK_OF(X509) *roots,
                      enum cert_purpose purpose, int64_t at_unix, struct err *e)
{
    static const int purposes[] = {
        [CERT_ANY] = X509_PURPOSE_ANY,
        [CERT_SERVER] = X509_PURPOSE_SSL_SERVER,
        [CERT_CLIENT] = X509_PURPOSE_SSL_CLIENT,
    };
    int code;

    if (ctx == NULL || X509_STORE_CTX_init(ctx, NULL, sk_X509_value(chain, 0), chain) != 1)
        return cert_fail(e, ERR_NOMEM, "verify");
    X509_STORE_CTX_set0_trusted_stack(ctx, roots);
    if (at_unix != 0)
        X509_STORE_CTX_set_time(ctx, 0, (time_t)at_unix);
    if (X509_STORE_CTX_set_purpose(ctx, purposes[purpose]) != 1)
        return cert_fail(e, ERR_INTERNAL, "verify");
    if (X509_verify_cert(ctx) == 1)
        return 0;
    code = X509_STORE_CTX_get_error(ctx);
    return err_set(e, ERR_DENIED, "certificate does not verify: %s", X509_verify_cert_error_string(code));
}

int cert_verify(struct slice chain_pem, struct slice roots_pem, enum cert_purpose purpose, int64_t at_unix,
                struct err *e)
{
    STACK_OF(X509) *chain = NULL, *roots = NULL;
    X509_STORE_CTX *ctx = NULL;
    int rc = cert_read_pem(chain_pem, &chain, e);

    if (rc == 0)
        rc = cert_read_pem(roots_pem, &roots, e);
    if (rc == 0) {
        ctx = X509_STORE_CTX_new();
        rc = run_verify(ctx, chain, roots, purpose, at_unix, e);
    }
    X509_STORE_CTX_free(ctx);
    sk_X509_pop_free(roots, X509_free);
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    return rc;
}
