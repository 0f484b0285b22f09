#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin_int.h"
#include "base/clock.h"
#include "base/must.h"

/* What the process says of itself. On the loop. */

static int text(struct admin_call *call, unsigned status, const char *words)
{
    call->status = status;
    call->content_type = "text/plain; charset=utf-8";
    return buf_puts(&call->out, slice_of(words));
}

int admin_finish_healthz(struct admin_call *call, struct err *e)
{
    return text(call, 200, "ok\n") == 0 ? 0 : err_set(e, ERR_NOMEM, "answer");
}

int admin_finish_readyz(struct admin_call *call, struct err *e)
{
    const struct admin *a = call->admin;
    int rc;

    if (a->stopping)
        rc = text(call, 503, "[-]stopping\n");
    else if (a->push == NULL)
        rc = text(call, 503, "[-]configuration is being loaded\n");
    else
        rc = text(call, 200, "[+]configuration loaded\n[+]push server serves\n");
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "answer");
}

int admin_finish_openapi(struct admin_call *call, struct err *e)
{
    if (buf_puts(&call->out, buf_slice(&call->admin->openapi)) != 0)
        return err_set(e, ERR_NOMEM, "answer");
    call->status = 200;
    call->content_type = "application/json";
    return 0;
}

int admin_finish_version(struct admin_call *call, struct err *e)
{
    struct json_writer w;

    json_writer_init(&w, &call->out, 0);
    json_begin_object(&w);
    json_member_str(&w, "version", SLUICE_VERSION);
    json_member_str(&w, "clusterId", call->admin->o.cluster_id);
    admin_member_time(&w, "startedAt", call->admin->started_ms);
    json_member_bool(&w, "ready", call->admin->push != NULL);
    json_end_object(&w);
    return admin_end_good(call, &w, e);
}

/* ---- metrics ---- */

struct page {
    struct buf *out;
    struct admin *admin;
    int rc;
};

static void metric(struct page *p, const char *name, const char *type, const char *help, uint64_t value)
{
    if (p->rc == 0)
        p->rc = buf_printf(p->out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name, value);
}

static uint64_t resident(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f == NULL)
        return 0;
    if (fscanf(f, "%*s %llu", &pages) != 1)
        pages = 0;
    (void)fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void put_environment(void *arg, const char *environment)
{
    struct page *p = arg;
    struct push_rollout r;

    if (p->rc != 0 || push_rollout(p->admin->push, environment, &r) != 0)
        return;
    /* Names of environments are letters, digits and "-_.": nothing to escape in a label. */
    p->rc = buf_printf(p->out,
                       "sluice_environment_live_revision{environment=\"%s\"} %" PRIu64 "\n"
                       "sluice_environment_head_revision{environment=\"%s\"} %" PRIu64 "\n"
                       "sluice_environment_failed{environment=\"%s\"} %d\n"
                       "sluice_environment_nodes{environment=\"%s\",state=\"connected\"} %u\n"
                       "sluice_environment_nodes{environment=\"%s\",state=\"lagging\"} %u\n"
                       "sluice_environment_nodes{environment=\"%s\",state=\"refused\"} %u\n",
                       environment, r.has_live ? r.live.revision : 0, environment, r.has_head ? r.head.revision : 0,
                       environment, r.state == PUSH_FAILED, environment, r.connected, environment, r.lagging, environment,
                       r.refused);
    push_rollout_fini(&r);
}

static void put_push(struct page *p)
{
    struct push_stats st;

    push_stats(p->admin->push, &st);
    metric(p, "sluice_push_connections_total", "counter", "Streams that nodes opened.", st.connections);
    metric(p, "sluice_push_offers_total", "counter", "Offers sent.", st.offers);
    metric(p, "sluice_push_activations_total", "counter", "Activations sent.", st.activations);
    metric(p, "sluice_push_withdrawals_total", "counter", "Offers taken back.", st.withdrawals);
    metric(p, "sluice_push_nacks_total", "counter", "Bundles that a node refused.", st.nacks);
    metric(p, "sluice_push_chunk_bytes_total", "counter", "Bytes of leaves sent.", st.chunk_bytes);
    metric(p, "sluice_push_enrolled_total", "counter", "Certificates given to joining nodes.", st.enrolled);
    metric(p, "sluice_push_renewed_total", "counter", "Certificates renewed.", st.renewed);
    metric(p, "sluice_push_refused_total", "counter", "Calls of nodes that were refused.", st.refused);
    push_environments(p->admin->push, put_environment, p);
}

int admin_finish_metrics(struct admin_call *call, struct err *e)
{
    struct admin *a = call->admin;
    const struct admin_stats *st = &a->stats;
    struct page p = {&call->out, a, 0};

    metric(&p, "sluice_admin_requests_total", "counter", "Requests to the admin API.", st->requests);
    metric(&p, "sluice_admin_client_errors_total", "counter", "Answers with a status of 400 to 499.", st->problems_4xx);
    metric(&p, "sluice_admin_server_errors_total", "counter", "Answers with a status of 500 and more.", st->problems_5xx);
    metric(&p, "sluice_admin_auth_failures_total", "counter", "Requests with a wrong token.", st->auth_failures);
    metric(&p, "sluice_admin_auth_throttled_total", "counter", "Wrong tokens that were put off.", st->throttled);
    metric(&p, "sluice_admin_connections", "gauge", "Open connections.", a->n_conns);
    metric(&p, "sluice_admin_connections_refused_total", "counter", "Connections over the bound.", st->refused_connections);
    metric(&p, "sluice_admin_long_polls", "gauge", "Requests that wait for a rollout.", a->n_parked);
    metric(&p, "sluice_backstage_jobs", "gauge", "Jobs waiting or running.", backstage_depth(a->o.backstage));
    metric(&p, "sluice_revisions_total", "counter", "Revisions made since the start.", st->revisions);
    metric(&p, "sluice_ready", "gauge", "1: the configuration is loaded.", a->push != NULL);
    metric(&p, "process_resident_memory_bytes", "gauge", "Resident memory.", resident());
    metric(&p, "process_start_time_seconds", "gauge", "Start, in seconds since 1970.", (uint64_t)(a->started_ms / 1000));
    if (a->push != NULL)
        put_push(&p);
    if (p.rc != 0)
        return err_set(e, ERR_NOMEM, "answer");
    call->status = 200;
    call->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return 0;
}
