/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_policy.c - port policies, and frames that must not leave because of hidden tags
 */
#include "fake_port.h"

#include <string.h>

enum { STAG = 0x88a8 };

static void set_policy(struct lab *lab, unsigned number, struct port_config policy)
{
    assert_int_equal(port_configure(lab_port(lab, number), &policy), 0);
}

static void isolate(struct lab *lab, unsigned number, bool isolated)
{
    struct port_config policy = lab_port(lab, number)->config;

    policy.isolated = isolated;
    set_policy(lab, number, policy);
}

static void switch_up(struct lab *lab, unsigned number, bool up)
{
    struct port_config policy = lab_port(lab, number)->config;

    policy.up = up;
    set_policy(lab, number, policy);
}

static void set_reserved(struct lab *lab, unsigned number, enum reserved_policy reserved)
{
    struct port_config policy = lab_port(lab, number)->config;

    policy.reserved = reserved;
    set_policy(lab, number, policy);
}

static uint64_t drops(struct lab *lab, unsigned number, enum drop_reason reason)
{
    return lab_port(lab, number)->counters.drops[reason];
}

/* A frame from station FROM to 01:80:c2:00:00:LAST. */
static struct sample reserved(unsigned from, uint8_t last)
{
    struct sample frame = sample(EVERYONE, from);

    memcpy(frame.bytes, "\x01\x80\xc2\x00\x00", 5);
    frame.bytes[5] = last;
    return frame;
}

static struct sample with_type(struct sample frame, uint16_t type)
{
    frame.bytes[12] = (uint8_t)(type >> 8);
    frame.bytes[13] = (uint8_t)type;
    return frame;
}

/* --- isolated --- */

static void test_isolated_ports_do_not_reach_each_other(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *open = lab_attach(lab, 3);

    isolate(lab, 1, true);
    isolate(lab, 2, true);
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_heard(open, sample(EVERYONE, 1));
    lab_send(lab, two, sample(1, 2)); /* behind an isolated port, and known */
    assert_silent(one);
    assert_silent(open);
    assert_int_equal(drops(lab, 2, DROP_ISOLATED), 1);
    assert_int_equal(two->endpoint.counters.drops[DROP_ISOLATED], 1);
    lab_send(lab, one, sample(77, 1)); /* unknown: only the port that is not isolated receives it */
    assert_heard(open, sample(77, 1));
    assert_silent(two);
    lab_send(lab, open, sample(1, 3));
    assert_heard(one, sample(1, 3));
    lab_send(lab, one, sample(3, 1));
    assert_heard(open, sample(3, 1));
    lab_send(lab, open, sample(EVERYONE, 3));
    assert_heard(one, sample(EVERYONE, 3));
    assert_heard(two, sample(EVERYONE, 3));
    assert_int_equal(drops(lab, 1, DROP_ISOLATED), 0);
}

/* If all ports are isolated, a flood has no receivers: that is no drop. */
static void test_nobody_but_isolated_ports(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    isolate(lab, 1, true);
    isolate(lab, 2, true);
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_silent(two);
    assert_int_equal(lab->worker->balance.no_receivers, 1);
    isolate(lab, 2, false);
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_heard(two, sample(EVERYONE, 1));
    isolate(lab, 2, true);
    lab_send(lab, two, sample(1, 2));
    assert_int_equal(drops(lab, 2, DROP_ISOLATED), 1);
    isolate(lab, 1, false);
    lab_send(lab, two, sample(1, 2));
    assert_heard(one, sample(1, 2));
}

static void test_isolated_in_a_hub(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *three = lab_attach(lab, 3);

    switch_set_hub(lab->sw, true);
    isolate(lab, 1, true);
    isolate(lab, 2, true);
    lab_send(lab, one, sample(2, 1));
    assert_silent(two);
    assert_heard(three, sample(2, 1));
}

/* --- reserved --- */

static void test_reserved_is_forwarded_unless_told_otherwise(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    for (unsigned last = 0; last < 256; last++) {
        lab_send(lab, one, reserved(1, (uint8_t)last));
        assert_heard(two, reserved(1, (uint8_t)last));
    }
}

