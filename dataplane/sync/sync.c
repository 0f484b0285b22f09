/* The core's actions done: link, builder, disk, workers. */
#include "sync/sync.h"

#include <event2/event.h>
#include <stdio.h>
#include <zstd.h>

#include "base/caps.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/random.h"
#include "sync/sync_int.h"

#define FIRST_DELAY_MS 1000u

uint64_t sync_random_below(void *arg, uint64_t bound)
{
    (void)arg;
    return random_below(bound);
}

/* Posts a job; the snapshot or bundle that it takes over goes with it. */
static struct sync_job *post(struct sync *s, enum sync_job_type type, uint64_t id, struct bundle *bundle)
{
    struct sync_job *job = sync_job_new(type);

    if (job == NULL) {
        LOG_ERROR("out of memory", LOG_STR("what", "builder"));
        return NULL;
    }
    job->id = id;
    job->bundle = bundle == NULL ? NULL : bundle_ref(bundle);
    if (type == SYNC_JOB_BUILD && s->serving != NULL)
        job->base = snap_ref(s->serving);
    if (type == SYNC_JOB_TICK)
        job->healthy = s->cb.health(s->arg) == PROTOCOL_READY;
    sync_builder_post(s->builder, job);
    return job;
}

static void drop_snap(struct sync *s, struct snap *snap /* taken */)
{
    struct sync_job *job = snap == NULL ? NULL : sync_job_new(SYNC_JOB_DROP);

    if (snap == NULL)
        return;
    if (job == NULL) {
        snap_unref(snap);
        return;
    }
    job->snap = snap;
    sync_builder_post(s->builder, job);
}

static bool has_room(void *arg, char *why, size_t why_size)
{
    struct sync *s = arg;

    return s->cb.room == NULL || s->cb.room(s->arg, why, why_size);
}

/* ---- actions ------------------------------------------------------------------------------------------------------------------- */

static void send_status(struct sync *s)
{
    struct protocol_status st = {.health = s->cb.health(s->arg), .clock_unix_ms = clock_wall_ms(),
                                 .cert_not_after_unix = s->identity.not_after};
    struct sync_core_view v;
    struct buf b;

    sync_core_view(s->core, &v);
    st.has_active = v.has_active;
    st.active = v.active;
    st.uptime_s = (clock_mono_ms() - s->started_ms) / 1000;
    st.active_since_unix_ms = s->active_since_ms;
    st.delta.revision = v.active.revision;
    snprintf(st.last_error, sizeof(st.last_error), "%s", v.last_error);
    if (s->cb.fill_status != NULL)
        s->cb.fill_status(s->arg, &st);
    if (s->disk_failed && st.health == PROTOCOL_READY)
        st.health = PROTOCOL_DEGRADED;
    buf_init(&b, 0);
    if (sync_encode_status(&b, ++s->seq, &st) == 0)
        sync_link_send(s, &b);
    buf_fini(&b);
}

static void send_message(struct sync *s, const struct sync_action *a)
{
    struct buf b;
    int rc;

    buf_init(&b, 0);
    s->seq++;
    if (a->type == SYNC_DO_HELLO)
        rc = sync_encode_hello(&b, s->seq, a->hello);
    else if (a->type == SYNC_DO_ACK)
        rc = sync_encode_ack(&b, s->seq, &a->ack);
    else
        rc = sync_encode_nack(&b, s->seq, a->nack);
    if (rc == 0)
        sync_link_send(s, &b);
    buf_fini(&b);
    if (a->type == SYNC_DO_NACK) {
        LOG_WARN("bundle refused", LOG_U64("revision", a->nack->rejected.revision), LOG_STR("type", a->nack->error.type),
                 LOG_STR("key", a->nack->error.key), LOG_STR("reason", a->nack->error.message));
    }
}

static void restart_soak(struct sync *s)
{
    struct sync_core_view v;
    struct sync_job *job;

    sync_core_view(s->core, &v);
    if (!v.has_active)
        return;
    job = sync_job_new(SYNC_JOB_ATTEMPT);
    if (job == NULL)
        return;
    job->version = v.active;
    sync_builder_post(s->builder, job);
}

