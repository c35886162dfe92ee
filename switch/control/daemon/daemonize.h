/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * daemonize.h - running in the background, and the PID file
 */
#ifndef VSW_CONTROL_DAEMON_DAEMONIZE_H
#define VSW_CONTROL_DAEMON_DAEMONIZE_H

#include "util/error.h"

#include <limits.h>

/* daemonize_begin() - forks; only the child returns, in a session of its own
 *
 * The parent waits until the child calls daemonize_ready(), and exits with status 0, or until the
 * child ends, and exits with its status: everything is in place when the command that starts a
 * daemon returns. Until then the child's errors go to the parent's stderr.
 *
 * Return: the argument of daemonize_ready(), or -errno and sets ERR.
 */
int daemonize_begin(struct error *err);

/* daemonize_ready() - makes the parent exit, replaces stdin, stdout and stderr by /dev/null, and
 * changes to / */
void daemonize_ready(int ready);

struct pidfile {
    char path[PATH_MAX]; /* absolute; "" if there is none */
    int fd;              /* kept open, so that no other file can get its inode number */
};

/* pidfile_write() - creates PATH, which must not exist, with our PID in it
 *
 * Return: 0, or -errno and sets ERR.
 */
int pidfile_write(struct pidfile *pidfile, const char *path, struct error *err);

/* pidfile_remove() - removes the file, unless another has replaced it */
void pidfile_remove(struct pidfile *pidfile);

#endif
