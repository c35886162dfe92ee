/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_switch.c - ports come and go, and observers are notified
 */
#include "fake_port.h"

#include <errno.h>
#include <string.h>

static void test_create_and_remove(void **state)
{
    struct lab *lab = *state;
    struct port *port = NULL, *again;

    assert_null(switch_port(lab->sw, 3));
    assert_int_equal(port_create(lab->sw, 3, &port), 0);
    assert_ptr_equal(switch_port(lab->sw, 3), port);
    assert_int_equal(port->number, 3);
    assert_true(port->config.allocatable);
    assert_int_equal(port->config.membership.untagged, 0);
    assert_int_equal(port_create(lab->sw, 3, &again), -EEXIST);
    assert_int_equal(port_create(lab->sw, 65, &again), -EINVAL);
    assert_int_equal(port_create(lab->sw, -2, &again), -EINVAL);
    assert_int_equal(port_create(lab->sw, 0, &again), 0);
    assert_int_equal(port_create(lab->sw, 64, &again), 0);
    assert_null(switch_port(lab->sw, 65));
    assert_int_equal(port_remove(port), 0);
    assert_null(switch_port(lab->sw, 3));
}

static void test_create_any(void **state)
{
    struct lab *lab = *state;
    struct port *port;

    lab_port(lab, 2);
    for (unsigned i = 0; i < 63; i++) {
        assert_int_equal(port_create(lab->sw, PORT_ANY, &port), 0);
        assert_int_equal(port->number, i == 0 ? 1 : i + 2);
    }
    assert_int_equal(port_create(lab->sw, PORT_ANY, &port), -ENOSPC);
    assert_null(switch_port(lab->sw, 0));
}

static void test_remove_needs_an_empty_port(void **state)
{
    struct lab *lab = *state;
    struct fake *fake = lab_attach(lab, 1);
    uint8_t mac[MAC_BYTES];

    lab_vlans(lab, 1, 10, "20");
    fdb_add_static(lab->sw->fdb, 10, mac_of(9, mac), &lab_port(lab, 1)->fdb, lab->now);
    assert_int_equal(port_remove(lab_port(lab, 1)), -EADDRINUSE);
    lab_detach(fake);
    assert_int_equal(port_remove(lab_port(lab, 1)), 0);
    assert_int_equal(fdb_count(lab->sw->fdb), 0);
    assert_int_equal(switch_remove_vlan(lab->sw, 20), 0); /* its membership went with it */
}

static void set_allocatable(struct lab *lab, unsigned number, bool allocatable)
{
    struct port_config wanted = lab_port(lab, number)->config;

    wanted.allocatable = allocatable;
    assert_int_equal(port_configure(lab_port(lab, number), &wanted), 0);
}

static unsigned take_any(struct lab *lab)
{
    unsigned number = port_find_free(lab->sw);

    lab_attach(lab, number);
    return number;
}

static void test_take_any_is_the_lowest(void **state)
{
    struct lab *lab = *state;
    struct fake *two;

    assert_int_equal(take_any(lab), 1);
    two = lab_attach(lab, 2);
    lab_vlans(lab, 3, 10, NULL); /* it exists, but nothing is attached: the next client gets it */
    set_allocatable(lab, 4, false);
    assert_int_equal(take_any(lab), 3);
    assert_int_equal(switch_port(lab->sw, 3)->config.membership.untagged, 10);
    assert_int_equal(take_any(lab), 5);
    lab_detach(two);
    assert_int_equal(take_any(lab), 2);
    set_allocatable(lab, 4, true);
    assert_int_equal(take_any(lab), 4);
    assert_int_equal(take_any(lab), 6);
}

static void test_take_any_after_remove(void **state)
{
    struct lab *lab = *state;

    set_allocatable(lab, 1, false);
    assert_int_equal(take_any(lab), 2);
    assert_int_equal(port_remove(lab_port(lab, 1)), 0);
    assert_int_equal(take_any(lab), 1);
    assert_int_equal(take_any(lab), 3);
}

static void test_take_any_when_full(void **state)
{
    struct lab *lab = *state;

    for (unsigned i = 1; i <= 64; i++)
        assert_int_equal(take_any(lab), i);
    assert_int_equal(port_find_free(lab->sw), 65);
    assert_int_equal(switch_set_ports(lab->sw, 65), 0);
    assert_int_equal(take_any(lab), 65);
}

static void test_set_ports(void **state)
{
    struct lab *lab = *state;
    struct port *port;

    assert_int_equal(switch_set_ports(lab->sw, 0), -EINVAL);
    assert_int_equal(switch_set_ports(lab->sw, PORT_NUMBER_MAX + 1), -EINVAL);
    lab_port(lab, 10);
    assert_int_equal(switch_set_ports(lab->sw, 9), -EADDRINUSE);
    assert_int_equal(switch_set_ports(lab->sw, 10), 0);
    assert_int_equal(port_create(lab->sw, 11, &port), -EINVAL);
    assert_int_equal(switch_set_ports(lab->sw, PORT_NUMBER_MAX), 0);
    assert_null(switch_port(lab->sw, 11));
    assert_int_equal(port_create(lab->sw, PORT_NUMBER_MAX, &port), 0);
    assert_int_equal(switch_set_ports(lab->sw, 10), -EADDRINUSE);
}

