/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scheduler.h - which session runs its next command, and for how long frames wait for commands
 *
 * Commands run in the loop that carries the frames. Sessions with commands are scheduled; they run in the order in which
 * they were scheduled, one command each, for a millisecond in all, and then the loop carries frames first. So a command's
 * own length bounds how long frames wait, not the number of sessions that have commands.
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
    void (*take)(
        struct scheduled *scheduled); /* may schedule again, and may free what SCHEDULED is in */
};

void scheduler_start(struct scheduler *scheduler, struct ev_loop *loop);
void scheduler_stop(struct scheduler *scheduler);

void scheduled_init(struct scheduled *scheduled, void (*take)(struct scheduled *scheduled));

/* schedule() - SCHEDULED will be taken; once, however often it is scheduled until then */
void schedule(struct scheduler *scheduler, struct scheduled *scheduled);

/* unschedule() - it will not, after all */
void unschedule(struct scheduled *scheduled);

#endif
