#pragma once
/* The model: what a document says, in plain structs that remember where it was said. Everything lives in the document's arena
 * and is read-only once built. Shapes (which fields there are) stand in spec_shape.c; what values mean is judged by validate. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/caps.h"
#include "base/slice.h"

#define SPEC_API_VERSION "sluice/v1"
#define SPEC_VARIABLES_MAX 100u          /* a stage; AWS's bound */
#define SPEC_VARIABLE_NAME_MAX 64u
#define SPEC_VARIABLE_VALUE_MAX 512u
#define SPEC_PATH_MAX 1700u               /* with the names before it, a key stays under 2048 bytes */
#define SPEC_URI_MAX 4096u
#define SPEC_TEMPLATE_MAX (300u << 10)
#define SPEC_TIMEOUT_MIN 50
#define SPEC_TIMEOUT_AWS_MAX 29000
#define SPEC_TIMEOUT_MAX 900000          /* standard: a quarter of an hour */
#define SPEC_TIMEOUT_DEFAULT 29000

enum spec_kind { SPEC_API, SPEC_STAGE, SPEC_UPSTREAM };

/* Where a value stands: lines of the document's own text, from 1. line 0: it is not there. */
struct spec_place {
    uint32_t line, column;
    uint16_t width;
    uint8_t style;       /* enum yml_style: to find places inside of it */
};

struct spec_text {
    struct slice v;
    struct spec_place at;
};

struct spec_int {
    int64_t v;           /* durations: milliseconds */
    struct spec_place at;
};

struct spec_pair {
    struct spec_text name, value;
};

struct spec_pairs {
    struct spec_pair *p;
    uint32_t n;
    struct spec_place at;
};

struct spec_texts {
    struct spec_text *p;
    uint32_t n;
    struct spec_place at;
};

/* Objects of one shape: of a list in its order, or of a map with their keys. */
struct spec_objects {
    void *p;
    uint32_t n;
    struct spec_place at;
};

#define SPEC_AT(list, type, i) (((type *)(list)->p)[i])

/* First in each struct that a shape describes. */
struct spec_object {
    struct spec_place at;
    struct spec_text key;     /* its name in a map of objects; empty in lists */
};

static inline bool spec_is_set(const struct spec_place *at)
{
    return at->line != 0;
}

struct spec_response {
    struct spec_object object;              /* key: the pattern, or "default" */
    struct spec_text status_code;
    struct spec_pairs templates, parameters;
};

/* A path parameter that a URI needs. */
struct spec_param {
    struct slice name;              /* of the route; as requestParameters map it */
    uint32_t offset, width;         /* in the URI */
};

struct spec_integration {
    struct spec_object object;              /* key: the name; empty when written inline */
    struct spec_text type;                  /* lower case */
    struct spec_text uri, http_method, passthrough_behavior;
    struct spec_int timeout_ms;
    struct spec_pairs request_templates, request_parameters;
    struct spec_objects responses;          /* struct spec_response */
    /* found by validation */
    struct spec_param *params;
    uint32_t n_params;
    bool has_variables, is_checked;         /* is_checked: the URI could be read */
    uint32_t n_routes;                      /* that use it */
};

struct spec_route {
    struct spec_object object;
    struct spec_text path, method;          /* method: upper case */
    struct spec_text operation;
    struct spec_text integration_name;      /* one of these two */
    struct spec_integration *integration;   /* after validation: also what the name stands for */
};

enum spec_compatibility { SPEC_STANDARD, SPEC_AWS };

/* A stage variable that an Api uses, once a name: where it is used first. */
struct spec_use {
    struct slice name;
    struct spec_place at;
};

struct spec_api {
    struct spec_object object;
    struct spec_text compatibility_text;
    enum spec_compatibility compatibility;
    struct spec_objects integrations;       /* struct spec_integration */
    struct spec_objects routes;             /* struct spec_route */
    struct spec_use *variables;             /* found by validation */
    uint32_t n_variables;
};

struct spec_stage {
    struct spec_object object;
    struct spec_text api, environment, base_path;
    struct spec_texts hosts;
    struct spec_pairs variables;
};

struct spec_endpoint {
    struct spec_object object;
    struct spec_text address;
    struct slice host;                      /* found by validation */
    uint16_t port;
    struct spec_int weight, priority;
};

struct spec_balancing {
    struct spec_object object;
    struct spec_text policy;
};

struct spec_timeouts {
    struct spec_object object;
    struct spec_int connect, first_byte, idle, total;
};

struct spec_upstream {
    struct spec_object object;
    struct spec_objects endpoints;          /* struct spec_endpoint */
    struct spec_text protocol;
    struct spec_balancing balancing;
    struct spec_timeouts timeouts;
};

struct spec_metadata {
    struct spec_object object;
    struct spec_text name;
    struct spec_pairs labels;
};

struct spec_document {
    enum spec_kind kind;
    struct spec_text kind_text;
    struct spec_metadata metadata;
    union {
        struct spec_api *api;
        struct spec_stage *stage;
        struct spec_upstream *upstream;
        void *any;
    } u;
};

/* The default "/<api>/<stage>", or what the Stage says without slashes at the end ("" is the root). buf: SPEC_PATH_MAX bytes. */
struct slice spec_base_path(const struct spec_stage *s, struct slice name, char *buf, size_t size);
