#pragma once
/* Private to integration_mock*.c and its tests. */
#include <regex.h>

#include "exchange/exchange_ops.h"
#include "snapshot/snap_def.h"

struct mock_header {
    struct slice name, value;
};

struct mock_template {
    struct slice content_type; /* lower case, without parameters */
    struct slice text;
};

struct mock_response {
    bool is_default;
    regex_t pattern;           /* full match; unset for the default */
    uint16_t status;
    const struct mock_template *templates;
    size_t n_templates;
    const struct mock_header *headers;
    size_t n_headers;
};

enum mock_passthrough { MOCK_WHEN_NO_MATCH, MOCK_WHEN_NO_TEMPLATES, MOCK_NEVER };

/* A request template is literal text, so what it selects is known when the snapshot is built. */
struct mock_request {
    struct slice content_type;
    const struct mock_response *response; /* NULL: no response matches its status */
};

struct mock_conf {
    enum mock_passthrough passthrough;
    const struct mock_request *requests;
    size_t n_requests;
    const struct mock_response *responses;
    size_t n_responses;
};

/* The response that `code` selects, or NULL. */
const struct mock_response *mock_select(const struct mock_conf *conf, long code);
MUST_USE int mock_build(struct integration_build *b, const struct def_integration *def, const void **conf, struct err *e);
