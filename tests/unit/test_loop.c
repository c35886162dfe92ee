/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_loop.c - loop detection, duplicate addresses, and guests that merely moved
 */
#include "fake_port.h"

#include "util/clock.h"

#include <string.h>

enum { TENTH = 100 * 1000 * 1000 }; /* of a second, in ns */

/* Station 9 floods at ONE and TWO alternately, TIMES times altogether, INTERVAL apart. */
static void alternate(struct lab *lab, struct fake *one, struct fake *two, unsigned times,
                      uint64_t interval)
{
    for (unsigned i = 0; i < times; i++) {
        lab_send(lab, i % 2 ? two : one, sample(EVERYONE, 9));
        lab->now += interval;
    }
}

static bool blocked(struct lab *lab, unsigned number)
{
    return port_blocked(lab_port(lab, number), lab->now);
}

/* --- loops --- */

/* A cable connects ports 2 and 3 outside the switch, and the station on port 1 sends one frame. */
static void test_a_cable_loop_dies(void **state)
{
    struct lab *lab = *state;
    struct fake *station = lab_attach(lab, 1), *a = lab_attach(lab, 2), *b = lab_attach(lab, 3);
    unsigned rounds = 0, carried;

    lab_send(lab, station, sample(EVERYONE, 1));
    do {
        carried = lab_carry(lab, a, b);
        carried += lab_carry(lab, b, a);
        lab->now += SECOND / 1000;
        rounds++;
    } while (carried > 0 && rounds < 200);
    assert_true(rounds < 30);
    assert_true(blocked(lab, 2) != blocked(lab, 3));
    assert_false(blocked(lab, 1));
    assert_true(unread(station) < 30);
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 1);
}

/* Frames of two stations circle in one loop and incriminate different ends of it: only one end may
 * be blocked, or no station could be reached. */
static void test_a_loop_is_cut_once(void **state)
{
    struct lab *lab = *state;
    struct fake *station = lab_attach(lab, 1), *b = lab_attach(lab, 3), *a = lab_attach(lab, 2);

    lab_send(lab, station,
             sample(EVERYONE, 8)); /* its reflections incriminate port 2, the newer one */
    lab_send(lab, a,
             sample(EVERYONE, 9)); /* learned at port 2: its reflections incriminate port 3 */
    lab->now += 11 * SECOND;
    lab_send(lab, station, sample(EVERYONE, 8));
    lab_send(lab, a, sample(EVERYONE, 9));
    for (unsigned i = 0; i < 10; i++)
        lab_send(lab, i % 2 ? b : a, sample(EVERYONE, 8));
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
    for (unsigned i = 0; i < 24; i++)
        lab_send(lab, i % 2 ? a : b, sample(EVERYONE, 9));
    assert_true(blocked(lab, 3));
    for (unsigned i = 0; i < 12; i++)
        lab_send(lab, i % 2 ? b : a, sample(EVERYONE, 8));
    assert_false(blocked(lab, 2));
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 1);
}

/* The station's own port is not blamed, however new it is: one of the two looped ports is
 * blocked. */
static void test_a_loop_between_older_ports(void **state)
{
    struct lab *lab = *state;
    struct fake *a = lab_attach(lab, 2), *b = lab_attach(lab, 3), *station = lab_attach(lab, 4);

    lab_send(lab, station, sample(EVERYONE, 1));
    for (unsigned round = 0; round < 50; round++) {
        lab_carry(lab, a, b);
        lab_carry(lab, b, a);
        lab->now += SECOND / 1000;
    }
    assert_false(blocked(lab, 4));
    assert_true(blocked(lab, 2) || blocked(lab, 3));
}

static void test_the_newer_port_is_blocked(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    alternate(lab, one, two, 20, SECOND / 20);
    assert_true(blocked(lab, 2));
    assert_false(blocked(lab, 1));
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 1);
    assert_ptr_equal(lab_event(lab, EVENT_LOOP_BLOCKED)->port, lab_port(lab, 2));
    assert_ptr_equal(lab_event(lab, EVENT_LOOP_BLOCKED)->other, lab_port(lab, 1));
}

