#include "admin/admin_int.h"
#include "base/caps.h"
#include "base/must.h"

/* Every endpoint: a row here is all that the server, the metrics and the OpenAPI document need. The first row that matches
 * a path wins, so longer paths stand before a {tail...}. */

static const struct admin_parameter page[] = {
    {"limit", "integer", "at most so many, up to 1000 (50)"},
    {"before", "integer", "only those with a smaller number"},
    {NULL, NULL, NULL},
};
static const struct admin_parameter of_kind[] = {
    {"kind", "string", "only documents of this kind"},
    {NULL, NULL, NULL},
};
static const struct admin_parameter waiting[] = {
    {"waitRevision", "integer", "answer when this revision (or a later one) is live or has failed"},
    {"timeoutMillis", "integer", "but not later than after this time, up to 300000 (30000)"},
    {NULL, NULL, NULL},
};

#define BIG (CAPS_APPLY_MAX)
#define SMALL ADMIN_BODY_SMALL

const struct admin_route admin_routes[] = {
    {.method = HTTP_METHOD_POST, .path = "/v1/apply", .role = STORE_ROLE_EDITOR, .audited = true, .body_max = BIG,
     .run = admin_run_apply, .finish = admin_finish_commit, .id = "apply", .request = "ApplyRequest", .response = "ApplyResult",
     .summary = "Applies documents: all of them or none. What did not change makes no revision."},
    {.method = HTTP_METHOD_POST, .path = "/v1/diff", .role = STORE_ROLE_VIEWER, .body_max = BIG, .run = admin_run_diff,
     .id = "diff", .request = "DiffRequest", .response = "Diff", .summary = "What an apply of these files would change, as text."},
    {.method = HTTP_METHOD_GET, .path = "/v1/documents", .role = STORE_ROLE_VIEWER, .run = admin_run_documents,
     .id = "listDocuments", .response = "DocumentList", .query = of_kind, .summary = "All documents, by kind and name."},
    {.method = HTTP_METHOD_GET, .path = "/v1/documents/{kind}/{name...}", .role = STORE_ROLE_VIEWER, .run = admin_run_document,
     .id = "getDocument", .response = "Document", .summary = "One document: its source, and as JSON. A Stage is named api/stage."},
    {.method = HTTP_METHOD_DELETE, .path = "/v1/documents/{kind}/{name...}", .role = STORE_ROLE_EDITOR, .audited = true,
     .body_max = SMALL, .run = admin_run_delete, .finish = admin_finish_commit, .id = "deleteDocument", .request = "ChangeOptions",
     .response = "ApplyResult", .summary = "Deletes a document, when nothing needs it any more."},
    {.method = HTTP_METHOD_GET, .path = "/v1/revisions", .role = STORE_ROLE_VIEWER, .run = admin_run_revisions,
     .id = "listRevisions", .response = "RevisionList", .query = page, .summary = "Accepted changes, newest first."},
    {.method = HTTP_METHOD_GET, .path = "/v1/revisions/{revision}", .role = STORE_ROLE_VIEWER, .run = admin_run_revision,
     .id = "getRevision", .response = "Revision", .summary = "One revision with the documents that it changed."},
    {.method = HTTP_METHOD_GET, .path = "/v1/revisions/{from}/diff/{to}", .role = STORE_ROLE_VIEWER,
     .run = admin_run_revision_diff, .id = "diffRevisions", .response = "Diff",
     .summary = "What changed from one revision to another; 0 is the empty one before the first."},
    {.method = HTTP_METHOD_POST, .path = "/v1/revisions/{revision}/restore", .role = STORE_ROLE_EDITOR, .audited = true,
     .body_max = SMALL, .run = admin_run_restore, .finish = admin_finish_commit, .id = "restoreRevision",
     .request = "ChangeOptions", .response = "ApplyResult", .summary = "Makes a new revision with the documents of an old one."},
    {.method = HTTP_METHOD_PATCH, .path = "/v1/stages/{api}/{stage}/variables", .role = STORE_ROLE_EDITOR, .audited = true,
     .body_max = SMALL, .run = admin_run_variables, .finish = admin_finish_commit, .id = "setStageVariables",
     .request = "StageVariables", .response = "ApplyResult", .summary = "Sets and unsets variables of a stage."},
    {.method = HTTP_METHOD_GET, .path = "/v1/rollouts", .role = STORE_ROLE_VIEWER, .finish = admin_finish_rollouts,
     .id = "listRollouts", .response = "RolloutList", .summary = "How far the newest revision is, by environment."},
    {.method = HTTP_METHOD_GET, .path = "/v1/rollouts/{environment}", .role = STORE_ROLE_VIEWER, .finish = admin_finish_rollout,
     .id = "getRollout", .response = "Rollout", .query = waiting, .summary = "One environment's rollout; can wait for its end."},
    {.method = HTTP_METHOD_GET, .path = "/v1/nodes", .role = STORE_ROLE_VIEWER, .run = admin_run_nodes,
     .finish = admin_finish_nodes, .id = "listNodes", .response = "NodeList", .summary = "All nodes, connected or not."},
    {.method = HTTP_METHOD_DELETE, .path = "/v1/nodes/{environment}/{id}", .role = STORE_ROLE_ADMIN, .audited = true,
     .run = admin_run_node_delete, .finish = admin_finish_node_delete, .id = "removeNode",
     .summary = "Forgets a node, cuts its stream, and refuses every certificate that it was given so far: it must join again."},
    {.method = HTTP_METHOD_POST, .path = "/v1/tokens", .role = STORE_ROLE_ADMIN, .audited = true, .body_max = SMALL,
     .run = admin_run_token_create, .finish = admin_finish_token_create, .id = "createToken", .request = "TokenRequest",
     .response = "CreatedToken", .summary = "Makes a token. It is shown this once; only its hash is kept."},
    {.method = HTTP_METHOD_GET, .path = "/v1/tokens", .role = STORE_ROLE_ADMIN, .run = admin_run_tokens, .id = "listTokens",
     .response = "TokenList", .summary = "All tokens, without their secrets."},
    {.method = HTTP_METHOD_DELETE, .path = "/v1/tokens/{id}", .role = STORE_ROLE_ADMIN, .audited = true,
     .run = admin_run_token_delete, .finish = admin_finish_token_delete, .id = "revokeToken", .summary = "Revokes a token for good."},
    {.method = HTTP_METHOD_GET, .path = "/v1/audit", .role = STORE_ROLE_ADMIN, .run = admin_run_audit, .id = "listAudit",
     .response = "AuditList", .query = page, .summary = "Who changed what, newest first."},
    {.method = HTTP_METHOD_GET, .path = "/v1/openapi.json", .before_ready = true, .finish = admin_finish_openapi,
     .id = "getOpenapi", .response = "Any", .summary = "This document."},
    {.method = HTTP_METHOD_GET, .path = "/v1/version", .role = STORE_ROLE_VIEWER, .before_ready = true,
     .finish = admin_finish_version, .id = "getVersion", .response = "Version", .summary = "Version, cluster and newest revision."},
    {.method = HTTP_METHOD_GET, .path = "/healthz", .before_ready = true, .finish = admin_finish_healthz, .id = "healthz",
     .summary = "The process lives."},
    {.method = HTTP_METHOD_GET, .path = "/readyz", .before_ready = true, .finish = admin_finish_readyz, .id = "readyz",
     .summary = "The configuration is loaded and nodes are served; 503 with the reason otherwise."},
    {.method = HTTP_METHOD_GET, .path = "/metrics", .before_ready = true, .role = STORE_ROLE_VIEWER,
     .finish = admin_finish_metrics, .id = "metrics", .summary = "Prometheus text."},
};
const size_t admin_routes_n = ARRAY_LEN(admin_routes);
