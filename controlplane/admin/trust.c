#include "admin/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "net/tlsctx.h"

#define NAMES_MAX 60u
#define DAY_S 86400

struct trust {
    char dir[PATH_MAX - 64];
    char names_text[2048];           /* the names one behind the other, NUL between */
    const char *names[NAMES_MAX];
    size_t n_names;
    struct cert_ca *ca;
    struct tlsctx *admin_tls, *push_tls;
    struct buf cert, key;            /* of the server */
};

static const char *in_dir(const struct trust *t, const char *file, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s/%s", t->dir, file);
    return out;
}

static int read_file(const struct trust *t, const char *file, struct buf *out, struct err *e)
{
    char path[PATH_MAX];

    return file_read(in_dir(t, file, path), CERT_PEM_MAX, out, e);
}

static int write_file(const struct trust *t, const char *file, struct slice text, mode_t mode, struct err *e)
{
    char path[PATH_MAX];

    return file_write_atomic(in_dir(t, file, path), text.p, text.n, mode, e);
}

/* ---- names of the server certificate ---- */

static void add_name(struct trust *t, size_t *used, struct slice name)
{
    char *p = t->names_text + *used;

    while (name.n > 0 && (name.p[0] == ' ' || name.p[0] == '['))
        name = slice_sub(name, 1, name.n);
    while (name.n > 0 && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == ']'))
        name.n--;
    if (name.n == 0 || t->n_names == NAMES_MAX || *used + name.n + 1 > sizeof(t->names_text))
        return;
    memcpy(p, name.p, name.n);
    p[name.n] = '\0';
    for (size_t i = 0; i < t->n_names; i++)
        if (strcasecmp(t->names[i], p) == 0)
            return;
    t->names[t->n_names++] = p;
    *used += name.n + 1;
}

static int collect_names(struct trust *t, const char *advertise, struct err *e)
{
    char host[HOST_NAME_MAX + 1];
    size_t used = 0, before;

    add_name(t, &used, SLICE_LIT("localhost"));
    add_name(t, &used, SLICE_LIT("127.0.0.1"));
    add_name(t, &used, SLICE_LIT("::1"));
    if (gethostname(host, sizeof(host)) == 0) {
        host[sizeof(host) - 1] = '\0';
        add_name(t, &used, slice_of(host));
    }
    while (advertise != NULL && *advertise != '\0') {
        size_t n = strcspn(advertise, ",");

        before = t->n_names;
        add_name(t, &used, slice_from(advertise, n));
        if (t->n_names == before && (n > 255 || t->n_names == NAMES_MAX))
            return err_set(e, ERR_LIMIT, "--advertise: too many or too long names");
        advertise += n + (advertise[n] == ',');
    }
    return 0;
}

/* ---- certificate authority ---- */

static int make_ca(const struct trust *t, struct buf *cert, struct buf *key, struct err *e)
{
    int rc = cert_make_ca("Sluice control plane", TRUST_CA_DAYS, cert, key, e);

    /* The key first: a certificate without its key would be useless, a key alone is only made again. */
    if (rc == 0)
        rc = write_file(t, "ca.key", buf_slice(key), 0600, e);
    if (rc == 0)
        rc = write_file(t, "ca.crt", buf_slice(cert), 0644, e);
    if (rc == 0)
        LOG_INFO("made a certificate authority", LOG_STR("folder", t->dir));
    return rc;
}

static int open_ca(struct trust *t, struct err *e)
{
    struct buf cert, key;
    int rc;

    buf_init(&cert, CERT_PEM_MAX);
    buf_init(&key, CERT_PEM_MAX);
    rc = read_file(t, "ca.crt", &cert, e);
    if (rc == 0)
        rc = read_file(t, "ca.key", &key, e);
    else if (rc == -ERR_NOTFOUND)
        rc = make_ca(t, &cert, &key, e);
    if (rc == 0) {
        rc = cert_ca_load(buf_slice(&cert), buf_slice(&key), &t->ca, e);
        if (rc != 0)
            (void)err_prefix(e, "%s: ca.crt and ca.key", t->dir);
    }
    buf_fini(&cert);
    cert_wipe(&key);
    return rc;
}

/* ---- server certificate ---- */

