/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * defer.h - work deferred until the current batch is through the switch
 *
 * Code inside a stage (an observer, tx()) must not detach an endpoint or allocate, and makes no
 * system calls except to send. It notes what it learned and defers the rest, which runs once, after
 * the batch. Outside a batch the queue's owner is told that there is work, and runs it soon.
 */
#ifndef VSW_CORE_DEFER_H
#define VSW_CORE_DEFER_H

#include "util/list.h"

/* Embedded in what the work is about. */
struct deferred {
    struct list node;
    void (*run)(struct deferred *work);
};

struct defer_queue {
    struct list work; /* oldest first */

    /* pending() - the queue is no longer empty: arrange for defer_run() to be called soon. May be
     * NULL. */
    void (*pending)(struct defer_queue *queue);
};

void defer_queue_init(struct defer_queue *queue, void (*pending)(struct defer_queue *queue));

void deferred_init(struct deferred *work, void (*run)(struct deferred *work));

/* defer() - has the next defer_run() run WORK; once, however often it is deferred until then */
void defer(struct defer_queue *queue, struct deferred *work);

/* defer_cancel() - cancels WORK, before what embeds it is freed */
void defer_cancel(struct deferred *work);

/* defer_run() - runs what was deferred, and what that defers in turn */
void defer_run(struct defer_queue *queue);

#endif