static void check_reserved_in(struct lab *lab, enum reserved_policy policy, enum drop_reason reason)
{
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    struct sample near = reserved(1, 0);

    set_reserved(lab, 1, policy);
    for (unsigned last = 0; last < 256; last++) {
        lab_send(lab, one, reserved(9, (uint8_t)last));
        if (last >= 0x10)
            assert_heard(two, reserved(9, (uint8_t)last));
        assert_silent(two);
        assert_int_equal(drops(lab, 1, reason), last < 16 ? last + 1 : 16);
        if (last == 0x0f)
            assert_null(lab_owner(lab, 0, 9)); /* frames that are not admitted are not learned */
    }
    assert_int_equal(one->endpoint.counters.in_frames, 240);
    near.bytes[4] = 1; /* 01:80:c2:00:01:00 is not reserved */
    lab_send(lab, one, near);
    assert_heard(two, near);
    near = reserved(1, 0);
    near.bytes[0] = 0x03;
    lab_send(lab, one, near);
    assert_heard(two, near);
}

static void test_reserved_dropped_on_the_way_in(void **state)
{
    check_reserved_in(*state, RESERVED_DROP, DROP_RESERVED_IN);
}

static void test_reserved_consumed_on_the_way_in(void **state)
{
    check_reserved_in(*state, RESERVED_CONSUME, DROP_CONSUMED);
}

static void test_reserved_on_the_way_out(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *drop = lab_attach(lab, 2), *keep = lab_attach(lab, 3);
    struct fake *open = lab_attach(lab, 4);

    set_reserved(lab, 2, RESERVED_DROP);
    set_reserved(lab, 3, RESERVED_CONSUME);
    lab_send(lab, one, reserved(1, 0x0e));
    assert_silent(drop);
    assert_silent(keep);
    assert_heard(open, reserved(1, 0x0e));
    assert_int_equal(drops(lab, 2, DROP_RESERVED_OUT), 1);
    assert_int_equal(drops(lab, 3, DROP_RESERVED_OUT), 1);
    lab_send(lab, one, reserved(1, 0x10));
    assert_heard(drop, reserved(1, 0x10));
    assert_heard(keep, reserved(1, 0x10));
    set_reserved(lab, 2, RESERVED_FORWARD); /* takes effect at once */
    lab_send(lab, one, reserved(1, 0));
    assert_heard(drop, reserved(1, 0));
    assert_silent(keep);
}

static void test_reserved_with_a_tag(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    lab_vlans(lab, 1, VID_NONE, "10");
    lab_vlans(lab, 2, VID_NONE, "10");
    set_reserved(lab, 1, RESERVED_DROP);
    lab_send(lab, one, tagged(reserved(1, 3), 10));
    assert_silent(two);
    lab_send(lab, one, reserved(1, 3)); /* reserved, before it is untagged */
    assert_int_equal(drops(lab, 1, DROP_RESERVED_IN), 2);
    lab_send(lab, two, tagged(reserved(1, 3), 10));
    assert_silent(one);
    assert_int_equal(drops(lab, 1, DROP_RESERVED_OUT), 1);
}

static void test_reserved_in_a_hub(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *three = lab_attach(lab, 3);

    switch_set_hub(lab->sw, true);
    set_reserved(lab, 2, RESERVED_CONSUME);
    lab_send(lab, one, reserved(1, 0));
    assert_silent(two);
    assert_heard(three, reserved(1, 0));
    lab_send(lab, two, reserved(1, 0));
    assert_silent(three);
    assert_int_equal(drops(lab, 2, DROP_CONSUMED), 1);
    assert_int_equal(drops(lab, 2, DROP_RESERVED_OUT), 1);
}

/* --- up --- */

