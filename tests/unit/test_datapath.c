/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_datapath.c - batches through the switch, stage by stage; lab_run() checks conservation after
 * each
 */
#include "fake_port.h"

#include <string.h>

/* --- ingress --- */

static void test_runts_and_giants(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    struct sample longest = sized(sample(EVERYONE, 1), FRAME_MAX);

    lab_send(lab, one, sized(sample(EVERYONE, 1), 0));
    lab_send(lab, one, sized(sample(EVERYONE, 1), 13));
    lab_send(lab, one, sized(sample(EVERYONE, 1), FRAME_MAX + 1));
    lab_send(lab, one, sized(tagged(sample(EVERYONE, 1), 0), FRAME_MAX + 1));
    assert_silent(two);
    assert_int_equal(one->endpoint.counters.drops[DROP_RUNT], 2);
    assert_int_equal(one->endpoint.counters.drops[DROP_GIANT], 2);
    assert_int_equal(one->endpoint.counters.in_frames, 0);
    assert_int_equal(one->endpoint.counters.in_bytes, 0);
    lab_send(lab, one, longest);
    assert_heard(two, longest);
    lab_send(lab, one, sized(sample(EVERYONE, 1), 14));
    assert_heard(two, sized(sample(EVERYONE, 1), 14));
    assert_int_equal(one->endpoint.counters.in_frames, 2);
    assert_int_equal(one->endpoint.counters.in_bytes, FRAME_MAX + 14);
    assert_int_equal(lab->worker->balance.ingress_drops, 4);
    assert_int_equal(lab->worker->balance.resolved, 2);
}

/* The maximum frame size includes a tag: no frame may be longer, tagged or not. */
static void test_longest_frames_and_tags(void **state)
{
    struct lab *lab = *state;
    struct fake *access = lab_attach(lab, 1), *trunk = lab_attach(lab, 2);
    struct sample full = sized(sample(EVERYONE, 1), FRAME_MAX - TAG_BYTES);

    lab_vlans(lab, 1, 10, NULL);
    lab_vlans(lab, 2, VID_NONE, "10");
    lab_send(lab, access, full);
    assert_heard(trunk, tagged(full, 10));
    lab_send(lab, trunk, tagged(full, 10));
    assert_heard(access, full);
}

static void test_cut_tags(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    for (uint32_t length = 14; length < 18; length++)
        lab_send(lab, one, sized(tagged(sample(EVERYONE, 1), 0), length));
    assert_silent(two);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_BAD_TAG], 4);
    lab_send(lab, one, sized(tagged(sample(EVERYONE, 1), 0), 18));
    assert_heard(two, sized(sample(EVERYONE, 1), 14));
}

/* A bad frame in the middle of a batch affects no other frame. */
static void test_good_and_bad_in_one_batch(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    struct sample good = sample(EVERYONE, 1), bad = sized(good, 5), alien = tagged(good, 99);

    for (unsigned i = 0; i < BATCH_FRAMES; i++)
        lab_put(lab, i % 3 == 0 ? &good : i % 3 == 1 ? &bad : &alien);
    lab_run(lab, one);
    for (unsigned i = 0; i < BATCH_FRAMES; i += 3)
        assert_heard(two, good);
    assert_silent(two);
    assert_int_equal(one->endpoint.counters.in_frames, 22);
    assert_int_equal(one->endpoint.counters.drops[DROP_RUNT], 21);
    assert_int_equal(one->endpoint.counters.drops[DROP_NOT_MEMBER], 21);
    assert_int_equal(lab->worker->balance.received, 64);
}

static void test_bad_frames_teach_nothing(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1);

    lab_send(lab, one, sized(sample(EVERYONE, 1), FRAME_MAX + 1));
    lab_send(lab, one, tagged(sample(EVERYONE, 1), 99));
    lab_send(lab, one, sized(sample(EVERYONE, 1), 13));
    assert_int_equal(fdb_count(lab->sw->fdb), 0);
}

static void test_empty_batch(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    lab_run(lab, one);
    assert_silent(two);
    assert_int_equal(two->calls, 0);
    assert_int_equal(lab->worker->balance.received, 0);
}

/* --- learn --- */

static void test_learns_who_is_where(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *three = lab_attach(lab, 3);

    lab_send(lab, one, sample(2, 1)); /* unknown: flooded */
    assert_heard(two, sample(2, 1));
    assert_heard(three, sample(2, 1));
    lab_send(lab, two, sample(1, 2));
    assert_heard(one, sample(1, 2));
    lab_send(lab, one, sample(2, 1));
    assert_heard(two, sample(2, 1));
    assert_silent(three);
    assert_silent(one);
    assert_int_equal(lab->worker->balance.resolved, 3);
    assert_int_equal(lab->worker->balance.copies, 4);
}

static void test_group_sources_are_not_learned(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    struct sample multicast = sample(EVERYONE, 1);

    multicast.bytes[MAC_BYTES] = 0x03;
    lab_send(lab, one, multicast);
    lab_send(lab, one, sample(EVERYONE, EVERYONE));
    assert_heard(two, multicast);
    assert_heard(two, sample(EVERYONE, EVERYONE));
    assert_int_equal(fdb_count(lab->sw->fdb), 0);
}

