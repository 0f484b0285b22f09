/* What the gateway says in its own name: one table, AWS's words where the Api asks for AWS. */
#include "base/must.h"
#include "exchange/exchange.h"

struct gateway_error {
    const char *name;
    uint16_t status, aws_status;
    const char *type, *message, *aws_message;
};

static const struct gateway_error errors[EXCHANGE_ERR_COUNT] = {
#define X(id, status, aws_status, type, message, aws_message) {#id, status, aws_status, type, message, aws_message},
#include "exchange/tbl/error.h"
#undef X
};

#define HEADERS_MAX 8

const char *exchange_error_name(enum exchange_error error)
{
    return error < EXCHANGE_ERR_COUNT ? errors[error].name : "unknown";
}

enum exchange_error exchange_error_of_h1(int code)
{
    switch (h1_error_status(code)) {
    case 413:
        return EXCHANGE_ERR_BODY_TOO_LARGE;
    case 414:
        return EXCHANGE_ERR_URI_TOO_LONG;
    case 417:
        return EXCHANGE_ERR_EXPECTATION_FAILED;
    case 431:
        return EXCHANGE_ERR_HEADERS_TOO_LARGE;
    case 501:
        return EXCHANGE_ERR_NOT_IMPLEMENTED;
    case 505:
        return EXCHANGE_ERR_HTTP_VERSION;
    default:
        return EXCHANGE_ERR_BAD_REQUEST;
    }
}

/* xorshift128+: unique, not secret. */
static uint64_t next_random(struct exchange_env *env)
{
    uint64_t a = env->random[0], b = env->random[1];

    env->random[0] = b;
    a ^= a << 23;
    env->random[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return env->random[1] + b;
}

struct slice exchange_id(struct exchange *ex)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t r[2];
    char *p = ex->id;

    if (ex->id[0] != '\0')
        return slice_from(ex->id, EXCHANGE_ID_LEN);
    r[0] = (next_random(ex->env) & ~0xf000ull) | 0x4000ull;                 /* version 4 */
    r[1] = (next_random(ex->env) & ~(3ull << 62)) | (2ull << 62);           /* variant 1 */
    for (unsigned i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *p++ = '-';
        *p++ = hex[r[i / 16] >> (60 - 4 * (i % 16)) & 15];
    }
    *p = '\0';
    return slice_from(ex->id, EXCHANGE_ID_LEN);
}

static const struct slice name_type = {"Content-Type", 12}, name_allow = {"Allow", 5}, name_error = {"x-amzn-ErrorType", 16};

static size_t add(struct h1_header *h, size_t n, struct slice name, struct slice value)
{
    if (value.p == NULL)
        return n;
    h[n] = (struct h1_header){.name = name, .value = value};
    return n + 1;
}

size_t exchange_stamp(struct exchange *ex, struct h1_header *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t r;
    char *p;

    if (ex->match.stage == NULL || !ex->match.stage->aws)
        return add(out, 0, SLICE_LIT("X-Request-Id"), exchange_id(ex));
    (void)add(out, 0, SLICE_LIT("x-amzn-RequestId"), exchange_id(ex));
    p = exchange_alloc(ex, 16);
    if (p == NULL)
        return 1;
    r = next_random(ex->env);
    for (unsigned i = 0; i < 15; i++)
        p[i] = digits[i < 10 ? r >> (6 * i) & 63 : (r ^ r >> 31) >> (6 * (i - 10)) & 63];
    p[15] = '=';
    return add(out, 1, SLICE_LIT("x-amz-apigw-id"), slice_from(p, 16));
}

/* {"message":"..."}, in the arena. */
static struct slice message_body(struct exchange *ex, struct slice key, struct slice text, bool space)
{
    size_t n = key.n + text.n + 8;
    struct h1_writer w;
    char *p = exchange_alloc(ex, n);

    if (p == NULL)
        return SLICE_LIT("{}");
    h1_writer_init(&w, p, n);
    h1_write_bytes(&w, SLICE_LIT("{\""));
    h1_write_bytes(&w, key);
    h1_write_bytes(&w, SLICE_LIT("\":"));
    if (space)
        h1_write_bytes(&w, SLICE_LIT(" "));
    h1_write_bytes(&w, SLICE_LIT("\""));
    h1_write_bytes(&w, text);
    h1_write_bytes(&w, SLICE_LIT("\"}"));
    return slice_from(p, (size_t)(w.p - p));
}

/* AWS's front end answers this one in plain text. */
static struct slice too_large_text(struct exchange *ex)
{
    struct h1_writer w;
    char *p = exchange_alloc(ex, 80);

    if (p == NULL)
        return SLICE_LIT("HTTP content length exceeded.");
    h1_writer_init(&w, p, 80);
    h1_write_bytes(&w, SLICE_LIT("HTTP content length exceeded "));
    h1_write_u64(&w, ex->payload_limit);
    h1_write_bytes(&w, SLICE_LIT(" bytes."));
    return slice_from(p, (size_t)(w.p - p));
}

static struct slice allow_text(struct exchange *ex)
{
    char *p = exchange_alloc(ex, 96);
    struct h1_writer w;

    if (p == NULL)
        return SLICE_NONE;
    h1_writer_init(&w, p, 96);
    for (unsigned m = 1; m < HTTP_METHOD_COUNT; m++) {
        if ((ex->match.allow & HTTP_METHOD_BIT(m)) == 0)
            continue;
        if (w.p != p)
            h1_write_bytes(&w, SLICE_LIT(", "));
        h1_write_bytes(&w, http_method_text((enum http_method)m));
    }
    return slice_from(p, (size_t)(w.p - p));
}

void exchange_error(struct exchange *ex, enum exchange_error error)
{
    const struct gateway_error *g = &errors[error];
    bool aws = ex->match.stage != NULL && ex->match.stage->aws;
    struct slice type = SLICE_LIT("application/json"), key = SLICE_LIT("message"), body;
    struct exchange_head head = {.status = aws ? g->aws_status : g->status, .length_known = true};
    struct h1_header headers[HEADERS_MAX];
    size_t n;

    OBJ_CHECK(ex, EXCHANGE_MAGIC);
    MUST(ex->state == EXCHANGE_NEW || ex->state == EXCHANGE_RUNNING);
    if (aws && error == EXCHANGE_ERR_ACCESS_DENIED)
        key = SLICE_LIT("Message");
    if (aws && error == EXCHANGE_ERR_BODY_TOO_LARGE) {
        type = SLICE_LIT("text/plain");
        body = too_large_text(ex);
    } else {
        body = message_body(ex, key, slice_of(aws && g->aws_message != NULL ? g->aws_message : g->message), head.status >= 500);
    }
    n = add(headers, 0, name_type, type);
    n += exchange_stamp(ex, headers + n);
    if (aws)
        n = add(headers, n, name_error, slice_of(g->type));
    if (!aws && error == EXCHANGE_ERR_NO_METHOD)
        n = add(headers, n, name_allow, allow_text(ex));
    head.headers = headers;
    head.n_headers = n;
    head.content_length = body.n;
    exchange_answer(ex, &head, body);
}
