/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * turns.h - who may make the frames wait, one after the other, and for how long
 *
 * Commands run in the loop that carries the frames. Whoever has some to run asks for a turn; turns are taken in the order
 * of asking, for a millisecond in all, and then the loop sees to the frames first. A turn is one command, so it is a
 * command's own length that bounds how long frames wait, not the number of those who have commands to run.
 */
#ifndef VSW_CONTROL_TURNS_H
#define VSW_CONTROL_TURNS_H

#include "util/list.h"

#include <ev.h>

struct turns {
    struct ev_loop *loop;
    ev_timer timer;
    struct list waiting;
};

struct turn {
    struct list node;
    void (*take)(struct turn *turn); /* may ask again, and may free what TURN is in */
};

void turns_start(struct turns *turns, struct ev_loop *loop);
void turns_stop(struct turns *turns);

void turn_init(struct turn *turn, void (*take)(struct turn *turn));

/* turn_ask() - TURN will be taken; asking twice is asking once */
void turn_ask(struct turns *turns, struct turn *turn);

/* turn_cancel() - or not, after all */
void turn_cancel(struct turn *turn);

#endif
