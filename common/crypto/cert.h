#pragma once
/* X.509: the cluster's own CA, server certificates, node identities by CSR, and what one wants to know of a certificate.
 * Everything in and out is PEM or DER bytes; keys are EC P-256. Text results are appended to a buf that the caller
 * initialised (key buffers: wipe with cert_wipe). Any thread. All return 0 or -ERR_X with *e filled. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#define CERT_DER_MAX 8192u    /* bytes of one certificate; more is refused */
#define CERT_CSR_MAX 4096u    /* bytes of one CSR; more is refused */
#define CERT_PEM_MAX 262144u  /* bytes of a PEM text; more is refused */
#define CERT_CHAIN_MAX 64u    /* certificates in one PEM text; more is refused */
#define CERT_URI_MAX 512u
#define CERT_NAME_MAX 128u
#define CERT_SERIAL_MAX 41u   /* 20 bytes as hex, and a NUL */
#define CERT_BACKDATE_S 300   /* NotBefore lies this far in the past, at most a tenth of the life: peers' clocks differ */

struct x509_st;

struct cert_info {
    char uri[CERT_URI_MAX];         /* the only URI SAN; empty when there is none. Two or more are refused */
    char subject[CERT_NAME_MAX];    /* common name, may be empty */
    char issuer[CERT_NAME_MAX];
    char serial[CERT_SERIAL_MAX];   /* upper-case hex */
    int64_t not_before, not_after;  /* seconds since 1970 */
    uint64_t mark;                  /* what cert_sign_csr was given; 0 for all other certificates */
    uint8_t sha256[32];             /* of the DER */
    bool is_ca;
};

enum cert_purpose { CERT_ANY, CERT_SERVER, CERT_CLIENT };

/* A signing CA, loaded. Immutable; may be used by several threads. */
struct cert_ca;

/* Makes a self-signed CA (path length 0) valid for `days`. */
MUST_USE int cert_make_ca(const char *common_name, unsigned days, struct buf *cert_pem, struct buf *key_pem,
                          struct err *e);
/* cert_pem: the CA's certificate first. Fails when the key is another's, it is no CA, or it has expired. */
MUST_USE int cert_ca_load(struct slice cert_pem, struct slice key_pem, struct cert_ca **out, struct err *e);
void cert_ca_free(struct cert_ca *ca);
/* The CA's certificate, as PEM and DER, and its SHA-256 (what a join token carries). Live as long as the CA. */
struct slice cert_ca_pem(const struct cert_ca *ca);
struct slice cert_ca_der(const struct cert_ca *ca);
const uint8_t *cert_ca_sha256(const struct cert_ca *ca);

/* A new key and a certificate for it. names: DNS names or IP addresses (told apart by form), the first also the common
 * name; at most 64. The CA's certificate follows the leaf in cert_pem, as a peer that knows only its hash needs it. */
MUST_USE int cert_make_server(const struct cert_ca *ca, const char *const *names, size_t n_names, unsigned days,
                              struct buf *cert_pem, struct buf *key_pem, struct err *e);

/* A new key and a CSR for it (DER). The subject is only for people. */
MUST_USE int cert_make_csr(const char *common_name, struct buf *key_pem, struct buf *csr_der, struct err *e);
/* A CSR for a key that exists. */
MUST_USE int cert_make_csr_for(struct slice key_pem, const char *common_name, struct buf *csr_der, struct err *e);
/* Signs the key of a CSR as a TLS client with the one URI SAN `uri`; names and extensions of the CSR are ignored.
 * Refused: a wrong self-signature, a key that is not EC P-256/P-384, Ed25519 or RSA of 2048 to 4096 bits. Valid from
 * now - CERT_BACKDATE_S for valid_s seconds, never longer than the CA. mark: a number of the caller's that the serial carries
 * (next to 64 random bits). cert_der: the leaf alone. */
MUST_USE int cert_sign_csr(const struct cert_ca *ca, struct slice csr_der, const char *uri, uint64_t mark, int64_t valid_s,
                           struct buf *cert_der, struct err *e);

/* Of the first certificate in the text. */
MUST_USE int cert_info_pem(struct slice pem, struct cert_info *out, struct err *e);
MUST_USE int cert_info_der(struct slice der, struct cert_info *out, struct err *e);
MUST_USE int cert_info_x509(struct x509_st *x, struct cert_info *out, struct err *e);

/* Certificate number `index` (0: the first) of a PEM text. -ERR_NOTFOUND: there are fewer. */
MUST_USE int cert_pem_to_der(struct slice pem, size_t index, struct buf *der, struct err *e);
MUST_USE int cert_der_to_pem(struct slice der, struct buf *pem, struct err *e);
/* Is it the key of the first certificate? -ERR_MISMATCH. */
MUST_USE int cert_check_pair(struct slice cert_pem, struct slice key_pem, struct err *e);
/* Does the first certificate of chain_pem (the others help) lead to one of roots_pem at time at_unix (0: now)? */
MUST_USE int cert_verify(struct slice chain_pem, struct slice roots_pem, enum cert_purpose purpose, int64_t at_unix,
                         struct err *e);

/* buf_fini for buffers that held a key. */
void cert_wipe(struct buf *b);
