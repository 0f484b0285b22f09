/* libyaml's events to a tree. */
#include <yaml.h>

#include "base/must.h"
#include "yaml/yml_build.h"

static struct slice anchor_of(const yaml_char_t *a)
{
    return slice_of((const char *)a);
}

static struct yml_node node_at(const yaml_event_t *ev, enum yml_type type, enum yml_style style)
{
    struct yml_node n = {.type = (uint8_t)type, .style = (uint8_t)style, .width = 1};
    size_t width = ev->end_mark.column - ev->start_mark.column;

    n.line = (uint32_t)ev->start_mark.line + 1;
    n.column = (uint32_t)ev->start_mark.column + 1;
    if (ev->end_mark.line == ev->start_mark.line && width > 0)
        n.width = (uint16_t)(width > UINT16_MAX ? UINT16_MAX : width);
    return n;
}

static enum yml_style style_of(yaml_scalar_style_t s)
{
    switch (s) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: return YML_SINGLE;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: return YML_DOUBLE;
    case YAML_LITERAL_SCALAR_STYLE: return YML_LITERAL;
    case YAML_FOLDED_SCALAR_STYLE: return YML_FOLDED;
    case YAML_ANY_SCALAR_STYLE:
    case YAML_PLAIN_SCALAR_STYLE:
    default: return YML_PLAIN;
    }
}

static int bad_tag(struct yml_build *b, const struct yml_node *n, const char *tag)
{
    return yml_build_fail(b, ERR_SYNTAX, "SL1011", n->line, n->column, n->width, "write the value without the tag",
                          "the tag \"%s\" is not supported", tag);
}

/* A tag of the core schema, or none. */
static int check_collection_tag(struct yml_build *b, const struct yml_node *n, const yaml_char_t *tag, const char *want)
{
    const char *t = (const char *)tag;

    if (t == NULL || strcmp(t, "!") == 0 || strcmp(t, want) == 0)
        return 0;
    return bad_tag(b, n, t);
}

static int add_scalar(struct yml_build *b, const yaml_event_t *ev)
{
    struct slice text = slice_from(ev->data.scalar.value, ev->data.scalar.length);
    const char *tag = (const char *)ev->data.scalar.tag;
    enum yml_style style = style_of(ev->data.scalar.style);
    struct yml_node n = node_at(ev, YML_STRING, style);
    static const char *const core[] = {YAML_NULL_TAG, YAML_BOOL_TAG, YAML_INT_TAG, YAML_FLOAT_TAG, YAML_STR_TAG};

    if (style == YML_LITERAL || style == YML_FOLDED)
        n.width = 1;
    if (tag == NULL) {
        if (style == YML_PLAIN)
            n.type = (uint8_t)yml_plain_type(text);
    } else if (strcmp(tag, "!") != 0) {
        size_t i = 0;

        while (i < ARRAY_LEN(core) && strcmp(tag, core[i]) != 0)
            i++;
        if (i == ARRAY_LEN(core))
            return bad_tag(b, &n, tag);
        n.type = (uint8_t)i;
        if (n.type != YML_STRING && yml_plain_type(text) != (enum yml_type)n.type)
            return yml_build_fail(b, ERR_SYNTAX, "SL1011", n.line, n.column, n.width, NULL, "\"%.*s\" is not %s, as its tag says",
                                  SLICE_FMT(text), yml_type_words(&n));
    }
    return yml_build_scalar(b, n, text, anchor_of(ev->data.scalar.anchor));
}

static int add_open(struct yml_build *b, const yaml_event_t *ev)
{
    bool map = ev->type == YAML_MAPPING_START_EVENT;
    bool flow = map ? ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                    : ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    struct yml_node n = node_at(ev, map ? YML_MAP : YML_SEQ, flow ? YML_FLOW : YML_BLOCK);
    const yaml_char_t *tag = map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;
    int rc = check_collection_tag(b, &n, tag, map ? YAML_MAP_TAG : YAML_SEQ_TAG);

    if (rc != 0)
        return rc;
    return yml_build_open(b, n, anchor_of(map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor));
}

static int add_event(struct yml_build *b, const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        return add_scalar(b, ev);
    case YAML_ALIAS_EVENT:
        return yml_build_alias(b, node_at(ev, YML_NULL, YML_PLAIN), anchor_of(ev->data.alias.anchor));
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return add_open(b, ev);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return yml_build_close(b);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    default:
        return 0;
    }
}

/* Line and column of a byte. */
static struct yml_place place_of(struct slice text, size_t offset)
{
    struct yml_place at = {1, 1};

