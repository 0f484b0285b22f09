/* grpc.reflection.v1(alpha).ServerReflection/ServerReflectionInfo, a bidi stream.
 * Request: host = 1, file_by_filename = 3, file_containing_symbol = 4, file_containing_extension = 5,
 * all_extension_numbers_of_type = 6, list_services = 7. Response: valid_host = 1, original_request = 2,
 * file_descriptor_response = 4 {repeated bytes = 1}, list_services_response = 6 {repeated {string name = 1} = 1},
 * error_response = 7 {int32 code = 1, string message = 2}. */
#include "net/grpc_reflection.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "base/vec.h"
#include "net/grpc.h"
#include "net/grpc_int.h"
#include "net/grpc_pb.h"

/* FileDescriptorProto: name 1, package 2, dependency 3, message_type 4, enum_type 5, service 6, extension 7.
 * DescriptorProto: name 1, field 2, nested_type 3, enum_type 4, extension 6. ServiceDescriptorProto: name 1, method 2. */
#define DEPTH_MAX   16
#define SYMBOL_MAX  512
#define FILES_MAX   256

struct file {
    struct slice bytes, name;
};

struct grpc_reflection {
    struct grpc_server *server;
    struct vec files; /* struct file */
};

/* ---- looking into descriptors ------------------------------------------------------------------------------------------ */

static struct slice string_of(struct slice m, uint32_t number)
{
    struct grpc_pb_field f;

    while (grpc_pb_next(&m, &f) == 1) {
        if (f.number == number && f.is_bytes)
            return f.bytes;
    }
    return SLICE_NONE;
}

/* Takes `name` and a dot (or the end) off the front of *symbol. */
static bool strip(struct slice *symbol, struct slice name)
{
    if (name.n == 0 || !slice_starts(*symbol, name))
        return false;
    if (symbol->n == name.n) {
        *symbol = slice_sub(*symbol, symbol->n, symbol->n);
        return true;
    }
    if (symbol->p[name.n] != '.')
        return false;
    *symbol = slice_sub(*symbol, name.n + 1, symbol->n);
    return true;
}

enum scope { SCOPE_FILE, SCOPE_MESSAGE, SCOPE_SERVICE, SCOPE_LEAF };

static enum scope scope_of(enum scope outer, uint32_t number, bool *named)
{
    static const uint8_t file[] = {[4] = SCOPE_MESSAGE, [5] = SCOPE_LEAF, [6] = SCOPE_SERVICE, [7] = SCOPE_LEAF};
    static const uint8_t message[] = {[2] = SCOPE_LEAF, [3] = SCOPE_MESSAGE, [4] = SCOPE_LEAF, [6] = SCOPE_LEAF};
    uint8_t found = SCOPE_FILE;

    if (outer == SCOPE_FILE && number < sizeof(file))
        found = file[number];
    else if (outer == SCOPE_MESSAGE && number < sizeof(message))
        found = message[number];
    else if (outer == SCOPE_SERVICE && number == 2)
        found = SCOPE_LEAF;
    *named = found != SCOPE_FILE;
    return (enum scope)found;
}

/* Is `symbol` (relative to m) declared in m? Depth is that of the symbol's dots, bounded. */
static bool declares(struct slice m, enum scope scope, struct slice symbol, unsigned depth)
{
    struct grpc_pb_field f;

    while (depth < DEPTH_MAX && grpc_pb_next(&m, &f) == 1) {
        struct slice rest = symbol;
        bool named;
        enum scope inner = scope_of(scope, f.number, &named);

        if (!named || !f.is_bytes || !strip(&rest, string_of(f.bytes, 1)))
            continue;
        if (rest.n == 0 || declares(f.bytes, inner, rest, depth + 1))
            return true;
    }
    return false;
}

static const struct file *file_of_symbol(const struct grpc_reflection *r, struct slice symbol)
{
    if (symbol.n > 0 && symbol.p[0] == '.')
        symbol = slice_sub(symbol, 1, symbol.n);
    if (symbol.n == 0 || symbol.n > SYMBOL_MAX)
        return NULL;
    for (size_t i = 0; i < r->files.n; i++) {
        const struct file *f = &VEC_AT(&r->files, struct file, i);
        struct slice rest = symbol, package = string_of(f->bytes, 2);

        if ((package.n == 0 || strip(&rest, package)) && rest.n > 0 && declares(f->bytes, SCOPE_FILE, rest, 0))
            return f;
    }
    return NULL;
}

static const struct file *file_of_name(const struct grpc_reflection *r, struct slice name)
{
    for (size_t i = 0; i < r->files.n; i++) {
        if (slice_eq(VEC_AT(&r->files, struct file, i).name, name))
            return &VEC_AT(&r->files, struct file, i);
    }
    return NULL;
}

/* ---- answers ------------------------------------------------------------------------------------------------------------- */

/* The file and all that it imports, each once. */
static int put_files(const struct grpc_reflection *r, const struct file *first, struct buf *out)
{
    const struct file *todo[FILES_MAX] = {first};
    size_t n = 1;
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        struct slice m = todo[i]->bytes;
        struct grpc_pb_field f;

        rc = grpc_pb_put_bytes(out, 1, m);
        while (rc == 0 && grpc_pb_next(&m, &f) == 1) {
            const struct file *import = f.number == 3 && f.is_bytes ? file_of_name(r, f.bytes) : NULL;
            bool known = import == NULL || n == FILES_MAX;

            for (size_t k = 0; k < n && !known; k++)
                known = todo[k] == import;
            if (!known)
                todo[n++] = import;
        }
    }
    return rc;
}

