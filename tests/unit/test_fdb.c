/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_fdb.c - which addresses the FDB learns, moves, keeps and ages out
 */
#include "fdb_table.h"

#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- learning --- */

static void test_learn_and_find(void **state)
{
    struct table *table = *state;
    uint8_t mac[6], expected[6];

    assert_int_equal(fdb_capacity(table->fdb), 64);
    assert_null(find(table, 0, 1));
    assert_non_null(hear(table, 3, 7, 0x020000000001));
    assert_int_equal(owner_of(table, 7, 0x020000000001), 3);
    assert_null(find(table, 8, 0x020000000001));
    assert_null(find(table, 0, 0x020000000001));
    assert_int_equal(fdb_count(table->fdb), 1);
    assert_int_equal(fdb_entry_vid(find(table, 7, 0x020000000001)), 7);
    fdb_entry_mac(find(table, 7, 0x020000000001), mac);
    assert_memory_equal(mac, mac_from(0x020000000001, expected), 6);
    check_counts(table);
}

static void test_same_address_in_two_vlans(void **state)
{
    struct table *table = *state;

    hear(table, 1, 10, 5);
    hear(table, 2, 4094, 5);
    hear(table, 3, 0, 5);
    assert_int_equal(owner_of(table, 10, 5), 1);
    assert_int_equal(owner_of(table, 4094, 5), 2);
    assert_int_equal(owner_of(table, 0, 5), 3);
}

static void test_notifies_learn_move_and_age(void **state)
{
    struct table *table = *state;

    hear(table, 1, 10, 5);
    assert_int_equal(table->changes, 1);
    assert_int_equal(table->change[0].change, FDB_LEARNED);
    assert_ptr_equal(table->change[0].owner, &table->owner[1]);
    assert_null(table->change[0].from);
    hear(table, 1, 10, 5);
    assert_int_equal(table->changes, 1);
    sleep_for(table, 3 * SECOND);
    hear(table, 2, 10, 5);
    assert_int_equal(table->changes, 2);
    assert_int_equal(table->change[1].change, FDB_MOVED);
    assert_int_equal(table->change[1].key, table->change[0].key);
    assert_ptr_equal(table->change[1].owner, &table->owner[2]);
    assert_ptr_equal(table->change[1].from, &table->owner[1]);
    sleep_for(table, 100 * SECOND);
    fdb_expire(table->fdb, table->now);
    assert_int_equal(table->changes, 3);
    assert_int_equal(table->change[2].change, FDB_AGED);
    assert_ptr_equal(table->change[2].owner, &table->owner[2]);
}

static const struct fdb_remote far_end = {.address = {[10] = 0xff, 0xff, 192, 0, 2, 1},
                                          .port = 4789};

static struct fdb_entry *hear_through(struct table *table, unsigned owner, uint64_t number,
                                      const struct fdb_remote *remote)
{
    uint8_t mac[MAC_BYTES];
    bool moved;
    const struct learn_event event = {
        .owner = &table->owner[owner],
        .vid = 1,
        .mac = mac_from(number, mac),
        .remote = remote,
    };

    return fdb_learn(table->fdb, &event, table->now, &moved);
}

static void test_remote_is_carried(void **state)
{
    static const struct fdb_remote nobody = {0};
    struct fdb_remote other = far_end;
    struct table *table = *state;

    hear_through(table, 1, 5, &far_end);
    assert_memory_equal(&find(table, 1, 5)->remote, &far_end, sizeof(far_end));
    other.port = 4790;
    hear_through(table, 1, 5, &other);
    assert_int_equal(find(table, 1, 5)->remote.port, 4790);
    sleep_for(table, 3 * SECOND);
    hear_through(table, 2, 5, NULL);
    assert_memory_equal(&find(table, 1, 5)->remote, &nobody, sizeof(nobody));
}

/* A learn event whose move is rejected does not change the tunnel either. */
static void test_remote_of_a_disbelieved_move(void **state)
{
    static const struct fdb_remote nobody = {0};
    struct table *table = *state;

    hear_through(table, 1, 5, NULL);
    hear_through(table, 2, 5, &far_end);
    assert_memory_equal(&find(table, 1, 5)->remote, &nobody, sizeof(nobody));
    table->owner[2].limit = 0;
    sleep_for(table, 10 * SECOND);
    hear_through(table, 2, 5, &far_end);
    assert_int_equal(owner_of(table, 1, 5), 1);
    assert_memory_equal(&find(table, 1, 5)->remote, &nobody, sizeof(nobody));
}

