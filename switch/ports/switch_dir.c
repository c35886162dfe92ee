/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/switch_dir.h"

#include "util/os_linux.h"
#include "util/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 128, NAME_TEXT = 96 };

struct dir_socket {
    struct list node;
    char name[NAME_TEXT];
    char hidden[NAME_TEXT]; /* what it is called until it is revealed */
    dev_t device;           /* and inode: which file is ours */
    ino_t inode;
    bool revealed;
};

static int open_directory(struct switch_dir *dir, const struct switch_dir_options *options,
                          bool *made, struct error *err);
static int set_access(const struct switch_dir *dir, const struct switch_dir_options *options,
                      bool made, struct error *err);
static mode_t directory_mode(const struct switch_dir_options *options);
static void sweep(const struct switch_dir *dir);
static int make_listening(struct switch_dir *dir, struct dir_socket *sock, struct error *err);
static int reveal(const struct switch_dir *dir, struct dir_socket *sock, struct error *err);
static int check_free(const struct switch_dir *dir, const char *name, struct error *err);
static bool is_socket(const struct switch_dir *dir, const char *name, struct stat *info);
static int probe(const char *path, int type);
static int build_path(const struct switch_dir *dir, const char *name, char path[SOCKET_PATH],
                      struct error *err);

int switch_dir_open(struct switch_dir *dir, const struct switch_dir_options *options,
                    struct error *err)
{
    bool made = false;
    int status;

    *dir = (struct switch_dir){.fd = -1, .group = options->group, .mgmtgroup = options->mgmtgroup};
    list_init(&dir->sockets);
    dir->mode = options->mode != MODE_UNSET      ? (mode_t)options->mode
                : options->dirmode != MODE_UNSET ? (mode_t)options->dirmode & 0666
                                                 : 0600;
    dir->mgmtmode = options->mgmtmode != MODE_UNSET ? (mode_t)options->mgmtmode : 0600;
    status = open_directory(dir, options, &made, err);
    /* While a live switch answers there, the directory's owner and mode are that switch's business. */
    if (status == 0)
        status = check_free(dir, "ctl", err);
    if (status == 0)
        status = set_access(dir, options, made, err);
    if (status == 0) {
        sweep(dir);
        return 0;
    }
    if (dir->fd >= 0)
        close(dir->fd);
    if (made)
        rmdir(options->path);
    return status;
}

int switch_dir_listen(struct switch_dir *dir, const char *name, struct error *err)
{
    struct dir_socket *sock = calloc(1, sizeof(*sock));
    int fd, status;

    if (!sock)
        return error_set(err, ENOMEM, "no memory");
    list_init(&sock->node);
    text_copy(sock->name, sizeof(sock->name), name);
    snprintf(sock->hidden, sizeof(sock->hidden), ".%d.%.*s", (int)getpid(), NAME_TEXT / 2 + 16,
             name);
    status = check_free(dir, name, err);
    fd = status < 0 ? status : make_listening(dir, sock, err);
    if (fd < 0) {
        free(sock);
        return fd;
    }
    list_append(&dir->sockets, &sock->node);
    status = dir->revealed ? reveal(dir, sock, err) : 0;
    if (status < 0) {
        switch_dir_unlisten(dir, name);
        close(fd);
        return status;
    }
    return fd;
}

void switch_dir_unlisten(struct switch_dir *dir, const char *name)
{
    list_for_each_safe (node, &dir->sockets) {
        struct dir_socket *sock = container_of(node, struct dir_socket, node);
        const char *file = sock->revealed ? sock->name : sock->hidden;
        struct stat info;

        if (strcmp(sock->name, name))
            continue;
        if (is_socket(dir, file, &info) && info.st_dev == sock->device &&
            info.st_ino == sock->inode)
            switch_dir_unlink(dir, file);
        list_remove(&sock->node);
        free(sock);
        return;
    }
}

