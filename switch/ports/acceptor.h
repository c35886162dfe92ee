/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * acceptor.h - a listening socket in the event loop
 *
 * Whatever comes is accepted or refused, a few at a time; refusing works when descriptors run out, too.
 */
#ifndef VSW_PORTS_ACCEPTOR_H
#define VSW_PORTS_ACCEPTOR_H

#include "ports/runtime.h"
#include "ports/socket_dir.h"

struct acceptor {
    struct runtime *runtime;
    const char *clients; /* "VDE client" */
    ev_io readable;

    /* accepted() - FD is connected, non-blocking, and the callee's to close */
    void (*accepted)(struct acceptor *acceptor, int fd);
};

/* acceptor_start() - accepts what comes to FD, a listening socket, which acceptor_stop() closes */
void acceptor_start(struct acceptor *acceptor, struct runtime *runtime, const char *clients,
                    void (*accepted)(struct acceptor *acceptor, int fd), int fd);
void acceptor_stop(struct acceptor *acceptor);

/* client_refuse() - closes FD and says to the log who was refused and why: the client itself sees no more than the end
 * @clients: what kind it is, for people: "VDE client" */
void client_refuse(struct runtime *runtime, const char *clients, int fd, const char *why);

#endif