/* --- moving --- */

static void test_moves_only_after_silence(void **state)
{
    struct table *table = *state;

    hear(table, 1, 0, 5);
    sleep_for(table, 2 * SECOND);
    hear(table, 1, 0, 5); /* still sending */
    sleep_for(table, 3 * SECOND - 1);
    assert_ptr_equal(hear(table, 2, 0, 5), find(table, 0, 5));
    assert_int_equal(owner_of(table, 0, 5), 1);
    sleep_for(table, 1);
    hear(table, 2, 0, 5);
    assert_int_equal(owner_of(table, 0, 5), 2);
    check_counts(table);
}

/* Each frame of the old owner counts, even though the lists are sorted only once a second. */
static void test_talking_owner_keeps_its_address(void **state)
{
    struct table *table = *state;

    for (unsigned i = 0; i < 100; i++) {
        hear(table, 1, 0, 5);
        sleep_for(table, SECOND / 3);
        hear(table, 2, 0, 5);
        assert_int_equal(owner_of(table, 0, 5), 1);
        sleep_for(table, SECOND / 3);
    }
    sleep_for(table, 3 * SECOND - SECOND / 3 - SECOND / 3 - 1);
    hear(table, 2, 0, 5);
    assert_int_equal(owner_of(table, 0, 5), 1);
}

/* A rejected learn event does not refresh the entry of the old owner. */
static void test_spoofer_does_not_refresh(void **state)
{
    struct table *table = *state;

    hear(table, 1, 0, 5);
    for (unsigned i = 0; i < 2; i++) {
        sleep_for(table, SECOND);
        hear(table, 2, 0, 5);
        assert_int_equal(owner_of(table, 0, 5), 1);
    }
    sleep_for(table, SECOND);
    hear(table, 2, 0, 5);
    assert_int_equal(owner_of(table, 0, 5), 2);
}

static void test_moves_at_once_when_announced(void **state)
{
    struct table *table = *state;
    bool moved;

    hear(table, 1, 0, 5);
    hear_as(table, 2, 0, 5, true, &moved);
    assert_true(moved);
    assert_int_equal(owner_of(table, 0, 5), 2);
    assert_int_equal(table->owner[1].count, 0);
    assert_int_equal(table->owner[2].count, 1);
}

static void test_min_persistence_is_settable(void **state)
{
    struct table *table = *state;

    assert_int_equal(fdb_settings(table->fdb)->min_persistence, 3 * SECOND);
    fdb_settings(table->fdb)->min_persistence = 0;
    hear(table, 1, 0, 5);
    hear(table, 2, 0, 5);
    assert_int_equal(owner_of(table, 0, 5), 2);
    fdb_settings(table->fdb)->min_persistence = 20 * SECOND;
    sleep_for(table, 19 * SECOND);
    hear(table, 1, 0, 5);
    assert_int_equal(owner_of(table, 0, 5), 2);
}

/* A move makes the entry as young as a new one, in the new owner's list. */
static void test_moved_entry_is_young(void **state)
{
    struct table *table = *state;

    hear(table, 1, 0, 5);
    sleep_for(table, 90 * SECOND);
    hear(table, 2, 0, 5);
    sleep_for(table, 90 * SECOND);
    fdb_expire(table->fdb, table->now);
    assert_int_equal(owner_of(table, 0, 5), 2);
    fdb_flush_owner(table->fdb, &table->owner[1], FDB_ANY_VID);
    assert_int_equal(owner_of(table, 0, 5), 2);
    fdb_flush_owner(table->fdb, &table->owner[2], FDB_ANY_VID);
    assert_int_equal(owner_of(table, 0, 5), -1);
}

static void test_changes_are_counted(void **state)
{
    struct table *table = *state;
    bool moved = true;

    hear_as(table, 1, 0, 5, false, &moved);
    assert_false(moved);
    hear_as(table, 1, 0, 5, false, &moved);
    assert_false(moved);
    for (unsigned i = 1; i <= 6; i++) {
        hear_as(table, 1 + i % 2, 0, 5, false, &moved);
        assert_true(moved);
        assert_int_equal(fdb_station(table->fdb, find(table, 0, 5))->moves, i);
        assert_int_equal(fdb_station(table->fdb, find(table, 0, 5))->reflections, 0);
        sleep_for(table, SECOND / 10);
    }
    sleep_for(table, 6 * SECOND);
    hear_as(table, 2, 0, 5, false, &moved);
    assert_int_equal(fdb_station(table->fdb, find(table, 0, 5))->moves, 1);
}

