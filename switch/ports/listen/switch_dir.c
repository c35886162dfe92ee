/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/switch_dir.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_ROOM = 24 }; /* for the name of a client's data socket: "/65535.1048576" */

static int open_directory(struct switch_dir *dir, const struct switch_dir_options *options,
                          bool *made, struct error *err);
static int set_access(const struct switch_dir *dir, const struct switch_dir_options *options,
                      bool made, struct error *err);
static mode_t directory_mode(const struct switch_dir_options *options);

const char *const switch_dir_reserved[] = {"vhost", "mgmt", "api", NULL};

int switch_dir_open(struct switch_dir *dir, const struct switch_dir_options *options,
                    struct error *err)
{
    bool made = false;
    int status;

    dir->group = options->group;
    dir->mgmtgroup = options->mgmtgroup;
    dir->mode = options->mode != MODE_UNSET      ? (mode_t)options->mode
                : options->dirmode != MODE_UNSET ? (mode_t)options->dirmode & 0666
                                                 : 0600;
    dir->mgmtmode = options->mgmtmode != MODE_UNSET ? (mode_t)options->mgmtmode : 0600;
    status = open_directory(dir, options, &made, err);
    /* While a live switch listens there, the directory's owner and mode are not ours to change. */
    if (status == 0)
        status = socket_dir_check_free(&dir->sockets, "ctl", err);
    if (status == 0)
        status = set_access(dir, options, made, err);
    if (status == 0) {
        socket_dir_sweep(&dir->sockets);
        return 0;
    }
    socket_dir_close(&dir->sockets);
    if (made)
        rmdir(options->path);
    return status;
}

int switch_dir_listen(struct switch_dir *dir, const char *name, struct error *err)
{
    return socket_dir_listen(&dir->sockets, name, dir->mode, dir->group, err);
}

void switch_dir_close(struct switch_dir *dir)
{
    socket_dir_close(&dir->sockets);
    rmdir(dir->sockets.path);
}

/* Makes the path absolute, because a daemon changes its working directory. */
static int open_directory(struct switch_dir *dir, const struct switch_dir_options *options,
                          bool *made, struct error *err)
{
    const char *wanted = options->path;
    struct stat info;
    int status;

    dir->sockets.fd = -1;
    list_init(&dir->sockets.sockets);
    if (!*wanted)
        return error_set(err, EINVAL, "--sock is empty: it takes the directory of the switch");
    *made = mkdir(wanted, 0700) == 0;
    if (!*made && errno != EEXIST)
        return error_set(err, errno, "cannot make directory %s: %s", wanted, strerror(errno));
    status = socket_dir_open(&dir->sockets, wanted, NAME_ROOM, !options->must_own, err);
    if (status == 0 && options->must_own && fstat(dir->sockets.fd, &info) == 0 &&
        info.st_uid != geteuid())
        return error_set(err, EACCES,
                         "cannot use %s: it belongs to user %u; -s names another place", wanted,
                         (unsigned)info.st_uid);
    return status;
}

/* An existing directory keeps its mode, unless the user asked for one. */
static int set_access(const struct switch_dir *dir, const struct switch_dir_options *options,
                      bool made, struct error *err)
{
    bool asked = made || options->mode != MODE_UNSET || options->dirmode != MODE_UNSET;

    if (dir->group != (gid_t)-1 && fchown(dir->sockets.fd, (uid_t)-1, dir->group) < 0)
        return error_set(err, errno, "cannot give %s to group %u: %s", dir->sockets.path,
                         (unsigned)dir->group, strerror(errno));
    /* EPERM is fine for an existing directory that belongs to another user but is writable. */
    if (asked && fchmod(dir->sockets.fd, directory_mode(options)) < 0 && (made || errno != EPERM))
        return error_set(err, errno, "cannot set the mode of %s: %s", dir->sockets.path,
                         strerror(errno));
    return 0;
}

/* VDE's rules. Where others may write, the sticky bit is added, so that they cannot replace our
 * sockets. */
static mode_t directory_mode(const struct switch_dir_options *options)
{
    mode_t mode = 02700;

    if (options->dirmode != MODE_UNSET) {
        mode = (mode_t)options->dirmode;
    } else if (options->mode != MODE_UNSET) {
        mode = 02000 | (mode_t)options->mode;
        for (mode_t x = 1; x <= 0100; x <<= 3)
            mode |= mode & (x << 2 | x << 1) ? x : 0;
    }
    return mode & 0022 ? mode | 01000 : mode;
}
