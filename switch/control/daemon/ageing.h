/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ageing.h - wakes the program when an address is due to be forgotten, and only then
 */
#ifndef VSW_CONTROL_DAEMON_AGEING_H
#define VSW_CONTROL_DAEMON_AGEING_H

#include "ports/context.h"

struct ageing {
    struct context *context;
    struct observer learned;
    ev_timer timer;
};

void ageing_start(struct ageing *ageing, struct context *context);
void ageing_stop(struct ageing *ageing);

/* ageing_run() - forgets what is due now and plans the next time; for when the ageing time has changed */
void ageing_run(struct ageing *ageing);

#endif
