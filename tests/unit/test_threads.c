/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_threads.c - two switches, each with its worker and loop in a thread of its own, share nothing that changes
 *
 * Built once more with ThreadSanitizer (make thread-tests MODE=tsan), which is what finds out.
 */
#include "toy_port.h"

#include "core/switch.h"
#include "util/clock.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 2, GUESTS = 3, ROUNDS = 300 };

struct side {
    pthread_t thread;
    unsigned number;
    unsigned taken;   /* by its guests */
    unsigned dropped; /* as its observer was told */
    bool balanced;
};

struct ear {
    struct drop_observer observer;
    unsigned told;
};

static void count_drop(struct drop_observer *observer, const struct dropped *dropped)
{
    (void)dropped;
    container_of(observer, struct ear, observer)->told++;
}

/* Broadcasts and unicast of every guest, one of them in a VLAN that changes, another with a ring that is full at times. */
static void exchange(struct side *side, struct context *context, struct toy *const guest[GUESTS])
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct port_config wanted = guest[2]->endpoint.port->config;
        struct sample got;

        wanted.membership.untagged = round / 8 % 2 ? 10 : 0;
        port_configure(guest[2]->endpoint.port, &wanted);
        guest[1]->room = round % 3 ? TOY_SLOTS : 1;
        for (unsigned i = 0; i < GUESTS; i++) {
            struct sample frame = sample(round % 2 ? EVERYONE : 1 + (i + 1) % GUESTS, 1 + i);

            for (unsigned n = 0; n < 5; n++)
                toy_put(guest[i], &frame);
            toy_announce(guest[i]);
            toy_kick(guest[i]);
        }
        ev_run(context->loop, EVRUN_NOWAIT);
        fdb_expire(context->sw->fdb, round * SECOND);
        for (unsigned i = 0; i < GUESTS; i++) {
            while (toy_take(guest[i], &got))
                side->taken++;
        }
    }
}

static void *run_side(void *argument)
{
    struct side *side = argument;
    struct switch_config config = switch_defaults();
    struct ear ear = {.observer.notify = count_drop};
    struct context context = {0};
    struct toy *guest[GUESTS];
    struct toy_hook hook;
    struct balance books;
    int lost = 0;

    config.ports = 16;
    config.fdb_capacity = 64;
    context.sw = switch_new(&config);
    context.loop = ev_loop_new(0);
    context.io = io_worker_new(context.sw, context.loop);
    vlan_create(&context.sw->vlans, 10);
    observers_add_drops(&context.sw->observers, &ear.observer);
    for (unsigned i = 0; i < GUESTS; i++) {
        struct port *port;

        port_create(context.sw, (int)i + 1, &port);
        guest[i] = toy_open(&context, port, &lost);
    }
    toy_hook_init(&hook, DROP_CONSUMED);
    port_add_hook(guest[0]->endpoint.port, &hook.hook);
    exchange(side, &context, guest);
    observers_remove_drops(&ear.observer);
    switch_free(context.sw);
    books = context.io->core.balance;
    side->dropped = ear.told;
    side->balanced = books.received == books.resolved + books.ingress_drops + books.no_receivers &&
                     books.copies == books.delivered + books.egress_drops;
    io_worker_free(context.io);
    ev_loop_destroy(context.loop);
    return NULL;
}

static void test_two_workers_side_by_side(void **state)
{
    struct side side[THREADS] = {{.number = 0}, {.number = 1}};

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&side[i].thread, NULL, run_side, &side[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(side[i].thread, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_true(side[i].taken > 1000);
        assert_true(side[i].dropped > 100);
        assert_true(side[i].balanced);
    }
    /* What they did was the same, and so is what came of it. */
    assert_int_equal(side[0].taken, side[1].taken);
    assert_int_equal(side[0].dropped, side[1].dropped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_two_workers_side_by_side)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
