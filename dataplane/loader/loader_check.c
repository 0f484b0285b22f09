#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bundle/bundle_file.h"
#include "loader/loader.h"
#include "text/json.h"

/* A candidate may be poison. What it may cost before it is stopped; the node itself has no such limits. */
#define CHECK_MEMORY ((rlim_t)6 << 30)
#define CHECK_CPU_SECONDS 60
#define CHECK_FILES 32
#define CHECK_FILE_BYTES (1 << 20)

/* The sanitizers' shadow memory is terabytes of address space. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHECK_LIMITS_MEMORY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define CHECK_LIMITS_MEMORY false
#endif
#endif
#ifndef CHECK_LIMITS_MEMORY
#define CHECK_LIMITS_MEMORY true
#endif

static int limit(__rlimit_resource_t what, rlim_t n)
{
    struct rlimit r;

    if (getrlimit(what, &r) != 0)
        return -1;
    if (r.rlim_max != RLIM_INFINITY && n > r.rlim_max)
        n = r.rlim_max;
    r.rlim_cur = r.rlim_max = n;
    return setrlimit(what, &r);
}

static bool set_limits(void)
{
    return (!CHECK_LIMITS_MEMORY || limit(RLIMIT_AS, CHECK_MEMORY) == 0) && limit(RLIMIT_CPU, CHECK_CPU_SECONDS) == 0 &&
           limit(RLIMIT_NOFILE, CHECK_FILES) == 0 && limit(RLIMIT_FSIZE, CHECK_FILE_BYTES) == 0 && limit(RLIMIT_CORE, 0) == 0;
}

static int code_of_read(enum err_code code)
{
    switch (code) {
    case ERR_MISMATCH:
        return LOADER_HASH_MISMATCH;
    case ERR_LIMIT:
        return LOADER_LIMIT_EXCEEDED;
    case ERR_UNSUPPORTED:
        return LOADER_SCHEMA_UNSUPPORTED;
    case ERR_NOMEM:
        return LOADER_NO_MEMORY;
    case ERR_IO:
        return LOADER_INTERNAL;
    default:
        return LOADER_DECODE;
    }
}

static int check(int fd, struct snap **out, struct loader_error *e)
{
    struct bundle *b = NULL;
    struct err err;
    int rc;

    *e = (struct loader_error){.code = LOADER_INTERNAL};
    if (!set_limits()) {
        (void)snprintf(e->message, sizeof(e->message), "cannot limit the check's own process");
        return -ERR_IO;
    }
    rc = bundle_file_read_fd(fd, &b, &err);
    if (rc != 0) {
        e->code = code_of_read(err.code);
        e->retryable = err.code == ERR_NOMEM || err.code == ERR_IO;
        (void)snprintf(e->message, sizeof(e->message), "%s", err.text);
        return rc;
    }
    rc = loader_build(b, NULL, out, e);
    bundle_unref(b);
    return rc;
}

static size_t count_upstreams(const struct snap *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_upstreams; i++)
        n += s->upstreams[i] != NULL;
    return n;
}

static void write_verdict(struct json_writer *w, const struct snap *s, const struct loader_error *e)
{
    json_begin_object(w);
    json_member_bool(w, "ok", s != NULL);
    if (s != NULL) {
        json_member_uint(w, "routes", s->n_routes);
        json_member_uint(w, "upstreams", count_upstreams(s));
        json_member_uint(w, "parts", s->n_parts);
        json_member_uint(w, "bytes", s->bytes);
    } else {
        json_member_int(w, "code", e->code);
        json_member_str(w, "type", e->type);
        json_member_str(w, "key", e->key);
        json_member_str(w, "field", e->field);
        json_member_str(w, "message", e->message);
        json_member_bool(w, "retryable", e->retryable);
    }
    json_end_object(w);
}

int loader_check_main(int fd)
{
    struct snap *s = NULL;
    struct loader_error e;
    struct json_writer w;
    struct buf line;
    int rc = check(fd, &s, &e);

    buf_init(&line, 0);
    json_writer_init(&w, &line, 0);
    write_verdict(&w, rc == 0 ? s : NULL, &e);
    if (json_writer_end(&w) != 0 || buf_append(&line, "\n", 1) != 0 || fwrite(line.p, 1, buf_len(&line), stdout) != buf_len(&line) ||
        fflush(stdout) != 0)
        rc = -ERR_IO;
    buf_fini(&line);
    snap_unref(s);
    return rc == 0 ? 0 : 1;
}
