#pragma once
/* Who may do what: tokens (only their hashes are kept) and the nodes that were given a certificate.
 * Same rules as store.h: these block; backstage only. */
#include "store/store.h"

#define STORE_TOKEN_ID_MAX 32
#define STORE_TOKENS_MAX 10000u   /* not revoked; store_token_add refuses more with -ERR_LIMIT */

enum store_token_kind { STORE_TOKEN_API = 1, STORE_TOKEN_JOIN = 2 };
enum store_role { STORE_ROLE_NONE = 0, STORE_ROLE_VIEWER = 1, STORE_ROLE_EDITOR = 2, STORE_ROLE_ADMIN = 3 };

const char *store_token_kind_name(enum store_token_kind kind);
const char *store_role_name(enum store_role role);
/* 0, or -ERR_INVALID. */
MUST_USE int store_token_kind_parse(struct slice text, enum store_token_kind *out);
MUST_USE int store_role_parse(struct slice text, enum store_role *out);

struct store_token {
    struct slice id, name, created_by;
    struct slice environment;      /* join: where its nodes belong */
    uint8_t hash[32];              /* SHA-256 of the secret part */
    enum store_token_kind kind;
    enum store_role role;          /* api */
    int64_t created_ms;
    int64_t expires_ms;            /* 0: never */
    int64_t last_used_ms;          /* 0: never */
    int64_t revoked_ms;            /* 0: not */
    uint64_t uses_left;            /* join; 0 when they are gone */
};
typedef int (*store_token_cb)(void *arg, const struct store_token *t);

/* -ERR_EXISTS: the id is taken (also by a revoked one), -ERR_LIMIT. */
MUST_USE int store_token_add(struct store *s, const struct store_token *t, struct err *e);
/* All, revoked ones too, newest first. */
MUST_USE int store_tokens(struct store *s, store_token_cb cb, void *arg, struct err *e);
/* -ERR_NOTFOUND also when it is revoked already. */
MUST_USE int store_token_revoke(struct store *s, struct slice id, int64_t now_ms, struct err *e);
/* Shown only: may be lost in a crash. */
MUST_USE int store_token_touch(struct store *s, struct slice id, int64_t now_ms, struct err *e);

struct store_join {
    struct slice id;             /* of the token */
    uint8_t secret_hash[32];
    uint8_t key_hash[32];        /* of the node's public key: the same key may come again without a second use */
    struct slice node_id;        /* wanted or made by the caller */
    int64_t now_ms;
};
struct store_joined {
    char node_id[129];           /* of the first answer when the same key came again */
    char environment[129];
    uint64_t membership;         /* see store_node: certificates of the node carry it */
    bool again;
};

/* Checks and burns one use in one transaction. -ERR_DENIED for every refusal: unknown, wrong, expired, used up, revoked
 * (the text says which, for the log, not for the caller's peer). -ERR_EXISTS: node_id belongs to another environment.
 * The node is known from then on. */
MUST_USE int store_token_join(struct store *s, const struct store_join *j, struct store_joined *out, struct err *e);

struct store_node {
    struct slice id, environment;
    struct slice serial;         /* of the last certificate, hex */
    int64_t not_after_ms;
    int64_t first_seen_ms, last_seen_ms;
    int64_t removed_ms;          /* 0: not. A removed one is refused until it joins again */
    /* Only grows, at each removal and past the clock, so that it is never one from before a backup was brought back. Whoever
     * carries a smaller one is of before the removal, and stays refused. 0: the name was never removed. */
    uint64_t membership;
};
typedef int (*store_node_cb)(void *arg, const struct store_node *n);

/* last_seen, and serial and not_after where they are given, of many in one transaction: called rarely. Nodes come to be by
 * store_token_join; unknown ones (their certificate is older than this store) are added. */
MUST_USE int store_nodes_seen(struct store *s, const struct store_node *nodes, size_t n, struct err *e);
MUST_USE int store_nodes(struct store *s, store_node_cb cb, void *arg, struct err *e);
/* -ERR_NOTFOUND also when it is removed already. */
MUST_USE int store_node_remove(struct store *s, struct slice environment, struct slice id, int64_t now_ms, struct err *e);
