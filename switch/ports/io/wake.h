/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wake.h - from an event to a batch: one wake of one endpoint
 *
 * A wake receives one batch, takes it through the switch, gives its memory back (rx_done), and runs what was deferred:
 * endpoints that failed, observers that had noted something. Any watcher may call it: that of a descriptor
 * (fd_endpoint.h), of a ring's kick, of a timer. One wake is one batch; then the loop serves the next endpoint.
 */
#ifndef VSW_PORTS_IO_WAKE_H
#define VSW_PORTS_IO_WAKE_H

#include "core/port.h"
#include "ports/io/datagram.h"

#include <ev.h>

/* All that one thread needs to carry frames between endpoints and the switch; there is one. */
struct io_worker {
    struct worker core;
    struct ev_loop *loop;
    struct datagram_vector datagrams; /* prepared for the worker's buffers */
    bool waking;                      /* a wake is under way, and runs what is deferred */
    ev_prepare deferred_due; /* what was deferred outside a wake; never started, only fed */
    struct list again;       /* endpoints that have more to receive, in order */
    struct list again_end;   /* of those that had it before this round of the loop */
    ev_timer again_due;
};

/* io_worker_new() - one for SW, whose endpoints are watched by LOOP. Return: NULL if there is no memory. */
struct io_worker *io_worker_new(struct vswitch *sw, struct ev_loop *loop);

/* io_worker_free() - no endpoint that it served is attached any more. IO may be NULL. */
void io_worker_free(struct io_worker *io);

static inline struct io_worker *io_worker_of(const struct endpoint *endpoint)
{
    return container_of(endpoint->worker, struct io_worker, core);
}

/* endpoint_wake() - ENDPOINT has something to receive, or may have. It may be gone afterwards. One that asked to be woken
 * again gets its turn then, and no other before. */
void endpoint_wake(struct endpoint *endpoint);

/* endpoint_wake_again() - ENDPOINT has more to receive than one batch, and no watcher will say so: it is woken once more
 * when the others have had their turn. For rx(). */
void endpoint_wake_again(struct endpoint *endpoint);

#endif