static void test_a_port_that_is_off(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *three = lab_attach(lab, 3);

    lab_send(lab, two, sample(EVERYONE, 2));
    fake_skip(one);
    fake_skip(three);
    switch_up(lab, 2, false);
    assert_null(lab_owner(lab, 0, 2)); /* forgotten */
    assert_int_equal(lab_count(lab, EVENT_FDB_AGED), 1);
    lab_send(lab, two, sample(EVERYONE, 2));
    assert_silent(one);
    assert_int_equal(drops(lab, 2, DROP_DOWN_IN), 1);
    assert_int_equal(two->endpoint.counters.drops[DROP_DOWN_IN], 1);
    assert_int_equal(two->endpoint.counters.in_frames, 1);
    assert_null(lab_owner(lab, 0, 2));
    lab_send(lab, one, sample(2, 1)); /* out of the flood sets: not even counted there */
    assert_heard(three, sample(2, 1));
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_heard(three, sample(EVERYONE, 1));
    assert_silent(two);
    assert_int_equal(drops(lab, 2, DROP_DOWN_OUT), 0);
    switch_up(lab, 2, true);
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_heard(two, sample(EVERYONE, 1));
    lab_send(lab, two, sample(1, 2));
    assert_heard(one, sample(1, 2));
}

static void test_static_address_of_a_port_that_is_off(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    uint8_t mac[MAC_BYTES];

    fdb_add_static(lab->sw->fdb, 0, mac_of(9, mac), &lab_port(lab, 2)->fdb, lab->now);
    switch_up(lab, 2, false);
    assert_ptr_equal(lab_owner(lab, 0, 9), lab_port(lab, 2));
    lab_send(lab, one, sample(9, 1));
    assert_silent(two);
    assert_int_equal(drops(lab, 2, DROP_DOWN_OUT), 1);
    assert_int_equal(lab->worker->balance.egress_drops, 1);
    switch_up(lab, 2, true);
    lab_send(lab, one, sample(9, 1));
    assert_heard(two, sample(9, 1));
}

static void test_attaching_and_vlans_while_off(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two, *more;

    lab_port(lab, 2);
    switch_up(lab, 2, false);
    two = lab_attach(lab, 2);
    lab_vlans(lab, 1, 10, NULL);
    lab_vlans(lab, 2, 10, NULL);
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_silent(two);
    assert_int_equal(lab->worker->balance.no_receivers, 1);
    more = lab_attach(lab, 2);
    switch_up(lab, 2, true);
    switch_up(lab, 2, true);
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_heard(two, sample(EVERYONE, 1));
    assert_heard(more, sample(EVERYONE, 1));
    assert_silent(two); /* once */
    switch_up(lab, 2, false);
    lab_detach(two);
    lab_detach(more);
    switch_up(lab, 2, true); /* nothing is attached */
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_int_equal(lab->worker->balance.no_receivers, 2);
    two = lab_attach(lab, 2);
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_heard(two, sample(EVERYONE, 1));
}

static void test_off_in_a_hub(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    switch_set_hub(lab->sw, true);
    switch_up(lab, 2, false);
    lab_send(lab, one, sample(2, 1));
    assert_silent(two);
    lab_send(lab, two, sample(1, 2));
    assert_silent(one);
    assert_int_equal(drops(lab, 2, DROP_DOWN_IN), 1);
    switch_up(lab, 2, true);
    lab_send(lab, one, sample(2, 1));
    assert_heard(two, sample(2, 1));
}

/* Nothing leaves a port that is down: that includes queued frames. */
static void test_switched_off_with_frames_queued(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    two->room = 0;
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_true(two->waiting);
    switch_up(lab, 2, false);
    assert_conserved(lab);
    assert_false(two->waiting);
    assert_int_equal(drops(lab, 2, DROP_DOWN_OUT), 1);
    assert_int_equal(two->endpoint.counters.drops[DROP_DOWN_OUT], 1);
    fake_resume(two, UNLIMITED);
    assert_silent(two);
    switch_up(lab, 2, true);
    lab_send(lab, one, sample(3, 1));
    assert_heard(two, sample(3, 1));
    assert_silent(two);
}

/* A frame that has left in part is finished: the endpoint is asked again until it holds nothing. */
static void test_switched_off_in_the_middle_of_a_frame(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    two->room = 0;
    two->holds = true;
    lab_send(lab, one, sample(EVERYONE, 1));
    switch_up(lab, 2, false);
    assert_int_equal(drops(lab, 2, DROP_DOWN_OUT), 1);
    assert_true(two->waiting);
    two->holds = false;
    fake_resume(two, UNLIMITED);
    assert_false(two->waiting);
    assert_silent(two);
}

