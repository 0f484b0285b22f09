/* FetchChunks: the leaves that a node lacks, in pieces, as fast as it takes them and never ahead of it. A leaf is served only
 * out of a table that is live, pending or recent in the environment of the caller's certificate. */
#include <stdio.h>
#include <zstd.h>

#include "base/caps.h"
#include "base/log.h"
#include "base/must.h"
#include "push/push_int.h"

#define LEVEL 3

struct push_fetch {
    struct list link;
    struct push_server *server;
    struct grpc_call *call;
    struct push_identity_parts who;
    struct leaf_table *table;
    uint16_t *wants;             /* indexes of leaves */
    size_t n_wants, at;
    uint32_t offset;             /* in the leaf at hand */
    struct push_progress progress;
    bool zstd, ready, running, done, cut;
};

static void compressed_free(struct push_kept_table *k)
{
    if (k == NULL)
        return;
    for (size_t i = 0; i < BUNDLE_LEAVES; i++)
        free(k->leaves[i]);
    leaf_table_unref(k->table);
    free(k);
}

void push_fetch_fini(struct push_server *ps)
{
    for (size_t i = 0; i < PUSH_TABLES_KEPT; i++)
        compressed_free(ps->tables[i]);
}

/* The place of what is compressed of this table; what an older table has of the same leaves moves over. NULL: no memory. */
static struct push_kept_table *kept_table(struct push_server *ps, struct leaf_table *t)
{
    struct push_kept_table *k, **place = &ps->tables[0];

    for (size_t i = 0; i < PUSH_TABLES_KEPT; i++) {
        k = ps->tables[i];
        if (k != NULL && k->table == t) {
            k->used = ++ps->uses;
            return k;
        }
        if (*place != NULL && (k == NULL || k->used < (*place)->used))
            place = &ps->tables[i];
    }
    k = calloc(1, sizeof(*k));
    if (k == NULL)
        return NULL;
    k->table = leaf_table_ref(t);
    k->used = ++ps->uses;
    for (size_t i = 0; *place != NULL && i < BUNDLE_LEAVES; i++) {
        if ((*place)->table->leaves[i] == t->leaves[i])
            k->leaves[i] = TAKE(&(*place)->leaves[i]);
    }
    compressed_free(*place);
    return *place = k;
}

static struct push_compressed *compress(struct push_server *ps, struct slice raw)
{
    size_t bound = ZSTD_compressBound(raw.n), n;
    struct push_compressed *c = malloc(sizeof(*c) + bound), *fit;

    if (c == NULL)
        return NULL;
    n = ZSTD_compressCCtx(ps->zstd, c->bytes, bound, raw.p, raw.n, LEVEL);
    if (ZSTD_isError(n)) {
        free(c);
        return NULL;
    }
    c->n = n;
    fit = realloc(c, sizeof(*c) + n);
    return fit == NULL ? c : fit;
}

/* One message with the piece at hand. */
static int encode_piece(struct push_fetch *f, const struct leaf *l, uint16_t index, uint32_t piece, struct buf *out)
{
    struct slice raw = slice_from(l->bytes + f->offset, piece);
    struct push_kept_table *k = f->zstd && piece == l->size ? kept_table(f->server, f->table) : NULL;
    struct push_compressed *c = k == NULL ? NULL : k->leaves[index];
    bool smaller;
    int rc;

    if (f->zstd && c == NULL)
        c = compress(f->server, raw);
    smaller = c != NULL && c->n < raw.n;
    rc = push_encode_chunk(out, l, smaller, smaller ? slice_from(c->bytes, c->n) : raw, f->offset, piece);
    if (k != NULL)
        k->leaves[index] = c;
    else
        free(c);
    return rc;
}

