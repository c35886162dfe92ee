/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * listener.h - listening sockets for stream clients outside the switch's directory
 */
#ifndef VSW_PORTS_STREAM_LISTENER_H
#define VSW_PORTS_STREAM_LISTENER_H

#include "ports/listen/acceptor.h"
#include "ports/stream/spec.h"

struct stream_listener {
    struct list node; /* in a list of the owner */
    struct acceptor acceptor;
    struct socket_file file; /* of a UNIX socket that we made */
    struct port *port;       /* that of its only client; NULL if each client gets a new one */
    char *template;          /* text of the new ones; NULL if there are none */
    char *spec;              /* text of the listener itself; the same */
    unsigned max_clients;    /* that have a new one at a time */
};

/* stream_listener_open() - listens at WANTED's address, or on its descriptor, which is listening
 * already
 * @port: the port for the client, or NULL: each client gets a new port as SPEC describes it
 *
 * Return: 0 and sets *LISTENER, or -errno and sets ERR with nothing left open; WANTED's descriptor
 * stays the caller's then.
 */
int stream_listener_open(struct stream_listener **listener, struct context *context,
                         const struct stream_spec *wanted, struct port *port,
                         const struct port_spec *spec, struct error *err);

/* stream_listener_close() - stops listening and frees LISTENER; connections stay */
void stream_listener_close(struct stream_listener *listener);

#endif
