/* Both planes' state machines joined by a wire that loses, delays and breaks, under a fake clock: one world a seed. Faults
 * stop after a while; then everything must come to rest. The invariants (push.md 5.4) are checked at every step.
 * SLUICE_SIM_SEED=n runs one seed and prints what happens. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "push/push_core.h"
#include "sync/sync_core.h"

#define SEEDS 300
#define NODES_MAX 50
#define ENVS_MAX 3
#define INDEXES 24          /* leaves in use an environment */
#define PUBLISHED_MAX 64
#define FAULTS_MS 90000
#define QUIET_MS 240000
#define TICK_MS 250

enum what { AT_TICK, AT_CP, AT_NODE, AT_BUILT, AT_SWAPPED, AT_SAVED, AT_LEAVES, AT_CUT, AT_CONNECT, AT_PUBLISH, AT_PERSIST,
            AT_CP_CRASH, AT_NODE_CRASH };

struct note {               /* one thing that will happen */
    uint64_t at, order;
    enum what what;
    int node;
    uint64_t stream;        /* of the wire, or the incarnation of the node or control plane it is for */
    struct push_event cp;
    struct sync_event dp;
    void *body;             /* freed with the note: the message that an event points at */
    struct bundle *bundle;  /* likewise unreferenced */
    struct bundle *base;
    struct push_action head;
    uint64_t job;
    struct sync_want *want;
    size_t n_want;
    bool hold;
};

struct published {
    struct bundle *b;
    bool poison;            /* some nodes cannot build it */
    bool refused;           /* a node said so while it was pending: live nowhere, ever */
    bool failed_stored;
};

struct env {
    char name[16];
    uint8_t content[INDEXES];
    struct published all[PUBLISHED_MAX];
    size_t n;
    uint64_t live_revision, failed_revision; /* the store */
    struct leaf_table *table;
};

struct node {
    char name[16];
    int env;
    struct sync_core *core;
    struct protocol_hello hello;
    uint64_t life;          /* incarnation */
    uint64_t full_ms;       /* until then requests hold as many snapshots as may be live */
    uint64_t stream;        /* 0: no wire */
    uint64_t to_cp, to_node; /* last arrival times: a stream keeps its order */
    struct bundle *serving, *stored;
    struct bundle_version rejected[PROTOCOL_REJECTED_MAX];
    size_t n_rejected;
    struct bundle *building[4];
    uint64_t jobs[4];
    bool slow, weak;        /* weak: cannot build poison */
    uint64_t last_fetch;
    /* what the control plane's present life knows */
    struct bundle_version known[64];
    size_t n_known;
    int outstanding;
    bool out_of_reach;
};

static struct {
    uint64_t seed, rng, now, order, streams, cp_life;
    bool loud, calm;
    struct push_core *cp;
    struct env envs[ENVS_MAX];
    int n_envs, n_nodes;
    struct node nodes[NODES_MAX];
    struct note **heap;
    size_t n, size;
    uint64_t revision;
    struct push_actions pa;
    struct sync_actions sa;
    uint64_t offers, swaps, nacks, fetched, commits, fails, withdrawn, steps;
} w;

static uint64_t rnd(void)
{
    w.rng ^= w.rng << 13;
    w.rng ^= w.rng >> 7;
    w.rng ^= w.rng << 17;
    return w.rng;
}

static uint64_t below(uint64_t n)
{
    return n == 0 ? 0 : rnd() % n;
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

static uint64_t dp_random(void *arg, uint64_t bound)
{
    (void)arg;
    return below(bound);
}

static void cp_random(void *arg, void *p, size_t n)
{
    (void)arg;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)rnd();
}

#define SAY(...)                                                                                                       \
    do {                                                                                                               \
        if (w.loud) {                                                                                                  \
            printf("%8llu ", (unsigned long long)w.now);                                                               \
            printf(__VA_ARGS__);                                                                                       \
            putchar('\n');                                                                                             \
        }                                                                                                              \
    } while (0)
