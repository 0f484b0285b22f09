#pragma once
/* "Did you mean": the nearest of some words, by edit distance (insert, delete, replace, swap of neighbours), case ignored. */
#include <stddef.h>

#include "base/slice.h"

struct diag_near {
    struct slice word;      /* what was written */
    struct slice best;      /* nearest so far; empty: none near enough */
    size_t distance;        /* of best */
    size_t limit;           /* furthest that still counts: a third of the word, 1 to 3 */
};

void diag_near_init(struct diag_near *n, struct slice word);
/* Offers one candidate; kept (not copied) when it is nearer than the best so far. Words over 64 bytes are ignored. */
void diag_near_offer(struct diag_near *n, struct slice candidate);
