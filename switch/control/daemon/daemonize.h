/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * daemonize.h - into the background, and the file that says where to find us there
 */
#ifndef VSW_CONTROL_DAEMON_DAEMONIZE_H
#define VSW_CONTROL_DAEMON_DAEMONIZE_H

#include "util/error.h"

#include <limits.h>

/* daemonize_begin() - forks; only the child returns
 *
 * The parent waits until the child says that it is ready, and exits with status 0, or until the child ends, and exits
 * with its status: who starts a daemon may rely on everything being there when the command returns. Errors of the
 * child until then go to the parent's stderr.
 *
 * Return: what daemon_ready() wants, or -errno and sets ERR.
 */
int daemonize_begin(struct error *err);

/* daemonize_ready() - lets the parent go, and lets go of its terminal and directory */
void daemonize_ready(int ready);

struct pidfile {
    char path[PATH_MAX]; /* absolute; "" if there is none */
    int fd;              /* kept open: as long as it is, no other file can have its inode number */
};

/* pidfile_write() - makes PATH, which must not exist, with our process number in it
 *
 * Return: 0, or -errno and sets ERR.
 */
int pidfile_write(struct pidfile *pidfile, const char *path, struct error *err);

/* pidfile_remove() - removes it, unless another has taken its place */
void pidfile_remove(struct pidfile *pidfile);

#endif