#define HOLDS(x, ...)                                                                                                  \
    do {                                                                                                               \
        if (!(x)) {                                                                                                    \
            printf("seed %llu at %llu ms: ", (unsigned long long)w.seed, (unsigned long long)w.now);                   \
            printf(__VA_ARGS__);                                                                                       \
            putchar('\n');                                                                                             \
            ck_abort_msg("%s", #x);                                                                                    \
        }                                                                                                              \
    } while (0)

/* ---- what will happen ---------------------------------------------------------------------------------------------------- */

static bool sooner(const struct note *a, const struct note *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static struct note *plan(uint64_t at, enum what what, int node)
{
    struct note *n = calloc(1, sizeof(*n));
    size_t i = w.n;

    MUST(n != NULL);
    *n = (struct note){.at = at, .order = ++w.order, .what = what, .node = node};
    if (w.n == w.size) {
        w.size = w.size == 0 ? 256 : 2 * w.size;
        w.heap = realloc(w.heap, w.size * sizeof(*w.heap));
        MUST(w.heap != NULL);
    }
    w.n++;
    while (i > 0 && sooner(n, w.heap[(i - 1) / 2])) {
        w.heap[i] = w.heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w.heap[i] = n;
    return n;
}

static struct note *next_note(void)
{
    struct note *first = w.heap[0], *last = w.heap[--w.n];
    size_t i = 0, k;

    while ((k = 2 * i + 1) < w.n) {
        if (k + 1 < w.n && sooner(w.heap[k + 1], w.heap[k]))
            k++;
        if (sooner(last, w.heap[k]))
            break;
        w.heap[i] = w.heap[k];
        i = k;
    }
    w.heap[i] = last;
    return first;
}

static void note_free(struct note *n)
{
    bundle_unref(n->bundle);
    bundle_unref(n->base);
    free(n->body);
    free(n->want);
    free(n);
}

static uint64_t delay(void)
{
    return chance(90) ? 1 + below(20) : 1 + below(800);
}

static uint64_t to_cp(struct node *n)
{
    uint64_t at = w.now + delay();

    return n->to_cp = at > n->to_cp ? at : n->to_cp;
}

static uint64_t to_node(struct node *n)
{
    uint64_t at = w.now + delay();

    return n->to_node = at > n->to_node ? at : n->to_node;
}

static void *copy(const void *p, size_t n)
{
    void *c = malloc(n);

    MUST(c != NULL);
    return memcpy(c, p, n);
}

/* ---- content --------------------------------------------------------------------------------------------------------------- */

static struct leaf *make_leaf(const struct env *e, int i)
{
    uint8_t bytes[64] = {0x0a, 0, 0x0a, 1, 't', 0x12, 4};
    int n = snprintf((char *)bytes + 7, 32, "%c%02d%c", e->name[3], i, 'a' + e->content[i] % 26);

    bytes[1] = (uint8_t)(5 + n);
    bytes[6] = (uint8_t)n;
    return leaf_new(bytes, 7 + (size_t)n);
}

static uint16_t place(int i)
{
    return (uint16_t)(i * 170 + 3);
}

static struct bundle *compile(struct env *e, bool poison)
{
    struct leaf_table *t = e->table == NULL ? leaf_table_new() : leaf_table_copy(e->table);
    struct bundle *b = bundle_new();
    int changes = e->table == NULL ? INDEXES : 1 + (int)below(4);

    MUST(t != NULL && b != NULL);
    for (int k = 0; k < changes; k++) {
        int i = e->table == NULL ? k : (int)below(INDEXES);

        e->content[i] = (uint8_t)(e->content[i] + 1 + below(3));
        leaf_table_set(t, place(i), make_leaf(e, i));
    }
    if (poison) { /* content of its own, so that no later bundle has the same root */
        uint8_t odd[16] = {0x0a, 9, 0x0a, 1, 'p', 0x12, 4};

        cp_random(NULL, odd + 7, 4);
        for (int i = 7; i < 11; i++)
            odd[i] = 'a' + odd[i] % 26;
        leaf_table_set(t, 4000, leaf_new(odd, 11));
    } else {
        leaf_table_set(t, 4000, NULL);
    }
    leaf_table_seal(t);
    leaf_table_unref(e->table);
    e->table = leaf_table_ref(t);
    b->version.epoch = 1;
    b->version.revision = ++w.revision;
    snprintf(b->cluster_id, sizeof(b->cluster_id), "sim");
    snprintf(b->environment, sizeof(b->environment), "%s", e->name);
    b->schema = 1;
    b->empty_is_intended = true;
    bundle_set_table(b, t);
    return b;
}

static struct published *find(struct env *e, const struct bundle_version *v)
{
    for (size_t i = 0; i < e->n; i++) {
        if (bundle_version_eq(&e->all[i].b->version, v))
            return &e->all[i];
    }
    return NULL;
}

static bool root_is_refused(const struct env *e, const struct bundle_version *v)
{
    for (size_t i = 0; i < e->n; i++) {
        if (e->all[i].refused && protocol_same_root(&e->all[i].b->version, v))
            return true;
    }
    return false;
}

/* ---- control plane ------------------------------------------------------------------------------------------------------------ */

static struct push_now cp_now(void)
{
    return (struct push_now){w.now, 1700000000000 + (int64_t)w.now};
}

static struct node *node_of(uint64_t stream)
{
    for (int i = 0; i < w.n_nodes; i++) {
        if (w.nodes[i].stream == stream && stream != 0)
            return &w.nodes[i];
    }
    return NULL;
}

static int index_of(const struct node *n)
{
    return (int)(n - w.nodes);
}

static void cut(struct node *n, bool tell_node)
{
    struct note *t;

    if (n->stream == 0)
        return;
    t = plan(w.now + delay(), AT_CP, index_of(n));
    t->stream = w.cp_life;
    t->cp = (struct push_event){.type = PUSH_EVENT_CLOSED, .connection = n->stream};
    if (tell_node) {
        t = plan(w.now + delay(), AT_NODE, index_of(n));
        t->stream = n->stream;
        t->dp = (struct sync_event){.type = SYNC_EVENT_DISCONNECTED};
        t->dp.u.disconnected.status = 14;
    } else {
        n->stream = 0;
    }
}

static void send_offer(struct node *n, const struct push_action *a)
{
    struct note *t;

    w.offers++;
    HOLDS(++n->outstanding == 1, "I9: %s has %d offers in flight", n->name, n->outstanding);
    for (size_t i = 0; i < n->n_known; i++)
        HOLDS(!protocol_same_root(&n->known[i], &a->bundle->version), "I8: %s was offered again what it refused", n->name);
    t = plan(to_node(n), AT_NODE, index_of(n));
    t->stream = n->stream;
    t->dp.type = SYNC_EVENT_OFFER;
    t->bundle = bundle_ref(a->bundle);
    t->hold = a->hold;
    t->body = copy(a->nonce, sizeof(a->nonce));
    if (a->base != NULL) {
        t->base = bundle_new();
        t->base->version = a->base_version;
        t->base->table = leaf_table_ref(a->base);
    }
}

static void send_nonce(struct node *n, enum sync_event_type type, const struct push_action *a)
{
    struct note *t = plan(to_node(n), AT_NODE, index_of(n));

    t->stream = n->stream;
    t->body = copy(a->nonce, sizeof(a->nonce));
    t->dp.type = type;
    t->dp.u.nonce = t->body;
}

static void send_hello_answer(struct node *n, const struct push_action *a)
{
    struct protocol_welcome welcome = {.cluster_id = "sim", .has_head = a->has_version, .head = a->version};
    struct note *t = plan(to_node(n), AT_NODE, index_of(n));

    t->stream = n->stream;
    t->body = copy(&welcome, sizeof(welcome));
    t->dp.type = SYNC_EVENT_WELCOME;
    t->dp.u.welcome = t->body;
}

static void store_outcome(const struct push_action *a)
{
    struct note *t = plan(w.now + below(20), AT_PERSIST, 0);

    SAY("cp: %s revision %llu outcome %d", a->environment, (unsigned long long)a->version.revision, (int)a->outcome);
    t->stream = w.cp_life;
    t->head = *a;
    t->head.failure = NULL;
    for (int i = 0; i < w.n_envs; i++) {
        struct env *e = &w.envs[i];

        if (strcmp(e->name, a->environment) != 0)
            continue;
        if (a->outcome == PUSH_BECAME_LIVE) {
            w.commits++;
            HOLDS(!root_is_refused(e, &a->version), "a refused bundle became live");
        } else if (a->outcome == PUSH_BECAME_FAILED) {
            w.fails++;
        }
    }
}

static void run_cp_actions(void)
{
    struct push_actions done = w.pa;

    push_actions_init(&w.pa);
    HOLDS(!done.failed, "memory");
    for (size_t i = 0; i < done.list.n; i++) {
        struct push_action *a = &VEC_AT(&done.list, struct push_action, i);
        struct node *n = node_of(a->connection);

        if (a->type == PUSH_DO_HEAD) {
            store_outcome(a);
        } else if (a->type == PUSH_DO_CLOSE) {
            HOLDS(a->status == PUSH_CLOSE_ABORTED || a->status == PUSH_CLOSE_DEADLINE, "closed: %s", a->reason);
            if (n != NULL) {
                struct note *t = plan(to_node(n), AT_NODE, index_of(n));

                t->stream = n->stream;
                t->dp.type = SYNC_EVENT_DISCONNECTED;
                t->dp.u.disconnected.status = 10;
            }
        } else if (a->type == PUSH_DO_ALARM) {
            HOLDS(!w.calm, "alarm in the calm: %s %s", a->node, a->reason);
        }
        if (n == NULL)
            continue;
        if (a->type == PUSH_DO_WELCOME)
            send_hello_answer(n, a);
        else if (a->type == PUSH_DO_OFFER)
            send_offer(n, a);
        else if (a->type == PUSH_DO_ACTIVATE)
            send_nonce(n, SYNC_EVENT_ACTIVATE, a);
        else if (a->type == PUSH_DO_WITHDRAW) {
            n->outstanding = 0;
            w.withdrawn++;
            send_nonce(n, SYNC_EVENT_WITHDRAW, a);
        } else if (a->type == PUSH_DO_PING) {
            struct note *t = plan(to_node(n), AT_NODE, index_of(n));

            t->stream = n->stream;
            t->dp.type = SYNC_EVENT_PING;
            t->dp.u.ping.has_head = a->has_version;
            t->dp.u.ping.head = a->version;
        }
    }
    push_actions_fini(&done);
}

static void cp_learns(struct node *n, const struct push_event *ev)
{
    struct env *e = &w.envs[n->env];

    if (ev->type == PUSH_EVENT_HELLO) {
        n->outstanding = 0;
        n->n_known = 0;
        for (size_t i = 0; i < ev->u.hello->n_rejected; i++)
            n->known[n->n_known++] = ev->u.hello->rejected[i];
    } else if (ev->type == PUSH_EVENT_NACK && n->outstanding == 1) {
        struct published *p = find(e, &ev->u.nack->rejected);
        struct push_rollout r;

        w.nacks++;
        n->outstanding = 0;
        if (ev->u.nack->retryable || p == NULL)
            return;
        n->known[n->n_known++] = ev->u.nack->rejected;
        ck_assert_int_eq(push_core_rollout(w.cp, e->name, &r), 0);
        if (r.state == PUSH_PENDING && bundle_version_eq(&r.head, &p->b->version))
            p->refused = true;
        push_rollout_fini(&r);
    } else if (ev->type == PUSH_EVENT_ACK && ev->u.ack->phase == PROTOCOL_ACTIVE) {
        n->outstanding = 0;
    }
}

static void cp_event(const struct push_event *ev)
{
    struct node *n = node_of(ev->connection);

    if (n != NULL)
        cp_learns(n, ev);
    push_core_step(w.cp, ev, cp_now(), &w.pa);
    run_cp_actions();
}

static void cp_start(void)
{
    struct push_core_options o = {.cluster_id = "sim", .random = cp_random, .apply_deadline_ms = 20000,
                                  .settle_ms = 15000};
    struct err err;

    w.cp_life++;
    ck_assert_int_eq(push_core_new(&o, &w.cp), 0);
    for (int i = 0; i < w.n_envs; i++) {
        struct env *e = &w.envs[i];
        struct bundle *live = NULL, *head = e->n == 0 ? NULL : e->all[e->n - 1].b;
        uint32_t nodes = 0;

        for (size_t k = 0; k < e->n; k++) {
            if (e->all[k].b->version.revision == e->live_revision)
                live = e->all[k].b;
            if (e->all[k].refused && !e->all[k].failed_stored)
                e->all[k].refused = false; /* nobody alive knows but the node that said it */
        }
        for (int k = 0; k < w.n_nodes; k++)
            nodes += w.nodes[k].env == i && !w.nodes[k].out_of_reach;
        if (head != NULL && head->version.revision == e->failed_revision)
            ck_assert_int_eq(push_core_load_failed(w.cp, e->name, &head->version, NULL, cp_now(), &err), 0);
        if (head == live || (head != NULL && head->version.revision == e->failed_revision))
            head = NULL;
        ck_assert_int_eq(push_core_load(w.cp, live, head, nodes, cp_now(), &w.pa, &err), 0);
    }
    run_cp_actions();
}

static void cp_crash(void)
{
    SAY("cp: crash");
    push_core_free(w.cp);
    for (int i = 0; i < w.n_nodes; i++) {
        cut(&w.nodes[i], true);
        w.nodes[i].n_known = 0;
    }
    cp_start();
}

static void publish(struct env *e)
{
    bool poison = e->n > 0 && !w.calm && chance(15);
    struct err err;
    struct bundle *b;

    if (e->n == PUBLISHED_MAX)
        return;
    if (e->n > 2 && chance(15)) { /* back to an old one, under a new number */
        const struct published *old = &e->all[below(e->n)];

        if (old->poison)
            return;
        b = bundle_new();
        snprintf(b->cluster_id, sizeof(b->cluster_id), "sim");
        snprintf(b->environment, sizeof(b->environment), "%s", e->name);
        b->version.epoch = 1;
        b->version.revision = ++w.revision;
        b->empty_is_intended = true;
        bundle_set_table(b, leaf_table_ref(old->b->table));
        leaf_table_unref(e->table);
        e->table = leaf_table_ref(old->b->table);
    } else {
        b = compile(e, poison);
    }
    e->all[e->n++] = (struct published){.b = b, .poison = poison};
    SAY("publish %s revision %llu%s", e->name, (unsigned long long)b->version.revision, poison ? " poison" : "");
    ck_assert_int_eq(push_core_publish(w.cp, b, cp_now(), &w.pa, &err), 0);
    run_cp_actions();
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------------ */

static void node_event(struct node *n, const struct sync_event *ev);

static void reply(struct node *n, enum push_event_type type, const void *body, size_t size)
{
    struct note *t;

    if (n->stream == 0)
        return;
    t = plan(to_cp(n), AT_CP, index_of(n));
    t->stream = w.cp_life;
    t->body = copy(body, size);
    t->cp = (struct push_event){.type = type, .connection = n->stream};
    t->cp.u.hello = t->body;
}

static uint64_t build_time(const struct node *n)
{
    return n->slow ? 500 + below(30000) : 1 + below(60);
}

static void job_put(struct node *n, uint64_t job, struct bundle *b)
{
    for (size_t i = 0; i < ARRAY_LEN(n->jobs); i++) {
        if (n->building[i] == NULL) {
            n->building[i] = bundle_ref(b);
            n->jobs[i] = job;
            return;
        }
    }
    HOLDS(false, "%s builds more than four at once", n->name);
}

static struct bundle *job_take(struct node *n, uint64_t job)
{
    for (size_t i = 0; i < ARRAY_LEN(n->jobs); i++) {
        if (n->building[i] != NULL && n->jobs[i] == job)
            return TAKE(&n->building[i]);
    }
    return NULL;
}

static void check_fetch(const struct node *n, const struct sync_action *a)
{
    for (size_t k = 0; n->serving != NULL && k < a->n_want; k++) {
        for (uint32_t i = 0; i < BUNDLE_LEAVES; i++) {
            const struct leaf *l = n->serving->table->leaves[i];

            HOLDS(l == NULL || memcmp(l->hash, a->want[k].hash, BUNDLE_HASH) != 0, "I13: %s fetches a leaf that it holds",
                  n->name);
        }
    }
}

static void start_fetch(struct node *n, struct sync_action *a)
{
    struct note *t = plan(to_cp(n) + delay(), AT_LEAVES, index_of(n));

    check_fetch(n, a);
    w.fetched += a->n_want;
    t->stream = n->stream;
    t->job = a->job;
    t->head.version = a->version;
    t->want = TAKE(&a->want);
    t->n_want = a->n_want;
}

static void run_node_action(struct node *n, struct sync_action *a)
{
    struct env *e = &w.envs[n->env];
    struct protocol_status status = {.has_active = n->serving != NULL, .health = PROTOCOL_READY};
    struct note *t;

    switch (a->type) {
    case SYNC_DO_CONNECT:
        t = plan(w.now + delay(), AT_CONNECT, index_of(n));
        t->stream = n->life;
        break;
    case SYNC_DO_DISCONNECT:
        cut(n, false);
        break;
    case SYNC_DO_HELLO:
        reply(n, PUSH_EVENT_HELLO, a->hello, sizeof(*a->hello));
        break;
    case SYNC_DO_ACK:
        if (a->ack.phase == PROTOCOL_ACTIVE)
            HOLDS(bundle_version_eq(&a->ack.version, &n->serving->version), "I4: %s says ACTIVE and serves another", n->name);
        reply(n, PUSH_EVENT_ACK, &a->ack, sizeof(a->ack));
        break;
    case SYNC_DO_NACK:
        SAY("%s: nack %llu: %s", n->name, (unsigned long long)a->nack->rejected.revision, a->nack->error.message);
        reply(n, PUSH_EVENT_NACK, a->nack, sizeof(*a->nack));
        break;
    case SYNC_DO_STATUS:
        if (n->serving != NULL)
            status.active = n->serving->version;
        reply(n, PUSH_EVENT_STATUS, &status, sizeof(status));
        break;
    case SYNC_DO_FETCH:
        start_fetch(n, a);
        break;
    case SYNC_DO_FETCH_CANCEL:
        break;
    case SYNC_DO_MAKE_ROOM:
        HOLDS(w.now < n->full_ms, "%s asks for room that it has", n->name);
        break;
    case SYNC_DO_BUILD:
        HOLDS(w.now >= n->full_ms, "%s builds without room", n->name);
        job_put(n, a->job, a->bundle);
        t = plan(w.now + build_time(n), AT_BUILT, index_of(n));
        t->stream = n->life;
        t->job = a->job;
        break;
    case SYNC_DO_DISCARD:
        bundle_unref(job_take(n, a->job));
        break;
    case SYNC_DO_SWAP:
        t = plan(w.now + 1 + below(5), AT_SWAPPED, index_of(n));
        t->stream = n->life;
        t->job = a->job;
        break;
    case SYNC_DO_SAVE:
        t = plan(w.now + 1 + below(30), AT_SAVED, index_of(n));
        t->stream = n->life;
        t->bundle = bundle_ref(a->bundle);
        break;
    case SYNC_DO_REJECT:
        if (n->n_rejected < PROTOCOL_REJECTED_MAX)
            n->rejected[n->n_rejected++] = a->version;
        break;
    case SYNC_DO_ALARM:
        break;
    }
    (void)e;
}

static void run_node_actions(struct node *n)
{
    struct sync_actions done = w.sa;

    sync_actions_init(&w.sa);
    HOLDS(!done.failed, "memory");
    for (size_t i = 0; i < done.list.n; i++)
        run_node_action(n, &VEC_AT(&done.list, struct sync_action, i));
    sync_actions_fini(&done);
}

static void node_event(struct node *n, const struct sync_event *ev)
{
    sync_core_step(n->core, ev, (struct sync_now){w.now}, &w.sa);
    run_node_actions(n);
}

static bool dp_room(void *arg, char *why, size_t why_size)
{
    struct node *n = arg;

    if (w.calm)
        n->full_ms = 0;
    else if (w.now >= n->full_ms && chance(10))
        n->full_ms = w.now + below(30000);
    (void)snprintf(why, why_size, "full until %llu", (unsigned long long)n->full_ms);
    return w.now >= n->full_ms;
}

static void node_start(struct node *n)
{
    struct sync_core_options o = {.hello = &n->hello, .n_endpoints = 1, .first_delay_ms = 1000,
                                  .random_below = dp_random, .room = dp_room, .room_arg = n};

    n->life++;
    snprintf(n->hello.cluster_id, sizeof(n->hello.cluster_id), "sim");
    snprintf(n->hello.environment, sizeof(n->hello.environment), "%s", w.envs[n->env].name);
    snprintf(n->hello.node_id, sizeof(n->hello.node_id), "%s", n->name);
    snprintf(n->hello.software, sizeof(n->hello.software), "1");
    n->hello.schema_min = n->hello.schema_max = 1;
    n->hello.can_delta = true;
    n->hello.workers = 2;
    ck_assert_int_eq(sync_core_new(&o, (struct sync_now){w.now}, &n->core), 0);
    sync_core_set_disk(n->core, n->life, n->stored == NULL ? NULL : &n->stored->version, n->rejected, n->n_rejected);
    if (n->stored != NULL) {
        sync_core_set_active(n->core, n->stored, PROTOCOL_LAST_GOOD);
        n->serving = bundle_ref(n->stored);
    }
}

static void node_stop(struct node *n)
{
    cut(n, false);
    sync_core_free(n->core);
    n->core = NULL;
    bundle_unref(TAKE(&n->serving));
    for (size_t i = 0; i < ARRAY_LEN(n->jobs); i++)
        bundle_unref(TAKE(&n->building[i]));
}

static void node_connect(struct node *n)
{
    struct note *t;

    n->to_cp = n->to_node = w.now;
    if (!w.calm && chance(20)) {
        node_event(n, &(struct sync_event){.type = SYNC_EVENT_DISCONNECTED, .u.disconnected = {14, "refused"}});
        return;
    }
    n->stream = ++w.streams;
    n->outstanding = 0;
    t = plan(to_cp(n), AT_CP, index_of(n));
    t->stream = w.cp_life;
    t->cp = (struct push_event){.type = PUSH_EVENT_OPENED, .connection = n->stream};
    t->cp.u.opened.cluster = "sim";
    t->cp.u.opened.environment = w.envs[n->env].name;
    t->cp.u.opened.node = n->name;
    t->cp.u.opened.address = "sim";
    node_event(n, &(struct sync_event){.type = SYNC_EVENT_CONNECTED});
}

static void node_built(struct node *n, const struct note *t)
{
    struct env *e = &w.envs[n->env];
    struct protocol_error error = {.code = PROTOCOL_INVALID_RESOURCE, .type = "route", .key = "k", .message = "poison"};
    struct sync_event ev = {.type = SYNC_EVENT_BUILT};
    struct bundle *b = NULL;
    struct published *p;

    for (size_t i = 0; i < ARRAY_LEN(n->jobs); i++) {
        if (n->jobs[i] == t->job && n->building[i] != NULL)
            b = n->building[i];
    }
    ev.u.built.job = t->job;
    if (b != NULL) {
        p = find(e, &b->version);
        HOLDS(p != NULL, "I2: %s builds what was never published", n->name);
        if (p->poison && n->weak)
            ev.u.built.error = &error;
        if (ev.u.built.error == NULL && !w.calm && chance(3)) {
            error = (struct protocol_error){.code = PROTOCOL_NO_MEMORY, .message = "no memory", .retryable = true};
            ev.u.built.error = &error;
        }
        if (ev.u.built.error != NULL)
            bundle_unref(job_take(n, t->job));
    }
    node_event(n, &ev);
}

static void node_swapped(struct node *n, const struct note *t)
{
    struct env *e = &w.envs[n->env];
    struct sync_event ev = {.type = SYNC_EVENT_SWAPPED};
    struct bundle *b = job_take(n, t->job);

    HOLDS(b != NULL, "%s swaps to nothing", n->name);
    HOLDS(find(e, &b->version) != NULL, "I2: %s serves what was never published", n->name);
    HOLDS(n->serving == NULL || bundle_version_cmp(&b->version, &n->serving->version) > 0, "I1: %s goes back", n->name);
    HOLDS(!root_is_refused(e, &b->version), "%s serves what another node refused", n->name);
    bundle_unref(n->serving);
    n->serving = b;
    w.swaps++;
    ev.u.swapped.job = t->job;
    ev.u.swapped.workers = 2;
    node_event(n, &ev);
}

static void node_offer(struct node *n, struct note *t)
{
    struct protocol_leaf_ref refs[INDEXES + 2];
    uint16_t indexes[BUNDLE_LEAVES];
    struct protocol_offer o = {.header = t->bundle, .leaf_count = BUNDLE_LEAVES, .refs = refs, .hold = t->hold};
    struct leaf_table *base = t->base == NULL ? NULL : t->base->table, *table = t->bundle->table;
    size_t count = leaf_table_diff(base, table, indexes);
    struct sync_event ev = {.type = SYNC_EVENT_OFFER};

    memcpy(o.nonce, t->body, sizeof(o.nonce));
    for (size_t i = 0; i < count; i++) {
        const struct leaf *l = table->leaves[indexes[i]];

        refs[i] = (struct protocol_leaf_ref){.index = indexes[i], .is_empty = l == NULL, .size = l == NULL ? 0 : l->size};
        if (l != NULL)
            memcpy(refs[i].hash, l->hash, BUNDLE_HASH);
    }
    o.n_refs = count;
    if (t->base != NULL) {
        o.has_base = true;
        o.base = t->base->version;
    }
    t->bundle->table = NULL; /* the node sees the header alone */
    ev.u.offer = &o;
    node_event(n, &ev);
    t->bundle->table = table;
}

static void serve_leaves(struct node *n, struct note *t)
{
    struct env *e = &w.envs[n->env];
    struct leaf_table *table = push_core_table(w.cp, e->name, t->head.version.root);
    size_t until = !w.calm && chance(15) ? below(t->n_want) : t->n_want;
    struct sync_event ev = {.type = SYNC_EVENT_LEAF};
    uint64_t life = n->life;

    if (table != NULL)
        leaf_table_ref(table);
    for (size_t k = 0; table != NULL && k < until && n->life == life && n->stream == t->stream; k++) {
        for (int i = 0; i < INDEXES + 1; i++) {
            const struct leaf *l = table->leaves[i == INDEXES ? 4000 : place(i)];

            if (l == NULL || memcmp(l->hash, t->want[k].hash, BUNDLE_HASH) != 0)
                continue;
            ev.u.leaf.fetch = t->job;
            memcpy(ev.u.leaf.hash, l->hash, BUNDLE_HASH);
            ev.u.leaf.bytes = slice_from(l->bytes, l->size);
            node_event(n, &ev);
            break;
        }
    }
    leaf_table_unref(table);
    ev = (struct sync_event){.type = SYNC_EVENT_FETCH_END};
    ev.u.fetch_end.fetch = t->job;
    ev.u.fetch_end.status = table == NULL ? 5 : until < t->n_want ? 14 : 0;
    if (n->life == life && n->stream == t->stream)
        node_event(n, &ev);
}

/* ---- the world ---------------------------------------------------------------------------------------------------------------- */

static void tick(void)
{
    cp_event(&(struct push_event){.type = PUSH_EVENT_TICK});
    for (int i = 0; i < w.n_nodes; i++) {
        struct node *n = &w.nodes[i];

        if (n->core == NULL)
            continue;
        node_event(n, &(struct sync_event){.type = SYNC_EVENT_TICK});
        if (!w.calm && below(4000) == 0)
            cut(n, true);
    }
    if (w.now + TICK_MS < FAULTS_MS + QUIET_MS)
        plan(w.now + TICK_MS, AT_TICK, 0);
}

static void happen(struct note *t)
{
    struct node *n = &w.nodes[t->node];
    bool mine = n->core != NULL && t->stream == n->life;
    struct sync_event ev = {.type = SYNC_EVENT_SAVED};

    switch (t->what) {
    case AT_TICK:
        tick();
        break;
    case AT_CP:
        if (t->stream == w.cp_life)
            cp_event(&t->cp);
        break;
    case AT_NODE:
        if (n->core == NULL || t->stream != n->stream)
            break;
        if (t->dp.type == SYNC_EVENT_DISCONNECTED)
            n->stream = 0;
        if (t->dp.type == SYNC_EVENT_OFFER)
            node_offer(n, t);
        else
            node_event(n, &t->dp);
        break;
    case AT_BUILT:
        if (mine)
            node_built(n, t);
        break;
    case AT_SWAPPED:
        if (mine)
            node_swapped(n, t);
        break;
    case AT_SAVED:
        if (!mine)
            break;
        bundle_unref(n->stored);
        n->stored = bundle_ref(t->bundle);
        ev.u.saved.version = t->bundle->version;
        ev.u.saved.ok = true;
        node_event(n, &ev);
        break;
    case AT_LEAVES:
        if (n->core != NULL && t->stream == n->stream)
            serve_leaves(n, t);
        break;
    case AT_CONNECT:
        if (mine)
            node_connect(n);
        break;
    case AT_PUBLISH:
        publish(&w.envs[t->node]);
        break;
    case AT_PERSIST:
        if (t->stream != w.cp_life)
            break;
        for (int i = 0; i < w.n_envs; i++) {
            struct env *e = &w.envs[i];
            struct published *p = find(e, &t->head.version);

            if (strcmp(e->name, t->head.environment) != 0 || p == NULL)
                continue;
            if (t->head.outcome == PUSH_BECAME_LIVE)
                e->live_revision = t->head.version.revision;
            else if (t->head.outcome == PUSH_BECAME_FAILED)
                e->failed_revision = t->head.version.revision, p->failed_stored = true;
        }
        break;
    case AT_CP_CRASH:
        cp_crash();
        break;
    case AT_NODE_CRASH:
        node_stop(n);
        node_start(n);
        break;
    case AT_CUT:
        cut(n, true);
        break;
    }
}

static void world_new(uint64_t seed)
{
    memset(&w, 0, sizeof(w));
    w.seed = seed;
    w.rng = seed * 0x9e3779b97f4a7c15ull + 1;
    w.loud = getenv("SLUICE_SIM_SEED") != NULL;
    w.now = 1000;
    push_actions_init(&w.pa);
    sync_actions_init(&w.sa);
    w.n_envs = 1 + (int)below(ENVS_MAX);
    w.n_nodes = 1 + (int)below(seed % 4 == 0 ? NODES_MAX : 12);
    for (int i = 0; i < w.n_envs; i++) {
        int publishes = 1 + (int)below(14);

        snprintf(w.envs[i].name, sizeof(w.envs[i].name), "env%d", i);
        for (int k = 0; k < publishes; k++)
            plan(w.now + below(chance(50) ? FAULTS_MS : 10000), AT_PUBLISH, i);
    }
    cp_start();
    for (int i = 0; i < w.n_nodes; i++) {
        struct node *n = &w.nodes[i];

        snprintf(n->name, sizeof(n->name), "node%02d", i);
        n->env = (int)below((uint64_t)w.n_envs);
        n->slow = chance(10);
        n->weak = chance(40);
        node_start(n);
        for (uint64_t k = below(3); k > 0; k--)
            plan(w.now + below(FAULTS_MS), AT_NODE_CRASH, i);
    }
    for (uint64_t k = below(4); k > 0; k--)
        plan(w.now + below(FAULTS_MS), AT_CP_CRASH, 0);
    plan(w.now, AT_TICK, 0);
}

/* I5: everybody who can serves what is live, and the newest is live or failed. */
static void check_rest(void)
{
    for (int i = 0; i < w.n_envs; i++) {
        struct env *e = &w.envs[i];
        struct push_rollout r;

        if (push_core_rollout(w.cp, e->name, &r) != 0)
            continue;
        HOLDS(e->n == 0 || r.state == PUSH_LIVE || r.state == PUSH_FAILED, "%s rests as %s (%u of %u built)", e->name,
              push_state_name(r.state), r.built, r.connected);
        for (int k = 0; k < w.n_nodes && r.has_live; k++) {
            struct node *n = &w.nodes[k];
            bool refused = false;

            if (n->env != i)
                continue;
            for (size_t m = 0; m < n->n_rejected; m++)
                refused |= protocol_same_root(&n->rejected[m], &r.live);
            HOLDS(refused || (n->serving != NULL && protocol_same_root(&n->serving->version, &r.live)),
                  "I5: %s serves %llu, live is %llu", n->name,
                  (unsigned long long)(n->serving == NULL ? 0 : n->serving->version.revision),
                  (unsigned long long)r.live.revision);
        }
        push_rollout_fini(&r);
    }
}

static void world_free(void)
{
    for (int i = 0; i < w.n_nodes; i++) {
        node_stop(&w.nodes[i]);
        bundle_unref(w.nodes[i].stored);
    }
    while (w.n > 0)
        note_free(next_note());
    free(w.heap);
    push_core_free(w.cp);
    for (int i = 0; i < w.n_envs; i++) {
        for (size_t k = 0; k < w.envs[i].n; k++)
            bundle_unref(w.envs[i].all[k].b);
        leaf_table_unref(w.envs[i].table);
    }
    push_actions_fini(&w.pa);
    sync_actions_fini(&w.sa);
}

static void run_world(uint64_t seed)
{
    world_new(seed);
    while (w.n > 0) {
        struct note *t = next_note();

        w.now = t->at;
        w.calm = w.now >= FAULTS_MS;
        for (int i = 0; w.calm && i < w.n_nodes; i++)
            w.nodes[i].slow = false;
        w.steps++;
        happen(t);
        note_free(t);
    }
    check_rest();
}

START_TEST(test_seeds)
{
    const char *only = getenv("SLUICE_SIM_SEED");
    uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10), offers = 0, swaps = 0, nacks = 0, fails = 0, commits = 0;
    uint64_t withdrawn = 0, fetched = 0;

    for (uint64_t seed = first; seed < first + (only == NULL ? SEEDS : 1); seed++) {
        run_world(seed);
        offers += w.offers;
        swaps += w.swaps;
        nacks += w.nacks;
        fails += w.fails;
        commits += w.commits;
        withdrawn += w.withdrawn;
        fetched += w.fetched;
        world_free();
    }
    printf("push sim: %llu offers, %llu swaps, %llu nacks, %llu withdrawn, %llu live, %llu failed, %llu leaves\n",
           (unsigned long long)offers, (unsigned long long)swaps, (unsigned long long)nacks, (unsigned long long)withdrawn,
           (unsigned long long)commits, (unsigned long long)fails, (unsigned long long)fetched);
    if (only == NULL)
        ck_assert(offers > 1000 && swaps > 1000 && nacks > 100 && fails > 20 && withdrawn > 20);
}
END_TEST

Suite *test_push_sim_suite(void)
{
    Suite *s = suite_create("push_sim");
    TCase *t = tcase_create("sim");

    tcase_set_timeout(t, 600);
    tcase_add_test(t, test_seeds);
    suite_add_tcase(s, t);
    return s;
}
