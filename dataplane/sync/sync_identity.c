#include "sync/sync_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/must.h"
#include "base/secret.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "net/tlsctx.h"

#define PEM_MAX 65536u
#define TOKEN_MAX 4096u

static void path_of(const struct sync_identity *id, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", id->dir, name);
}

/* "spiffe://cluster/dp/environment/node" */
static int take_uri(struct sync_identity *id, const char *uri, struct err *e)
{
    char text[CERT_URI_MAX], *part[5] = {0}, *rest = text;

    snprintf(text, sizeof(text), "%s", uri);
    if (strncmp(text, "spiffe://", 9) != 0)
        return err_set(e, ERR_INVALID, "the certificate names no node");
    rest += 9;
    for (int i = 0; i < 5 && rest != NULL; i++)
        part[i] = strsep(&rest, "/");
    if (part[3] == NULL || part[4] != NULL || strcmp(part[1], "dp") != 0 || strlen(part[0]) >= sizeof(id->cluster) ||
        strlen(part[2]) >= sizeof(id->environment) || strlen(part[3]) >= sizeof(id->node))
        return err_set(e, ERR_INVALID, "the certificate names no node");
    snprintf(id->cluster, sizeof(id->cluster), "%s", part[0]);
    snprintf(id->environment, sizeof(id->environment), "%s", part[2]);
    snprintf(id->node, sizeof(id->node), "%s", part[3]);
    return 0;
}

static int use(struct sync_identity *id, struct slice node_pem, struct slice ca_pem, struct err *e)
{
    struct tlsctx_def def = {.cert_pem = node_pem, .key_pem = node_pem, .roots_pem = ca_pem, .alpn = "h2"};
    struct tlsctx *tls = NULL;
    struct cert_info info;
    int rc = cert_info_pem(node_pem, &info, e);

    if (rc == 0)
        rc = take_uri(id, info.uri, e);
    if (rc == 0)
        rc = tlsctx_new(&def, &tls, e);
    if (rc != 0)
        return rc;
    if (id->tls != NULL)
        tlsctx_unref(id->tls);
    id->tls = tls;
    id->not_before = info.not_before;
    id->not_after = info.not_after;
    id->enrolled = info.not_after > clock_wall_ms() / 1000;
    return 0;
}

int sync_identity_load(struct sync_identity *id, const char *dir, struct err *e)
{
    struct buf node, ca;
    char path[4096];
    int rc;

    memset(id, 0, sizeof(*id));
    if (strlen(dir) >= sizeof(id->dir))
        return err_set(e, ERR_LIMIT, "the state directory's name is too long");
    snprintf(id->dir, sizeof(id->dir), "%s", dir);
    rc = file_mkdirs(dir, 0700, e);
    if (rc != 0)
        return rc;
    buf_init(&node, 0);
    buf_init(&ca, 0);
    path_of(id, "node.pem", path, sizeof(path));
    rc = file_read(path, PEM_MAX, &node, e);
    if (rc == 0) {
        path_of(id, "ca.crt", path, sizeof(path));
        rc = file_read(path, PEM_MAX, &ca, e);
    }
    if (rc == 0)
        rc = use(id, buf_slice(&node), buf_slice(&ca), e);
    else if (rc == -ERR_NOTFOUND)
        rc = 0;
    cert_wipe(&node);
    buf_fini(&ca);
    return rc;
}

void sync_identity_fini(struct sync_identity *id)
{
    if (id->tls != NULL)
        tlsctx_unref(id->tls);
    id->tls = NULL;
}

/* ---- joining ---------------------------------------------------------------------------------------------------------------- */

