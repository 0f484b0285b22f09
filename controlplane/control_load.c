#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/must.h"
#include "control_int.h"
#include "net/sock.h"
#include "text/json.h"

#define LATELY_MS 300000 /* a few flushes of what was seen */

/* From an open store to a serving push port: the compiler's part on backstage, the rest on the loop. */

struct load_job {
    struct backstage_job job;
    struct control *control;
    struct vec heads;               /* struct committer_head */
    struct vec removed;             /* struct removed_node */
    struct vec known;               /* struct known_node: the others */
    struct diag_list diags;
    struct err error;
    int rc;
};

struct known_node {
    char environment[129];
    int64_t last_seen_ms;
};

static int keep_node(void *arg, const struct store_node *n)
{
    struct load_job *x = arg;
    struct known_node *known;
    struct removed_node *removed;

    if (n->removed_ms != 0 || n->membership != 0) {
        removed = vec_push(&x->removed, NULL);
        if (removed == NULL)
            return -ERR_NOMEM;
        (void)snprintf(removed->id, sizeof(removed->id), "%.*s", SLICE_FMT(n->id));
        removed->membership = n->membership;
        removed->is_back = n->removed_ms == 0;
    }
    if (n->removed_ms == 0) {
        known = vec_push(&x->known, NULL);
        if (known == NULL)
            return -ERR_NOMEM;
        (void)snprintf(known->environment, sizeof(known->environment), "%.*s", SLICE_FMT(n->environment));
        known->last_seen_ms = n->last_seen_ms;
    }
    return 0;
}

static void load_run(struct backstage_job *job, struct store *s)
{
    struct load_job *x = CONTAINER_OF(job, struct load_job, job);

    x->rc = committer_load(x->control->committer, s, &x->heads, &x->diags, &x->error);
    if (x->rc == 0)
        x->rc = store_nodes(s, keep_node, x, &x->error);
}

static void load_free(struct load_job *x)
{
    for (size_t i = 0; i < x->heads.n; i++)
        committer_head_fini(&VEC_AT(&x->heads, struct committer_head, i));
    vec_fini(&x->heads);
    vec_fini(&x->removed);
    vec_fini(&x->known);
    diag_fini(&x->diags);
    free(x);
}

/* ---- push ---- */

static int start_push(struct control *c, struct err *e)
{
    struct push_options o = {.base = c->base, .graveyard = c->graveyard, .listen_fd = -1,
                             .cluster_id = store_cluster_id(c->store), .instance = c->instance, .ca = trust_ca(c->trust),
                             .tls = trust_push_tls(c->trust), .callbacks = control_push_callbacks(), .arg = c,
                             .apply_deadline_ms = c->o.apply_deadline_ms, .cert_life_s = c->o.node_certificate_s,
                             .stall_ms = c->o.node_stall_ms};
    struct sock_addr a, local;
    int rc = sock_parse(slice_of(c->o.push_listen), &a, e);

    if (rc == 0)
        rc = sock_listen(&a, SOCK_ALONE, &o.listen_fd, e);
    if (rc != 0)
        return err_prefix(e, "--push-listen");
    rc = sock_local(o.listen_fd, &local, e);
    if (rc == 0) {
        sock_format(&local, c->push_address);
        rc = push_server_new(&o, &c->push, e);
    }
    if (rc != 0)
        (void)close(o.listen_fd);
    return rc;
}

/* How many nodes an environment had when this control plane was last up: those seen shortly before the newest sight. */
static uint32_t nodes_lately(const struct load_job *x, const char *environment)
{
    int64_t newest = 0;
    uint32_t n = 0;

    for (size_t i = 0; i < x->known.n; i++)
        if (VEC_AT(&x->known, struct known_node, i).last_seen_ms > newest)
            newest = VEC_AT(&x->known, struct known_node, i).last_seen_ms;
    for (size_t i = 0; i < x->known.n; i++) {
        const struct known_node *k = &VEC_AT(&x->known, struct known_node, i);

        n += k->last_seen_ms > newest - LATELY_MS && strcmp(k->environment, environment) == 0;
    }
    return n;
}

