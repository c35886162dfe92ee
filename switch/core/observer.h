/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * observer.h - code that is told what happens in a switch
 *
 * Observers are called in the middle of a stage. They note what they are told and do nothing heavy: no system call, no
 * allocation, no change to the switch. What remains to be done is deferred (defer.h) and runs once, behind the batch.
 */
#ifndef VSW_CORE_OBSERVER_H
#define VSW_CORE_OBSERVER_H

#include "core/drop.h"
#include "util/list.h"

struct port;
struct endpoint;
struct fdb_entry;
struct tx_desc;

enum event_kind {
    EVENT_PORT_CREATED,       /* port */
    EVENT_PORT_CONFIGURED,    /* port: what people decide about it changed */
    EVENT_PORT_DOWN,          /* port: its last endpoint left */
    EVENT_ENDPOINT_UP,        /* port, endpoint */
    EVENT_ENDPOINT_DOWN,      /* port, endpoint */
    EVENT_ENDPOINT_DESCRIBED, /* port, endpoint */
    EVENT_FDB_LEARNED,        /* port, entry */
    EVENT_FDB_MOVED,          /* port: the new one; other: the old one; entry */
    EVENT_FDB_AGED,           /* port, entry: aged, evicted or flushed */
    EVENT_ADDRESS_SHARED,     /* port, other, entry: both keep using the address */
    EVENT_LEARNING,           /* what can be learned changed: hub mode, a port's limit, or up */
    EVENT_LOOP_BLOCKED,       /* port: the blocked one; other; entry: the address that showed it */
    EVENT_KINDS
};

#define EVENT_BIT(kind) (1u << (kind))

/* Valid during the call only. */
struct event {
    enum event_kind kind;
    struct port *port;
    struct port *other;
    struct endpoint *endpoint;
    const struct fdb_entry *entry;
};

struct observer {
    struct list node;
    unsigned kinds; /* EVENT_BIT()s of what it is told */
    void (*notify)(struct observer *observer, const struct event *event);
};

/* A frame that was dropped, as it was at that point: as it came in, or as it would have left. Valid during the call. */
struct dropped {
    struct port *port;
    struct endpoint *endpoint; /* NULL if none is concerned */
    enum drop_reason reason;
    const struct tx_desc *frame; /* of a giant (frame.h) the iovecs hold FRAME_MAX bytes */
};

struct drop_observer {
    struct list node;
    void (*notify)(struct drop_observer *observer, const struct dropped *dropped);
};

struct observers {
    struct list list;  /* struct observer */
    unsigned kinds;    /* that any of them wants */
    struct list drops; /* struct drop_observer */
};

void observers_init(struct observers *observers);

/* observers_add(), observers_remove() - OBSERVER, which stays the caller's, is told of events in between */
void observers_add(struct observers *observers, struct observer *observer);
void observers_remove(struct observers *observers, struct observer *observer);

/* observers_add_drops(), observers_remove_drops() - OBSERVER is told of every frame that is dropped in between; of what
 * never was a frame of the switch (DROP_MISSED, DROP_REFUSED ...) there is only a number, in the counters */
void observers_add_drops(struct observers *observers, struct drop_observer *observer);
void observers_remove_drops(struct drop_observer *observer);

/* observers_want() - whether anyone is told of events of KIND; for callers that would have work to make one */
static inline bool observers_want(const struct observers *observers, enum event_kind kind)
{
    return observers->kinds & EVENT_BIT(kind);
}

/* observers_tell(), observers_tell_dropped() - tell those who are to know */
void observers_tell(struct observers *observers, const struct event *event);
void observers_tell_dropped(struct observers *observers, const struct dropped *dropped);

#endif
