/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * switch_dir.h - the directory in which clients find the switch
 *
 * In it listen ctl, mgmt, stream, and for each named port NAME and NAME.stream (socket_dir.h). Each VDE client adds
 * PPP.F, our side of its frames. A switch that was killed leaves all of them behind; the next switch in this directory
 * removes them.
 */
#ifndef VSW_PORTS_LISTEN_SWITCH_DIR_H
#define VSW_PORTS_LISTEN_SWITCH_DIR_H

#include "ports/listen/socket_dir.h"

enum { MODE_UNSET = -1 };

/* Names in the directory that are no port's, besides those at which port types listen (dir_listeners.h): the console's, and two
 * that are kept for guests in shared memory and for programs. Ended by NULL. */
extern const char *const switch_dir_reserved[];

/* What the user asked for; MODE_UNSET where nothing was. */
struct switch_dir_options {
    const char *path;
    /* refuse a directory of another user, or a link: for the default place, where anyone could have made it */
    bool must_own;
    int mode;     /* of ctl and data sockets */
    int dirmode;  /* of the directory */
    gid_t group;  /* of all of them; (gid_t)-1: leave it */
    int mgmtmode; /* of the console, and of data sockets of port 0, the management port */
    gid_t mgmtgroup;
};

struct switch_dir {
    struct socket_dir sockets;
    mode_t mode; /* of listening and data sockets */
    gid_t group;
    mode_t mgmtmode; /* of the console, and of data sockets of port 0 */
    gid_t mgmtgroup;
};

/* switch_dir_open() - makes the directory, or takes an existing one over from a dead switch
 *
 * Return: 0; -EADDRINUSE with words in ERR if a live switch is there, which is left alone; or another -errno with
 * words in ERR.
 */
int switch_dir_open(struct switch_dir *dir, const struct switch_dir_options *options,
                    struct error *err);

/* switch_dir_listen() - socket_dir_listen() for clients */
int switch_dir_listen(struct switch_dir *dir, const char *name, struct error *err);

/* switch_dir_close() - removes what is left of ours, and the directory unless clients' own files keep it */
void switch_dir_close(struct switch_dir *dir);

#endif
