#pragma once
/* The handlers that the table of commands names. Each returns an exit status, having printed everything. */
struct cpctl;

int cpctl_apply(struct cpctl *c);
int cpctl_diff(struct cpctl *c);
int cpctl_validate(struct cpctl *c);
int cpctl_get(struct cpctl *c);
int cpctl_describe(struct cpctl *c);
int cpctl_delete(struct cpctl *c);
int cpctl_history(struct cpctl *c);
int cpctl_rollback(struct cpctl *c);
int cpctl_stage_set(struct cpctl *c);
int cpctl_rollout_status(struct cpctl *c);
int cpctl_nodes(struct cpctl *c);
int cpctl_token_create(struct cpctl *c);
int cpctl_token_list(struct cpctl *c);
int cpctl_token_revoke(struct cpctl *c);
int cpctl_dev(struct cpctl *c);
int cpctl_config_get_contexts(struct cpctl *c);
int cpctl_config_use_context(struct cpctl *c);
int cpctl_config_set_context(struct cpctl *c);
int cpctl_config_view(struct cpctl *c);
int cpctl_version(struct cpctl *c);
int cpctl_completion(struct cpctl *c);
int cpctl_help(struct cpctl *c);
