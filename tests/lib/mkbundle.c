/* A bundle file from a JSON description, for tests and measurements that need no control plane:
 *
 *   mkbundle OUT < description.json
 *
 * {"revision": 1,
 *  "stages": [{"api": "shop", "name": "dev", "hosts": [], "basePath": "", "aws": false, "payloadLimit": 0,
 *              "integrations": {"i": {"type": "http_proxy", "uri": "...", "httpMethod": "", "timeoutMs": 0,
 *                                     "requestTemplates": {"application/json": "..."}, "passthroughBehavior": "",
 *                                     "requestParameters": {},
 *                                     "responses": [{"pattern": "", "status": "200", "templates": {}, "parameters": {}}]}},
 *              "routes": [{"method": "GET", "path": "/x", "integration": "i", "payloadLimit": 0}]}],
 *  "upstreams": [{"name": "u", "policy": "roundRobin", "endpoints": [{"host": "127.0.0.1", "port": 1, "weight": 1, "priority": 0}],
 *                 "connectTimeoutMs": 0, "firstByteTimeoutMs": 0, "idleTimeoutMs": 0, "totalTimeoutMs": 0, "maxConnections": 0}]} */
#include <stdio.h>

#include "base/file.h"
#include "bundle/bundle_file.h"
#include "make_bundle.h"
#include "text/json.h"

#define BODY_MAX (4u << 20)

struct body {
    struct wire_writer w;
    uint8_t *bytes;
};

static void body_init(struct body *b)
{
    b->bytes = malloc(BODY_MAX);
    MUST(b->bytes != NULL);
    b->w = (struct wire_writer){b->bytes, b->bytes + BODY_MAX, false};
}

static struct slice body_done(const struct body *b)
{
    MUST(!b->w.full);
    return slice_from(b->bytes, (size_t)(b->w.p - b->bytes));
}

static void put_text(struct body *b, uint32_t field, const struct json *from, const char *key)
{
    wire_put_bytes(&b->w, field, json_string(json_get_str(from, key), SLICE_NONE));
}

static void put_number_or(struct body *b, uint32_t field, const struct json *from, const char *key, uint64_t v)
{

    if (json_get_str(from, key) != NULL)
        MUST(json_uint64(json_get_str(from, key), &v) == 0);
    wire_put_u64(&b->w, field, v);
}

static void put_number(struct body *b, uint32_t field, const struct json *from, const char *key)
{
    put_number_or(b, field, from, key, 0);
}

/* {"name": "value"} as repeated messages of two strings. */
static void put_pairs(struct body *b, uint32_t field, const struct json *object)
{
    for (const struct json *m = object == NULL ? NULL : object->first; m != NULL; m = m->next) {
        struct body p;

        body_init(&p);
        wire_put_bytes(&p.w, 1, m->key);
        wire_put_bytes(&p.w, 2, json_string(m, SLICE_NONE));
        wire_put_bytes(&b->w, field, body_done(&p));
        free(p.bytes);
    }
}

static void put_response(struct body *b, uint32_t field, const struct json *r)
{
    struct body p;

    body_init(&p);
    put_text(&p, 1, r, "pattern");
    put_text(&p, 2, r, "status");
    put_pairs(&p, 3, json_get_str(r, "templates"));
    put_pairs(&p, 4, json_get_str(r, "parameters"));
    wire_put_bytes(&b->w, field, body_done(&p));
    free(p.bytes);
}

static void add_integration(struct mb *m, const char *stage, struct slice part, const struct json *i)
{
    const struct json *responses = json_get_str(i, "responses");
    char key[1024];
    struct body b;

    body_init(&b);
    wire_put_u64(&b.w, 1, slice_is(json_string(json_get_str(i, "type"), SLICE_NONE), "mock") ? 1 : 2);
    put_text(&b, 2, i, "uri");
    put_text(&b, 3, i, "httpMethod");
    put_number(&b, 4, i, "timeoutMs");
    put_pairs(&b, 5, json_get_str(i, "requestTemplates"));
    for (const struct json *r = responses == NULL ? NULL : responses->first; r != NULL; r = r->next)
        put_response(&b, 6, r);
    put_pairs(&b, 7, json_get_str(i, "requestParameters"));
    put_text(&b, 8, i, "passthroughBehavior");
    (void)snprintf(key, sizeof(key), "%s/%.*s", stage, SLICE_FMT(i->key));
    mb_add(m, SLICE_LIT("integration"), slice_of(key), body_done(&b), part);
    free(b.bytes);
}

