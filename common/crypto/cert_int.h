#pragma once
/* Private to common/crypto: OpenSSL objects between cert.c and its siblings. */
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* How a serial number with a mark begins: 4 bytes, of its 20. Ours without a mark have 16, so none is taken for one. */
#define CERT_MARKED "SLCM"
#define CERT_MARKED_SIZE 20

/* err_set with OpenSSL's own last reason behind the text; empties OpenSSL's queue. */
int cert_fail(struct err *e, enum err_code code, const char *what);
/* All certificates of a PEM text, in order; never empty. Free with sk_X509_pop_free. */
MUST_USE int cert_read_pem(struct slice pem, STACK_OF(X509) **out, struct err *e);
MUST_USE int cert_read_der(struct slice der, X509 **out, struct err *e);
MUST_USE int cert_read_key(struct slice pem, EVP_PKEY **out, struct err *e);
MUST_USE int cert_write_pem(X509 *x, struct buf *pem, struct err *e);
MUST_USE int cert_write_der(X509 *x, struct buf *der, struct err *e);
MUST_USE int cert_write_key(EVP_PKEY *k, struct buf *pem, struct err *e);
