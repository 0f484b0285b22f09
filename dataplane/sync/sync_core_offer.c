/* One offer on its way: checked cheap before expensive, missing leaves fetched, hashed, built, held, swapped, saved. */
#include <stdio.h>

#include "base/caps.h"
#include "sync/sync_core_int.h"

static void ack(struct sync_core *c, enum protocol_phase phase, uint32_t workers)
{
    struct sync_offer *o = &c->offer;
    struct sync_action *a;

    o->phase = phase;
    if (!o->answer)
        return;
    a = sync_act(c, SYNC_DO_ACK);
    if (a == NULL)
        return;
    memcpy(a->ack.nonce, o->nonce, sizeof(a->ack.nonce));
    a->ack.version = o->bundle->version;
    a->ack.phase = phase;
    a->ack.timings = o->timings;
    a->ack.workers_active = workers;
    c->acks++;
}

/* The leaves that are here stay: the next offer will want most of them again. */
static void keep_leaves(struct sync_core *c, struct bundle *b)
{
    if (b == NULL || b->table == NULL || (c->active != NULL && b->table == c->active->table))
        return;
    leaf_table_unref(c->spare);
    c->spare = leaf_table_ref(b->table);
}

void sync_offer_fini(struct sync_offer *o)
{
    bundle_unref(o->bundle);
    free(o->missing);
    *o = (struct sync_offer){.stage = SYNC_STAGE_NONE};
}

static void drop(struct sync_core *c)
{
    struct sync_offer *o = &c->offer;
    struct sync_action *a = NULL;

    if (o->stage == SYNC_STAGE_FETCHING)
        a = sync_act(c, SYNC_DO_FETCH_CANCEL);
    else if (o->stage == SYNC_STAGE_BUILDING || o->stage == SYNC_STAGE_HELD)
        a = sync_act(c, SYNC_DO_DISCARD);
    if (a != NULL)
        a->job = o->stage == SYNC_STAGE_FETCHING ? o->fetch : o->job;
    keep_leaves(c, o->bundle);
    sync_offer_fini(o);
}

static void nack(struct sync_core *c, const uint8_t nonce[PROTOCOL_NONCE], const struct bundle_version *v,
                 const struct protocol_error *e)
{
    struct sync_action *a = sync_act(c, SYNC_DO_NACK);

    snprintf(c->last_error, sizeof(c->last_error), "%s", e->message);
    if (a == NULL)
        return;
    a->nack = calloc(1, sizeof(*a->nack));
    if (a->nack == NULL) {
        c->out->failed = true;
        return;
    }
    memcpy(a->nack->nonce, nonce, PROTOCOL_NONCE);
    a->nack->rejected = *v;
    a->nack->has_active = c->active != NULL;
    if (c->active != NULL)
        a->nack->still_active = c->active->version;
    a->nack->error = *e;
    a->nack->n_errors = 1;
    a->nack->retryable = e->retryable;
    c->nacks++;
}

static bool is_rejected(const struct sync_core *c, const struct bundle_version *v)
{
    for (size_t i = 0; i < c->hello.n_rejected; i++) {
        if (protocol_same_root(&c->hello.rejected[i], v))
            return true;
    }
    return false;
}

static void reject(struct sync_core *c, const struct bundle_version *v)
{
    struct protocol_hello *h = &c->hello;
    struct sync_action *a;

    if (is_rejected(c, v))
        return;
    if (h->n_rejected == PROTOCOL_REJECTED_MAX) {
        memmove(&h->rejected[0], &h->rejected[1], (PROTOCOL_REJECTED_MAX - 1) * sizeof(h->rejected[0]));
        h->n_rejected--;
    }
    h->rejected[h->n_rejected++] = *v;
    a = sync_act(c, SYNC_DO_REJECT);
    if (a != NULL)
        a->version = *v;
}

