#include "sync/sync_core.h"

#include <stdio.h>

#include "sync/sync_core_int.h"

enum { STATUS_DENIED = 7, STATUS_PRECONDITION = 9, STATUS_UNAUTHENTICATED = 16 };

/* ---- actions ------------------------------------------------------------------------------------------------------------ */

void sync_actions_init(struct sync_actions *a)
{
    vec_init(&a->list, sizeof(struct sync_action));
    a->failed = false;
}

void sync_actions_clear(struct sync_actions *a)
{
    for (size_t i = 0; i < a->list.n; i++) {
        struct sync_action *act = &VEC_AT(&a->list, struct sync_action, i);

        bundle_unref(act->bundle);
        free(act->hello);
        free(act->nack);
        free(act->want);
    }
    vec_clear(&a->list);
    a->failed = false;
}

void sync_actions_fini(struct sync_actions *a)
{
    sync_actions_clear(a);
    vec_fini(&a->list);
}

struct sync_action *sync_act(struct sync_core *c, enum sync_action_type type)
{
    struct sync_action *a = vec_push(&c->out->list, NULL);

    if (a == NULL)
        c->out->failed = true;
    else
        a->type = type;
    return a;
}

/* ---- the stream ---------------------------------------------------------------------------------------------------------- */

static uint64_t random_below(struct sync_core *c, uint64_t bound)
{
    return bound == 0 ? 0 : c->o.random_below(c->o.random_arg, bound);
}

/* Full jitter: anything between nothing and the bound, so that nodes that lost their control plane together do not come
 * back together. */
static void back_off(struct sync_core *c, uint64_t cap_ms)
{
    uint64_t bound = SYNC_BACKOFF_BASE_MS;

    for (uint32_t i = 0; i < c->failures && bound < cap_ms; i++)
        bound *= 2;
    c->next_ms = c->now.mono_ms + random_below(c, (bound < cap_ms ? bound : cap_ms) + 1);
    c->failures++;
}

static void go_offline(struct sync_core *c)
{
    if (c->synced_ms != 0 && c->now.mono_ms >= c->synced_ms + SYNC_STABLE_MS)
        c->failures = 0;
    c->state = SYNC_OFFLINE;
    c->synced_ms = 0;
    c->save_answer = false;
    sync_offer_cut(c);
    if (c->o.n_endpoints > 0)
        c->endpoint = (c->endpoint + 1) % c->o.n_endpoints;
}

static void on_disconnected(struct sync_core *c, int status, const char *reason)
{
    bool denied = status == STATUS_DENIED || status == STATUS_PRECONDITION || status == STATUS_UNAUTHENTICATED;

    if (c->state == SYNC_OFFLINE)
        return;
    snprintf(c->last_error, sizeof(c->last_error), "%s", reason == NULL ? "the stream has ended" : reason);
    go_offline(c);
    back_off(c, denied ? SYNC_DENIED_CAP_MS : SYNC_BACKOFF_CAP_MS);
}

/* We end it: the owner does not report that back. */
static void disconnect(struct sync_core *c, const char *reason)
{
    (void)sync_act(c, SYNC_DO_DISCONNECT);
    on_disconnected(c, 0, reason);
}

static void connect_now(struct sync_core *c)
{
    struct sync_action *a = sync_act(c, SYNC_DO_CONNECT);

    if (a == NULL)
        return;
    a->endpoint = c->endpoint;
    c->state = SYNC_CONNECTING;
    c->began_ms = c->heard_ms = c->now.mono_ms;
    c->connects++;
}

static void on_connected(struct sync_core *c)
{
    struct sync_action *a;

    if (c->state != SYNC_CONNECTING)
        return;
    a = sync_act(c, SYNC_DO_HELLO);
    if (a == NULL)
        return;
    c->hello.has_active = c->active != NULL;
    if (c->active != NULL)
        c->hello.active = c->active->version;
    c->hello.source = c->source;
    a->hello = malloc(sizeof(*a->hello));
    if (a->hello == NULL) {
        c->out->failed = true;
        return;
    }
    *a->hello = c->hello;
    c->state = SYNC_HELLO_SENT;
}

