/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket_file.h - the file of a UNIX socket: replaced only if it is stale, removed only if it is
 * still ours
 */
#ifndef VSW_PORTS_LISTEN_SOCKET_FILE_H
#define VSW_PORTS_LISTEN_SOCKET_FILE_H

#include "util/error.h"

#include <sys/types.h>

enum { SOCKET_PATH = 108 /* sun_path, NUL included */ };

struct socket_file {
    char path[SOCKET_PATH]; /* "" if there is none */
    dev_t device;           /* with the inode: identifies the file that we made */
    ino_t inode;
};

/* socket_file_check_free() - whether PATH may be used: nothing is there, or a socket without a
 * listener
 * Return: 0; -EADDRINUSE and sets ERR if it is in use; or another -errno and sets ERR. */
int socket_file_check_free(const char *path, struct error *err);

/* socket_file_probe() - connects to the socket at PATH, of TYPE SOCK_STREAM, SOCK_DGRAM or
 * SOCK_SEQPACKET, to see if it is live
 * Return: 0 if it is, else -errno: -ECONNREFUSED if no program has it open.
 */
int socket_file_probe(const char *path, int type);

/* socket_file_bind() - binds FD to PATH with exactly MODE, replacing a stale socket
 * @file:  set to what was made, for socket_file_remove()
 * @group: group of the file, (gid_t)-1 for our own
 *
 * Return: 0, or -errno and sets ERR; a stale socket may have been removed nevertheless.
 */
int socket_file_bind(struct socket_file *file, int fd, const char *path, mode_t mode, gid_t group,
                     struct error *err);

/* socket_file_remove() - removes the file, unless another has replaced it */
void socket_file_remove(struct socket_file *file);

#endif