/* The newer port is the one attached last, not the one with the higher number. */
static void test_newer_means_attached_later(void **state)
{
    struct lab *lab = *state;
    struct fake *two = lab_attach(lab, 2), *one = lab_attach(lab, 1);

    lab_send(lab, lab_attach(lab, 3), sample(EVERYONE, 9)); /* the sender is not in the loop */
    alternate(lab, one, two, 20, SECOND / 20);
    assert_true(blocked(lab, 1));
    assert_false(blocked(lab, 2));
    assert_ptr_equal(lab_event(lab, EVENT_LOOP_BLOCKED)->port, lab_port(lab, 1));
    assert_ptr_equal(lab_event(lab, EVENT_LOOP_BLOCKED)->other, lab_port(lab, 2));
}

static void test_ten_changes_a_second_are_believed(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    alternate(lab, one, two, 11, SECOND / 20); /* ten moves */
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
    lab_send(lab, two, sample(EVERYONE, 9));
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 1);
}

static void test_slow_changes_are_no_loop(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    alternate(lab, one, two, 200, SECOND / 5);
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
    assert_false(blocked(lab, 1));
    assert_false(blocked(lab, 2));
}

/* Frames for one known station circle no further. */
static void test_unicast_changes_are_no_loop(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    lab_send(lab, lab_attach(lab, 3), sample(EVERYONE, 3));
    for (unsigned i = 0; i < 40; i++)
        lab_send(lab, i % 2 ? one : two, sample(3, 9));
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
}

/* Broadcasts with a busy neighbour's address do not block the neighbour, whichever port is
 * newer. */
static void test_a_spoofer_cannot_have_its_neighbour_blocked(void **state)
{
    struct lab *lab = *state;
    struct fake *spoofer = lab_attach(lab, 1), *victim = lab_attach(lab, 2);

    lab_send(lab, lab_attach(lab, 3), sample(EVERYONE, 3));
    for (unsigned i = 0; i < 100; i++) {
        lab_send(lab, victim, sample(3, 9));
        lab_send(lab, spoofer, sample(EVERYONE, 9));
        lab->now += SECOND / 1000;
    }
    assert_false(blocked(lab, 2));
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
    assert_int_equal(lab_count(lab, EVENT_ADDRESS_SHARED), 1);
}

/* Nor do copies of the neighbour's own broadcasts: the port that sends the copies is blocked, older
 * or newer. */
static void test_a_reflecting_port_is_blocked_itself(void **state)
{
    struct lab *lab = *state;
    struct fake *spoofer = lab_attach(lab, 1), *victim = lab_attach(lab, 2);

    for (unsigned i = 0; i < 20; i++) {
        lab_send(lab, victim, sample(EVERYONE, 9));
        lab_send(lab, spoofer, sample(EVERYONE, 9));
        lab->now += SECOND / 100;
    }
    assert_false(blocked(lab, 2));
    assert_true(blocked(lab, 1));
}

/* Nor does sending the neighbour's next broadcast before the neighbour does. */
static void test_a_port_that_sends_ahead_is_blocked_itself(void **state)
{
    struct lab *lab = *state;
    struct fake *spoofer = lab_attach(lab, 1), *victim = lab_attach(lab, 2);

    lab_send(lab, victim, sample(EVERYONE, 9));
    lab->now += 2 * SECOND;
    for (unsigned i = 0; i < 20; i++) {
        lab_send(lab, spoofer, sample(EVERYONE, 9));
        lab_send(lab, victim, sample(EVERYONE, 9));
        lab->now += SECOND / 100;
    }
    assert_false(blocked(lab, 2));
    assert_true(blocked(lab, 1));
}