void sync_note_head(struct sync_core *c, bool has_head, const struct bundle_version *head)
{
    c->has_head = has_head;
    if (has_head)
        c->head = *head;
    if (!has_head || (c->active != NULL && protocol_same_root(head, &c->active->version)))
        c->behind_ms = 0;
    else if (c->behind_ms == 0)
        c->behind_ms = c->now.mono_ms;
}

static void on_welcome(struct sync_core *c, const struct protocol_welcome *w)
{
    if (c->state != SYNC_HELLO_SENT) {
        disconnect(c, "a Welcome out of order");
        return;
    }
    if (strcmp(w->cluster_id, c->hello.cluster_id) != 0) {
        disconnect(c, "the control plane is another cluster's");
        return;
    }
    c->state = SYNC_SYNCED;
    c->synced_ms = c->now.mono_ms;
    c->last_error[0] = '\0';
    sync_note_head(c, w->has_head, &w->head);
    sync_send_status(c);
}

static uint64_t at_most(uint64_t v, uint64_t cap)
{
    return v < cap ? v : cap;
}

static void on_goaway(struct sync_core *c, const struct protocol_goaway *g)
{
    (void)sync_act(c, SYNC_DO_DISCONNECT);
    snprintf(c->last_error, sizeof(c->last_error), "sent away: %s", g->reason);
    go_offline(c);
    c->next_ms = c->now.mono_ms + at_most(g->reconnect_after_ms, SYNC_AWAY_CAP_MS) +
                 random_below(c, at_most(g->spread_ms, SYNC_AWAY_CAP_MS) + 1);
}

/* 10 s, a tenth more or less. */
void sync_send_status(struct sync_core *c)
{
    if (c->state != SYNC_SYNCED && c->state != SYNC_APPLYING)
        return;
    (void)sync_act(c, SYNC_DO_STATUS);
    c->status_ms = c->now.mono_ms + PROTOCOL_STATUS_MS * 9 / 10 + random_below(c, PROTOCOL_STATUS_MS / 5 + 1);
}

static void on_tick(struct sync_core *c)
{
    if (c->state == SYNC_OFFLINE) {
        if (c->o.n_endpoints > 0 && c->now.mono_ms >= c->next_ms)
            connect_now(c);
        return;
    }
    if (c->state == SYNC_CONNECTING || c->state == SYNC_HELLO_SENT) {
        if (c->now.mono_ms >= c->began_ms + SYNC_CONNECT_MS)
            disconnect(c, "no welcome in time");
        return;
    }
    if (c->now.mono_ms >= c->heard_ms + PROTOCOL_DEAD_MS) {
        disconnect(c, "the control plane is silent");
        return;
    }
    if (c->now.mono_ms >= c->status_ms)
        sync_send_status(c);
    sync_offer_tick(c);
}

/* Messages of the control plane; only on a welcomed stream. */
static void on_message(struct sync_core *c, const struct sync_event *event)
{
    c->heard_ms = c->now.mono_ms;
    if (event->type == SYNC_EVENT_WELCOME)
        on_welcome(c, event->u.welcome);
    else if (event->type == SYNC_EVENT_GOAWAY)
        on_goaway(c, event->u.goaway);
    else if (c->state != SYNC_SYNCED && c->state != SYNC_APPLYING)
        disconnect(c, "a message before Welcome");
    else if (event->type == SYNC_EVENT_OFFER)
        sync_offer_begin(c, event->u.offer);
    else if (event->type == SYNC_EVENT_WITHDRAW)
        sync_offer_withdraw(c, event->u.nonce);
    else if (event->type == SYNC_EVENT_ACTIVATE)
        sync_offer_activate(c, event->u.nonce);
    else
        sync_note_head(c, event->u.ping.has_head, &event->u.ping.head);
}

