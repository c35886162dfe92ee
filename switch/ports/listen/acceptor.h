/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * acceptor.h - a listening socket in the event loop
 *
 * Whatever comes is accepted or refused, a few at a time; refusing works when descriptors run out, too.
 */
#ifndef VSW_PORTS_LISTEN_ACCEPTOR_H
#define VSW_PORTS_LISTEN_ACCEPTOR_H

#include "ports/context.h"
#include "ports/listen/socket_dir.h"

enum { ACCEPTOR_ADDRESS = 2 * SOCKET_PATH, ACCEPTOR_OFFERS = 256 };

struct acceptor {
    struct list node; /* in runtime->acceptors */
    struct context *context;
    ev_io readable;
    unsigned number; /* no other has it or had it, from 1 up */

    /* filled in by the owner */
    const char *clients;          /* what kind comes here: "VDE" */
    char place[ACCEPTOR_ADDRESS]; /* where that is: an address, as people write it */
    const struct port *port;      /* the one that who comes gets, or NULL */
    char offers[ACCEPTOR_OFFERS]; /* else what that is: "any port" */
    const char
        *spec; /* the text that port_open() makes it again of; NULL: it goes with something else */

    /* accepted() - FD is connected, non-blocking, and the callee's to close */
    void (*accepted)(struct acceptor *acceptor, int fd);

    /* remove() - somebody wants this place no more: stop, release, free. NULL if it goes with something else. */
    void (*remove)(struct acceptor *acceptor);
};

/* acceptor_start() - accepts what comes to FD, a listening socket, which acceptor_stop() closes */
void acceptor_start(struct acceptor *acceptor, struct context *context, int fd);
void acceptor_stop(struct acceptor *acceptor);

/* client_refuse() - closes FD and says to the log who was refused and why: the client itself sees no more than the end
 * @clients: what kind it is, for people: "VDE" */
void client_refuse(struct context *context, const char *clients, int fd, const char *why);

#endif
