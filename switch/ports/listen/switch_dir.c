/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/switch_dir.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_ROOM = 24 }; /* for a client's socket in it: "/65535.1048576" */

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
    /* While a live switch answers there, the directory's owner and mode are that switch's business. */
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

/* The path becomes absolute: a daemon leaves the directory in which it was started. */
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

/* A directory that was there before keeps its mode, unless the user asked for one. */
static int set_access(const struct switch_dir *dir, const struct switch_dir_options *options,
                      bool made, struct error *err)
{
    bool asked = made || options->mode != MODE_UNSET || options->dirmode != MODE_UNSET;

    if (dir->group != (gid_t)-1 && fchown(dir->sockets.fd, (uid_t)-1, dir->group) < 0)
        return error_set(err, errno, "cannot give %s to group %u: %s", dir->sockets.path,
                         (unsigned)dir->group, strerror(errno));
    /* Somebody else's directory that we may write to is good enough. */
    if (asked && fchmod(dir->sockets.fd, directory_mode(options)) < 0 && (made || errno != EPERM))
        return error_set(err, errno, "cannot set the mode of %s: %s", dir->sockets.path,
                         strerror(errno));
    return 0;
}

/* VDE's rules; and where others may write, the sticky bit, lest they replace our sockets by theirs. */
static mode_t directory_mode(const struct switch_dir_options *options)
{
    mode_t mode = 02700;

    if (options->dirmode != MODE_UNSET) {
        mode = (mode_t)options->dirmode;
    } else if (options->mode != MODE_UNSET) {
        mode = 02000 | (mode_t)options->mode;
        for (mode_t who = 1; who <= 0100; who <<= 3)
            mode |= mode & (who << 2 | who << 1) ? who : 0;
    }
    return mode & 0022 ? mode | 01000 : mode;
}
