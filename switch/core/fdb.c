/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/fdb.h"

#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fdb {
    void *memory;              /* of entries[], not aligned */
    struct fdb_entry *entries; /* one for each of capacity */
    struct station *stations;  /* one for each entry */
    struct fdb_entry **bucket;
    unsigned bucket_bits; /* there are 1 << bucket_bits buckets */
    unsigned capacity;
    /* entries of the array used so far; the others are untouched memory */
    unsigned used;
    unsigned count;          /* entries in use */
    struct fdb_entry *free;  /* entries to use again */
    struct list by_age;      /* dynamic entries, least recently listed first */
    struct list static_list; /* static entries, by by_age */
    struct list *rank;       /* rank[n]: the owners of n learned entries */
    unsigned top_rank;       /* the highest that is not empty */
    uint64_t secret;
    struct fdb_settings settings;
    fdb_notify_fn *notify;
    void *notify_context;
};

static void *fdb_align(void *memory, size_t boundary);
static inline struct fdb_entry **fdb_find_slot(struct fdb *fdb, uint64_t key);
static void fdb_touch(struct fdb *fdb, struct fdb_entry *entry, uint64_t now);
static bool fdb_note(struct fdb *fdb, struct fdb_entry *entry, const struct learn_event *event,
                     uint64_t now);
static bool fdb_may_move(const struct fdb *fdb, const struct fdb_entry *entry,
                         const struct learn_event *event, uint64_t now);
static void fdb_move(struct fdb *fdb, struct fdb_entry *entry, const struct learn_event *event,
                     uint64_t now);
static struct fdb_entry *fdb_insert(struct fdb *fdb, uint64_t key, struct fdb_owner *owner,
                                    uint64_t now);
static void fdb_link(struct fdb *fdb, struct fdb_entry *entry, struct fdb_owner *owner,
                     uint64_t now);
static void fdb_unlink(struct fdb *fdb, struct fdb_entry *entry);
static bool fdb_make_room(struct fdb *fdb, struct fdb_owner *owner);
static struct fdb_entry *fdb_take_free(struct fdb *fdb);
static void fdb_forget(struct fdb *fdb, struct fdb_entry *entry);
static void fdb_forget_in_vlan(struct fdb *fdb, struct list *by_owner, int vid);
static void fdb_rank_owner(struct fdb *fdb, struct fdb_owner *owner, unsigned count);
static void fdb_emit(struct fdb *fdb, enum fdb_change change, const struct fdb_entry *entry,
                     const struct fdb_owner *from);

struct fdb *fdb_new(unsigned capacity, uint64_t secret)
{
    struct fdb *fdb = calloc(1, sizeof(*fdb));

    if (!fdb)
        return NULL;
    fdb->capacity = capacity;
    fdb->secret = secret;
    while (fdb->bucket_bits < 31 && 1u << fdb->bucket_bits < capacity)
        fdb->bucket_bits++;
    /* calloc(): the kernel zeroes each page when an entry is first used. aligned_alloc() would
     * leave that to us. */
    fdb->memory = calloc((size_t)capacity + 1, sizeof(*fdb->entries));
    fdb->entries = fdb_align(fdb->memory, alignof(struct fdb_entry));
    fdb->stations = calloc(capacity, sizeof(*fdb->stations));
    fdb->bucket = calloc((size_t)1 << fdb->bucket_bits, sizeof(struct fdb_entry *));
    fdb->rank = calloc((size_t)capacity + 1, sizeof(*fdb->rank));
    if (!fdb->memory || !fdb->stations || !fdb->bucket || !fdb->rank) {
        fdb_free(fdb);
        return NULL;
    }
    list_init(&fdb->by_age);
    list_init(&fdb->static_list);
    list_init(&fdb->rank[0]);
    fdb->settings = (struct fdb_settings){.ageing = 100 * SECOND, .min_persistence = 3 * SECOND};
    return fdb;
}

void fdb_free(struct fdb *fdb)
{
    if (!fdb)
        return;
    free(fdb->rank);
    free(fdb->bucket);
    free(fdb->stations);
    free(fdb->memory);
    free(fdb);
}

