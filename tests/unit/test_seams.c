/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_seams.c - what a new port type, a hook, an injector and an observer of drops are built on
 */
#include "toy_port.h"

#include "core/switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct context context;
    struct worker *worker;
    int lost[4];
};

static int setup(void **state)
{
    struct switch_config config = switch_defaults();
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    config.ports = 16;
    bench->context.sw = switch_new(&config);
    bench->context.loop = ev_loop_new(0);
    bench->context.io = io_worker_new(bench->context.sw, bench->context.loop);
    bench->worker = &bench->context.io->core;
    *state = bench;
    return 0;
}

static void assert_balanced(const struct bench *bench)
{
    const struct balance *books = &bench->worker->balance;

    assert_int_equal(books->received, books->resolved + books->ingress_drops + books->no_receivers);
    assert_int_equal(books->copies, books->delivered + books->egress_drops + books->queued);
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    assert_balanced(bench);
    switch_free(bench->context.sw);
    io_worker_free(bench->context.io);
    ev_loop_destroy(bench->context.loop);
    free(bench);
    return 0;
}

static struct port *port(struct bench *bench, int number)
{
    struct port *port = switch_port(bench->context.sw, (unsigned)number);

    if (!port)
        assert_int_equal(port_create(bench->context.sw, number, &port), 0);
    return port;
}

static struct toy *toy(struct bench *bench, int number)
{
    return toy_open(&bench->context, port(bench, number), &bench->lost[number]);
}

static void turn(struct bench *bench)
{
    ev_run(bench->context.loop, EVRUN_NOWAIT);
}

/* A frame that tells its number. */
static struct sample numbered(unsigned from, unsigned number)
{
    struct sample frame = sample(EVERYONE, from);

    frame.bytes[20] = (uint8_t)(number >> 8);
    frame.bytes[21] = (uint8_t)number;
    return frame;
}

static void put_many(struct toy *toy, unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct sample frame = numbered(from, i);

        toy_put(toy, &frame);
    }
}

static unsigned number_of(const struct sample *frame)
{
    return read_be16(frame->bytes + 20);
}

/* --- a type with rings --- */

static void test_frames_cross_from_ring_to_ring(void **state)
{
    struct bench *bench = *state;
    struct toy *one = toy(bench, 1), *two = toy(bench, 2);
    struct sample sent = numbered(1, 7), got;

    toy_put(one, &sent);
    turn(bench);
    assert_false(toy_take(two, &got)); /* not announced */
    toy_announce(one);
    turn(bench);
    assert_true(toy_take(two, &got));
    assert_int_equal(got.length, sent.length);
    assert_memory_equal(got.bytes, sent.bytes, sent.length);
    assert_false(toy_take(two, &got));
    assert_int_equal(one->in.taken, 1); /* the slot is the guest's again */
}

/* A full ring fills the queue; one kick for a whole ring of room empties it, in order. */
static void test_a_kick_brings_what_waited(void **state)
{
    struct bench *bench = *state;
    struct toy *one = toy(bench, 1), *two = toy(bench, 2);
    struct sample got;

    two->room = 8;
    put_many(one, 1, 200);
    toy_announce(one);
    for (unsigned i = 0; i < 5; i++)
        turn(bench);
    assert_int_equal(two->endpoint.queue.frames, 192);
    assert_balanced(bench);
    two->room = TOY_SLOTS;
    toy_kick(two);
    turn(bench);
    assert_int_equal(two->endpoint.queue.frames, 0);
    for (unsigned i = 0; i < 200; i++) {
        assert_true(toy_take(two, &got));
        assert_int_equal(number_of(&got), i);
    }
    assert_false(ev_is_active(&two->kicked));
}

/* More than a batch in the ring was announced once: the others have their turn in between. */
static void test_one_wake_is_one_batch(void **state)
{
    struct bench *bench = *state;
    struct toy *busy = toy(bench, 1), *quick = toy(bench, 2), *ear = toy(bench, 3);
    struct sample got;
    unsigned before = 0;

    put_many(busy, 1, 200);
    put_many(quick, 2, 1);
    toy_announce(busy);
    toy_announce(quick);
    for (unsigned i = 0; i < 10; i++)
        turn(bench);
    assert_int_equal(busy->rx_calls, 4);
    while (toy_take(ear, &got) && got.bytes[11] != 2)
        before++;
    assert_int_equal(got.bytes[11], 2);
    assert_true(before <= 2 * BATCH_FRAMES);
    while (toy_take(ear, &got))
        before++;
    assert_int_equal(before, 200);
}