/* One frame is remembered for a second; only that very frame, received from elsewhere, is a
 * reflection. */
static void test_reflections_are_counted(void **state)
{
    struct table *table = *state;
    const struct station *station;
    bool moved;

    station = fdb_station(table->fdb, hear_frame(table, 1, 5, 111, &moved));
    assert_false(moved);
    hear_frame(table, 1, 5, 111, &moved);
    assert_false(moved);
    hear_frame(table, 2, 5, 222, &moved);
    assert_true(moved);
    assert_int_equal(station->reflections, 0);
    hear_frame(table, 2, 5, 111, &moved); /* no change of owner, but a reflection */
    assert_true(moved);
    assert_int_equal(station->reflections, 1);
    assert_int_equal(station->origin, table->owner[1].number);
    hear_frame(table, 3, 5, 111, &moved);
    assert_int_equal(station->reflections, 2);
    assert_int_equal(station->last, table->owner[3].number);
    assert_int_equal(station->last_before, table->owner[2].number);
    sleep_for(table, SECOND + 1);
    hear_frame(table, 2, 5, 222, &moved);
    assert_int_equal(station->reflections, 0);
    assert_int_equal(station->origin,
                     table->owner[1].number); /* the owner, not the port that sends it first */
}

/* --- ageing --- */

static void test_ages_after_100_seconds(void **state)
{
    struct table *table = *state;
    uint64_t due = table->now + 100 * SECOND;

    assert_int_equal(fdb_expire(table->fdb, table->now), 0);
    hear(table, 1, 0, 5);
    assert_int_equal(fdb_expire(table->fdb, table->now), due);
    assert_int_equal(fdb_expire(table->fdb, due - 1), due);
    assert_int_equal(owner_of(table, 0, 5), 1);
    assert_int_equal(fdb_expire(table->fdb, due), 0);
    assert_int_equal(owner_of(table, 0, 5), -1);
    assert_int_equal(fdb_count(table->fdb), 0);
    check_counts(table);
}

static void test_ages_in_order_of_use(void **state)
{
    struct table *table = *state;
    uint64_t start = table->now;

    for (uint64_t i = 0; i < 5; i++) {
        hear(table, 1, 0, i);
        sleep_for(table, 2 * SECOND);
    }
    hear(table, 1, 0, 0); /* at 10 s */
    hear(table, 1, 0, 3);
    assert_int_equal(fdb_expire(table->fdb, start + 100 * SECOND), start + 102 * SECOND);
    assert_int_equal(fdb_count(table->fdb), 5);
    assert_int_equal(fdb_expire(table->fdb, start + 102 * SECOND), start + 104 * SECOND);
    assert_int_equal(owner_of(table, 0, 1), -1);
    assert_int_equal(fdb_expire(table->fdb, start + 104 * SECOND), start + 108 * SECOND);
    assert_int_equal(owner_of(table, 0, 2), -1);
    assert_int_equal(fdb_expire(table->fdb, start + 109 * SECOND), start + 110 * SECOND);
    assert_int_equal(owner_of(table, 0, 4), -1);
    assert_int_equal(owner_of(table, 0, 0), 1);
    assert_int_equal(owner_of(table, 0, 3), 1);
    assert_int_equal(fdb_expire(table->fdb, start + 110 * SECOND), 0);
}

/* An entry in constant use never ages, and the deadline is at most a second after the true one. */
static void test_busy_entries_stay(void **state)
{
    struct table *table = *state;
    uint64_t quiet = table->now, due;

    hear(table, 1, 0, 6);
    for (unsigned i = 0; i < 1000; i++) {
        hear(table, 2, 0, 5);
        sleep_for(table, SECOND / 5 + 1);
        due = fdb_expire(table->fdb, table->now);
        assert_true(due > table->now);
        assert_true(due <= table->now + 100 * SECOND);
        if (owner_of(table, 0, 6) == -1)
            assert_true(table->now >= quiet + 100 * SECOND);
        else
            assert_true(table->now < quiet + 101 * SECOND);
    }
    assert_int_equal(owner_of(table, 0, 5), 2);
    assert_int_equal(owner_of(table, 0, 6), -1);
}

