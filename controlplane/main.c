/* sluice-controlplane: specs in, bundles out. This file reads options and runs the loop; control.c does the rest. */
#include <event2/event.h>
#include <event2/thread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "base/opt.h"
#include "control.h"

static struct settings {
    const char *state_dir, *admin_listen, *push_listen, *advertise, *dataplane_binary, *single_environment;
    const char *log_level, *log_format;
    uint64_t connections_max, idle_timeout_ms, request_timeout_ms, apply_deadline_ms;
    uint64_t node_certificate_ttl_s, node_stall_ms;
    bool implicit_stage, new_epoch, check_config, help, version;
} set = {
    .state_dir = "/var/lib/sluice/controlplane",
    .admin_listen = "127.0.0.1:9901",
    .push_listen = "127.0.0.1:9902",
    .advertise = "",
    .dataplane_binary = "",
    .single_environment = "",
    .log_level = "info",
    .log_format = "auto",
    .connections_max = 256,
    .idle_timeout_ms = 60000,
    .request_timeout_ms = 15000,
    .apply_deadline_ms = 60000,
    .node_certificate_ttl_s = 86400,
    .node_stall_ms = 30000,
};

static struct opt options[] = {
    {"state-dir", OPT_STRING, "DIR", "where everything is kept", &set.state_dir, 0, 0, OPT_FROM_DEFAULT},
    {"admin-listen", OPT_STRING, "ADDR:PORT", "the admin API (HTTPS)", &set.admin_listen, 0, 0, OPT_FROM_DEFAULT},
    {"push-listen", OPT_STRING, "ADDR:PORT", "where nodes connect (gRPC)", &set.push_listen, 0, 0, OPT_FROM_DEFAULT},
    {"advertise", OPT_STRING, "NAMES", "more names of this host for its certificate, comma between", &set.advertise, 0, 0,
     OPT_FROM_DEFAULT},
    {"dataplane-binary", OPT_STRING, "PATH", "sluice-dataplane, to prove bundles with (none: do without)",
     &set.dataplane_binary, 0, 0, OPT_FROM_DEFAULT},
    {"single-environment", OPT_STRING, "NAME", "all stages belong to this environment (development)", &set.single_environment,
     0, 0, OPT_FROM_DEFAULT},
    {"implicit-stage", OPT_FLAG, NULL, "an Api without a Stage gets one (development)", &set.implicit_stage, 0, 0,
     OPT_FROM_DEFAULT},
    {"new-epoch", OPT_FLAG, NULL, "begin a new epoch: once, after a backup was brought back", &set.new_epoch, 0, 0,
     OPT_FROM_DEFAULT},
    {"apply-deadline-ms", OPT_U64, "MS", "how long a revision waits for slow nodes", &set.apply_deadline_ms, 1000, 3600000,
     OPT_FROM_DEFAULT},
    {"node-certificate-ttl-seconds", OPT_U64, "S", "life of nodes' certificates; they renew after half of it",
     &set.node_certificate_ttl_s, 10, 2592000, OPT_FROM_DEFAULT},
    {"node-stall-ms", OPT_U64, "MS", "a node that takes nothing of what it is sent is cut off", &set.node_stall_ms, 1000, 3600000,
     OPT_FROM_DEFAULT},
    {"admin-connections", OPT_U64, "N", "most connections to the admin API", &set.connections_max, 1, 10000, OPT_FROM_DEFAULT},
    {"admin-idle-timeout-ms", OPT_U64, "MS", "a connection without a request is closed", &set.idle_timeout_ms, 100, 3600000,
     OPT_FROM_DEFAULT},
    {"admin-request-timeout-ms", OPT_U64, "MS", "a request that does not come on is refused", &set.request_timeout_ms, 100,
     3600000, OPT_FROM_DEFAULT},
    {"log-level", OPT_STRING, "LEVEL", "debug, info, warn or error", &set.log_level, 0, 0, OPT_FROM_DEFAULT},
    {"log-format", OPT_STRING, "FORMAT", "auto, text or json", &set.log_format, 0, 0, OPT_FROM_DEFAULT},
    {"check-config", OPT_FLAG, NULL, "check and print the settings, then exit", &set.check_config, 0, 0, OPT_FROM_DEFAULT},
    {"help", OPT_FLAG, NULL, "this text", &set.help, 0, 0, OPT_FROM_DEFAULT},
    {"version", OPT_FLAG, NULL, "print the version", &set.version, 0, 0, OPT_FROM_DEFAULT},
    {NULL, OPT_STRING, NULL, NULL, NULL, 0, 0, OPT_FROM_DEFAULT},
};