void fdb_set_notify(struct fdb *fdb, fdb_notify_fn *notify_fn, void *context)
{
    fdb->notify = notify_fn;
    fdb->notify_context = context;
}

struct fdb_settings *fdb_settings(struct fdb *fdb)
{
    return &fdb->settings;
}

unsigned fdb_capacity(const struct fdb *fdb)
{
    return fdb->capacity;
}

unsigned fdb_count(const struct fdb *fdb)
{
    return fdb->count;
}

void fdb_owner_init(struct fdb_owner *owner, unsigned number)
{
    owner->number = number;
    list_init(&owner->dynamic);
    list_init(&owner->statics);
    list_init(&owner->rank);
    owner->count = 0;
    owner->limit = FDB_OWNER_LIMIT;
}

void fdb_set_limit(struct fdb *fdb, struct fdb_owner *owner, unsigned limit)
{
    owner->limit = limit;
    while (owner->count > limit)
        fdb_forget(fdb, container_of(owner->dynamic.next, struct fdb_entry, by_owner));
}

struct fdb_entry *fdb_find(struct fdb *fdb, unsigned vid, const uint8_t *mac)
{
    return *fdb_find_slot(fdb, fdb_key(vid, mac));
}

struct fdb_entry *fdb_learn(struct fdb *fdb, const struct learn_event *event, uint64_t now,
                            bool *moved)
{
    uint64_t key = fdb_key(event->vid, event->mac);
    struct fdb_entry *entry = *fdb_find_slot(fdb, key);

    *moved = false;
    if (!entry) {
        if (!fdb_make_room(fdb, event->owner))
            return NULL;
        entry = fdb_insert(fdb, key, event->owner, now);
        fdb_note(fdb, entry, event, now);
    } else {
        if (event->digest || entry->heard != event->owner->number)
            *moved = fdb_note(fdb, entry, event, now);
        if (entry->is_static)
            return entry;
        if (entry->owner == event->owner)
            fdb_touch(fdb, entry, now);
        else if (fdb_may_move(fdb, entry, event, now))
            fdb_move(fdb, entry, event, now);
        else
            return entry;
    }
    if (event->remote && entry->owner == event->owner)
        entry->remote = *event->remote;
    return entry;
}

const struct station *fdb_station(const struct fdb *fdb, const struct fdb_entry *entry)
{
    return &fdb->stations[entry - fdb->entries];
}

int fdb_add_static(struct fdb *fdb, unsigned vid, const uint8_t *mac, struct fdb_owner *owner,
                   uint64_t now)
{
    uint64_t key = fdb_key(vid, mac);
    struct fdb_entry *entry, **slot = fdb_find_slot(fdb, key);

    if (*slot)
        fdb_forget(fdb, *slot);
    if (fdb->count == fdb->capacity && !fdb_make_room(fdb, NULL))
        return -ENOSPC;
    slot = fdb_find_slot(fdb, key);
    entry = fdb_take_free(fdb);
    *entry = (struct fdb_entry){
        .key = key, .owner = owner, .seen = now, .heard = owner->number, .is_static = true};
    station_init(&fdb->stations[entry - fdb->entries], owner->number, now);
    list_append(&fdb->static_list, &entry->by_age);
    list_append(&owner->statics, &entry->by_owner);
    *slot = entry;
    fdb_emit(fdb, FDB_LEARNED, entry, NULL);
    return 0;
}

int fdb_delete(struct fdb *fdb, unsigned vid, const uint8_t *mac)
{
    struct fdb_entry *entry = fdb_find(fdb, vid, mac);

    if (!entry)
        return -ENOENT;
    fdb_forget(fdb, entry);
    return 0;
}

void fdb_flush_owner(struct fdb *fdb, struct fdb_owner *owner, int vid)
{
    fdb_forget_in_vlan(fdb, &owner->dynamic, vid);
}

