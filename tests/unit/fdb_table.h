/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fdb_table.h - an FDB with a few owners and its own clock, for tests of the FDB
 */
#ifndef VSW_TEST_FDB_TABLE_H
#define VSW_TEST_FDB_TABLE_H

#include "fake_port.h"

enum { OWNERS = 20, BIG = 65536 };

struct change {
    enum fdb_change change;
    uint64_t key;
    const struct fdb_owner *owner;
    const struct fdb_owner *from;
};

/* A table, with owners that are not ports. */
struct table {
    struct fdb *fdb;
    struct fdb_owner owner[OWNERS];
    uint64_t now;
    struct change change[64]; /* the latest, in a ring */
    unsigned changes;
    unsigned count[FDB_AGED + 1];
};

/* table_new() - an FDB of CAPACITY entries whose changes are recorded; table_setup() and
 * table_teardown() are for cmocka */
struct table *table_new(unsigned capacity, uint64_t secret);
void table_free(struct table *table);
int table_setup(void **state);
int table_teardown(void **state);

/* mac_from() - writes the unicast address with that NUMBER to MAC; tests refer to addresses by
 * number. Return: MAC. */
const uint8_t *mac_from(uint64_t number, uint8_t mac[MAC_BYTES]);

/* hear(), hear_as(), hear_frame() - learn address NUMBER behind OWNER now. Return: the entry, as
 * fdb_learn(). */
struct fdb_entry *hear_frame(struct table *table, unsigned owner, uint64_t number, uint64_t digest,
                             bool *moved);
struct fdb_entry *hear_as(struct table *table, unsigned owner, unsigned vid, uint64_t number,
                          bool announced, bool *moved);
struct fdb_entry *hear(struct table *table, unsigned owner, unsigned vid, uint64_t number);

/* find() - the entry, or NULL; owner_of() - the number of its owner, or -1; pin() - adds a static
 * entry */
struct fdb_entry *find(struct table *table, unsigned vid, uint64_t number);
int pin(struct table *table, unsigned owner, unsigned vid, uint64_t number);
int owner_of(struct table *table, unsigned vid, uint64_t number);

/* sleep_for() - advances the clock */
void sleep_for(struct table *table, uint64_t nanoseconds);

/* check_counts() - asserts that the table's and the owners' counts agree with a walk over all
 * entries */
void check_counts(struct table *table);

#endif
