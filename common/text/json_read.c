#include "base/must.h"
#include "text/json.h"
#include "text/json_lex.h"

/* Up to this many members each new key is compared with all before it; over it they are sorted when the object ends. */
#define PAIRS_MAX 24
#define NODES_FIRST 8
#define NODES_MOST 512

struct reader {
    struct json_lex lex;
    struct arena *arena;
    const char *start;
    struct json *parent;  /* the container that is open; while it is, its own `next` is the container around it */
    struct json **tail;   /* where the next child goes */
    struct json *nodes;   /* nodes taken from the arena and not used yet */
    uint32_t n_nodes, next_batch;
    uint32_t depth, depth_max;
    bool refuse_duplicates, in_place;
    int rc;               /* what fails other than syntax */
};

static int fail(struct reader *r, int rc, const char *what)
{
    r->lex.what = what;
    r->rc = rc;
    return rc;
}

/* Nodes come in batches: small documents take little, large ones do not ask the arena for each value. */
static struct json *new_node(struct reader *r)
{
    if (UNLIKELY(r->n_nodes == 0)) {
        r->nodes = arena_alloc(r->arena, r->next_batch * sizeof(*r->nodes));
        if (r->nodes == NULL) {
            (void)fail(r, -ERR_NOMEM, "out of memory for this text");
            return NULL;
        }
        r->n_nodes = r->next_batch;
        if (r->next_batch < NODES_MOST)
            r->next_batch *= 2;
    }
    r->n_nodes--;
    return r->nodes++;
}

/* The text is our own copy, or escapes go to the arena. */
static int take_string(struct reader *r, struct slice *out)
{
    struct slice raw;
    bool escapes;
    char *to;

    r->lex.p++;
    if (UNLIKELY(!json_lex_string(&r->lex, &raw, &escapes)))
        return -ERR_SYNTAX;
    *out = raw;
    if (LIKELY(!escapes))
        return 0;
    to = r->in_place ? (char *)(uintptr_t)raw.p : arena_alloc(r->arena, raw.n);
    if (to == NULL)
        return fail(r, -ERR_NOMEM, "out of memory for this text");
    *out = slice_from(to, json_lex_unescape(raw, to));
    return 0;
}

static int refuse_pair(struct reader *r, const struct json *object, struct slice key, const char *at)
{
    for (const struct json *c = object->first; c != NULL; c = c->next)
        if (c->key.n == key.n && memcmp(c->key.p, key.p, key.n) == 0) {
            r->lex.p = at;
            return fail(r, -ERR_INVALID, "this key is in the object already");
        }
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
    int c = slice_cmp(x->key, y->key);

    return c != 0 ? c : x->offset < y->offset ? -1 : 1;
}

/* For large objects, once they end. The list of pointers is given back to the arena. */
static int refuse_duplicates(struct reader *r, const struct json *object)
{
    struct arena_mark mark = arena_mark(r->arena);
    const struct json **all = arena_alloc(r->arena, object->count * sizeof(struct json *));
    uint32_t n = 0, bad = UINT32_MAX;

    if (all == NULL)
        return fail(r, -ERR_NOMEM, "out of memory for this text");
    for (const struct json *c = object->first; c != NULL; c = c->next)
        all[n++] = c;
    qsort(all, n, sizeof(struct json *), by_key);
    for (uint32_t i = 1; i < n; i++)
        if (slice_eq(all[i - 1]->key, all[i]->key) && all[i]->offset < bad)
            bad = all[i]->offset;
    arena_rollback(r->arena, mark);
    if (bad == UINT32_MAX)
        return 0;
    r->lex.p = r->start + bad;
    return fail(r, -ERR_INVALID, "this key is in the object already");
}

/* p stands where a key has to be. Takes the key, the colon and the space behind it. */
static int read_key(struct reader *r, struct slice *key)
{
    const char *at = r->lex.p;
    int rc;

    if (at == r->lex.end || *at != '"')
        return fail(r, -ERR_SYNTAX, "a key in quotes is missing");
    rc = take_string(r, key);
    if (rc != 0)
        return rc;
    if (r->refuse_duplicates && r->parent->count < PAIRS_MAX) {
        rc = refuse_pair(r, r->parent, *key, at);
        if (rc != 0)
            return rc;
    }
    json_lex_space(&r->lex);
    if (r->lex.p == r->lex.end || *r->lex.p != ':')
        return fail(r, -ERR_SYNTAX, "a colon is missing behind the key");
    r->lex.p++;
    json_lex_space(&r->lex);
    return 0;
}

static int open_container(struct reader *r, struct json *v, enum json_type type)
{
    if (++r->depth > r->depth_max)
        return fail(r, -ERR_LIMIT, "nested too deeply");
    v->type = (uint8_t)type;
    v->next = r->parent;
    r->parent = v;
    r->tail = &v->first;
    r->lex.p++;
    return 0;
}

static int close_container(struct reader *r)
{
    struct json *v = r->parent;

    r->lex.p++;
    r->depth--;
    r->parent = v->next;
    v->next = NULL;
    r->tail = &v->next;
    if (v->type == JSON_OBJECT && r->refuse_duplicates && v->count > PAIRS_MAX)
        return refuse_duplicates(r, v);
    return 0;
}

static int read_word(struct reader *r, struct json *v, enum json_type type, const char *word, size_t n)
{
    v->type = (uint8_t)type;
    return json_lex_word(&r->lex, word, n) ? 0 : -ERR_SYNTAX;
}

