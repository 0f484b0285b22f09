#pragma once
/* grpc.health.v1.Health (Check, Watch) for a grpc_server. */
#include "base/err.h"

struct grpc_health;
struct grpc_server;

enum grpc_serving { GRPC_SERVING_UNKNOWN = 0, GRPC_SERVING = 1, GRPC_NOT_SERVING = 2, GRPC_SERVICE_UNKNOWN = 3 };

#define GRPC_HEALTH_SERVICES_MAX 32

/* Registers both methods. "" (the server as a whole) starts as GRPC_NOT_SERVING. Free it after the server. */
MUST_USE int grpc_health_new(struct grpc_server *s, struct grpc_health **out, struct err *e);
void grpc_health_free(struct grpc_health *h);
/* service is copied. Tells all watchers. -ERR_LIMIT over GRPC_HEALTH_SERVICES_MAX. */
MUST_USE int grpc_health_set(struct grpc_health *h, const char *service, enum grpc_serving status);