int switch_dir_reveal(struct switch_dir *dir, struct error *err)
{
    for (struct list *node = dir->sockets.prev; node != &dir->sockets; node = node->prev) {
        int status = reveal(dir, container_of(node, struct dir_socket, node), err);

        if (status < 0)
            return status;
    }
    dir->revealed = true;
    return 0;
}

int switch_dir_bind(const struct switch_dir *dir, const char *name, int fd, mode_t mode, uid_t user,
                    gid_t group, struct error *err)
{
    char path[SOCKET_PATH];
    bool give = user != (uid_t)-1 && user != geteuid();
    int status = build_path(dir, name, path, err);

    if (status < 0)
        return status;
    status = os_bind_socket(fd, path, user == (uid_t)-1 ? mode : mode & 0700);
    if (status < 0)
        return error_set(err, -status, "cannot make socket %s: %s", path, strerror(-status));
    if (group != (gid_t)-1)
        status = os_set_socket_owner(path, (uid_t)-1, group);
    if (status < 0)
        error_set(err, -status, "cannot give %s to group %u: %s", path, (unsigned)group,
                  strerror(-status));
    if (status == 0 && give) {
        status = os_set_socket_owner(path, user, (gid_t)-1);
        if (status == -EPERM || status == -EINVAL)
            status = os_set_socket_mode(path, mode);
        if (status < 0)
            error_set(err, -status, "cannot give %s to user %u: %s", path, (unsigned)user,
                      strerror(-status));
    }
    if (status < 0)
        switch_dir_unlink(dir, name);
    return status;
}

void switch_dir_unlink(const struct switch_dir *dir, const char *name)
{
    unlinkat(dir->fd, name, 0);
}

void switch_dir_close(struct switch_dir *dir)
{
    list_for_each_safe (node, &dir->sockets)
        switch_dir_unlisten(dir, container_of(node, struct dir_socket, node)->name);
    close(dir->fd);
    rmdir(dir->path);
}

/* The path becomes absolute: a daemon leaves the directory in which it was started. */
static int open_directory(struct switch_dir *dir, const struct switch_dir_options *options,
                          bool *made, struct error *err)
{
    const char *wanted = options->path;
    char path[PATH_MAX];
    struct stat info;

    if (!*wanted)
        return error_set(err, EINVAL, "--sock is empty: it takes the directory of the switch");
    *made = mkdir(wanted, 0700) == 0;
    if (!*made && errno != EEXIST)
        return error_set(err, errno, "cannot make directory %s: %s", wanted, strerror(errno));
    dir->fd =
        open(wanted, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (options->must_own ? O_NOFOLLOW : 0));
    if (dir->fd < 0)
        return error_set(err, errno, "cannot use %s: %s", wanted,
                         errno == ENOTDIR ? "it is not a directory" : strerror(errno));
    if (options->must_own && fstat(dir->fd, &info) == 0 && info.st_uid != geteuid())
        return error_set(err, EACCES,
                         "cannot use %s: it belongs to user %u; -s names another place", wanted,
                         (unsigned)info.st_uid);
    if (!realpath(wanted, path))
        return error_set(err, errno, "cannot use %s: %s", wanted, strerror(errno));
    if (strlen(path) + SOCKET_NAME_ROOM >= SOCKET_PATH)
        return error_set(err, ENAMETOOLONG,
                         "%s is too long: it may have %d bytes, and the path of a socket in it %d",
                         path, SOCKET_PATH - SOCKET_NAME_ROOM - 1, SOCKET_PATH - 1);
    strcpy(dir->path, path);
    return 0;
}

