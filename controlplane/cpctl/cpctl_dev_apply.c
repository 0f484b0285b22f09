/* dev: one file into force, and what the node says of itself. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cpctl/cpctl_change.h"
#include "cpctl/cpctl_dev.h"
#include "cpctl/cpctl_documents.h"
#include "cpctl/cpctl_kind.h"
#include "cpctl/cpctl_out.h"
#include "cpctl/cpctl_rollout.h"
#include "cpctl/cpctl_say.h"
#include "cpctl/cpctl_upload.h"
#include "cpctl/cpctl_validate.h"
#include "diag/diag.h"

/* Those in force that the files no longer hold. */
static void find_gone(const struct vec *old, const struct vec *new, struct vec *out)
{
    for (size_t i = 0; i < old->n; i++) {
        const struct cpctl_document *was = &VEC_AT(old, struct cpctl_document, i);
        bool there = false;

        for (size_t k = 0; k < new->n && !there; k++) {
            const struct cpctl_document *is = &VEC_AT(new, struct cpctl_document, k);

            there = strcmp(was->kind, is->kind) == 0 && strcmp(was->name, is->name) == 0;
        }
        if (!there)
            (void)vec_push(out, was);
    }
}

static int post_files(struct cpctl_dev *d, const struct cpctl_files *files, const struct vec *gone, const struct json **answer)
{
    struct json_writer w;
    struct buf body;
    int rc;

    buf_init(&body, 0);
    json_writer_init(&w, &body, 0);
    json_begin_object(&w);
    cpctl_upload_files(&w, files);
    if (gone->n != 0)
        cpctl_documents_put(&w, "deletes", gone);
    json_member_str(&w, "message", "cpctl dev");
    json_end_object(&w);
    rc = json_writer_end(&w) != 0 ? cpctl_fail(d->c, "out of memory")
                                  : cpctl_api_call(&d->api, "POST", "/v1/apply", &body, answer);
    buf_fini(&body);
    return rc;
}

static void tell_changes(struct cpctl_dev *d, const struct json *answer)
{
    struct cpctl *c = d->c;
    const struct json *list = cpctl_list(answer, "changes");

    for (const struct json *one = list == NULL ? NULL : list->first; one != NULL; one = one->next) {
        const char *op = cpctl_text(c, one, "op"), *summary = cpctl_text(c, one, "summary");
        char kind[64];

        if (strcmp(op, "unchanged") == 0)
            continue;
        (void)cpctl_kind_show(cpctl_text(c, one, "kind"), kind, sizeof(kind));
        fprintf(c->err, "%s/%s %s%s%s%s\n", kind, cpctl_clean(c, slice_of(cpctl_text(c, one, "name")), false), op,
                *summary == '\0' ? "" : " (", cpctl_clean(c, slice_of(summary), false), *summary == '\0' ? "" : ")");
    }
    if (json_bool(json_get_str(answer, "changed"), false))
        fprintf(c->err, "revision %" PRIu64 " is live\n", cpctl_u64(answer, "revision"));
    else
        fputs("nothing changed\n", c->err);
    (void)fflush(c->err);
}

static int wait_live(struct cpctl_dev *d, const struct json *answer)
{
    const struct json *list = cpctl_list(answer, "environments");
    struct cpctl_wait w;
    int rc = 0;

    cpctl_wait_init(&w, &d->api, CPCTL_DEV_LIVE_MS);
    w.quiet = true;
    for (const struct json *one = list == NULL ? NULL : list->first; rc == 0 && one != NULL; one = one->next) {
        const struct json *rollout;

        rc = cpctl_wait_live(&w, cpctl_text(d->c, one, "name"), cpctl_u64(one, "revision"), &rollout);
    }
    return rc;
}

/* The same checks as the control plane's, with the lines of the file at hand. */
static int check(struct cpctl_dev *d, const struct cpctl_files *files)
{
    struct cpctl_check how = {.single_environment = CPCTL_DEV_ENVIRONMENT, .implicit_stage = true};
    struct diag_list diags;
    size_t documents;
    int rc;

    diag_init(&diags);
    rc = cpctl_check_files(d->c, files, &how, &diags, &documents);
    (void)cpctl_print_diags(d->c, d->c->err, &diags);
    if (rc != 0 && diags.errors != 0)
        cpctl_error(d->c, "%s: %zu error%s", d->file, diags.errors, diags.errors == 1 ? "" : "s");
    (void)fflush(d->c->err);
    diag_fini(&diags);
    return rc;
}

int cpctl_dev_apply(struct cpctl_dev *d, const struct cpctl_files *files, bool tell)
{
    struct vec documents = VEC_INIT(struct cpctl_document), gone = VEC_INIT(struct cpctl_document);
    const struct json *answer = NULL;
    int rc = check(d, files);

    if (rc == 0)
        rc = cpctl_documents(d->c, files, &documents);
    if (rc == 0) {
        find_gone(&d->documents, &documents, &gone);
        rc = post_files(d, files, &gone, &answer);
    }
    if (rc == 0) {
        vec_fini(&d->documents);
        d->documents = documents;
        vec_init(&documents, sizeof(struct cpctl_document));
        rc = wait_live(d, answer);
    }
    if (rc == 0 && tell)
        tell_changes(d, answer);
    vec_fini(&documents);
    vec_fini(&gone);
    return rc;
}

/* ---- is the node ready? ------------------------------------------------------------------------ */

/* The status line of GET /readyz on the node's admin listener (127.0.0.1, plain): is it 200? */
static bool is_ready(const char *address)
{
    static const char request[] = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct timeval patience = {.tv_sec = 1};
    const char *colon = strrchr(address, ':');
    char line[64] = "";
    size_t n = 0;
    int fd;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(colon == NULL ? 0 : (uint16_t)strtoul(colon + 1, NULL, 10));
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
        send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1) {
        ssize_t got = 1;

        while (n < 12 && got > 0) {
            got = recv(fd, line + n, sizeof(line) - 1 - n, 0);
            n += got > 0 ? (size_t)got : 0;
        }
    }
    (void)close(fd);
    return n >= 12 && memcmp(line, "HTTP/1.", 7) == 0 && memcmp(line + 8, " 200", 4) == 0;
}

int cpctl_dev_wait_ready(struct cpctl_dev *d)
{
    uint64_t deadline = clock_mono_ms() + CPCTL_DEV_LIVE_MS;

    while (!is_ready(d->admin)) {
        cpctl_dev_pump(d, 5);
        if (d->end != CPCTL_DEV_GOES_ON)
            return CPCTL_FAILED;
        if (clock_mono_ms() >= deadline) {
            d->end = CPCTL_DEV_BROKEN;
            return cpctl_fail(d->c, "the node does not become ready");
        }
    }
    return CPCTL_OK;
}
