/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * peer.h - a connection that carries frames: an endpoint
 */
#ifndef VSW_PORTS_STREAM_PEER_H
#define VSW_PORTS_STREAM_PEER_H

#include "ports/io/fd_endpoint.h"
#include "ports/stream/framing.h"
#include "util/error.h"
#include "util/os_linux.h"

struct stream_peer;

/* The code that made the connection, embedded in a structure of its own. */
struct stream_owner {
    /* ended() - the connection is gone, and PEER will be
     * @by_peer: it broke, or its far side hung up; else somebody here ended it */
    void (*ended)(struct stream_owner *owner, bool by_peer);
};

/* stream_peer_attach() - attaches FD, a connected stream socket, to PORT
 * @owner: told when it ends; may be NULL
 *
 * Return: 0 with the endpoint in *PEER, which closes FD; or -errno and sets ERR, FD is the caller's then.
 */
int stream_peer_attach(struct stream_peer **peer, struct context *context, int fd,
                       struct port *port, struct stream_owner *owner, struct error *err);

/* stream_peer_join() - the same for FD of a client that came by itself, which is WHO: if it may have PORT, and nobody
 * else is there. Return: 0, or -errno and sets ERR; FD is the caller's then. */
int stream_peer_join(struct context *context, int fd, const struct os_peer *who, struct port *port,
                     struct error *err);

/* stream_peer_end() - hangs up. The owner is not told. */
void stream_peer_end(struct stream_peer *peer);

#endif
