#include "net/tlsctx.h"

#include <arpa/inet.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/secret.h"
#include "crypto/cert.h"
#include "crypto/digest.h"

#define ALPN_MAX 64

struct tlsctx {
    unsigned refs;
    SSL_CTX *ctx; /* each SSL holds its own reference: replacing this leaves connections alone */
    bool server, insecure;
};

/* What callbacks of one SSL_CTX need; hangs on it and dies with it. */
struct policy {
    uint8_t pin[DIGEST_SHA256];
    unsigned char alpn[ALPN_MAX]; /* wire form */
    unsigned alpn_len;
};

static int policy_index = -1;

static void policy_free_cb(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    free(ptr);
}

static int fail(struct err *e, enum err_code code, const char *what)
{
    char text[256] = "";

    tlsctx_reason(NULL, text, sizeof(text));
    return err_set(e, code, "%s%s%s", what, text[0] == '\0' ? "" : ": ", text);
}

/* "h2,http/1.1" to length-prefixed names. */
static int read_alpn(const char *text, struct policy *p, struct err *e)
{
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, ",");

        if (n == 0 || n > 32 || p->alpn_len + n + 1 > ALPN_MAX)
            return err_set(e, ERR_INVALID, "a bad ALPN list");
        p->alpn[p->alpn_len++] = (unsigned char)n;
        memcpy(p->alpn + p->alpn_len, text, n);
        p->alpn_len += (unsigned)n;
        text += n + (text[n] == ',');
    }
    return 0;
}

static int alpn_select_cb(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in,
                          unsigned inlen, void *arg)
{
    const struct policy *p = arg;
    unsigned char *name;

    (void)ssl;
    /* SSL_select_next_proto gives OPENSSL_NPN_NO_OVERLAP with the first of ours when there is none in common. */
    if (SSL_select_next_proto(&name, outlen, p->alpn, p->alpn_len, in, inlen) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = name;
    return SSL_TLSEXT_ERR_OK;
}

/* A client that offers no ALPN never reaches alpn_select_cb: refuse it by its hello. */
static int hello_cb(SSL *ssl, int *alert, void *arg)
{
    const unsigned char *ext;
    size_t n;

    (void)arg;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &ext, &n) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

/* Trusts the one certificate of the peer's chain whose hash is pinned; name, purpose and dates are checked as usual. */
static int pinned_cb(X509_STORE_CTX *ctx, void *arg)
{
    const struct policy *p = arg;
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(ctx), *roots = sk_X509_new_null();
    uint8_t hash[DIGEST_SHA256];
    unsigned n;
    int ok = 0;

    for (int i = 0; roots != NULL && i < sk_X509_num(chain); i++) {
        X509 *x = sk_X509_value(chain, i);

        if (X509_digest(x, EVP_sha256(), hash, &n) == 1 && memcmp(hash, p->pin, sizeof(hash)) == 0)
            ok = sk_X509_push(roots, x) > 0;
    }
    if (ok) {
        X509_STORE_CTX_set0_trusted_stack(ctx, roots);
        ok = X509_verify_cert(ctx) == 1;
    } else {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
    }
    sk_X509_free(roots);
    return ok;
}

static BIO *open_pem(struct slice pem)
{
    return pem.n == 0 || pem.n > CERT_PEM_MAX ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);
}

static int no_passphrase_cb(char *buf, int size, int rw, void *arg)
{
    (void)buf, (void)size, (void)rw, (void)arg;
    return -1;
}