/* Fills v from the value that begins at p. A container is only opened. */
static int read_start(struct reader *r, struct json *v)
{
    switch (*r->lex.p) {
    case '"':
        v->type = JSON_STRING;
        return take_string(r, &v->text);
    case '{': return open_container(r, v, JSON_OBJECT);
    case '[': return open_container(r, v, JSON_ARRAY);
    case 't': return read_word(r, v, JSON_TRUE, "true", 4);
    case 'f': return read_word(r, v, JSON_FALSE, "false", 5);
    case 'n': return read_word(r, v, JSON_NULL, "null", 4);
    case '-':
    case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        v->type = JSON_NUMBER;
        return json_lex_number(&r->lex, &v->text) ? 0 : -ERR_SYNTAX;
    default: return read_word(r, v, JSON_NULL, "null", 4);
    }
}

/* One value, with its key where the open container is an object. */
static int read_item(struct reader *r)
{
    const char *at = r->lex.p;
    struct slice key = SLICE_NONE;
    struct json *v;
    int rc;

    if (r->parent != NULL && r->parent->type == JSON_OBJECT) {
        rc = read_key(r, &key);
        if (UNLIKELY(rc != 0))
            return rc;
    }
    if (UNLIKELY(r->lex.p == r->lex.end))
        return fail(r, -ERR_SYNTAX, "the text ends where a value is missing");
    v = new_node(r);
    if (UNLIKELY(v == NULL))
        return r->rc;
    *v = (struct json){.key = key, .offset = (uint32_t)(at - r->start)};
    if (r->parent != NULL)
        r->parent->count++;
    *r->tail = v;
    r->tail = &v->next;
    return read_start(r, v);
}

/* After a value or an opening bracket: goes out of what ends here. *more: a value follows at p. */
static int go_on(struct reader *r, bool fresh, bool *more)
{
    *more = false;
    while (r->parent != NULL) {
        bool object = r->parent->type == JSON_OBJECT;
        int rc;

        json_lex_space(&r->lex);
        if (UNLIKELY(r->lex.p == r->lex.end))
            return fail(r, -ERR_SYNTAX, object ? "the text ends within an object" : "the text ends within an array");
        if (*r->lex.p == (object ? '}' : ']')) {
            rc = close_container(r);
            if (UNLIKELY(rc != 0))
                return rc;
            fresh = false;
            continue;
        }
        *more = true;
        if (fresh)
            return 0;
        if (UNLIKELY(*r->lex.p != ','))
            return fail(r, -ERR_SYNTAX, object ? "a comma or } is missing" : "a comma or ] is missing");
        r->lex.p++;
        json_lex_space(&r->lex);
        return 0;
    }
    return 0;
}

static int read_text(struct reader *r)
{
    bool more = true;
    int rc = 0;

    json_lex_space(&r->lex);
    while (rc == 0 && more) {
        const struct json *open = r->parent;

        rc = read_item(r);
        if (rc == 0)
            rc = go_on(r, r->parent != open, &more);
    }
    if (rc != 0)
        return rc;
    json_lex_space(&r->lex);
    if (r->lex.p != r->lex.end)
        return fail(r, -ERR_SYNTAX, "something follows the value");
    return 0;
}

static void fill_error(struct json_error *e, struct slice text, size_t offset, const char *what)
{
    const char *p = text.p, *at = text.p + offset, *lf;

    e->line = 1;
    e->offset = offset;
    e->what = what;
    while (p < at && (lf = memchr(p, '\n', (size_t)(at - p))) != NULL) {
        e->line++;
        p = lf + 1;
    }
    e->column = (uint32_t)(at - p) + 1;
}

int json_read(struct arena *a, struct slice text, const struct json_options *options, struct json **out,
              struct json_error *error)
{
    static const struct json_options defaults = {0};
    const struct json_options *o = options == NULL ? &defaults : options;
    size_t size_max = o->size_max != 0 && o->size_max < JSON_SIZE_CAP ? o->size_max : JSON_SIZE_CAP;
    struct json_error ignored;
    struct json *root = NULL;
    struct slice own = text;
    struct reader r = {.arena = a, .tail = &root, .next_batch = NODES_FIRST};
    int rc;

    *out = NULL;
    error = error == NULL ? &ignored : error;
    if (text.n > size_max) {
        fill_error(error, text, 0, "the text is too long");
        return -ERR_LIMIT;
    }
    r.depth_max = o->depth_max == 0 ? JSON_DEPTH_DEFAULT : o->depth_max;
    r.depth_max = r.depth_max < JSON_DEPTH_CAP ? r.depth_max : JSON_DEPTH_CAP;
    r.refuse_duplicates = o->duplicates == JSON_DUPLICATES_REFUSE;
    r.in_place = !o->borrow;
    if (r.in_place)
        own = arena_dup(a, text);
    if (own.p == NULL && text.n != 0) {
        fill_error(error, text, 0, "out of memory for this text");
        return -ERR_NOMEM;
    }
    r.start = own.p;
    r.lex = (struct json_lex){own.p, own.p + own.n, NULL};
    rc = read_text(&r);
    if (rc != 0) {
        fill_error(error, text, (size_t)(r.lex.p - r.start), r.lex.what);
        return rc;
    }
    *out = root;
    return 0;
}

int json_read_err(struct arena *a, struct slice text, const struct json_options *options, struct json **out, struct err *e)
{
    struct json_error error;
    int rc = json_read(a, text, options, out, &error);

    if (rc == 0)
        return 0;
    return err_set(e, (enum err_code)-rc, "line %u, column %u: %s", error.line, error.column, error.what);
}
