/* HealthCheckRequest {string service = 1}; HealthCheckResponse {ServingStatus status = 1}. */
#include "net/grpc_health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/must.h"
#include "net/grpc.h"
#include "net/grpc_pb.h"

#define NAME_MAX_ 128

struct service {
    char name[NAME_MAX_];
    enum grpc_serving status;
};

struct grpc_health {
    struct service services[GRPC_HEALTH_SERVICES_MAX];
    size_t n;
    struct list watches;
};

/* One Watch call. It sends the newest status; what the client is too slow for is skipped. */
struct watch {
    struct list link;
    struct grpc_health *health;
    struct grpc_call *call;
    char name[NAME_MAX_];
    int told; /* -1: nothing yet */
};

static struct service *find(struct grpc_health *h, const char *name)
{
    for (size_t i = 0; i < h->n; i++) {
        if (strcmp(h->services[i].name, name) == 0)
            return &h->services[i];
    }
    return NULL;
}

static int read_request(struct slice m, char name[NAME_MAX_])
{
    struct grpc_pb_field f;
    int rc;

    name[0] = '\0';
    while ((rc = grpc_pb_next(&m, &f)) == 1) {
        if (f.number != 1 || !f.is_bytes)
            continue;
        if (f.bytes.n >= NAME_MAX_)
            return -ERR_LIMIT;
        (void)snprintf(name, NAME_MAX_, "%.*s", f.bytes.n == 0 ? 0 : SLICE_FMT(f.bytes));
    }
    return rc;
}

static int send_status(struct grpc_call *c, enum grpc_serving status)
{
    char bytes[2] = {0x08, (char)status};
    struct slice m = {bytes, status == GRPC_SERVING_UNKNOWN ? 0 : sizeof(bytes)};

    return grpc_call_send(c, &m, 1);
}

static void check_message(struct grpc_call *c, struct slice m)
{
    char name[NAME_MAX_];
    struct service *s;

    if (read_request(m, name) != 0) {
        grpc_call_finish(c, GRPC_INVALID_ARGUMENT, "not a HealthCheckRequest");
        return;
    }
    s = find(grpc_call_arg(c), name);
    if (s == NULL)
        grpc_call_finish(c, GRPC_NOT_FOUND, "unknown service");
    else if (send_status(c, s->status) != 0)
        grpc_call_finish(c, GRPC_INTERNAL, "out of memory");
    else
        grpc_call_finish(c, GRPC_OK, NULL);
}

static void check_end(struct grpc_call *c, int status, const char *message)
{
    (void)c, (void)status, (void)message;
}

static void tell(struct watch *w)
{
    struct service *s = find(w->health, w->name);
    enum grpc_serving status = s == NULL ? GRPC_SERVICE_UNKNOWN : s->status;

    if (w->told == (int)status || w->call == NULL)
        return;
    if (send_status(w->call, status) == 0)
        w->told = (int)status;
}

static void watch_open(struct grpc_call *c)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        grpc_call_set_arg(c, NULL);
        grpc_call_finish(c, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    list_init(&w->link);
    w->health = grpc_call_arg(c);
    w->call = c;
    w->told = -1;
    grpc_call_set_arg(c, w);
}

static void watch_message(struct grpc_call *c, struct slice m)
{
    struct watch *w = grpc_call_arg(c);

    if (read_request(m, w->name) != 0) {
        grpc_call_finish(c, GRPC_INVALID_ARGUMENT, "not a HealthCheckRequest");
        return;
    }
    list_append(&w->health->watches, &w->link);
    tell(w);
}

static void watch_writable(struct grpc_call *c)
{
    tell(grpc_call_arg(c));
}

static void watch_end(struct grpc_call *c, int status, const char *message)
{
    struct watch *w = grpc_call_arg(c);

    (void)status, (void)message;
    if (w == NULL)
        return;
    list_remove(&w->link);
    free(w);
}

static const struct grpc_handler check_handler = {.on_message = check_message, .on_end = check_end};
static const struct grpc_handler watch_handler = {
    .on_open = watch_open, .on_message = watch_message, .on_writable = watch_writable, .on_end = watch_end};

int grpc_health_new(struct grpc_server *s, struct grpc_health **out, struct err *e)
{
    struct grpc_health *h = calloc(1, sizeof(*h));
    int rc;

    if (h == NULL)
        return err_set(e, ERR_NOMEM, "health");
    list_init(&h->watches);
    h->n = 1;
    h->services[0].status = GRPC_NOT_SERVING;
    rc = grpc_server_method(s, "/grpc.health.v1.Health/Check", GRPC_ONE_REQUEST, &check_handler, h);
    if (rc == 0)
        rc = grpc_server_method(s, "/grpc.health.v1.Health/Watch", GRPC_ONE_REQUEST, &watch_handler, h);
    if (rc != 0)
        return err_set(e, (enum err_code)-rc, "health: its methods are taken, or memory is out"); /* h: methods may point to it */
    *out = h;
    return 0;
}

void grpc_health_free(struct grpc_health *h)
{
    if (h == NULL)
        return;
    MUST(list_is_empty(&h->watches)); /* the server goes first */
    free(h);
}

int grpc_health_set(struct grpc_health *h, const char *service, enum grpc_serving status)
{
    struct service *s = find(h, service);

    if (s == NULL) {
        if (h->n == GRPC_HEALTH_SERVICES_MAX || strlen(service) >= NAME_MAX_)
            return -ERR_LIMIT;
        s = &h->services[h->n++];
        (void)snprintf(s->name, sizeof(s->name), "%s", service);
    }
    s->status = status;
    for (struct list *n = h->watches.next; n != &h->watches; n = n->next)
        tell(CONTAINER_OF(n, struct watch, link));
    return 0;
}
