/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_vlan.c - membership of VLANs, what it admits, and which tag frames leave with
 */
#include "fake_port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- membership and sets --- */

static void test_membership(void **state)
{
    struct membership port = {.untagged = 5}, none = {.untagged = VID_NONE}, copy;

    (void)state;
    assert_int_equal(membership_tag(&port, 10, true), 0);
    assert_int_equal(membership_tag(&port, 4094, true), 0);
    assert_true(membership_has(&port, 5));
    assert_true(membership_has(&port, 10));
    assert_false(membership_has(&port, 0));
    assert_true(membership_has_tagged(&port, 4094));
    assert_false(membership_has_tagged(&port, 5));
    assert_int_equal(membership_copy(&copy, &port), 0);
    assert_int_equal(membership_tag(&port, 10, false), 0);
    assert_int_equal(membership_tag(&port, 4094, false), 0);
    assert_null(port.tagged);
    assert_int_equal(membership_tag(&port, 7, false), 0);
    assert_false(membership_has(&port, 10));
    assert_true(membership_has(&copy, 10));
    assert_false(membership_has(&none, VID_NONE));
    membership_clear(&copy);
    membership_clear(&port);
    assert_int_equal(port.untagged, 0);
}

static void test_transparent_has_every_vlan(void **state)
{
    const struct membership port = {.transparent = true};

    (void)state;
    assert_true(membership_has(&port, 0));
    assert_true(membership_has(&port, 1));
    assert_true(membership_has(&port, 4094));
}

static void test_create_and_remove(void **state)
{
    struct lab *lab = *state;
    struct vlan_table *vlans = &lab->sw->vlans;

    assert_true(vlan_exists(vlans, 0));
    assert_false(vlan_exists(vlans, 10));
    assert_int_equal(vlan_create(vlans, 0), -EINVAL);
    assert_int_equal(vlan_create(vlans, 4095), -EINVAL);
    assert_int_equal(vlan_create(vlans, 4096), -EINVAL);
    assert_int_equal(vlan_create(vlans, 1), 0);
    assert_int_equal(vlan_create(vlans, 4094), 0);
    assert_int_equal(vlan_create(vlans, 1), -EEXIST);
    assert_int_equal(vlan_remove(vlans, 1), 0);
    assert_int_equal(vlan_remove(vlans, 1), -ENOENT);
    assert_int_equal(vlan_remove(vlans, 0), -ENOENT);
    assert_false(vlan_exists(vlans, 5000));
}

static void check_flood_set(struct lab *lab, unsigned vid, const char *ports)
{
    const struct flood_set *set = vlan_flood_set(&lab->sw->vlans, vid);
    char text[256] = "";

    for (unsigned i = 0; i < set->count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " %u", set->member[i]->number);
    assert_string_equal(text, ports);
}

static void test_flood_sets_follow_the_membership(void **state)
{
    struct lab *lab = *state;
    struct fake *nine;

    lab_attach(lab, 20);
    lab_vlans(lab, 3, 10, "30");
    lab_attach(lab, 3);
    nine = lab_attach(lab, 9);
    lab_vlans(lab, 9, 10, NULL);
    lab_vlans(lab, 5, 10, "20+30"); /* nothing attached */
    check_flood_set(lab, 0, " 20");
    check_flood_set(lab, 10, " 3 9");
    check_flood_set(lab, 20, "");
    check_flood_set(lab, 30, " 3");
    lab_attach(lab, 5);
    lab_attach(lab, 5);
    check_flood_set(lab, 10, " 3 5 9");
    lab_detach(nine);
    check_flood_set(lab, 10, " 3 5");
    lab_vlans(lab, 5, 30, "10");
    check_flood_set(lab, 10, " 3 5");
    check_flood_set(lab, 20, "");
    check_flood_set(lab, 30, " 3 5");
    lab_vlans(lab, 5, VID_NONE, NULL);
    check_flood_set(lab, 10, " 3");
    check_flood_set(lab, 30, " 3");
}

static void test_flood_sets_of_transparent_ports(void **state)
{
    struct lab *lab = *state;

    lab_vlans(lab, 2, 10, NULL);
    lab_transparent(lab, 7);
    lab_transparent(lab, 8);
    lab_attach(lab, 7);
    lab_attach(lab, 2);
    check_flood_set(lab, 0, " 7");
    check_flood_set(lab, 10, " 2 7");
    check_flood_set(lab, 11, " 7"); /* was never created */
    assert_int_equal(vlan_create(&lab->sw->vlans, 11), 0);
    check_flood_set(lab, 11, " 7");
    lab_vlans(lab, 2, 11, NULL);
    check_flood_set(lab, 11, " 2 7");
    lab_vlans(lab, 2, 10, NULL);
    assert_int_equal(switch_remove_vlan(lab->sw, 11), 0);
    check_flood_set(lab, 11, " 7");
    lab_vlans(lab, 7, 10, NULL);
    check_flood_set(lab, 10, " 2 7");
    check_flood_set(lab, 11, "");
    check_flood_set(lab, 0, "");
}

