/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * peer.h - the endpoint of a stream connection
 */
#ifndef VSW_PORTS_STREAM_PEER_H
#define VSW_PORTS_STREAM_PEER_H

#include "ports/io/fd_endpoint.h"
#include "ports/stream/framing.h"
#include "util/error.h"
#include "util/os_linux.h"

struct stream_peer;

/* The code that created the connection, embedded in a structure of its own. */
struct stream_owner {
    /* ended() - the connection has ended, and the peer is freed
     * @by_peer: it broke, or its peer hung up; else this side ended it
     */
    void (*ended)(struct stream_owner *owner, bool by_peer);
};

/* stream_peer_attach() - attaches FD, a connected stream socket, to PORT
 * @owner: told when it ends; may be NULL
 *
 * Return: 0 and sets *PEER, which owns FD; or -errno and sets ERR, and FD stays the caller's.
 */
int stream_peer_attach(struct stream_peer **peer, struct context *context, int fd,
                       struct port *port, struct stream_owner *owner, struct error *err);

/* stream_peer_join() - the same for FD, accepted from CLIENT, if it may attach to PORT and no
 * endpoint is there. Return: 0, or -errno and sets ERR; FD stays the caller's then. */
int stream_peer_join(struct context *context, int fd, const struct os_peer *client,
                     struct port *port, struct error *err);

/* stream_peer_end() - closes the connection without telling the owner */
void stream_peer_end(struct stream_peer *peer);

#endif
