#include "integration/integration_http_proxy_int.h"
#include "integration/integration_reg.h"

const struct integration_ops integration_http_proxy = {
    .name = "http_proxy",
    .build = proxy_build,
};
