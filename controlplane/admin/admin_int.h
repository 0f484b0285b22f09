#pragma once
/* Private to this folder: a call (one request and its answer), a route (one row of the table), and the server's parts. */
#include <stdbool.h>
#include <stdint.h>

#include "admin/admin.h"
#include "apply/committer.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "http/h1.h"
#include "net/graveyard.h"
#include "net/sock.h"
#include "push/push.h"
#include "store/backstage.h"
#include "store/store_identity.h"
#include "text/json.h"

#define ADMIN_HEAD_MAX 16384u           /* bytes of a request's head: 431 */
#define ADMIN_BODY_SMALL (1u << 20)     /* bytes of a body, but of those that carry specs: 413 */
#define ADMIN_BODIES_MAX (256u << 20)   /* bytes of all bodies being received: 503 */
#define ADMIN_HEADERS 64u               /* fields of a request: 431 */
#define ADMIN_ARGS 3u
#define ADMIN_JSON_DEPTH 32u
#define ADMIN_PARKED_MAX 200u           /* long polls; more are answered at once */
#define ADMIN_WAIT_MAX_MS 300000u       /* of one long poll */
#define ADMIN_WHO_MAX 192u

struct admin_call;
struct admin_conn;

/* ---- the table ---- */

enum admin_place { ADMIN_LOOP, ADMIN_BACKSTAGE };

struct admin_parameter {
    const char *name, *type, *help;     /* of the query; type: "integer" or "string" */
};

struct admin_route {
    enum http_method method;
    const char *path;                   /* "/v1/documents/{kind}/{name...}": the last one takes the rest */
    enum store_role role;               /* NONE: no token is asked for */
    bool before_ready;                  /* answered while the configuration is not loaded */
    bool audited;
    uint32_t body_max;                  /* 0: no body */
    /* Backstage: runs there, may block. *call's answer is filled, or rc != 0 with *e, which becomes a problem. NULL: none. */
    int (*run)(struct admin_call *call, struct store *s, struct err *e);
    /* Loop: behind run, or alone. */
    int (*finish)(struct admin_call *call, struct err *e);
    const char *id, *summary;           /* OpenAPI: operationId and what it does */
    const char *request, *response;     /* names of schemas, NULL: none */
    const struct admin_parameter *query; /* ends with a NULL name; may be NULL */
};

extern const struct admin_route admin_routes[];
extern const size_t admin_routes_n;

enum admin_match { ADMIN_MATCH, ADMIN_NO_PATH, ADMIN_NO_METHOD };
/* args: decoded path arguments in the call's arena. allow: bits of the methods that the path has. */
enum admin_match admin_route_find(struct admin_call *call, enum http_method method, struct slice path, uint32_t *allow);

/* ---- one request ---- */

struct admin_call {
    struct backstage_job job;
    struct admin *admin;
    struct admin_conn *conn;            /* NULL: the peer has gone; the answer is thrown away */
    const struct admin_route *route;
    struct arena arena;                 /* all text of the request and of its answer */
    struct slice args[ADMIN_ARGS];
    struct slice method, path, query;   /* query: as sent */
    struct buf body;
    struct json *json;                  /* of the body; parsed on demand */
    char who[ADMIN_WHO_MAX], token_id[STORE_TOKEN_ID_MAX + 1];
    enum store_role role;
    char peer[SOCK_TEXT_MAX], request_id[33];
    uint64_t began_ms;
    /* The answer. */
    unsigned status;                    /* 0: none yet */
    const char *content_type;
    struct buf out;
    unsigned retry_after_s;
    uint32_t allow;
    struct err error;
    /* What handlers carry from run to finish. */
    struct vec publish;                 /* struct bundle *, references */
    void *data;
    /* Long poll. */
    struct list parked;
    struct event *timer;
    bool is_parked, last_look;
    uint64_t revision;                  /* that a commit made; 0: none */
    bool audit_written;                 /* with the revision, in one transaction */
    char environment[129];
};

/* Bytes of the whole request are there: runs the route. Takes the call. */
void admin_call_run(struct admin_call *call);
/* Answers, now or when it was parked. Takes the call. */
void admin_call_answer(struct admin_call *call);
void admin_call_free(struct admin_call *call);
struct admin_call *admin_call_new(struct admin *a, struct admin_conn *conn);
/* Parks until admin_rollout_changed or the time is over; then finish runs again (last_look: it must answer). */
MUST_USE int admin_call_park(struct admin_call *call, uint32_t timeout_ms);

/* ---- making answers ---- */

/* The body as an object; fails with words for the peer (400). */
MUST_USE int admin_body(struct admin_call *call, const struct json **out, struct err *e);
/* Fails when the object has a member that is not in names (ends with NULL): misspelt ones are not ignored. */
MUST_USE int admin_members(const struct json *object, const char *const *names, struct err *e);
/* A string member: empty when absent, -ERR_INVALID when it is something else. */
MUST_USE int admin_text(const struct json *object, const char *name, struct slice *out, struct err *e);
MUST_USE int admin_number(const struct json *object, const char *name, uint64_t *io, struct err *e);
/* False when the query has a parameter that the route does not, with words for the peer: misspelt ones are not ignored. */
MUST_USE bool admin_query_is_known(struct admin_call *call, const char **detail);
/* A query parameter, decoded; false: not there. */
bool admin_query(struct admin_call *call, const char *name, struct slice *out);
/* As a number: *io stays when it is not there. */
MUST_USE int admin_query_number(struct admin_call *call, const char *name, uint64_t max, uint64_t *io, struct err *e);
/* A path argument as a revision. */
MUST_USE int admin_arg_number(const struct admin_call *call, size_t i, uint64_t *out, struct err *e);

