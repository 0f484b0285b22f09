#pragma once
/* A TLS configuration, made from PEM in memory: TLS 1.2 and up, no session tickets, no renegotiation, buffers released when
 * idle. Counted; new connections take what is current, so tlsctx_replace changes certificates under a running server
 * without dropping a stream. tlsctx_ref, _unref and _replace from one thread. Ignores SIGPIPE for the process. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct ssl_st;
struct tlsctx;

enum tlsctx_client_cert { TLSCTX_CLIENT_NONE, TLSCTX_CLIENT_OPTIONAL, TLSCTX_CLIENT_REQUIRED };

struct tlsctx_def {
    bool server;
    struct slice cert_pem;    /* leaf first, then its chain; a client may have none */
    struct slice key_pem;
    struct slice roots_pem;   /* client: whom to trust. server: who signs client certificates */
    enum tlsctx_client_cert client_cert; /* server. A certificate that does not verify always fails the handshake */
    const uint8_t *pin_root_sha256;      /* client, 32 bytes: trust the certificate of the peer's chain with this hash, instead of roots_pem */
    bool insecure;            /* client: trust anybody (tests) */
    const char *alpn;         /* by preference, comma between: "h2", "h2,http/1.1". NULL: none. A server refuses a client
                                 that offers ALPN but none of these */
    bool alpn_required;       /* server: also refuses a client without ALPN (gRPC) */
};

/* Fails with the reason: no key, key of another certificate, PEM that is none. */
MUST_USE int tlsctx_new(const struct tlsctx_def *def, struct tlsctx **out, struct err *e);
/* The same, from files (roots may be NULL); def's slices are ignored. Blocking. */
MUST_USE int tlsctx_new_files(const struct tlsctx_def *def, const char *cert, const char *key, const char *roots,
                              struct tlsctx **out, struct err *e);
struct tlsctx *tlsctx_ref(struct tlsctx *t);
void tlsctx_unref(struct tlsctx *t);
/* On failure nothing changes. */
MUST_USE int tlsctx_replace(struct tlsctx *t, const struct tlsctx_def *def, struct err *e);

/* An SSL on fd, in accept or connect state. server_name: SNI and the name or address to verify (client; required unless
 * insecure). */
MUST_USE int tlsctx_ssl(struct tlsctx *t, int fd, const char *server_name, struct ssl_st **out, struct err *e);
/* Takes what OpenSSL has to say about the last failure on ssl (may be NULL), verification included. Empties its queue. */
void tlsctx_reason(struct ssl_st *ssl, char *out, size_t size);
