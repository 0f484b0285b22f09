#pragma once
/* URIs: splitting, percent-encoding, paths and queries. Pure; slices point into the input. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum uri_scheme { URI_HTTP, URI_HTTPS, URI_UPSTREAM };

struct uri {
    enum uri_scheme scheme;
    struct slice authority;   /* host and port as written; of upstream:// the upstream's name */
    struct slice host;        /* name, IPv4, or IPv6 without its brackets */
    bool host_is_ipv6;
    uint16_t port;            /* as written, else 80 or 443; 0 for upstream */
    bool has_port;
    struct slice path;        /* begins with '/', or empty */
    struct slice query;       /* without '?' */
    bool has_query;
};

/* Splits "http://host:port/path?query" and "upstream://name/path". The path and the query may hold {placeholders}; they are checked for
 * control bytes, blanks and bytes that are no ASCII. No user info, no fragment. 0 or -ERR_SYNTAX with what is wrong in *e (may be NULL). */
MUST_USE int uri_split(struct slice s, struct uri *out, struct err *e);

/* What uri_encode leaves as it is; everything else becomes %XX. */
enum uri_set {
    URI_UNRESERVED,   /* letters, digits, "-._~": a value anywhere (AWS's strict form) */
    URI_SEGMENT,      /* and what may stand in one path segment: "!$&'()*+,;=:@" */
    URI_PATH,         /* and '/' */
    URI_QUERY,        /* and '?': a whole query */
    URI_QUERY_VALUE   /* one key or value of a query: URI_QUERY without "&=+#;" */
};
size_t uri_encoded_size(struct slice s, enum uri_set set);
/* Writes uri_encoded_size bytes, no NUL; returns their number. Hex digits are capitals. */
size_t uri_encode(struct slice s, enum uri_set set, char *out);
/* Decodes to out (room for s.n; may be s.p). plus: '+' is a blank, as in a query. -ERR_SYNTAX for a '%' without two hex digits. */
MUST_USE int uri_decode(struct slice s, bool plus, char *out, size_t *n);
/* True when every '%' has two hex digits behind it. */
bool uri_escapes_are_valid(struct slice s);

/* True when uri_path_normalize would change something, or refuse it: worth asking first, it is one scan. */
bool uri_path_needs_normalize(struct slice path);
/* Takes "." and ".." segments out (also written %2e), keeps everything else as it is, escapes and doubled slashes too. path begins with '/'.
 * out has room for path.n. 0 with *n, or -ERR_INVALID when ".." leads above the root or an escape is malformed. */
MUST_USE int uri_path_normalize(struct slice path, char *out, size_t *n);

/* Walks "a=1&b&c=": the next pair, still encoded; has_value tells "b" from "b=". Empty pairs are skipped. false at the end. */
struct uri_pair {
    struct slice key, value;
    bool has_value;
};
bool uri_query_next(struct slice *rest, struct uri_pair *out);
