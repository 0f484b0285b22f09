/* sluice-dataplane: options, and the life of the node. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/must.h"
#include "base/opt.h"
#include "loader/loader.h"
#include "node.h"
#include "node_sync.h"

struct settings {
    struct node_options node;
    const char *control_plane, *join_token_file, *node_id, *log_level, *log_format;
    bool check_bundle, check_config, help, version;
};

static struct settings settings = {
    .node = {.listen = "0.0.0.0:8080",
             .admin_listen = "127.0.0.1:9903",
             .state_dir = "/var/lib/sluice/dataplane",
             .drain_delay_ms = 5000,
             .drain_timeout_ms = 30000,
             .generation_pin_ms = 600000},
    .log_level = "info",
    .log_format = "auto",
};

#define HOUR_MS 3600000u

static struct opt opts[] = {
    {.name = "listen", .type = OPT_STRING, .arg = "ADDR:PORT", .help = "where requests come in", .out = &settings.node.listen},
    {.name = "admin-listen", .type = OPT_STRING, .arg = "ADDR:PORT", .help = "/healthz /readyz /metrics /config", .out = &settings.node.admin_listen},
    {.name = "workers", .type = OPT_U64, .arg = "N", .help = "serving threads (0: one a core)", .out = &settings.node.workers, .max = 256},
    {.name = "control-plane", .type = OPT_STRING, .arg = "HOST:PORT,...", .help = "where the configuration comes from", .out = &settings.control_plane},
    {.name = "join-token-file", .type = OPT_STRING, .arg = "FILE", .help = "for the first enrolment (or SLUICE_JOIN_TOKEN)", .out = &settings.join_token_file},
    {.name = "state-dir", .type = OPT_STRING, .arg = "DIR", .help = "keys, certificates, last good bundles, addresses.json", .out = &settings.node.state_dir},
    {.name = "node-id", .type = OPT_STRING, .arg = "ID", .help = "name of this node (default: made once)", .out = &settings.node_id},
    {.name = "bundle", .type = OPT_STRING, .arg = "FILE", .help = "serve this bundle, without a control plane; SIGHUP reads it again", .out = &settings.node.bundle},
    {.name = "drain-delay-ms", .type = OPT_U64, .arg = "MS", .help = "from SIGTERM (not ready) to no new connections", .out = &settings.node.drain_delay_ms, .max = HOUR_MS},
    {.name = "drain-timeout-ms", .type = OPT_U64, .arg = "MS", .help = "what is left after that is cut", .out = &settings.node.drain_timeout_ms, .max = HOUR_MS},
    {.name = "max-connections", .type = OPT_U64, .arg = "N", .help = "of one worker (0: 50000); more are told 503", .out = &settings.node.connections_max, .max = 1000000},
    {.name = "idle-timeout-ms", .type = OPT_U64, .arg = "MS", .help = "between two requests (0: 310 s)", .out = &settings.node.idle_timeout_ms, .max = HOUR_MS},
    {.name = "head-timeout-ms", .type = OPT_U64, .arg = "MS", .help = "for a request's head (0: 10 s)", .out = &settings.node.head_timeout_ms, .max = HOUR_MS},
    {.name = "body-timeout-ms", .type = OPT_U64, .arg = "MS", .help = "between two pieces of a request's body (0: 30 s)", .out = &settings.node.body_timeout_ms, .max = HOUR_MS},
    {.name = "write-timeout-ms", .type = OPT_U64, .arg = "MS", .help = "a client that takes nothing of its answer (0: 60 s)", .out = &settings.node.write_timeout_ms, .max = HOUR_MS},
    {.name = "generation-pin-ms", .type = OPT_U64, .arg = "MS", .help = "a request may hold an old configuration so long while a new one waits", .out = &settings.node.generation_pin_ms, .min = 1000, .max = 24 * HOUR_MS},
    {.name = "log-level", .type = OPT_STRING, .arg = "LEVEL", .help = "debug, info, warn or error", .out = &settings.log_level},
    {.name = "log-format", .type = OPT_STRING, .arg = "FORMAT", .help = "auto, text or json", .out = &settings.log_format},
    {.name = "check-bundle", .type = OPT_FLAG, .help = "read a bundle from standard input, say whether it would serve, exit", .out = &settings.check_bundle},
    {.name = "check-config", .type = OPT_FLAG, .help = "check and print the settings, exit", .out = &settings.check_config},
    {.name = "help", .type = OPT_FLAG, .help = "this", .out = &settings.help},
    {.name = "version", .type = OPT_FLAG, .help = "print the version", .out = &settings.version},
    {.name = NULL},
};

static int wrong_call(const char *what)
{
    (void)fprintf(stderr, "sluice-dataplane: %s\nTry sluice-dataplane --help\n", what);
    return 2;
}

static int start_log(void)
{
    enum log_level level;
    enum log_format format = LOG_FORMAT_AUTO;

    if (log_level_parse(settings.log_level, &level) != 0)
        return wrong_call("--log-level is debug, info, warn or error");
    if (strcmp(settings.log_format, "text") == 0)
        format = LOG_FORMAT_TEXT;
    else if (strcmp(settings.log_format, "json") == 0)
        format = LOG_FORMAT_JSON;
    else if (strcmp(settings.log_format, "auto") != 0)
        return wrong_call("--log-format is auto, text or json");
    log_init("sluice-dataplane", level, format);
    return 0;
}

/* Addresses are checked before anything is started. */
static int check_settings(struct err *e)
{
    struct sock_addr a;
    int rc = sock_parse(slice_of(settings.node.listen), &a, e);

    if (rc != 0)
        return err_prefix(e, "--listen"), rc;
    rc = sock_parse(slice_of(settings.node.admin_listen), &a, e);
    if (rc != 0)
        return err_prefix(e, "--admin-listen"), rc;
    if (settings.control_plane == NULL && settings.node.bundle == NULL)
        return err_set(e, ERR_INVALID, "--control-plane or --bundle is needed");
    if (settings.control_plane != NULL && settings.node.bundle != NULL)
        return err_set(e, ERR_INVALID, "--control-plane and --bundle exclude each other");
    return 0;
}

