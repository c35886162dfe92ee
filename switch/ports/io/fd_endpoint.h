/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fd_endpoint.h - an endpoint that is a file descriptor in the event loop
 *
 * The base of every port type whose frames come from a descriptor: wakes the endpoint when it is
 * readable, and sends what is queued when it is writable and the core waits for that.
 */
#ifndef VSW_PORTS_IO_FD_ENDPOINT_H
#define VSW_PORTS_IO_FD_ENDPOINT_H

#include "ports/context.h"
#include "ports/io/wake.h"
#include "util/error.h"

struct fd_endpoint {
    struct endpoint endpoint;
    struct context *context;
    ev_io readable;
    ev_io writable;
};

static inline int fd_endpoint_fd(const struct fd_endpoint *endpoint)
{
    return endpoint->readable.fd;
}

/* The fd_endpoint that ENDPOINT is embedded in. */
static inline struct fd_endpoint *fd_endpoint_of(struct endpoint *endpoint)
{
    return container_of(endpoint, struct fd_endpoint, endpoint);
}

/* fd_endpoint_init() - an endpoint that reads frames from IN and writes them to OUT, which may be
 * the same
 * @ops: wait_writable is fd_endpoint_wait_writable
 *
 * Both are non-blocking; the caller closes them.
 */
void fd_endpoint_init(struct fd_endpoint *endpoint, struct context *context,
                      const struct endpoint_ops *ops, int in, int out);

/* fd_endpoint_belongs_to() - sets the user and process of the peer, for users to see
 * @user:    (uid_t)-1 if unknown
 * @process: 0 if unknown
 */
void fd_endpoint_belongs_to(struct fd_endpoint *endpoint, uid_t user, pid_t process);

/* fd_endpoint_attach() - attaches to PORT and starts reading. Return: 0, or -errno and sets ERR. */
int fd_endpoint_attach(struct fd_endpoint *endpoint, struct port *port, struct error *err);

/* fd_endpoint_detach() - stops reading and detaches; the descriptors stay open */
void fd_endpoint_detach(struct fd_endpoint *endpoint);

/* fd_endpoint_wait_writable() - as endpoint_ops.wait_writable */
void fd_endpoint_wait_writable(struct endpoint *endpoint, bool wait);

#endif
