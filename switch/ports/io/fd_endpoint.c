/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/io/fd_endpoint.h"

#include "core/datapath.h"
#include "core/egress.h"
#include "util/os_linux.h"

#include <string.h>

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events);
static void on_writable(struct ev_loop *loop, ev_io *watcher, int events);

void fd_endpoint_init(struct fd_endpoint *endpoint, struct context *context,
                      const struct fd_endpoint_ops *ops, int fd)
{
    endpoint_init(&endpoint->endpoint, &ops->core);
    endpoint->context = context;
    ev_io_init(&endpoint->readable, on_readable, fd, EV_READ);
    ev_io_init(&endpoint->writable, on_writable, fd, EV_WRITE);
}

void fd_endpoint_belongs_to(struct fd_endpoint *endpoint, uid_t user, pid_t process)
{
    endpoint->endpoint.user = user;
    endpoint->endpoint.process = process;
    os_program_name(process, endpoint->endpoint.program, PROGRAM_NAME);
}

int fd_endpoint_attach(struct fd_endpoint *endpoint, struct port *port, struct error *err)
{
    int status = port_attach(port, &endpoint->endpoint);

    if (status < 0)
        return error_set(err, -status, "cannot attach: %s", strerror(-status));
    ev_io_start(endpoint->context->loop, &endpoint->readable);
    return 0;
}

void fd_endpoint_detach(struct fd_endpoint *endpoint)
{
    ev_io_stop(endpoint->context->loop, &endpoint->readable);
    ev_io_stop(endpoint->context->loop, &endpoint->writable);
    port_detach(&endpoint->endpoint);
}

void fd_endpoint_wait_writable(struct endpoint *core, bool wait)
{
    struct fd_endpoint *endpoint = container_of(core, struct fd_endpoint, endpoint);

    if (wait)
        ev_io_start(endpoint->context->loop, &endpoint->writable);
    else
        ev_io_stop(endpoint->context->loop, &endpoint->writable);
}

/* One batch, then the others' turn: the loop comes back as long as there is more. */
static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct fd_endpoint *endpoint = container_of(watcher, struct fd_endpoint, readable);
    const struct fd_endpoint_ops *ops =
        container_of(endpoint->endpoint.ops, const struct fd_endpoint_ops, core);
    struct batch *batch = endpoint->context->batch;
    int count = ops->rx(endpoint, batch);

    (void)loop, (void)events;
    if (count < 0) {
        ops->lost(endpoint, -count);
        return;
    }
    if (count == 0)
        return;
    batch->from = &endpoint->endpoint;
    batch->count = (unsigned)count;
    datapath_run(endpoint->context->sw, batch, os_now());
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop, (void)events;
    endpoint_writable(&container_of(watcher, struct fd_endpoint, writable)->endpoint);
}
