/* dev: a whole gateway from one file, for as long as it is looked at. */
#include "cpctl/cpctl_dev.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/must.h"
#include "cpctl/cpctl_change.h"
#include "cpctl/cpctl_commands.h"
#include "cpctl/cpctl_config.h"
#include "cpctl/cpctl_documents.h"
#include "cpctl/cpctl_http.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_say.h"
#include "cpctl/cpctl_validate.h"
#include "diag/diag.h"

#define LISTEN_DEFAULT "127.0.0.1:8080"
#define WORKERS_MAX 256u

/* ---- before anything is started ----------------------------------------------------------------- */

static int check_call(struct cpctl *c, uint64_t *workers)
{
    const char *listen = c->value[CPCTL_OPT_LISTEN], *colon = listen == NULL ? NULL : strrchr(listen, ':');
    struct stat st;

    if (c->n_files != 1 || strcmp(c->files[0], "-") == 0)
        return cpctl_wrong(c, "dev needs one -f FILE, and watches it");
    if (stat(c->files[0], &st) == 0 && !S_ISREG(st.st_mode))
        return cpctl_wrong(c, "%s: dev needs one file", c->files[0]);
    if (listen != NULL && (colon == NULL || colon == listen || colon[1] == '\0' || strlen(listen) > 100 ||
                           colon[1 + strspn(colon + 1, "0123456789")] != '\0' || strtoul(colon + 1, NULL, 10) > 65535))
        return cpctl_wrong(c, "--listen %s: ADDR:PORT is expected, like 127.0.0.1:8080", listen);
    return cpctl_number(c, CPCTL_OPT_WORKERS, 1, WORKERS_MAX, 0, workers);
}

static int load(struct cpctl_dev *d, struct cpctl_files *files)
{
    int rc = cpctl_files_load(d->c, files);

    if (rc != 0)
        return rc;
    buf_clear(&d->text);
    if (buf_puts(&d->text, VEC_AT(&files->files, struct cpctl_file, 0).text) == 0)
        return 0;
    cpctl_files_fini(files);
    return cpctl_fail(d->c, "out of memory");
}

/* A file that is wrong from the start costs no process. */
static int first_look(struct cpctl_dev *d)
{
    struct cpctl_check how = {.single_environment = CPCTL_DEV_ENVIRONMENT, .implicit_stage = true};
    struct cpctl_files files;
    struct diag_list diags;
    size_t documents;
    int rc = load(d, &files);

    if (rc != 0)
        return rc;
    diag_init(&diags);
    rc = cpctl_check_files(d->c, &files, &how, &diags, &documents);
    if (rc != 0 && diags.errors != 0) {
        (void)cpctl_print_diags(d->c, d->c->err, &diags);
        cpctl_error(d->c, "%s: %zu error%s", d->file, diags.errors, diags.errors == 1 ? "" : "s");
    }
    diag_fini(&diags);
    cpctl_files_fini(&files);
    return rc;
}

