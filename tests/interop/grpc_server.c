/* The server that tests/interop/grpc_interop.py talks to: the echo methods of the unit tests, health and reflection.
 * grpc_server DIR SET: writes ca.pem and the pairs node and server into DIR, serves SET (a FileDescriptorSet), prints its port.
 * Ends at SIGTERM with a line "open=N" on standard output. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "../unit/common/net/grpc_echo.h"
#include "base/file.h"
#include "base/must.h"
#include "crypto/cert.h"
#include "net/graveyard.h"
#include "net/grpc_health.h"
#include "net/grpc_reflection.h"
#include "net/tlsctx.h"

static struct err e;

static void check(int rc, const char *what)
{
    if (rc == 0)
        return;
    (void)fprintf(stderr, "grpc_server: %s: %s\n", what, e.text);
    exit(1);
}

static void save(const char *dir, const char *name, const struct buf *b)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    check(file_write_atomic(path, buf_slice(b).p, buf_len(b), 0600, &e), path);
}

static struct tlsctx *make_tls(const char *dir)
{
    static const char *const names[] = {"localhost", "127.0.0.1"};
    struct buf ca_cert, ca_key, cert, key, node_key, csr, der, pem;
    struct buf *all[] = {&ca_cert, &ca_key, &cert, &key, &node_key, &csr, &der, &pem};
    struct tlsctx_def def = {.server = true, .client_cert = TLSCTX_CLIENT_OPTIONAL, .alpn = "h2", .alpn_required = true};
    struct cert_ca *ca;
    struct tlsctx *t;

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_init(all[i], 0);
    check(cert_make_ca("Interop CA", 1, &ca_cert, &ca_key, &e), "ca");
    check(cert_ca_load(buf_slice(&ca_cert), buf_slice(&ca_key), &ca, &e), "ca");
    check(cert_make_server(ca, names, 2, 1, &cert, &key, &e), "server");
    check(cert_make_csr("node", &node_key, &csr, &e), "csr");
    check(cert_sign_csr(ca, buf_slice(&csr), "spiffe://c/dp/prod/py", 0, 3600, &der, &e), "sign");
    check(cert_der_to_pem(buf_slice(&der), &pem, &e), "pem");
    save(dir, "ca.pem", &ca_cert);
    save(dir, "node.pem", &pem);
    save(dir, "server.pem", &cert);
    save(dir, "server.key", &key);
    save(dir, "node.key", &node_key);
    def.cert_pem = buf_slice(&cert);
    def.key_pem = buf_slice(&key);
    def.roots_pem = buf_slice(&ca_cert);
    check(tlsctx_new(&def, &t, &e), "tls");
    cert_ca_free(ca);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        cert_wipe(all[i]);
    return t;
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

/* SIGUSR1: "test.Echo" turns to NOT_SERVING, for Watch. */
static void on_usr1(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    check(grpc_health_set(arg, "test.Echo", GRPC_NOT_SERVING), "health");
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    struct grpc_server_options o = {.base = base};
    struct grpc_reflection *reflection;
    struct grpc_health *health;
    struct grpc_server *server;
    struct grpc_server_stats stats;
    struct sock_addr a;
    struct event *term, *usr1;
    struct slice set;
    struct buf file;

    if (argc != 3)
        return 2;
    buf_init(&file, 0);
    check(file_read(argv[2], 1 << 20, &file, &e), argv[2]);
    check(graveyard_new(base, &o.graveyard, &e), "graveyard");
    o.tls = make_tls(argv[1]);
    check(sock_parse(SLICE_LIT("127.0.0.1:0"), &a, &e), "address");
    check(sock_listen(&a, SOCK_ALONE, &o.listen_fd, &e), "listen");
    check(grpc_server_new(&o, &server, &e), "server");
    check(grpc_echo_register(server), "methods");
    check(grpc_health_new(server, &health, &e), "health");
    check(grpc_health_set(health, "", GRPC_SERVING), "health");
    check(grpc_health_set(health, "test.Echo", GRPC_SERVING), "health");
    set = buf_slice(&file);
    check(grpc_reflection_new(server, &set, 1, &reflection, &e), "reflection");
    term = evsignal_new(base, SIGTERM, on_signal, base);
    usr1 = evsignal_new(base, SIGUSR1, on_usr1, health);
    if (event_add(term, NULL) != 0 || event_add(usr1, NULL) != 0)
        return 1;
    (void)printf("%u\n", grpc_server_port(server));
    (void)fflush(stdout);
    event_base_dispatch(base);
    grpc_server_stats(server, &stats);
    grpc_server_free(server);
    (void)printf("open=%d pending_max=%zu flood=%lu\n", grpc_echo_open, grpc_echo_pending_max,
                 (unsigned long)stats.closed_flood);
    grpc_reflection_free(reflection);
    grpc_health_free(health);
    event_free(term);
    event_free(usr1);
    tlsctx_unref(o.tls);
    graveyard_free(o.graveyard);
    event_base_free(base);
    buf_fini(&file);
    return 0;
}
