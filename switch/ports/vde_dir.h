/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vde_dir.h - the directory in which VDE clients find the switch, and the sockets that listen in it
 *
 * DIR/ctl is where clients attach; DIR/NAME is the same for the port of that name (a VDE port group). Each attached
 * client adds DIR/PPP.F, our side of its frames. A switch that was killed leaves all of them behind: they are
 * recognised by a ctl that refuses connections, and removed.
 */
#ifndef VSW_PORTS_VDE_DIR_H
#define VSW_PORTS_VDE_DIR_H

#include "util/error.h"

#include <stdbool.h>

#include <limits.h>
#include <sys/types.h>

enum {
    VDE_PATH = 108,     /* sun_path, NUL included */
    VDE_DATA_NAME = 14, /* room for "/65535.1048576" */
    VDE_BACKLOG = 128,
    MODE_UNSET = -1,
};

/* What the user asked for; MODE_UNSET where nothing was. */
struct vde_dir_options {
    const char *path;
    bool
        must_own; /* refuse a directory of another user: the default place, where anyone could have made it */
    int mode;     /* of ctl and data sockets */
    int dirmode;  /* of the directory */
    gid_t group;  /* of all of them; (gid_t)-1: leave it */
    int mgmtmode; /* of data sockets of port 0, the management port */
    gid_t mgmtgroup;
};

struct vde_dir {
    char path[VDE_PATH]; /* absolute, links resolved */
    mode_t mode;         /* of ctl and data sockets */
    gid_t group;
    mode_t mgmtmode; /* of data sockets of port 0 */
    gid_t mgmtgroup;
    int ctl;       /* the listening descriptor */
    bool revealed; /* ctl has its name */
};

/* vde_dir_open() - makes the directory and listens in it, under a name that no client knows
 *
 * Return: 0; -EADDRINUSE with words in ERR if a live switch is there, which is left alone; or another -errno with
 * words in ERR.
 */
int vde_dir_open(struct vde_dir *dir, const struct vde_dir_options *options, struct error *err);

/* vde_dir_reveal() - names the socket ctl: programs that start a switch take that for its being ready
 *
 * Return: as vde_dir_open().
 */
int vde_dir_reveal(struct vde_dir *dir, struct error *err);

/* vde_dir_listen() - listens on DIR/NAME, replacing a socket that nobody listens on. Return: descriptor or -errno. */
int vde_dir_listen(const struct vde_dir *dir, const char *name, struct error *err);

/* vde_dir_unlink() - removes DIR/NAME */
void vde_dir_unlink(const struct vde_dir *dir, const char *name);

/* vde_dir_close() - stops listening on ctl, and removes it and the directory; clients' own files may keep that */
void vde_dir_close(struct vde_dir *dir);

#endif
