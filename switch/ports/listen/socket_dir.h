/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket_dir.h - a directory with sockets of the switch
 *
 * Listening sockets are created under a hidden name and renamed when the whole switch is ready, the
 * first one last: programs that start a switch wait for that file and connect at once. An existing
 * name is taken over only from a socket that refuses connections, and a file that has replaced one
 * of ours meanwhile is left alone.
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
    struct list sockets; /* listening, in order of creation */
    bool revealed;
    unsigned made; /* hidden names used so far */
};

/* socket_dir_open() - opens the existing directory PATH
 * @room:   bytes that must remain in sun_path for the names of sockets in it, slash included
 * @follow: whether PATH itself may be a symbolic link
 *
 * Return: 0, or -errno and sets ERR. Call socket_dir_close() in either case.
 */
int socket_dir_open(struct socket_dir *dir, const char *path, size_t room, bool follow,
                    struct error *err);

/* socket_dir_close() - removes the files of all listening sockets that still exist, and closes the
 * directory */
void socket_dir_close(struct socket_dir *dir);

/* socket_dir_listen() - creates a socket that listens as DIR/NAME, hidden until socket_dir_reveal()
 * @mode:  mode of the file
 * @group: group of the file, (gid_t)-1 for our own
 *
 * Return: its descriptor, which the caller owns, or -errno and sets ERR.
 */
int socket_dir_listen(struct socket_dir *dir, const char *name, mode_t mode, gid_t group,
                      struct error *err);

/* socket_dir_unlisten() - removes the file of a socket that socket_dir_listen() created */
void socket_dir_unlisten(struct socket_dir *dir, const char *name);

/* socket_dir_reveal() - renames all hidden sockets to their names, the first one last
 * Return: 0, or as socket_dir_check_free(). */
int socket_dir_reveal(struct socket_dir *dir, struct error *err);

/* socket_dir_bind() - binds FD to DIR/NAME and sets the file's mode, group and owner
 * @user:  owner of the file, (uid_t)-1 for this process's. Others have no access then, whatever
 *         MODE says; but if it cannot be given away (in a user namespace, without CAP_CHOWN), it
 *         stays ours, with MODE.
 * @group: group of the file, (gid_t)-1 for this process's
 *
 * Return: 0, or -errno and sets ERR, with no file left behind.
 */
int socket_dir_bind(const struct socket_dir *dir, const char *name, int fd, mode_t mode, uid_t user,
                    gid_t group, struct error *err);

/* socket_dir_unlink() - removes DIR/NAME */
void socket_dir_unlink(const struct socket_dir *dir, const char *name);

/* socket_dir_check_free() - whether DIR/NAME may be used: nothing is there, or a socket without a
 * listener
 * Return: 0; -EADDRINUSE and sets ERR if it is in use; or another -errno and sets ERR. */
int socket_dir_check_free(const struct socket_dir *dir, const char *name, struct error *err);

/* socket_dir_sweep() - removes sockets of the switch and of clients that have ended without
 * removing them */
void socket_dir_sweep(const struct socket_dir *dir);

#endif