void sync_core_step(struct sync_core *c, const struct sync_event *event, struct sync_now now, struct sync_actions *out)
{
    c->now = now;
    c->out = out;
    switch (event->type) {
    case SYNC_EVENT_TICK:
        on_tick(c);
        break;
    case SYNC_EVENT_CONNECTED:
        on_connected(c);
        break;
    case SYNC_EVENT_DISCONNECTED:
        on_disconnected(c, event->u.disconnected.status, event->u.disconnected.reason);
        break;
    case SYNC_EVENT_LEAF:
        sync_offer_leaf(c, event);
        break;
    case SYNC_EVENT_FETCH_END:
        sync_offer_fetched(c, event);
        break;
    case SYNC_EVENT_BUILT:
        sync_offer_built(c, event);
        break;
    case SYNC_EVENT_SWAPPED:
        sync_offer_swapped(c, event);
        break;
    case SYNC_EVENT_SAVED:
        sync_offer_saved(c, event);
        break;
    case SYNC_EVENT_CHANGED:
        sync_send_status(c);
        break;
    case SYNC_EVENT_WELCOME:
    case SYNC_EVENT_OFFER:
    case SYNC_EVENT_WITHDRAW:
    case SYNC_EVENT_ACTIVATE:
    case SYNC_EVENT_PING:
    case SYNC_EVENT_GOAWAY:
        if (c->state != SYNC_OFFLINE && c->state != SYNC_CONNECTING)
            on_message(c, event);
        break;
    }
    if (c->state == SYNC_SYNCED || c->state == SYNC_APPLYING)
        c->state = c->offer.stage == SYNC_STAGE_NONE ? SYNC_SYNCED : SYNC_APPLYING;
    c->out = NULL;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------- */

int sync_core_new(const struct sync_core_options *o, struct sync_now now, struct sync_core **out)
{
    struct sync_core *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return -ERR_NOMEM;
    c->o = *o;
    c->hello = *o->hello;
    c->o.hello = NULL;
    c->hello.limits = o->limits;
    c->now = now;
    c->endpoint = random_below(c, o->n_endpoints);
    c->next_ms = now.mono_ms + random_below(c, o->first_delay_ms);
    *out = c;
    return 0;
}

void sync_core_free(struct sync_core *c)
{
    if (c == NULL)
        return;
    sync_offer_fini(&c->offer);
    bundle_unref(c->active);
    leaf_table_unref(c->spare);
    free(c);
}

void sync_core_set_active(struct sync_core *c, struct bundle *b, enum protocol_source source)
{
    bundle_unref(c->active);
    c->active = bundle_ref(b);
    c->source = source;
}

void sync_core_set_disk(struct sync_core *c, uint64_t restart_count, const struct bundle_version *stored,
                        const struct bundle_version *rejected, size_t n_rejected)
{
    c->hello.restart_count = restart_count;
    c->hello.has_stored = stored != NULL;
    if (stored != NULL)
        c->hello.stored = *stored;
    c->hello.n_rejected = n_rejected < PROTOCOL_REJECTED_MAX ? n_rejected : PROTOCOL_REJECTED_MAX;
    for (size_t i = 0; i < c->hello.n_rejected; i++)
        c->hello.rejected[i] = rejected[n_rejected - c->hello.n_rejected + i];
}

void sync_core_view(const struct sync_core *c, struct sync_core_view *out)
{
    memset(out, 0, sizeof(*out));
    out->state = c->state;
    out->has_active = c->active != NULL;
    if (c->active != NULL)
        out->active = c->active->version;
    out->has_head = c->has_head;
    out->head = c->head;
    out->source = c->source;
    out->active_bundle = c->active;
    out->synced_ms = c->synced_ms;
    out->behind_since_ms = c->behind_ms;
    out->phase = c->offer.stage == SYNC_STAGE_NONE ? PROTOCOL_PHASE_UNSET : c->offer.phase;
    snprintf(out->last_error, sizeof(out->last_error), "%s", c->last_error);
    out->acks = c->acks;
    out->nacks = c->nacks;
    out->received_bytes = c->received_bytes;
    out->applied = c->applied;
    out->connects = c->connects;
}

const char *sync_state_name(enum sync_state s)
{
    static const char *const names[] = {"offline", "connecting", "hello_sent", "synced", "applying"};

    return (size_t)s < ARRAY_LEN(names) ? names[s] : "unknown";
}