static void test_early_drops(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *other = lab_attach(lab, 1);

    port_drop_early(&one->endpoint, DROP_MISSED, 17);
    port_drop_early(&other->endpoint, DROP_MISSED, 3);
    port_drop_early(&one->endpoint, DROP_UNEXPECTED_SOURCE, 5);
    assert_int_equal(drops(lab, 1, DROP_MISSED), 20);
    assert_int_equal(one->endpoint.counters.drops[DROP_MISSED], 17);
    assert_int_equal(one->endpoint.counters.drops[DROP_UNEXPECTED_SOURCE], 5);
    assert_int_equal(lab->worker->balance.received, 25);
    assert_conserved(lab);
}

/* --- tags --- */

static void test_hidden_tags(void **state)
{
    struct lab *lab = *state;
    struct fake *trunk = lab_attach(lab, 1), *access = lab_attach(lab, 2),
                *out = lab_attach(lab, 3);
    struct sample plain = sample(EVERYONE, 1);
    struct sample service = with_type(tagged(plain, 99), STAG);

    lab_vlans(lab, 1, VID_NONE, "10");
    lab_vlans(lab, 2, 10, NULL);
    lab_vlans(lab, 3, 10, NULL);
    lab_port(lab, 3)->untrusted_edge = true;
    lab_send(lab, trunk, tagged(plain, 10));
    assert_heard(access, plain);
    assert_heard(out, plain);
    lab_send(lab, trunk, tagged(tagged(plain, 99), 10));
    assert_heard(access, tagged(plain, 99));
    lab_send(lab, trunk, tagged(tagged(plain, 0), 10)); /* a priority tag is a tag, too */
    assert_heard(access, tagged(plain, 0));
    assert_silent(out);
    lab_send(lab, trunk, tagged(service, 10));
    assert_heard(access, service);
    assert_silent(out);
    assert_int_equal(drops(lab, 2, DROP_HIDDEN_TAG), 0);
    assert_int_equal(drops(lab, 3, DROP_HIDDEN_TAG), 3);
    assert_int_equal(out->endpoint.counters.drops[DROP_HIDDEN_TAG], 3);
}

/* An untagged frame with a service tag chooses a VLAN beyond the untrusted edge, though it came
 * without any of ours. */
static void test_service_tags_to_an_untrusted_edge(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *out = lab_attach(lab, 3);
    struct sample service = with_type(tagged(sample(EVERYONE, 1), 99), STAG);

    lab_port(lab, 3)->untrusted_edge = true;
    lab_send(lab, one, service);
    assert_heard(two, service);
    assert_silent(out);
    assert_int_equal(drops(lab, 3, DROP_HIDDEN_TAG), 1);
    lab_vlans(lab, 1, 10, NULL);
    lab_vlans(lab, 3, VID_NONE, "10");
    lab_send(lab, one, service); /* behind a tag of ours it is payload */
    assert_heard(out, tagged(service, 10));
    switch_set_hub(lab->sw, true);
    lab_send(lab, one, service); /* a hub has no VLANs to keep apart */
    assert_heard(out, service);
    assert_heard(two, service);
}

/* VID 0 is no VLAN: the tag after a priority tag counts as the first. */
static void test_priority_tag_hides_another(void **state)
{
    struct lab *lab = *state;
    struct fake *guest = lab_attach(lab, 1), *out = lab_attach(lab, 2);
    struct sample plain = sample(EVERYONE, 1);

    lab_transparent(lab, 2);
    lab_port(lab, 2)->untrusted_edge = true;
    lab_send(lab, guest, tagged(tagged(plain, 10), 0x6000));
    assert_silent(out);
    assert_int_equal(drops(lab, 2, DROP_HIDDEN_TAG), 1);
    lab_send(lab, guest, tagged(plain, 0x6000));
    assert_heard(out, tagged(plain, 0x6000));
}

