/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wake.h - from an event to a batch: one wake of one endpoint
 *
 * A wake receives one batch, takes it through the switch, gives its memory back (rx_done), and runs
 * deferred work: endpoints that failed, observers with something to do. Any watcher may call it:
 * for a descriptor (fd_endpoint.h), a ring's kick, a timer. Then the loop serves the next endpoint.
 */
#ifndef VSW_PORTS_IO_WAKE_H
#define VSW_PORTS_IO_WAKE_H

#include "core/port.h"
#include "ports/io/datagram.h"

#include <ev.h>

/* What one thread needs to carry frames between endpoints and the switch; there is one. */
struct io_worker {
    struct worker core;
    struct ev_loop *loop;
    struct datagram_vector datagrams; /* prepared for the worker's buffers */
    bool waking;                      /* inside endpoint_wake(), which runs deferred work */
    ev_prepare deferred_due; /* runs work deferred outside a wake; never started, only fed */
    struct list again;       /* endpoints that have more to receive, in order */
    struct list again_end;   /* on_again(): end of those to wake in this round */
    ev_timer again_due;
};

/* io_worker_new() - a worker for SW in LOOP. Return: NULL if there is no memory. */
struct io_worker *io_worker_new(struct vswitch *sw, struct ev_loop *loop);

/* io_worker_free() - frees IO, whose endpoints have been detached. IO may be NULL. */
void io_worker_free(struct io_worker *io);

static inline struct io_worker *io_worker_of(const struct endpoint *endpoint)
{
    return container_of(endpoint->worker, struct io_worker, core);
}

/* endpoint_wake() - receives a batch from ENDPOINT, which may be gone afterwards; if it asked to be
 * woken again, its turn comes then and not before */
void endpoint_wake(struct endpoint *endpoint);

/* endpoint_wake_again() - for rx(): ENDPOINT has more to receive than one batch, and no watcher
 * will say so. It is woken once more after the others. */
void endpoint_wake_again(struct endpoint *endpoint);

#endif