static void discard(struct sync *s, uint64_t id)
{
    if (s->building != NULL && s->building->id == id)
        atomic_store(&s->building->cancelled, true);
    if (s->built == NULL || s->built_job != id)
        return;
    drop_snap(s, TAKE(&s->built));
    restart_soak(s);
}

static void swapped_cb(void *arg, struct snap *snap)
{
    struct sync_event event = {.type = SYNC_EVENT_SWAPPED};
    struct sync *s = arg;

    (void)snap;
    if (s->ending)
        return;
    s->active_since_ms = (uint64_t)clock_wall_ms();
    event.u.swapped.job = s->swap_job;
    event.u.swapped.workers = s->o.workers;
    event.u.swapped.swap_us = clock_mono_us() - s->swap_began_us;
    sync_feed(s, &event);
}

static void publish(struct sync *s, struct snap *snap /* taken */, void (*done)(void *arg, struct snap *snap))
{
    drop_snap(s, TAKE(&s->serving));
    s->serving = snap_ref(snap);
    s->cb.publish(s->arg, snap, done, s);
}

static void swap(struct sync *s, uint64_t id)
{
    MUST(s->built != NULL && s->built_job == id);
    s->swap_job = id;
    s->swap_began_us = clock_mono_us();
    publish(s, TAKE(&s->built), swapped_cb);
}

static void run_one(struct sync *s, struct sync_action *a)
{
    struct sync_job *job;

    switch (a->type) {
    case SYNC_DO_CONNECT:
        sync_link_open(s, a->endpoint);
        break;
    case SYNC_DO_DISCONNECT:
        sync_link_close(s);
        break;
    case SYNC_DO_HELLO:
    case SYNC_DO_ACK:
    case SYNC_DO_NACK:
        send_message(s, a);
        break;
    case SYNC_DO_STATUS:
        send_status(s);
        break;
    case SYNC_DO_FETCH:
        sync_link_fetch(s, a);
        break;
    case SYNC_DO_FETCH_CANCEL:
        sync_link_fetch_cancel(s, a->job);
        break;
    case SYNC_DO_MAKE_ROOM:
        if (s->cb.make_room != NULL)
            s->cb.make_room(s->arg);
        break;
    case SYNC_DO_BUILD:
        s->building = post(s, SYNC_JOB_BUILD, a->job, a->bundle);
        break;
    case SYNC_DO_DISCARD:
        discard(s, a->job);
        break;
    case SYNC_DO_SWAP:
        swap(s, a->job);
        break;
    case SYNC_DO_SAVE:
        (void)post(s, SYNC_JOB_SAVE, 0, a->bundle);
        break;
    case SYNC_DO_REJECT:
        job = sync_job_new(SYNC_JOB_REJECT);
        if (job != NULL) {
            job->version = a->version;
            sync_builder_post(s->builder, job);
        }
        break;
    case SYNC_DO_ALARM:
        LOG_ERROR("sync alarm", LOG_STR("reason", a->reason));
        break;
    }
}

/* An action may bring the next event back here, so the list is this call's alone. */
void sync_feed(struct sync *s, const struct sync_event *event)
{
    struct sync_event lost = {.type = SYNC_EVENT_DISCONNECTED, .u.disconnected = {8, "out of memory"}};
    struct sync_now now = {clock_mono_ms()};
    struct sync_core_view before, after;
    struct sync_actions actions;
    bool failed;

    if (s->core == NULL || s->ending)
        return;
    sync_actions_init(&actions);
    sync_core_view(s->core, &before);
    sync_core_step(s->core, event, now, &actions);
    sync_core_view(s->core, &after);
    if ((before.synced_ms == 0) != (after.synced_ms == 0)) {
        LOG_INFO(after.synced_ms != 0 ? "control plane connected" : "control plane lost", LOG_STR("node", s->identity.node),
                 LOG_STR("reason", after.synced_ms != 0 ? "" : after.last_error));
    } else if (before.state != SYNC_OFFLINE && after.state == SYNC_OFFLINE) {
        LOG_INFO("no control plane", LOG_STR("reason", after.last_error));
    }
    failed = actions.failed;
    for (size_t i = 0; i < actions.list.n; i++)
        run_one(s, &VEC_AT(&actions.list, struct sync_action, i));
    sync_actions_fini(&actions);
    if (!failed)
        return;
    sync_link_close(s);
    sync_actions_init(&actions);
    sync_core_step(s->core, &lost, now, &actions);
    sync_actions_fini(&actions);
}

