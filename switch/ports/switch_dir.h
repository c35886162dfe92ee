/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * switch_dir.h - the directory in which clients find the switch, and the sockets in it
 *
 * Listening sockets (ctl, and one for each named port) are made under a hidden name and get their own when the whole
 * switch is ready, ctl last: programs that start a switch wait for that file and connect at once. Each VDE client adds
 * PPP.F, our side of its frames. A switch that was killed leaves all of them behind; a socket that refuses connections
 * is dead, and is removed by the next switch in this directory. What another switch has put in the place of ours
 * meanwhile is left alone.
 */
#ifndef VSW_PORTS_SWITCH_DIR_H
#define VSW_PORTS_SWITCH_DIR_H

#include "util/error.h"
#include "util/list.h"

#include <sys/types.h>

enum {
    SOCKET_PATH = 108,     /* sun_path, NUL included */
    SOCKET_NAME_ROOM = 24, /* what must fit behind DIR: "/.1234567.ctl", "/65535.1048576" */
    MODE_UNSET = -1,
};

/* What the user asked for; MODE_UNSET where nothing was. */
struct switch_dir_options {
    const char *path;
    /* refuse a directory of another user, or a link: for the default place, where anyone could have made it */
    bool must_own;
    int mode;     /* of ctl and data sockets */
    int dirmode;  /* of the directory */
    gid_t group;  /* of all of them; (gid_t)-1: leave it */
    int mgmtmode; /* of data sockets of port 0, the management port */
    gid_t mgmtgroup;
};

struct switch_dir {
    char path[SOCKET_PATH]; /* absolute, links resolved */
    int fd;
    mode_t mode; /* of listening and data sockets */
    gid_t group;
    mode_t mgmtmode; /* of data sockets of port 0 */
    gid_t mgmtgroup;
    struct list sockets; /* that listen, in the order in which they were made */
    bool revealed;
};

/* switch_dir_open() - makes the directory, or takes an existing one over from a dead switch
 *
 * Return: 0; -EADDRINUSE with words in ERR if a live switch is there, which is left alone; or another -errno with
 * words in ERR.
 */
int switch_dir_open(struct switch_dir *dir, const struct switch_dir_options *options,
                    struct error *err);

/* switch_dir_listen() - a socket that listens as DIR/NAME, hidden until switch_dir_reveal()
 *
 * Return: its descriptor, the caller's to close, or -errno with words in ERR.
 */
int switch_dir_listen(struct switch_dir *dir, const char *name, struct error *err);

/* switch_dir_unlisten() - removes the name of a socket that switch_dir_listen() made */
void switch_dir_unlisten(struct switch_dir *dir, const char *name);

/* switch_dir_reveal() - gives all sockets their names, the first one last. Return: as switch_dir_open(). */
int switch_dir_reveal(struct switch_dir *dir, struct error *err);

/* switch_dir_bind() - gives FD the name DIR/NAME, MODE, and GROUP; and to USER, where we may
 * @user: (uid_t)-1 for ourselves. Its file has no access for others then, whatever MODE says; but if it cannot be given
 *        away (in a user namespace, without CAP_CHOWN), it is ours and MODE stands.
 *
 * Return: 0, or -errno with words in ERR and nothing left behind.
 */
int switch_dir_bind(const struct switch_dir *dir, const char *name, int fd, mode_t mode, uid_t user,
                    gid_t group, struct error *err);

/* switch_dir_unlink() - removes DIR/NAME */
void switch_dir_unlink(const struct switch_dir *dir, const char *name);

/* switch_dir_close() - removes what is left of ours, and the directory unless clients' own files keep it */
void switch_dir_close(struct switch_dir *dir);

#endif
