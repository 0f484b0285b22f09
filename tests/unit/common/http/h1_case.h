#pragma once
/* One line of text for what a head was understood as, so that a table of cases can say it. */
#include <stdio.h>

#include "base/must.h"
#include "http/h1.h"

struct h1_case {
    const char *name, *bytes;
    size_t n;
    const char *want; /* a summary, or "!name" of an h1_error, or "..." for incomplete */
};
#define CASE(name_, bytes_, want_) {name_, bytes_, sizeof(bytes_) - 1, want_}

static inline const char *h1_body_text(const struct h1_head *h, char *out, size_t size)
{
    static const char *const names[] = {"none", "length", "chunked", "close"};

    if (h->content_length == H1_NO_LENGTH)
        (void)snprintf(out, size, "%s", names[h->framing]);
    else
        (void)snprintf(out, size, "%s=%llu", names[h->framing], (unsigned long long)h->content_length);
    return out;
}

static inline void h1_summary(const struct h1_head *h, int rc, char *out, size_t size)
{
    char body[40];

    if (rc == 0) {
        (void)snprintf(out, size, "...");
    } else if (rc < 0) {
        (void)snprintf(out, size, "!%s", h1_error_name(-rc));
    } else if (h->status != 0) {
        (void)snprintf(out, size, "%u 1.%u %s %s%s%s", h->status, h->minor, h->keep_alive ? "keep" : "close",
                       h1_body_text(h, body, sizeof(body)), h->upgrade ? " upgrade" : "",
                       h->connection_listed ? " listed" : "");
    } else {
        (void)snprintf(out, size, "%.*s %.*s%s%.*s %.*s:%u 1.%u %s %s%s%s%s%s", SLICE_FMT(h->method_text), SLICE_FMT(h->path),
                       h->has_query ? "?" : "", SLICE_FMT(h->query), SLICE_FMT(h->host), h->port, h->minor,
                       h->keep_alive ? "keep" : "close", h1_body_text(h, body, sizeof(body)), h->absolute_form ? " absolute" : "",
                       h->expect_continue ? " expect" : "", h->upgrade ? " upgrade" : "",
                       h->connection_listed ? " listed" : "");
    }
}
