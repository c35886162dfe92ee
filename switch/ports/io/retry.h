/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * retry.h - trying again, with growing pauses
 *
 * The first pause is short, for a far side that restarts; each is twice the one before, up to a second, so that whoever
 * comes back is found within that.
 */
#ifndef VSW_PORTS_IO_RETRY_H
#define VSW_PORTS_IO_RETRY_H

#include <ev.h>

struct retry {
    ev_timer due;
    double pause; /* seconds, the next one */
    void (*again)(struct retry *retry);
};

/* retry_init() - AGAIN is called when a pause is over */
void retry_init(struct retry *retry, void (*again)(struct retry *retry));

/* retry_later() - calls again() after a pause */
void retry_later(struct retry *retry, struct ev_loop *loop);

/* retry_succeeded() - the next pause is the shortest again */
void retry_succeeded(struct retry *retry);

void retry_stop(struct retry *retry, struct ev_loop *loop);

#endif
