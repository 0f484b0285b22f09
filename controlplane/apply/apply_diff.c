/* Unified diffs of two texts by lines: Myers' algorithm, bounded. */
#include <stdlib.h>

#include "apply/apply.h"

#define CONTEXT 3u
#define DISTANCE_MAX 2000u   /* beyond it the middle is one big replacement: memory grows with its square */

struct lines {
    struct slice *p;
    size_t n;
};

/* One edit script: for each line of before, kept or deleted; for each line of after, kept or inserted. */
struct script {
    bool *deleted, *inserted;
};

static int split(struct slice text, struct lines *out)
{
    struct vec v = VEC_INIT(struct slice);

    while (text.n > 0) {
        const char *nl = memchr(text.p, '\n', text.n);
        size_t n = nl == NULL ? text.n : (size_t)(nl - text.p) + 1;
        struct slice line = slice_sub(text, 0, n);

        if (vec_push(&v, &line) == NULL) {
            vec_fini(&v);
            return -ERR_NOMEM;
        }
        text = slice_sub(text, n, text.n);
    }
    out->p = v.p;
    out->n = v.n;
    return 0;
}

/* Furthest x on diagonal k after d edits, from the row before. */
static long step(const long *row, long k, long d)
{
    return k == -d || (k != d && row[k - 1] < row[k + 1]) ? row[k + 1] : row[k - 1] + 1;
}

static void walk_back(long *const *trace, long d, long x, long y, size_t offset, struct script *s)
{
    for (; d > 0; d--) {
        const long *row = trace[d - 1] + d;
        long k = x - y, before = k == -d || (k != d && row[k - 1] < row[k + 1]) ? k + 1 : k - 1;
        long px = row[before], py = px - before;

        if (before == k + 1)
            s->inserted[offset + (size_t)py] = true;
        else
            s->deleted[offset + (size_t)px] = true;
        x = px;
        y = py;
    }
}

/* Middle parts a[0..n) and b[0..m), whose first lines stand at `offset` of both texts. True: the script is found. */
static bool myers(const struct slice *a, long n, const struct slice *b, long m, size_t offset, struct script *s)
{
    long max = n + m < (long)DISTANCE_MAX ? n + m : (long)DISTANCE_MAX, d = 0;
    long **trace = calloc((size_t)max + 2, sizeof(long *));
    bool found = false;

    for (; trace != NULL && d <= max && !found; d++) {
        long *row = calloc((size_t)(2 * d + 3), sizeof(long)), *now;
        const long *last = d == 0 ? NULL : trace[d - 1] + d;

        if (row == NULL)
            break;
        trace[d] = row;
        now = row + d + 1;
        for (long k = -d; k <= d && !found; k += 2) {
            long x = last == NULL ? 0 : step(last, k, d), y = x - k;

            while (x < n && y < m && slice_eq(a[x], b[y])) {
                x++;
                y++;
            }
            now[k] = x;
            found = x >= n && y >= m;
        }
        if (found) {
            walk_back(trace, d, n, m, offset, s);
            break;
        }
    }
    for (long i = 0; trace != NULL && i <= max; i++)
        free(trace[i]);
    free(trace);
    return found;
}

static void compare(const struct lines *a, const struct lines *b, struct script *s)
{
    size_t head = 0, tail = 0;

    while (head < a->n && head < b->n && slice_eq(a->p[head], b->p[head]))
        head++;
    while (tail < a->n - head && tail < b->n - head && slice_eq(a->p[a->n - 1 - tail], b->p[b->n - 1 - tail]))
        tail++;
    if (myers(a->p + head, (long)(a->n - head - tail), b->p + head, (long)(b->n - head - tail), head, s))
        return;
    memset(s->deleted + head, 1, a->n - head - tail);
    memset(s->inserted + head, 1, b->n - head - tail);
}

static int put_line(struct buf *out, char sign, struct slice line)
{
    int rc = buf_append(out, &sign, 1);

    if (rc == 0)
        rc = buf_puts(out, line);
    if (rc == 0 && (line.n == 0 || line.p[line.n - 1] != '\n'))
        rc = buf_puts(out, SLICE_LIT("\n\\ No newline at end of file\n"));
    return rc;
}

/* Lines [i, i_end) of a against [j, j_end) of b. */
static int put_hunk(struct buf *out, const struct lines *a, size_t i, size_t i_end, const struct lines *b, size_t j, size_t j_end,
                    const struct script *s)
{
    int rc = buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", i_end > i ? i + 1 : i, i_end - i, j_end > j ? j + 1 : j, j_end - j);

    while (rc == 0 && (i < i_end || j < j_end)) {
        if (i < i_end && s->deleted[i])
            rc = put_line(out, '-', a->p[i++]);
        else if (j < j_end && s->inserted[j])
            rc = put_line(out, '+', b->p[j++]);
        else {
            rc = put_line(out, ' ', a->p[i++]);
            j++;
        }
    }
    return rc;
}

/* Over the equal lines and the edits from (i, j) on, up to a gap that separates two hunks. */
static void find_end(const struct lines *a, size_t *i, const struct lines *b, size_t *j, const struct script *s)
{
    size_t equal = 0, x = *i, y = *j;

    while (x < a->n || y < b->n) {
        bool edit = (x < a->n && s->deleted[x]) || (y < b->n && s->inserted[y]);

        if (x < a->n && s->deleted[x])
            x++;
        else if (y < b->n && s->inserted[y])
            y++;
        else {
            x++;
            y++;
        }
        equal = edit ? 0 : equal + 1;
        if (edit) {
            *i = x;
            *j = y;
        } else if (equal > 2 * CONTEXT) {
            break;
        }
    }
    for (equal = 0; equal < CONTEXT && *i < a->n && *j < b->n; equal++) {
        (*i)++;
        (*j)++;
    }
}

static int put_hunks(struct buf *out, const struct lines *a, const struct lines *b, const struct script *s)
{
    size_t i = 0, j = 0;
    int rc = 0;

    while (rc == 0 && (i < a->n || j < b->n)) {
        size_t start_i, start_j, back;

        if (!(i < a->n && s->deleted[i]) && !(j < b->n && s->inserted[j])) {
            i++;
            j++;
            continue;
        }
        back = i < CONTEXT ? i : CONTEXT;
        back = j < back ? j : back;
        start_i = i - back;
        start_j = j - back;
        find_end(a, &i, b, &j, s);
        rc = put_hunk(out, a, start_i, i, b, start_j, j, s);
    }
    return rc;
}

int apply_diff(struct slice before_name, struct slice before, struct slice after_name, struct slice after, struct buf *out)
{
    struct lines a = {NULL, 0}, b = {NULL, 0};
    struct script s = {NULL, NULL};
    int rc;

    if (slice_eq(before, after))
        return 0;
    rc = split(before, &a);
    if (rc == 0)
        rc = split(after, &b);
    s.deleted = calloc(a.n + 1, sizeof(bool));
    s.inserted = calloc(b.n + 1, sizeof(bool));
    if (s.deleted == NULL || s.inserted == NULL)
        rc = -ERR_NOMEM;
    if (rc == 0) {
        compare(&a, &b, &s);
        if (before_name.n > 0 || after_name.n > 0)
            rc = buf_printf(out, "--- %.*s\n+++ %.*s\n", SLICE_FMT(before_name), SLICE_FMT(after_name));
    }
    if (rc == 0)
        rc = put_hunks(out, &a, &b, &s);
    free(s.deleted);
    free(s.inserted);
    free(a.p);
    free(b.p);
    return rc;
}
