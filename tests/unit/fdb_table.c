/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fdb_table.h"

#include "util/clock.h"

#include <stdlib.h>
#include <string.h>

static void note(void *context, enum fdb_change change, const struct fdb_entry *entry,
                 const struct fdb_owner *from)
{
    struct table *table = context;

    table->change[table->changes++ % 64] = (struct change){change, entry->key, entry->owner, from};
    table->count[change]++;
}

struct table *table_new(unsigned capacity, uint64_t secret)
{
    struct table *table = calloc(1, sizeof(*table));

    assert_non_null(table);
    table->fdb = fdb_new(capacity, secret);
    assert_non_null(table->fdb);
    table->now = 1000 * SECOND;
    for (unsigned i = 0; i < OWNERS; i++)
        fdb_owner_init(&table->owner[i], i);
    fdb_set_notify(table->fdb, note, table);
    return table;
}

void table_free(struct table *table)
{
    fdb_free(table->fdb);
    free(table);
}

int table_setup(void **state)
{
    *state = table_new(64, 0x1234567890abcdef);
    return 0;
}

int table_teardown(void **state)
{
    table_free(*state);
    return 0;
}

const uint8_t *mac_from(uint64_t number, uint8_t mac[MAC_BYTES])
{
    for (int i = 0; i < MAC_BYTES; i++)
        mac[i] = (uint8_t)(number >> (40 - 8 * i));
    return mac;
}

struct fdb_entry *hear_frame(struct table *table, unsigned owner, uint64_t number, uint64_t digest,
                             bool *moved)
{
    uint8_t mac[MAC_BYTES];
    const struct learn_event event = {
        .owner = &table->owner[owner], .mac = mac_from(number, mac), .digest = digest};

    return fdb_learn(table->fdb, &event, table->now, moved);
}

struct fdb_entry *hear_as(struct table *table, unsigned owner, unsigned vid, uint64_t number,
                          bool announced, bool *moved)
{
    uint8_t mac[MAC_BYTES];
    const struct learn_event event = {
        .owner = &table->owner[owner],
        .vid = vid,
        .mac = mac_from(number, mac),
        .announced = announced,
    };

    return fdb_learn(table->fdb, &event, table->now, moved);
}

struct fdb_entry *hear(struct table *table, unsigned owner, unsigned vid, uint64_t number)
{
    bool moved;

    return hear_as(table, owner, vid, number, false, &moved);
}

struct fdb_entry *find(struct table *table, unsigned vid, uint64_t number)
{
    uint8_t mac[MAC_BYTES];

    return fdb_find(table->fdb, vid, mac_from(number, mac));
}

int pin(struct table *table, unsigned owner, unsigned vid, uint64_t number)
{
    uint8_t mac[MAC_BYTES];

    return fdb_add_static(table->fdb, vid, mac_from(number, mac), &table->owner[owner], table->now);
}

/* OWNER's number, -1 if the address is unknown. */
int owner_of(struct table *table, unsigned vid, uint64_t number)
{
    const struct fdb_entry *entry = find(table, vid, number);

    return entry ? (int)(entry->owner - table->owner) : -1;
}

void sleep_for(struct table *table, uint64_t nanoseconds)
{
    table->now += nanoseconds;
}

static void count_visit(void *context, const struct fdb_entry *entry)
{
    (void)entry;
    (*(unsigned *)context)++;
}

/* The table's count, the owners' counts, and the entries that a walk finds agree. */
void check_counts(struct table *table)
{
    unsigned walked = 0, owned = 0;

    fdb_each(table->fdb, count_visit, &walked);
    for (unsigned i = 0; i < OWNERS; i++) {
        unsigned mine = 0;

        list_for_each (node, &table->owner[i].dynamic)
            mine++;
        assert_int_equal(mine, table->owner[i].count);
        owned += mine;
        list_for_each (node, &table->owner[i].statics)
            owned++;
    }
    assert_int_equal(walked, fdb_count(table->fdb));
    assert_int_equal(owned, fdb_count(table->fdb));
}
