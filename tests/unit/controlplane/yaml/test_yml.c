#include <check.h>

#include "yaml/yml.h"

Suite *test_yml_suite(void);

struct reading {
    struct arena arena;
    struct diag_list diags;
    const struct yml_node *root;
    int rc;
};

static void read_named(struct reading *r, const char *file, struct slice text)
{
    struct yml_piece piece = {text, 1};

    arena_init(&r->arena, 0, 0);
    diag_init(&r->diags);
    r->root = NULL;
    r->rc = yml_parse(&r->arena, slice_of(file), &piece, &r->root, &r->diags);
}

static void read_text(struct reading *r, const char *text)
{
    read_named(r, "f", slice_of(text));
}

static void done(struct reading *r)
{
    arena_fini(&r->arena);
    diag_fini(&r->diags);
}

static void check_json(const char *file, const char *text, const char *json)
{
    struct reading r;
    struct buf out;

    buf_init(&out, 0);
    read_named(&r, file, slice_of(text));
    if (r.rc != 0)
        ck_assert_int_eq(diag_text(&r.diags, &out, false), 0);
    ck_assert_msg(r.rc == 0, "%s: %.*s", text, SLICE_FMT(buf_slice(&out)));
    ck_assert_int_eq(yml_write_json(r.root, &out, 0), 0);
    ck_assert_msg(slice_is(buf_slice(&out), json), "%s: %.*s", text, SLICE_FMT(buf_slice(&out)));
    buf_fini(&out);
    done(&r);
}

START_TEST(core_schema)
{
    static const struct {
        const char *text, *json;
    } t[] = {
        {"no", "\"no\""}, {"yes", "\"yes\""}, {"true", "true"}, {"False", "false"}, {"", "null"}, {"~", "null"}, {"Null", "null"},
        {"12", "12"}, {"-7", "-7"}, {"+5", "5"}, {"0777", "777"}, {"0o17", "15"}, {"0xFf", "255"}, {"1e3", "1000"}, {"1.5", "1.5"},
        {".5", "0.5"}, {"5.", "5"}, {".", "\".\""}, {"-", "[null]"}, {"1_000", "\"1_000\""}, {"12:30", "\"12:30\""},
        {".inf", "null"}, {"99999999999999999999", "\"99999999999999999999\""}, {"'12'", "\"12\""}, {"\"true\"", "\"true\""},
        {"!!str 12", "\"12\""}, {"!!int 12", "12"}, {"2001-01-01", "\"2001-01-01\""}, {"0.1", "0.1"}, {"1e", "\"1e\""},
        {"{a: {b: [1, x]}, c: }", "{\"a\":{\"b\":[1,\"x\"]},\"c\":null}"}, {"200: x", "{\"200\":\"x\"}"},
        {"a: |\n  x\n   y\n", "{\"a\":\"x\\n y\\n\"}"}, {"a: >-\n  x\n  y\n", "{\"a\":\"x y\"}"},
        {"x: &a {p: 1, q: 2}\ny: {<<: *a, q: 3}\n", "{\"x\":{\"p\":1,\"q\":2},\"y\":{\"q\":3,\"p\":1}}"},
        {"x: &a {p: 1}\nz: &b {r: 2, p: 9}\ny: {<<: [*a, *b]}\n", "{\"x\":{\"p\":1},\"z\":{\"r\":2,\"p\":9},\"y\":{\"p\":1,\"r\":2}}"},
        {"[&a x, *a]", "[\"x\",\"x\"]"}, {"\xef\xbb\xbf" "a: 1", "{\"a\":1}"},
        {"{\"e\": \"\\ud83d\\ude00\"}", "{\"e\":\"\xf0\x9f\x98\x80\"}"},
    };

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
        check_json("f.yaml", t[i].text, t[i].json);
    check_json("f.json", " {\"a\": [1, 2.50, {\"b\": null}, [], {}], \"c\": \"\\u00e4\\/\\n\"}\n",
               "{\"a\":[1,2.5,{\"b\":null},[],{}],\"c\":\"\xc3\xa4/\\n\"}");
}
END_TEST

static void check_bad(const char *file, struct slice text, const char *expected)
{
    struct reading r;
    struct buf out;
    const struct diag *d;

    buf_init(&out, 0);
    read_named(&r, file, text);
    ck_assert_msg(r.rc < 0 && r.diags.items.n > 0, "%.*s", SLICE_FMT(text));
    d = &VEC_AT(&r.diags.items, struct diag, 0);
    ck_assert_int_eq(buf_printf(&out, "%u:%u %s %.*s", d->place.line, d->place.column, d->code, SLICE_FMT(d->message)), 0);
    ck_assert_msg(slice_starts(buf_slice(&out), slice_of(expected)), "got: %.*s", SLICE_FMT(buf_slice(&out)));
    buf_fini(&out);
    done(&r);
}

