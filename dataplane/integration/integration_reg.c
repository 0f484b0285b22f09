#include "integration/integration_reg.h"

static const struct {
    enum def_integration_type type;
    const struct integration_ops *ops;
} table[] = {
    {DEF_INTEGRATION_MOCK, &integration_mock},
    {DEF_INTEGRATION_HTTP_PROXY, &integration_http_proxy},
};

const struct integration_ops *integration_reg_find(enum def_integration_type type)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].type == type)
            return table[i].ops;
    }
    return NULL;
}
