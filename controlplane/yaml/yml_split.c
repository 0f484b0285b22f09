/* Cuts a file into documents by lines. `---` and `...` in the first column bound a document wherever they stand (also inside
 * of block scalars), so this needs no parser. */
#include "yaml/yml.h"

static struct slice take_line(struct slice *rest)
{
    const char *nl = memchr(rest->p, '\n', rest->n);
    size_t n = nl == NULL ? rest->n : (size_t)(nl - rest->p) + 1;
    struct slice line = slice_sub(*rest, 0, n);

    *rest = slice_sub(*rest, n, rest->n);
    return line;
}

static bool is_marker(struct slice line, const char *marker)
{
    return line.n >= 3 && memcmp(line.p, marker, 3) == 0 &&
           (line.n == 3 || line.p[3] == ' ' || line.p[3] == '\t' || line.p[3] == '\r' || line.p[3] == '\n');
}

/* Something besides blanks and a comment? */
static bool has_content(struct slice line)
{
    size_t i = 0;

    while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t' || line.p[i] == '\r' || line.p[i] == '\n'))
        i++;
    return i < line.n && line.p[i] != '#';
}

bool yml_split(struct slice *rest, uint32_t *line, struct yml_piece *out)
{
    const char *start = rest->p;
    uint32_t start_line = *line;
    bool content = false, marked = false;

    while (rest->n > 0) {
        struct slice before = *rest, l = take_line(rest);

        if (l.n >= 3 && memcmp(l.p, "\xef\xbb\xbf", 3) == 0)
            l = slice_sub(l, 3, l.n);
        if (is_marker(l, "---")) {
            if (content) {
                *rest = before;
                break;
            }
            if (marked) { /* the one before was empty */
                start = before.p;
                start_line = *line;
            }
            marked = true;
            content = has_content(slice_sub(l, 3, l.n));
        } else if (is_marker(l, "...")) {
            (*line)++;
            if (content) {
                *out = (struct yml_piece){slice_from(start, (size_t)(before.p - start)), start_line};
                return true;
            }
            start = rest->p;
            start_line = *line;
            marked = false;
            continue;
        } else if (has_content(l) && (marked || content || l.p[0] != '%')) {
            content = true;
        }
        (*line)++;
    }
    *out = (struct yml_piece){slice_from(start, (size_t)(rest->p - start)), start_line};
    return content;
}