static int load_head(struct control *c, const struct load_job *x, struct committer_head *h, struct err *e)
{
    struct push_failure failure;
    int rc = 0;

    if (h->live != NULL || h->pending != NULL)
        rc = push_load(c->push, h->live, h->pending, nodes_lately(x, h->environment), e);
    if (rc != 0 || !h->failed)
        return rc;
    control_reason_read(h->reason, &failure);
    return push_load_failed(c->push, h->environment, &h->version, &failure, e);
}

static int serve(struct control *c, struct load_job *x, struct err *e)
{
    int rc = start_push(c, e);

    for (size_t i = 0; rc == 0 && i < x->removed.n; i++)
        rc = control_remember_removed(c, &VEC_AT(&x->removed, struct removed_node, i));
    for (size_t i = 0; rc == 0 && i < x->heads.n; i++)
        rc = load_head(c, x, &VEC_AT(&x->heads, struct committer_head, i), e);
    return rc;
}

/* ---- telling the world ---- */

static int write_addresses(struct control *c, struct err *e)
{
    char path[4200];
    struct json_writer w;
    struct buf b;
    int rc;

    buf_init(&b, 0);
    json_writer_init(&w, &b, 0);
    json_begin_object(&w);
    json_member_str(&w, "admin", c->admin_address);
    json_member_str(&w, "push", c->push_address);
    json_end_object(&w);
    rc = json_writer_end(&w);
    (void)snprintf(path, sizeof(path), "%s/addresses.json", c->o.state_dir);
    rc = rc != 0 ? err_set(e, ERR_NOMEM, "addresses.json") : file_write_atomic(path, b.p, b.w, 0644, e);
    buf_fini(&b);
    return rc;
}

/* systemd's Type=notify: one datagram, when it asked for it. */
static void notify_ready(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = name == NULL ? 0 : strlen(name);
    int fd;

    if (n == 0 || n >= sizeof(a.sun_path))
        return;
    memcpy(a.sun_path, name, n);
    if (a.sun_path[0] == '@')
        a.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
        LOG_WARN("systemd could not be told that all is ready");
    (void)close(fd);
}

static void tell_diagnostics(struct diag_list *diags)
{
    struct buf text;

    buf_init(&text, 0);
    if (diags->errors > 0 && diag_text(diags, &text, false) == 0)
        (void)fprintf(stderr, "%.*s\n", SLICE_FMT(buf_slice(&text)));
    buf_fini(&text);
}

static void load_done(struct backstage_job *job)
{
    struct load_job *x = CONTAINER_OF(job, struct load_job, job);
    struct control *c = x->control;
    int rc = x->rc;

    if (c->stopping) {
        load_free(x);
        return;
    }
    if (rc == -ERR_INVALID && x->diags.errors > 0)
        (void)err_set(&x->error, ERR_INVALID,
                      "the stored configuration does not compile with this version: use the one that wrote it, or repair it with it");
    if (rc == 0)
        rc = serve(c, x, &x->error);
    if (rc == 0) {
        push_ready(c->push);
        admin_ready(c->admin, c->push);
        rc = trust_write_context(c->trust, c->admin_address, &x->error);
    }
    if (rc == 0)
        rc = write_addresses(c, &x->error);
    if (rc != 0) {
        tell_diagnostics(&x->diags);
        LOG_ERROR("cannot start", LOG_STR("why", x->error.text));
        c->status = 1;
        (void)event_base_loopbreak(c->base);
    } else {
        LOG_INFO("ready", LOG_STR("admin", c->admin_address), LOG_STR("push", c->push_address),
                 LOG_STR("state", c->o.state_dir), LOG_U64("revision", committer_revision(c->committer)));
        notify_ready();
    }
    load_free(x);
}

int control_load(struct control *c)
{
    struct load_job *x = calloc(1, sizeof(*x));

    if (x == NULL)
        return -ERR_NOMEM;
    x->control = c;
    vec_init(&x->heads, sizeof(struct committer_head));
    vec_init(&x->removed, sizeof(struct removed_node));
    vec_init(&x->known, sizeof(struct known_node));
    diag_init(&x->diags);
    x->job.run = load_run;
    x->job.done = load_done;
    if (backstage_submit_own(c->backstage, &x->job) == 0)
        return 0;
    load_free(x);
    return -ERR_NOMEM;
}