/* Nor does moving the neighbour's address first, by an announcement, while the neighbour sends. */
static void test_a_thief_of_an_address_is_blocked_itself(void **state)
{
    struct lab *lab = *state;
    struct fake *victim = lab_attach(lab, 1), *thief = lab_attach(lab, 2);

    lab_send(lab, victim, sample(EVERYONE, 9));
    lab->now += 2 * SECOND;
    lab_send(lab, thief, announcement(9));
    assert_ptr_equal(lab_owner(lab, 0, 9), lab_port(lab, 2));
    for (unsigned i = 0; i < 200; i++) {
        lab->now += SECOND / 100;
        lab_send(lab, victim, sample(EVERYONE, 9));
        lab_send(lab, thief, sample(EVERYONE, 9));
    }
    assert_false(blocked(lab, 1));
    assert_true(blocked(lab, 2));
}

/* Frames sent to port 1 come back at port 2, again and again, and never the other way. */
static void test_a_one_way_loop_is_cut(void **state)
{
    struct lab *lab = *state;
    struct fake *in = lab_attach(lab, 1), *out = lab_attach(lab, 2), *station = lab_attach(lab, 3);

    lab_send(lab, station, sample(EVERYONE, 9));
    for (unsigned round = 0; round < 50; round++) {
        lab_carry(lab, in, out);
        lab->now += SECOND / 1000;
    }
    assert_true(blocked(lab, 2));
    assert_false(blocked(lab, 3));
}

/* A guest that repeats a frame is no loop, wherever it has just moved. */
static void test_repeating_oneself_is_no_loop(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1);

    lab_attach(lab, 2);
    for (unsigned i = 0; i < 100; i++) {
        lab_send(lab, one, sample(EVERYONE, 9));
        lab->now += SECOND / 1000;
    }
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
}

/* An announcement that circles in the loop moves no address: its sender stays reachable. */
static void test_a_looping_announcement_moves_nothing(void **state)
{
    struct lab *lab = *state;
    struct fake *a = lab_attach(lab, 1), *b = lab_attach(lab, 2), *station = lab_attach(lab, 3);

    lab_send(lab, station, announcement(9));
    for (unsigned round = 0; round < 50; round++) {
        lab_carry(lab, a, b);
        lab_carry(lab, b, a);
        lab->now += SECOND / 1000;
    }
    assert_true(blocked(lab, 1) || blocked(lab, 2));
    assert_ptr_equal(lab_owner(lab, 0, 9), lab_port(lab, 3));
}

static void test_a_blocked_port_carries_nothing(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *third = lab_attach(lab, 3);
    struct counters *counters = &lab_port(lab, 2)->counters;
    uint64_t in, out;

    lab_send(lab, two, sample(EVERYONE, 2));
    alternate(lab, one, two, 20, SECOND / 20);
    fake_skip(one);
    fake_skip(two);
    fake_skip(third);
    in = counters->drops[DROP_LOOP_IN];
    out = counters->drops[DROP_LOOP_OUT];
    lab_send(lab, two, sample(EVERYONE, 2));
    lab_send(lab, third, sample(EVERYONE, 3));
    lab_send(lab, third, sample(2, 3)); /* unicast to a station behind it */
    assert_silent(two);
    assert_silent(third);
    assert_heard(one, sample(EVERYONE, 3));
    assert_heard(one, sample(2, 3)); /* the addresses learned behind it were flushed */
    assert_silent(one);
    assert_int_equal(counters->drops[DROP_LOOP_IN], in + 1);
    assert_int_equal(counters->drops[DROP_LOOP_OUT], out + 2);
}

static void test_a_block_ends_after_ten_seconds(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    uint64_t since;

    for (unsigned i = 0; !blocked(lab, 2); i++) {
        assert_true(i < 20);
        lab_send(lab, i % 2 ? two : one, sample(EVERYONE, 9));
    }
    since = lab->now;
    lab->now = since + 10 * SECOND - 1;
    fake_skip(one);
    lab_send(lab, two, sample(EVERYONE, 2));
    assert_silent(one);
    lab->now = since + 10 * SECOND;
    lab_send(lab, two, sample(EVERYONE, 2));
    assert_heard(one, sample(EVERYONE, 2));
    fake_skip(two);
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_heard(two, sample(EVERYONE, 1));
}