    for (size_t i = 0; i < offset && i < text.n; i++) {
        if (text.p[i] == '\n')
            at = (struct yml_place){at.line + 1, 1};
        else if (((unsigned char)text.p[i] & 0xc0u) != 0x80)
            at.column++;
    }
    return at;
}

static int tell_reader_error(struct yml_build *b, const yaml_parser_t *p, struct slice text)
{
    struct yml_place at = place_of(text, p->problem_offset);
    bool control = strstr(p->problem, "control") != NULL;

    return yml_build_fail(b, ERR_SYNTAX, control ? "SL1003" : "SL1002", at.line, at.column, 1, NULL,
                          control ? "a control character (0x%02x) at byte %zu: %s" : "not UTF-8 (0x%02x) at byte %zu: %s",
                          (unsigned)p->problem_value, p->problem_offset, p->problem);
}

static int tell_parser_error(struct yml_build *b, const yaml_parser_t *p, struct slice text)
{
    uint32_t line = (uint32_t)p->problem_mark.line + 1, column = (uint32_t)p->problem_mark.column + 1;
    const char *hint = NULL;
    char where[64] = "";

    if (p->error == YAML_MEMORY_ERROR)
        return -ERR_NOMEM;
    if (p->error == YAML_READER_ERROR)
        return tell_reader_error(b, p, text);
    if (p->context != NULL && p->context_mark.line != p->problem_mark.line)
        (void)snprintf(where, sizeof(where), " that begins at line %zu", p->context_mark.line + b->first_line);
    if (p->problem != NULL && strstr(p->problem, "cannot start any token") != NULL)
        hint = "no tabs for indentation; quote values that begin with @, ` or %";
    else if (p->problem != NULL && strstr(p->problem, "mapping values are not allowed") != NULL)
        hint = "quote values that hold \": \", and check the indentation";
    else if (p->problem != NULL && strstr(p->problem, "could not find expected ':'") != NULL)
        hint = "a key is followed by \": \"";
    else if (p->problem != NULL && (strstr(p->problem, "expected key") != NULL || strstr(p->problem, "expected '-' indicator") != NULL))
        hint = "check the indentation: what belongs together begins in the same column";
    return yml_build_fail(b, ERR_SYNTAX, "SL1001", line, column, 1, hint, "%s%s%s%s", p->problem == NULL ? "not YAML" : p->problem,
                          p->context == NULL ? "" : ", ", p->context == NULL ? "" : p->context, where);
}

static int read_events(struct yml_build *b, struct slice text)
{
    yaml_parser_t parser;
    bool done = false;
    int rc = 0;

    if (!yaml_parser_initialize(&parser))
        return -ERR_NOMEM;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
    while (rc == 0 && !done) {
        yaml_event_t ev;

        if (!yaml_parser_parse(&parser, &ev)) {
            rc = tell_parser_error(b, &parser, text);
            break;
        }
        done = ev.type == YAML_STREAM_END_EVENT;
        rc = add_event(b, &ev);
        yaml_event_delete(&ev);
    }
    yaml_parser_delete(&parser);
    return rc;
}

/* JSON that is not named so: libyaml has the last word (and the message) when it is not JSON after all. */
static bool read_as_json(struct yml_build *b, struct slice text)
{
    struct yml_build trial;
    struct diag_list unheard;
    bool ok;

    if (!yml_looks_like_json(text))
        return false;
    diag_init(&unheard);
    yml_build_init(&trial, b->arena, b->file, b->first_line, &unheard);
    ok = yml_read_json(&trial, text) == 0 && !trial.failed;
    if (ok) {
        struct yml_build own = *b;

        *b = trial;
        b->diags = own.diags;
        trial = own;
    }
    yml_build_fini(&trial);
    diag_fini(&unheard);
    return ok;
}

int yml_parse(struct arena *a, struct slice file, const struct yml_piece *piece, const struct yml_node **root,
              struct diag_list *diags)
{
    struct slice text = piece->text;
    struct yml_build b;
    int rc;

    yml_build_init(&b, a, file, piece->line, diags);
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        text = slice_sub(text, 3, text.n);
    if (text.n >= 2 && (memcmp(text.p, "\xff\xfe", 2) == 0 || memcmp(text.p, "\xfe\xff", 2) == 0))
        rc = yml_build_fail(&b, ERR_SYNTAX, "SL1002", 1, 1, 1, "save it as UTF-8", "the file is UTF-16");
    else if (slice_ends(file, SLICE_LIT(".json")) && yml_looks_like_json(text))
        rc = yml_read_json(&b, text);
    else if (read_as_json(&b, text))
        rc = 0;
    else
        rc = read_events(&b, text);
    if (rc == 0)
        rc = yml_build_root(&b, root);
    yml_build_fini(&b);
    return rc;
}
