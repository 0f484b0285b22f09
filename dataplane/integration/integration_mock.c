#include "integration/integration_mock_int.h"
#include "integration/integration_reg.h"

const struct integration_ops integration_mock = {
    .name = "mock",
    .build = mock_build,
};
