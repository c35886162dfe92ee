/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_fdb_room.c - which entries are evicted when the FDB is full, and that operations stay O(1)
 */
#include "fdb_table.h"

#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- no room --- */

static void test_port_at_its_limit_evicts_its_oldest(void **state)
{
    struct table *table = *state;

    table->owner[1].limit = 4;
    hear(table, 2, 0, 50);
    for (uint64_t i = 0; i < 4; i++) {
        hear(table, 1, 0, i);
        sleep_for(table, SECOND);
    }
    hear(table, 1, 0, 0); /* now 1 is the oldest */
    hear(table, 1, 0, 4);
    assert_int_equal(owner_of(table, 0, 1), -1);
    assert_int_equal(owner_of(table, 0, 0), 1);
    assert_int_equal(table->owner[1].count, 4);
    assert_int_equal(owner_of(table, 0, 50), 2);
    check_counts(table);
}

static void test_port_without_room_learns_nothing(void **state)
{
    struct table *table = *state;
    bool moved;

    table->owner[1].limit = 0;
    assert_null(hear(table, 1, 0, 5));
    hear(table, 2, 0, 6);
    hear_as(table, 1, 0, 6, true, &moved);
    assert_int_equal(owner_of(table, 0, 6), 2);
    assert_int_equal(fdb_count(table->fdb), 1);
}

static void test_move_to_a_port_at_its_limit(void **state)
{
    struct table *table = *state;
    bool moved;

    table->owner[1].limit = 2;
    hear(table, 1, 0, 1);
    sleep_for(table, SECOND);
    hear(table, 1, 0, 2);
    hear(table, 2, 0, 3);
    hear_as(table, 1, 0, 3, true, &moved);
    assert_int_equal(owner_of(table, 0, 1), -1);
    assert_int_equal(owner_of(table, 0, 2), 1);
    assert_int_equal(owner_of(table, 0, 3), 1);
    assert_int_equal(table->owner[1].count, 2);
    check_counts(table);
}

static void test_full_table_evicts_from_the_fullest_port(void **state)
{
    struct table *table = *state;

    for (uint64_t i = 0; i < 10; i++)
        hear(table, 1, 0, 100 + i); /* silent, and older than all */
    sleep_for(table, 2 * SECOND);
    for (uint64_t i = 0; i < 30; i++)
        hear(table, 2, 0, 200 + i);
    sleep_for(table, 2 * SECOND);
    for (uint64_t i = 0; i < 24; i++)
        hear(table, 3, 0, 300 + i);
    assert_int_equal(fdb_count(table->fdb), 64);
    for (uint64_t i = 0; i < 3; i++) {
        hear(table, 1, 0, 400 + i);
        assert_int_equal(owner_of(table, 0, 200 + i), -1);
        assert_int_equal(owner_of(table, 0, 201 + i), 2);
    }
    assert_int_equal(table->owner[1].count, 13);
    assert_int_equal(table->owner[2].count, 27);
    assert_int_equal(table->owner[3].count, 24);
    check_counts(table);
}

/* If the port itself is among those with most entries, its own entry is evicted. */
static void test_fullest_port_evicts_its_own(void **state)
{
    struct table *table = *state;

    for (uint64_t i = 0; i < 32; i++) {
        hear(table, 1, 0, 100 + i);
        hear(table, 2, 0, 200 + i);
    }
    hear(table, 2, 0, 300);
    assert_int_equal(owner_of(table, 0, 200), -1);
    assert_int_equal(table->owner[1].count, 32);
    hear(table, 1, 0, 400);
    assert_int_equal(owner_of(table, 0, 100), -1);
    assert_int_equal(table->owner[2].count, 32);
}

/* The port with most entries is found again after it lost some by flush, age, delete and move. */
static void test_fullest_port_after_it_shrank(void **state)
{
    struct table *table = *state;
    uint8_t mac[MAC_BYTES];

    for (uint64_t i = 0; i < 40; i++)
        hear(table, 1, i % 2, 100 + i);
    for (uint64_t i = 0; i < 24; i++)
        hear(table, 2, 0, 200 + i);
    fdb_flush_owner(table->fdb, &table->owner[1], 0);
    fdb_delete(table->fdb, 1, mac_from(101, mac));
    for (uint64_t i = 0; i < 21; i++)
        hear(table, 3, 0, 300 + i); /* 19, 24 and 21 */
    assert_int_equal(fdb_count(table->fdb), 64);
    hear(table, 1, 0, 400);
    assert_int_equal(table->owner[2].count, 23);
    assert_int_equal(owner_of(table, 0, 200), -1);
    check_counts(table);
}

/* A guest that floods with random addresses evicts its own entries, not its neighbours'. */
static void test_million_addresses_from_one_port(void **state)
{
    struct table *table = table_new(BIG, 0xfeedfacecafebeef);

    (void)state;
    for (uint64_t i = 0; i < 3000; i++)
        hear(table, 1 + i % 10, 0, 0x020000000000 + i);
    for (uint64_t i = 0; i < 1000000; i++) {
        assert_non_null(hear(table, 0, i % 4095, 0x060000000000 + i));
        if (i % 1000 == 0)
            sleep_for(table, SECOND / 50);
    }
    for (uint64_t i = 0; i < 3000; i++)
        assert_int_equal(owner_of(table, 0, 0x020000000000 + i), 1 + i % 10);
    assert_int_equal(table->owner[0].count, FDB_OWNER_LIMIT);
    assert_int_equal(fdb_count(table->fdb), 3000 + FDB_OWNER_LIMIT);
    check_counts(table);
    table_free(table);
}

