#include <string.h>

#include "admin/admin_int.h"
#include "admin/trust.h"
#include "base/clock.h"
#include "base/secret.h"
#include "crypto/cert.h"
#include "crypto/digest.h"

/* Tokens: made here, shown once, kept as hashes. */

#define TTL_MAX_S (10u * 365u * 86400u)
#define JOIN_TTL_S 3600u
#define JOIN_TTL_MAX_S (30u * 86400u)
#define USES_MAX 10000u
#define NAME_MAX_BYTES 100u

static int put_token(void *arg, const struct store_token *t)
{
    struct json_writer *w = arg;

    json_begin_object(w);
    json_member_slice(w, "id", t->id);
    json_member_slice(w, "name", t->name);
    json_member_str(w, "kind", store_token_kind_name(t->kind));
    if (t->kind == STORE_TOKEN_API)
        json_member_str(w, "role", store_role_name(t->role));
    else
        json_member_slice(w, "environment", t->environment);
    if (t->kind == STORE_TOKEN_JOIN)
        json_member_uint(w, "usesLeft", t->uses_left);
    json_member_slice(w, "createdBy", t->created_by);
    admin_member_time(w, "createdAt", t->created_ms);
    admin_member_time(w, "expiresAt", t->expires_ms);
    admin_member_time(w, "lastUsedAt", t->last_used_ms);
    admin_member_time(w, "revokedAt", t->revoked_ms);
    json_end_object(w);
    return 0;
}

int admin_run_tokens(struct admin_call *call, struct store *s, struct err *e)
{
    struct json_writer w;
    int rc;

    json_writer_init(&w, &call->out, 0);
    json_begin_array(&w);
    rc = store_tokens(s, put_token, &w, e);
    json_end_array(&w);
    return admin_end(&w, rc, e);
}

/* ---- making one ---- */

static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return s.n <= NAME_MAX_BYTES;
}

static bool is_environment(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return s.n > 0 && s.n <= 128;
}

static int read_api(const struct json *body, struct store_token *t, uint64_t *ttl_s, struct err *e)
{
    struct slice role;
    int rc = admin_text(body, "role", &role, e);

    if (rc != 0)
        return rc;
    if (store_role_parse(role, &t->role) != 0)
        return err_set(e, ERR_SYNTAX, "\"role\" must be \"viewer\", \"editor\" or \"admin\"");
    if (t->environment.n > 0 || t->uses_left != 0)
        return err_set(e, ERR_SYNTAX, "\"environment\" and \"uses\" are for join tokens");
    if (*ttl_s > TTL_MAX_S)
        return err_set(e, ERR_SYNTAX, "\"ttlSeconds\" is more than %u", TTL_MAX_S);
    return 0;
}

static int read_join(const struct json *body, struct store_token *t, uint64_t *ttl_s, struct err *e)
{
    if (json_get_str(body, "role") != NULL)
        return err_set(e, ERR_SYNTAX, "\"role\" is for api tokens");
    if (!is_environment(t->environment))
        return err_set(e, ERR_SYNTAX, "\"environment\" must be 1 to 128 letters, digits, '-', '_' or '.'");
    if (t->uses_left == 0)
        t->uses_left = 1;
    if (*ttl_s == 0)
        *ttl_s = JOIN_TTL_S;
    if (*ttl_s > JOIN_TTL_MAX_S)
        return err_set(e, ERR_SYNTAX, "\"ttlSeconds\" of a join token is at most %u", JOIN_TTL_MAX_S);
    return 0;
}

