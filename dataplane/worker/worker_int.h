#pragma once
/* Private to worker/. */
#include <pthread.h>

#include <event2/event.h>

#include "base/list.h"
#include "net/graveyard.h"
#include "net/listener.h"
#include "net/mailbox.h"
#include "worker/worker.h"

#define WORKER_MAGIC 0x574f524bu

enum worker_mail_kind {
    WORKER_MAIL_SWAP,      /* to the worker: a generation to serve */
    WORKER_MAIL_RESOLVED,  /* to the worker */
    WORKER_MAIL_DRAIN,     /* to the worker */
    WORKER_MAIL_STOP,      /* to the worker */
    WORKER_MAIL_UNPIN,     /* to the worker: end what holds an old generation for too long */
    WORKER_MAIL_TAKEN,     /* to main: the generation is served */
    WORKER_MAIL_UNUSED,    /* to main: the generation's last exchange ended */
    WORKER_MAIL_UNPINNED,  /* to main: done */
    WORKER_MAIL_DRAINED,   /* to main */
};

struct worker_mail {
    struct mail mail;
    enum worker_mail_kind kind;
};

struct worker;
struct workers_publication;

/* One snapshot on one worker, with the mail that it needs in its life: nothing is allocated on the worker. */
struct worker_generation {
    struct exchange_generation g;
    struct worker_mail to, taken, unused;
    struct worker *worker;
    struct workers_publication *publication;
};

/* One at a time: the worker's between the two mails, else main's. */
struct worker_unpin {
    struct worker_mail to, done;
    uint64_t number, begin_ns;  /* generations up to number; exchanges older than begin_ns */
    uint32_t closed;
};

struct worker_resolved {
    struct worker_mail mail;
    size_t n;
    struct sock_addr addresses[UPSTREAM_ADDRESSES_MAX];
    size_t host_n;
    char host[];
};

struct worker {
    uint32_t magic;
    struct workers *group;
    unsigned index;
    pthread_t thread;
    bool started, stop, draining, told_drained;
    struct event_base *base;
    struct mailbox *mailbox;
    struct graveyard *graveyard;
    struct event *tick;
    struct listener *listener;
    int listen_fd;             /* the listener's; -1: closed */
    bool deaf;                 /* it no longer listens; its descriptor is closed a turn later */
    uint64_t next_tick_us;
    int64_t date_second;
    struct wheel wheel;
    struct block_pool blocks;
    struct connection_env connections;
    struct exchange_env exchanges;
    struct upstream_env upstream_env;
    struct telemetry_shard shard;
    struct worker_mail drain_mail, stop_mail, drained_mail;
    struct worker_unpin unpin;
    uint64_t open;             /* connections, for other threads to read */
};

/* Everything a worker needs, on the caller's thread; fd is taken over. */
MUST_USE int worker_init(struct worker *w, struct workers *group, unsigned index, int fd, const struct workers_options *o, struct err *e);
MUST_USE int worker_start(struct worker *w, struct err *e);
/* After the thread ended (or never started). */
void worker_fini(struct worker *w);
/* workers.c: from a worker's thread. */
void workers_tell(struct workers *g, struct worker_mail *m);