/* The offer in work ends here; active stays. content: the bundle itself is bad, so it is remembered. */
static void refuse(struct sync_core *c, const struct protocol_error *e, bool content)
{
    struct sync_offer *o = &c->offer;

    if (o->answer)
        nack(c, o->nonce, &o->bundle->version, e);
    if (content && !e->retryable)
        reject(c, &o->bundle->version);
    drop(c);
}

static void refuse_leaf(struct sync_core *c, enum protocol_code code, uint32_t index, const char *what, bool retryable)
{
    struct protocol_error e = {.code = code, .type = "leaf", .retryable = retryable};

    snprintf(e.key, sizeof(e.key), "%u", index);
    snprintf(e.message, sizeof(e.message), "%s", what);
    refuse(c, &e, true);
}

static void refuse_text(struct sync_core *c, enum protocol_code code, bool retryable, bool content, const char *what)
{
    struct protocol_error e = {.code = code, .retryable = retryable};

    snprintf(e.message, sizeof(e.message), "%s", what);
    refuse(c, &e, content);
}

/* ---- what can be said without looking at leaves --------------------------------------------------------------------------- */

static bool check_header(const struct sync_core *c, const struct protocol_offer *o, struct protocol_error *e)
{
    const struct bundle *h = o->header;
    const struct protocol_limits *limits = &c->o.limits;
    const char *text = NULL;

    memset(e, 0, sizeof(*e));
    if (h->schema < c->hello.schema_min || h->schema > c->hello.schema_max || o->leaf_count != BUNDLE_LEAVES) {
        e->code = PROTOCOL_SCHEMA_UNSUPPORTED;
        text = "the bundle's schema is not one that this node loads";
    } else if (o->header_error != NULL) {
        e->code = PROTOCOL_DECODE;
        text = o->header_error;
    } else if (strcmp(h->cluster_id, c->hello.cluster_id) != 0) {
        e->code = PROTOCOL_INTERNAL;
        text = "the bundle is another cluster's";
    } else if (strcmp(h->environment, c->hello.environment) != 0) {
        e->code = PROTOCOL_INTERNAL;
        text = "the bundle is another environment's";
    } else if (is_rejected(c, &h->version)) {
        e->code = PROTOCOL_CRASHED;
        text = "this node refused the bundle or crashed on it before";
    } else if (c->active != NULL && bundle_version_cmp(&h->version, &c->active->version) <= 0 &&
               !bundle_version_eq(&h->version, &c->active->version)) {
        e->code = PROTOCOL_STALE_VERSION;
        e->retryable = true;
        text = "the bundle is not newer than what this node serves";
    } else if (o->missing_capability[0] != '\0') {
        e->code = PROTOCOL_CAPABILITY_MISSING;
        snprintf(e->field, sizeof(e->field), "%s", o->missing_capability);
        text = "the bundle needs a capability that this node lacks";
    } else if (limits->max_bundle_bytes != 0 && h->total_bytes > limits->max_bundle_bytes) {
        e->code = PROTOCOL_LIMIT_EXCEEDED;
        text = "the bundle has more bytes than this node takes";
    } else if (limits->max_routes != 0 && h->routes > limits->max_routes) {
        e->code = PROTOCOL_LIMIT_EXCEEDED;
        text = "the bundle has more routes than this node takes";
    } else if (h->resource_count == 0 && !h->empty_is_intended) {
        e->code = PROTOCOL_INVALID_RESOURCE;
        text = "the bundle is empty and does not say that it is meant to be";
    } else if (o->has_base && (c->active == NULL || !protocol_same_root(&o->base, &c->active->version))) {
        e->code = PROTOCOL_BASE_MISMATCH;
        e->retryable = true;
        text = "the delta starts from something that this node does not serve";
    }
    if (text != NULL)
        snprintf(e->message, sizeof(e->message), "%s", text);
    return text == NULL;
}

/* ---- leaves ------------------------------------------------------------------------------------------------------------------ */