/* One connection is one descriptor, and each may need one to a backend. */
static void raise_descriptors(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

static int serve(void)
{
    const struct node_sync_options sync = {settings.control_plane, settings.join_token_file, settings.node_id};
    struct node_sync *ns = NULL;
    struct err e = {0};
    struct node n;
    int rc;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk: an error of write(2) */
    raise_descriptors();
    rc = node_start(&n, &settings.node, &e);
    if (rc == 0 && settings.control_plane != NULL)
        rc = node_sync_start(&n, &sync, &ns, &e);
    if (rc == 0)
        rc = event_base_dispatch(n.base) < 0 ? err_set(&e, ERR_INTERNAL, "the loop ended") : 0;
    if (rc != 0)
        LOG_ERROR("cannot serve", LOG_STR("reason", e.text));
    node_sync_end(ns);
    node_end(&n);
    return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    int first = opt_parse(opts, argc, argv, "SLUICE_", &e), rc;

    if (first < 0)
        return wrong_call(e.text);
    if (settings.help) {
        (void)printf("sluice-dataplane: serves the APIs that a control plane gives it\n\n");
        opt_help(opts);
        return 0;
    }
    if (settings.version) {
        (void)printf("sluice-dataplane %s\n", SLUICE_VERSION);
        return 0;
    }
    if (first != argc)
        return wrong_call("no arguments are taken");
    rc = start_log();
    if (rc != 0)
        return rc;
    if (settings.check_bundle)
        return loader_check_main(STDIN_FILENO);
    if (check_settings(&e) != 0)
        return wrong_call(e.text);
    if (settings.check_config) {
        opt_print(opts);
        return 0;
    }
    return serve();
}