static void add_route(struct mb *m, const char *stage, struct slice part, const struct json *r)
{
    struct slice method = json_string(json_get_str(r, "method"), SLICE_LIT("ANY"));
    struct slice path = json_string(json_get_str(r, "path"), SLICE_NONE);
    char key[4096], target[1024];
    struct body b;

    body_init(&b);
    (void)snprintf(target, sizeof(target), "%s/%.*s", stage, SLICE_FMT(json_string(json_get_str(r, "integration"), SLICE_NONE)));
    wire_put_bytes(&b.w, 1, path);
    wire_put_bytes(&b.w, 2, method);
    wire_put_bytes(&b.w, 3, slice_of(target));
    put_number(&b, 5, r, "payloadLimit");
    (void)snprintf(key, sizeof(key), "%s/%.*s %.*s", stage, SLICE_FMT(method), SLICE_FMT(path));
    mb_add(m, SLICE_LIT("route"), slice_of(key), body_done(&b), part);
    free(b.bytes);
}

static void add_stage(struct mb *m, const struct json *s)
{
    const struct json *hosts = json_get_str(s, "hosts"), *children;
    char key[300], part[320];
    struct body b;

    (void)snprintf(key, sizeof(key), "%.*s/%.*s", SLICE_FMT(json_string(json_get_str(s, "api"), SLICE_NONE)),
                   SLICE_FMT(json_string(json_get_str(s, "name"), SLICE_NONE)));
    (void)snprintf(part, sizeof(part), "stage/%s", key);
    body_init(&b);
    put_text(&b, 1, s, "api");
    put_text(&b, 2, s, "name");
    for (const struct json *h = hosts == NULL ? NULL : hosts->first; h != NULL; h = h->next)
        wire_put_bytes(&b.w, 3, json_string(h, SLICE_NONE));
    put_text(&b, 4, s, "basePath");
    wire_put_u64(&b.w, 5, json_bool(json_get_str(s, "aws"), false));
    put_number(&b, 7, s, "payloadLimit");
    mb_add(m, SLICE_LIT("stage"), slice_of(key), body_done(&b), slice_of(part));
    free(b.bytes);
    children = json_get_str(s, "integrations");
    for (const struct json *i = children == NULL ? NULL : children->first; i != NULL; i = i->next)
        add_integration(m, key, slice_of(part), i);
    children = json_get_str(s, "routes");
    for (const struct json *r = children == NULL ? NULL : children->first; r != NULL; r = r->next)
        add_route(m, key, slice_of(part), r);
}

static void add_upstream(struct mb *m, const struct json *u)
{
    struct slice name = json_string(json_get_str(u, "name"), SLICE_NONE);
    const struct json *endpoints = json_get_str(u, "endpoints");
    char part[320];
    struct body b;

    (void)snprintf(part, sizeof(part), "upstream/%.*s", SLICE_FMT(name));
    body_init(&b);
    put_text(&b, 1, u, "name");
    for (const struct json *e = endpoints == NULL ? NULL : endpoints->first; e != NULL; e = e->next) {
        struct body p;

        body_init(&p);
        put_text(&p, 1, e, "host");
        put_number(&p, 2, e, "port");
        put_number_or(&p, 3, e, "weight", 1);
        put_number(&p, 4, e, "priority");
        wire_put_bytes(&b.w, 2, body_done(&p));
        free(p.bytes);
    }
    put_number(&b, 3, u, "connectTimeoutMs");
    put_number(&b, 4, u, "firstByteTimeoutMs");
    put_number(&b, 5, u, "idleTimeoutMs");
    put_number(&b, 6, u, "totalTimeoutMs");
    put_text(&b, 7, u, "policy");
    put_number(&b, 8, u, "maxConnections");
    mb_add(m, SLICE_LIT("upstream"), name, body_done(&b), slice_of(part));
    free(b.bytes);
}

static int fail(const struct err *e)
{
    (void)fprintf(stderr, "mkbundle: %s\n", e->text);
    return 1;
}

int main(int argc, char **argv)
{
    struct mb m = {NULL, 0, 0};
    const struct json *list;
    struct json *root;
    struct bundle *bundle;
    uint64_t revision = 1;
    struct err e = {0};
    struct arena a;
    struct buf in;
    int rc;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: mkbundle OUT < description.json\n");
        return 2;
    }
    buf_init(&in, 64u << 20);
    arena_init(&a, 0, 0);
    if (file_read("-", 64u << 20, &in, &e) != 0 || json_read_err(&a, buf_slice(&in), NULL, &root, &e) != 0)
        return fail(&e);
    list = json_get_str(root, "stages");
    for (const struct json *s = list == NULL ? NULL : list->first; s != NULL; s = s->next)
        add_stage(&m, s);
    list = json_get_str(root, "upstreams");
    for (const struct json *u = list == NULL ? NULL : list->first; u != NULL; u = u->next)
        add_upstream(&m, u);
    if (json_get_str(root, "revision") != NULL)
        MUST(json_uint64(json_get_str(root, "revision"), &revision) == 0);
    bundle = mb_bundle(&m, 1, revision);
    rc = bundle_file_write(argv[1], bundle, &e);
    bundle_unref(bundle);
    mb_fini(&m);
    arena_fini(&a);
    buf_fini(&in);
    return rc == 0 ? 0 : fail(&e);
}
