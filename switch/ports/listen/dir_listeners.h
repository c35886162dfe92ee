/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dir_listeners.h - listening sockets of one protocol in the switch's directory
 *
 * One socket for clients that take any port, and one per port with a name. A port type that has
 * listeners opens them when it starts, and replaces them when a port is renamed; what becomes of a
 * connection is up to the type.
 */
#ifndef VSW_PORTS_LISTEN_DIR_LISTENERS_H
#define VSW_PORTS_LISTEN_DIR_LISTENERS_H

#include "ports/listen/acceptor.h"

struct dir_listeners {
    struct context *context;
    const struct dir_listener_kind *kind;
    struct list list;
};

struct dir_listener {
    struct list node;
    struct dir_listeners *listeners;
    struct acceptor acceptor;
    char file[SOCKET_PATH]; /* name of the socket in the directory */
    char name[PORT_NAME];   /* name of the port that clients get, or "" for any */
};

struct dir_listener_kind {
    const char *clients; /* the protocol, for messages: "VDE" */
    const char *file;    /* name of the socket for any port: "ctl" */
    const char *suffix;  /* appended to a port's name for the others: ".stream", "" */

    /* accepted() - FD is a new connection to LISTENER, which the callee owns */
    void (*accepted)(struct dir_listener *listener, int fd);
};

/* dir_listeners_open() - opens the socket for any port
 * @kind: must outlive LISTENERS
 *
 * Return: 0, or -errno and sets ERR, with nothing left open.
 */
int dir_listeners_open(struct dir_listeners *listeners, struct context *context,
                       const struct dir_listener_kind *kind, struct error *err);

/* dir_listeners_close() - closes all sockets and removes their files */
void dir_listeners_close(struct dir_listeners *listeners);

/* dir_listeners_add(), dir_listeners_remove() - open and close the socket of the port with that
 * NAME
 * Return: 0, or -errno and sets ERR.
 */
int dir_listeners_add(struct dir_listeners *listeners, const char *name, struct error *err);
void dir_listeners_remove(struct dir_listeners *listeners, const char *name);

#endif
