/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fdb.h - the filtering database: behind which port is (VLAN, address)?
 *
 * Theory of operation. The table is allocated once, for CAPACITY entries; it never grows and a full table never
 * stops the switch. Every operation is O(1) expected, whatever the fill:
 *
 * - Find: a chained hash with at least as many buckets as entries, keyed with a secret, so that a guest cannot
 *   choose addresses that fall into one chain.
 * - Age: all dynamic entries live equally long, so a list in order of last use is a list in order of expiry;
 *   ageing pops its head. An entry moves to the tail when it is used, but at most once a second: what a frame
 *   costs is one store to `seen`.
 * - Evict: a port at its own limit loses its own oldest entry. A full table takes the oldest entry of the port that
 *   has most: a guest that floods with made-up addresses soon is that port, and pays with its own entries,
 *   not with its neighbours'. The ports are kept in lists by their number of entries, which changes in steps of one.
 * - Flush: each port (strictly, each owner) has a list of its entries.
 *
 * Static entries are outside all of that: they do not age, move, count or get evicted.
 *
 * Moving. An address that shows up behind another port is believed only after `min_persistence` of silence from
 * the old one (VDE's rule; it keeps a spoofer from stealing a talking neighbour's frames), or at once when the
 * station announces the move. Frames are forwarded either way.
 *
 * Times are nanoseconds of a monotonic clock, passed in.
 */
#ifndef VSW_CORE_FDB_H
#define VSW_CORE_FDB_H

#include "core/station.h"
#include "util/list.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

enum { FDB_CAPACITY = 65536, FDB_CAPACITY_MAX = 1 << 24, FDB_OWNER_LIMIT = 4096 };

/* Where an address can be behind: embedded in a port. */
struct fdb_owner {
    unsigned number;     /* the port's */
    struct list dynamic; /* its learned entries, least recently used first */
    struct list statics; /* its static ones */
    struct list rank;    /* among the owners with as many learned entries */
    unsigned count;      /* learned entries */
    unsigned limit;      /* most that it may have */
};

/* The far end of the tunnel an address is behind; absent (all zero) for local addresses. */
struct fdb_remote {
    uint8_t address[16]; /* IPv6, or IPv4 mapped into it (RFC 4291 section 2.5.5.2) */
    uint16_t port;       /* UDP, host byte order */
};

/* The first 64 bytes are all that a frame of a known station touches. */
struct fdb_entry {
    alignas(64) uint64_t key; /* VID << 48 | address; see fdb_key() */
    struct fdb_entry *next;   /* in its hash chain, or in the list of free entries */
    struct fdb_owner *owner;
    uint64_t seen;   /* when its owner last used it */
    uint64_t listed; /* `seen` when it last moved to the tail of the lists */
    unsigned heard;  /* owner behind which it was heard last: station->heard */
    bool is_static;

    /* in the whole table; a static entry is in the list of statics */
    alignas(64) struct list by_age;
    struct list by_owner;
    struct fdb_remote remote;
};

enum fdb_change { FDB_LEARNED, FDB_MOVED, FDB_AGED, FDB_CHANGES };

/* Told of every change to learned and static entries; FDB_AGED stands for each way to go: age, eviction, flush.
 * The entry is valid during the call; `from` is the old owner of a move, else NULL. */
typedef void fdb_notify_fn(void *context, enum fdb_change change, const struct fdb_entry *entry,
                           const struct fdb_owner *from);

struct fdb;

struct fdb_settings {
    uint64_t ageing; /* a silent address is forgotten after this; 100 s as in VDE (802.1Q: 300 s) */
    uint64_t min_persistence; /* see "Moving"; 3 s as in VDE */
};

/* fdb_new() - an empty table for CAPACITY (at least 1) entries
 * @secret: what the hash is keyed with; random in a real switch
 *
 * Return: NULL if there is no memory.
 */
struct fdb *fdb_new(unsigned capacity, uint64_t secret);

/* All owners must have been flushed or be out of use. */
void fdb_free(struct fdb *fdb);

/* fdb_set_notify() - NOTIFY is told of every change from now on */
void fdb_set_notify(struct fdb *fdb, fdb_notify_fn *notify, void *context);

