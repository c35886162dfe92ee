/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fd_endpoint.h - an endpoint that is a file descriptor in the event loop
 *
 * The base of every port type whose frames come from a descriptor: waits until it is readable, has the type read one
 * batch, takes it through the switch, and gives the loop its turn back; waits for room when the core asks for it.
 */
#ifndef VSW_PORTS_IO_FD_ENDPOINT_H
#define VSW_PORTS_IO_FD_ENDPOINT_H

#include "ports/context.h"
#include "util/error.h"

struct fd_endpoint;

struct fd_endpoint_ops {
    struct endpoint_ops core; /* wait_writable is fd_endpoint_wait_writable */

    /* rx() - reads up to BATCH_FRAMES frames: frame_init() for each of BATCH's, and what is special about it
     *
     * Return: how many, 0 if there is nothing now, or -errno if the endpoint is gone for good (needs lost()).
     */
    int (*rx)(struct fd_endpoint *endpoint, struct batch *batch);

    /* lost() - rx() failed with ERROR (positive errno): say so, detach, release, free */
    void (*lost)(struct fd_endpoint *endpoint, int error);
};

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

/* fd_endpoint_init() - FD is non-blocking and stays the caller's to close */
void fd_endpoint_init(struct fd_endpoint *endpoint, struct context *context,
                      const struct fd_endpoint_ops *ops, int fd);

/* fd_endpoint_belongs_to() - whose it is, for people
 * @user:    (uid_t)-1 if nobody can tell
 * @process: 0 if nobody can tell
 */
void fd_endpoint_belongs_to(struct fd_endpoint *endpoint, uid_t user, pid_t process);

/* fd_endpoint_attach() - attaches to PORT and begins to read. Return: 0, or -errno with words in ERR. */
int fd_endpoint_attach(struct fd_endpoint *endpoint, struct port *port, struct error *err);

/* fd_endpoint_detach() - the opposite */
void fd_endpoint_detach(struct fd_endpoint *endpoint);

void fd_endpoint_wait_writable(struct endpoint *endpoint, bool wait);

#endif