static void test_a_loop_that_stays_is_blocked_again(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    alternate(lab, one, two, 20, SECOND / 20);
    lab->now += 10 * SECOND;
    alternate(lab, one, two, 20, SECOND / 20);
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 2);
    assert_true(blocked(lab, 2));
}

/* Frames of many stations circle in a loop: that causes one block and one message. */
static void test_one_block_is_told_once(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    for (unsigned round = 0; round < 20; round++) {
        for (unsigned station = 0; station < BATCH_FRAMES; station++) {
            struct sample frame = sample(EVERYONE, 100 + station);

            lab_put(lab, &frame);
        }
        lab_run(lab, round % 2 ? two : one);
    }
    assert_true(blocked(lab, 2));
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 1);
}

static void test_settings(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    assert_int_equal(switch_defaults().loop.reflections, 10);
    assert_int_equal(switch_defaults().loop.block, 10 * SECOND);
    lab->sw->config.loop = (struct loop_settings){.reflections = 3, .block = 2 * SECOND};
    alternate(lab, one, two, 6, 0);
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 1);
    lab->now += 2 * SECOND;
    assert_false(blocked(lab, 2));
}

static void test_zero_turns_it_off(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    lab->sw->config.loop.block = 0;
    alternate(lab, one, two, 200, SECOND / 100);
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
    assert_false(blocked(lab, 1));
    assert_false(blocked(lab, 2));
    assert_int_equal(unread(one), 100);
    assert_int_equal(unread(two), 100);
}

/* A new attachment unblocks the port. */
static void test_attaching_unblocks(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    alternate(lab, one, two, 20, SECOND / 20);
    assert_true(blocked(lab, 2));
    lab_detach(two);
    lab_attach(lab, 2);
    assert_false(blocked(lab, 2));
}

static void test_a_hub_knows_no_loops(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    switch_set_hub(lab->sw, true);
    alternate(lab, one, two, 40, 0);
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
    assert_int_equal(lab_count(lab, EVENT_ADDRESS_SHARED), 0);
}

/* --- duplicate addresses --- */

static void test_a_shared_address_is_told_once(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    const struct lab_event *told;
    uint8_t mac[MAC_BYTES];

    alternate(lab, one, two, 30, SECOND);
    assert_int_equal(lab_count(lab, EVENT_ADDRESS_SHARED), 1);
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
    told = lab_event(lab, EVENT_ADDRESS_SHARED);
    assert_ptr_not_equal(told->port, told->other);
    assert_true(told->port == lab_port(lab, 1) || told->port == lab_port(lab, 2));
    assert_true(told->other == lab_port(lab, 1) || told->other == lab_port(lab, 2));
    assert_int_equal(told->key, fdb_key(0, mac_of(9, mac)));
}

static void test_a_shared_address_is_told_again_after_a_pause(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    alternate(lab, one, two, 10, SECOND);
    lab->now += 6 * SECOND;
    alternate(lab, one, two, 10, SECOND);
    assert_int_equal(lab_count(lab, EVENT_ADDRESS_SHARED), 2);
}

/* Three stations with one address are one series of moves as well. */
static void test_an_address_shared_by_three_is_told_once(void **state)
{
    struct lab *lab = *state;
    struct fake *fake[] = {lab_attach(lab, 1), lab_attach(lab, 2), lab_attach(lab, 3)};

    for (unsigned i = 0; i < 30; i++) {
        lab_send(lab, fake[i % 3], sample(EVERYONE, 9));
        lab->now += 9 * (uint64_t)TENTH;
    }
    assert_int_equal(lab_count(lab, EVENT_ADDRESS_SHARED), 1);
}

static void test_a_migrated_guest_is_nothing_special(void **state)
{
    struct lab *lab = *state;
    struct fake *old = lab_attach(lab, 1), *new = lab_attach(lab, 2);

    for (unsigned i = 0; i < 10; i++) {
        lab_send(lab, old, sample(EVERYONE, 9));
        lab->now += TENTH;
    }
    for (unsigned i = 0; i < 5; i++) {
        lab_send(lab, new, announcement(9));
        lab_send(lab, new, sample(EVERYONE, 9));
        lab->now += TENTH;
    }
    assert_ptr_equal(lab_owner(lab, 0, 9), lab_port(lab, 2));
    assert_int_equal(lab_count(lab, EVENT_FDB_MOVED), 1);
    assert_int_equal(lab_count(lab, EVENT_ADDRESS_SHARED), 0);
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
}

