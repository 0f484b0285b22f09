#include "spec/spec_shape.h"

#define AT(type, member) .offset = offsetof(struct type, member)
#define LATER(name_) {.name = (name_), .type = SPEC_LATER}
#define END {.name = NULL}

static const char *const METHODS[] = {"ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", NULL};

/* ---- metadata ---- */
static const struct spec_field METADATA[] = {
    {.name = "name", .type = SPEC_TEXT, .flags = SPEC_REQUIRED | SPEC_IS_NAME, AT(spec_metadata, name), .min = 1, .max = CAPS_NAME_MAX},
    {.name = "labels", .type = SPEC_PAIRS, .flags = SPEC_ANY_SCALAR, AT(spec_metadata, labels), .max = 64},
    END,
};
const struct spec_shape spec_metadata_shape = {"metadata", sizeof(struct spec_metadata), METADATA};

/* ---- Api ---- */
static const struct spec_field RESPONSE[] = {
    {.name = "statusCode", .type = SPEC_TEXT, .flags = SPEC_ANY_SCALAR, AT(spec_response, status_code), .min = 1, .max = 64, .example = "\"200\""},
    {.name = "responseTemplates", .type = SPEC_PAIRS, .flags = SPEC_NULL_IS_EMPTY, AT(spec_response, templates), .max = 32},
    {.name = "responseParameters", .type = SPEC_PAIRS, AT(spec_response, parameters), .max = 128},
    LATER("contentHandling"),
    END,
};
static const struct spec_shape RESPONSE_SHAPE = {"response", sizeof(struct spec_response), RESPONSE};

static const char *const INTEGRATION_TYPES[] = {"http_proxy", "mock", NULL};
static const char *const INTEGRATION_TYPES_LATER[] = {"http", "aws_proxy", "aws", "grpc", "soap", "fanout", "switch", "function", NULL};
static const char *const PASSTHROUGH[] = {"when_no_match", "when_no_templates", "never", NULL};

static const struct spec_field INTEGRATION[] = {
    {.name = "type", .type = SPEC_WORD, .flags = SPEC_REQUIRED | SPEC_LOWER, AT(spec_integration, type), .words = INTEGRATION_TYPES,
     .later = INTEGRATION_TYPES_LATER},
    {.name = "uri", .type = SPEC_TEXT, AT(spec_integration, uri), .min = 1, .max = SPEC_URI_MAX},
    {.name = "httpMethod", .type = SPEC_WORD, .flags = SPEC_UPPER, AT(spec_integration, http_method), .words = METHODS},
    {.name = "timeoutInMillis", .type = SPEC_INT, AT(spec_integration, timeout_ms), .min = SPEC_TIMEOUT_MIN, .max = SPEC_TIMEOUT_MAX,
     .example = "3000"},
    {.name = "passthroughBehavior", .type = SPEC_WORD, .flags = SPEC_LOWER, AT(spec_integration, passthrough_behavior),
     .words = PASSTHROUGH},
    {.name = "requestTemplates", .type = SPEC_PAIRS, .flags = SPEC_NULL_IS_EMPTY, AT(spec_integration, request_templates), .max = 32},
    {.name = "requestParameters", .type = SPEC_PAIRS, AT(spec_integration, request_parameters), .max = 128},
    {.name = "responses", .type = SPEC_MAP, AT(spec_integration, responses), .max = 64, .shape = &RESPONSE_SHAPE},
    LATER("credentials"), LATER("connectionType"), LATER("connectionId"), LATER("integrationTarget"), LATER("contentHandling"),
    LATER("cacheNamespace"), LATER("cacheKeyParameters"), LATER("tlsConfig"), LATER("responseTransferMode"),
    LATER("payloadFormatVersion"), LATER("integrationSubtype"),
    END,
};
static const struct spec_shape INTEGRATION_SHAPE = {"integration", sizeof(struct spec_integration), INTEGRATION};

static const struct spec_field ROUTE[] = {
    {.name = "path", .type = SPEC_TEXT, .flags = SPEC_REQUIRED, AT(spec_route, path), .min = 1, .max = SPEC_PATH_MAX},
    {.name = "method", .type = SPEC_WORD, .flags = SPEC_REQUIRED | SPEC_UPPER, AT(spec_route, method), .words = METHODS},
    {.name = "integration", .type = SPEC_NAME_OR_OBJECT, .flags = SPEC_REQUIRED, AT(spec_route, integration_name),
     .offset2 = offsetof(struct spec_route, integration), .shape = &INTEGRATION_SHAPE},
    {.name = "operationId", .type = SPEC_TEXT, AT(spec_route, operation), .min = 1, .max = 256},
    LATER("authorizer"), LATER("authorizationScopes"), LATER("apiKeyRequired"), LATER("requestModels"), LATER("requestParameters"),
    LATER("requestValidator"), LATER("throttle"), LATER("cache"), LATER("cors"), LATER("responses"),
    END,
};
static const struct spec_shape ROUTE_SHAPE = {"route", sizeof(struct spec_route), ROUTE};

static const char *const COMPATIBILITY[] = {"standard", "aws", NULL};

