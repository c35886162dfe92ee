/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/io/wake.h"

#include "core/datapath.h"
#include "util/os_linux.h"

#include <stdlib.h>

static void wake_on_pending(struct defer_queue *queue);
static void wake_on_deferred(struct ev_loop *loop, ev_prepare *watcher, int events);
static void wake_on_again(struct ev_loop *loop, ev_timer *watcher, int events);

struct io_worker *io_worker_new(struct vswitch *sw, struct ev_loop *loop)
{
    struct io_worker *io = calloc(1, sizeof(*io));

    if (!io)
        return NULL;
    worker_init(&io->core, sw, wake_on_pending);
    datagram_prepare(&io->datagrams, &io->core);
    io->loop = loop;
    list_init(&io->again);
    list_init(&io->again_end);
    ev_prepare_init(&io->deferred_due, wake_on_deferred);
    ev_timer_init(&io->again_due, wake_on_again, 0, 0);
    return io;
}

void io_worker_free(struct io_worker *io)
{
    if (!io)
        return;
    ev_clear_pending(io->loop, &io->deferred_due);
    ev_timer_stop(io->loop, &io->again_due);
    worker_fini(&io->core);
    free(io);
}

void endpoint_wake(struct endpoint *endpoint)
{
    struct io_worker *io = io_worker_of(endpoint);
    struct batch *batch = &io->core.batch;
    int count;

    if (!list_empty(&endpoint->again))
        return;
    io->waking = true;
    batch->port = endpoint->port;
    batch->from = endpoint;
    batch->count = 0;
    count = endpoint->ops->rx(endpoint, batch);
    if (count > 0) {
        batch->count = (unsigned)count;
        datapath_run(&io->core, batch, os_now());
        if (endpoint->ops->rx_done)
            endpoint->ops->rx_done(endpoint, batch);
    } else if (count < 0) {
        endpoint_fail(endpoint, -count);
    }
    defer_run(&io->core.deferred);
    io->waking = false;
}

void endpoint_wake_again(struct endpoint *endpoint)
{
    struct io_worker *io = io_worker_of(endpoint);

    if (!list_empty(&endpoint->again))
        return;
    list_append(&io->again, &endpoint->again);
    if (!ev_is_active(&io->again_due))
        ev_timer_start(io->loop, &io->again_due);
}

/* Runs the work soon, from the loop, unless inside a wake. */
static void wake_on_pending(struct defer_queue *queue)
{
    struct io_worker *io = container_of(queue, struct io_worker, core.deferred);

    if (!io->waking)
        ev_feed_event(io->loop, &io->deferred_due, EV_CUSTOM);
}

static void wake_on_deferred(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    (void)loop, (void)events;
    defer_run(&container_of(watcher, struct io_worker, deferred_due)->core.deferred);
}

/* Wakes the endpoints that are in the list now; one with still more waits for the next round. */
static void wake_on_again(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct io_worker *io = container_of(watcher, struct io_worker, again_due);

    (void)loop, (void)events;
    list_append(&io->again, &io->again_end);
    while (io->again.next != &io->again_end) {
        struct list *node = io->again.next;

        list_remove(node);
        endpoint_wake(container_of(node, struct endpoint, again));
    }
    list_remove(&io->again_end);
}