START_TEST(refused_with_their_place)
{
    static const struct {
        const char *file, *text, *expected;
    } t[] = {
        {"f", "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "5:3 SL1006 duplicate key \"c\""},
        {"f", "a: b: c\n", "1:5 SL1001 mapping values are not allowed in this context"},
        {"f", "a:\n\t- x\n", "2:1 SL1001 found character that cannot start any token"},
        {"f", "a: [1, 2\nb: 3\n", "2:2 SL1001 did not find expected ',' or ']'"},
        {"f", "a: \"x\n", "2:1 SL1001 found unexpected end of stream"},
        {"f", "a: x\xff", "1:5 SL1002 not UTF-8 (0xff) at byte 4"},
        {"f", "a: \xc3\xa4 \x01", "1:6 SL1003 a control character (0x01) at byte 6"},
        {"f", "\xff\xfe" "a", "1:1 SL1002 the file is UTF-16"},
        {"f", "a: *x\n", "1:4 SL1008 there is no anchor \"&x\""},
        {"f", "a: &x [1, *x]\n", "1:11 SL1008 \"*x\" stands inside of what it names"},
        {"f", "a: !Ref b\n", "1:4 SL1011 the tag \"!Ref\" is not supported"},
        {"f", "a: !!int b\n", "1:4 SL1011 \"b\" is not an integer"},
        {"f", "? [a]\n: b\n", "1:3 SL1007 a key must be a plain value, not a list"},
        {"f", "a: {<<: 3}\n", "1:9 SL1010 \"<<\" merges a map"},
        {"f.json", "{\"a\": 1,}", "1:9 SL1001 not JSON: a key in double quotes"},
        {"f.json", "{\"a\": tru}", "1:7 SL1001 not JSON: a value was expected"},
        {"f.json", "{\"a\": 01}", "1:7 SL1001 not JSON: a value"},
        {"f.json", "{\"a\": \"\xc0\x80\"}", "1:8 SL1002 not UTF-8 (0xc0)"},
        {"f.json", "{\"a\": \"\\ud800\"}", "1:14 SL1001 not JSON: half of a surrogate"},
        {"f.json", "{\"a\": 1\n, \"a\": 2}", "2:3 SL1006 duplicate key \"a\""},
        {"f.json", "{\"a\": [1 2]}", "1:10 SL1001 not JSON: \",\" or \"]\""},
        {"f.json", "{} x", "1:4 SL1001 not JSON: something stands behind"},
        {"f.json", "[", "1:2 SL1001 not JSON: a value was expected"},
    };
    static char deep[200001], bomb[400];
    size_t n = 0;

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
        check_bad(t[i].file, slice_of(t[i].text), t[i].expected);
    memset(deep, '[', 200000);
    check_bad("f", slice_of(deep), "1:65 SL1004 nested deeper than 64 levels");
    check_bad("f.json", slice_of(deep), "1:65 SL1004 nested deeper than 64 levels");
    for (int i = 0; i < 9; i++)
        n += (size_t)snprintf(bomb + n, sizeof(bomb) - n, "a%d: &a%d [%s*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
                              i == 0 ? "]\n#" : "", i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    check_bad("f", slice_of(bomb), "8:10 SL1009 the aliases of this document stand for more than 100000 values");
}
END_TEST

START_TEST(duplicates_are_all_told)
{
    struct reading r;

    read_text(&r, "{a: 1, a: 2, b: {c: 1, c: 2}, d: 1, d: 2, e1: , e2: , e3: , e4: , e5: , e6: , e7: , e8: , e9: , e1: }");
    ck_assert_int_eq(r.rc, -ERR_SYNTAX);
    ck_assert_uint_eq(r.diags.errors, 4);
    done(&r);
}
END_TEST

START_TEST(split_documents)
{
    struct slice rest = SLICE_LIT("# only a comment\n---\na: 1\n---\n# empty\n---\n%x: in text\n--- b\n...\n\n# end\n...\nc: |\n  x\n---x\n---\n");
    static const char *const pieces[] = {"# only a comment\n---\na: 1\n", "---\n%x: in text\n", "--- b\n", "c: |\n  x\n---x\n"};
    static const uint32_t lines[] = {1, 6, 8, 13};
    struct yml_piece p;
    uint32_t line = 1;
    size_t n = 0;

    while (yml_split(&rest, &line, &p)) {
        ck_assert_uint_lt(n, 4);
        ck_assert_msg(slice_is(p.text, pieces[n]), "%zu: %.*s", n, SLICE_FMT(p.text));
        ck_assert_uint_eq(p.line, lines[n]);
        n++;
    }
    ck_assert_uint_eq(n, 4);
    rest = SLICE_LIT("");
    ck_assert(!yml_split(&rest, &line, &p));
}
END_TEST

START_TEST(places_inside_of_scalars)
{
    static const struct {
        const char *text, *find;
        uint32_t line, column;
    } t[] = {
        {"k: plain $x here\n", "$x", 1, 10},
        {"k: 'it''s $x'\n", "$x", 1, 11},
        {"k: \"a\\n\\u00e4 $x\"\n", "$x", 1, 15},
        {"k: \"a\\\n   b $x\"\n", "$x", 2, 6},
        {"k: |\n    one\n\n      two $x\n", "$x", 4, 11},
        {"k: |2\n    one $x\n", "$x", 2, 9},
        {"k: >\n  one\n  two $x\n", "$x", 3, 7},
        {"k: one\n   two\n   $x\n", "$x", 3, 4},
        {"{\"k\": \"\\ud83d\\ude00$x\"}", "$x", 1, 20},
        {"k:\n- \xc3\xa4\xc3\xa4: x\n  z: '\xe2\x82\xac $x'\n", "$x", 3, 9},
        {"k: $x\n", "$x", 1, 4},
    };

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        struct reading r;
        const struct yml_node *n;
        struct yml_place at;
        struct slice s;

        read_text(&r, t[i].text);
        ck_assert_int_eq(r.rc, 0);
        n = yml_get(r.root, "k");
        if (n->type == YML_SEQ)
            n = yml_get(n->u.child, "z");
        s = yml_text(n);
        at = yml_locate(slice_of(t[i].text), n->style, n->line, n->column, s,
                        (size_t)((const char *)memmem(s.p, s.n, t[i].find, strlen(t[i].find)) - s.p));
        ck_assert_msg(at.line == t[i].line && at.column == t[i].column, "%zu: %u:%u", i, at.line, at.column);
        done(&r);
    }
}
END_TEST

