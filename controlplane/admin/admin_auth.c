#include <stdlib.h>
#include <string.h>

#include "admin/admin_int.h"
#include "admin/trust.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/random.h"
#include "base/secret.h"
#include "crypto/digest.h"

/* Wrong tokens are counted by address in a table of fixed size: two addresses may share a place, and then only how soon
 * the next wrong token is put off. A right token always passes, so nobody can lock another one out. */
#define FAILURES_SIZE 4096u
#define FAILURES_MAX 10u
#define FAILURES_WINDOW_MS 60000u

struct entry {
    char id[STORE_TOKEN_ID_MAX + 1], name[128];
    uint8_t hash[32];
    enum store_role role;
    int64_t expires_ms, used_ms;
    bool dirty;
};

struct failures {
    uint64_t since_ms;
    uint32_t n;
};

struct admin_auth {
    struct map tokens;              /* struct entry by id: api tokens that were not revoked */
    uint64_t k0, k1;
    struct failures failures[FAILURES_SIZE];
};

static int load_cb(void *arg, const struct store_token *t)
{
    struct admin_auth *auth = arg;

    if (t->kind != STORE_TOKEN_API || t->revoked_ms != 0)
        return 0;
    return admin_auth_add(auth, t, NULL);
}

int admin_auth_new(struct admin_auth **out, struct store *s, struct err *e)
{
    struct admin_auth *auth = calloc(1, sizeof(*auth));
    int rc;

    if (auth == NULL)
        return err_set(e, ERR_NOMEM, "tokens");
    map_init(&auth->tokens);
    random_bytes(&auth->k0, sizeof(auth->k0));
    random_bytes(&auth->k1, sizeof(auth->k1));
    rc = store_tokens(s, load_cb, auth, e);
    if (rc != 0) {
        admin_auth_free(auth);
        return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "tokens") : rc;
    }
    *out = auth;
    return 0;
}

void admin_auth_free(struct admin_auth *auth)
{
    size_t at = 0;
    struct slice key;
    void *value;

    if (auth == NULL)
        return;
    while (map_next(&auth->tokens, &at, &key, &value))
        free(value);
    map_fini(&auth->tokens);
    free(auth);
}

int admin_auth_add(struct admin_auth *auth, const struct store_token *t, struct err *e)
{
    struct entry *x = calloc(1, sizeof(*x));
    void *old = NULL;

    if (x == NULL || t->id.n > STORE_TOKEN_ID_MAX) {
        free(x);
        return err_set(e, ERR_NOMEM, "a token");
    }
    memcpy(x->id, t->id.p, t->id.n);
    (void)snprintf(x->name, sizeof(x->name), "%.*s", SLICE_FMT(t->name));
    memcpy(x->hash, t->hash, sizeof(x->hash));
    x->role = t->role;
    x->expires_ms = t->expires_ms;
    if (map_put(&auth->tokens, slice_of(x->id), x, &old) != 0) {
        free(x);
        return err_set(e, ERR_NOMEM, "a token");
    }
    MUST(old == NULL);
    return 0;
}

void admin_auth_remove(struct admin_auth *auth, struct slice id)
{
    free(map_del(&auth->tokens, id));
}

void admin_auth_used(struct admin_auth *auth, void (*cb)(void *arg, struct slice id, int64_t at_ms), void *arg)
{
    size_t at = 0;
    struct slice key;
    void *value;

    while (map_next(&auth->tokens, &at, &key, &value)) {
        struct entry *x = value;

        if (x->dirty)
            cb(arg, key, x->used_ms);
        x->dirty = false;
    }
}

static bool is_good(const struct admin_auth *auth, struct slice text, struct entry **out, int64_t now_ms)
{
    static const uint8_t nobody[32];
    struct slice id, secret;
    struct entry *x;
    uint8_t hash[32];
    bool same;

    if (!trust_token_parse(text, &id, &secret))
        return false;
    x = map_get(&auth->tokens, id);
    /* The same work for an id that is not there. */
    digest_sha256(secret.p, secret.n, hash);
    same = secret_equal(slice_from(hash, 32), slice_from(x == NULL ? nobody : x->hash, 32));
    *out = x;
    return same && x != NULL && (x->expires_ms == 0 || x->expires_ms > now_ms);
}

/* True: this address may try once more. */
static bool count_failure(struct admin_auth *auth, const char *ip, uint64_t now)
{
    struct failures *f = &auth->failures[map_siphash(auth->k0, auth->k1, ip, strlen(ip)) % FAILURES_SIZE];

    if (f->n == 0 || now - f->since_ms >= FAILURES_WINDOW_MS) {
        f->since_ms = now;
        f->n = 0;
    }
    if (f->n >= FAILURES_MAX)
        return false;
    f->n++;
    return true;
}

enum admin_verdict admin_auth_check(struct admin_auth *auth, struct admin_call *call, const struct h1_header *authorization,
                                    const char *ip)
{
    int64_t now_ms = clock_wall_ms();
    struct entry *x = NULL;
    struct slice v;

    if (authorization == NULL)
        return ADMIN_NO_TOKEN;
    v = authorization->value;
    if (v.n < 7 || !slice_ieq(slice_sub(v, 0, 7), SLICE_LIT("Bearer ")))
        return ADMIN_NO_TOKEN;
    v = slice_sub(v, 7, v.n);
    while (v.n > 0 && *v.p == ' ')
        v = slice_sub(v, 1, v.n);
    if (!is_good(auth, v, &x, now_ms))
        return count_failure(auth, ip, clock_mono_ms()) ? ADMIN_BAD_TOKEN : ADMIN_TOO_OFTEN;
    x->used_ms = now_ms;
    x->dirty = true;
    call->role = x->role;
    (void)snprintf(call->token_id, sizeof(call->token_id), "%s", x->id);
    (void)snprintf(call->who, sizeof(call->who), "%s (%s)", x->name[0] == '\0' ? "token" : x->name, x->id);
    return ADMIN_ALLOWED;
}
