/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_port.c - endpoints: several on a port, slow ones, broken ones, and ones with a small maximum
 * frame size
 */
#include "fake_port.h"

#include <errno.h>
#include <string.h>

/* A distinct frame for each N, so that the order can be checked. */
static struct sample nth(unsigned n)
{
    struct sample frame = sample(EVERYONE, 2);

    frame.bytes[20] = (uint8_t)n;
    frame.bytes[21] = (uint8_t)(n >> 8);
    return sized(frame, 60 + n % 50);
}

/* Sends frames FIRST to LAST-1 in through FROM, in batches. */
static void send_many(struct lab *lab, struct fake *from, unsigned first, unsigned last)
{
    for (unsigned n = first; n < last; n++) {
        struct sample frame = nth(n);

        lab_put(lab, &frame);
        if (lab->batch->count == BATCH_FRAMES || n + 1 == last)
            lab_run(lab, from);
    }
}

static void assert_heard_many(struct fake *fake, unsigned first, unsigned last)
{
    for (unsigned n = first; n < last; n++)
        assert_heard(fake, nth(n));
    assert_silent(fake);
}

static void test_each_endpoint_of_a_port_hears(void **state)
{
    struct lab *lab = *state;
    struct fake *a = lab_attach(lab, 1), *b = lab_attach(lab, 1), *c = lab_attach(lab, 1);
    struct fake *from = lab_attach(lab, 2);

    send_many(lab, from, 0, 100);
    assert_heard_many(a, 0, 100);
    assert_heard_many(b, 0, 100);
    assert_heard_many(c, 0, 100);
    assert_int_equal(lab->worker->balance.copies, 300);
    assert_int_equal(lab->worker->balance.resolved, 100);
    assert_int_equal(a->endpoint.counters.out_frames, 100);
    assert_int_equal(lab_port(lab, 1)->counters.out_frames, 300);
}

static void test_endpoints_of_one_port_do_not_hear_each_other(void **state)
{
    struct lab *lab = *state;
    struct fake *a = lab_attach(lab, 1), *b = lab_attach(lab, 1), *other = lab_attach(lab, 2);

    lab_send(lab, a, sample(EVERYONE, 1));
    lab_send(lab, b, sample(1, 3)); /* unicast to a neighbour on the same port */
    assert_silent(a);
    assert_silent(b);
    assert_heard(other, sample(EVERYONE, 1));
    assert_silent(other);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_SAME_PORT], 1);
    assert_int_equal(b->endpoint.counters.drops[DROP_SAME_PORT], 1);
}

static void test_one_call_for_a_batch(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    send_many(lab, from, 0, BATCH_FRAMES);
    assert_int_equal(to->calls, 1);
    assert_heard_many(to, 0, BATCH_FRAMES);
}

static void test_partial_acceptance_is_asked_again(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    to->at_once = 7;
    send_many(lab, from, 0, BATCH_FRAMES);
    assert_heard_many(to, 0, BATCH_FRAMES);
    assert_int_equal(to->calls, 10);
    assert_false(to->waiting);
}

static void test_slow_endpoint_queues_in_order(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    to->room = 10;
    send_many(lab, from, 0, 200);
    assert_heard_many(to, 0, 10);
    assert_true(to->waiting);
    assert_int_equal(to->endpoint.queue.frames, 190);
    assert_int_equal(lab->worker->balance.queued, 190);
    fake_resume(to, 5);
    assert_heard_many(to, 10, 15);
    assert_true(to->waiting);
    to->room = UNLIMITED;
    send_many(lab, from, 200, 210); /* newer frames are queued behind older ones */
    assert_silent(to);
    for (unsigned i = 0; i < 4; i++)
        fake_resume(to, UNLIMITED);
    assert_false(to->waiting);
    assert_heard_many(to, 15, 210);
    assert_int_equal(lab->worker->balance.queued, 0);
    send_many(lab, from, 210, 220);
    assert_heard_many(to, 210, 220);
    assert_false(to->waiting);
}