static struct leaf *held_leaf(const struct sync_core *c, const struct protocol_leaf_ref *r)
{
    const struct leaf_table *tables[] = {c->active == NULL ? NULL : c->active->table, c->spare};

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct leaf *l = tables[i] == NULL ? NULL : tables[i]->leaves[r->index];

        if (l != NULL && l->size == r->size && memcmp(l->hash, r->hash, sizeof(r->hash)) == 0)
            return l;
    }
    return NULL;
}

/* Fills the table from the base and from what is held; lists what is missing. False: refused. */
static bool take_refs(struct sync_core *c, const struct protocol_offer *in)
{
    struct sync_offer *o = &c->offer;
    uint64_t bytes = 0;
    int32_t last = -1;

    for (size_t i = 0; i < in->n_refs; i++) {
        const struct protocol_leaf_ref *r = &in->refs[i];
        struct leaf *l;

        if (r->index >= BUNDLE_LEAVES || (int32_t)r->index <= last || (!r->is_empty && r->size == 0)) {
            refuse_leaf(c, PROTOCOL_DECODE, r->index, "the list of leaves is not in order", false);
            return false;
        }
        last = (int32_t)r->index;
        bytes += r->size;
        if (r->size > CAPS_LEAF_MAX || bytes > o->bundle->total_bytes) {
            refuse_leaf(c, PROTOCOL_LIMIT_EXCEEDED, r->index, "more bytes than the header says", false);
            return false;
        }
        l = r->is_empty ? NULL : held_leaf(c, r);
        leaf_table_set(o->bundle->table, r->index, l == NULL ? NULL : leaf_ref(l));
        if (r->is_empty || l != NULL)
            continue;
        o->missing[o->n_missing] = (struct sync_missing){.index = r->index, .size = r->size};
        memcpy(o->missing[o->n_missing++].hash, r->hash, sizeof(r->hash));
    }
    return true;
}

/* False: refused. */
static bool put_leaf(struct sync_core *c, struct sync_missing *m, struct slice bytes)
{
    struct sync_offer *o = &c->offer;
    struct leaf *l;

    if (bytes.n != m->size) {
        refuse_leaf(c, PROTOCOL_HASH_MISMATCH, m->index, "a leaf has another size than announced", false);
        return false;
    }
    l = leaf_new(bytes.p, bytes.n);
    if (l == NULL) {
        refuse_leaf(c, PROTOCOL_NO_MEMORY, m->index, "no memory for a leaf", true);
        return false;
    }
    if (memcmp(l->hash, m->hash, sizeof(m->hash)) != 0) {
        leaf_unref(l);
        refuse_leaf(c, PROTOCOL_HASH_MISMATCH, m->index, "a leaf's bytes do not have the hash announced", false);
        return false;
    }
    leaf_table_set(o->bundle->table, m->index, l);
    m->here = true;
    o->n_here++;
    o->timings.bytes_received += bytes.n;
    c->received_bytes += bytes.n;
    return true;
}

static bool take_inlined(struct sync_core *c, const struct protocol_offer *in)
{
    struct sync_offer *o = &c->offer;

    for (size_t i = 0; i < in->n_inlined; i++) {
        for (size_t k = 0; k < o->n_missing; k++) {
            struct sync_missing *m = &o->missing[k];

            if (m->index != in->inlined[i].index || m->here)
                continue;
            if (!put_leaf(c, m, in->inlined[i].bytes))
                return false;
            break;
        }
    }
    return true;
}

/* ---- the way --------------------------------------------------------------------------------------------------------------- */

