#pragma once
/* The envelope of a leaf: its resources one by one, without a copy. What a body says is for the loader. */
#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"
#include "bundle/leaf.h"

struct leaf_resource {
    struct slice type, key, body, part; /* point into the leaf's bytes */
};

struct leaf_reader {
    struct slice rest;
};

void leaf_reader_init(struct leaf_reader *r, struct slice bytes);
/* 1: *out is the next one; 0: the end; -ERR_SYNTAX, -ERR_LIMIT with *e filled. Checks the encoding (fields in order, none
 * unknown, none twice) and the bounds of type, key and part; not the order of resources nor their leaf. */
int leaf_reader_next(struct leaf_reader *r, struct leaf_resource *out, struct err *e);
/* Order within a leaf: by type, then by key. */
int leaf_resource_cmp(const struct leaf_resource *a, const struct leaf_resource *b);
