#pragma once
/* The list of integrations: one line each. */
#include "exchange/exchange_ops.h"
#include "snapshot/snap_def.h"

extern const struct integration_ops integration_mock;
extern const struct integration_ops integration_http_proxy;

/* NULL: this data plane does not know the type. */
const struct integration_ops *integration_reg_find(enum def_integration_type type);