/* No more snapshots are live than may be: until there is room for one more, the offer waits, and not longer than it may. */
static void build_or_wait(struct sync_core *c)
{
    struct sync_offer *o = &c->offer;
    char why[PROTOCOL_MESSAGE];
    struct sync_action *a;

    if (c->o.room != NULL && !c->o.room(c->o.room_arg, why, sizeof(why))) {
        o->stage = SYNC_STAGE_WAITING;
        if (c->now.mono_ms >= o->deadline_ms) {
            refuse_text(c, PROTOCOL_TIMEOUT, true, false, why);
        } else if (c->now.mono_ms >= o->room_ms) {
            o->room_ms = c->now.mono_ms + SYNC_ROOM_MS;
            (void)sync_act(c, SYNC_DO_MAKE_ROOM);
        }
        return;
    }
    o->stage = SYNC_STAGE_BUILDING;
    o->job = ++c->numbers;
    a = sync_act(c, SYNC_DO_BUILD);
    if (a == NULL)
        return;
    a->job = o->job;
    a->bundle = bundle_ref(o->bundle);
}

static void verify(struct sync_core *c)
{
    struct sync_offer *o = &c->offer;
    struct bundle_version want = o->bundle->version;
    struct err e;

    o->timings.fetch_us = (c->now.mono_ms - o->began_ms) * 1000;
    leaf_table_seal(o->bundle->table);
    if (memcmp(o->bundle->table->root, want.root, sizeof(want.root)) != 0) {
        refuse_text(c, PROTOCOL_HASH_MISMATCH, false, true, "the leaves do not have the root that the offer names");
        return;
    }
    if (bundle_verify(o->bundle, &e) != 0) {
        refuse_text(c, PROTOCOL_DECODE, false, true, e.text);
        return;
    }
    ack(c, PROTOCOL_VERIFIED, 0);
    build_or_wait(c);
}

static void fetch_more(struct sync_core *c)
{
    struct sync_offer *o = &c->offer;
    struct sync_action *a;

    if (o->n_here == o->n_missing) {
        verify(c);
        return;
    }
    o->stage = SYNC_STAGE_FETCHING;
    o->fetch = ++c->numbers;
    o->cursor = 0;
    a = sync_act(c, SYNC_DO_FETCH);
    if (a == NULL)
        return;
    a->job = o->fetch;
    a->version = o->bundle->version;
    a->want = calloc(PROTOCOL_WANT_MAX, sizeof(*a->want));
    if (a->want == NULL) {
        c->out->failed = true;
        return;
    }
    for (size_t i = 0; i < o->n_missing && a->n_want < PROTOCOL_WANT_MAX; i++) {
        if (!o->missing[i].here)
            memcpy(a->want[a->n_want++].hash, o->missing[i].hash, BUNDLE_HASH);
    }
    o->n_goal = o->n_here + a->n_want;
}

/* A copy of the header with a table of its own. NULL: no memory. */
static struct bundle *candidate(const struct sync_core *c, const struct protocol_offer *in)
{
    struct bundle *b = bundle_new();
    struct ref ref;

    if (b == NULL)
        return NULL;
    ref = b->ref;
    *b = *in->header;
    b->ref = ref;
    b->table = in->has_base ? leaf_table_copy(c->active->table) : leaf_table_new();
    if (b->table != NULL)
        return b;
    bundle_unref(b);
    return NULL;
}

/* What it serves already, offered again: all phases at once. */
static bool is_served(struct sync_core *c, const struct protocol_offer *in)
{
    struct sync_offer *o = &c->offer;

    if (c->active == NULL || in->hold || !bundle_version_eq(&in->header->version, &c->active->version))
        return false;
    o->bundle = bundle_ref(c->active);
    ack(c, PROTOCOL_RECEIVED, 0);
    ack(c, PROTOCOL_VERIFIED, 0);
    ack(c, PROTOCOL_BUILT, 0);
    ack(c, PROTOCOL_ACTIVE, c->hello.workers);
    sync_offer_fini(o);
    return true;
}

static uint32_t deadline_of(const struct protocol_offer *in)
{
    uint32_t ms = in->apply_deadline_ms == 0 ? SYNC_DEADLINE_MS : in->apply_deadline_ms;

    if (ms > SYNC_DEADLINE_CAP_MS)
        ms = SYNC_DEADLINE_CAP_MS;
    return ms - (ms / 2 < SYNC_DEADLINE_SPARE_MS ? ms / 2 : SYNC_DEADLINE_SPARE_MS);
}