START_TEST(canonical_ignores_order_and_style)
{
    struct reading a, b, c;
    struct buf x, y, z;

    buf_init(&x, 0);
    buf_init(&y, 0);
    buf_init(&z, 0);
    read_text(&a, "b: [1, 'x']\na: {p: true, q: null}\n");
    read_text(&b, "{a: {q: ~, p: True}, \"b\": [0x1, x]} # same");
    read_text(&c, "{a: {q: ~, p: True}, \"b\": [\"1\", x]}");
    ck_assert_int_eq(yml_canonical(a.root, &x), 0);
    ck_assert_int_eq(yml_canonical(b.root, &y), 0);
    ck_assert_int_eq(yml_canonical(c.root, &z), 0);
    ck_assert(slice_eq(buf_slice(&x), buf_slice(&y)));
    ck_assert(!slice_eq(buf_slice(&x), buf_slice(&z)));
    buf_fini(&x);
    buf_fini(&y);
    buf_fini(&z);
    done(&a);
    done(&b);
    done(&c);
}
END_TEST

START_TEST(writes_what_it_reads)
{
    static const char source[] = "z: no\nlist:\n- a: 1\n  b: [x, [y, []], {}]\n- - p\n  - q: 'yes'\n- |\n  two\n  lines\n- \"tab\\t\\u2028 \\x7f\"\n"
                                 "- ''\n- '- x'\n- 'a: b'\n- \"12\"\n- 1e3\n- 'x #y'\n- \"a\\n b \\n\"\n- \"keep\\n\\n\"\n'200': {'': 1}\n";
    static const char expected[] = "z: \"no\"\nlist:\n  - a: 1\n    b:\n      - x\n      -";
    struct reading a, b;
    struct buf x, y, text, again;

    buf_init(&x, 0);
    buf_init(&y, 0);
    buf_init(&text, 0);
    buf_init(&again, 0);
    read_text(&a, source);
    ck_assert_int_eq(a.rc, 0);
    ck_assert_int_eq(yml_write(a.root, &text), 0);
    ck_assert_msg(slice_starts(buf_slice(&text), slice_of(expected)), "%.*s", SLICE_FMT(buf_slice(&text)));
    read_named(&b, "f", buf_slice(&text));
    ck_assert_int_eq(b.rc, 0);
    ck_assert_int_eq(yml_canonical(a.root, &x), 0);
    ck_assert_int_eq(yml_canonical(b.root, &y), 0);
    ck_assert_msg(slice_eq(buf_slice(&x), buf_slice(&y)), "%.*s", SLICE_FMT(buf_slice(&text)));
    ck_assert_int_eq(yml_write(b.root, &again), 0);
    ck_assert(slice_eq(buf_slice(&text), buf_slice(&again)));
    buf_fini(&x);
    buf_fini(&y);
    buf_fini(&text);
    buf_fini(&again);
    done(&a);
    done(&b);
}
END_TEST

START_TEST(arena_cap_is_kept)
{
    struct yml_piece piece = {SLICE_LIT("[aaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, cccccccccccccccccccc]"), 1};
    const struct yml_node *root;
    struct diag_list diags;
    struct arena a;

    arena_init(&a, 64, 200);
    diag_init(&diags);
    ck_assert_int_eq(yml_parse(&a, SLICE_LIT("f"), &piece, &root, &diags), -ERR_NOMEM);
    arena_fini(&a);
    diag_fini(&diags);
}
END_TEST

Suite *test_yml_suite(void)
{
    Suite *s = suite_create("yml");
    TCase *t = tcase_create("yml");

    tcase_add_test(t, core_schema);
    tcase_add_test(t, refused_with_their_place);
    tcase_add_test(t, duplicates_are_all_told);
    tcase_add_test(t, split_documents);
    tcase_add_test(t, places_inside_of_scalars);
    tcase_add_test(t, canonical_ignores_order_and_style);
    tcase_add_test(t, writes_what_it_reads);
    tcase_add_test(t, arena_cap_is_kept);
    suite_add_tcase(s, t);
    return s;
}