static int make_server(struct trust *t, struct err *e)
{
    struct buf names;
    int rc;

    buf_clear(&t->cert);
    buf_clear(&t->key);
    buf_init(&names, 0);
    rc = cert_make_server(t->ca, t->names, t->n_names, TRUST_SERVER_DAYS, &t->cert, &t->key, e);
    for (size_t i = 0; rc == 0 && i < t->n_names; i++)
        if (buf_printf(&names, "%s\n", t->names[i]) != 0)
            rc = err_set(e, ERR_NOMEM, "server certificate");
    /* The list of names last: as long as it does not match, the next start makes the pair again. */
    if (rc == 0)
        rc = write_file(t, "server.names", SLICE_LIT(""), 0600, e);
    if (rc == 0)
        rc = write_file(t, "server.key", buf_slice(&t->key), 0600, e);
    if (rc == 0)
        rc = write_file(t, "server.crt", buf_slice(&t->cert), 0644, e);
    if (rc == 0)
        rc = write_file(t, "server.names", buf_slice(&names), 0600, e);
    buf_fini(&names);
    if (rc == 0)
        LOG_INFO("made a server certificate", LOG_STR("folder", t->dir), LOG_U64("names", t->n_names));
    return rc;
}

static bool names_match(const struct trust *t)
{
    struct slice rest;
    struct buf b;
    bool same;

    buf_init(&b, 0);
    same = read_file(t, "server.names", &b, NULL) == 0;
    rest = buf_slice(&b);
    for (size_t i = 0; same && i < t->n_names; i++) {
        struct slice name = slice_of(t->names[i]);

        same = slice_starts(rest, name) && rest.n > name.n && rest.p[name.n] == '\n';
        if (same)
            rest = slice_sub(rest, name.n + 1, rest.n);
    }
    same = same && rest.n == 0;
    buf_fini(&b);
    return same;
}

/* Ours, of these names, and with time left? Anything else is made anew: nothing is lost by it. */
static bool server_is_good(struct trust *t)
{
    struct cert_info info;
    struct err e;

    buf_clear(&t->cert);
    buf_clear(&t->key);
    if (read_file(t, "server.crt", &t->cert, &e) != 0 || read_file(t, "server.key", &t->key, &e) != 0)
        return false;
    if (cert_check_pair(buf_slice(&t->cert), buf_slice(&t->key), &e) != 0 ||
        cert_verify(buf_slice(&t->cert), cert_ca_pem(t->ca), CERT_SERVER, 0, &e) != 0 ||
        cert_info_pem(buf_slice(&t->cert), &info, &e) != 0)
        return false;
    return info.not_after - clock_wall_ms() / 1000 > (int64_t)TRUST_RENEW_DAYS * DAY_S && names_match(t);
}

static struct tlsctx_def admin_def(const struct trust *t)
{
    return (struct tlsctx_def){.server = true, .cert_pem = buf_slice(&t->cert), .key_pem = buf_slice(&t->key),
                               .alpn = "http/1.1"};
}

static struct tlsctx_def push_def(const struct trust *t)
{
    return (struct tlsctx_def){.server = true, .cert_pem = buf_slice(&t->cert), .key_pem = buf_slice(&t->key),
                               .roots_pem = cert_ca_pem(t->ca), .client_cert = TLSCTX_CLIENT_OPTIONAL, .alpn = "h2",
                               .alpn_required = true};
}

static int open_tls(struct trust *t, struct err *e)
{
    struct tlsctx_def def = admin_def(t);
    int rc = tlsctx_new(&def, &t->admin_tls, e);

    if (rc != 0)
        return rc;
    def = push_def(t);
    return tlsctx_new(&def, &t->push_tls, e);
}

int trust_renew(struct trust *t, struct err *e)
{
    struct tlsctx_def def;
    int rc;

    if (server_is_good(t))
        return 0;
    rc = make_server(t, e);
    if (rc != 0)
        return rc;
    def = admin_def(t);
    rc = tlsctx_replace(t->admin_tls, &def, e);
    if (rc != 0)
        return rc;
    def = push_def(t);
    return tlsctx_replace(t->push_tls, &def, e);
}

