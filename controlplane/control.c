#include "control.h"

#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/must.h"
#include "control_int.h"
#include "net/sock.h"

#define QUEUE_MAX 256u           /* jobs that wait for backstage; more are answered with 503 */
#define STOP_MS 5000u            /* for what runs when the stop begins */
#define STOP_LOOK_MS 20u
#define GOODBYE_MS 2000u         /* for nodes to take it; then they are cut */
#define SEEN_FLUSH_S 30
#define RENEW_LOOK_S 3600

/* ---- the check's program ---- */

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool beside_itself(char *out, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (n <= 0)
        return false;
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return snprintf(out, size, "%s/sluice-dataplane", self) < (int)size && is_program(out);
}

static bool on_path(char *out, size_t size)
{
    const char *path = getenv("PATH");

    while (path != NULL && *path != '\0') {
        size_t n = strcspn(path, ":");

        if (n > 0 && snprintf(out, size, "%.*s/sluice-dataplane", (int)n, path) < (int)size && is_program(out))
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

/* checker: empty when bundles are not to be proven. */
static int find_checker(const struct control_options *o, char *checker, size_t size, struct err *e)
{
    const char *given = o->dataplane_binary;

    *checker = '\0';
    if (given != NULL && strcmp(given, "none") == 0)
        return 0;
    if (given != NULL && *given != '\0') {
        if (!is_program(given))
            return err_set(e, ERR_NOTFOUND, "--dataplane-binary: %s is no program", given);
        (void)snprintf(checker, size, "%s", given);
        return 0;
    }
    if (beside_itself(checker, size) || on_path(checker, size))
        return 0;
    *checker = '\0';
    return err_set(e, ERR_NOTFOUND, "sluice-dataplane was not found: bundles are proven by it before they are published; "
                                    "give --dataplane-binary PATH, or none to do without");
}

int control_check(const struct control_options *o, struct err *e)
{
    char checker[4096];
    struct sock_addr a;
    int rc = sock_parse(slice_of(o->admin_listen), &a, e);

    if (rc != 0)
        return err_prefix(e, "--admin-listen");
    rc = sock_parse(slice_of(o->push_listen), &a, e);
    if (rc != 0)
        return err_prefix(e, "--push-listen");
    if (o->state_dir == NULL || *o->state_dir == '\0' || strlen(o->state_dir) > 3900)
        return err_set(e, ERR_INVALID, "--state-dir: a folder is needed");
    return find_checker(o, checker, sizeof(checker), e);
}

/* ---- birth ---- */

static int open_state(struct control *c, struct err *e)
{
    struct trust_options to = {.state_dir = c->o.state_dir, .advertise = c->o.advertise};
    char path[4200];
    int rc = file_mkdirs(c->o.state_dir, 0700, e);

    if (rc == 0 && chmod(c->o.state_dir, 0700) != 0)
        rc = err_errno(e, "%s", c->o.state_dir);
    if (rc != 0)
        return rc;
    /* The store first: its lock keeps a second control plane from touching anything. */
    (void)snprintf(path, sizeof(path), "%s/sluice.db", c->o.state_dir);
    rc = store_open(path, &c->store, e);
    if (rc == 0 && c->o.new_epoch)
        rc = store_epoch_raise(c->store, e);
    if (rc == 0)
        rc = trust_open(&to, &c->trust, e);
    if (rc == 0)
        rc = trust_admin_token(c->trust, c->store, e);
    return rc;
}

static int open_committer(struct control *c, struct err *e)
{
    struct committer_options o = {.implicit_stage = c->o.implicit_stage, .single_environment = slice_of(c->o.single_environment)};
    int rc = find_checker(&c->o, c->checker, sizeof(c->checker), e);

    if (rc != 0)
        return rc;
    o.checker = c->checker[0] == '\0' ? NULL : c->checker;
    if (o.checker == NULL)
        LOG_WARN("bundles are published without being proven: --dataplane-binary none");
    return committer_new(&o, &c->committer, e);
}

static int open_admin(struct control *c, struct err *e)
{
    struct admin_options o = {.base = c->base, .graveyard = c->graveyard, .listen_fd = -1, .tls = trust_admin_tls(c->trust),
                              .backstage = c->backstage, .committer = c->committer, .ca = trust_ca(c->trust),
                              .cluster_id = store_cluster_id(c->store), .node_removed = control_node_removed, .arg = c,
                              .connections_max = c->o.admin_connections_max, .idle_timeout_ms = c->o.admin_idle_timeout_ms,
                              .request_timeout_ms = c->o.admin_request_timeout_ms};
    struct sock_addr a, local;
    int rc = sock_parse(slice_of(c->o.admin_listen), &a, e);

    if (rc == 0)
        rc = sock_listen(&a, SOCK_ALONE, &o.listen_fd, e);
    if (rc != 0)
        return err_prefix(e, "--admin-listen");
    rc = sock_local(o.listen_fd, &local, e);
    if (rc == 0) {
        sock_format(&local, c->admin_address);
        rc = admin_new(&o, c->store, &c->admin, e);
    }
    if (rc != 0)
        (void)close(o.listen_fd);
    return rc;
}

static void seen_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    control_flush_seen(arg);
}

static void renew_cb(evutil_socket_t fd, short what, void *arg)
{
    struct control *c = arg;
    struct err e;

    (void)fd;
    (void)what;
    if (trust_renew(c->trust, &e) != 0)
        LOG_ERROR("the server certificate could not be renewed", LOG_STR("why", e.text));
}

static void stop_cb(evutil_socket_t fd, short what, void *arg)
{
    struct control *c = arg;
    bool is_done = backstage_depth(c->backstage) == 0 && admin_connections(c->admin) == 0 &&
                   (c->push == NULL || push_is_gone(c->push));

    (void)fd;
    (void)what;
    if (is_done || clock_mono_ms() >= c->stop_deadline)
        (void)event_base_loopbreak(c->base);
}

static int start_timers(struct control *c, struct err *e)
{
    struct timeval seen = {SEEN_FLUSH_S, 0}, renew = {RENEW_LOOK_S, 0};

    c->seen_timer = event_new(c->base, -1, EV_PERSIST, seen_cb, c);
    c->renew_timer = event_new(c->base, -1, EV_PERSIST, renew_cb, c);
    c->stop_timer = event_new(c->base, -1, EV_PERSIST, stop_cb, c);
    if (c->seen_timer == NULL || c->renew_timer == NULL || c->stop_timer == NULL || event_add(c->seen_timer, &seen) != 0 ||
        event_add(c->renew_timer, &renew) != 0)
        return err_set(e, ERR_NOMEM, "timers");
    return 0;
}

static int start(struct control *c, struct err *e)
{
    int rc = open_state(c, e);

    if (rc == 0)
        rc = open_committer(c, e);
    if (rc == 0)
        rc = graveyard_new(c->base, &c->graveyard, e);
    if (rc == 0)
        rc = backstage_new(c->base, c->store, QUEUE_MAX, &c->backstage, e);
    if (rc == 0)
        rc = open_admin(c, e);
    if (rc == 0)
        rc = start_timers(c, e);
    if (rc == 0 && control_load(c) != 0)
        rc = err_set(e, ERR_NOMEM, "load");
    return rc;
}

int control_new(struct event_base *base, const struct control_options *o, struct control **out, struct err *e)
{
    struct control *c = calloc(1, sizeof(*c));
    char host[HOST_NAME_MAX + 1] = "";
    int rc;

    if (c == NULL)
        return err_set(e, ERR_NOMEM, "control plane");
    c->o = *o;
    c->base = base;
    map_init(&c->removed);
    vec_init(&c->seen, sizeof(struct seen_node));
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(c->instance, sizeof(c->instance), "%.100s/%d", host, (int)getpid());
    rc = start(c, e);
    if (rc != 0) {
        control_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

/* ---- end ---- */

void control_stop(struct control *c)
{
    struct timeval look = {0, STOP_LOOK_MS * 1000};

    if (c->stopping) { /* asked twice: at once */
        (void)event_base_loopbreak(c->base);
        return;
    }
    LOG_INFO("stopping");
    c->stopping = true;
    c->stop_deadline = clock_mono_ms() + STOP_MS;
    admin_stop(c->admin);
    if (c->push != NULL)
        push_server_goodbye(c->push, "the control plane stops", GOODBYE_MS);
    control_flush_seen(c);
    (void)event_add(c->stop_timer, &look); /* the first look leaves the loop time to write the goodbyes */
}

int control_status(const struct control *c)
{
    return c->status;
}

static void free_timer(struct event *ev)
{
    if (ev != NULL)
        event_free(ev);
}

void control_free(struct control *c)
{
    size_t at = 0;
    struct slice key;
    void *value;

    if (c == NULL)
        return;
    /* What backstage still has comes back here, and needs admin and push: they go after it. */
    c->stopping = true;
    backstage_free(c->backstage);
    admin_free(c->admin);
    if (c->push != NULL)
        push_server_free(c->push);
    free_timer(c->seen_timer);
    free_timer(c->renew_timer);
    free_timer(c->stop_timer);
    if (c->graveyard != NULL)
        graveyard_free(c->graveyard);
    committer_free(c->committer);
    trust_free(c->trust);
    store_close(c->store);
    while (map_next(&c->removed, &at, &key, &value))
        free(value);
    map_fini(&c->removed);
    vec_fini(&c->seen);
    free(c);
}
