/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * turns.h - who may make the frames wait, one after the other, and for how long
 *
 * Commands run in the loop that carries the frames. Whoever has some to run asks for a turn; turns are taken in the order
 * of asking, for a millisecond in all, and then the loop sees to the frames first. A turn is one command, so it is a
 * command's own length that bounds how long frames wait, not the number of those who have commands to run.
 */
#ifndef VSW_CONTROL_SESSION_SCHEDULER_H
#define VSW_CONTROL_SESSION_SCHEDULER_H

#include "util/list.h"

#include <ev.h>

struct scheduler {
    struct ev_loop *loop;
    ev_timer timer;
    struct list waiting;
};

struct scheduled {
    struct list node;
    void (*take)(struct scheduled *scheduled); /* may ask again, and may free what TURN is in */
};

void scheduler_start(struct scheduler *scheduler, struct ev_loop *loop);
void scheduler_stop(struct scheduler *scheduler);

void scheduled_init(struct scheduled *scheduled, void (*take)(struct scheduled *scheduled));

/* turn_ask() - TURN will be taken; asking twice is asking once */
void schedule(struct scheduler *scheduler, struct scheduled *scheduled);

/* turn_cancel() - or not, after all */
void unschedule(struct scheduled *scheduled);

#endif