/* ---- answers of the builder ------------------------------------------------------------------------------------------------------ */

static void to_protocol(const struct loader_error *in, struct protocol_error *out)
{
    memset(out, 0, sizeof(*out));
    out->code = (enum protocol_code)in->code;
    snprintf(out->type, sizeof(out->type), "%s", in->type);
    snprintf(out->key, sizeof(out->key), "%s", in->key);
    snprintf(out->field, sizeof(out->field), "%s", in->field);
    snprintf(out->message, sizeof(out->message), "%s", in->message);
    out->retryable = in->retryable;
}

static void on_built(struct sync *s, struct sync_job *job)
{
    struct sync_event event = {.type = SYNC_EVENT_BUILT};
    struct protocol_error error;

    if (s->building == job)
        s->building = NULL;
    if (atomic_load(&job->cancelled)) {
        drop_snap(s, TAKE(&job->snap));
        if (job->rc == 0)
            restart_soak(s);
        return;
    }
    if (job->rc != 0) {
        to_protocol(&job->error, &error);
        event.u.built.error = &error;
        restart_soak(s);
    } else {
        drop_snap(s, TAKE(&s->built));
        s->built = TAKE(&job->snap);
        s->built_job = job->id;
    }
    event.u.built.job = job->id;
    event.u.built.build_us = job->took_us;
    sync_feed(s, &event);
}

static void on_saved(struct sync *s, struct sync_job *job)
{
    struct sync_event event = {.type = SYNC_EVENT_SAVED};

    if (job->rc != 0)
        LOG_ERROR("bundle not kept", LOG_U64("revision", job->bundle->version.revision), LOG_STR("reason", job->err.text));
    if (s->disk_failed != (job->rc != 0)) {
        s->disk_failed = job->rc != 0;
        sync_changed(s);
    }
    event.u.saved.version = job->bundle->version;
    event.u.saved.ok = job->rc == 0;
    event.u.saved.persist_us = job->took_us;
    sync_feed(s, &event);
}

static bool is_ours(const struct sync *s, const struct bundle *b)
{
    return s->identity.node[0] != '\0' && strcmp(b->cluster_id, s->identity.cluster) == 0 &&
           strcmp(b->environment, s->identity.environment) == 0;
}

static void on_started(struct sync *s, struct sync_job *job)
{
    s->disk_read = true;
    s->disk_failed = job->err.code != ERR_NONE;
    if (s->disk_failed)
        LOG_WARN("state directory", LOG_STR("reason", job->err.text));
    s->report = job->report;
    if (job->bundle != NULL && is_ours(s, job->bundle)) {
        LOG_INFO("starting from disk", LOG_U64("revision", job->bundle->version.revision));
        s->from_disk = bundle_ref(job->bundle);
        s->active_since_ms = (uint64_t)clock_wall_ms();
        publish(s, TAKE(&job->snap), NULL);
    } else if (job->bundle != NULL) {
        LOG_WARN("the bundle on disk is another environment's", LOG_STR("environment", job->bundle->environment));
    }
    if (s->identity.enrolled)
        sync_begin(s);
    else
        sync_join_tick(s);
}

static void done_cb(void *arg, struct sync_job *job)
{
    struct sync *s = arg;

    if (s->ending) {
        sync_job_free(job);
        return;
    }
    if (job->type == SYNC_JOB_START) {
        on_started(s, job);
    } else if (job->type == SYNC_JOB_BUILD) {
        on_built(s, job);
    } else if (job->type == SYNC_JOB_SAVE) {
        on_saved(s, job);
    } else if (job->type == SYNC_JOB_TICK) {
        s->soak_pending = false;
    }
    sync_job_free(job);
}

