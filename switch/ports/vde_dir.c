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
        status = error_set(err, ENAMETOOLONG,
                           "%s is too long: with the names of sockets in it, a path may have %d bytes",
                           path, VDE_PATH - 1);
    } else {
        strcpy(dir->path, path);
        dir->group = options->group;
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
    char path[VDE_PATH], fresh[VDE_PATH];
    int fd, status;

    if (snprintf(path, sizeof(path), "%s/%s", dir->path, name) >= (int)sizeof(path))
        return error_set(err, ENAMETOOLONG, "%s/%s: a socket's path may have %d bytes", dir->path,
                         name, VDE_PATH - 1);
    if (is_live(path))
        return error_set(err, EADDRINUSE, "%s is in use by a running switch", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(err, errno, "cannot make a socket: %s", strerror(errno));
    /* Clients wait for the file to appear and connect at once: it gets its name when it is listening. */
    snprintf(fresh, sizeof(fresh), "%.*s/.%d", VDE_PATH - VDE_DATA_NAME, dir->path, (int)getpid());
    status = os_bind_socket(fd, fresh, dir->mode, (uid_t)-1, dir->group);
    if (status == 0 && (listen(fd, VDE_BACKLOG) < 0 || rename(fresh, path) < 0)) {
        status = -errno;
        unlink(fresh);
    }
    if (status < 0) {
        close(fd);
        return error_set(err, -status, "cannot listen on %s: %s", path, strerror(-status));
    }
    return fd;
}

void vde_dir_unlink(const struct vde_dir *dir, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    unlink(path);
}

void vde_dir_close(struct vde_dir *dir)
{
    close(dir->ctl);
    vde_dir_unlink(dir, "ctl");
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
        return error_set(err, EACCES, "cannot use %s: it belongs to user %u; -s names another place",
                         wanted, (unsigned)info.st_uid);
    if (!realpath(wanted, path))
        return error_set(err, errno, "cannot use %s: %s", wanted, strerror(errno));
    return 0;
}

/* ctl first: while a live switch answers on it, the directory's owner and mode are that switch's business. */
static int prepare_directory(struct vde_dir *dir, const struct vde_dir_options *options, bool made,
                             struct error *err)
{
    dir->ctl = vde_dir_listen(dir, "ctl", err);
    if (dir->ctl < 0)
        return dir->ctl;
    sweep_data_sockets(dir);
    if (dir->group != (gid_t)-1 && chown(dir->path, (uid_t)-1, dir->group) < 0 && errno != EPERM) {
        int status = error_set(err, errno, "cannot give %s to group %u: %s", dir->path,
                               (unsigned)dir->group, strerror(errno));

        close(dir->ctl);
        vde_dir_unlink(dir, "ctl");
        return status;
    }
    /* Somebody else's directory that we may write to is good enough. */
    if (chmod(dir->path, directory_mode(options)) < 0 && made) {
        int status = error_set(err, errno, "cannot set the mode of %s: %s", dir->path, strerror(errno));

        close(dir->ctl);
        vde_dir_unlink(dir, "ctl");
        return status;
    }
    return 0;
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