void sync_offer_begin(struct sync_core *c, const struct protocol_offer *in)
{
    struct sync_offer *o = &c->offer;
    struct protocol_error e;

    if (o->stage == SYNC_STAGE_SWAPPING) {
        e = (struct protocol_error){.code = PROTOCOL_TIMEOUT, .message = "another bundle is being made live", .retryable = true};
        nack(c, in->nonce, &in->header->version, &e);
        return;
    }
    drop(c); /* the newest wins; the control plane should have withdrawn the other */
    if (!check_header(c, in, &e)) {
        nack(c, in->nonce, &in->header->version, &e);
        return;
    }
    memcpy(o->nonce, in->nonce, sizeof(o->nonce));
    o->answer = true;
    o->hold = in->hold;
    o->began_ms = c->now.mono_ms;
    o->deadline_ms = c->now.mono_ms + deadline_of(in);
    if (is_served(c, in))
        return;
    o->bundle = candidate(c, in);
    o->missing = calloc(in->n_refs + 1, sizeof(*o->missing));
    if (o->bundle == NULL || o->missing == NULL) {
        e = (struct protocol_error){.code = PROTOCOL_NO_MEMORY, .message = "no memory for the bundle", .retryable = true};
        nack(c, in->nonce, &in->header->version, &e);
        sync_offer_fini(o);
        return;
    }
    o->stage = SYNC_STAGE_JITTER;
    o->start_ms = c->now.mono_ms +
                  (in->start_jitter_ms == 0 ? 0 : c->o.random_below(c->o.random_arg, in->start_jitter_ms + 1ull));
    ack(c, PROTOCOL_RECEIVED, 0);
    if (take_refs(c, in) && take_inlined(c, in) && (o->n_here == o->n_missing || c->now.mono_ms >= o->start_ms))
        fetch_more(c);
}

void sync_offer_tick(struct sync_core *c)
{
    if (c->offer.stage == SYNC_STAGE_JITTER && c->now.mono_ms >= c->offer.start_ms)
        fetch_more(c);
    else if (c->offer.stage == SYNC_STAGE_WAITING)
        build_or_wait(c);
}

void sync_offer_leaf(struct sync_core *c, const struct sync_event *event)
{
    struct sync_offer *o = &c->offer;

    if (o->stage != SYNC_STAGE_FETCHING || event->u.leaf.fetch != o->fetch)
        return;
    c->heard_ms = c->now.mono_ms;
    /* They come in the order in which they were asked for, so the walk goes on where it stopped. */
    for (size_t i = 0; i < o->n_missing; i++) {
        struct sync_missing *m = &o->missing[o->cursor];

        o->cursor = o->cursor + 1 == o->n_missing ? 0 : o->cursor + 1;
        if (m->here || memcmp(m->hash, event->u.leaf.hash, sizeof(m->hash)) != 0)
            continue;
        (void)put_leaf(c, m, event->u.leaf.bytes);
        return;
    }
    refuse_text(c, PROTOCOL_INTERNAL, true, false, "a leaf came that was not asked for");
}

void sync_offer_fetched(struct sync_core *c, const struct sync_event *event)
{
    struct sync_offer *o = &c->offer;
    char text[PROTOCOL_MESSAGE];

    if (o->stage != SYNC_STAGE_FETCHING || event->u.fetch_end.fetch != o->fetch)
        return;
    if (o->n_here >= o->n_goal) {
        fetch_more(c); /* the next part of a long list, or the build */
        return;
    }
    snprintf(text, sizeof(text), "the stream of leaves was cut after %zu of %zu: %s", o->n_here, o->n_missing,
             event->u.fetch_end.reason == NULL ? "no reason given" : event->u.fetch_end.reason);
    refuse_text(c, PROTOCOL_TIMEOUT, true, false, text);
}

