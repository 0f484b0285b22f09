#include "base/caps.h"
#include "router/router_int.h"

static bool name_is_valid(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == ':' ||
              c == '-'))
            return false;
    }
    return s.n != 0;
}

static bool static_is_valid(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= 0x20 || c == 0x7f || c == '{' || c == '}' || c == '?' || c == '#' || c == '\\')
            return false;
    }
    return s.n != 0;
}

/* The name of "{name}" or "{name+}"; false when it is not one. */
static bool param_name(struct slice seg, struct slice *name, bool *greedy)
{
    if (seg.n < 3 || seg.p[0] != '{' || seg.p[seg.n - 1] != '}')
        return false;
    *name = slice_sub(seg, 1, seg.n - 1);
    *greedy = name->p[name->n - 1] == '+';
    if (*greedy)
        name->n--;
    return name_is_valid(*name);
}

struct scan {
    struct slice names[ROUTER_PARAMS_MAX];
    uint16_t n;
    bool greedy;
};

static int scan_segment(struct scan *s, struct slice seg, struct err *e)
{
    struct slice name;

    if (s->greedy)
        return err_set(e, ERR_SYNTAX, "nothing can stand behind a greedy parameter");
    if (seg.n == 0)
        return err_set(e, ERR_SYNTAX, "an empty segment");
    if (seg.p[0] != '{') {
        return static_is_valid(seg) ? 0 : err_set(e, ERR_SYNTAX, "\"%.*s\" is not a path segment", seg.n > 100 ? 100 : (int)seg.n,
                                                  seg.p);
    }
    if (!param_name(seg, &name, &s->greedy))
        return err_set(e, ERR_SYNTAX, "\"%.*s\" is neither {name} nor {name+}", seg.n > 100 ? 100 : (int)seg.n, seg.p);
    for (uint16_t i = 0; i < s->n; i++)
        if (slice_eq(s->names[i], name))
            return err_set(e, ERR_SYNTAX, "parameter \"%.*s\" stands there twice", name.n > 100 ? 100 : (int)name.n, name.p);
    if (s->n == ROUTER_PARAMS_MAX)
        return err_set(e, ERR_LIMIT, "more than %u parameters", ROUTER_PARAMS_MAX);
    s->names[s->n++] = name;
    return 0;
}

static int scan_template(struct scan *s, struct slice path, struct err *e)
{
    struct slice seg;
    unsigned n = 0;
    int rc;

    if (path.n == 0 || path.p[0] != '/')
        return err_set(e, ERR_SYNTAX, "a path begins with \"/\"");
    if (path.p[path.n - 1] == '/')
        path.n--; /* "/" and "/pets/": trailing slashes do not count */
    while (router_next_segment(&path, &seg)) {
        if (++n > CAPS_PATH_SEGMENTS)
            return err_set(e, ERR_LIMIT, "more than %u segments", CAPS_PATH_SEGMENTS);
        rc = scan_segment(s, seg, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int router_template_params(struct arena *a, struct slice path, const struct slice **params, uint16_t *n, bool *greedy,
                           struct err *e)
{
    struct scan s = {.n = 0};
    struct slice *names = NULL;
    int rc = scan_template(&s, path, e);

    if (rc != 0)
        return rc;
    if (s.n != 0) {
        names = arena_alloc(a, s.n * sizeof(*names));
        if (names == NULL)
            return err_set(e, ERR_NOMEM, "no memory for a route");
        memcpy(names, s.names, s.n * sizeof(*names));
    }
    *params = names;
    *n = s.n;
    *greedy = s.greedy;
    return 0;
}