static int wrong(const char *why)
{
    (void)fprintf(stderr, "sluice-controlplane: %s\n", why);
    return 2;
}

static int start_log(void)
{
    static const struct {
        const char *name;
        enum log_format format;
    } formats[] = {{"auto", LOG_FORMAT_AUTO}, {"text", LOG_FORMAT_TEXT}, {"json", LOG_FORMAT_JSON}};
    enum log_level level;

    if (log_level_parse(set.log_level, &level) != 0)
        return wrong("--log-level: debug, info, warn or error");
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (strcmp(formats[i].name, set.log_format) == 0) {
            log_init("sluice-controlplane", level, formats[i].format);
            return 0;
        }
    }
    return wrong("--log-format: auto, text or json");
}

static void signal_cb(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    control_stop(arg);
}

/* Runs until a signal, or until a start that failed. Returns the exit status. */
static int run_loop(struct event_base *base, const struct control_options *o)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    struct event *signals[ARRAY_LEN(numbers)] = {NULL, NULL};
    struct control *c = NULL;
    struct err e;
    int status = 1;

    if (control_new(base, o, &c, &e) != 0) {
        LOG_ERROR("cannot start", LOG_STR("why", e.text));
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        signals[i] = evsignal_new(base, numbers[i], signal_cb, c);
        if (signals[i] == NULL || event_add(signals[i], NULL) != 0)
            goto out;
    }
    if (event_base_dispatch(base) >= 0)
        status = control_status(c);
    LOG_INFO("stopped");
out:
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (signals[i] != NULL)
            event_free(signals[i]);
    control_free(c);
    return status;
}

static int run(const struct control_options *o)
{
    struct event_base *base;
    int status;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk: an error of write(2) */
    if (evthread_use_pthreads() != 0) {
        LOG_ERROR("cannot start", LOG_STR("why", "no threads"));
        return 1;
    }
    base = event_base_new();
    if (base == NULL) {
        LOG_ERROR("cannot start", LOG_STR("why", "no event loop"));
        return 1;
    }
    status = run_loop(base, o);
    event_base_free(base);
    libevent_global_shutdown();
    return status;
}

int main(int argc, char **argv)
{
    struct control_options o;
    struct err e;
    int n = opt_parse(options, argc, argv, "SLUICE_", &e), rc;

    if (n < 0)
        return wrong(e.text);
    if (set.help) {
        printf("usage: sluice-controlplane [options]\n\nThe control plane of Sluice: store, compiler, admin API, push server.\n\n");
        opt_help(options);
        printf("  %-30s %s\n", "--config FILE", "settings from a file, one 'name: value' a line");
        return 0;
    }
    if (set.version) {
        printf("sluice-controlplane %s\n", SLUICE_VERSION);
        return 0;
    }
    if (n < argc)
        return wrong("there are words behind the options (see --help)");
    if (start_log() != 0)
        return 2;
    o = (struct control_options){
        .state_dir = set.state_dir, .admin_listen = set.admin_listen, .push_listen = set.push_listen,
        .advertise = set.advertise, .dataplane_binary = set.dataplane_binary, .single_environment = set.single_environment,
        .implicit_stage = set.implicit_stage, .new_epoch = set.new_epoch,
        .admin_connections_max = (uint32_t)set.connections_max, .admin_idle_timeout_ms = (uint32_t)set.idle_timeout_ms,
        .admin_request_timeout_ms = (uint32_t)set.request_timeout_ms, .apply_deadline_ms = (uint32_t)set.apply_deadline_ms,
        .node_certificate_s = (uint32_t)set.node_certificate_ttl_s, .node_stall_ms = (uint32_t)set.node_stall_ms,
    };
    rc = control_check(&o, &e);
    if (rc != 0)
        return wrong(e.text);
    if (set.check_config) {
        opt_print(options);
        return 0;
    }
    return run(&o);
}