/* Moves there, back and there again within seconds, as a failed migration does. */
static void test_a_guest_migrated_back_and_forth(void **state)
{
    struct lab *lab = *state;
    struct fake *fake[] = {lab_attach(lab, 1), lab_attach(lab, 2)};

    for (unsigned i = 0; i < 4; i++) {
        for (unsigned word = 0; word < 5; word++) {
            lab_send(lab, fake[i % 2], announcement(9));
            lab->now += TENTH;
        }
    }
    assert_int_equal(lab_count(lab, EVENT_ADDRESS_SHARED), 0);
    assert_int_equal(lab_count(lab, EVENT_LOOP_BLOCKED), 0);
}

/* --- the FDB changes within a batch --- */

/* The address that keeps moving is evicted by the next frame of the same batch, before its moves
 * are evaluated. */
static void test_moving_address_evicted_in_its_batch(void **state)
{
    struct switch_config config = switch_defaults();
    struct sample moves = sample(EVERYONE, 1), evicts = sample(EVERYONE, 77);
    struct lab *lab;
    struct fake *one, *two;

    (void)state;
    config.ports = 8;
    config.fdb_capacity = 4;
    lab = lab_new_with(&config);
    one = lab_attach(lab, 1);
    two = lab_attach(lab, 2);
    for (unsigned station = 1; station <= 4; station++) {
        lab_send(lab, one, sample(EVERYONE, station));
        lab->now += SECOND / 4;
    }
    lab_put(lab, &moves);
    lab_put(lab, &evicts);
    lab_run(lab, two);
    assert_heard(one, moves);
    assert_heard(one, evicts);
    assert_null(lab_owner(lab, 0, 1));
    lab_free(lab);
}

int main(void)
{
#define WITH_LAB(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)
    const struct CMUnitTest tests[] = {
        WITH_LAB(test_a_cable_loop_dies),
        WITH_LAB(test_a_loop_between_older_ports),
        WITH_LAB(test_a_loop_is_cut_once),
        WITH_LAB(test_the_newer_port_is_blocked),
        WITH_LAB(test_newer_means_attached_later),
        WITH_LAB(test_ten_changes_a_second_are_believed),
        WITH_LAB(test_slow_changes_are_no_loop),
        WITH_LAB(test_unicast_changes_are_no_loop),
        WITH_LAB(test_a_spoofer_cannot_have_its_neighbour_blocked),
        WITH_LAB(test_a_reflecting_port_is_blocked_itself),
        WITH_LAB(test_a_port_that_sends_ahead_is_blocked_itself),
        WITH_LAB(test_a_thief_of_an_address_is_blocked_itself),
        WITH_LAB(test_a_one_way_loop_is_cut),
        WITH_LAB(test_repeating_oneself_is_no_loop),
        WITH_LAB(test_a_looping_announcement_moves_nothing),
        WITH_LAB(test_a_blocked_port_carries_nothing),
        WITH_LAB(test_a_block_ends_after_ten_seconds),
        WITH_LAB(test_a_loop_that_stays_is_blocked_again),
        WITH_LAB(test_one_block_is_told_once),
        WITH_LAB(test_settings),
        WITH_LAB(test_zero_turns_it_off),
        WITH_LAB(test_attaching_unblocks),
        WITH_LAB(test_a_hub_knows_no_loops),
        WITH_LAB(test_a_shared_address_is_told_once),
        WITH_LAB(test_a_shared_address_is_told_again_after_a_pause),
        WITH_LAB(test_an_address_shared_by_three_is_told_once),
        WITH_LAB(test_a_migrated_guest_is_nothing_special),
        WITH_LAB(test_a_guest_migrated_back_and_forth),
        cmocka_unit_test(test_moving_address_evicted_in_its_batch),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
