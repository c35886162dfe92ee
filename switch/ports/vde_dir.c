/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/vde_dir.h"

#include "util/os_linux.h"
#include "util/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_directory(const struct vde_dir_options *options, char path[PATH_MAX], bool *made,
                          struct error *err);
static int prepare_directory(struct vde_dir *dir, const struct vde_dir_options *options, bool made,
                             struct error *err);
static mode_t directory_mode(const struct vde_dir_options *options);
static int hidden_path(const struct vde_dir *dir, const char *name, char path[VDE_PATH]);
static int listen_hidden(const struct vde_dir *dir, const char *name, struct error *err);
static int reveal(const struct vde_dir *dir, const char *name, struct error *err);
static bool is_live(const char *path);
static void sweep_data_sockets(const struct vde_dir *dir);
static bool is_data_socket(const char *name);

int vde_dir_open(struct vde_dir *dir, const struct vde_dir_options *options, struct error *err)
{
    char path[PATH_MAX];
    bool made;
    int status = make_directory(options, path, &made, err);

    if (status < 0)
        return status;
    if (strlen(path) + VDE_DATA_NAME >= VDE_PATH) {
        status =
            error_set(err, ENAMETOOLONG,
                      "%s is too long: with the names of sockets in it, a path may have %d bytes",
                      path, VDE_PATH - 1);
    } else {
        strcpy(dir->path, path);
        dir->group = options->group;
        dir->mgmtmode = options->mgmtmode != MODE_UNSET ? (mode_t)options->mgmtmode : 0600;
        dir->mgmtgroup = options->mgmtgroup;
        dir->mode = options->mode != MODE_UNSET      ? (mode_t)options->mode
                    : options->dirmode != MODE_UNSET ? (mode_t)options->dirmode & 0666
                                                     : 0600;
        status = prepare_directory(dir, options, made, err);
    }
    if (status < 0 && made)
        rmdir(path);
    return status;
}

int vde_dir_listen(const struct vde_dir *dir, const char *name, struct error *err)
{
    int fd = listen_hidden(dir, name, err);
    int status = fd < 0 ? fd : reveal(dir, name, err);

    if (fd >= 0 && status < 0)
        close(fd);
    return status < 0 ? status : fd;
}

int vde_dir_reveal(struct vde_dir *dir, struct error *err)
{
    int status = reveal(dir, "ctl", err);

    dir->revealed = status == 0;
    return status;
}

void vde_dir_unlink(const struct vde_dir *dir, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    unlink(path);
}

void vde_dir_close(struct vde_dir *dir)
{
    char hidden[VDE_PATH];

    close(dir->ctl);
    if (dir->revealed)
        vde_dir_unlink(dir, "ctl");
    else if (hidden_path(dir, "ctl", hidden) == 0)
        unlink(hidden);
    rmdir(dir->path);
}

/* PATH becomes absolute: a daemon leaves the directory in which it was started. */
static int make_directory(const struct vde_dir_options *options, char path[PATH_MAX], bool *made,
                          struct error *err)
{
    const char *wanted = options->path;
    struct stat info;

    *made = mkdir(wanted, 0700) == 0;
    if (!*made && errno != EEXIST)
        return error_set(err, errno, "cannot make directory %s: %s", wanted, strerror(errno));
    if (stat(wanted, &info) < 0)
        return error_set(err, errno, "cannot use %s: %s", wanted, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return error_set(err, ENOTDIR, "cannot use %s: it is not a directory", wanted);
    if (options->must_own && info.st_uid != geteuid())
        return error_set(err, EACCES,
                         "cannot use %s: it belongs to user %u; -s names another place", wanted,
                         (unsigned)info.st_uid);
    if (!realpath(wanted, path))
        return error_set(err, errno, "cannot use %s: %s", wanted, strerror(errno));
    return 0;
}

/* The socket first: while a live switch answers on it, the directory's owner and mode are that switch's business. */
static int prepare_directory(struct vde_dir *dir, const struct vde_dir_options *options, bool made,
                             struct error *err)
{
    int status = 0;

