/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/io/fd_endpoint.h"

#include "core/egress.h"
#include "util/os_linux.h"

#include <string.h>

static void fd_on_readable(struct ev_loop *loop, ev_io *watcher, int events);
static void fd_on_writable(struct ev_loop *loop, ev_io *watcher, int events);

void fd_endpoint_init(struct fd_endpoint *endpoint, struct context *context,
                      const struct endpoint_ops *ops, int in, int out)
{
    endpoint_init(&endpoint->endpoint, ops, &context->io->core);
    endpoint->context = context;
    ev_io_init(&endpoint->readable, fd_on_readable, in, EV_READ);
    ev_io_init(&endpoint->writable, fd_on_writable, out, EV_WRITE);
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
    ev_io_start(io_worker_of(&endpoint->endpoint)->loop, &endpoint->readable);
    return 0;
}

void fd_endpoint_detach(struct fd_endpoint *endpoint)
{
    ev_io_stop(io_worker_of(&endpoint->endpoint)->loop, &endpoint->readable);
    ev_io_stop(io_worker_of(&endpoint->endpoint)->loop, &endpoint->writable);
    port_detach(&endpoint->endpoint);
}

void fd_endpoint_wait_writable(struct endpoint *core, bool wait)
{
    struct fd_endpoint *endpoint = fd_endpoint_of(core);

    if (wait)
        ev_io_start(io_worker_of(&endpoint->endpoint)->loop, &endpoint->writable);
    else
        ev_io_stop(io_worker_of(&endpoint->endpoint)->loop, &endpoint->writable);
}

/* Level-triggered: called again while there is more. */
static void fd_on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop, (void)events;
    endpoint_wake(&container_of(watcher, struct fd_endpoint, readable)->endpoint);
}

static void fd_on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop, (void)events;
    endpoint_writable(&container_of(watcher, struct fd_endpoint, writable)->endpoint);
}