static void test_writable_sends_a_batch_at_a_time(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    to->room = 0;
    send_many(lab, from, 0, 150);
    fake_resume(to, UNLIMITED);
    assert_int_equal(unread(to), BATCH_FRAMES);
    assert_true(to->waiting);
    fake_resume(to, UNLIMITED);
    fake_resume(to, UNLIMITED);
    assert_heard_many(to, 0, 150);
    assert_false(to->waiting);
}

/* Nothing is queued: reporting room does no harm. */
static void test_writable_with_an_empty_queue(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1);

    to->waiting = true;
    fake_resume(to, UNLIMITED);
    assert_false(to->waiting);
    assert_int_equal(to->calls, 0);
}

static void test_queue_is_bounded_in_frames(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2), *quick = lab_attach(lab, 3);

    to->endpoint.queue_frames = 50;
    to->room = 0;
    send_many(lab, from, 0, 120);
    assert_int_equal(to->endpoint.queue.frames, 50);
    assert_int_equal(to->endpoint.counters.drops[DROP_QUEUE_FULL], 70);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_QUEUE_FULL], 70);
    assert_heard_many(quick, 0, 120); /* a slow endpoint affects only itself */
    fake_resume(to, UNLIMITED);
    assert_heard_many(to, 0, 50); /* the oldest are kept */
    assert_int_equal(to->endpoint.counters.out_frames, 50);
}

static void test_queue_is_bounded_in_bytes(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    lab->sw->config.queue_bytes = 2500;
    to->room = 0;
    lab_send(lab, from, sized(sample(EVERYONE, 2), 1000));
    lab_send(lab, from, sized(sample(EVERYONE, 2), 1000));
    lab_send(lab, from, sized(sample(EVERYONE, 2), 501));
    assert_int_equal(to->endpoint.queue.frames, 2);
    lab_send(lab, from, sized(sample(EVERYONE, 2), 500));
    assert_int_equal(to->endpoint.queue.frames, 3);
    assert_int_equal(to->endpoint.queue.bytes, 2500);
    assert_int_equal(to->endpoint.counters.drops[DROP_QUEUE_FULL], 1);
}

static void test_no_queue_at_all(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    to->endpoint.queue_frames = 0;
    to->room = 3;
    send_many(lab, from, 0, 10);
    assert_heard_many(to, 0, 3);
    assert_int_equal(to->endpoint.counters.drops[DROP_QUEUE_FULL], 7);
    to->room = UNLIMITED;
    send_many(lab, from, 10, 20);
    assert_heard_many(to, 10, 20);
}

/* Queued frames are copies, tag included: the buffers of the batch have been reused. */
static void test_queued_frames_keep_their_tags(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    lab_vlans(lab, 1, VID_NONE, "10-20");
    lab_vlans(lab, 2, 10, "11");
    to->room = 0;
    lab_send(lab, from, sample(EVERYONE, 2));
    lab_send(lab, from, tagged(sample(EVERYONE, 2), 0xe00b));
    fake_resume(to, UNLIMITED);
    assert_heard(to, tagged(sample(EVERYONE, 2), 10));
    assert_heard(to, tagged(sample(EVERYONE, 2), 0xe00b));
}

static void test_detaching_drops_what_is_queued(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *stays = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    to->room = 0;
    send_many(lab, from, 0, 30);
    lab_detach(to);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_DETACHED], 30);
    assert_int_equal(lab->worker->balance.queued, 0);
    assert_conserved(lab);
    assert_heard_many(stays, 0, 30);
}

