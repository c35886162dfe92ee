/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * doors.h - where clients of one protocol find the switch in its directory
 *
 * One socket for all who take any port, and one more for each port with a name. A port type that has doors opens them
 * when it starts and moves them when a port is renamed; whoever comes in by one is the type's business.
 */
#ifndef VSW_PORTS_DOORS_H
#define VSW_PORTS_DOORS_H

#include "ports/acceptor.h"

struct doors {
    struct runtime *runtime;
    const struct doors_kind *kind;
    struct list list;
};

struct door {
    struct list node;
    struct doors *doors;
    struct acceptor acceptor;
    char file[SOCKET_PATH]; /* what it is called in the directory */
    char name[PORT_NAME];   /* of the port that it leads to, or "" for any */
};

struct doors_kind {
    const char *clients; /* whom people read of: "VDE" */
    const char *file;    /* the door for all: "ctl" */
    const char *suffix;  /* of the others' names, behind the port's: ".stream", "" */

    /* entered() - FD has come in by DOOR, and is the callee's to close */
    void (*entered)(struct door *door, int fd);
};

/* doors_open() - begins to listen at the door for all. Return: 0, or -errno with words in ERR and nothing open. */
int doors_open(struct doors *doors, struct runtime *runtime, const struct doors_kind *kind,
               struct error *err);

/* doors_close() - stops to listen everywhere */
void doors_close(struct doors *doors);

/* doors_add(), doors_remove() - the door of the port of that NAME: as port_type.open_door and close_door */
int doors_add(struct doors *doors, const char *name, struct error *err);
void doors_remove(struct doors *doors, const char *name);

#endif
