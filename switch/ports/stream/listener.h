/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * listener.h - a place outside the switch's directory where stream clients connect
 */
#ifndef VSW_PORTS_STREAM_LISTENER_H
#define VSW_PORTS_STREAM_LISTENER_H

#include "ports/listen/acceptor.h"
#include "ports/stream/spec.h"

struct stream_listener {
    struct list node; /* the owner's */
    struct acceptor acceptor;
    struct socket_file file; /* if it is a UNIX socket that we made */
    struct port *port;    /* the one that its only client gets; NULL: a new one for each client */
    char *template;       /* text of the new ones; NULL if there are none */
    char *spec;           /* text of the listener itself; the same */
    unsigned max_clients; /* that get a new one at a time */
};

/* stream_listener_open() - begins to listen at WANTED's address, or on its descriptor, which listens already
 * @port: NULL: each client gets a port as SPEC describes it
 *
 * Return: 0, or -errno and sets ERR and nothing open; the descriptor is still the caller's then.
 */
int stream_listener_open(struct stream_listener **listener, struct context *context,
                         const struct stream_spec *wanted, struct port *port,
                         const struct port_spec *spec, struct error *err);

/* stream_listener_close() - ends and frees it. Connections stay. */
void stream_listener_close(struct stream_listener *listener);

#endif