static void test_broken_endpoint_loses_its_frames_only(void **state)
{
    struct lab *lab = *state;
    struct fake *broken = lab_attach(lab, 1), *other = lab_attach(lab, 1),
                *from = lab_attach(lab, 2);

    broken->error = -ECONNREFUSED;
    send_many(lab, from, 0, 20);
    assert_silent(broken);
    assert_int_equal(broken->endpoint.counters.drops[DROP_SEND_ERROR], 20);
    assert_int_equal(broken->endpoint.counters.out_frames, 0);
    assert_false(broken->waiting);
    assert_heard_many(other, 0, 20);
}

static void test_what_is_refused_later_is_not_delivered(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    send_many(lab, from, 0, 20);
    port_drop_late(&to->endpoint, DROP_REFUSED, 3);
    assert_int_equal(lab->worker->balance.delivered, 17);
    assert_conserved(lab);
    to->endpoint.counters = (struct counters){0}; /* users may reset them at any time */
    port_drop_late(&to->endpoint, DROP_REFUSED, UINT64_MAX);
    port_drop_late(&to->endpoint, DROP_REFUSED, 1);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_REFUSED], 20);
    assert_int_equal(to->endpoint.counters.drops[DROP_REFUSED], 17);
    assert_int_equal(lab->worker->balance.delivered, 0);
    assert_conserved(lab);
}

static void test_error_while_frames_wait(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    to->room = 0;
    send_many(lab, from, 0, 20);
    to->error = -EPIPE;
    fake_resume(to, UNLIMITED);
    assert_int_equal(to->endpoint.counters.drops[DROP_SEND_ERROR], 20);
    assert_int_equal(lab->worker->balance.queued, 0);
    assert_false(to->waiting);
    assert_conserved(lab);
}

static void test_too_long_for_one_endpoint(void **state)
{
    struct lab *lab = *state;
    struct fake *small = lab_attach(lab, 1), *large = lab_attach(lab, 1),
                *from = lab_attach(lab, 2);
    struct sample fits = sized(sample(EVERYONE, 2), 1518), not = sized(sample(EVERYONE, 2), 1519);

    small->endpoint.max_frame = 1518;
    lab_put(lab, &not );
    lab_put(lab, &fits);
    lab_put(lab, &not );
    lab_put(lab, &not );
    lab_put(lab, &fits);
    lab_put(lab, &fits);
    lab_put(lab, &not );
    lab_run(lab, from);
    for (unsigned i = 0; i < 3; i++)
        assert_heard(small, fits);
    assert_silent(small);
    assert_int_equal(unread(large), 7);
    assert_int_equal(small->endpoint.counters.drops[DROP_OVERSIZE], 4);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_OVERSIZE], 4);
    assert_int_equal(large->endpoint.counters.drops[DROP_OVERSIZE], 0);
}

/* The size limit applies to the frame as it leaves. */
static void test_the_tag_counts_towards_the_length(void **state)
{
    struct lab *lab = *state;
    struct fake *trunk = lab_attach(lab, 1), *access = lab_attach(lab, 3),
                *from = lab_attach(lab, 2);
    struct sample plain = sized(sample(EVERYONE, 2), 1000);

    lab_vlans(lab, 1, VID_NONE, "10");
    lab_vlans(lab, 2, 10, NULL);
    lab_vlans(lab, 3, 10, NULL);
    trunk->endpoint.max_frame = 1003;
    access->endpoint.max_frame = 1000;
    lab_send(lab, from, plain);
    assert_silent(trunk);
    assert_heard(access, plain);
    lab_send(lab, from, tagged(plain, 10)); /* 1004 in, 1000 out */
    assert_heard(access, plain);
    trunk->endpoint.max_frame = 1004;
    lab_send(lab, from, plain);
    assert_heard(trunk, tagged(plain, 10));
}

/* An endpoint that finds a frame too long returns -EMSGSIZE; the rest of the batch goes on. */
static void test_refused_for_its_size(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);
    struct sample fits = sized(sample(EVERYONE, 2), 100), not = sized(sample(EVERYONE, 2), 101);

    to->mtu = 100;
    lab_put(lab, &fits);
    lab_put(lab, &not );
    lab_put(lab, &fits);
    lab_run(lab, from);
    assert_heard(to, fits);
    assert_heard(to, fits);
    assert_silent(to);
    assert_int_equal(to->endpoint.counters.drops[DROP_OVERSIZE], 1);
    assert_int_equal(to->endpoint.counters.drops[DROP_SEND_ERROR], 0);
}