/* Who waits for another turn gets no second one because something came in meanwhile. */
static void test_one_turn_a_round(void **state)
{
    struct bench *bench = *state;
    struct toy *one = toy(bench, 1);

    put_many(one, 1, 150);
    toy_announce(one);
    turn(bench);
    assert_int_equal(one->rx_calls, 1);
    put_many(one, 1, 100);
    toy_announce(one);
    turn(bench);
    assert_int_equal(one->rx_calls, 2);
    turn(bench);
    turn(bench);
    assert_int_equal(one->in.taken, 250);
}

static void test_a_guest_that_lies_loses_its_port(void **state)
{
    struct bench *bench = *state;
    struct toy *one = toy(bench, 1);

    one->in.put = one->in.taken + TOY_SLOTS + 1;
    toy_announce(one);
    turn(bench);
    assert_int_equal(bench->lost[1], EPROTO);
    assert_false(port_active(port(bench, 1)));
}

/* It is found out in the middle of a flood: the others get all of the batch, then it ends. */
static void test_failing_inside_tx(void **state)
{
    struct bench *bench = *state;
    struct toy *one = toy(bench, 1), *three;
    struct sample got;

    toy(bench, 2)->tx_error = EPIPE;
    three = toy(bench, 3);
    put_many(one, 1, 5);
    toy_announce(one);
    turn(bench);
    assert_int_equal(bench->lost[2], EPIPE);
    assert_false(port_active(port(bench, 2)));
    assert_int_equal(port(bench, 2)->counters.drops[DROP_SEND_ERROR], 5);
    for (unsigned i = 0; i < 5; i++)
        assert_true(toy_take(three, &got));
    assert_int_equal(bench->lost[1] + bench->lost[3], 0);
}

static void test_failing_outside_a_wake(void **state)
{
    struct bench *bench = *state;
    struct toy *one = toy(bench, 1), *two = toy(bench, 2);

    endpoint_fail(&one->endpoint, EIO);
    endpoint_fail(&one->endpoint, EPIPE);
    endpoint_fail(&two->endpoint, EIO);
    assert_int_equal(bench->lost[1], 0);
    toy_close(two); /* ended otherwise meanwhile: it is not lost any more */
    turn(bench);
    assert_int_equal(bench->lost[1], EIO);
    assert_int_equal(bench->lost[2], 0);
}

static void test_closed_with_more_to_receive(void **state)
{
    struct bench *bench = *state;
    struct toy *one = toy(bench, 1), *two = toy(bench, 2);

    put_many(one, 1, 100);
    put_many(two, 2, 100);
    toy_announce(one);
    toy_announce(two);
    turn(bench);
    assert_false(list_empty(&one->endpoint.again));
    toy_close(one);
    turn(bench);
    turn(bench);
    assert_int_equal(two->rx_calls, 2);
}

/* --- a hook --- */

struct ear {
    struct drop_observer observer;
    unsigned told;
    struct dropped last;
    struct sample frame;
};

static void hear_drop(struct drop_observer *observer, const struct dropped *dropped)
{
    struct ear *ear = container_of(observer, struct ear, observer);

    ear->told++;
    ear->last = *dropped;
    ear->frame.length = 0;
    for (unsigned i = 0; i < dropped->frame->iov_count; i++) {
        const struct iovec *iov = &dropped->frame->iov[i];

        memcpy(ear->frame.bytes + ear->frame.length, iov->iov_base, iov->iov_len);
        ear->frame.length += (uint32_t)iov->iov_len;
    }
}

static void test_a_hook_drops_every_tenth_frame(void **state)
{
    static const struct drop_kind tenth = {"tenth", .egress = false};
    struct bench *bench = *state;
    struct vswitch *sw = bench->context.sw;
    struct toy *one = toy(bench, 1), *two = toy(bench, 2);
    int reason = switch_add_drop_kind(sw, &tenth);
    struct ear ear = {.observer.notify = hear_drop};
    struct toy_hook hook;
    struct sample got;

    assert_true(reason >= DROP_REASONS);
    toy_hook_init(&hook, (uint8_t)reason);
    port_add_hook(port(bench, 1), &hook.hook);
    observers_add_drops(&sw->observers, &ear.observer);
    put_many(one, 1, 200);
    put_many(two, 2, 30); /* the hook is not on that port */
    toy_announce(one);
    toy_announce(two);
    for (unsigned i = 0; i < 10; i++)
        turn(bench);
    for (unsigned i = 0; i < 200; i++) {
        if (i % 10 == 9)
            continue;
        assert_true(toy_take(two, &got));
        assert_int_equal(number_of(&got), i);
    }
    assert_false(toy_take(two, &got));
    assert_int_equal(one->out.put, 30);
    assert_int_equal(port(bench, 1)->counters.drops[reason], 20);
    assert_int_equal(one->endpoint.counters.drops[reason], 20);
    assert_int_equal(ear.told, 20);
    assert_ptr_equal(ear.last.port, port(bench, 1));
    assert_int_equal(ear.last.reason, reason);
    assert_int_equal(number_of(&ear.frame), 199);
    assert_balanced(bench);

    port_remove_hook(&hook.hook);
    observers_remove_drops(&ear.observer);
    switch_remove_drop_kind(sw, (unsigned)reason);
    assert_int_equal(port(bench, 1)->counters.drops[reason], 0);
    put_many(one, 1, 50);
    toy_announce(one);
    turn(bench);
    assert_int_equal(two->out.put, 230);
    assert_int_equal(ear.told, 20);
}