void fdb_flush_statics(struct fdb *fdb, struct fdb_owner *owner, int vid)
{
    fdb_forget_in_vlan(fdb, &owner->statics, vid);
}

void fdb_flush_vlan(struct fdb *fdb, int vid)
{
    list_for_each_safe (node, &fdb->by_age) {
        struct fdb_entry *entry = container_of(node, struct fdb_entry, by_age);

        if (vid == FDB_ANY_VID || fdb_entry_vid(entry) == (unsigned)vid)
            fdb_forget(fdb, entry);
    }
}

uint64_t fdb_expire(struct fdb *fdb, uint64_t now)
{
    while (!list_empty(&fdb->by_age)) {
        struct fdb_entry *oldest = container_of(fdb->by_age.next, struct fdb_entry, by_age);

        /* The list is in order of `listed`, which trails `seen` by less than a second; so may
         * expiry. */
        if (oldest->seen + fdb->settings.ageing > now)
            return oldest->seen + fdb->settings.ageing;
        fdb_forget(fdb, oldest);
    }
    return 0;
}

void fdb_each(struct fdb *fdb, void (*visit)(void *context, const struct fdb_entry *entry),
              void *context)
{
    list_for_each (node, &fdb->by_age)
        visit(context, container_of(node, struct fdb_entry, by_age));
    list_for_each (node, &fdb->static_list)
        visit(context, container_of(node, struct fdb_entry, by_age));
}

static void *fdb_align(void *memory, size_t boundary)
{
    return (void *)(((uintptr_t)memory + boundary - 1) & ~(uintptr_t)(boundary - 1));
}

static inline struct fdb_entry **fdb_find_slot(struct fdb *fdb, uint64_t key)
{
    /* Multiply-fold: both halves of a 128-bit product depend on every bit of key and secret. */
    unsigned __int128 product =
        (unsigned __int128)(key ^ fdb->secret) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = ((uint64_t)product ^ (uint64_t)(product >> 64)) * (fdb->secret | 1);
    struct fdb_entry **slot = &fdb->bucket[fdb->bucket_bits ? hash >> (64 - fdb->bucket_bits) : 0];

    while (*slot && (*slot)->key != key)
        slot = &(*slot)->next;
    return slot;
}

/* ENTRY was used by its owner: it is the youngest again. */
static void fdb_touch(struct fdb *fdb, struct fdb_entry *entry, uint64_t now)
{
    entry->seen = now;
    if (now - entry->listed < SECOND)
        return;
    entry->listed = now;
    list_remove(&entry->by_age);
    list_append(&fdb->by_age, &entry->by_age);
    list_remove(&entry->by_owner);
    list_append(&entry->owner->dynamic, &entry->by_owner);
}

/* Return: as station_note(). */
static bool fdb_note(struct fdb *fdb, struct fdb_entry *entry, const struct learn_event *event,
                     uint64_t now)
{
    entry->heard = event->owner->number;
    return station_note(&fdb->stations[entry - fdb->entries],
                        &(struct station_event){
                            .port = event->owner->number,
                            .owner = entry->owner->number,
                            .pinned = entry->is_static,
                            .digest = event->digest,
                        },
                        now);
}

/* See "Moving" in fdb.h. An announcement that another port merely reflected does not count. */
static bool fdb_may_move(const struct fdb *fdb, const struct fdb_entry *entry,
                         const struct learn_event *event, uint64_t now)
{
    if (now - entry->seen >= fdb->settings.min_persistence)
        return true;
    return event->announced &&
           !station_is_reflection(fdb_station(fdb, entry), event->owner->number, event->digest);
}

static void fdb_move(struct fdb *fdb, struct fdb_entry *entry, const struct learn_event *event,
                     uint64_t now)
{
    struct fdb_owner *from = entry->owner;

    /* The table does not get fuller, but the new owner may be at its limit. */
    if (event->owner->limit == 0)
        return;
    if (event->owner->count >= event->owner->limit)
        fdb_make_room(fdb, event->owner);
    fdb_unlink(fdb, entry);
    fdb_link(fdb, entry, event->owner, now);
    entry->remote = (struct fdb_remote){0};
    fdb_emit(fdb, FDB_MOVED, entry, from);
}

