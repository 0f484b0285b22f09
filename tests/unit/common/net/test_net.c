#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/must.h"
#include "net/graveyard.h"
#include "net/listener.h"
#include "net/mailbox.h"
#include "net/resolve.h"
#include "net/sock.h"

Suite *test_net_suite(void);

#define POSTERS 4
#define LETTERS 2000

struct letter {
    struct mail mail;
    int poster, number;
};

static struct event_base *base;
static struct mailbox *mb;
static int last[POSTERS], got, dropped;
static struct err e;

static void setup(void)
{
    base = event_base_new();
    got = dropped = 0;
    memset(last, 0, sizeof(last));
}

static void teardown(void)
{
    event_base_free(base);
}

static void post(int poster, int number)
{
    struct letter *l = calloc(1, sizeof(*l));

    l->poster = poster;
    l->number = number;
    mailbox_post(mb, &l->mail);
}

static void *post_cb(void *arg)
{
    for (int i = 1; i <= LETTERS; i++)
        post(*(int *)arg, i);
    return NULL;
}

static void mail_cb(struct mail *m, void *arg)
{
    struct letter *l = CONTAINER_OF(m, struct letter, mail);

    ck_assert_ptr_eq(arg, &got);
    ck_assert_int_eq(l->number, last[l->poster] + 1);
    last[l->poster] = l->number;
    free(l);
    if (++got == POSTERS * LETTERS)
        event_base_loopbreak(base);
}

START_TEST(mail_in_order)
{
    pthread_t t[POSTERS];
    int ids[POSTERS];

    ck_assert_int_eq(mailbox_new(base, mail_cb, &got, &mb, &e), 0);
    for (int i = 0; i < POSTERS; i++) {
        ids[i] = i;
        ck_assert_int_eq(pthread_create(&t[i], NULL, post_cb, &ids[i]), 0);
    }
    event_base_dispatch(base);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(t[i], NULL);
    ck_assert_int_eq(got, POSTERS * LETTERS);
    mailbox_free(mb, NULL);
}
END_TEST

static void drop_cb(struct mail *m, void *arg)
{
    (void)arg;
    dropped++;
    free(CONTAINER_OF(m, struct letter, mail));
}

static void free_inside_cb(struct mail *m, void *arg)
{
    (void)arg;
    got++;
    free(CONTAINER_OF(m, struct letter, mail));
    mailbox_free(mb, drop_cb);
}

START_TEST(mailbox_dies_in_its_callback)
{
    ck_assert_int_eq(mailbox_new(base, free_inside_cb, NULL, &mb, &e), 0);
    for (int i = 0; i < 3; i++)
        post(0, i);
    event_base_dispatch(base);
    ck_assert_int_eq(got, 1);
    ck_assert_int_eq(dropped, 2);
}
END_TEST

START_TEST(mail_left_is_dropped)
{
    ck_assert_int_eq(mailbox_new(base, mail_cb, &got, &mb, &e), 0);
    for (int i = 0; i < 3; i++)
        post(0, i);
    mailbox_free(mb, drop_cb);
    ck_assert_int_eq(dropped, 3);
}
END_TEST

struct body {
    struct grave grave;
    struct graveyard *g;
    struct body *child;
};

static void body_free(void *obj)
{
    struct body *b = obj;

    got++;
    if (b->child != NULL)
        graveyard_add(b->g, &b->child->grave, b->child, body_free);
    free(b);
}

START_TEST(graves)
{
    struct graveyard *g;
    struct body *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b)), *c = calloc(1, sizeof(*c));

    ck_assert_int_eq(graveyard_new(base, &g, &e), 0);
    a->g = g;
    a->child = b;
    graveyard_add(g, &a->grave, a, body_free);
    ck_assert_int_eq(got, 0);
    event_base_loop(base, EVLOOP_NONBLOCK);
    ck_assert_int_eq(got, 2);
    graveyard_add(g, &c->grave, c, body_free);
    graveyard_free(g);
    ck_assert_int_eq(got, 3);
}
END_TEST

static const struct {
    const char *in, *out; /* NULL: refused */
} addresses[] = {
    {"127.0.0.1:80", "127.0.0.1:80"}, {":8080", "0.0.0.0:8080"}, {"[::1]:1", "[::1]:1"}, {"0.0.0.0:0", "0.0.0.0:0"},
    {"[2001:db8::1]:443", "[2001:db8::1]:443"}, {"::1:80", NULL}, {"localhost:80", NULL}, {"1.2.3.4", NULL},
    {"1.2.3.4:", NULL}, {"1.2.3.4:65536", NULL}, {"1.2.3.4:-1", NULL}, {"1.2.3.4:080000", NULL}, {"", NULL},
    {"[::1:80", NULL}, {"1.2.3.4:8o", NULL},
};