static int use_pair(SSL_CTX *ctx, const struct tlsctx_def *def, struct err *e)
{
    BIO *cert = open_pem(def->cert_pem), *key = open_pem(def->key_pem);
    X509 *x = cert == NULL ? NULL : PEM_read_bio_X509(cert, NULL, no_passphrase_cb, NULL), *more;
    EVP_PKEY *k = key == NULL ? NULL : PEM_read_bio_PrivateKey(key, NULL, no_passphrase_cb, NULL);
    int rc = 0;

    if (x == NULL)
        rc = fail(e, ERR_SYNTAX, "TLS certificate");
    else if (k == NULL)
        rc = fail(e, ERR_SYNTAX, "TLS private key");
    else if (X509_check_private_key(x, k) != 1)
        rc = fail(e, ERR_MISMATCH, "the TLS key is not the certificate's");
    else if (SSL_CTX_use_certificate(ctx, x) != 1 || SSL_CTX_use_PrivateKey(ctx, k) != 1)
        rc = fail(e, ERR_INVALID, "TLS certificate");
    while (rc == 0 && (more = PEM_read_bio_X509(cert, NULL, no_passphrase_cb, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(ctx, more) != 1) {
            X509_free(more);
            rc = fail(e, ERR_INVALID, "TLS certificate chain");
        }
    }
    ERR_clear_error();
    EVP_PKEY_free(k);
    X509_free(x);
    BIO_free(key);
    BIO_free(cert);
    return rc;
}

static int use_roots(SSL_CTX *ctx, const struct tlsctx_def *def, struct err *e)
{
    BIO *bio = open_pem(def->roots_pem);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509 *x;
    int n = 0, rc = 0;

    while (bio != NULL && rc == 0 && (x = PEM_read_bio_X509(bio, NULL, no_passphrase_cb, NULL)) != NULL) {
        if (X509_STORE_add_cert(store, x) != 1 || (def->server && SSL_CTX_add_client_CA(ctx, x) != 1))
            rc = fail(e, ERR_INVALID, "TLS root certificate");
        X509_free(x);
        n++;
    }
    ERR_clear_error();
    BIO_free(bio);
    if (rc == 0 && n == 0)
        rc = err_set(e, ERR_SYNTAX, "no TLS root certificate in the text");
    return rc;
}

static int use_verification(SSL_CTX *ctx, const struct tlsctx_def *def, struct policy *p, struct err *e)
{
    int mode = SSL_VERIFY_PEER;

    if (def->server && def->client_cert == TLSCTX_CLIENT_NONE)
        mode = SSL_VERIFY_NONE;
    if (def->server && def->client_cert == TLSCTX_CLIENT_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    if (!def->server && def->insecure)
        mode = SSL_VERIFY_NONE;
    SSL_CTX_set_verify(ctx, mode, NULL);
    if (mode == SSL_VERIFY_NONE)
        return 0;
    if (!def->server && def->pin_root_sha256 != NULL) {
        memcpy(p->pin, def->pin_root_sha256, sizeof(p->pin));
        SSL_CTX_set_cert_verify_callback(ctx, pinned_cb, p);
        return 0;
    }
    return use_roots(ctx, def, e);
}

static int use_policy(SSL_CTX *ctx, const struct tlsctx_def *def, struct policy *p, struct err *e)
{
    int rc = read_alpn(def->alpn, p, e);

    if (rc != 0)
        return rc;
    if (def->server && p->alpn_len > 0)
        SSL_CTX_set_alpn_select_cb(ctx, alpn_select_cb, p);
    if (def->server && def->alpn_required)
        SSL_CTX_set_client_hello_cb(ctx, hello_cb, NULL);
    if (!def->server && p->alpn_len > 0 && SSL_CTX_set_alpn_protos(ctx, p->alpn, p->alpn_len) != 0)
        return fail(e, ERR_NOMEM, "ALPN");
    if (def->server || def->cert_pem.n != 0)
        rc = use_pair(ctx, def, e);
    if (rc == 0)
        rc = use_verification(ctx, def, p, e);
    return rc;
}

static int build(const struct tlsctx_def *def, SSL_CTX **out, struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(def->server ? TLS_server_method() : TLS_client_method());
    struct policy *p = calloc(1, sizeof(*p));
    int rc;

    if (policy_index < 0)
        policy_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, policy_free_cb);
    if (ctx == NULL || p == NULL || policy_index < 0 || SSL_CTX_set_ex_data(ctx, policy_index, p) != 1) {
        free(p);
        SSL_CTX_free(ctx);
        return fail(e, ERR_NOMEM, "TLS");
    }
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    /* Without tickets a TLS 1.3 handshake with client certificates costs the server a third less. */
    (void)SSL_CTX_set_num_tickets(ctx, 0);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    rc = use_policy(ctx, def, p, e);
    if (rc != 0) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *out = ctx;
    return 0;
}

int tlsctx_new(const struct tlsctx_def *def, struct tlsctx **out, struct err *e)
{
    struct tlsctx *t = calloc(1, sizeof(*t));
    int rc;

    if (t == NULL)
        return err_set(e, ERR_NOMEM, "TLS");
    /* OpenSSL writes with write(2): a peer that is gone would kill the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    t->refs = 1;
    t->server = def->server;
    t->insecure = def->insecure;
    rc = build(def, &t->ctx, e);
    if (rc != 0) {
        free(t);
        return rc;
    }
    *out = t;
    return 0;
}

int tlsctx_replace(struct tlsctx *t, const struct tlsctx_def *def, struct err *e)
{
    SSL_CTX *ctx;
    int rc = def->server != t->server ? err_set(e, ERR_INVALID, "TLS: a server's for a client's") : build(def, &ctx, e);

    if (rc != 0)
        return rc;
    SSL_CTX_free(t->ctx);
    t->ctx = ctx;
    t->insecure = def->insecure;
    return 0;
}

int tlsctx_new_files(const struct tlsctx_def *def, const char *cert, const char *key, const char *roots,
                     struct tlsctx **out, struct err *e)
{
    const char *const paths[] = {cert, key, roots};
    struct tlsctx_def copy = *def;
    struct slice *slots[] = {&copy.cert_pem, &copy.key_pem, &copy.roots_pem};
    struct buf bufs[3];
    int rc = 0;

    for (size_t i = 0; i < 3; i++) {
        buf_init(&bufs[i], CERT_PEM_MAX);
        if (rc == 0 && paths[i] != NULL)
            rc = file_read(paths[i], CERT_PEM_MAX, &bufs[i], e);
        *slots[i] = buf_slice(&bufs[i]);
    }
    if (rc == 0)
        rc = tlsctx_new(&copy, out, e);
    for (size_t i = 0; i < 3; i++)
        cert_wipe(&bufs[i]);
    return rc;
}

struct tlsctx *tlsctx_ref(struct tlsctx *t)
{
    t->refs++;
    return t;
}

void tlsctx_unref(struct tlsctx *t)
{
    if (t == NULL || --t->refs > 0)
        return;
    SSL_CTX_free(t->ctx);
    free(t);
}

static int name_peer(const struct tlsctx *t, SSL *ssl, const char *server_name, struct err *e)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    unsigned char ip[16];

    if (server_name == NULL || server_name[0] == '\0')
        return t->insecure ? 0 : err_set(e, ERR_INVALID, "TLS: no server name to verify");
    if (inet_pton(AF_INET, server_name, ip) == 1 || inet_pton(AF_INET6, server_name, ip) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, server_name) == 1 ? 0 : fail(e, ERR_INVALID, "TLS server name");
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* SSL_set_tlsext_host_name, whose macro casts the const away */
    if (SSL_set1_host(ssl, server_name) != 1 ||
        SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)server_name) != 1)
        return fail(e, ERR_INVALID, "TLS server name");
    return 0;
}

int tlsctx_ssl(struct tlsctx *t, int fd, const char *server_name, struct ssl_st **out, struct err *e)
{
    SSL *ssl = SSL_new(t->ctx);
    int rc = 0;

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        rc = fail(e, ERR_NOMEM, "TLS");
    if (rc == 0 && !t->server)
        rc = name_peer(t, ssl, server_name, e);
    if (rc != 0) {
        SSL_free(ssl);
        return rc;
    }
    if (t->server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    *out = ssl;
    return 0;
}

void tlsctx_reason(struct ssl_st *ssl, char *out, size_t size)
{
    long verify = ssl == NULL ? X509_V_OK : SSL_get_verify_result(ssl);
    unsigned long last = ERR_peek_last_error();
    const char *reason = last == 0 ? NULL : ERR_reason_error_string(last);

    if (verify != X509_V_OK)
        (void)snprintf(out, size, "certificate: %s", X509_verify_cert_error_string(verify));
    else if (reason != NULL)
        (void)snprintf(out, size, "%s", reason);
    else if (size > 0)
        out[0] = '\0';
    ERR_clear_error();
}