/* Ports come and go in any order, and are listed in order of their numbers. */
static void test_flood_set_order(void **state)
{
    struct lab *lab = *state;
    unsigned last = 0;
    const struct flood_set *set;

    for (unsigned i = 0; i < 60; i++)
        lab_attach(lab, 1 + i * 23 % 61);
    set = vlan_flood_set(&lab->sw->vlans, 0);
    assert_int_equal(set->count, 60);
    for (unsigned i = 0; i < set->count; i++) {
        assert_true(set->member[i]->number > last);
        last = set->member[i]->number;
    }
}

/* --- changing the membership --- */

static void test_membership_needs_the_vlan(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    struct membership wanted = {.untagged = 10};

    assert_int_equal(lab_set_membership(lab, 1, &wanted), -ENXIO);
    wanted.untagged = 0;
    assert_int_equal(membership_tag(&wanted, 30, true), 0);
    assert_int_equal(lab_set_membership(lab, 1, &wanted), -ENXIO);
    membership_clear(&wanted);
    lab_send(lab, two, sample(EVERYONE, 2)); /* nothing has changed */
    assert_heard(one, sample(EVERYONE, 2));
}

static void test_leaving_a_vlan_forgets_its_stations(void **state)
{
    struct lab *lab = *state;
    struct fake *trunk = lab_attach(lab, 1), *two;
    uint8_t mac[MAC_BYTES];

    lab_vlans(lab, 1, 10, "20+30");
    lab_vlans(lab, 2, 10, "20+30");
    two = lab_attach(lab, 2);
    lab_send(lab, trunk, sample(EVERYONE, 1));
    lab_send(lab, trunk, tagged(sample(EVERYONE, 1), 20));
    lab_send(lab, trunk, tagged(sample(EVERYONE, 1), 30));
    lab_send(lab, two, tagged(sample(EVERYONE, 2), 20));
    fdb_add_static(lab->sw->fdb, 20, mac_of(77, mac), &lab_port(lab, 1)->fdb, lab->now);
    fdb_add_static(lab->sw->fdb, 30, mac_of(77, mac), &lab_port(lab, 1)->fdb, lab->now);
    lab_vlans(lab, 1, 30, "10"); /* swaps two, leaves one */
    assert_ptr_equal(lab_owner(lab, 10, 1), lab_port(lab, 1));
    assert_ptr_equal(lab_owner(lab, 30, 1), lab_port(lab, 1));
    assert_ptr_equal(lab_owner(lab, 30, 77), lab_port(lab, 1));
    assert_null(lab_owner(lab, 20, 1));
    assert_null(lab_owner(lab, 20, 77));
    assert_ptr_equal(lab_owner(lab, 20, 2), lab_port(lab, 2));
}

static void test_leaving_transparent_forgets(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1);

    lab_transparent(lab, 1);
    lab_send(lab, one, tagged(sample(EVERYONE, 1), 4094));
    lab_send(lab, one, tagged(sample(EVERYONE, 1), 10));
    lab_send(lab, one, sample(EVERYONE, 1));
    assert_ptr_equal(lab_owner(lab, 4094, 1), lab_port(lab, 1));
    lab_vlans(lab, 1, 10, NULL);
    assert_null(lab_owner(lab, 4094, 1));
    assert_null(lab_owner(lab, 0, 1));
    assert_ptr_equal(lab_owner(lab, 10, 1), lab_port(lab, 1));
}

static void test_remove_vlan(void **state)
{
    struct lab *lab = *state;
    struct fake *seven;

    lab_vlans(lab, 1, 10, "20");
    lab_transparent(lab, 7);
    seven = lab_attach(lab, 7);
    assert_int_equal(switch_remove_vlan(lab->sw, 10), -EADDRINUSE); /* nothing is attached, yet */
    assert_int_equal(switch_remove_vlan(lab->sw, 20), -EADDRINUSE);
    assert_int_equal(switch_remove_vlan(lab->sw, 0), -EADDRINUSE);
    assert_int_equal(switch_remove_vlan(lab->sw, 30), -ENXIO);
    lab_send(lab, seven, tagged(sample(EVERYONE, 1), 20));
    lab_vlans(lab, 1, 10, NULL);
    assert_int_equal(switch_remove_vlan(lab->sw, 20), 0);
    assert_false(vlan_exists(&lab->sw->vlans, 20));
    assert_null(lab_owner(lab, 20, 1));
}

/* --- in and out --- */

/* Ports 1 and 2 have these memberships; IN is received at 1 and leaves 2 as OUT, or not at all if
 * that is NULL. */