static struct fdb_entry *fdb_insert(struct fdb *fdb, uint64_t key, struct fdb_owner *owner,
                                    uint64_t now)
{
    struct fdb_entry *entry = fdb_take_free(fdb);

    *entry = (struct fdb_entry){.key = key, .heard = owner->number};
    station_init(&fdb->stations[entry - fdb->entries], owner->number, now);
    *fdb_find_slot(fdb, key) = entry;
    fdb_link(fdb, entry, owner, now);
    fdb_emit(fdb, FDB_LEARNED, entry, NULL);
    return entry;
}

static void fdb_link(struct fdb *fdb, struct fdb_entry *entry, struct fdb_owner *owner,
                     uint64_t now)
{
    entry->owner = owner;
    entry->seen = now;
    entry->listed = now;
    list_append(&fdb->by_age, &entry->by_age);
    list_append(&owner->dynamic, &entry->by_owner);
    fdb_rank_owner(fdb, owner, owner->count + 1);
}

static void fdb_unlink(struct fdb *fdb, struct fdb_entry *entry)
{
    list_remove(&entry->by_age);
    list_remove(&entry->by_owner);
    fdb_rank_owner(fdb, entry->owner, entry->owner->count - 1);
}

/* Makes room for one more entry, of OWNER (NULL: a static one), by evicting another if necessary.
 * Return: false if it cannot. */
static bool fdb_make_room(struct fdb *fdb, struct fdb_owner *owner)
{
    struct fdb_owner *victim = owner;

    if (owner && owner->limit == 0)
        return false;
    if (!owner || owner->count < owner->limit) {
        if (fdb->count < fdb->capacity)
            return true;
        if (fdb->top_rank == 0)
            return false;
        if (!owner || owner->count < fdb->top_rank)
            victim = container_of(fdb->rank[fdb->top_rank].next, struct fdb_owner, rank);
    }
    fdb_forget(fdb, container_of(victim->dynamic.next, struct fdb_entry, by_owner));
    return true;
}

static struct fdb_entry *fdb_take_free(struct fdb *fdb)
{
    struct fdb_entry *entry = fdb->free;

    if (entry)
        fdb->free = entry->next;
    else
        entry = &fdb->entries[fdb->used++];
    fdb->count++;
    return entry;
}

static void fdb_forget(struct fdb *fdb, struct fdb_entry *entry)
{
    fdb_emit(fdb, FDB_AGED, entry, NULL);
    *fdb_find_slot(fdb, entry->key) = entry->next;
    if (entry->is_static) {
        list_remove(&entry->by_age);
        list_remove(&entry->by_owner);
    } else {
        fdb_unlink(fdb, entry);
    }
    entry->next = fdb->free;
    fdb->free = entry;
    fdb->count--;
}

static void fdb_forget_in_vlan(struct fdb *fdb, struct list *by_owner, int vid)
{
    list_for_each_safe (node, by_owner) {
        struct fdb_entry *entry = container_of(node, struct fdb_entry, by_owner);

        if (vid == FDB_ANY_VID || fdb_entry_vid(entry) == (unsigned)vid)
            fdb_forget(fdb, entry);
    }
}

static void fdb_rank_owner(struct fdb *fdb, struct fdb_owner *owner, unsigned count)
{
    struct list *rank = &fdb->rank[count];

    if (!rank->next)
        list_init(rank);
    list_remove(&owner->rank);
    owner->count = count;
    if (count > 0)
        list_append(rank, &owner->rank);
    if (count > fdb->top_rank)
        fdb->top_rank = count;
    while (fdb->top_rank > 0 && list_empty(&fdb->rank[fdb->top_rank]))
        fdb->top_rank--;
}

static void fdb_emit(struct fdb *fdb, enum fdb_change change, const struct fdb_entry *entry,
                     const struct fdb_owner *from)
{
    if (fdb->notify)
        fdb->notify(fdb->notify_context, change, entry, from);
}