static void test_oversize_does_not_wait(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    to->endpoint.max_frame = 100;
    to->room = 0;
    lab_send(lab, from, sized(sample(EVERYONE, 2), 101));
    assert_int_equal(to->endpoint.queue.frames, 0);
    assert_false(to->waiting);
    lab_send(lab, from, sized(sample(EVERYONE, 2), 100));
    assert_true(to->waiting);
}

static void test_bytes_are_counted_as_they_leave(void **state)
{
    struct lab *lab = *state;
    struct fake *to = lab_attach(lab, 1), *from = lab_attach(lab, 2);

    lab_vlans(lab, 1, VID_NONE, "10");
    lab_vlans(lab, 2, 10, NULL);
    lab_send(lab, from, sized(sample(EVERYONE, 2), 100));
    to->room = 0;
    lab_send(lab, from, sized(sample(EVERYONE, 2), 100));
    assert_int_equal(to->endpoint.counters.out_bytes, 104);
    fake_resume(to, UNLIMITED);
    assert_int_equal(to->endpoint.counters.out_bytes, 208);
    assert_int_equal(lab_port(lab, 1)->counters.out_bytes, 208);
    assert_int_equal(from->endpoint.counters.in_bytes, 200);
    assert_int_equal(lab_port(lab, 2)->counters.in_bytes, 200);
    assert_int_equal(lab_port(lab, 2)->counters.in_frames, 2);
    lab_send(lab, from, tagged(sized(sample(EVERYONE, 2), 100), 10));
    assert_int_equal(from->endpoint.counters.in_bytes, 304);
    assert_int_equal(lab_port(lab, 2)->counters.in_bytes, 304);
}

/* What a command does: copy, change one thing, apply. */
static void test_configure_says_what_it_did(void **state)
{
    struct lab *lab = *state;
    struct port *port = lab_port(lab, 5);
    struct port_config wanted = port->config;

    assert_int_equal(port_configure(port, &wanted), 0);
    assert_int_equal(lab_count(lab, EVENT_PORT_CONFIGURED), 0);
    strcpy(wanted.name, "web");
    wanted.description = (char *)"the web";
    assert_int_equal(port_configure(port, &wanted), 0);
    assert_int_equal(lab_count(lab, EVENT_PORT_CONFIGURED), 1);
    assert_int_equal(lab_count(lab, EVENT_LEARNING), 0);
    assert_ptr_equal(port_named(lab->sw, "web"), port);
    wanted = port->config;
    wanted.max_addresses = 3;
    assert_int_equal(port_configure(port, &wanted), 0);
    assert_int_equal(port->fdb.limit, 3);
    assert_int_equal(lab_count(lab, EVENT_LEARNING), 1);
    wanted = port->config;
    wanted.max_addresses = PORT_ADDRESSES_DEFAULT;
    assert_int_equal(port_configure(port, &wanted), 0);
    assert_int_equal(port->fdb.limit, lab->sw->config.learn_limit);
    assert_string_equal(port->config.description, "the web");
    assert_int_equal(lab_count(lab, EVENT_PORT_CONFIGURED), 3);
    wanted = port->config;
    wanted.membership.transparent = true;
    assert_int_equal(port_configure(port, &wanted), 0);
    assert_int_equal(lab_count(lab, EVENT_PORT_CONFIGURED), 4);
}

