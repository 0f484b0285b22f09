/* Our client against python3-grpcio's server. grpc_client localhost:PORT CA.pem: makes one call of each kind, one after the
 * other, and prints "NAME STATUS MESSAGES BYTES last=... message=..." for each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/must.h"
#include "net/graveyard.h"
#include "net/grpc.h"
#include "net/tlsctx.h"

static struct event_base *base;
static struct err e;

struct plan {
    const char *name, *path, *first; /* first: the first message; NULL: none */
    unsigned long more, size;        /* then so many of this size */
    uint32_t deadline_ms;
    bool cancel_at_first;
    /* what came */
    unsigned long sent, messages, bytes;
    char last[64];
    struct grpc_call *call;
};

static struct plan plans[] = {
    {.name = "unary", .path = "/test.Echo/Unary", .first = "hello"},
    {.name = "fail", .path = "/test.Echo/Unary", .first = "fail"},
    {.name = "nothing", .path = "/test.Echo/Nothing", .first = "x"},
    {.name = "count", .path = "/test.Echo/Count", .first = "20000 100"},
    {.name = "large", .path = "/test.Echo/Count", .first = "40 524288"},
    {.name = "sum", .path = "/test.Echo/Sum", .more = 200, .size = 100000},
    {.name = "bidi", .path = "/test.Echo/Bidi", .more = 5000, .size = 50},
    {.name = "late", .path = "/test.Echo/Unary", .first = "hang", .deadline_ms = 200},
    {.name = "cancel", .path = "/test.Echo/Count", .first = "1000000 100", .cancel_at_first = true},
    {.name = "toolarge", .path = "/test.Echo/Count", .first = "1 600000"},
    {.name = "alive", .path = "/test.Echo/Unary", .first = "alive"},
};

static void send_more(struct grpc_call *c)
{
    static char filler[100000];
    struct plan *p = grpc_call_arg(c);

    while (p->sent < p->more) {
        struct slice m = {filler, p->size};

        if (grpc_call_send(c, &m, 1) != 0)
            return;
        p->sent++;
    }
    grpc_call_half_close(c);
}

static void on_message(struct grpc_call *c, struct slice m)
{
    struct plan *p = grpc_call_arg(c);

    p->messages++;
    p->bytes += m.n;
    (void)snprintf(p->last, sizeof(p->last), "%.*s", m.n > 20 ? 20 : (int)m.n, m.n == 0 ? "" : m.p);
    if (p->cancel_at_first)
        grpc_call_cancel(c);
}

static void on_end(struct grpc_call *c, int status, const char *message)
{
    struct plan *p = grpc_call_arg(c);

    if (p->cancel_at_first)
        p->messages = p->bytes = 0, p->last[0] = '\0'; /* however many came before */
    (void)printf("%s %d %lu %lu last=%s message=%s\n", p->name, status, p->messages, p->bytes,
                 p->messages < 100 && p->bytes < 100 ? p->last : "", status == GRPC_FAILED_PRECONDITION ? message : "");
    p->call = NULL;
    event_base_loopbreak(base);
}

static const struct grpc_handler handler = {.on_message = on_message, .on_writable = send_more, .on_end = on_end};

static void on_state(struct grpc_client *c, enum grpc_client_state state, const char *why, void *arg)
{
    (void)c, (void)arg;
    if (state == GRPC_CLIENT_CLOSED)
        (void)fprintf(stderr, "closed: %s\n", why);
}

int main(int argc, char **argv)
{
    struct tlsctx_def def = {.alpn = "h2"};
    struct grpc_client_options o = {.on_state = on_state};
    struct grpc_client *client;

    if (argc != 3)
        return 2;
    base = o.base = event_base_new();
    o.target = argv[1];
    if (graveyard_new(base, &o.graveyard, &e) != 0 || tlsctx_new_files(&def, NULL, NULL, argv[2], &o.tls, &e) != 0 ||
        grpc_client_new(&o, &client, &e) != 0) {
        (void)fprintf(stderr, "grpc_client: %s\n", e.text);
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct plan *p = &plans[i];
        struct slice m = slice_of(p->first);

        if (grpc_client_call(client, p->path, p->deadline_ms, &handler, p, &p->call) != 0)
            return 1;
        if (p->first != NULL && grpc_call_send(p->call, &m, 1) != 0)
            return 1;
        send_more(p->call);
        event_base_dispatch(base);
    }
    grpc_client_free(client);
    tlsctx_unref(o.tls);
    graveyard_free(o.graveyard);
    event_base_free(base);
    return 0;
}
