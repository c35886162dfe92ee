/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * events.h - what happens in the switch, told to the sessions that asked for it, in VDE's words
 *
 *     3TTT CATEGORY MESSAGE        TTT: the category's tag, octal
 *
 * Events happen inside stages of the data path, where nothing may be allocated, formatted or written. There each is noted
 * as a plain record; behind the batch the records are rendered and told. Records are bounded: those that do not fit are
 * counted, and told as lost. As long as nobody has subscribed nothing is observed, and frames cost nothing more.
 *
 * Categories have a path, as commands do. Tables of them are registered and unregistered while the switch runs. A category
 * has a slot, its bit in a subscriber's set, for as long as it is registered.
 */
#ifndef VSW_CONTROL_EVENTS_H
#define VSW_CONTROL_EVENTS_H

#include "core/defer.h"
#include "core/switch.h"
#include "util/error.h"

enum {
    CATEGORIES = 128,      /* most that are registered at a time */
    CATEGORY_PATH = 40,    /* most bytes of a path */
    EVENT_RECORDS = 4096,  /* most that wait to be told */
    EVENT_TEXTS = 1 << 16, /* bytes of their descriptions */
};

struct category {
    const char *path;
    unsigned tag;
    const char *help;
    int kind; /* enum event_kind, or CATEGORY_SILENT for what this switch never does */
};

enum { CATEGORY_SILENT = -1 };

/* A table that is registered, ended by a category without a path. */
struct category_set {
    struct list node;
    const struct category *categories;
    unsigned first; /* slot; the others follow */
    unsigned count;
};

/* Some categories, by their slots. */
struct category_mask {
    uint64_t bits[CATEGORIES / 64];
};

static inline bool category_mask_has(const struct category_mask *mask, unsigned slot)
{
    return mask->bits[slot / 64] >> slot % 64 & 1;
}

static inline void category_mask_set(struct category_mask *mask, unsigned slot, bool on)
{
    mask->bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    mask->bits[slot / 64] |= (uint64_t)on << slot % 64;
}

/* Someone who is told, embedded in a larger structure. */
struct subscriber {
    struct list node;
    struct category_mask wanted;
    void (*hear)(struct subscriber *subscriber, const char *line, size_t length);

    /* missed() - COUNT events that it wanted did not fit into the records */
    void (*missed)(struct subscriber *subscriber, unsigned count);
};

struct events {
    struct observer observer;
    struct vswitch *sw;
    struct defer_queue *queue;
    struct deferred delivery;
    struct list sets; /* of categories, in the order in which they were registered */
    struct category_set own;
    struct list subscribers;
    struct event_notes *notes; /* what is not told yet; NULL while nobody has subscribed */
};

/* events_start() - with the categories that every switch has, VDE's first and in its order
 * @queue: where the telling is deferred to */
void events_start(struct events *events, struct vswitch *sw, struct defer_queue *queue);
void events_stop(struct events *events);

/* categories_register() - SET's categories can be subscribed to from now on; SET and its table stay the caller's
 * Return: 0, or -ENOSPC or -EINVAL (a path is too long) and sets ERR. */
int categories_register(struct events *events, struct category_set *set, struct error *err);

/* categories_unregister() - nobody hears them any more */
void categories_unregister(struct events *events, struct category_set *set);

void subscriber_init(struct subscriber *subscriber,
                     void (*hear)(struct subscriber *subscriber, const char *line, size_t length),
                     void (*missed)(struct subscriber *subscriber, unsigned count));

/* events_set() - SUBSCRIBER hears the categories in WANTED, and no others, of what happens from now on
 * Return: 0, or -ENOMEM with nothing changed. */
int events_set(struct events *events, struct subscriber *subscriber,
               const struct category_mask *wanted);

/* events_unsubscribe() - SUBSCRIBER hears nothing any more, and can go */
void events_unsubscribe(struct events *events, struct subscriber *subscriber);

/* events_deliver() - tells now what is noted, to those that wanted it when it happened. Not inside a stage. */
void events_deliver(struct events *events);

#endif