static const struct spec_field API[] = {
    {.name = "compatibility", .type = SPEC_WORD, AT(spec_api, compatibility_text), .words = COMPATIBILITY},
    {.name = "integrations", .type = SPEC_MAP, .flags = SPEC_IS_NAME, AT(spec_api, integrations), .max = CAPS_ROUTES_MAX,
     .shape = &INTEGRATION_SHAPE},
    {.name = "routes", .type = SPEC_LIST, .flags = SPEC_REQUIRED, AT(spec_api, routes), .min = 1, .max = CAPS_ROUTES_MAX,
     .shape = &ROUTE_SHAPE},
    LATER("models"), LATER("authorizers"), LATER("requestValidators"), LATER("gatewayResponses"), LATER("binaryMediaTypes"),
    LATER("minimumCompressionSize"), LATER("cors"), LATER("policy"), LATER("apiKeySource"),
    END,
};
static const struct spec_shape API_SHAPE = {"Api", sizeof(struct spec_api), API};

/* ---- Stage ---- */
static const struct spec_field STAGE[] = {
    {.name = "api", .type = SPEC_TEXT, .flags = SPEC_REQUIRED | SPEC_IS_NAME, AT(spec_stage, api), .min = 1, .max = CAPS_NAME_MAX},
    {.name = "environment", .type = SPEC_TEXT, .flags = SPEC_REQUIRED | SPEC_IS_NAME, AT(spec_stage, environment), .min = 1,
     .max = CAPS_NAME_MAX},
    {.name = "hosts", .type = SPEC_TEXTS, AT(spec_stage, hosts), .max = 64},
    {.name = "basePath", .type = SPEC_TEXT, AT(spec_stage, base_path), .min = 0, .max = 512},
    {.name = "variables", .type = SPEC_PAIRS, .flags = SPEC_ANY_SCALAR, AT(spec_stage, variables), .max = SPEC_VARIABLES_MAX},
    LATER("throttle"), LATER("cache"), LATER("logging"), LATER("accessLog"), LATER("canary"), LATER("rollout"),
    LATER("methodSettings"), LATER("deployment"), LATER("clientCertificate"), LATER("tracing"),
    END,
};
static const struct spec_shape STAGE_SHAPE = {"Stage", sizeof(struct spec_stage), STAGE};

/* ---- Upstream ---- */
static const struct spec_field ENDPOINT[] = {
    {.name = "address", .type = SPEC_TEXT, .flags = SPEC_REQUIRED, AT(spec_endpoint, address), .min = 1, .max = 300,
     .example = "\"10.0.0.5:8080\""},
    {.name = "weight", .type = SPEC_INT, AT(spec_endpoint, weight), .min = 1, .max = 1000, .example = "2"},
    {.name = "priority", .type = SPEC_INT, AT(spec_endpoint, priority), .min = 0, .max = 127, .example = "0"},
    END,
};
static const struct spec_shape ENDPOINT_SHAPE = {"endpoint", sizeof(struct spec_endpoint), ENDPOINT};

static const char *const POLICIES[] = {"roundRobin", "leastRequest", "random", NULL};
static const char *const POLICIES_LATER[] = {"ewma", "consistentHash", NULL};
static const char *const PROTOCOLS[] = {"http1", NULL};
static const char *const PROTOCOLS_LATER[] = {"http2", "grpc", NULL};

static const struct spec_field BALANCING[] = {
    {.name = "policy", .type = SPEC_WORD, .flags = SPEC_REQUIRED, AT(spec_balancing, policy), .words = POLICIES, .later = POLICIES_LATER},
    LATER("hashOn"),
    END,
};
static const struct spec_shape BALANCING_SHAPE = {"loadBalancing", sizeof(struct spec_balancing), BALANCING};

#define TIME(name_, member, min_, max_)                                                                               \
    {.name = (name_), .type = SPEC_DURATION, AT(spec_timeouts, member), .min = (min_), .max = (max_), .example = "1s or 250ms"}

static const struct spec_field TIMEOUTS[] = {
    TIME("connect", connect, 1, 60000),
    TIME("firstByte", first_byte, 1, SPEC_TIMEOUT_MAX),
    TIME("idle", idle, 1, 3600000),
    TIME("total", total, 1, SPEC_TIMEOUT_MAX),
    END,
};
static const struct spec_shape TIMEOUTS_SHAPE = {"timeouts", sizeof(struct spec_timeouts), TIMEOUTS};

static const struct spec_field UPSTREAM[] = {
    {.name = "endpoints", .type = SPEC_LIST, .flags = SPEC_REQUIRED, AT(spec_upstream, endpoints), .min = 1, .max = 1024,
     .shape = &ENDPOINT_SHAPE},
    {.name = "protocol", .type = SPEC_WORD, AT(spec_upstream, protocol), .words = PROTOCOLS, .later = PROTOCOLS_LATER},
    {.name = "loadBalancing", .type = SPEC_OBJECT, AT(spec_upstream, balancing), .shape = &BALANCING_SHAPE},
    {.name = "timeouts", .type = SPEC_OBJECT, AT(spec_upstream, timeouts), .shape = &TIMEOUTS_SHAPE},
    LATER("discovery"), LATER("healthCheck"), LATER("outlierDetection"), LATER("circuitBreaker"), LATER("retries"), LATER("tls"),
    END,
};
static const struct spec_shape UPSTREAM_SHAPE = {"Upstream", sizeof(struct spec_upstream), UPSTREAM};

const struct spec_kind_def spec_kinds[] = {
    {"Api", SPEC_API, &API_SHAPE},
    {"Stage", SPEC_STAGE, &STAGE_SHAPE},
    {"Upstream", SPEC_UPSTREAM, &UPSTREAM_SHAPE},
    {.name = NULL},
};

const char *const spec_kinds_later[] = {"UsagePlan", "ApiKey", "Domain", "Certificate", "Secret", "Plugin", NULL};
