/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket_dir.h - a directory in which the switch has sockets
 *
 * Listening sockets are made under a hidden name and get their own when the whole switch is ready, the first one last:
 * programs that start a switch wait for that file and connect at once. A name is taken over only from a socket that
 * refuses connections, and what somebody else has put in the place of ours meanwhile is left alone.
 */
#ifndef VSW_PORTS_LISTEN_SOCKET_DIR_H
#define VSW_PORTS_LISTEN_SOCKET_DIR_H

#include "ports/listen/socket_file.h"
#include "util/error.h"
#include "util/list.h"

#include <sys/types.h>

enum {
    SOCKET_HIDDEN_ROOM = 13, /* for a hidden name: "/.1234567.12" */
};

struct socket_dir {
    char path[SOCKET_PATH]; /* absolute, links resolved */
    int fd;
    struct list sockets; /* that listen, in the order in which they were made */
    bool revealed;
    unsigned made; /* ever */
};

/* socket_dir_open() - opens the directory PATH, which exists
 * @room:   bytes that must be left for the names of sockets in it, slash included
 * @follow: whether PATH itself may be a link
 *
 * Return: 0, or -errno with words in ERR. Either way socket_dir_close() is due.
 */
int socket_dir_open(struct socket_dir *dir, const char *path, size_t room, bool follow,
                    struct error *err);

/* socket_dir_close() - removes what is left of our listening sockets */
void socket_dir_close(struct socket_dir *dir);

/* socket_dir_listen() - a socket that listens as DIR/NAME, hidden until socket_dir_reveal()
 * @group: (gid_t)-1: our own
 *
 * Return: its descriptor, the caller's to close, or -errno with words in ERR.
 */
int socket_dir_listen(struct socket_dir *dir, const char *name, mode_t mode, gid_t group,
                      struct error *err);

/* socket_dir_unlisten() - removes the name of a socket that socket_dir_listen() made */
void socket_dir_unlisten(struct socket_dir *dir, const char *name);

/* socket_dir_reveal() - gives all sockets their names, the first one last. Return: as socket_dir_check_free(). */
int socket_dir_reveal(struct socket_dir *dir, struct error *err);

/* socket_dir_bind() - gives FD the name DIR/NAME, MODE, and GROUP; and to USER, where we may
 * @user: (uid_t)-1 for ourselves. Its file has no access for others then, whatever MODE says; but if it cannot be given
 *        away (in a user namespace, without CAP_CHOWN), it is ours and MODE stands.
 *
 * Return: 0, or -errno with words in ERR and nothing left behind.
 */
int socket_dir_bind(const struct socket_dir *dir, const char *name, int fd, mode_t mode, uid_t user,
                    gid_t group, struct error *err);

/* socket_dir_unlink() - removes DIR/NAME */
void socket_dir_unlink(const struct socket_dir *dir, const char *name);

/* socket_dir_check_free() - may DIR/NAME become ours? If there is nothing, or a socket on which nobody listens.
 * Return: 0; -EADDRINUSE with words in ERR if a live switch is there; or another -errno with words in ERR. */
int socket_dir_check_free(const struct socket_dir *dir, const char *name, struct error *err);

/* socket_dir_sweep() - removes the sockets of dead switches and dead clients */
void socket_dir_sweep(const struct socket_dir *dir);

#endif
