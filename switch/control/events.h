/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * events.h - what happens in the switch, told to the sessions that asked for it, in VDE's words
 *
 *     3TTT CATEGORY MESSAGE        TTT: the category's tag, octal
 *
 * Categories have a path, as commands do. Nothing is observed, and frames cost
 * nothing more, as long as nobody has subscribed.
 */
#ifndef VSW_CONTROL_EVENTS_H
#define VSW_CONTROL_EVENTS_H

#include "core/switch.h"

struct category {
    const char *path;
    unsigned tag;
    const char *help;
    int kind; /* enum event_kind, or CATEGORY_SILENT for what this switch never does */
};

enum { CATEGORY_SILENT = -1 };

/* All categories, VDE's first and in its order; ended by one without a path. */
extern const struct category event_categories[];

/* Someone who is told, embedded in what he is. */
struct subscriber {
    struct list node;
    uint32_t wanted; /* categories, by their place in the table */
    void (*hear)(struct subscriber *subscriber, const char *line, size_t length);
};

struct events {
    struct observer observer;
    struct vswitch *sw;
    struct list subscribers;
};

void events_start(struct events *events, struct vswitch *sw);
void events_stop(struct events *events);

void subscriber_init(struct subscriber *subscriber,
                     void (*hear)(struct subscriber *subscriber, const char *line, size_t length));

/* events_set() - SUBSCRIBER hears the categories whose bits are in WANTED, and no others */
void events_set(struct events *events, struct subscriber *subscriber, uint32_t wanted);

#endif