/* application/problem+json. diagnostics: a JSON array, may be empty. */
void admin_problem(struct admin_call *call, unsigned status, struct slice detail, struct slice extra);
/* Ends an answer: rc, or what went wrong with the writer. */
MUST_USE int admin_end(struct json_writer *w, int rc, struct err *e);
/* Ends it as a 200. */
MUST_USE int admin_end_good(struct admin_call *call, struct json_writer *w, struct err *e);
/* The status that an error of the code stands for. */
unsigned admin_status_of(const struct err *e);
void admin_problem_err(struct admin_call *call, const struct err *e);
/* Hex of a root, "2026-11-20T13:20:00.123Z" of a time; 0 gives null. */
void admin_member_root(struct json_writer *w, const char *key, const uint8_t root[32]);
void admin_member_time(struct json_writer *w, const char *key, int64_t wall_ms);

/* ---- who may ---- */

struct admin_auth;
MUST_USE int admin_auth_new(struct admin_auth **out, struct store *s, struct err *e);
void admin_auth_free(struct admin_auth *auth);
enum admin_verdict { ADMIN_ALLOWED, ADMIN_NO_TOKEN, ADMIN_BAD_TOKEN, ADMIN_TOO_OFTEN };
/* Fills who, token_id and role of the call. authorization: the header's value, NULL when there is none. */
enum admin_verdict admin_auth_check(struct admin_auth *auth, struct admin_call *call, const struct h1_header *authorization,
                                    const char *ip);
MUST_USE int admin_auth_add(struct admin_auth *auth, const struct store_token *t, struct err *e);
void admin_auth_remove(struct admin_auth *auth, struct slice id);
/* Hands the tokens used since the last call to cb. */
void admin_auth_used(struct admin_auth *auth, void (*cb)(void *arg, struct slice id, int64_t at_ms), void *arg);

/* ---- the server ---- */

struct admin_stats {
    uint64_t requests, refused_connections, auth_failures, throttled, problems_4xx, problems_5xx, applies, revisions,
        refused_applies;
    uint64_t apply_us_sum;
};

struct admin {
    struct admin_options o;
    struct listener *listener;
    struct push_server *push;           /* NULL: not ready */
    struct admin_auth *auth;
    struct list conns, parked;
    size_t n_conns, n_parked, body_bytes;
    struct event *ticker;
    struct buf openapi;                 /* made once */
    struct admin_stats stats;
    int64_t started_ms;
    bool stopping;
};

/* ---- connections ---- */
void admin_conn_new(struct admin *a, int fd, const struct sock_addr *from);
/* Sends the call's answer; call stays the caller's. */
void admin_conn_answer(struct admin_conn *c, struct admin_call *call);
void admin_conn_close(struct admin_conn *c);
void admin_conn_close_all(struct admin *a, bool idle_only);

/* ---- handlers: run and finish of the table ---- */
int admin_run_apply(struct admin_call *call, struct store *s, struct err *e);
int admin_run_diff(struct admin_call *call, struct store *s, struct err *e);
int admin_run_delete(struct admin_call *call, struct store *s, struct err *e);
int admin_run_restore(struct admin_call *call, struct store *s, struct err *e);
int admin_run_variables(struct admin_call *call, struct store *s, struct err *e);
int admin_finish_commit(struct admin_call *call, struct err *e);
int admin_run_documents(struct admin_call *call, struct store *s, struct err *e);
int admin_run_document(struct admin_call *call, struct store *s, struct err *e);
int admin_run_revisions(struct admin_call *call, struct store *s, struct err *e);
int admin_run_revision(struct admin_call *call, struct store *s, struct err *e);
int admin_run_revision_diff(struct admin_call *call, struct store *s, struct err *e);
int admin_finish_rollouts(struct admin_call *call, struct err *e);
int admin_finish_rollout(struct admin_call *call, struct err *e);
int admin_run_nodes(struct admin_call *call, struct store *s, struct err *e);
int admin_finish_nodes(struct admin_call *call, struct err *e);
int admin_run_node_delete(struct admin_call *call, struct store *s, struct err *e);
int admin_finish_node_delete(struct admin_call *call, struct err *e);
int admin_run_tokens(struct admin_call *call, struct store *s, struct err *e);
int admin_run_token_create(struct admin_call *call, struct store *s, struct err *e);
int admin_finish_token_create(struct admin_call *call, struct err *e);
int admin_run_token_delete(struct admin_call *call, struct store *s, struct err *e);
int admin_finish_token_delete(struct admin_call *call, struct err *e);
int admin_run_audit(struct admin_call *call, struct store *s, struct err *e);
int admin_finish_openapi(struct admin_call *call, struct err *e);
int admin_finish_version(struct admin_call *call, struct err *e);
int admin_finish_healthz(struct admin_call *call, struct err *e);
int admin_finish_readyz(struct admin_call *call, struct err *e);
int admin_finish_metrics(struct admin_call *call, struct err *e);

/* Builds the OpenAPI document from the table. */
MUST_USE int admin_openapi_build(struct buf *out);
