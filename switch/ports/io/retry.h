/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * retry.h - retries with exponential backoff
 *
 * The first pause is short, for a peer that restarts; each is twice the previous one, up to one
 * second, so that a peer that comes back is found within that.
 */
#ifndef VSW_PORTS_IO_RETRY_H
#define VSW_PORTS_IO_RETRY_H

#include <ev.h>

struct retry {
    ev_timer due;
    double pause; /* the next one, in seconds */
    void (*again)(struct retry *retry);
};

/* retry_init() - AGAIN is the function to call when a pause has passed */
void retry_init(struct retry *retry, void (*again)(struct retry *retry));

/* retry_later() - calls again() once the next pause has passed */
void retry_later(struct retry *retry, struct ev_loop *loop);

/* retry_succeeded() - resets the next pause to the shortest */
void retry_succeeded(struct retry *retry);

/* retry_stop() - cancels a pending retry */
void retry_stop(struct retry *retry, struct ev_loop *loop);

#endif
