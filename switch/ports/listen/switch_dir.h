/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * switch_dir.h - the directory in which clients find the switch
 *
 * It holds the listening sockets ctl, mgmt, stream, and NAME and NAME.stream for each named port
 * (socket_dir.h). Each VDE client adds PPP.F, our data socket for it. A switch that was killed
 * leaves all of them behind; the next switch in this directory removes them.
 */
#ifndef VSW_PORTS_LISTEN_SWITCH_DIR_H
#define VSW_PORTS_LISTEN_SWITCH_DIR_H

#include "ports/listen/socket_dir.h"

enum { MODE_UNSET = -1 };

/* Names in the directory that are no port's, besides those at which port types listen (dir_listeners.h): the console's, and two
 * that are kept for guests in shared memory and for programs. Ended by NULL. */
extern const char *const switch_dir_reserved[];

/* Options as the user gave them; MODE_UNSET where none was given. */
struct switch_dir_options {
    const char *path;
    /* refuse another user's directory, or a link: for the default path, which anyone could have
     * created */
    bool must_own;
    int mode;     /* of ctl and data sockets */
    int dirmode;  /* of the directory */
    gid_t group;  /* of all of them; (gid_t)-1: unchanged */
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

/* switch_dir_open() - creates the directory, or takes over an existing one if no live switch uses
 * it
 *
 * Removes what dead switches and clients left there.
 * Return: 0; -EADDRINUSE and sets ERR if a live switch is there, which is left alone; or another
 * -errno and sets ERR.
 */
int switch_dir_open(struct switch_dir *dir, const struct switch_dir_options *options,
                    struct error *err);

/* switch_dir_listen() - creates a listening socket for clients, with DIR's mode and group:
 * socket_dir_listen() */
int switch_dir_listen(struct switch_dir *dir, const char *name, struct error *err);

/* switch_dir_close() - removes our sockets, and the directory unless other files, such as clients',
 * are left in it */
void switch_dir_close(struct switch_dir *dir);

#endif