/* The same with an FDB that is full before any port reaches its limit. */
static void test_million_addresses_into_a_full_table(void **state)
{
    struct table *table = table_new(4096, 7);

    (void)state;
    table->owner[0].limit = 1000000;
    for (uint64_t i = 0; i < 1000; i++)
        hear(table, 1 + i % 10, 0, 0x020000000000 + i);
    for (uint64_t i = 0; i < 1000000; i++)
        assert_non_null(hear(table, 0, 0, 0x060000000000 + i));
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(owner_of(table, 0, 0x020000000000 + i), 1 + i % 10);
    assert_int_equal(fdb_count(table->fdb), 4096);
    assert_int_equal(table->owner[0].count, 3096);
    for (uint64_t i = 1000000 - 3096; i < 1000000; i++)
        assert_int_equal(owner_of(table, 0, 0x060000000000 + i), 0); /* the youngest are kept */
    check_counts(table);
    table_free(table);
}

static void test_table_of_one(void **state)
{
    struct table *table = table_new(1, 0);

    (void)state;
    hear(table, 1, 0, 1);
    hear(table, 2, 0, 2);
    assert_int_equal(owner_of(table, 0, 1), -1);
    assert_int_equal(owner_of(table, 0, 2), 2);
    check_counts(table);
    table_free(table);
}

/* --- constant time --- */

static void longest_visit(void *context, const struct fdb_entry *entry)
{
    unsigned *longest = context, length = 0;

    for (; entry; entry = entry->next)
        length++;
    if (length > *longest)
        *longest = length;
}

/* Fills an FDB completely with addresses of one pattern. Return: its longest hash chain. */
static unsigned longest_chain(uint64_t secret, uint64_t first, uint64_t step, unsigned vids)
{
    struct table *table = table_new(BIG, secret);
    unsigned longest = 0;

    table->owner[0].limit = BIG;
    for (uint64_t i = 0; i < BIG; i++)
        hear(table, 0, 1 + (unsigned)(i % vids), (first + i / vids * step) & 0xfeffffffffff);
    assert_int_equal(fdb_count(table->fdb), BIG);
    fdb_each(table->fdb, longest_visit, &longest);
    table_free(table);
    return longest;
}

/* With as many entries as buckets, the longest chain is expected to be about 8; 20 does not happen
 * by chance. */
static void test_chains_stay_short(void **state)
{
    static const struct {
        uint64_t first, step;
        unsigned vids;
    } pattern[] = {
        {0x020000000000, 1, 1},
        {0x020000000000, 2, 1},
        {0x020000000000, 0x100, 1},
        {0x020000000000, 0x10000, 1},
        {0, 0x1000000, 1},
        {0x020000000000, 3, 4094},
        {0x020000000000, 0x101010, 16},
        {0x525400000000, 0x10001, 1},
        {0, 1, 2},
    };
    static const uint64_t secret[] = {0, 1, 0x9e3779b97f4a7c15, UINT64_MAX};

    (void)state;
    for (unsigned s = 0; s < sizeof(secret) / sizeof(secret[0]); s++) {
        for (unsigned p = 0; p < sizeof(pattern) / sizeof(pattern[0]); p++) {
            unsigned longest =
                longest_chain(secret[s], pattern[p].first, pattern[p].step, pattern[p].vids);

            if (longest > 20)
                fail_msg("secret %u, pattern %u: a chain of %u", s, p, longest);
        }
    }
}

/* Addresses that collide under one secret, found by search, do not collide under another. */
static void test_secret_keys_the_hash(void **state)
{
    struct table *known = table_new(1024, 1), *other = table_new(1024, 0x123456789abcdef);
    uint64_t chosen[64];
    unsigned count = 0, longest = 0;

    (void)state;
    known->owner[0].limit = 2; /* the first address, refreshed, and one other at a time */
    for (uint64_t i = 1; i < 1000000 && count < 64; i++) {
        struct fdb_entry *first = hear(known, 0, 0, 0x020000000000);

        hear(known, 0, 0, 0x020000000000 + i);
        if (first->next)
            chosen[count++] = 0x020000000000 + i;
        sleep_for(known, SECOND);
    }
    assert_int_equal(count, 64);
    for (unsigned i = 0; i < count; i++)
        hear(other, 0, 0, chosen[i]);
    fdb_each(other->fdb, longest_visit, &longest);
    assert_in_range(longest, 1, 6);
    table_free(known);
    table_free(other);
}

int main(void)
{
#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, table_setup, table_teardown)
    const struct CMUnitTest tests[] = {
        WITH_TABLE(test_port_at_its_limit_evicts_its_oldest),
        WITH_TABLE(test_port_without_room_learns_nothing),
        WITH_TABLE(test_move_to_a_port_at_its_limit),
        WITH_TABLE(test_full_table_evicts_from_the_fullest_port),
        WITH_TABLE(test_fullest_port_evicts_its_own),
        WITH_TABLE(test_fullest_port_after_it_shrank),
        cmocka_unit_test(test_million_addresses_from_one_port),
        cmocka_unit_test(test_million_addresses_into_a_full_table),
        WITH_TABLE(test_table_of_one),
        cmocka_unit_test(test_chains_stay_short),
        cmocka_unit_test(test_secret_keys_the_hash),
    };

    return cmocka_run_group_tests_name("fdb room", tests, NULL, NULL);
}
