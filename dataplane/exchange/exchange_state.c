#include "base/must.h"
#include "exchange/exchange.h"

static const char *const names[EXCHANGE_STATES] = {"new", "running", "answering", "answered", "aborted"};

#define TO(s) (1u << (s))
/* From each state to those it may go to. Answered and aborted are the end: exchange_free makes it new again. */
static const uint8_t moves[EXCHANGE_STATES] = {
    [EXCHANGE_NEW] = TO(EXCHANGE_RUNNING) | TO(EXCHANGE_ANSWERING) | TO(EXCHANGE_ABORTED),
    [EXCHANGE_RUNNING] = TO(EXCHANGE_ANSWERING) | TO(EXCHANGE_ABORTED),
    [EXCHANGE_ANSWERING] = TO(EXCHANGE_ANSWERED) | TO(EXCHANGE_ABORTED),
};

void exchange_move(struct exchange *ex, enum exchange_state to)
{
    MUST((moves[ex->state] & TO(to)) != 0);
    ex->state = to;
}

const char *exchange_state_name(enum exchange_state s)
{
    return s < EXCHANGE_STATES ? names[s] : "unknown";
}
