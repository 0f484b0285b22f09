#pragma once
/* Mail to a loop's thread. Posting is lock-free and never fails; the mail is the poster's object, so whoever makes it
 * bounds how much there is. Mail of one poster arrives in order. */
#include <stddef.h>

#include "base/err.h"

struct event_base;
struct mailbox;

/* Embedded in what is sent (CONTAINER_OF finds it again). */
struct mail {
    struct mail *next;
};

/* cb runs on base's thread and owns the mail from then on. */
MUST_USE int mailbox_new(struct event_base *base, void (*cb)(struct mail *m, void *arg), void *arg,
                         struct mailbox **out, struct err *e);
/* On the loop's thread, when nobody posts any more. Mail not delivered goes to drop (NULL: it is nobody's), in order. */
void mailbox_free(struct mailbox *mb, void (*drop)(struct mail *m, void *arg));
/* Any thread. m belongs to the mailbox until cb gets it. */
void mailbox_post(struct mailbox *mb, struct mail *m);