    dir->ctl = listen_hidden(dir, "ctl", err);
    if (dir->ctl < 0)
        return dir->ctl;
    sweep_data_sockets(dir);
    if (dir->group != (gid_t)-1 && chown(dir->path, (uid_t)-1, dir->group) < 0 && errno != EPERM)
        status = error_set(err, errno, "cannot give %s to group %u: %s", dir->path,
                           (unsigned)dir->group, strerror(errno));
    /* Somebody else's directory that we may write to is good enough. */
    else if (chmod(dir->path, directory_mode(options)) < 0 && made)
        status = error_set(err, errno, "cannot set the mode of %s: %s", dir->path, strerror(errno));
    if (status < 0)
        vde_dir_close(dir);
    return status;
}

/* VDE's rules; and where others may write, the sticky bit, lest they replace our sockets by theirs. */
static mode_t directory_mode(const struct vde_dir_options *options)
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

/* Where a socket stands until it is ready: a client that sees the name may connect at once. */
static int hidden_path(const struct vde_dir *dir, const char *name, char path[VDE_PATH])
{
    int length = snprintf(path, VDE_PATH, "%s/.%d.%s", dir->path, (int)getpid(), name);

    return length < VDE_PATH ? 0 : -ENAMETOOLONG;
}

/* Return: a listening socket that nobody finds yet, or -errno with words in ERR. */
static int listen_hidden(const struct vde_dir *dir, const char *name, struct error *err)
{
    char path[VDE_PATH], hidden[VDE_PATH];
    int fd, status = hidden_path(dir, name, hidden);

    if (status < 0)
        return error_set(err, -status, "%s/%s: the path of a socket may have %d bytes", dir->path,
                         name, VDE_PATH - VDE_DATA_NAME);
    snprintf(path, sizeof(path), "%.*s/%s", VDE_PATH - 2, dir->path, name);
    if (is_live(path))
        return error_set(err, EADDRINUSE, "%s is in use by a running switch", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(err, errno, "cannot make a socket: %s", strerror(errno));
    status = os_bind_socket(fd, hidden, dir->mode, (uid_t)-1, dir->group);
    if (status == 0 && listen(fd, VDE_BACKLOG) < 0) {
        status = -errno;
        unlink(hidden);
    }
    if (status < 0) {
        close(fd);
        return error_set(err, -status, "cannot listen on %s: %s", path, strerror(-status));
    }
    return fd;
}

/* Gives a hidden socket its name, in the place of one that nobody listens on. */
static int reveal(const struct vde_dir *dir, const char *name, struct error *err)
{
    char path[PATH_MAX], hidden[VDE_PATH];
    int status = hidden_path(dir, name, hidden);

    if (status < 0)
        return error_set(err, -status, "%s/%s: path is too long", dir->path, name);
    snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    if (is_live(path))
        status = error_set(err, EADDRINUSE, "%s is in use by a running switch", path);
    else if (rename(hidden, path) < 0)
        status = error_set(err, errno, "cannot make %s: %s", path, strerror(errno));
    if (status < 0)
        unlink(hidden);
    return status;
}

/* Does anybody listen there? Nobody does if there is no file, or one that refuses; else we leave it alone. */
static bool is_live(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool nobody;

    text_copy(address.sun_path, sizeof(address.sun_path), path);
    nobody = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
             (errno == ECONNREFUSED || errno == ENOENT);
    if (fd >= 0)
        close(fd);
    return !nobody;
}

/* ctl is ours now: whoever made the data sockets that are there is dead. */
static void sweep_data_sockets(const struct vde_dir *dir)
{
    DIR *files = opendir(dir->path);
    struct dirent *file;

    if (!files)
        return;
    while ((file = readdir(files))) {
        if (file->d_type == DT_SOCK && is_data_socket(file->d_name))
            unlinkat(dirfd(files), file->d_name, 0);
    }
    closedir(files);
}

/* PPP.F: at least three digits, a dot, digits */
static bool is_data_socket(const char *name)
{
    size_t port = strspn(name, "0123456789");
    size_t fd = port >= 3 && name[port] == '.' ? strspn(name + port + 1, "0123456789") : 0;

    return fd > 0 && name[port + 1 + fd] == '\0';
}
