#pragma once
/* Who the control plane is: its CA, its server certificate, the first admin token and a ready cpctl context, made at the
 * first start and kept in the state directory (0700; files with keys and tokens 0600). Blocking: before the loop runs, or
 * rarely (a renewal takes a few milliseconds). */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"
#include "store/store.h"
#include "store/store_identity.h"

#define TRUST_CA_DAYS 3650u
#define TRUST_SERVER_DAYS 365u
#define TRUST_RENEW_DAYS 30u     /* a server certificate with less than this left is made anew */
#define TRUST_TOKEN_SECRET 52    /* characters of a token's secret: 256 bits and more */

struct cert_ca;
struct tlsctx;
struct trust;

struct trust_options {
    const char *state_dir;
    const char *advertise;       /* more names for the server certificate, comma between; may be NULL */
};

/* Makes what is missing, keeps what is there. -ERR_INVALID names the file that is not what it should be. */
MUST_USE int trust_open(const struct trust_options *o, struct trust **out, struct err *e);
void trust_free(struct trust *t);
const struct cert_ca *trust_ca(const struct trust *t);
/* For the admin port (no client certificates), and for the push port (optional ones of our CA, ALPN h2). Borrowed. */
struct tlsctx *trust_admin_tls(const struct trust *t);
struct tlsctx *trust_push_tls(const struct trust *t);
/* When the server certificate is near its end: makes a new one and puts it into both, running connections stay. */
MUST_USE int trust_renew(struct trust *t, struct err *e);

/* The admin's token: made at the first start and written to admin.token; its hash is put into the store when it is missing
 * there (a crash between the two). A revoked one stays revoked: then a new one is made. */
MUST_USE int trust_admin_token(const struct trust *t, struct store *s, struct err *e);
/* cpctl.yaml for the address that people connect to ("127.0.0.1:9901"). */
MUST_USE int trust_write_context(const struct trust *t, const char *address, struct err *e);

/* A new token: id and secret are random text without '.', '_' or '-'; out is "slc_<id>_<secret>" for an api token. */
struct trust_token {
    char id[17];
    char secret[TRUST_TOKEN_SECRET + 1];
    uint8_t hash[32];            /* of the secret: what the store keeps */
};
void trust_token_make(struct trust_token *out);
/* "slc_<id>_<secret>": false when it is not of this form. */
bool trust_token_parse(struct slice text, struct slice *id, struct slice *secret);