/* The whole batch is learned before any of it is resolved. */
static void test_learns_before_it_resolves(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    struct sample to = sample(5, 4), from = sample(EVERYONE, 5);

    lab_put(lab, &to);
    lab_put(lab, &from);
    lab_run(lab, one);
    assert_heard(two, from);
    assert_silent(two);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_SAME_PORT], 1);
}

static void test_announcement_moves_at_once(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *three = lab_attach(lab, 3);

    lab_send(lab, one, sample(EVERYONE, 9));
    lab_send(lab, two, sample(EVERYONE, 9)); /* not learned, but forwarded */
    assert_heard(three, sample(EVERYONE, 9));
    assert_heard(three, sample(EVERYONE, 9));
    assert_ptr_equal(lab_owner(lab, 0, 9), lab_port(lab, 1));
    lab_send(lab, two, announcement(9));
    assert_heard(three, announcement(9));
    assert_ptr_equal(lab_owner(lab, 0, 9), lab_port(lab, 2));
    assert_ptr_equal(lab_event(lab, EVENT_FDB_MOVED)->port, lab_port(lab, 2));
    assert_ptr_equal(lab_event(lab, EVENT_FDB_MOVED)->other, lab_port(lab, 1));
}

static void test_tagged_announcement_moves_in_its_vlan(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    lab_vlans(lab, 1, 10, "20");
    lab_vlans(lab, 2, 10, "20");
    lab_send(lab, one, sample(EVERYONE, 9));
    lab_send(lab, one, tagged(sample(EVERYONE, 9), 20));
    lab_send(lab, two, tagged(announcement(9), 20));
    assert_ptr_equal(lab_owner(lab, 20, 9), lab_port(lab, 2));
    assert_ptr_equal(lab_owner(lab, 10, 9), lab_port(lab, 1));
}

static void test_remote_of_a_frame_is_learned(void **state)
{
    static const struct fdb_remote far_end = {.address = {1, 2, 3}, .port = 4789};
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1);
    struct sample frame = sample(EVERYONE, 1);
    uint8_t mac[MAC_BYTES];

    lab_put(lab, &frame);
    lab->batch->frame[0].remote = &far_end;
    lab_run(lab, one);
    assert_memory_equal(&fdb_find(lab->sw->fdb, 0, mac_of(1, mac))->remote, &far_end,
                        sizeof(far_end));
}

static void test_detaching_forgets(void **state)
{
    struct lab *lab = *state;
    struct fake *a = lab_attach(lab, 1), *b = lab_attach(lab, 1);

    lab_send(lab, a, sample(EVERYONE, 1));
    lab_detach(a);
    assert_ptr_equal(lab_owner(lab, 0, 1), lab_port(lab, 1)); /* the port is still in use */
    lab_detach(b);
    assert_null(lab_owner(lab, 0, 1));
    assert_int_equal(lab_count(lab, EVENT_FDB_AGED), 1);
}

/* --- resolve --- */

static void test_nobody_else_is_there(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1);

    lab_attach(lab, 1);
    lab_send(lab, one, sample(EVERYONE, 1));
    lab_send(lab, one, sample(2, 1));
    assert_int_equal(lab->worker->balance.no_receivers, 2);
    assert_int_equal(lab->worker->balance.resolved, 0);
    assert_int_equal(lab->worker->balance.copies, 0);
    assert_int_equal(one->endpoint.counters.in_frames, 2);
}

static void test_pinned_behind_an_empty_port(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    uint8_t mac[MAC_BYTES];

    fdb_add_static(lab->sw->fdb, 0, mac_of(9, mac), &lab_port(lab, 5)->fdb, lab->now);
    lab_send(lab, one, sample(9, 1));
    assert_silent(two);
    assert_int_equal(lab_port(lab, 5)->counters.drops[DROP_NO_ENDPOINT], 1);
    assert_int_equal(lab->worker->balance.copies, 1);
    assert_int_equal(lab->worker->balance.egress_drops, 1);
}

static void test_order_is_kept_per_port(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *three = lab_attach(lab, 3);

    lab_send(lab, two, sample(EVERYONE, 2));
    lab_send(lab, three, sample(EVERYONE, 3));
    fake_skip(one);
    fake_skip(two);
    fake_skip(three);
    for (unsigned i = 0; i < BATCH_FRAMES; i++) {
        const unsigned to[] = {2, EVERYONE, 3};
        struct sample frame = sample(to[i % 3], 1);

        frame.bytes[40] = (uint8_t)i;
        lab_put(lab, &frame);
    }
    two->calls = 0;
    lab_run(lab, one);
    for (unsigned i = 0; i < BATCH_FRAMES; i++) {
        struct sample unicast = sample(2, 1), flooded = sample(EVERYONE, 1);

        unicast.bytes[40] = flooded.bytes[40] = (uint8_t)i;
        if (i % 3 == 0)
            assert_heard(two, unicast);
        else if (i % 3 == 1)
            assert_heard(two, flooded);
    }
    assert_silent(two);
    assert_int_equal(unread(three), 42);
    assert_int_equal(two->calls, 1);
}