START_TEST(parse_addresses)
{
    struct sock_addr a;
    char text[SOCK_TEXT_MAX];
    int rc = sock_parse(slice_of(addresses[_i].in), &a, &e);

    if (addresses[_i].out == NULL) {
        ck_assert_int_lt(rc, 0);
        return;
    }
    ck_assert_int_eq(rc, 0);
    sock_format(&a, text);
    ck_assert_str_eq(text, addresses[_i].out);
}
END_TEST

START_TEST(split)
{
    char host[SOCK_HOST_MAX];
    uint16_t port;

    ck_assert_int_eq(sock_split(SLICE_LIT("cp.example:9902"), false, host, &port, &e), 0);
    ck_assert_str_eq(host, "cp.example");
    ck_assert_int_eq(port, 9902);
    ck_assert_int_lt(sock_split(SLICE_LIT("cp:0"), false, host, &port, &e), 0);
}
END_TEST

static struct listener *listener;

static void accept_cb(int fd, const struct sock_addr *from, void *arg)
{
    (void)from, (void)arg;
    (void)close(fd);
    if (++got == 2) {
        listener_free(listener); /* inside its own callback */
        event_base_loopbreak(base);
    }
}

START_TEST(listen_and_accept)
{
    struct sock_addr a, second;
    int fd, other, c[2];

    ck_assert_int_eq(sock_parse(SLICE_LIT("127.0.0.1:0"), &a, &e), 0);
    ck_assert_int_eq(sock_listen(&a, SOCK_SHARED_FIRST, &fd, &e), 0);
    ck_assert_int_eq(sock_local(fd, &a, &e), 0);
    ck_assert_int_ne(sock_addr_port(&a), 0);
    ck_assert_int_eq(sock_listen(&a, SOCK_SHARED_NEXT, &other, &e), 0);
    ck_assert_int_eq(sock_local(other, &second, &e), 0);
    ck_assert_int_eq(sock_addr_port(&a), sock_addr_port(&second));
    (void)close(other);
    ck_assert_int_eq(sock_listen(&a, SOCK_ALONE, &other, &e), -ERR_IO);
    ck_assert_int_eq(sock_listen(&a, SOCK_SHARED_FIRST, &other, &e), -ERR_IO);
    ck_assert_int_eq(listener_new(base, fd, accept_cb, NULL, &listener, &e), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(sock_connect(&a, &c[i], &e), 0);
    event_base_dispatch(base);
    ck_assert_int_eq(got, 2);
    (void)close(c[0]);
    (void)close(c[1]);
}
END_TEST

static void resolved_cb(const struct sock_addr *addrs, size_t n, const char *why, void *arg)
{
    (void)arg;
    got = (int)n;
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(sock_addr_port(&addrs[i]), 81);
    if (n == 0)
        ck_assert_str_ne(why, "");
}

START_TEST(resolve)
{
    struct resolve *r;

    ck_assert_int_eq(resolve_start(base, "localhost", 81, resolved_cb, NULL, &r, &e), 0);
    event_base_dispatch(base);
    ck_assert_int_ge(got, 1);
    ck_assert_int_eq(resolve_start(base, "a..b", 81, resolved_cb, NULL, &r, &e), 0);
    event_base_dispatch(base);
    ck_assert_int_eq(got, 0);
    got = 7;
    ck_assert_int_eq(resolve_start(base, "localhost", 81, resolved_cb, NULL, &r, &e), 0);
    resolve_cancel(r);
    event_base_dispatch(base);
    ck_assert_int_eq(got, 7);
}
END_TEST

Suite *test_net_suite(void)
{
    Suite *s = suite_create("net");
    TCase *t = tcase_create("net");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, mail_in_order);
    tcase_add_test(t, mailbox_dies_in_its_callback);
    tcase_add_test(t, mail_left_is_dropped);
    tcase_add_test(t, graves);
    tcase_add_loop_test(t, parse_addresses, 0, (int)ARRAY_LEN(addresses));
    tcase_add_test(t, split);
    tcase_add_test(t, listen_and_accept);
    tcase_add_test(t, resolve);
    suite_add_tcase(s, t);
    return s;
}