/* ---- life --------------------------------------------------------------------------------------------------------------------------- */

void sync_begin(struct sync *s)
{
    struct sync_event now = {.type = SYNC_EVENT_TICK};
    struct protocol_hello *h;
    struct sync_core_options o = {.limits = {CAPS_BUNDLE_MAX, CAPS_CHUNK_MAX, CAPS_ROUTES_MAX},
                                  .n_endpoints = s->n_targets, .random_below = sync_random_below,
                                  .room = has_room, .room_arg = s,
                                  .first_delay_ms = s->from_disk == NULL ? 0 : FIRST_DELAY_MS};

    if (!s->disk_read || s->core != NULL)
        return;
    h = calloc(1, sizeof(*h));
    if (h == NULL)
        return;
    snprintf(h->cluster_id, sizeof(h->cluster_id), "%s", s->identity.cluster);
    snprintf(h->node_id, sizeof(h->node_id), "%s", s->identity.node);
    snprintf(h->environment, sizeof(h->environment), "%s", s->identity.environment);
    snprintf(h->software, sizeof(h->software), "%s", s->o.software == NULL ? "" : s->o.software);
    random_bytes(h->instance_id, sizeof(h->instance_id));
    h->schema_min = PROTOCOL_SCHEMA_MIN;
    h->schema_max = PROTOCOL_SCHEMA_MAX;
    h->can_delta = h->can_zstd = true;
    h->workers = s->o.workers;
    o.hello = h;
    if (sync_core_new(&o, (struct sync_now){clock_mono_ms()}, &s->core) == 0) {
        sync_core_set_disk(s->core, s->report.restart_count, s->report.has_stored ? &s->report.stored : NULL,
                           s->report.rejected, s->report.n_rejected);
        if (s->from_disk != NULL && is_ours(s, s->from_disk))
            sync_core_set_active(s->core, s->from_disk, PROTOCOL_LAST_GOOD);
        sync_join_plan_renewal(s);
    }
    free(h);
    sync_feed(s, &now);
}

static void tick_cb(evutil_socket_t fd, short what, void *arg)
{
    struct sync_event event = {.type = SYNC_EVENT_TICK};
    struct sync *s = arg;

    (void)fd;
    (void)what;
    sync_join_tick(s);
    sync_link_tick(s);
    sync_feed(s, &event);
    if (++s->ticks % SYNC_SOAK_TICKS == 0 && !s->soak_pending)
        s->soak_pending = post(s, SYNC_JOB_TICK, 0, NULL) != NULL;
}

static int take_targets(struct sync *s, const char *list, struct err *e)
{
    char *copy = strdup(list), *rest = copy, *word;
    int rc = copy == NULL ? err_set(e, ERR_NOMEM, "sync") : 0;

    while (rc == 0 && (word = strsep(&rest, ",")) != NULL) {
        if (word[0] == '\0')
            continue;
        if (s->n_targets == SYNC_ENDPOINTS_MAX)
            rc = err_set(e, ERR_LIMIT, "more than %d control planes", SYNC_ENDPOINTS_MAX);
        else if ((s->targets[s->n_targets] = strdup(word)) == NULL)
            rc = err_set(e, ERR_NOMEM, "sync");
        else
            s->n_targets++;
    }
    free(copy);
    if (rc == 0 && s->n_targets == 0)
        rc = err_set(e, ERR_INVALID, "no control plane is named");
    return rc;
}