/* Running at each deadline removes every entry within a second of its time. */
static void test_deadlines_can_be_followed(void **state)
{
    struct table *table = *state;
    uint64_t last[16] = {0}, due = 0;
    uint64_t random = 1;

    for (unsigned step = 0; step < 5000; step++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        sleep_for(table, (random >> 33) % (5 * SECOND));
        if (due && table->now >= due)
            due = fdb_expire(table->fdb, table->now);
        if (random >> 60 != 15) {
            hear(table, 1, 0, random >> 60);
            last[random >> 60] = table->now;
        }
        due = fdb_expire(table->fdb, table->now);
        for (unsigned i = 0; i < 15; i++) {
            if (table->now >= last[i] + 101 * SECOND)
                assert_int_equal(owner_of(table, 0, i), -1);
            else if (last[i] && table->now < last[i] + 100 * SECOND)
                assert_int_equal(owner_of(table, 0, i), 1);
        }
    }
}

static void test_ageing_is_settable(void **state)
{
    struct table *table = *state;

    hear(table, 1, 0, 5);
    fdb_settings(table->fdb)->ageing = 10 * SECOND;
    assert_int_equal(fdb_expire(table->fdb, table->now + 10 * SECOND - 1),
                     table->now + 10 * SECOND);
    assert_int_equal(fdb_expire(table->fdb, table->now + 10 * SECOND), 0);
    assert_int_equal(owner_of(table, 0, 5), -1);
}

/* --- static entries --- */

static void test_static_does_not_move_or_age(void **state)
{
    struct table *table = *state;
    bool moved;

    assert_int_equal(pin(table, 1, 0, 5), 0);
    assert_true(find(table, 0, 5)->is_static);
    sleep_for(table, 1000 * SECOND);
    assert_int_equal(fdb_expire(table->fdb, table->now), 0);
    hear(table, 2, 0, 5);
    hear_as(table, 2, 0, 5, true, &moved);
    assert_int_equal(owner_of(table, 0, 5), 1);
    assert_true(find(table, 0, 5)->is_static);
    check_counts(table);
}

static void test_static_is_not_counted_against_the_port(void **state)
{
    struct table *table = *state;

    table->owner[1].limit = 2;
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(pin(table, 1, 0, i), 0);
    assert_int_equal(table->owner[1].count, 0);
    hear(table, 1, 0, 100);
    hear(table, 1, 0, 101);
    assert_int_equal(table->owner[1].count, 2);
    assert_int_equal(fdb_count(table->fdb), 12);
    hear(table, 1, 0, 102);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(owner_of(table, 0, i), 1);
    check_counts(table);
}

static void test_static_replaces_what_was_known(void **state)
{
    struct table *table = *state;

    hear(table, 1, 0, 5);
    assert_int_equal(pin(table, 2, 0, 5), 0);
    assert_int_equal(owner_of(table, 0, 5), 2);
    assert_int_equal(table->owner[1].count, 0);
    assert_int_equal(pin(table, 3, 0, 5), 0);
    assert_int_equal(owner_of(table, 0, 5), 3);
    assert_true(list_empty(&table->owner[2].statics));
    assert_int_equal(fdb_count(table->fdb), 1);
    check_counts(table);
}

static void test_static_survives_flushes_and_floods(void **state)
{
    struct table *table = *state;

    assert_int_equal(pin(table, 1, 0, 5), 0);
    for (uint64_t i = 100; i < 1000; i++)
        hear(table, 1 + i % 3, 0, i);
    fdb_flush_owner(table->fdb, &table->owner[1], FDB_ANY_VID);
    fdb_flush_vlan(table->fdb, FDB_ANY_VID);
    fdb_flush_vlan(table->fdb, 0);
    assert_int_equal(owner_of(table, 0, 5), 1);
    assert_int_equal(fdb_count(table->fdb), 1);
    fdb_flush_statics(table->fdb, &table->owner[1], 7);
    assert_int_equal(owner_of(table, 0, 5), 1);
    fdb_flush_statics(table->fdb, &table->owner[1], 0);
    assert_int_equal(owner_of(table, 0, 5), -1);
    check_counts(table);
}

