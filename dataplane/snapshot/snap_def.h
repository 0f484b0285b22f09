#pragma once
/* What the bundle says of an integration, free of the wire format: the loader fills it, integration_ops.build reads it.
 * Everything points into the part's arena and lives as long as the part. */
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum def_integration_type { DEF_INTEGRATION_MOCK = 1, DEF_INTEGRATION_HTTP_PROXY = 2 };

struct def_pair {
    struct slice name, value;
};

struct def_template {
    struct slice content_type, text;
};

struct def_response {
    struct slice selection_pattern; /* empty: the default */
    struct slice status_code;
    const struct def_template *templates;
    size_t n_templates;
    const struct def_pair *parameters;
    size_t n_parameters;
};

struct def_integration {
    enum def_integration_type type;
    struct slice key;
    struct slice uri;               /* stage variables are filled in; {name} stands for path parameters */
    struct slice http_method;       /* "" or "ANY": the client's */
    uint32_t timeout_ms;
    struct slice passthrough_behavior;
    const struct def_template *request_templates;
    size_t n_request_templates;
    const struct def_response *responses;
    size_t n_responses;
    const struct def_pair *request_parameters;
    size_t n_request_parameters;
};