static int hook_order;

static void note_order(struct batch_hook *hook, struct batch *batch, uint64_t now)
{
    (void)batch, (void)now;
    hook_order = hook_order * 10 + hook->order;
}

static void test_hooks_look_in_order(void **state)
{
    struct bench *bench = *state;
    struct batch_hook hook[] = {{.order = 3, .ingress = note_order},
                                {.order = 1, .ingress = note_order},
                                {.order = 2, .ingress = note_order}};
    struct toy *one = toy(bench, 1);

    for (unsigned i = 0; i < 3; i++)
        port_add_hook(port(bench, 1), &hook[i]);
    hook_order = 0;
    put_many(one, 1, 1);
    toy_announce(one);
    turn(bench);
    assert_int_equal(hook_order, 123);
    for (unsigned i = 0; i < 3; i++)
        port_remove_hook(&hook[i]);
}

static void test_reasons_come_and_go(void **state)
{
    static const struct drop_kind kind = {"mine", .egress = true};
    struct bench *bench = *state;
    struct vswitch *sw = bench->context.sw;

    for (unsigned i = DROP_REASONS; i < DROP_REASONS_MAX; i++)
        assert_int_equal(switch_add_drop_kind(sw, &kind), i);
    assert_int_equal(switch_add_drop_kind(sw, &kind), -ENOSPC);
    switch_remove_drop_kind(sw, DROP_REASONS + 3);
    assert_int_equal(switch_add_drop_kind(sw, &kind), DROP_REASONS + 3);
}

/* --- frames that come from no endpoint --- */

static void test_a_batch_of_frames_that_lie_elsewhere(void **state)
{
    struct bench *bench = *state;
    struct toy *two = toy(bench, 2);
    struct sample made = numbered(1, 5), runt = sized(made, 3), got;
    struct batch *batch = calloc(1, sizeof(*batch));

    assert_non_null(batch);
    batch->port = port(bench, 1);
    batch->count = 2;
    frame_init(&batch->frame[0], made.bytes, made.length);
    frame_init(&batch->frame[1], runt.bytes, runt.length);
    datapath_run(bench->worker, batch, 1);
    free(batch);
    assert_true(toy_take(two, &got));
    assert_memory_equal(got.bytes, made.bytes, made.length);
    assert_int_equal(port(bench, 1)->counters.in_frames, 1);
    assert_int_equal(port(bench, 1)->counters.drops[DROP_RUNT], 1);
    assert_int_equal(port(bench, 1)->fdb.count, 1);
}

/* --- drops that were frames are handed over --- */

static void test_dropped_frames_are_handed_over(void **state)
{
    struct bench *bench = *state;
    struct toy *one = toy(bench, 1), *two = toy(bench, 2);
    struct ear ear = {.observer.notify = hear_drop};
    struct sample small = sized(numbered(1, 1), 5), giant = sized(numbered(1, 2), FRAME_MAX + 9);
    struct sample to_nobody;

    observers_add_drops(&bench->context.sw->observers, &ear.observer);
    toy_put(one, &small);
    toy_announce(one);
    turn(bench);
    assert_int_equal(ear.last.reason, DROP_RUNT);
    assert_ptr_equal(ear.last.endpoint, &one->endpoint);
    assert_int_equal(ear.frame.length, 5);
    toy_put(one, &giant);
    toy_announce(one);
    turn(bench);
    assert_int_equal(ear.last.reason, DROP_GIANT);
    assert_int_equal(ear.frame.length, FRAME_MAX); /* what is there of it */

    /* on the way out: from the queue of an endpoint that ends */
    two->room = 1;
    put_many(one, 1, 4);
    toy_announce(one);
    turn(bench);
    assert_int_equal(two->endpoint.queue.frames, 3);
    toy_close(two);
    assert_int_equal(ear.told, 5);
    assert_int_equal(ear.last.reason, DROP_DETACHED);
    assert_int_equal(number_of(&ear.frame), 3);

    /* and a copy for a port to which nothing is attached any more */
    fdb_add_static(bench->context.sw->fdb, 0, (const uint8_t[]){2, 0, 0, 0, 0, 9},
                   &port(bench, 2)->fdb, 1);
    to_nobody = sample(9, 1);
    toy_put(one, &to_nobody);
    toy_announce(one);
    turn(bench);
    assert_int_equal(ear.last.reason, DROP_NO_ENDPOINT);
    assert_ptr_equal(ear.last.port, port(bench, 2));
    assert_null(ear.last.endpoint);
    observers_remove_drops(&ear.observer);
}

