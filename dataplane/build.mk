DATAPLANE_SRCS := \
	dataplane/integration/integration_http_proxy.c \
	dataplane/integration/integration_http_proxy_conf.c \
	dataplane/integration/integration_mock.c \
	dataplane/integration/integration_mock_conf.c \
	dataplane/integration/integration_mock_parse.c \
	dataplane/integration/integration_reg.c
