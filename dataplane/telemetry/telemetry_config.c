/* The active snapshot as JSON. */
#include "base/ascii.h"
#include "telemetry/telemetry.h"
#include "text/json.h"

static void put_version(struct json_writer *w, const struct bundle_version *v)
{
    char root[2 * BUNDLE_HASH];

    ascii_put_hex(v->root, BUNDLE_HASH, root);
    json_key(w, "version");
    json_begin_object(w);
    json_member_uint(w, "epoch", v->epoch);
    json_member_uint(w, "revision", v->revision);
    json_member_slice(w, "root", slice_from(root, sizeof(root)));
    json_end_object(w);
}

static void put_route(struct json_writer *w, const struct snap_route *r)
{
    json_begin_object(w);
    json_member_slice(w, "method", r->method);
    json_member_slice(w, "path", r->path);
    json_member_str(w, "integration", r->integration->ops->name);
    if (r->operation.n != 0)
        json_member_slice(w, "operation", r->operation);
    json_end_object(w);
}

static void put_stage(struct json_writer *w, const struct snap_part *p)
{
    json_begin_object(w);
    json_member_slice(w, "api", p->stage->api);
    json_member_slice(w, "stage", p->stage->name);
    json_member_slice(w, "basePath", p->stage->base_path);
    json_member_str(w, "compatibility", p->stage->aws ? "aws" : "standard");
    json_key(w, "hosts");
    json_begin_array(w);
    for (size_t i = 0; i < p->stage->n_hosts; i++)
        json_put_string(w, p->stage->hosts[i]);
    json_end_array(w);
    json_key(w, "routes");
    json_begin_array(w);
    for (size_t i = 0; i < p->n_routes; i++)
        put_route(w, &p->routes[i]);
    json_end_array(w);
    json_end_object(w);
}

static void put_upstream(struct json_writer *w, const struct snap_upstream *up)
{
    static const char *const policies[] = {"roundRobin", "leastRequest", "random"};

    json_begin_object(w);
    json_member_slice(w, "name", up->name);
    json_member_str(w, "policy", policies[up->policy]);
    json_key(w, "endpoints");
    json_begin_array(w);
    for (size_t i = 0; i < up->n_endpoints; i++) {
        json_begin_object(w);
        json_member_slice(w, "host", up->endpoints[i].host);
        json_member_uint(w, "port", up->endpoints[i].port);
        json_member_uint(w, "weight", up->endpoints[i].weight);
        json_member_uint(w, "priority", up->endpoints[i].priority);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

int telemetry_config(struct buf *out, const struct snap *snap)
{
    struct json_writer w;

    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    if (snap == NULL) {
        json_key(&w, "version");
        json_put_null(&w);
    } else {
        put_version(&w, &snap->version);
    }
    json_key(&w, "stages");
    json_begin_array(&w);
    for (size_t i = 0; snap != NULL && i < snap->n_parts; i++) {
        if (snap->parts[i]->stage != NULL)
            put_stage(&w, snap->parts[i]);
    }
    json_end_array(&w);
    json_key(&w, "upstreams");
    json_begin_array(&w);
    for (size_t i = 0; snap != NULL && i < snap->n_upstreams; i++) {
        if (snap->upstreams[i] != NULL)
            put_upstream(&w, snap->upstreams[i]);
    }
    json_end_array(&w);
    json_end_object(&w);
    return json_writer_end(&w);
}
