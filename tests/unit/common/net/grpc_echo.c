#include "grpc_echo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

int grpc_echo_open, grpc_echo_ended[17];
size_t grpc_echo_pending_max;

struct echo {
    unsigned long sent, total, size, count, bytes;
    char *filler;
    bool started;
    struct slice waiting; /* bidi: an echo that found no room */
};

static void on_open(struct grpc_call *c)
{
    grpc_echo_open++;
    grpc_call_set_arg(c, calloc(1, sizeof(struct echo)));
}

static void on_end(struct grpc_call *c, int status, const char *message)
{
    struct echo *s = grpc_call_arg(c);

    (void)message;
    grpc_echo_open--;
    grpc_echo_ended[status]++;
    free(s->filler);
    free((char *)(uintptr_t)s->waiting.p);
    free(s);
}

static void unary(struct grpc_call *c, struct slice m)
{
    if (slice_is(m, "fail")) {
        grpc_call_finish(c, GRPC_FAILED_PRECONDITION, "50% fail: \xc3\xa9");
        return;
    }
    if (slice_is(m, "hang"))
        return;
    MUST(grpc_call_send(c, &m, 1) == 0);
    grpc_call_finish(c, GRPC_OK, NULL);
}

static void count_more(struct grpc_call *c)
{
    struct echo *s = grpc_call_arg(c);
    char number[16];

    while (s->sent < s->total) {
        struct slice pieces[2] = {{number, 0}, {s->filler, 0}};

        pieces[0].n = (size_t)snprintf(number, sizeof(number), "%lu ", s->sent);
        pieces[1].n = s->size > pieces[0].n ? s->size - pieces[0].n : 0;
        if (grpc_call_send(c, pieces, 2) != 0) {
            if (grpc_call_pending(c) > grpc_echo_pending_max)
                grpc_echo_pending_max = grpc_call_pending(c);
            return;
        }
        s->sent++;
    }
    grpc_call_finish(c, GRPC_OK, NULL);
}

static void count(struct grpc_call *c, struct slice m)
{
    struct echo *s = grpc_call_arg(c);
    char text[64] = "";

    memcpy(text, m.p, m.n < sizeof(text) - 1 ? m.n : sizeof(text) - 1);
    if (sscanf(text, "%lu %lu", &s->total, &s->size) != 2 || s->size > 1u << 20) {
        grpc_call_finish(c, GRPC_INVALID_ARGUMENT, "want \"N SIZE\"");
        return;
    }
    s->filler = calloc(1, s->size + 1);
    count_more(c);
}

static void sum(struct grpc_call *c, struct slice m)
{
    struct echo *s = grpc_call_arg(c);

    s->count++;
    s->bytes += m.n;
}

static void sum_end(struct grpc_call *c)
{
    struct echo *s = grpc_call_arg(c);
    char text[64];
    struct slice m = {text, (size_t)snprintf(text, sizeof(text), "%lu %lu", s->count, s->bytes)};

    MUST(grpc_call_send(c, &m, 1) == 0);
    grpc_call_finish(c, GRPC_OK, NULL);
}

static void bidi(struct grpc_call *c, struct slice m)
{
    struct echo *s = grpc_call_arg(c);
    int rc = slice_is(m, "pause") ? 0 : grpc_call_send(c, &m, 1);
    char *copy;

    if (slice_is(m, "pause"))
        grpc_call_pause(c);
    if (rc != -ERR_LIMIT)
        return;
    copy = malloc(m.n + 1);
    memcpy(copy, m.p, m.n);
    s->waiting = (struct slice){copy, m.n};
    grpc_call_pause(c);
}

static void bidi_writable(struct grpc_call *c)
{
    struct echo *s = grpc_call_arg(c);

    MUST(grpc_call_send(c, &s->waiting, 1) == 0);
    free((char *)(uintptr_t)s->waiting.p);
    s->waiting = SLICE_NONE;
    grpc_call_resume(c);
}

static void bidi_end(struct grpc_call *c)
{
    grpc_call_finish(c, GRPC_OK, NULL);
}

static void who(struct grpc_call *c, struct slice m)
{
    struct slice uri = slice_of(grpc_call_peer(c)->uri);

    (void)m;
    MUST(grpc_call_send(c, &uri, 1) == 0);
    grpc_call_finish(c, GRPC_OK, NULL);
}

static const struct grpc_handler unary_handler = {.on_open = on_open, .on_message = unary, .on_end = on_end};
static const struct grpc_handler who_handler = {.on_open = on_open, .on_message = who, .on_end = on_end};
static const struct grpc_handler count_handler = {
    .on_open = on_open, .on_message = count, .on_writable = count_more, .on_end = on_end};
static const struct grpc_handler sum_handler = {
    .on_open = on_open, .on_message = sum, .on_half_close = sum_end, .on_end = on_end};
static const struct grpc_handler bidi_handler = {.on_open = on_open,
                                                 .on_message = bidi,
                                                 .on_half_close = bidi_end,
                                                 .on_writable = bidi_writable,
                                                 .on_end = on_end};

int grpc_echo_register(struct grpc_server *s)
{
    int rc = grpc_server_method(s, "/test.Echo/Unary", GRPC_ONE_REQUEST, &unary_handler, NULL);

    if (rc == 0)
        rc = grpc_server_method(s, "/test.Echo/Count", GRPC_ONE_REQUEST, &count_handler, NULL);
    if (rc == 0)
        rc = grpc_server_method(s, "/test.Echo/Sum", 0, &sum_handler, NULL);
    if (rc == 0)
        rc = grpc_server_method(s, "/test.Echo/Bidi", 0, &bidi_handler, NULL);
    if (rc == 0)
        rc = grpc_server_method(s, "/test.Echo/Who", GRPC_ONE_REQUEST | GRPC_NEEDS_CERTIFICATE, &who_handler, NULL);
    return rc;
}
