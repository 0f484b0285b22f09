DATAPLANE_SRCS := \
	dataplane/connection/connection.c \
	dataplane/connection/h1c.c \
	dataplane/connection/h1c_out.c \
	dataplane/exchange/exchange.c \
	dataplane/exchange/exchange_body.c \
	dataplane/exchange/exchange_reply.c \
	dataplane/exchange/exchange_state.c \
	dataplane/integration/integration_http_proxy.c \
	dataplane/integration/integration_http_proxy_conf.c \
	dataplane/integration/integration_mock.c \
	dataplane/integration/integration_mock_conf.c \
	dataplane/integration/integration_reg.c \
	dataplane/node.c \
	dataplane/node_sync.c \
	dataplane/pages.c \
	dataplane/telemetry/admin.c \
	dataplane/telemetry/telemetry.c \
	dataplane/telemetry/telemetry_config.c \
	dataplane/telemetry/telemetry_text.c \
	dataplane/upstream/upstream_call.c \
	dataplane/upstream/upstream_dns.c \
	dataplane/upstream/upstream_h1.c \
	dataplane/upstream/upstream_lb.c \
	dataplane/upstream/upstream_names.c \
	dataplane/upstream/upstream_pool.c \
	dataplane/upstream/upstream_set.c \
	dataplane/worker/worker.c \
	dataplane/worker/workers.c

# snapshot, router: pure
DATAPLANE_SRCS += \
	dataplane/router/router_build.c \
	dataplane/router/router_hosts.c \
	dataplane/router/router_match.c \
	dataplane/router/router_table.c \
	dataplane/router/router_template.c \
	dataplane/snapshot/snap.c \
	dataplane/snapshot/snap_intern.c

DATAPLANE_SRCS += \
	dataplane/sync/sync_core.c \
	dataplane/sync/sync.c \
	dataplane/sync/sync_builder.c \
	dataplane/sync/sync_core_offer.c \
	dataplane/sync/sync_decode.c \
	dataplane/sync/sync_encode.c \
	dataplane/sync/sync_identity.c \
	dataplane/sync/sync_join.c \
	dataplane/sync/sync_link.c

# loader: bundles to snapshots
DATAPLANE_SRCS += \
	dataplane/loader/loader_build.c \
	dataplane/loader/loader_check.c \
	dataplane/loader/loader_decode.c \
	dataplane/loader/loader_disk.c \
	dataplane/loader/loader_disk_files.c \
	dataplane/loader/loader_disk_state.c \
	dataplane/loader/loader_error.c \
	dataplane/loader/loader_plan.c \
	dataplane/loader/loader_stage.c \
	dataplane/loader/loader_upstream.c \
	dataplane/loader/loader_wire.c