static void test_named(void **state)
{
    struct lab *lab = *state;

    strcpy(lab_port(lab, 7)->config.name, "web");
    lab_port(lab, 3);
    assert_ptr_equal(port_named(lab->sw, "web"), switch_port(lab->sw, 7));
    assert_null(port_named(lab->sw, "we"));
    assert_null(port_named(lab->sw, "")); /* ports without a name are not found */
}

static void check_events(const struct lab *lab, const enum event_kind *kinds, unsigned count)
{
    assert_int_equal(lab->events, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(lab->event[i].kind, kinds[i]);
}

static void test_events_of_an_attachment(void **state)
{
    static const enum event_kind kinds[] = {
        EVENT_PORT_CREATED,  EVENT_ENDPOINT_UP,   EVENT_ENDPOINT_UP, EVENT_FDB_LEARNED,
        EVENT_ENDPOINT_DOWN, EVENT_ENDPOINT_DOWN, EVENT_PORT_DOWN,   EVENT_FDB_AGED,
    };
    struct lab *lab = *state;
    struct fake *a = lab_attach(lab, 1), *b = lab_attach(lab, 1);

    lab_send(lab, b, sample(EVERYONE, 1));
    lab_detach(a);
    lab_detach(b);
    check_events(lab, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

struct watcher {
    struct observer observer;
    unsigned told;
};

static void count_event(struct observer *observer, const struct event *event)
{
    (void)event;
    container_of(observer, struct watcher, observer)->told++;
}

static void test_observers_hear_what_they_asked_for(void **state)
{
    struct lab *lab = *state;
    struct watcher up = {{.kinds = EVENT_BIT(EVENT_PORT_CREATED), .notify = count_event}, 0};
    struct watcher learn = {{.kinds = EVENT_BIT(EVENT_FDB_LEARNED), .notify = count_event}, 0};

    observers_add(&lab->sw->observers, &up.observer);
    observers_add(&lab->sw->observers, &learn.observer);
    lab_send(lab, lab_attach(lab, 1), sample(EVERYONE, 1));
    assert_int_equal(up.told, 1);
    assert_int_equal(learn.told, 1);
    observers_remove(&lab->sw->observers, &lab->observer);
    observers_remove(&lab->sw->observers, &up.observer);
    assert_false(observers_want(&lab->sw->observers, EVENT_PORT_CREATED));
    assert_true(observers_want(&lab->sw->observers, EVENT_FDB_LEARNED));
    lab_send(lab, lab_attach(lab, 2), sample(EVERYONE, 2));
    assert_int_equal(up.told, 1);
    assert_int_equal(learn.told, 2);
    observers_remove(&lab->sw->observers, &learn.observer);
    assert_int_equal(lab->sw->observers.kinds, 0);
}

/* Several switches side by side: what one learns is unknown to the other, and a cable connects
 * them. */
static void test_two_switches_on_one_cable(void **state)
{
    struct lab *west = *state, *east = lab_new();
    struct fake *guest = lab_attach(west, 1), *up = lab_attach(west, 2);
    struct fake *down = lab_attach(east, 1), *peer = lab_attach(east, 2),
                *other = lab_attach(east, 3);

    lab_send(west, guest, sample(EVERYONE, 1));
    assert_int_equal(lab_carry(east, up, down), 1);
    assert_heard(peer, sample(EVERYONE, 1));
    assert_heard(other, sample(EVERYONE, 1));
    lab_send(east, peer, sample(1, 2));
    assert_silent(other);
    assert_int_equal(lab_carry(west, down, up), 1);
    assert_heard(guest, sample(1, 2));
    assert_ptr_equal(lab_owner(west, 0, 2), lab_port(west, 2));
    assert_ptr_equal(lab_owner(east, 0, 2), lab_port(east, 2));
    lab_free(east);
}

static void test_defaults(void **state)
{
    struct switch_config config = switch_defaults();

    (void)state;
    assert_false(config.hub);
    assert_int_equal(config.fdb_capacity, 65536);
    assert_true(config.ports >= 32);
    assert_true(config.queue_frames >= 128);
    switch_free(NULL);
}

int main(void)
{
#define WITH_LAB(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)
    const struct CMUnitTest tests[] = {
        WITH_LAB(test_create_and_remove),
        WITH_LAB(test_create_any),
        WITH_LAB(test_remove_needs_an_empty_port),
        WITH_LAB(test_take_any_is_the_lowest),
        WITH_LAB(test_take_any_after_remove),
        WITH_LAB(test_take_any_when_full),
        WITH_LAB(test_set_ports),
        WITH_LAB(test_named),
        WITH_LAB(test_events_of_an_attachment),
        WITH_LAB(test_observers_hear_what_they_asked_for),
        WITH_LAB(test_two_switches_on_one_cable),
        cmocka_unit_test(test_defaults),
    };

    return cmocka_run_group_tests_name("switch", tests, NULL, NULL);
}