static int read_request(struct admin_call *call, struct store_token *t, struct err *e)
{
    static const char *const names[] = {"kind", "role", "environment", "ttlSeconds", "uses", "name", NULL};
    const struct json *body;
    uint64_t ttl_s = 0;
    struct slice kind;
    int rc = admin_body(call, &body, e);

    if (rc == 0)
        rc = admin_members(body, names, e);
    if (rc == 0)
        rc = admin_text(body, "kind", &kind, e);
    if (rc == 0)
        rc = admin_text(body, "name", &t->name, e);
    if (rc == 0)
        rc = admin_text(body, "environment", &t->environment, e);
    if (rc == 0)
        rc = admin_number(body, "ttlSeconds", &ttl_s, e);
    if (rc == 0)
        rc = admin_number(body, "uses", &t->uses_left, e);
    if (rc != 0)
        return rc;
    if (store_token_kind_parse(kind, &t->kind) != 0)
        return err_set(e, ERR_SYNTAX, "\"kind\" must be \"api\" or \"join\"");
    if (!is_name(t->name))
        return err_set(e, ERR_SYNTAX, "\"name\" is at most %u bytes without control characters", NAME_MAX_BYTES);
    if (t->uses_left > USES_MAX)
        return err_set(e, ERR_SYNTAX, "\"uses\" is at most %u", USES_MAX);
    rc = t->kind == STORE_TOKEN_API ? read_api(body, t, &ttl_s, e) : read_join(body, t, &ttl_s, e);
    t->created_ms = clock_wall_ms();
    t->expires_ms = ttl_s == 0 ? 0 : t->created_ms + (int64_t)ttl_s * 1000;
    return rc;
}

static int put_created(struct admin_call *call, const struct store_token *t, const struct trust_token *made)
{
    char text[256], ca[65];
    struct json_writer w;

    digest_hex(cert_ca_sha256(call->admin->o.ca), 32, ca);
    if (t->kind == STORE_TOKEN_API)
        (void)snprintf(text, sizeof(text), "slc_%s_%s", made->id, made->secret);
    else
        (void)snprintf(text, sizeof(text), "%s.%s.%s", made->id, made->secret, ca);
    json_writer_init(&w, &call->out, 0);
    json_begin_object(&w);
    json_member_str(&w, "token", text);
    json_member_str(&w, "id", made->id);
    json_member_str(&w, "kind", store_token_kind_name(t->kind));
    if (t->kind == STORE_TOKEN_API)
        json_member_str(&w, "role", store_role_name(t->role));
    else
        json_member_slice(&w, "environment", t->environment);
    if (t->kind == STORE_TOKEN_JOIN)
        json_member_uint(&w, "usesLeft", t->uses_left);
    json_member_slice(&w, "name", t->name);
    admin_member_time(&w, "expiresAt", t->expires_ms);
    json_end_object(&w);
    secret_wipe(text, sizeof(text));
    return json_writer_end(&w);
}

int admin_run_token_create(struct admin_call *call, struct store *s, struct err *e)
{
    struct store_token *t = arena_calloc(&call->arena, 1, sizeof(*t));
    struct trust_token made;
    int rc = t == NULL ? err_set(e, ERR_NOMEM, "token") : read_request(call, t, e);

    if (rc != 0)
        return rc;
    trust_token_make(&made);
    t->id = arena_dup(&call->arena, slice_of(made.id));
    t->created_by = slice_of(call->who);
    memcpy(t->hash, made.hash, sizeof(t->hash));
    rc = t->id.p == NULL ? err_set(e, ERR_NOMEM, "token") : store_token_add(s, t, e);
    if (rc == 0 && put_created(call, t, &made) != 0)
        rc = err_set(e, ERR_NOMEM, "answer");
    secret_wipe(&made, sizeof(made));
    call->status = rc == 0 ? 201 : 0;
    call->data = t;
    return rc;
}

int admin_finish_token_create(struct admin_call *call, struct err *e)
{
    const struct store_token *t = call->data;
    int rc = t->kind == STORE_TOKEN_API ? admin_auth_add(call->admin->auth, t, e) : 0;

    if (rc != 0)
        return rc;
    call->content_type = "application/json";
    return 0;
}

int admin_run_token_delete(struct admin_call *call, struct store *s, struct err *e)
{
    int rc = store_token_revoke(s, call->args[0], clock_wall_ms(), e);

    call->status = rc == 0 ? 204 : 0;
    return rc;
}

int admin_finish_token_delete(struct admin_call *call, struct err *e)
{
    (void)e;
    admin_auth_remove(call->admin->auth, call->args[0]);
    return 0;
}