static void check_way(struct lab *lab, struct fake *one, struct fake *two, struct sample in,
                      const struct sample *out)
{
    lab_send(lab, one, in);
    if (out)
        assert_heard(two, *out);
    assert_silent(two);
    assert_silent(one);
}

static void test_access_ports(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    struct sample plain = sample(EVERYONE, 1);

    lab_vlans(lab, 1, 10, NULL);
    check_way(lab, one, two, plain, NULL);
    lab_vlans(lab, 2, 10, NULL);
    check_way(lab, one, two, plain, &plain);
    check_way(lab, one, two, tagged(plain, 0xe000), &plain); /* priority tag */
    check_way(lab, one, two, tagged(plain, 0x200a), &plain); /* its own VLAN, tagged */
    check_way(lab, one, two, tagged(plain, 11), NULL);
    check_way(lab, one, two, tagged(plain, 4095), NULL);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_NOT_MEMBER], 1);
    assert_int_equal(lab_port(lab, 1)->counters.drops[DROP_BAD_TAG], 1);
    assert_int_equal(one->endpoint.counters.drops[DROP_NOT_MEMBER], 1);
    assert_int_equal(lab->worker->balance.no_receivers, 1);
}

static void test_vlan_0_is_no_vlan(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    struct sample plain = sample(EVERYONE, 1);

    check_way(lab, one, two, plain, &plain);
    check_way(lab, one, two, tagged(plain, 0), &plain);
    check_way(lab, one, two, tagged(plain, 0xf000), &plain);
    check_way(lab, one, two, tagged(plain, 1), NULL);
}

static void test_access_to_trunk_and_back(void **state)
{
    struct lab *lab = *state;
    struct fake *access = lab_attach(lab, 1), *trunk = lab_attach(lab, 2);
    struct sample plain = sample(EVERYONE, 1), back = sample(EVERYONE, 2);

    lab_vlans(lab, 1, 10, NULL);
    lab_vlans(lab, 2, VID_NONE, "10-11");
    lab_send(lab, access, plain);
    assert_heard(trunk, tagged(plain, 10));
    lab_send(lab, access, tagged(plain, 0xb000)); /* PCP 5, DEI */
    assert_heard(trunk, tagged(plain, 0xb00a));
    lab_send(lab, trunk, tagged(back, 0xe00a));
    assert_heard(access, back);
    lab_send(lab, trunk, tagged(back, 11));
    lab_send(lab, trunk, back);
    lab_send(lab, trunk, tagged(back, 0xe000));
    assert_silent(access);
    assert_int_equal(lab_port(lab, 2)->counters.drops[DROP_UNTAGGED], 2);
    assert_int_equal(lab->worker->balance.no_receivers, 1);
}

static void test_native_and_tagged(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    struct sample plain = sample(EVERYONE, 1);

    lab_vlans(lab, 1, 5, "6");
    lab_vlans(lab, 2, 6, "5");
    lab_send(lab, one, plain);
    assert_heard(two, tagged(plain, 5));
    lab_send(lab, one, tagged(plain, 0x4006));
    assert_heard(two, plain);
    lab_send(lab, one, tagged(plain, 0x4005));
    assert_heard(two, tagged(plain, 0x4005));
    assert_silent(two);
}

/* A VID that is both untagged and tagged leaves untagged. */
static void test_untagged_wins(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    lab_vlans(lab, 1, 5, "5");
    lab_vlans(lab, 2, 5, "5");
    lab_send(lab, one, tagged(sample(EVERYONE, 1), 5));
    assert_heard(two, sample(EVERYONE, 1));
}

static void test_priority_survives_between_trunks(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);

    lab_vlans(lab, 1, VID_NONE, "1-4094");
    lab_vlans(lab, 2, VID_NONE, "1-4094");
    for (unsigned priority = 0; priority < 16; priority++) {
        for (unsigned vid = 1; vid <= 4094; vid += 4093) {
            struct sample in = tagged(sample(EVERYONE, 1), (uint16_t)(priority << 12 | vid));

            lab_send(lab, one, in);
            assert_heard(two, in);
        }
    }
}

/* The inner tag is payload, wherever the frame goes: but see test_hidden_tags() in
 * test_policy.c. */
static void test_stacked_tags(void **state)
{
    struct lab *lab = *state;
    struct fake *access = lab_attach(lab, 1), *trunk = lab_attach(lab, 2),
                *other = lab_attach(lab, 3);
    struct sample inner = tagged(sample(EVERYONE, 1), 99);

    lab_vlans(lab, 1, 10, "99");
    lab_vlans(lab, 2, VID_NONE, "10+99");
    lab_vlans(lab, 3, VID_NONE, "10");
    lab_send(lab, trunk, tagged(inner, 10));
    assert_heard(access, inner);
    assert_heard(other, tagged(inner, 10));
    lab_send(lab, access, inner);
    assert_heard(trunk, inner);
    assert_silent(other);
}

