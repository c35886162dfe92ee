/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * doors.h - where clients of one protocol find the switch in its directory
 *
 * One socket for all who take any port, and one more for each port with a name. A port type that has doors opens them
 * when it starts and moves them when a port is renamed; whoever comes in by one is the type's business.
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
    char file[SOCKET_PATH]; /* what it is called in the directory */
    char name[PORT_NAME];   /* of the port that it leads to, or "" for any */
};

struct dir_listener_kind {
    const char *clients; /* whom people read of: "VDE" */
    const char *file;    /* the door for all: "ctl" */
    const char *suffix;  /* of the others' names, behind the port's: ".stream", "" */

    /* entered() - FD has come in by DOOR, and is the callee's to close */
    void (*accepted)(struct dir_listener *listener, int fd);
};

/* doors_open() - begins to listen at the door for all. Return: 0, or -errno with words in ERR and nothing open. */
int dir_listeners_open(struct dir_listeners *listeners, struct context *context,
                       const struct dir_listener_kind *kind, struct error *err);

/* doors_close() - stops to listen everywhere */
void dir_listeners_close(struct dir_listeners *listeners);

/* doors_add(), doors_remove() - the door of the port of that NAME: as port_type.open_door and close_door */
int dir_listeners_add(struct dir_listeners *listeners, const char *name, struct error *err);
void dir_listeners_remove(struct dir_listeners *listeners, const char *name);

#endif