int sync_token_read(const char *file, struct sync_token *out, struct err *e)
{
    const char *env = getenv("SLUICE_JOIN_TOKEN"), *dot;
    struct slice text;
    struct buf b;
    int rc = 0;

    buf_init(&b, 0);
    if (file != NULL)
        rc = file_read(file, TOKEN_MAX, &b, e);
    else if (env == NULL || env[0] == '\0')
        rc = err_set(e, ERR_NOTFOUND, "no join token: --join-token-file or SLUICE_JOIN_TOKEN");
    text = file != NULL ? buf_slice(&b) : slice_of(env);
    while (text.n > 0 && (unsigned char)text.p[text.n - 1] <= ' ')
        text.n--;
    if (rc == 0 && (text.n == 0 || text.n >= sizeof(out->text)))
        rc = err_set(e, ERR_SYNTAX, "the join token is empty or too long");
    if (rc == 0) {
        memcpy(out->text, text.p, text.n);
        out->text[text.n] = '\0';
        dot = strrchr(out->text, '.');
        if (dot == NULL || !digest_unhex(slice_of(dot + 1), out->ca_sha256, sizeof(out->ca_sha256)))
            rc = err_set(e, ERR_SYNTAX, "this is no join token: <id>.<secret>.<hash> is expected");
    }
    cert_wipe(&b);
    return rc;
}

int sync_token_tls(const struct sync_token *t, struct tlsctx **out, struct err *e)
{
    struct tlsctx_def def = {.pin_root_sha256 = t->ca_sha256, .alpn = "h2"};

    return tlsctx_new(&def, out, e);
}

int sync_identity_new_key(struct buf *key_pem, struct buf *csr, struct err *e)
{
    return cert_make_csr("node", key_pem, csr, e);
}

int sync_identity_join_key(const struct sync_identity *id, struct buf *key_pem, struct buf *csr, struct err *e)
{
    char path[4096];
    int rc;

    path_of(id, "join.key", path, sizeof(path));
    rc = file_read(path, PEM_MAX, key_pem, e);
    if (rc == 0)
        return cert_make_csr_for(buf_slice(key_pem), "node", csr, e);
    if (rc != -ERR_NOTFOUND)
        return rc;
    rc = sync_identity_new_key(key_pem, csr, e);
    if (rc != 0)
        return rc;
    return file_write_atomic(path, buf_slice(key_pem).p, buf_len(key_pem), 0600, e);
}

static int write_files(struct sync_identity *id, struct slice node_pem, struct slice ca_pem, struct err *e)
{
    char path[4096];
    int rc;

    path_of(id, "ca.crt", path, sizeof(path));
    rc = file_write_atomic(path, ca_pem.p, ca_pem.n, 0644, e);
    if (rc != 0)
        return rc;
    path_of(id, "node.pem", path, sizeof(path));
    rc = file_write_atomic(path, node_pem.p, node_pem.n, 0600, e);
    if (rc != 0)
        return rc;
    path_of(id, "join.key", path, sizeof(path));
    (void)unlink(path);
    return 0;
}

int sync_identity_take(struct sync_identity *id, const struct sync_granted *g, struct slice key_pem,
                       const uint8_t *ca_sha256, struct err *e)
{
    struct buf node, ca;
    uint8_t hash[32];
    char path[4096];
    int rc = 0;

    buf_init(&node, 0);
    buf_init(&ca, 0);
    if (ca_sha256 != NULL) {
        digest_sha256(g->root, g->n_root, hash);
        rc = memcmp(hash, ca_sha256, sizeof(hash)) == 0
                 ? cert_der_to_pem(slice_from(g->root, g->n_root), &ca, e)
                 : err_set(e, ERR_MISMATCH, "the root is not the one that the join token names");
    } else {
        path_of(id, "ca.crt", path, sizeof(path));
        rc = file_read(path, PEM_MAX, &ca, e);
    }
    if (rc == 0)
        rc = cert_der_to_pem(slice_from(g->cert, g->n_cert), &node, e);
    if (rc == 0)
        rc = cert_check_pair(buf_slice(&node), key_pem, e);
    if (rc == 0)
        rc = cert_verify(buf_slice(&node), buf_slice(&ca), CERT_CLIENT, 0, e);
    if (rc == 0)
        rc = buf_append(&node, key_pem.p, key_pem.n);
    if (rc == 0)
        rc = write_files(id, buf_slice(&node), buf_slice(&ca), e);
    if (rc == 0)
        rc = use(id, buf_slice(&node), buf_slice(&ca), e);
    cert_wipe(&node);
    buf_fini(&ca);
    return rc;
}