static void test_transparent_to_transparent(void **state)
{
    static const uint16_t tci[] = {0, 0xe000, 1, 0x700a, 0xfffe};
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2);
    struct sample plain = sample(EVERYONE, 1);

    lab_transparent(lab, 1);
    lab_transparent(lab, 2);
    check_way(lab, one, two, plain, &plain);
    for (unsigned i = 0; i < sizeof(tci) / sizeof(tci[0]); i++) {
        struct sample in = tagged(plain, tci[i]);

        check_way(lab, one, two, in, &in);
    }
    check_way(lab, one, two, tagged(plain, 0x2fff), NULL);
}

static void test_transparent_and_others(void **state)
{
    struct lab *lab = *state;
    struct fake *clear = lab_attach(lab, 1), *access = lab_attach(lab, 2),
                *none = lab_attach(lab, 3);
    struct sample plain = sample(EVERYONE, 1), back = sample(EVERYONE, 2);

    lab_transparent(lab, 1);
    lab_vlans(lab, 2, 10, NULL);
    lab_send(lab, clear, tagged(plain, 0x600a));
    assert_heard(access, plain);
    lab_send(lab, clear, plain);
    assert_heard(none, plain);
    lab_send(lab, clear, tagged(plain, 0xe000));
    assert_heard(none, plain);
    lab_send(lab, access, back);
    assert_heard(clear, tagged(back, 10));
    lab_send(lab, access, tagged(back, 0xe000));
    assert_heard(clear, tagged(back, 0xe00a));
    lab_send(lab, none, back);
    assert_heard(clear, back);
    lab_send(lab, none, tagged(back, 0x3000));
    assert_heard(clear, tagged(back, 0x3000));
    assert_silent(access);
    assert_silent(none);
    assert_silent(clear);
}

/* Learning is per tag behind a transparent port too. */
static void test_transparent_learns_per_tag(void **state)
{
    struct lab *lab = *state;
    struct fake *one = lab_attach(lab, 1), *two = lab_attach(lab, 2), *three = lab_attach(lab, 3);

    lab_transparent(lab, 1);
    lab_transparent(lab, 2);
    lab_transparent(lab, 3);
    lab_send(lab, one, tagged(sample(EVERYONE, 8), 10));
    lab_send(lab, two, tagged(sample(EVERYONE, 8), 20));
    fake_skip(two);
    fake_skip(one);
    fake_skip(three);
    lab_send(lab, three, tagged(sample(8, 3), 10));
    assert_heard(one, tagged(sample(8, 3), 10));
    assert_silent(two);
    lab_send(lab, three, tagged(sample(8, 3), 20));
    assert_heard(two, tagged(sample(8, 3), 20));
    assert_silent(one);
    lab_send(lab, three, sample(8, 3)); /* unknown without a tag */
    assert_heard(one, sample(8, 3));
    assert_heard(two, sample(8, 3));
}

/* The VLAN belongs to the port, not to the endpoint attached to it. */
static void test_membership_survives_detaching(void **state)
{
    struct lab *lab = *state;
    struct fake *two = lab_attach(lab, 2);

    lab_vlans(lab, 1, 10, NULL);
    lab_vlans(lab, 2, 10, NULL);
    lab_detach(lab_attach(lab, 1));
    lab_send(lab, lab_attach(lab, 1), sample(EVERYONE, 1));
    assert_heard(two, sample(EVERYONE, 1));
}

int main(void)
{
#define WITH_LAB(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_membership),
        cmocka_unit_test(test_transparent_has_every_vlan),
        WITH_LAB(test_create_and_remove),
        WITH_LAB(test_flood_sets_follow_the_membership),
        WITH_LAB(test_flood_sets_of_transparent_ports),
        WITH_LAB(test_flood_set_order),
        WITH_LAB(test_membership_needs_the_vlan),
        WITH_LAB(test_leaving_a_vlan_forgets_its_stations),
        WITH_LAB(test_leaving_transparent_forgets),
        WITH_LAB(test_remove_vlan),
        WITH_LAB(test_access_ports),
        WITH_LAB(test_vlan_0_is_no_vlan),
        WITH_LAB(test_access_to_trunk_and_back),
        WITH_LAB(test_native_and_tagged),
        WITH_LAB(test_untagged_wins),
        WITH_LAB(test_priority_survives_between_trunks),
        WITH_LAB(test_stacked_tags),
        WITH_LAB(test_transparent_to_transparent),
        WITH_LAB(test_transparent_and_others),
        WITH_LAB(test_transparent_learns_per_tag),
        WITH_LAB(test_membership_survives_detaching),
    };

    return cmocka_run_group_tests_name("vlan", tests, NULL, NULL);
}
