CONTROLPLANE_SRCS :=

# --- spec to leaves
CONTROLPLANE_SRCS += \
	controlplane/diag/diag.c \
	controlplane/diag/diag_code.c \
	controlplane/diag/diag_json.c \
	controlplane/diag/diag_near.c \
	controlplane/diag/diag_text.c \
	controlplane/yaml/yml_build.c \
	controlplane/yaml/yml_canon.c \
	controlplane/yaml/yml_json.c \
	controlplane/yaml/yml_locate.c \
	controlplane/yaml/yml_parse.c \
	controlplane/yaml/yml_scalar.c \
	controlplane/yaml/yml_split.c \
	controlplane/yaml/yml_write.c \
	controlplane/yaml/yml_write_json.c \
	controlplane/spec/spec.c \
	controlplane/spec/spec_shape.c \
	controlplane/spec/spec_uri.c \
	controlplane/validate/validate_api.c \
	controlplane/validate/validate_cross.c \
	controlplane/validate/validate_document.c \
	controlplane/validate/validate_error.c \
	controlplane/validate/validate_mock.c \
	controlplane/validate/validate_path.c \
	controlplane/validate/validate_routes.c \
	controlplane/validate/validate_scalar.c \
	controlplane/validate/validate_shape.c \
	controlplane/validate/validate_stage.c \
	controlplane/compile/compile_emit.c \
	controlplane/compile/compile_leaves.c \
	controlplane/compile/compile_stage.c \
	controlplane/compile/compile_upstream.c \
	controlplane/apply/apply.c \
	controlplane/apply/apply_check.c \
	controlplane/apply/apply_compile.c \
	controlplane/apply/apply_diff.c \
	controlplane/apply/apply_document.c \
	controlplane/apply/apply_merge.c \
	controlplane/apply/apply_read.c \
	controlplane/apply/apply_summary.c \
	controlplane/apply/apply_world.c

# Files embedded into the control plane (generated below build/gen).
EMBEDDED_SRCS :=
EMBEDDED_GEN = $(EMBEDDED_SRCS)

CONTROLPLANE_SRCS += \
	controlplane/store/backstage.c \
	controlplane/store/store_audit.c \
	controlplane/store/store_blob.c \
	controlplane/store/store_commit.c \
	controlplane/store/store_head.c \
	controlplane/store/store_history.c \
	controlplane/store/store_node.c \
	controlplane/store/store_open.c \
	controlplane/store/store_schema.c \
	controlplane/store/store_sqlite.c \
	controlplane/store/store_token.c

CONTROLPLANE_SRCS += \
	controlplane/push/push_core.c \
	controlplane/push/push_core_node.c \
	controlplane/push/push_core_roll.c \
	controlplane/push/push_core_view.c \
	controlplane/push/push_codec.c \
	controlplane/push/push_encode.c \
	controlplane/push/push_fetch.c \
	controlplane/push/push_identity.c \
	controlplane/push/push_peer.c \
	controlplane/push/push_srv.c

EMBEDDED_SRCS += $(PUSH_DESCRIPTOR)

# --- the command line
CONTROLPLANE_SRCS += \
	controlplane/cpctl/cpctl_api.c \
	controlplane/cpctl/cpctl_apply.c \
	controlplane/cpctl/cpctl_change.c \
	controlplane/cpctl/cpctl_child.c \
	controlplane/cpctl/cpctl_completion.c \
	controlplane/cpctl/cpctl_completion_fish.c \
	controlplane/cpctl/cpctl_completion_zsh.c \
	controlplane/cpctl/cpctl_config.c \
	controlplane/cpctl/cpctl_config_write.c \
	controlplane/cpctl/cpctl_delete.c \
	controlplane/cpctl/cpctl_dev.c \
	controlplane/cpctl/cpctl_dev_apply.c \
	controlplane/cpctl/cpctl_dev_run.c \
	controlplane/cpctl/cpctl_documents.c \
	controlplane/cpctl/cpctl_files.c \
	controlplane/cpctl/cpctl_get.c \
	controlplane/cpctl/cpctl_help.c \
	controlplane/cpctl/cpctl_history.c \
	controlplane/cpctl/cpctl_http.c \
	controlplane/cpctl/cpctl_http_link.c \
	controlplane/cpctl/cpctl_json.c \
	controlplane/cpctl/cpctl_kind.c \
	controlplane/cpctl/cpctl_list.c \
	controlplane/cpctl/cpctl_main.c \
	controlplane/cpctl/cpctl_out.c \
	controlplane/cpctl/cpctl_parse.c \
	controlplane/cpctl/cpctl_rollout.c \
	controlplane/cpctl/cpctl_say.c \
	controlplane/cpctl/cpctl_stage.c \
	controlplane/cpctl/cpctl_table.c \
	controlplane/cpctl/cpctl_token.c \
	controlplane/cpctl/cpctl_validate.c \
	controlplane/cpctl/cpctl_version.c \
	controlplane/cpctl/cpctl_watch.c

CONTROLPLANE_SRCS += \
	controlplane/admin/admin_answer.c \
	controlplane/admin/admin_apply.c \
	controlplane/admin/admin_auth.c \
	controlplane/admin/admin_call.c \
	controlplane/admin/admin_conn.c \
	controlplane/admin/admin_documents.c \
	controlplane/admin/admin_openapi.c \
	controlplane/admin/admin_rollouts.c \
	controlplane/admin/admin_routes.c \
	controlplane/admin/admin_schemas.c \
	controlplane/admin/admin_server.c \
	controlplane/admin/admin_status.c \
	controlplane/admin/admin_tokens.c \
	controlplane/admin/trust.c \
	controlplane/apply/check_child.c \
	controlplane/apply/committer.c \
	controlplane/apply/committer_bundle.c \
	controlplane/apply/committer_load.c \
	controlplane/control.c \
	controlplane/control_load.c \
	controlplane/control_push.c
