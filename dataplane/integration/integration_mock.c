/* mock: answers without a backend. */
#include "base/must.h"
#include "integration/integration_mock_int.h"
#include "text/mock_rules.h"
#include "exchange/exchange.h"
#include "integration/integration_reg.h"

#define BODY_MAX 65536u   /* of a body that stands for the template; over it there is no status code in it */
#define HEADERS_MAX 64u

struct mock_run {
    const struct mock_conf *conf;
    char *body;           /* gathered */
    size_t n;
    bool over;
};

/* Media type of a field without its parameters; the first of a list. */
static struct slice media_type(const struct exchange *ex, enum http_header id, struct slice fallback)
{
    const struct h1_header *h = h1_head_get(&ex->request, id);
    struct slice s;
    size_t n = 0;

    if (h == NULL || h->value.n == 0)
        return fallback;
    s = h->value;
    while (n < s.n && s.p[n] != ';' && s.p[n] != ',')
        n++;
    while (n > 0 && (s.p[n - 1] == ' ' || s.p[n - 1] == '\t'))
        n--;
    return slice_sub(s, 0, n);
}

/* By Accept's first type, then application/json, then the first. */
static const struct mock_template *choose_template(const struct exchange *ex, const struct mock_response *r)
{
    struct slice wanted = media_type(ex, HTTP_HEADER_ACCEPT, SLICE_LIT("application/json"));
    const struct mock_template *json = NULL;

    for (size_t i = 0; i < r->n_templates; i++) {
        if (slice_ieq(r->templates[i].content_type, wanted))
            return &r->templates[i];
        if (slice_is(r->templates[i].content_type, "application/json"))
            json = &r->templates[i];
    }
    if (json != NULL)
        return json;
    return r->n_templates != 0 ? &r->templates[0] : NULL;
}

static void answer(struct exchange *ex, const struct mock_response *r)
{
    const struct mock_template *t;
    struct h1_header h[HEADERS_MAX];
    struct exchange_head head = {.length_known = true, .headers = h};
    bool typed = false;
    size_t n;

    if (r == NULL) {
        exchange_error(ex, EXCHANGE_ERR_API_CONFIGURATION);
        return;
    }
    t = choose_template(ex, r);
    n = exchange_stamp(ex, h);
    for (size_t i = 0; i < r->n_headers && n + 1 < HEADERS_MAX; i++) {
        h[n++] = (struct h1_header){.name = r->headers[i].name, .value = r->headers[i].value};
        typed = typed || slice_ieq(r->headers[i].name, SLICE_LIT("Content-Type"));
    }
    if (!typed && r->status != 204 && r->status != 304)
        h[n++] = (struct h1_header){.name = SLICE_LIT("Content-Type"),
                                    .value = t == NULL ? SLICE_LIT("application/json") : t->content_type};
    head.status = r->status;
    head.n_headers = n;
    head.content_length = t == NULL ? 0 : t->text.n;
    exchange_answer(ex, &head, t == NULL ? SLICE_NONE : t->text);
}

/* No template for this type: the body stands for the template's output. */
static void start_with_body(struct exchange *ex, const struct mock_conf *conf)
{
    struct mock_run *run = exchange_alloc(ex, sizeof(*run));
    const struct h1_head *r = &ex->request;

    if (r->framing == H1_BODY_NONE || (r->framing == H1_BODY_LENGTH && r->content_length == 0)) {
        exchange_error(ex, EXCHANGE_ERR_API_CONFIGURATION);
        return;
    }
    if (run == NULL) {
        exchange_error(ex, EXCHANGE_ERR_INTERNAL);
        return;
    }
    *run = (struct mock_run){.conf = conf, .body = exchange_alloc(ex, BODY_MAX)};
    ex->answerer = run;
    if (run->body == NULL) {
        exchange_error(ex, EXCHANGE_ERR_INTERNAL);
        return;
    }
    exchange_want_body(ex);
}

static void start(struct exchange *ex, const void *arg)
{
    const struct mock_conf *conf = arg;
    struct slice type = media_type(ex, HTTP_HEADER_CONTENT_TYPE, SLICE_LIT("application/json"));
    bool refuse = conf->passthrough == MOCK_NEVER || (conf->passthrough == MOCK_WHEN_NO_TEMPLATES && conf->n_requests != 0);

    for (size_t i = 0; i < conf->n_requests; i++) {
        if (slice_ieq(conf->requests[i].content_type, type) || slice_is(conf->requests[i].content_type, "$default")) {
            answer(ex, conf->requests[i].response);
            return;
        }
    }
    if (refuse)
        exchange_error(ex, EXCHANGE_ERR_UNSUPPORTED_MEDIA_TYPE);
    else
        start_with_body(ex, conf);
}

static size_t on_body(struct exchange *ex, struct slice bytes, bool last)
{
    struct mock_run *run = ex->answerer;
    long code;

    if (run->n + bytes.n > BODY_MAX) {
        exchange_error(ex, EXCHANGE_ERR_API_CONFIGURATION);
        return bytes.n;
    }
    if (bytes.n != 0)
        memcpy(run->body + run->n, bytes.p, bytes.n);
    run->n += bytes.n;
    if (!last)
        return bytes.n;
    if (mock_rules_status(slice_from(run->body, run->n), &code) == 0)
        answer(ex, mock_select(run->conf, code));
    else
        exchange_error(ex, EXCHANGE_ERR_API_CONFIGURATION);
    return bytes.n;
}

static void on_writable(struct exchange *ex)
{
    (void)ex; /* the exchange itself sends the rest of a local answer */
}

static void cancel(struct exchange *ex)
{
    ex->answerer = NULL; /* all of it is in the arena */
}

const struct integration_ops integration_mock = {
    .name = "mock",
    .build = mock_build,
    .start = start,
    .on_body = on_body,
    .on_writable = on_writable,
    .cancel = cancel,
};