/* fdb_settings() - those in force; what the caller writes there counts at once */
struct fdb_settings *fdb_settings(struct fdb *fdb);

unsigned fdb_capacity(const struct fdb *fdb);
unsigned fdb_count(const struct fdb *fdb);

void fdb_owner_init(struct fdb_owner *owner, unsigned number);

/* fdb_set_limit() - how many learned entries OWNER may have; the oldest above that are forgotten at once */
void fdb_set_limit(struct fdb *fdb, struct fdb_owner *owner, unsigned limit);

/* fdb_find() - the entry of (VID, MAC), or NULL; valid until the table next changes */
struct fdb_entry *fdb_find(struct fdb *fdb, unsigned vid, const uint8_t *mac);

/* What a frame says of the address that it came from. */
struct learn_event {
    struct fdb_owner *owner; /* where the frame came in */
    unsigned vid;
    const uint8_t *mac;              /* not a group address */
    const struct fdb_remote *remote; /* or NULL */
    bool announced;                  /* the station announces a move */
    uint64_t digest;                 /* of a frame for a group address, which is flooded; else 0 */
};

/* fdb_learn() - learns from EVENT at NOW
 * @moved: set to whether the address, or this very frame, was last heard behind another owner
 *
 * Return: the address's entry, or NULL if it is new and there is no room for it (owner's limit 0, or a table full of
 * static entries).
 */
struct fdb_entry *fdb_learn(struct fdb *fdb, const struct learn_event *event, uint64_t now,
                            bool *moved);

/* fdb_station() - where ENTRY's address was heard; valid until the table next changes */
const struct station *fdb_station(const struct fdb *fdb, const struct fdb_entry *entry);

/* fdb_add_static() - pins (VID, MAC) to OWNER, replacing what was known about it
 *
 * Return: 0, or -ENOSPC when only static entries are left to evict.
 */
int fdb_add_static(struct fdb *fdb, unsigned vid, const uint8_t *mac, struct fdb_owner *owner,
                   uint64_t now);

/* fdb_delete() - forgets (VID, MAC), static or learned. Return: 0 or -ENOENT. */
int fdb_delete(struct fdb *fdb, unsigned vid, const uint8_t *mac);

/* Pass as VID to mean all of them. */
enum { FDB_ANY_VID = -1 };

/* fdb_flush_owner() - forgets what was learned behind OWNER, in one VLAN or in all; statics stay */
void fdb_flush_owner(struct fdb *fdb, struct fdb_owner *owner, int vid);

/* fdb_flush_statics() - removes OWNER's static entries, in one VLAN or in all */
void fdb_flush_statics(struct fdb *fdb, struct fdb_owner *owner, int vid);

/* fdb_flush_vlan() - forgets what was learned in one VLAN, or everything; statics stay. Walks all entries. */
void fdb_flush_vlan(struct fdb *fdb, int vid);

/* fdb_expire() - forgets what has been silent for too long at NOW
 *
 * Return: when to call again, or 0 if nothing is left that ages.
 */
uint64_t fdb_expire(struct fdb *fdb, uint64_t now);

/* fdb_each() - calls VISIT for every learned entry in order of age, then for every static one.
 * VISIT must not change the table. */
void fdb_each(struct fdb *fdb, void (*visit)(void *context, const struct fdb_entry *entry),
              void *context);

static inline uint64_t fdb_key(unsigned vid, const uint8_t *mac)
{
    uint32_t head =
        (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
    uint16_t tail = (uint16_t)(mac[4] << 8 | mac[5]);

    return (uint64_t)vid << 48 | (uint64_t)head << 16 | tail;
}

static inline unsigned fdb_entry_vid(const struct fdb_entry *entry)
{
    return (unsigned)(entry->key >> 48);
}

/* Writes the entry's address to MAC. */
static inline void fdb_entry_mac(const struct fdb_entry *entry, uint8_t mac[6])
{
    for (int i = 0; i < 6; i++)
        mac[i] = (uint8_t)(entry->key >> (40 - 8 * i));
}

#endif
