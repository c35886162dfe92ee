/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * defer.h - work that must wait until the batch in hand is through the switch
 *
 * Inside a stage nobody may detach an endpoint, allocate, or make a system call. Code that learns something there (an
 * observer, a transmit function) notes it and defers the rest; it runs once, after the batch. Outside a batch the
 * queue's owner is told that there is work, and runs it soon.
 */
#ifndef VSW_CORE_DEFER_H
#define VSW_CORE_DEFER_H

#include "util/list.h"

/* A piece of work, embedded in what it is about. */
struct deferred {
    struct list node;
    void (*run)(struct deferred *work);
};

struct defer_queue {
    struct list work; /* in the order in which it was deferred */

    /* pending() - the queue is no longer empty: see to it that defer_run() is called soon. May be NULL. */
    void (*pending)(struct defer_queue *queue);
};

void defer_queue_init(struct defer_queue *queue, void (*pending)(struct defer_queue *queue));

void deferred_init(struct deferred *work, void (*run)(struct deferred *work));

/* defer() - has WORK run by the next defer_run(); once, however often it is deferred until then */
void defer(struct defer_queue *queue, struct deferred *work);

/* defer_cancel() - takes WORK back; for the end of what it is embedded in */
void defer_cancel(struct deferred *work);

/* defer_run() - runs what was deferred, and what that defers in turn */
void defer_run(struct defer_queue *queue);

#endif
