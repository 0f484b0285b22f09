/* Any bytes: every document is read or refused; what was read is written, read again and must be the same. */
#include <stdint.h>

#include "base/must.h"
#include "yaml/yml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct yml_node *root)
{
    struct buf text, json, first, second;
    struct yml_piece piece = {.line = 1};
    const struct yml_node *again;
    struct diag_list diags;
    struct arena a;

    buf_init(&text, 0);
    buf_init(&json, 0);
    buf_init(&first, 0);
    buf_init(&second, 0);
    arena_init(&a, 0, 64u << 20);
    diag_init(&diags);
    MUST(yml_canonical(root, &first) == 0);
    MUST(yml_write_json(root, &json, 2) == 0);
    if (yml_write(root, &text) == 0 && buf_len(&text) < (1u << 20)) {
        piece.text = buf_slice(&text);
        if (yml_parse(&a, SLICE_LIT("again"), &piece, &again, &diags) == 0) {
            MUST(yml_canonical(again, &second) == 0);
            MUST(slice_eq(buf_slice(&first), buf_slice(&second)));
        } else {
            MUST(diags.items.n == 0 || VEC_AT(&diags.items, struct diag, 0).code[5] == '5' ||
                 VEC_AT(&diags.items, struct diag, 0).code[5] == '4'); /* only a bound may stand in the way */
        }
    }
    diag_fini(&diags);
    arena_fini(&a);
    buf_fini(&text);
    buf_fini(&json);
    buf_fini(&first);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest, file = size > 0 && data[0] == '{' ? SLICE_LIT("f.json") : SLICE_LIT("f.yaml");
    char *copy = malloc(size + 1);
    struct yml_piece piece;
    struct diag_list diags;
    struct buf out;
    uint32_t line = 1;

    MUST(copy != NULL);
    memcpy(copy, data, size);
    rest = slice_from(copy, size);
    diag_init(&diags);
    buf_init(&out, 0);
    diag_source_add(&diags, file, rest, 1);
    while (yml_split(&rest, &line, &piece)) {
        const struct yml_node *root;
        struct arena a;

        arena_init(&a, 0, 64u << 20);
        if (yml_parse(&a, file, &piece, &root, &diags) == 0) {
            if (yml_is_scalar(root))
                (void)yml_locate(piece.text, root->style, root->line, root->column, yml_text(root), root->n / 2);
            round_trip(root);
        }
        arena_fini(&a);
    }
    diag_sort(&diags);
    MUST(diag_text(&diags, &out, true) == 0);
    buf_fini(&out);
    diag_fini(&diags);
    free(copy);
    return 0;
}