/* Each says why, and all that was asked for is refused. */
static void test_configure_changes_all_or_nothing(void **state)
{
    struct lab *lab = *state;
    struct port *port = lab_port(lab, 5);
    struct port_config before, wanted = lab_port(lab, 6)->config;
    char text[PORT_DESCRIPTION + 1] = {0};

    strcpy(wanted.name, "taken");
    assert_int_equal(port_configure(lab_port(lab, 6), &wanted), 0);
    assert_int_equal(port_config_copy(&before, &port->config), 0);
    for (unsigned i = 0; i < 4; i++) {
        static const int status[] = {-EEXIST, -ENXIO, -EINVAL, -EINVAL};

        wanted = port->config;
        wanted.up = false;
        wanted.user = 1000;
        strcpy(wanted.name, i == 0 ? "taken" : "free");
        wanted.membership.untagged = i == 1 ? 30 : 0;
        wanted.max_addresses = i == 2 ? FDB_CAPACITY_MAX + 1 : 5;
        memset(text, 'x', PORT_DESCRIPTION - (i != 3));
        wanted.description = text;
        assert_int_equal(port_configure(port, &wanted), status[i]);
        assert_true(port_config_equal(&port->config, &before));
    }
    assert_int_equal(port->fdb.limit, lab->sw->config.learn_limit);
    assert_int_equal(lab_count(lab, EVENT_PORT_CONFIGURED), 1);
    port_config_clear(&before);
}

static void test_label_and_user(void **state)
{
    struct lab *lab = *state;
    struct port *port = lab_port(lab, 5);
    char label[PORT_LABEL];

    assert_string_equal(port_label(port, label), "port 5");
    strcpy(port->config.name, "web");
    assert_string_equal(port_label(port, label), "web");
    assert_int_equal(port_user(port), (uid_t)-1);
    lab_attach(lab, 5)->endpoint.user = 1000;
    assert_int_equal(port_user(port), 1000);
}

static void test_description_is_escaped(void **state)
{
    struct lab *lab = *state;
    struct fake *fake = lab_attach(lab, 1);
    char said[1000];

    assert_int_equal(endpoint_describe(&fake->endpoint, "a\nb", 3), 0);
    assert_string_equal(fake->endpoint.description, "a\\x0ab");
    memset(said, '\n', sizeof(said));
    assert_int_equal(endpoint_describe(&fake->endpoint, said, sizeof(said)), 0);
    assert_int_equal(strlen(fake->endpoint.description), 4 * sizeof(said));
}

int main(void)
{
#define WITH_LAB(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)
    const struct CMUnitTest tests[] = {
        WITH_LAB(test_each_endpoint_of_a_port_hears),
        WITH_LAB(test_endpoints_of_one_port_do_not_hear_each_other),
        WITH_LAB(test_one_call_for_a_batch),
        WITH_LAB(test_partial_acceptance_is_asked_again),
        WITH_LAB(test_slow_endpoint_queues_in_order),
        WITH_LAB(test_writable_sends_a_batch_at_a_time),
        WITH_LAB(test_writable_with_an_empty_queue),
        WITH_LAB(test_queue_is_bounded_in_frames),
        WITH_LAB(test_queue_is_bounded_in_bytes),
        WITH_LAB(test_no_queue_at_all),
        WITH_LAB(test_queued_frames_keep_their_tags),
        WITH_LAB(test_detaching_drops_what_is_queued),
        WITH_LAB(test_broken_endpoint_loses_its_frames_only),
        WITH_LAB(test_what_is_refused_later_is_not_delivered),
        WITH_LAB(test_error_while_frames_wait),
        WITH_LAB(test_too_long_for_one_endpoint),
        WITH_LAB(test_the_tag_counts_towards_the_length),
        WITH_LAB(test_refused_for_its_size),
        WITH_LAB(test_oversize_does_not_wait),
        WITH_LAB(test_bytes_are_counted_as_they_leave),
        WITH_LAB(test_configure_says_what_it_did),
        WITH_LAB(test_configure_changes_all_or_nothing),
        WITH_LAB(test_label_and_user),
        WITH_LAB(test_description_is_escaped),
    };

    return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
