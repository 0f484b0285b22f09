#include "diag/diag_near.h"

#include <stdint.h>

#include "base/must.h"

#define WORD_MAX 64u

void diag_near_init(struct diag_near *n, struct slice word)
{
    size_t limit = word.n / 3;

    *n = (struct diag_near){.word = word, .limit = limit < 1 ? 1 : limit > 3 ? 3 : limit};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Optimal string alignment; three rows. */
static size_t distance(struct slice a, struct slice b)
{
    size_t rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= b.n; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *free_row = before;

        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = lower(a.p[i - 1]), y = lower(b.p[j - 1]);

            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b.p[j - 2]) && lower(a.p[i - 2]) == y && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        before = last;
        last = now;
        now = free_row;
    }
    return last[b.n];
}

void diag_near_offer(struct diag_near *n, struct slice candidate)
{
    size_t d;

    if (n->word.n == 0 || n->word.n > WORD_MAX || candidate.n == 0 || candidate.n > WORD_MAX)
        return;
    if ((n->word.n > candidate.n ? n->word.n - candidate.n : candidate.n - n->word.n) > n->limit)
        return;
    d = distance(n->word, candidate);
    if (d > n->limit || d >= candidate.n || (n->best.n > 0 && d >= n->distance))
        return;
    n->best = candidate;
    n->distance = d;
}