static void test_port_0_is_an_ordinary_port(void **state)
{
    struct lab *lab = *state;
    struct fake *zero = lab_attach(lab, 0), *one = lab_attach(lab, 1);

    lab_send(lab, zero, sample(EVERYONE, 10));
    assert_heard(one, sample(EVERYONE, 10));
    lab_send(lab, one, sample(10, 1));
    assert_heard(zero, sample(10, 1));
}

/* A batch leaves no state in the ports for the next one. */
static void test_batches_are_independent(void **state)
{
    struct lab *lab = *state;
    struct fake *fake[10];

    for (unsigned i = 0; i < 10; i++)
        fake[i] = lab_attach(lab, i + 1);
    for (unsigned round = 0; round < 100; round++) {
        struct fake *from = fake[round * 7 % 10];

        lab_send(lab, from, sample(EVERYONE, round * 7 % 10));
        for (unsigned i = 0; i < 10; i++) {
            if (fake[i] != from)
                assert_heard(fake[i], sample(EVERYONE, round * 7 % 10));
            assert_silent(fake[i]);
        }
    }
}

/* --- hub --- */

static void test_hub_repeats_everything_untouched(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *three = lab_attach(lab, 3);
    struct sample plain = sample(3, 1);
    struct sample frames[] = {
        plain,
        tagged(plain, 0),
        tagged(plain, 0xe00a),
        tagged(plain, 0xffff),
        sized(tagged(plain, 0), 16),
        tagged(tagged(plain, 5), 6),
        sized(plain, FRAME_MAX),
    };

    lab_vlans(lab, 2, 10, NULL);
    lab_vlans(lab, 3, VID_NONE, NULL);
    switch_set_hub(lab->sw, true);
    lab_send(lab, three, sample(EVERYONE, 3));
    fake_skip(one);
    fake_skip(two);
    for (unsigned i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        lab_send(lab, one, frames[i]);
        assert_heard(two, frames[i]);
        assert_heard(three, frames[i]);
        assert_silent(one);
    }
    lab_send(lab, one, sized(plain, FRAME_MAX + 1));
    lab_send(lab, one, sized(plain, 13));
    assert_silent(two);
    assert_int_equal(fdb_count(lab->sw->fdb), 0);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_RUNT], 1);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_GIANT], 1);
}

static void test_hub_leaves_port_0_out(void **state)
{
    struct lab *lab = *state;
    struct fake *zero = lab_attach(lab, 0), *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    switch_set_hub(lab->sw, true);
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_heard(two, sample(EVERYONE, 1));
    assert_silent(zero);
    lab_send(lab, zero, sample(EVERYONE, 0));
    assert_heard(one, sample(EVERYONE, 0));
    assert_heard(two, sample(EVERYONE, 0));
}

static void test_hub_with_nobody_else(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    switch_set_hub(lab->sw, true);
    lab_detach(two);
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_int_equal(lab->worker->balance.no_receivers, 1);
}

static void test_becoming_a_hub_forgets(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *three = lab_attach(lab, 3);

    lab_send(lab, two, sample(EVERYONE, 2));
    switch_set_hub(lab->sw, true);
    assert_int_equal(fdb_count(lab->sw->fdb), 0);
    switch_set_hub(lab->sw, false);
    fake_skip(one);
    fake_skip(three);
    lab_send(lab, one, sample(2, 1));
    assert_heard(two, sample(2, 1));
    assert_heard(three, sample(2, 1));
    lab_send(lab, one, tagged(sample(2, 1), 10));
    assert_silent(two);
}

int main(void)
{
#define WITH_LAB(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)
    const struct CMUnitTest tests[] = {
        WITH_LAB(test_runts_and_giants),
        WITH_LAB(test_longest_frames_and_tags),
        WITH_LAB(test_cut_tags),
        WITH_LAB(test_good_and_bad_in_one_batch),
        WITH_LAB(test_bad_frames_teach_nothing),
        WITH_LAB(test_empty_batch),
        WITH_LAB(test_learns_who_is_where),
        WITH_LAB(test_group_sources_are_not_learned),
        WITH_LAB(test_learns_before_it_resolves),
        WITH_LAB(test_announcement_moves_at_once),
        WITH_LAB(test_tagged_announcement_moves_in_its_vlan),
        WITH_LAB(test_remote_of_a_frame_is_learned),
        WITH_LAB(test_detaching_forgets),
        WITH_LAB(test_nobody_else_is_there),
        WITH_LAB(test_pinned_behind_an_empty_port),
        WITH_LAB(test_order_is_kept_per_port),
        WITH_LAB(test_port_0_is_an_ordinary_port),
        WITH_LAB(test_batches_are_independent),
        WITH_LAB(test_hub_repeats_everything_untouched),
        WITH_LAB(test_hub_leaves_port_0_out),
        WITH_LAB(test_hub_with_nobody_else),
        WITH_LAB(test_becoming_a_hub_forgets),
    };

    return cmocka_run_group_tests_name("datapath", tests, NULL, NULL);
}