static void put_service_cb(struct slice name, void *arg)
{
    struct buf one;

    buf_init(&one, 0);
    if (grpc_pb_put_bytes(&one, 1, name) == 0 && grpc_pb_put_bytes(arg, 1, buf_slice(&one)) != 0)
        buf_clear(arg);
    buf_fini(&one);
}

static int put_error(struct buf *body, int code, const char *text)
{
    int rc = grpc_pb_put_uint(body, 1, (uint64_t)code);

    return rc != 0 ? rc : grpc_pb_put_bytes(body, 2, slice_of(text));
}

/* The body of the answer into *body; returns its field number, or -ERR_X. */
static int answer(const struct grpc_reflection *r, struct slice request, struct slice *host, struct buf *body)
{
    const struct file *file = NULL;
    struct grpc_pb_field f;
    uint32_t asked = 0;
    int rc;

    while ((rc = grpc_pb_next(&request, &f)) == 1) {
        if (!f.is_bytes)
            continue;
        if (f.number == 1)
            *host = f.bytes;
        if (f.number < 3 || f.number > 7)
            continue;
        asked = f.number;
        file = asked == 3 ? file_of_name(r, f.bytes) : asked == 4 ? file_of_symbol(r, f.bytes) : NULL;
    }
    if (rc != 0)
        return rc;
    if (asked == 7) {
        grpc_server_services(r->server, put_service_cb, body);
        return 6;
    }
    if (file != NULL) {
        rc = put_files(r, file, body);
        return rc != 0 ? rc : 4;
    }
    if (asked == 3 || asked == 4)
        rc = put_error(body, GRPC_NOT_FOUND, "not found");
    else if (asked == 5 || asked == 6)
        rc = put_error(body, GRPC_NOT_FOUND, "there are no extensions here");
    else
        rc = put_error(body, GRPC_INVALID_ARGUMENT, "nothing was asked");
    return rc != 0 ? rc : 7;
}

static void on_message(struct grpc_call *c, struct slice m)
{
    struct grpc_reflection *r = grpc_call_arg(c);
    struct slice host = SLICE_NONE;
    struct buf body, out;
    int field, rc;

    buf_init(&body, 0);
    buf_init(&out, 0);
    field = answer(r, m, &host, &body);
    rc = field < 0 ? field : grpc_pb_put_bytes(&out, 1, host);
    if (rc == 0)
        rc = grpc_pb_put_bytes(&out, 2, m);
    if (rc == 0)
        rc = grpc_pb_put_bytes(&out, (uint32_t)field, buf_slice(&body));
    if (rc == 0) {
        struct slice piece = buf_slice(&out);

        rc = grpc_call_send(c, &piece, 1);
    }
    buf_fini(&body);
    buf_fini(&out);
    if (rc == -ERR_SYNTAX)
        grpc_call_finish(c, GRPC_INVALID_ARGUMENT, "not a ServerReflectionRequest");
    else if (rc != 0) /* a client that asks faster than it reads */
        grpc_call_finish(c, GRPC_RESOURCE_EXHAUSTED, "too many answers wait");
}

static void on_half_close(struct grpc_call *c)
{
    grpc_call_finish(c, GRPC_OK, NULL);
}

static void on_end(struct grpc_call *c, int status, const char *message)
{
    (void)c, (void)status, (void)message;
}

static const struct grpc_handler handler = {
    .on_message = on_message, .on_half_close = on_half_close, .on_end = on_end};

/* ---- life ---------------------------------------------------------------------------------------------------------------- */

static int add_set(struct grpc_reflection *r, struct slice set)
{
    struct grpc_pb_field f;
    int rc;

    while ((rc = grpc_pb_next(&set, &f)) == 1) {
        struct file file = {f.bytes, SLICE_NONE};

        if (f.number != 1 || !f.is_bytes)
            return -ERR_SYNTAX;
        file.name = string_of(f.bytes, 1);
        if (file.name.n == 0)
            return -ERR_SYNTAX;
        if (file_of_name(r, file.name) != NULL)
            continue; /* two sets share an import */
        if (r->files.n == FILES_MAX)
            return -ERR_LIMIT;
        if (vec_push(&r->files, &file) == NULL)
            return -ERR_NOMEM;
    }
    return rc;
}

int grpc_reflection_new(struct grpc_server *s, const struct slice *sets, size_t n_sets,
                        struct grpc_reflection **out, struct err *e)
{
    struct grpc_reflection *r = calloc(1, sizeof(*r));
    int rc = 0;

    if (r == NULL)
        return err_set(e, ERR_NOMEM, "reflection");
    r->server = s;
    vec_init(&r->files, sizeof(struct file));
    for (size_t i = 0; i < n_sets && rc == 0; i++)
        rc = add_set(r, sets[i]);
    if (rc != 0) {
        grpc_reflection_free(r);
        return err_set(e, (enum err_code)-rc, "reflection: a set of file descriptors cannot be read");
    }
    rc = grpc_server_method(s, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", 0, &handler, r);
    if (rc == 0)
        rc = grpc_server_method(s, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", 0, &handler, r);
    if (rc != 0)
        return err_set(e, (enum err_code)-rc, "reflection: its methods are taken, or memory is out"); /* may point to r */
    *out = r;
    return 0;
}

void grpc_reflection_free(struct grpc_reflection *r)
{
    if (r == NULL)
        return;
    vec_fini(&r->files);
    free(r);
}