/* A directory that was there before keeps its mode, unless the user asked for one. */
static int set_access(const struct switch_dir *dir, const struct switch_dir_options *options,
                      bool made, struct error *err)
{
    bool asked = made || options->mode != MODE_UNSET || options->dirmode != MODE_UNSET;

    if (dir->group != (gid_t)-1 && fchown(dir->fd, (uid_t)-1, dir->group) < 0)
        return error_set(err, errno, "cannot give %s to group %u: %s", dir->path,
                         (unsigned)dir->group, strerror(errno));
    /* Somebody else's directory that we may write to is good enough. */
    if (asked && fchmod(dir->fd, directory_mode(options)) < 0 && (made || errno != EPERM))
        return error_set(err, errno, "cannot set the mode of %s: %s", dir->path, strerror(errno));
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

/* Removes the sockets of dead switches and dead clients. */
static void sweep(const struct switch_dir *dir)
{
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *file;
    struct stat info;
    char path[SOCKET_PATH];

    if (!files) {
        close(fd);
        return;
    }
    while ((file = readdir(files))) {
        if (is_socket(dir, file->d_name, &info) && build_path(dir, file->d_name, path, NULL) == 0 &&
            (probe(path, SOCK_STREAM) == -ECONNREFUSED || probe(path, SOCK_DGRAM) == -ECONNREFUSED))
            switch_dir_unlink(dir, file->d_name);
    }
    closedir(files);
}

/* Return: a listening socket that nobody finds yet, or -errno with words in ERR. */
static int make_listening(struct switch_dir *dir, struct dir_socket *sock, struct error *err)
{
    struct stat info;
    int status, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return error_set(err, errno, "cannot make a socket: %s", strerror(errno));
    status = switch_dir_bind(dir, sock->hidden, fd, dir->mode, (uid_t)-1, dir->group, err);
    if (status == 0 && listen(fd, BACKLOG) < 0)
        status = error_set(err, errno, "cannot listen in %s: %s", dir->path, strerror(errno));
    else if (status == 0 && !is_socket(dir, sock->hidden, &info))
        status = error_set(err, EEXIST, "somebody else replaced %s/%s", dir->path, sock->hidden);
    if (status < 0) {
        switch_dir_unlink(dir, sock->hidden);
        close(fd);
        return status;
    }
    sock->device = info.st_dev;
    sock->inode = info.st_ino;
    return fd;
}

static int reveal(const struct switch_dir *dir, struct dir_socket *sock, struct error *err)
{
    int status = check_free(dir, sock->name, err);

    if (status < 0)
        return status;
    if (renameat(dir->fd, sock->hidden, dir->fd, sock->name) < 0)
        return error_set(err, errno, "cannot make %s/%s: %s", dir->path, sock->name,
                         strerror(errno));
    sock->revealed = true;
    return 0;
}

/* May DIR/NAME become ours? If there is nothing, or a socket on which nobody listens. */
static int check_free(const struct switch_dir *dir, const char *name, struct error *err)
{
    char path[SOCKET_PATH];
    struct stat info;
    int status = build_path(dir, name, path, err);

    if (status < 0)
        return status;
    if (fstatat(dir->fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (!S_ISSOCK(info.st_mode))
        return error_set(err, EEXIST, "%s is in the way: it is not a socket", path);
    status = probe(path, SOCK_STREAM);
    if (status == 0)
        return error_set(err, EADDRINUSE, "%s is in use by a running switch", path);
    if (status != -ECONNREFUSED && status != -ENOENT)
        return error_set(err, -status, "cannot tell whether a switch is running on %s: %s", path,
                         strerror(-status));
    return 0;
}

static bool is_socket(const struct switch_dir *dir, const char *name, struct stat *info)
{
    return fstatat(dir->fd, name, info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(info->st_mode);
}

/* Return: 0 if someone is behind the socket at PATH, else -errno: -ECONNREFUSED if nobody is. */
static int probe(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int status = 0;

    if (fd < 0)
        return -errno;
    text_copy(address.sun_path, sizeof(address.sun_path), path);
    /* EAGAIN: its backlog is full, so it has one. */
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EAGAIN)
        status = -errno;
    close(fd);
    return status;
}

static int build_path(const struct switch_dir *dir, const char *name, char path[SOCKET_PATH],
                      struct error *err)
{
    if (snprintf(path, SOCKET_PATH, "%s/%s", dir->path, name) < SOCKET_PATH)
        return 0;
    return error_set(err, ENAMETOOLONG, "%s/%s is too long: the path of a socket may have %d bytes",
                     dir->path, name, SOCKET_PATH - 1);
}
