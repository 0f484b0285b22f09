DATAPLANE_SRCS := \
	dataplane/integration/integration_http_proxy.c \
	dataplane/integration/integration_http_proxy_conf.c \
	dataplane/integration/integration_mock.c \
	dataplane/integration/integration_mock_conf.c \
	dataplane/integration/integration_mock_parse.c \
	dataplane/integration/integration_reg.c

# snapshot, router: pure
DATAPLANE_SRCS += \
	dataplane/router/router_build.c \
	dataplane/router/router_hosts.c \
	dataplane/router/router_match.c \
	dataplane/router/router_table.c \
	dataplane/router/router_template.c \
	dataplane/snapshot/snap.c \
	dataplane/snapshot/snap_intern.c