static int start(struct sync *s, struct err *e)
{
    const struct timeval every = {0, SYNC_TICK_MS * 1000};
    int rc;

    s->message = malloc(sizeof(*s->message));
    s->zstd = ZSTD_createDCtx();
    s->tick = event_new(s->o.base, -1, EV_PERSIST, tick_cb, s);
    if (s->message == NULL || s->zstd == NULL || s->tick == NULL)
        return err_set(e, ERR_NOMEM, "sync");
    rc = take_targets(s, s->o.control_planes, e);
    if (rc == 0)
        rc = sync_identity_load(&s->identity, s->o.state_dir, e);
    if (rc == 0)
        rc = sync_builder_new(s->o.base, s->o.state_dir, s->o.soak_ms == 0 ? DISK_SOAK_MS : s->o.soak_ms, done_cb, s,
                              &s->builder, e);
    if (rc == 0 && (post(s, SYNC_JOB_START, 0, NULL) == NULL || event_add(s->tick, &every) != 0))
        rc = err_set(e, ERR_NOMEM, "sync");
    return rc;
}

int sync_new(const struct sync_options *o, const struct sync_callbacks *cb, void *arg, struct sync **out, struct err *e)
{
    struct sync *s = calloc(1, sizeof(*s));
    int rc;

    if (s == NULL)
        return err_set(e, ERR_NOMEM, "sync");
    s->o = *o;
    s->cb = *cb;
    s->arg = arg;
    s->started_ms = clock_mono_ms();
    buf_init(&s->join.key, 0);
    buf_init(&s->join.answer, 0);
    s->token_file = o->join_token_file == NULL ? NULL : strdup(o->join_token_file);
    rc = start(s, e);
    if (rc != 0) {
        sync_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void sync_free(struct sync *s)
{
    if (s == NULL)
        return;
    s->ending = true;
    if (s->tick != NULL)
        event_free(s->tick);
    sync_link_close(s);
    sync_join_fini(s);
    sync_builder_free(s->builder);
    sync_core_free(s->core);
    sync_identity_fini(&s->identity);
    bundle_unref(s->from_disk);
    snap_unref(s->serving);
    snap_unref(s->built);
    for (size_t i = 0; i < s->n_targets; i++)
        free(s->targets[i]);
    ZSTD_freeDCtx(s->zstd);
    free(s->message);
    free(s->token_file);
    free(s);
}

void sync_changed(struct sync *s)
{
    struct sync_event event = {.type = SYNC_EVENT_CHANGED};

    sync_feed(s, &event);
}

void sync_bye(struct sync *s, const char *reason)
{
    struct protocol_bye bye = {.draining = true};
    struct buf b;

    snprintf(bye.reason, sizeof(bye.reason), "%s", reason);
    buf_init(&b, 0);
    if (s->stream != NULL && sync_encode_bye(&b, ++s->seq, &bye) == 0)
        sync_link_send(s, &b);
    buf_fini(&b);
}

void sync_status(const struct sync *s, struct sync_status *out)
{
    struct sync_core_view v;

    memset(out, 0, sizeof(*out));
    out->state = s->identity.enrolled ? "starting" : "enrolling";
    out->enrolled = s->identity.enrolled;
    out->disk_failed = s->disk_failed;
    out->cert_not_after = s->identity.not_after;
    out->renewals = s->renewals;
    snprintf(out->node_id, sizeof(out->node_id), "%s", s->identity.node);
    snprintf(out->environment, sizeof(out->environment), "%s", s->identity.environment);
    snprintf(out->last_error, sizeof(out->last_error), "%s", s->join_error);
    if (s->core == NULL)
        return;
    sync_core_view(s->core, &v);
    out->state = sync_state_name(v.state);
    out->connected = v.state >= SYNC_SYNCED;
    out->has_active = v.has_active;
    out->active = v.active;
    out->has_head = v.has_head;
    out->head = v.head;
    out->source = v.source;
    out->behind_ms = v.behind_since_ms == 0 ? 0 : clock_mono_ms() - v.behind_since_ms;
    out->connects = v.connects;
    out->acks = v.acks;
    out->nacks = v.nacks;
    out->received_bytes = v.received_bytes;
    out->applied = v.applied;
    if (v.last_error[0] != '\0')
        snprintf(out->last_error, sizeof(out->last_error), "%s", v.last_error);
}