static int prepare(struct cpctl_dev *d)
{
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, 0};
    sigset_t set;
    struct err e;

    (void)sigemptyset(&set);
    for (int i = 0; stops[i] != 0; i++)
        (void)sigaddset(&set, stops[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    d->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (d->signal_fd < 0)
        return cpctl_fail(d->c, "signalfd: %s", strerror(errno));
    if (cpctl_dev_folder(d) != 0)
        return CPCTL_FAILED;
    if (cpctl_watch_open(&d->watch, d->file, &e) != 0)
        return cpctl_fail(d->c, "%s", e.text);
    d->watching = true;
    return 0;
}

/* ---- starting ------------------------------------------------------------------------------------ */

static const char *in_dir(struct cpctl_dev *d, const char *name)
{
    return arena_printf(&d->c->arena, "%s/%s", d->dir, name).p;
}

static int start_controlplane(struct cpctl_dev *d, const char **push)
{
    const char *state = in_dir(d, "controlplane");
    const char *const argv[] = {"sluice-controlplane", "--state-dir", state, "--admin-listen", "127.0.0.1:0",
                                "--push-listen", "127.0.0.1:0", "--single-environment", CPCTL_DEV_ENVIRONMENT,
                                "--implicit-stage", "--log-level", "warn", "--log-format", "text", NULL};
    struct cpctl_target target = {.ca = in_dir(d, "controlplane/ca.crt"), .token_file = in_dir(d, "controlplane/admin.token")};
    const struct json *addresses;
    int rc = cpctl_dev_start(d, &d->cp, "sluice-controlplane", argv, state, &addresses);

    if (rc != 0)
        return rc;
    *push = cpctl_text(d->c, addresses, "push");
    target.server = arena_printf(&d->c->arena, "https://%s", cpctl_text(d->c, addresses, "admin")).p;
    rc = cpctl_api_open_target(d->c, &target, d->signal_fd, &d->api);
    d->api_open = rc == 0;
    return rc;
}

/* The daemon writes its addresses when it listens; it answers a little later. */
static int wait_controlplane(struct cpctl_dev *d)
{
    uint64_t deadline = clock_mono_ms() + CPCTL_DEV_START_MS;
    struct err e = {.code = ERR_NONE};

    while (clock_mono_ms() < deadline) {
        struct cpctl_http_answer answer;
        int rc = cpctl_http_call(d->api.http, "GET", "/readyz", NULL, 5000, &answer, &e);

        if (rc == 0) {
            unsigned status = answer.status;

            cpctl_http_answer_fini(&answer);
            if (status == 200)
                return 0;
        }
        cpctl_dev_pump(d, 5);
        if (d->end != CPCTL_DEV_GOES_ON)
            return CPCTL_FAILED;
    }
    return cpctl_fail(d->c, "the control plane does not become ready%s%s", e.code == ERR_NONE ? "" : ": ", e.text);
}

/* A join token into a file that only we can read: it never stands on a command line. */
static int make_token(struct cpctl_dev *d, const char *path)
{
    static const char request[] = "{\"kind\":\"join\",\"environment\":\"" CPCTL_DEV_ENVIRONMENT "\",\"ttlSeconds\":600,\"uses\":1}";
    const struct json *answer;
    const char *token;
    struct buf body;
    struct err e;
    int rc;

    buf_init(&body, 0);
    rc = buf_append(&body, request, sizeof(request) - 1) != 0 ? cpctl_fail(d->c, "out of memory")
                                                              : cpctl_api_call(&d->api, "POST", "/v1/tokens", &body, &answer);
    buf_fini(&body);
    if (rc != 0)
        return rc;
    token = cpctl_text(d->c, answer, "token");
    return file_write_atomic(path, token, strlen(token), 0600, &e) == 0 ? 0 : cpctl_fail(d->c, "%s", e.text);
}

static int start_node(struct cpctl_dev *d, const char *push, uint64_t workers)
{
    const char *state = in_dir(d, "dataplane"), *token = in_dir(d, "join-token");
    const char *listen = cpctl_given(d->c, CPCTL_OPT_LISTEN) ? d->c->value[CPCTL_OPT_LISTEN] : LISTEN_DEFAULT;
    const char *argv[] = {"sluice-dataplane", "--listen", listen, "--admin-listen", "127.0.0.1:0", "--control-plane", push,
                          "--join-token-file", token, "--state-dir", state, "--node-id", "dev", "--drain-delay-ms", "0",
                          "--drain-timeout-ms", "1000", "--log-level", "warn", "--log-format", "text", NULL, NULL, NULL};
    const struct json *addresses;
    int rc = make_token(d, token);

    if (workers != 0) {
        argv[21] = "--workers";
        argv[22] = arena_printf(&d->c->arena, "%" PRIu64, workers).p;
    }
    if (rc == 0)
        rc = cpctl_dev_start(d, &d->dp, "sluice-dataplane", argv, state, &addresses);
    if (rc != 0)
        return rc;
    (void)snprintf(d->listen, sizeof(d->listen), "%s", cpctl_text(d->c, addresses, "listen"));
    (void)snprintf(d->admin, sizeof(d->admin), "%s", cpctl_text(d->c, addresses, "admin"));
    return 0;
}

static int say_ready(struct cpctl_dev *d)
{
    struct json_writer w;
    struct buf line;

    if (d->c->format == CPCTL_TABLE || d->c->format == CPCTL_NAME) {
        fprintf(d->c->out, "ready http://%s\n", d->listen);
    } else {
        buf_init(&line, 0);
        json_writer_init(&w, &line, 0);
        json_begin_object(&w);
        json_member_str(&w, "event", "ready");
        json_member_slice(&w, "url", arena_printf(&d->c->arena, "http://%s", d->listen));
        json_end_object(&w);
        if (json_writer_end(&w) == 0)
            fprintf(d->c->out, "%.*s\n", SLICE_FMT(buf_slice(&line)));
        buf_fini(&line);
    }
    return fflush(d->c->out) == 0 ? CPCTL_OK : cpctl_fail(d->c, "could not write the output");
}

/* Everything up to the line that says so. The file goes into force before the node starts, so that what the node serves
 * first is the file. */
static int start(struct cpctl_dev *d, uint64_t workers)
{
    struct cpctl_files files;
    const char *push = NULL;
    int rc = start_controlplane(d, &push);

    if (rc == 0)
        rc = wait_controlplane(d);
    if (rc == 0)
        rc = load(d, &files);
    if (rc != 0)
        return rc;
    rc = cpctl_dev_apply(d, &files, false);
    cpctl_files_fini(&files);
    if (rc == 0)
        rc = start_node(d, push, workers);
    if (rc == 0)
        rc = cpctl_dev_wait_ready(d);
    return rc == 0 ? say_ready(d) : rc;
}

/* ---- and then ------------------------------------------------------------------------------------ */

static void apply_again(struct cpctl_dev *d)
{
    struct cpctl_files files;
    struct buf old = d->text;
    bool same;

    buf_init(&d->text, 0);
    if (load(d, &files) != 0) {
        d->text = old; /* away for a moment, or for good: what was read last goes on */
        return;
    }
    same = slice_eq(buf_slice(&old), buf_slice(&d->text));
    buf_fini(&old);
    if (!same && cpctl_dev_apply(d, &files, true) != 0) {
        cpctl_dev_pump(d, 0); /* was it a signal that cut a call short? */
        if (d->end == CPCTL_DEV_GOES_ON)
            fputs("what was live goes on\n", d->c->err);
    }
    (void)fflush(d->c->err);
    cpctl_files_fini(&files);
}

/* Answers live in the call's arena: each change gets one of its own, or a long day of editing would fill it. What outlives
 * the change is copied. */
static void apply_aside(struct cpctl_dev *d)
{
    struct arena call = d->c->arena, kept;

    arena_init(&d->c->arena, 0, 0);
    arena_init(&kept, 0, 0);
    apply_again(d);
    for (size_t i = 0; i < d->documents.n; i++) {
        struct cpctl_document *one = &VEC_AT(&d->documents, struct cpctl_document, i);

        one->kind = arena_strdup(&kept, one->kind);
        one->name = arena_strdup(&kept, one->name);
        MUST(one->kind != NULL && one->name != NULL);
    }
    arena_fini(&d->kept);
    arena_fini(&d->c->arena);
    d->kept = kept;
    d->c->arena = call;
}

static void serve(struct cpctl_dev *d)
{
    while (d->end == CPCTL_DEV_GOES_ON) {
        cpctl_dev_pump(d, cpctl_watch_due(&d->watch, clock_mono_ms()));
        if (d->end == CPCTL_DEV_GOES_ON && cpctl_watch_take(&d->watch, clock_mono_ms()))
            apply_aside(d);
    }
}

int cpctl_dev(struct cpctl *c)
{
    struct cpctl_dev d;
    uint64_t workers;
    int rc = check_call(c, &workers);

    if (rc != 0)
        return rc;
    memset(&d, 0, sizeof(d));
    d.c = c;
    d.file = c->files[0];
    d.signal_fd = d.dir_fd = -1;
    cpctl_child_init(&d.cp, "the control plane");
    cpctl_child_init(&d.dp, "the node");
    buf_init(&d.text, 0);
    vec_init(&d.documents, sizeof(struct cpctl_document));
    rc = first_look(&d);
    if (rc == 0)
        rc = prepare(&d);
    if (rc == 0)
        rc = start(&d, workers);
    if (rc == 0)
        serve(&d);
    else if (d.end == CPCTL_DEV_GOES_ON)
        cpctl_dev_pump(&d, 0); /* was it a signal that cut a call short, or a death? */
    rc = d.end == CPCTL_DEV_STOPPED ? CPCTL_OK : CPCTL_FAILED;
    cpctl_dev_stop(&d);
    arena_fini(&d.kept);
    return rc;
}