int trust_open(const struct trust_options *o, struct trust **out, struct err *e)
{
    struct trust *t = calloc(1, sizeof(*t));
    int rc;

    if (t == NULL)
        return err_set(e, ERR_NOMEM, "trust");
    buf_init(&t->cert, CERT_PEM_MAX);
    buf_init(&t->key, CERT_PEM_MAX);
    rc = snprintf(t->dir, sizeof(t->dir), "%s", o->state_dir);
    rc = rc < 0 || (size_t)rc >= sizeof(t->dir) ? err_set(e, ERR_LIMIT, "the state directory's name is too long") : 0;
    if (rc == 0)
        rc = collect_names(t, o->advertise, e);
    if (rc == 0)
        rc = open_ca(t, e);
    if (rc == 0 && !server_is_good(t))
        rc = make_server(t, e);
    if (rc == 0)
        rc = open_tls(t, e);
    if (rc != 0) {
        trust_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void trust_free(struct trust *t)
{
    if (t == NULL)
        return;
    if (t->admin_tls != NULL)
        tlsctx_unref(t->admin_tls);
    if (t->push_tls != NULL)
        tlsctx_unref(t->push_tls);
    if (t->ca != NULL)
        cert_ca_free(t->ca);
    buf_fini(&t->cert);
    cert_wipe(&t->key);
    free(t);
}

const struct cert_ca *trust_ca(const struct trust *t)
{
    return t->ca;
}

struct tlsctx *trust_admin_tls(const struct trust *t)
{
    return t->admin_tls;
}

struct tlsctx *trust_push_tls(const struct trust *t)
{
    return t->push_tls;
}

/* ---- tokens ---- */

static void random_text(char *out, size_t n)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuv"; /* 32: five bits each, no bias */
    uint8_t bytes[64];

    random_bytes(bytes, n);
    for (size_t i = 0; i < n; i++)
        out[i] = letters[bytes[i] & 31];
    out[n] = '\0';
    secret_wipe(bytes, sizeof(bytes));
}

void trust_token_make(struct trust_token *out)
{
    random_text(out->id, sizeof(out->id) - 1);
    random_text(out->secret, sizeof(out->secret) - 1);
    digest_sha256(out->secret, sizeof(out->secret) - 1, out->hash);
}

bool trust_token_parse(struct slice text, struct slice *id, struct slice *secret)
{
    const char *bar;

    if (!slice_starts(text, SLICE_LIT("slc_")) || text.n > 256)
        return false;
    text = slice_sub(text, 4, text.n);
    bar = memchr(text.p, '_', text.n);
    if (bar == NULL || bar == text.p || bar == text.p + text.n - 1)
        return false;
    *id = slice_from(text.p, (size_t)(bar - text.p));
    *secret = slice_from(bar + 1, text.n - id->n - 1);
    return true;
}

struct token_seek {
    struct slice id;
    bool found, revoked;
};

static int seek_token(void *arg, const struct store_token *t)
{
    struct token_seek *s = arg;

    if (slice_eq(t->id, s->id)) {
        s->found = true;
        s->revoked = t->revoked_ms != 0;
    }
    return 0;
}

static int put_admin(struct store *s, struct slice id, struct slice secret, struct err *e)
{
    struct store_token t = {.id = id, .name = SLICE_LIT("admin"), .created_by = SLICE_LIT("first start"),
                            .kind = STORE_TOKEN_API, .role = STORE_ROLE_ADMIN, .created_ms = clock_wall_ms()};

    digest_sha256(secret.p, secret.n, t.hash);
    return store_token_add(s, &t, e);
}

static int new_admin(const struct trust *t, struct store *s, struct err *e)
{
    struct trust_token token;
    char text[128];
    int n, rc;

    trust_token_make(&token);
    n = snprintf(text, sizeof(text), "slc_%s_%s\n", token.id, token.secret);
    rc = write_file(t, "admin.token", slice_from(text, (size_t)n), 0600, e);
    if (rc == 0)
        rc = put_admin(s, slice_of(token.id), slice_of(token.secret), e);
    secret_wipe(&token, sizeof(token));
    secret_wipe(text, sizeof(text));
    if (rc == 0)
        LOG_INFO("made the first admin token", LOG_STR("file", "admin.token"), LOG_STR("folder", t->dir));
    return rc;
}

int trust_admin_token(const struct trust *t, struct store *s, struct err *e)
{
    struct token_seek seek = {0};
    struct slice text, secret;
    struct buf b;
    int rc;

    buf_init(&b, 0);
    rc = read_file(t, "admin.token", &b, e);
    text = buf_slice(&b);
    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == ' '))
        text.n--;
    if (rc == 0 && trust_token_parse(text, &seek.id, &secret)) {
        rc = store_tokens(s, seek_token, &seek, e);
        if (rc == 0 && !seek.found)
            rc = put_admin(s, seek.id, secret, e);
        else if (rc == 0 && seek.revoked)
            rc = new_admin(t, s, e);
    } else if (rc == 0 || rc == -ERR_NOTFOUND) {
        rc = new_admin(t, s, e);
    }
    cert_wipe(&b);
    return rc;
}

int trust_write_context(const struct trust *t, const char *address, struct err *e)
{
    struct buf b;
    char real[PATH_MAX];
    int rc;

    if (realpath(t->dir, real) == NULL)
        return err_errno(e, "%s", t->dir);
    buf_init(&b, 0);
    rc = buf_printf(&b, "currentContext: local\ncontexts:\n  - name: local\n    server: \"https://%s\"\n"
                        "    certificateAuthority: \"%s/ca.crt\"\n    tokenFile: \"%s/admin.token\"\n",
                    address, real, real);
    rc = rc != 0 ? err_set(e, (enum err_code)-rc, "cpctl.yaml") : write_file(t, "cpctl.yaml", buf_slice(&b), 0600, e);
    buf_fini(&b);
    return rc;
}