static void swap(struct sync_core *c)
{
    struct sync_offer *o = &c->offer;
    struct sync_action *a = sync_act(c, SYNC_DO_SWAP);

    o->stage = SYNC_STAGE_SWAPPING;
    if (a != NULL)
        a->job = o->job;
}

void sync_offer_built(struct sync_core *c, const struct sync_event *event)
{
    struct sync_offer *o = &c->offer;

    if (o->stage != SYNC_STAGE_BUILDING || event->u.built.job != o->job)
        return;
    o->timings.build_us = event->u.built.build_us;
    if (event->u.built.error != NULL) {
        struct protocol_error e = *event->u.built.error;

        o->stage = SYNC_STAGE_NONE; /* there is no snapshot to discard */
        refuse(c, &e, true);
        return;
    }
    o->stage = SYNC_STAGE_HELD;
    ack(c, PROTOCOL_BUILT, 0);
    if (!o->hold)
        swap(c);
}

void sync_offer_activate(struct sync_core *c, const uint8_t *nonce)
{
    struct sync_offer *o = &c->offer;

    if (o->stage == SYNC_STAGE_NONE || o->stage == SYNC_STAGE_SWAPPING || memcmp(o->nonce, nonce, sizeof(o->nonce)) != 0)
        return;
    o->hold = false;
    if (o->stage == SYNC_STAGE_HELD)
        swap(c);
}

void sync_offer_withdraw(struct sync_core *c, const uint8_t *nonce)
{
    struct sync_offer *o = &c->offer;

    if (o->stage == SYNC_STAGE_NONE || o->stage == SYNC_STAGE_SWAPPING || memcmp(o->nonce, nonce, sizeof(o->nonce)) != 0)
        return;
    drop(c);
}

void sync_offer_swapped(struct sync_core *c, const struct sync_event *event)
{
    struct sync_offer *o = &c->offer;
    struct sync_action *a;

    if (o->stage != SYNC_STAGE_SWAPPING || event->u.swapped.job != o->job)
        return;
    bundle_unref(c->active);
    c->active = bundle_ref(o->bundle);
    c->source = PROTOCOL_CONTROL_PLANE;
    c->applied++;
    leaf_table_unref(c->spare);
    c->spare = NULL;
    o->timings.swap_us = event->u.swapped.swap_us;
    ack(c, PROTOCOL_ACTIVE, event->u.swapped.workers);
    sync_note_head(c, c->has_head, &c->head);
    c->save_answer = o->answer;
    memcpy(c->save_nonce, o->nonce, sizeof(c->save_nonce));
    c->save_version = o->bundle->version;
    c->save_timings = o->timings;
    a = sync_act(c, SYNC_DO_SAVE);
    if (a != NULL)
        a->bundle = bundle_ref(o->bundle);
    o->stage = SYNC_STAGE_NONE;
    sync_offer_fini(o);
    sync_send_status(c);
}

void sync_offer_saved(struct sync_core *c, const struct sync_event *event)
{
    struct sync_action *a;

    if (event->u.saved.ok) {
        c->hello.has_stored = true;
        c->hello.stored = event->u.saved.version;
    }
    if (!event->u.saved.ok || !c->save_answer || !bundle_version_eq(&event->u.saved.version, &c->save_version))
        return;
    c->save_answer = false;
    a = sync_act(c, SYNC_DO_ACK);
    if (a == NULL)
        return;
    memcpy(a->ack.nonce, c->save_nonce, sizeof(a->ack.nonce));
    a->ack.version = c->save_version;
    a->ack.phase = PROTOCOL_DURABLE;
    a->ack.timings = c->save_timings;
    a->ack.timings.persist_us = event->u.saved.persist_us;
    a->ack.workers_active = c->hello.workers;
    c->acks++;
}

void sync_offer_cut(struct sync_core *c)
{
    if (c->offer.stage == SYNC_STAGE_SWAPPING)
        c->offer.answer = false;
    else
        drop(c);
}
