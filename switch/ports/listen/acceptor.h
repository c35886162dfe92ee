/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * acceptor.h - a place where clients can connect, as listen/print shows it
 *
 * Out of descriptors, clients are refused with the reserve descriptor.
 */
#ifndef VSW_PORTS_LISTEN_ACCEPTOR_H
#define VSW_PORTS_LISTEN_ACCEPTOR_H

#include "ports/context.h"
#include "ports/listen/listening.h"
#include "ports/listen/socket_dir.h"

enum { ACCEPTOR_ADDRESS = 2 * SOCKET_PATH, ACCEPTOR_OFFERS = 256 };

struct acceptor {
    struct list node; /* in context->acceptors */
    struct context *context;
    struct listening listening;
    unsigned number; /* from 1 up, never reused */

    /* set by the owner */
    const char *clients;          /* protocol of the clients, for messages: "VDE" */
    char place[ACCEPTOR_ADDRESS]; /* listen address, as users write it */
    const struct port *port;      /* the port that clients get; NULL if it depends on the client */
    char offers[ACCEPTOR_OFFERS]; /* which port that is, in words, if so: "any port" */
    const char *spec;             /* text that recreates it by port_open(), or NULL */

    /* accepted() - FD is a new connection, non-blocking, which the callee owns */
    void (*accepted)(struct acceptor *acceptor, int fd);

    /* remove() - stop, release and free, because a user removes this listener. NULL if it ends with
     * something else. */
    void (*remove)(struct acceptor *acceptor);
};

/* acceptor_start(), acceptor_stop() - accept connections on FD, a listening socket, until
 * acceptor_stop() closes it */
void acceptor_start(struct acceptor *acceptor, struct context *context, int fd);
void acceptor_stop(struct acceptor *acceptor);

/* client_refuse() - closes FD and logs the peer and the reason WHY; the client itself sees only the
 * end of the connection
 * @clients: protocol of the client, for the message: "VDE"
 */
void client_refuse(struct context *context, const char *clients, int fd, const char *why);

#endif
