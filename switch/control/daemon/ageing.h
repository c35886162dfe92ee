/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ageing.h - wakes the daemon when an address is due to be forgotten, and only then
 */
#ifndef VSW_CONTROL_DAEMON_AGEING_H
#define VSW_CONTROL_DAEMON_AGEING_H

#include "core/defer.h"
#include "ports/context.h"

struct ageing {
    struct context *context;
    struct observer learned;
    struct defer_queue *queue;
    struct deferred planning;
    ev_timer timer;
};

/* ageing_start() - the first address of an empty table starts the timer, by QUEUE's work */
void ageing_start(struct ageing *ageing, struct context *context, struct defer_queue *queue);
void ageing_stop(struct ageing *ageing);

/* ageing_run() - forgets what is due now and plans the next time; for when the ageing time has changed */
void ageing_run(struct ageing *ageing);

#endif