static void test_table_full_of_statics(void **state)
{
    struct table *table = *state;

    for (uint64_t i = 0; i < 63; i++)
        assert_int_equal(pin(table, 1, 0, i), 0);
    assert_non_null(hear(table, 2, 0, 100));
    assert_non_null(hear(table, 3, 0, 101)); /* evicts the only one that may be evicted */
    assert_int_equal(owner_of(table, 0, 100), -1);
    assert_int_equal(pin(table, 1, 0, 63), 0); /* and so does a static one */
    assert_int_equal(owner_of(table, 0, 101), -1);
    assert_int_equal(pin(table, 1, 0, 64), -ENOSPC);
    assert_null(hear(table, 2, 0, 102));
    assert_int_equal(pin(table, 2, 0, 63), 0); /* replacing needs no room */
    assert_int_equal(owner_of(table, 0, 63), 2);
    check_counts(table);
}

static void test_delete(void **state)
{
    struct table *table = *state;
    uint8_t mac[MAC_BYTES];

    hear(table, 1, 3, 5);
    pin(table, 2, 3, 6);
    assert_int_equal(fdb_delete(table->fdb, 3, mac_from(7, mac)), -ENOENT);
    assert_int_equal(fdb_delete(table->fdb, 4, mac_from(5, mac)), -ENOENT);
    assert_int_equal(fdb_delete(table->fdb, 3, mac_from(5, mac)), 0);
    assert_int_equal(fdb_delete(table->fdb, 3, mac_from(6, mac)), 0);
    assert_int_equal(fdb_count(table->fdb), 0);
    assert_int_equal(table->count[FDB_AGED], 2);
    check_counts(table);
}

/* --- flushing --- */

static void test_flush_by_port_and_vlan(void **state)
{
    struct table *table = *state;

    for (uint64_t i = 0; i < 24; i++)
        hear(table, 1 + i % 3, i % 4, i);
    fdb_flush_owner(table->fdb, &table->owner[1], 0);
    for (uint64_t i = 0; i < 24; i++)
        assert_int_equal(owner_of(table, i % 4, i),
                         i % 3 == 0 && i % 4 == 0 ? -1 : 1 + (int)(i % 3));
    fdb_flush_vlan(table->fdb, 1);
    for (uint64_t i = 0; i < 24; i++) {
        bool gone = i % 4 == 1 || (i % 3 == 0 && i % 4 == 0);

        assert_int_equal(owner_of(table, i % 4, i), gone ? -1 : 1 + (int)(i % 3));
    }
    fdb_flush_owner(table->fdb, &table->owner[2], FDB_ANY_VID);
    for (uint64_t i = 1; i < 24; i += 3)
        assert_int_equal(owner_of(table, i % 4, i), -1);
    assert_int_equal(owner_of(table, 2, 2), 3);
    check_counts(table);
    fdb_flush_vlan(table->fdb, FDB_ANY_VID);
    assert_int_equal(fdb_count(table->fdb), 0);
    check_counts(table);
}

int main(void)
{
#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, table_setup, table_teardown)
    const struct CMUnitTest tests[] = {
        WITH_TABLE(test_learn_and_find),
        WITH_TABLE(test_same_address_in_two_vlans),
        WITH_TABLE(test_notifies_learn_move_and_age),
        WITH_TABLE(test_remote_is_carried),
        WITH_TABLE(test_remote_of_a_disbelieved_move),
        WITH_TABLE(test_moves_only_after_silence),
        WITH_TABLE(test_talking_owner_keeps_its_address),
        WITH_TABLE(test_spoofer_does_not_refresh),
        WITH_TABLE(test_moves_at_once_when_announced),
        WITH_TABLE(test_min_persistence_is_settable),
        WITH_TABLE(test_moved_entry_is_young),
        WITH_TABLE(test_changes_are_counted),
        WITH_TABLE(test_reflections_are_counted),
        WITH_TABLE(test_ages_after_100_seconds),
        WITH_TABLE(test_ages_in_order_of_use),
        WITH_TABLE(test_busy_entries_stay),
        WITH_TABLE(test_deadlines_can_be_followed),
        WITH_TABLE(test_ageing_is_settable),
        WITH_TABLE(test_static_does_not_move_or_age),
        WITH_TABLE(test_static_is_not_counted_against_the_port),
        WITH_TABLE(test_static_replaces_what_was_known),
        WITH_TABLE(test_static_survives_flushes_and_floods),
        WITH_TABLE(test_table_full_of_statics),
        WITH_TABLE(test_delete),
        WITH_TABLE(test_flush_by_port_and_vlan),
    };

    return cmocka_run_group_tests_name("fdb", tests, NULL, NULL);
}