/* Whatever it is dropped for, no more of a frame is read than must be there. */
static void test_drops_of_frames_that_are_not_all_there(void **state)
{
    static const struct {
        uint32_t length, told;
        int tag;
        enum drop_reason reason;
    } frames[] = {
        {FRAME_MAX + 9, FRAME_MAX, TAG_NONE, DROP_UNEXPECTED_SOURCE},
        {200000, FRAME_MAX, TAG_NONE, DROP_UNEXPECTED_SOURCE},
        {FRAME_MAX + 1, FRAME_MAX, 5, DROP_GIANT},
        {FRAME_MAX + 1, FRAME_MAX, 5, DROP_NONE},
        {60, 60, TAG_NONE, DROP_GIANT}, /* so its endpoint says: it may know of more */
        {60, 64, 5, DROP_GIANT},
    };
    struct bench *bench = *state;
    struct ear ear = {.observer.notify = hear_drop};
    struct sample made = sample(EVERYONE, 1);
    struct batch *batch = calloc(1, sizeof(*batch));
    uint8_t *bytes;

    assert_non_null(batch);
    observers_add_drops(&bench->context.sw->observers, &ear.observer);
    for (unsigned i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        size_t there = frames[i].length < FRAME_MAX ? frames[i].length : FRAME_MAX;

        bytes = malloc(there);
        assert_non_null(bytes);
        memcpy(bytes, made.bytes, there);
        batch->port = port(bench, 1);
        batch->count = 1;
        frame_init(&batch->frame[0], bytes, frames[i].length);
        batch->frame[0].stripped_tag = frames[i].tag;
        batch->frame[0].drop = (uint8_t)frames[i].reason;
        datapath_run(bench->worker, batch, 1);
        free(bytes);
        assert_int_equal(ear.told, i + 1);
        assert_int_equal(ear.frame.length, frames[i].told);
    }
    observers_remove_drops(&ear.observer);
    free(batch);
}

/* --- ends in another order --- */

static void test_a_port_that_goes_before_its_hook(void **state)
{
    struct bench *bench = *state;
    struct batch_hook one = {.ingress = note_order}, two = {.ingress = note_order};

    port_add_hook(port(bench, 1), &one);
    port_add_hook(port(bench, 1), &two);
    assert_int_equal(port_remove(port(bench, 1)), 0);
    port_remove_hook(&one);
    port_remove_hook(&two);
}

static void count_closed(struct endpoint *endpoint)
{
    port_detach(endpoint);
    endpoint->error = -1;
}

static void test_a_type_that_says_nothing_when_it_is_lost(void **state)
{
    static const struct endpoint_ops ops = {
        .type = "mute", .module = "mute", .close = count_closed};
    struct bench *bench = *state;
    struct endpoint endpoint;

    endpoint_init(&endpoint, &ops, bench->worker);
    assert_int_equal(port_attach(port(bench, 1), &endpoint), 0);
    endpoint_fail(&endpoint, EIO);
    assert_true(port_active(port(bench, 1)));
    turn(bench);
    assert_false(port_active(port(bench, 1)));
    assert_int_equal(endpoint.error, -1);
}

int main(void)
{
#define BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        BENCH(test_frames_cross_from_ring_to_ring),
        BENCH(test_a_kick_brings_what_waited),
        BENCH(test_one_wake_is_one_batch),
        BENCH(test_one_turn_a_round),
        BENCH(test_a_guest_that_lies_loses_its_port),
        BENCH(test_failing_inside_tx),
        BENCH(test_failing_outside_a_wake),
        BENCH(test_closed_with_more_to_receive),
        BENCH(test_a_hook_drops_every_tenth_frame),
        BENCH(test_hooks_look_in_order),
        BENCH(test_reasons_come_and_go),
        BENCH(test_a_batch_of_frames_that_lie_elsewhere),
        BENCH(test_dropped_frames_are_handed_over),
        BENCH(test_drops_of_frames_that_are_not_all_there),
        BENCH(test_a_port_that_goes_before_its_hook),
        BENCH(test_a_type_that_says_nothing_when_it_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
