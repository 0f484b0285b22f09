/* Bodies both ways. Nothing is stored here: who cannot take bytes leaves them with whoever brought them. */
#include "base/must.h"
#include "exchange/exchange.h"

void exchange_want_body(struct exchange *ex)
{
    ex->wants_body = true;
}

void exchange_body_resume(struct exchange *ex)
{
    ex->sink->body_resume(ex);
}

static void refuse_body(struct exchange *ex)
{
    ex->wants_body = false;
    if (ex->state == EXCHANGE_RUNNING)
        exchange_error(ex, EXCHANGE_ERR_BODY_TOO_LARGE);
    else if (ex->state == EXCHANGE_ANSWERING)
        exchange_break(ex);
}

size_t exchange_body_in(struct exchange *ex, struct slice bytes, bool last)
{
    size_t taken;

    OBJ_CHECK(ex, EXCHANGE_MAGIC);
    if (UNLIKELY(ex->body_in + bytes.n > ex->payload_limit)) {
        refuse_body(ex);
        return bytes.n;
    }
    ex->body_in += bytes.n;
    taken = ex->ops->on_body(ex, bytes, last);
    /* The exchange may be over now; the object itself lives until the connection frees it. */
    ex->body_in -= bytes.n - taken;
    if (last && taken == bytes.n)
        ex->body_complete = true;
    return taken;
}

void exchange_head(struct exchange *ex, const struct exchange_head *head)
{
    exchange_move(ex, EXCHANGE_ANSWERING);
    ex->status = head->status;
    ex->sink->head(ex, head);
}

size_t exchange_body(struct exchange *ex, struct slice bytes)
{
    size_t taken = ex->sink->body(ex, bytes);

    ex->body_out += taken;
    return taken;
}

void exchange_end(struct exchange *ex)
{
    exchange_move(ex, EXCHANGE_ANSWERED);
    ex->ops = NULL;
    ex->sink->end(ex);
}

void exchange_break(struct exchange *ex)
{
    if (ex->ops != NULL)
        ex->ops->cancel(ex);
    ex->ops = NULL;
    exchange_move(ex, EXCHANGE_ABORTED);
    ex->sink->abort(ex);
}

void exchange_flush(struct exchange *ex)
{
    ex->sink->flush(ex);
}

/* What is left of a local answer. */
static void push_rest(struct exchange *ex)
{
    size_t taken = ex->rest.n == 0 ? 0 : exchange_body(ex, ex->rest);

    ex->rest = slice_sub(ex->rest, taken, ex->rest.n);
    ex->rest_pending = ex->rest.n != 0;
    if (!ex->rest_pending)
        exchange_end(ex);
}

void exchange_answer(struct exchange *ex, const struct exchange_head *head, struct slice body)
{
    if (ex->ops != NULL)
        ex->ops->cancel(ex);
    ex->ops = NULL;
    ex->wants_body = false;
    exchange_head(ex, head);
    ex->rest = body;
    push_rest(ex);
}

void exchange_writable(struct exchange *ex)
{
    OBJ_CHECK(ex, EXCHANGE_MAGIC);
    if (ex->rest_pending)
        push_rest(ex);
    else if (ex->ops != NULL)
        ex->ops->on_writable(ex);
}