static void test_hidden_tag_per_endpoint(void **state)
{
    struct lab *lab = *state;
    struct fake *trunk = lab_attach(lab, 1), *a = lab_attach(lab, 2), *b = lab_attach(lab, 2);
    struct sample plain = sample(EVERYONE, 1), twice = tagged(tagged(plain, 1), 10);
    struct sample once = tagged(plain, 10);

    lab_vlans(lab, 1, VID_NONE, "10");
    lab_vlans(lab, 2, 10, NULL);
    lab_port(lab, 2)->untrusted_edge = true;
    lab_put(lab, &once);
    lab_put(lab, &twice);
    lab_put(lab, &once);
    lab_run(lab, trunk);
    assert_heard(a, plain);
    assert_heard(a, plain);
    assert_silent(a);
    assert_int_equal(unread(b), 2);
    assert_int_equal(drops(lab, 2, DROP_HIDDEN_TAG), 2);
}

/* A stripped tag counts like one in the bytes. */
static void test_stripped_tags(void **state)
{
    struct lab *lab = *state;
    struct fake *trunk = lab_attach(lab, 1), *access = lab_attach(lab, 2),
                *far = lab_attach(lab, 3);
    struct sample plain = sample(EVERYONE, 1), inner = tagged(plain, 99);

    lab_vlans(lab, 1, VID_NONE, "10");
    lab_vlans(lab, 2, 10, NULL);
    lab_vlans(lab, 3, VID_NONE, "10+99");
    lab_port(lab, 2)->untrusted_edge = true;
    lab_put(lab, &plain);
    lab->batch->frame[0].stripped_tag = 0x600a;
    lab_put(lab, &inner);
    lab->batch->frame[1].stripped_tag = 0x600a;
    lab_put(lab, &plain);
    lab->batch->frame[2].stripped_tag = 0x6fff;
    lab_put(lab, &plain);
    lab->batch->frame[3].stripped_tag = 11;
    lab_put(lab, &plain); /* none */
    lab_run(lab, trunk);
    assert_heard(access, plain);
    assert_silent(access);
    assert_heard(far, tagged(plain, 0x600a));
    assert_heard(far, tagged(inner, 0x600a));
    assert_silent(far);
    assert_int_equal(drops(lab, 1, DROP_BAD_TAG), 1);
    assert_int_equal(drops(lab, 1, DROP_NOT_MEMBER), 1);
    assert_int_equal(drops(lab, 1, DROP_UNTAGGED), 1);
    assert_int_equal(drops(lab, 2, DROP_HIDDEN_TAG), 1);
    switch_set_hub(lab->sw, true);
    lab_put(lab, &plain);
    lab->batch->frame[0].stripped_tag = 0x6fff;
    lab_run(lab, trunk);
    assert_heard(access, tagged(plain, 0x6fff)); /* a hub restores even that */
}

int main(void)
{
#define WITH_LAB(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)
    const struct CMUnitTest tests[] = {
        WITH_LAB(test_isolated_ports_do_not_reach_each_other),
        WITH_LAB(test_nobody_but_isolated_ports),
        WITH_LAB(test_isolated_in_a_hub),
        WITH_LAB(test_reserved_is_forwarded_unless_told_otherwise),
        WITH_LAB(test_reserved_dropped_on_the_way_in),
        WITH_LAB(test_reserved_consumed_on_the_way_in),
        WITH_LAB(test_reserved_on_the_way_out),
        WITH_LAB(test_reserved_with_a_tag),
        WITH_LAB(test_reserved_in_a_hub),
        WITH_LAB(test_a_port_that_is_off),
        WITH_LAB(test_static_address_of_a_port_that_is_off),
        WITH_LAB(test_attaching_and_vlans_while_off),
        WITH_LAB(test_off_in_a_hub),
        WITH_LAB(test_switched_off_with_frames_queued),
        WITH_LAB(test_switched_off_in_the_middle_of_a_frame),
        WITH_LAB(test_early_drops),
        WITH_LAB(test_hidden_tags),
        WITH_LAB(test_service_tags_to_an_untrusted_edge),
        WITH_LAB(test_priority_tag_hides_another),
        WITH_LAB(test_hidden_tag_per_endpoint),
        WITH_LAB(test_stripped_tags),
    };

    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
