/* Making and signing certificates. */
#include "crypto/cert.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/random.h"
#include "crypto/cert_int.h"
#include "crypto/digest.h"

#define NAMES_MAX 64u
#define DAY_S     86400

struct cert_ca {
    X509 *x;
    EVP_PKEY *key;
    struct buf pem, der;
    uint8_t sha256[DIGEST_SHA256];
    int64_t not_after;
};

static EVP_PKEY *make_key(void)
{
    return EVP_EC_gen("P-256");
}

static int set_name(X509_NAME *name, const char *common_name)
{
    const unsigned char *text = (const unsigned char *)common_name;

    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, (int)strnlen(common_name, 64), -1, 0);
}

static int add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    int ok;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (ext == NULL)
        return 0;
    ok = X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

static bool put_serial(X509 *x, const uint8_t *bytes, size_t n)
{
    BIGNUM *number = BN_bin2bn(bytes, (int)n, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;

    BN_free(number);
    return ok;
}

/* "SLCM", the mark, 64 random bits. */
static bool mark_serial(X509 *x, uint64_t mark)
{
    uint8_t serial[CERT_MARKED_SIZE];

    memcpy(serial, CERT_MARKED, 4);
    for (size_t i = 0; i < 8; i++)
        serial[4 + i] = (uint8_t)(mark >> (56 - 8 * i));
    random_bytes(serial + 12, sizeof(serial) - 12);
    return put_serial(x, serial, sizeof(serial));
}

/* What all our certificates have: version 3, a random 127-bit serial, validity, names, key. issuer NULL: itself. */
static X509 *start_cert(EVP_PKEY *key, const char *subject, const X509 *issuer, int64_t valid_s)
{
    X509 *x = X509_new();
    /* For clocks that are behind; of a short life only a tenth, so that points within the life keep their meaning. */
    long backdate = valid_s / 10 < CERT_BACKDATE_S ? (long)(valid_s / 10) : CERT_BACKDATE_S;
    uint8_t serial[16];
    bool ok;

    if (x == NULL)
        return NULL;
    random_bytes(serial, sizeof(serial));
    serial[0] = (serial[0] & 0x7f) | 0x40;
    ok = put_serial(x, serial, sizeof(serial)) && X509_set_version(x, X509_VERSION_3) == 1 &&
         X509_time_adj_ex(X509_getm_notBefore(x), 0, -backdate, NULL) != NULL &&
         X509_time_adj_ex(X509_getm_notAfter(x), (int)(valid_s / DAY_S), (long)(valid_s % DAY_S), NULL) != NULL &&
         set_name(X509_get_subject_name(x), subject) == 1 && X509_set_pubkey(x, key) == 1 &&
         X509_set_issuer_name(x, X509_get_subject_name(issuer == NULL ? x : issuer)) == 1;
    if (!ok) {
        X509_free(x);
        return NULL;
    }
    return x;
}

int cert_make_ca(const char *common_name, unsigned days, struct buf *cert_pem, struct buf *key_pem, struct err *e)
{
    EVP_PKEY *key = make_key();
    X509 *x = key == NULL ? NULL : start_cert(key, common_name, NULL, (int64_t)days * DAY_S);
    int rc = 0;

    if (x == NULL || !add_ext(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_ext(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_ext(x, x, NID_subject_key_identifier, "hash") || X509_sign(x, key, EVP_sha256()) == 0)
        rc = cert_fail(e, ERR_INTERNAL, "make a CA");
    if (rc == 0)
        rc = cert_write_pem(x, cert_pem, e);
    if (rc == 0)
        rc = cert_write_key(key, key_pem, e);
    X509_free(x);
    EVP_PKEY_free(key);
    return rc;
}

static int ca_check(struct cert_ca *ca, struct err *e)
{
    struct cert_info info;
    int rc = cert_info_x509(ca->x, &info, e);

    if (rc != 0)
        return rc;
    if (!info.is_ca)
        return err_set(e, ERR_INVALID, "'%s' is not a CA certificate", info.subject);
    if (info.not_after <= (int64_t)time(NULL))
        return err_set(e, ERR_INVALID, "the CA '%s' has expired", info.subject);
    if (X509_check_private_key(ca->x, ca->key) != 1) {
        ERR_clear_error();
        return err_set(e, ERR_MISMATCH, "the key is not the CA's");
    }
    ca->not_after = info.not_after;
    memcpy(ca->sha256, info.sha256, sizeof(ca->sha256));
    return 0;
}

int cert_ca_load(struct slice cert_pem, struct slice key_pem, struct cert_ca **out, struct err *e)
{
    struct cert_ca *ca = calloc(1, sizeof(*ca));
    STACK_OF(X509) *all = NULL;
    int rc;

    if (ca == NULL)
        return err_set(e, ERR_NOMEM, "CA");
    buf_init(&ca->pem, 0);
    buf_init(&ca->der, 0);
    rc = cert_read_pem(cert_pem, &all, e);
    if (rc == 0) {
        ca->x = sk_X509_shift(all);
        rc = cert_read_key(key_pem, &ca->key, e);
    }
    if (rc == 0)
        rc = ca_check(ca, e);
    if (rc == 0)
        rc = cert_write_pem(ca->x, &ca->pem, e);
    if (rc == 0)
        rc = cert_write_der(ca->x, &ca->der, e);
    sk_X509_pop_free(all, X509_free);
    if (rc != 0) {
        cert_ca_free(ca);
        return rc;
    }
    *out = ca;
    return 0;
}

void cert_ca_free(struct cert_ca *ca)
{
    if (ca == NULL)
        return;
    X509_free(ca->x);
    EVP_PKEY_free(ca->key);
    buf_fini(&ca->pem);
    buf_fini(&ca->der);
    free(ca);
}

struct slice cert_ca_pem(const struct cert_ca *ca)
{
    return buf_slice(&ca->pem);
}

struct slice cert_ca_der(const struct cert_ca *ca)
{
    return buf_slice(&ca->der);
}

const uint8_t *cert_ca_sha256(const struct cert_ca *ca)
{
    return ca->sha256;
}

/* A certificate never outlives its CA: peers would refuse it anyway, only later and less clearly. */
static int64_t valid_within(const struct cert_ca *ca, int64_t valid_s)
{
    int64_t left = ca->not_after - (int64_t)time(NULL);

    return valid_s < left ? valid_s : left;
}

static int push_name(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
    GENERAL_NAME *g = value == NULL ? NULL : GENERAL_NAME_new();

    if (g == NULL) {
        ASN1_STRING_free(value);
        return 0;
    }
    GENERAL_NAME_set0_value(g, type, value);
    if (sk_GENERAL_NAME_push(names, g) > 0)
        return 1;
    GENERAL_NAME_free(g);
    return 0;
}

static ASN1_STRING *make_string(int type, const void *p, size_t n)
{
    ASN1_STRING *s = ASN1_STRING_type_new(type);

    if (s != NULL && ASN1_STRING_set(s, p, (int)n) != 1) {
        ASN1_STRING_free(s);
        return NULL;
    }
    return s;
}

static int push_host(GENERAL_NAMES *names, const char *host)
{
    unsigned char ip[16];

    if (inet_pton(AF_INET, host, ip) == 1)
        return push_name(names, GEN_IPADD, make_string(V_ASN1_OCTET_STRING, ip, 4));
    if (inet_pton(AF_INET6, host, ip) == 1)
        return push_name(names, GEN_IPADD, make_string(V_ASN1_OCTET_STRING, ip, 16));
    return push_name(names, GEN_DNS, make_string(V_ASN1_IA5STRING, host, strlen(host)));
}

/* The names are set as values, not through OpenSSL's configuration language, where a comma would begin another name. */
static int add_names(X509 *x, GENERAL_NAMES *names)
{
    return X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
}

static int add_leaf_exts(X509 *x, X509 *ca, const char *usage)
{
    return add_ext(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           add_ext(x, ca, NID_key_usage, "critical,digitalSignature") && add_ext(x, ca, NID_ext_key_usage, usage) &&
           add_ext(x, ca, NID_subject_key_identifier, "hash") &&
           add_ext(x, ca, NID_authority_key_identifier, "keyid:always");
}

static bool host_is_valid(const char *host)
{
    size_t n = strlen(host);

    if (n == 0 || n > 253)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (host[i] <= ' ' || host[i] > '~' || strchr(",;/@\\\"'", host[i]) != NULL)
            return false;
    }
    return true;
}

int cert_make_server(const struct cert_ca *ca, const char *const *names, size_t n_names, unsigned days,
                     struct buf *cert_pem, struct buf *key_pem, struct err *e)
{
    GENERAL_NAMES *san = NULL;
    EVP_PKEY *key = NULL;
    X509 *x = NULL;
    int rc = 0, ok;

    if (n_names == 0 || n_names > NAMES_MAX)
        return err_set(e, ERR_LIMIT, "%zu names for a certificate; 1 to %u", n_names, NAMES_MAX);
    for (size_t i = 0; i < n_names; i++) {
        if (!host_is_valid(names[i]))
            return err_set(e, ERR_INVALID, "'%s' is neither a DNS name nor an address", names[i]);
    }
    san = sk_GENERAL_NAME_new_null();
    key = make_key();
    ok = san != NULL && key != NULL;
    for (size_t i = 0; i < n_names && ok; i++)
        ok = push_host(san, names[i]);
    if (ok)
        x = start_cert(key, names[0], ca->x, valid_within(ca, (int64_t)days * DAY_S));
    if (x == NULL || !add_leaf_exts(x, ca->x, "serverAuth") || add_names(x, san) != 1 ||
        X509_sign(x, ca->key, EVP_sha256()) == 0)
        rc = cert_fail(e, ERR_INTERNAL, "make a server certificate");
    if (rc == 0)
        rc = cert_write_pem(x, cert_pem, e);
    if (rc == 0)
        rc = cert_write_pem(ca->x, cert_pem, e);
    if (rc == 0)
        rc = cert_write_key(key, key_pem, e);
    GENERAL_NAMES_free(san);
    X509_free(x);
    EVP_PKEY_free(key);
    return rc;
}

static int write_csr(EVP_PKEY *key, const char *common_name, struct buf *csr_der, struct err *e)
{
    X509_REQ *req = X509_REQ_new();
    unsigned char *der = NULL;
    int rc = 0, n = -1;

    if (req != NULL && X509_REQ_set_version(req, 0) == 1 && X509_REQ_set_pubkey(req, key) == 1 &&
        set_name(X509_REQ_get_subject_name(req), common_name) == 1 && X509_REQ_sign(req, key, EVP_sha256()) != 0)
        n = i2d_X509_REQ(req, &der);
    if (n <= 0)
        rc = cert_fail(e, ERR_INTERNAL, "make a CSR");
    else if (buf_append(csr_der, der, (size_t)n) != 0)
        rc = err_set(e, ERR_NOMEM, "CSR");
    OPENSSL_free(der);
    X509_REQ_free(req);
    return rc;
}

int cert_make_csr(const char *common_name, struct buf *key_pem, struct buf *csr_der, struct err *e)
{
    EVP_PKEY *key = make_key();
    int rc = key == NULL ? cert_fail(e, ERR_INTERNAL, "make a key") : write_csr(key, common_name, csr_der, e);

    if (rc == 0)
        rc = cert_write_key(key, key_pem, e);
    EVP_PKEY_free(key);
    return rc;
}

int cert_make_csr_for(struct slice key_pem, const char *common_name, struct buf *csr_der, struct err *e)
{
    EVP_PKEY *key;
    int rc = cert_read_key(key_pem, &key, e);

    if (rc != 0)
        return rc;
    rc = write_csr(key, common_name, csr_der, e);
    EVP_PKEY_free(key);
    return rc;
}

static bool key_is_good(const EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    char group[32] = "";

    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
        return true;
    case EVP_PKEY_RSA:
        return bits >= 2048 && bits <= 4096;
    case EVP_PKEY_EC:
        return EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
               (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0);
    default:
        return false;
    }
}

static int read_csr(struct slice der, X509_REQ **out, struct err *e)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509_REQ *req;
    EVP_PKEY *key;
    int rc = 0;

    if (der.n == 0 || der.n > CERT_CSR_MAX)
        return err_set(e, ERR_LIMIT, "a CSR of %zu bytes; 1 to %u", der.n, CERT_CSR_MAX);
    req = d2i_X509_REQ(NULL, &p, (long)der.n);
    if (req == NULL || p != (const unsigned char *)der.p + der.n) {
        X509_REQ_free(req);
        return cert_fail(e, ERR_SYNTAX, "the CSR is not valid DER");
    }
    key = X509_REQ_get0_pubkey(req);
    if (key == NULL || !key_is_good(key))
        rc = cert_fail(e, ERR_INVALID, "the CSR's key is not EC P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits");
    else if (X509_REQ_verify(req, key) != 1)
        rc = cert_fail(e, ERR_INVALID, "the CSR's signature is wrong");
    if (rc != 0) {
        X509_REQ_free(req);
        return rc;
    }
    *out = req;
    return 0;
}

int cert_sign_csr(const struct cert_ca *ca, struct slice csr_der, const char *uri, uint64_t mark, int64_t valid_s,
                  struct buf *cert_der, struct err *e)
{
    const char *last = strrchr(uri, '/');
    GENERAL_NAMES *san = sk_GENERAL_NAME_new_null();
    X509_REQ *req = NULL;
    X509 *x = NULL;
    int rc = 0;

    if (strlen(uri) >= CERT_URI_MAX || strlen(uri) == 0 || valid_s <= 0)
        rc = err_set(e, ERR_INVALID, "a URI name of 1 to %u bytes and a validity are needed", CERT_URI_MAX - 1);
    if (rc == 0)
        rc = read_csr(csr_der, &req, e);
    if (rc == 0) {
        x = start_cert(X509_REQ_get0_pubkey(req), last == NULL || last[1] == '\0' ? uri : last + 1, ca->x,
                       valid_within(ca, valid_s));
        if (x == NULL || san == NULL || !mark_serial(x, mark) || !add_leaf_exts(x, ca->x, "clientAuth") ||
            !push_name(san, GEN_URI, make_string(V_ASN1_IA5STRING, uri, strlen(uri))) || add_names(x, san) != 1 ||
            X509_sign(x, ca->key, EVP_sha256()) == 0)
            rc = cert_fail(e, ERR_INTERNAL, "sign a CSR");
    }
    if (rc == 0)
        rc = cert_write_der(x, cert_der, e);
    GENERAL_NAMES_free(san);
    X509_free(x);
    X509_REQ_free(req);
    return rc;
}
