#pragma once
/* Bodies of resources by hand, for tests that need a bundle and no control plane. */
#include <stdarg.h>
#include <stdio.h>

#include "make_bundle.h"

struct body {
    uint8_t bytes[65536];
    struct wire_writer w;
};

static inline void body_init(struct body *b)
{
    b->w = (struct wire_writer){b->bytes, b->bytes + sizeof(b->bytes), false};
}

static inline struct slice body_slice(const struct body *b)
{
    MUST(!b->w.full);
    return slice_from(b->bytes, (size_t)(b->w.p - b->bytes));
}

static inline void body_text(struct body *b, uint32_t field, const char *s)
{
    wire_put_bytes(&b->w, field, slice_of(s));
}

/* Key "shop/prod", host NULL: every host. */
static inline void api_stage(struct mb *m, const char *api, const char *name, const char *host, const char *base_path)
{
    struct body b;
    char key[300], part[310];

    body_init(&b);
    body_text(&b, 1, api);
    body_text(&b, 2, name);
    body_text(&b, 3, host == NULL ? "" : host);
    body_text(&b, 4, base_path);
    (void)snprintf(key, sizeof(key), "%s/%s", api, name);
    (void)snprintf(part, sizeof(part), "stage/%s", key);
    mb_add(m, SLICE_LIT("stage"), slice_of(key), body_slice(&b), slice_of(part));
}

static inline void api_route(struct mb *m, const char *stage, const char *method, const char *path, const char *integration)
{
    struct body b;
    char key[3000], part[310], target[600];

    body_init(&b);
    (void)snprintf(target, sizeof(target), "%s/%s", stage, integration);
    body_text(&b, 1, path);
    body_text(&b, 2, method);
    body_text(&b, 3, target);
    (void)snprintf(key, sizeof(key), "%s/%s %s", stage, method, path);
    (void)snprintf(part, sizeof(part), "stage/%s", stage);
    mb_add(m, SLICE_LIT("route"), slice_of(key), body_slice(&b), slice_of(part));
}

/* type 2: http_proxy to uri; 1: mock. */
static inline void api_integration(struct mb *m, const char *stage, const char *name, unsigned type, const char *uri)
{
    struct body b;
    char key[600], part[310];

    body_init(&b);
    wire_put_u64(&b.w, 1, type);
    body_text(&b, 2, uri);
    (void)snprintf(key, sizeof(key), "%s/%s", stage, name);
    (void)snprintf(part, sizeof(part), "stage/%s", stage);
    mb_add(m, SLICE_LIT("integration"), slice_of(key), body_slice(&b), slice_of(part));
}

static inline void api_upstream(struct mb *m, const char *name, const char *host, unsigned port)
{
    struct body b, e;
    char part[310];

    body_init(&e);
    body_text(&e, 1, host);
    wire_put_u64(&e.w, 2, port);
    wire_put_u64(&e.w, 3, 1);
    body_init(&b);
    body_text(&b, 1, name);
    wire_put_bytes(&b.w, 2, body_slice(&e));
    (void)snprintf(part, sizeof(part), "upstream/%s", name);
    mb_add(m, SLICE_LIT("upstream"), slice_of(name), body_slice(&b), slice_of(part));
}

/* One Api of n routes, each with an integration of its own, as the compiler makes them. */
static inline void api_large(struct mb *m, size_t n)
{
    api_stage(m, "shop", "prod", NULL, "/shop/prod");
    api_upstream(m, "orders", "10.0.0.5", 8080);
    for (size_t i = 0; i < n; i++) {
        char name[64], path[128], uri[160];

        (void)snprintf(name, sizeof(name), "route-%zu", i);
        (void)snprintf(path, sizeof(path), "/v%zu/team-%zu/item-%zu/{id}", i % 7, i % 97, i);
        (void)snprintf(uri, sizeof(uri), "upstream://orders/items/%zu/{id}", i);
        api_integration(m, "shop/prod", name, 2, uri);
        api_route(m, "shop/prod", i % 3 == 0 ? "POST" : "GET", path, name);
    }
}