/* Until the call has no room. */
static void pump(struct push_fetch *f)
{
    struct push_server *ps = f->server;
    struct buf b;
    int rc = 0;

    buf_init(&b, 0);
    while (rc == 0 && f->at < f->n_wants) {
        const struct leaf *l = f->table->leaves[f->wants[f->at]];
        uint32_t piece = l->size - f->offset < CAPS_CHUNK_MAX ? l->size - f->offset : CAPS_CHUNK_MAX;
        struct slice message;

        buf_clear(&b);
        rc = encode_piece(f, l, f->wants[f->at], piece, &b);
        message = buf_slice(&b);
        if (rc == 0)
            rc = grpc_call_send(f->call, &message, 1);
        if (rc != 0)
            break;
        push_progress_give(&f->progress, message.n);
        ps->stats.chunks++;
        ps->stats.chunk_bytes += message.n;
        f->offset += piece;
        if (f->offset < l->size)
            continue;
        f->offset = 0;
        f->at++;
    }
    buf_fini(&b);
    f->done = rc == 0 || rc == -ERR_NOMEM;
    if (rc == 0)
        grpc_call_finish(f->call, GRPC_OK, NULL);
    else if (rc == -ERR_NOMEM)
        grpc_call_finish(f->call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    /* -ERR_LIMIT: on_writable goes on. -ERR_CLOSED: on_end is on its way. */
}

static void run(struct push_fetch *f)
{
    struct push_server *ps = f->server;

    list_remove(&f->link);
    list_append(&ps->fetches, &f->link);
    ps->n_running++;
    f->running = true;
    pump(f);
}

static void start_waiting(struct push_server *ps)
{
    for (struct list *l = ps->waiting.next; l != &ps->waiting && ps->n_running < PUSH_FETCHES_RUNNING;) {
        struct push_fetch *f = CONTAINER_OF(l, struct push_fetch, link);

        l = l->next;
        if (!f->ready)
            continue;
        ps->n_waiting--;
        run(f);
    }
}

/* A fetch that stands still keeps its place from others: it is cut. No callback comes out of the calls made here. */
void push_fetch_tick(struct push_server *ps, uint64_t now_ms)
{
    for (struct list *l = ps->fetches.next; l != &ps->fetches; l = l->next) {
        struct push_fetch *f = CONTAINER_OF(l, struct push_fetch, link);

        if (f->cut || push_progress_stalled(&f->progress, f->call, now_ms) < ps->o.stall_ms)
            continue;
        f->cut = true;
        ps->stats.closed_slow++;
        LOG_WARN("fetch cut", LOG_STR("node", f->who.node), LOG_STR("reason", "the node takes nothing of what it asked for"));
        grpc_call_cancel(f->call);
    }
}

static size_t fetches_of(const struct list *head, const struct push_identity_parts *who)
{
    size_t n = 0;

    for (struct list *l = head->next; l != head; l = l->next) {
        const struct push_fetch *f = CONTAINER_OF(l, struct push_fetch, link);

        n += strcmp(f->who.node, who->node) == 0 && strcmp(f->who.environment, who->environment) == 0;
    }
    return n;
}

/* The wanted hashes as indexes of the table, in the order in which they were asked for. */
static int find_leaves(struct push_fetch *f, const struct push_want *want)
{
    struct map by_hash;
    size_t found = 0;
    int rc = 0;

    map_init(&by_hash);
    f->wants = calloc(want->n + 1, sizeof(*f->wants));
    if (f->wants == NULL)
        return -ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < want->n; i++)
        rc = map_put(&by_hash, slice_from(want->hashes[i], BUNDLE_HASH), &f->wants[i], NULL);
    for (size_t i = 0; rc == 0 && i < BUNDLE_LEAVES; i++) {
        const struct leaf *l = f->table->leaves[i];
        uint16_t *place = l == NULL ? NULL : map_get(&by_hash, slice_from(l->hash, BUNDLE_HASH));

        if (place == NULL)
            continue;
        (void)map_del(&by_hash, slice_from(l->hash, BUNDLE_HASH));
        *place = (uint16_t)i;
        found++;
    }
    f->n_wants = want->n;
    map_fini(&by_hash);
    return rc != 0 ? rc : found == want->n ? 0 : -ERR_NOTFOUND;
}

static void on_open(struct grpc_call *call)
{
    struct push_server *ps = grpc_call_arg(call);
    struct push_fetch *f = calloc(1, sizeof(*f));
    const char *why = f == NULL ? "out of memory" : push_refusal_of(ps, grpc_call_peer(call), &f->who);

    grpc_call_set_arg(call, NULL);
    if (why != NULL) {
        grpc_call_finish(call, f == NULL ? GRPC_RESOURCE_EXHAUSTED : GRPC_PERMISSION_DENIED, why);
        free(f);
        return;
    }
    if (ps->n_waiting >= PUSH_FETCHES_MAX ||
        fetches_of(&ps->fetches, &f->who) + fetches_of(&ps->waiting, &f->who) >= PUSH_FETCHES_NODE) {
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "too many fetches at once");
        free(f);
        return;
    }
    f->server = ps;
    f->call = call;
    list_append(&ps->waiting, &f->link);
    ps->n_waiting++;
    grpc_call_set_arg(call, f);
}

static void on_message(struct grpc_call *call, struct slice bytes)
{
    struct push_fetch *f = grpc_call_arg(call);
    struct leaf_table *table;
    struct push_want want;
    struct err e;
    int rc;

    if (f == NULL)
        return;
    if (push_decode_fetch(bytes, &want, &e) != 0) {
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT, e.text);
        return;
    }
    f->server->stats.fetches++;
    table = push_core_table(f->server->core, f->who.environment, want.version.root);
    f->zstd = want.zstd;
    f->table = table == NULL ? NULL : leaf_table_ref(table);
    rc = table == NULL ? -ERR_NOTFOUND : find_leaves(f, &want);
    free(want.hashes);
    if (rc == -ERR_NOTFOUND)
        grpc_call_finish(call, GRPC_NOT_FOUND, table == NULL ? "no such version here" : "no such leaf in this version");
    else if (rc != 0)
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    f->ready = rc == 0;
}

static void on_half_close(struct grpc_call *call)
{
    struct push_fetch *f = grpc_call_arg(call);

    if (f != NULL && f->ready)
        start_waiting(f->server);
}

static void on_writable(struct grpc_call *call)
{
    struct push_fetch *f = grpc_call_arg(call);

    if (f != NULL && f->running && !f->done)
        pump(f);
}

static void on_end(struct grpc_call *call, int status, const char *message)
{
    struct push_fetch *f = grpc_call_arg(call);
    struct push_server *ps;

    (void)status;
    (void)message;
    grpc_call_set_arg(call, NULL);
    if (f == NULL)
        return;
    ps = f->server;
    list_remove(&f->link);
    if (f->running)
        ps->n_running--;
    else
        ps->n_waiting--;
    leaf_table_unref(f->table);
    free(f->wants);
    free(f);
    start_waiting(ps);
}

const struct grpc_handler push_fetch_handler = {.on_open = on_open,
                                                .on_message = on_message,
                                                .on_half_close = on_half_close,
                                                .on_writable = on_writable,
                                                .on_end = on_end};
