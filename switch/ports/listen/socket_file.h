/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket_file.h - a UNIX socket's file: taken over only from the dead, removed only if it is still ours
 */
#ifndef VSW_PORTS_LISTEN_SOCKET_FILE_H
#define VSW_PORTS_LISTEN_SOCKET_FILE_H

#include "util/error.h"

#include <sys/types.h>

enum { SOCKET_PATH = 108 /* sun_path, NUL included */ };

struct socket_file {
    char path[SOCKET_PATH]; /* "": none */
    dev_t device;           /* and inode: which file is ours */
    ino_t inode;
};

/* socket_file_check_free() - may PATH become ours? If there is nothing, or a socket at which nobody is any more.
 * Return: 0; -EADDRINUSE with words in ERR if somebody is; or another -errno with words in ERR. */
int socket_file_check_free(const char *path, struct error *err);

/* socket_file_probe() - is somebody behind the socket at PATH, of TYPE SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET?
 * Return: 0 if so, else -errno: -ECONNREFUSED if nobody is. */
int socket_file_probe(const char *path, int type);

/* socket_file_bind() - gives FD the file PATH with exactly MODE, removing what a dead program left there
 * @group: (gid_t)-1: our own
 *
 * Return: 0, or -errno with words in ERR and nothing changed but a dead file removed.
 */
int socket_file_bind(struct socket_file *file, int fd, const char *path, mode_t mode, gid_t group,
                     struct error *err);

/* socket_file_remove() - removes it, unless somebody has put another in its place */
void socket_file_remove(struct socket_file *file);

#endif
