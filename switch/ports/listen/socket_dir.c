/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/socket_dir.h"

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

enum { BACKLOG = 128 };

struct dir_socket {
    struct list node;
    char name[SOCKET_PATH];
    char hidden[SOCKET_PATH]; /* its name until it is revealed */
    dev_t device;             /* with the inode: identifies the file that we made */
    ino_t inode;
    bool revealed;
};

static int create_listening(struct socket_dir *dir, struct dir_socket *sock, mode_t mode,
                            gid_t group, struct error *err);
static int reveal(const struct socket_dir *dir, struct dir_socket *sock, struct error *err);
static bool is_socket(const struct socket_dir *dir, const char *name, struct stat *info);
static int build_path(const struct socket_dir *dir, const char *name, char path[SOCKET_PATH],
                      struct error *err);

int socket_dir_open(struct socket_dir *dir, const char *wanted, size_t least_room, bool follow,
                    struct error *err)
{
    char path[PATH_MAX];

    *dir = (struct socket_dir){.fd = -1};
    list_init(&dir->sockets);
    dir->fd = open(wanted, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (dir->fd < 0)
        return error_set(err, errno, "cannot use %s: %s", wanted,
                         errno == ENOTDIR ? "it is not a directory" : strerror(errno));
    if (!realpath(wanted, path))
        return error_set(err, errno, "cannot use %s: %s", wanted, strerror(errno));
    if (strlen(path) + least_room >= SOCKET_PATH)
        return error_set(err, ENAMETOOLONG,
                         "%s is too long: it may have %d bytes, and the path of a socket in it %d",
                         path, SOCKET_PATH - (int)least_room - 1, SOCKET_PATH - 1);
    strcpy(dir->path, path);
    return 0;
}

void socket_dir_close(struct socket_dir *dir)
{
    list_for_each_safe (node, &dir->sockets)
        socket_dir_unlisten(dir, container_of(node, struct dir_socket, node)->name);
    if (dir->fd >= 0)
        close(dir->fd);
}

int socket_dir_listen(struct socket_dir *dir, const char *name, mode_t mode, gid_t group,
                      struct error *err)
{
    struct dir_socket *sock;
    int fd, status;

    list_for_each (node, &dir->sockets) {
        if (!strcmp(container_of(node, struct dir_socket, node)->name, name))
            return error_set(err, EEXIST, "%s/%s is another socket of this switch", dir->path,
                             name);
    }
    sock = calloc(1, sizeof(*sock));
    if (!sock)
        return error_no_memory(err);
    list_init(&sock->node);
    text_copy(sock->name, sizeof(sock->name), name);
    status = socket_dir_check_free(dir, name, err);
    fd = status < 0 ? status : create_listening(dir, sock, mode, group, err);
    if (fd < 0) {
        free(sock);
        return fd;
    }
    list_append(&dir->sockets, &sock->node);
    status = dir->revealed ? reveal(dir, sock, err) : 0;
    if (status < 0) {
        socket_dir_unlisten(dir, name);
        close(fd);
        return status;
    }
    return fd;
}

void socket_dir_unlisten(struct socket_dir *dir, const char *name)
{
    list_for_each_safe (node, &dir->sockets) {
        struct dir_socket *sock = container_of(node, struct dir_socket, node);
        const char *file = sock->revealed ? sock->name : sock->hidden;
        struct stat info;

        if (strcmp(sock->name, name))
            continue;
        if (is_socket(dir, file, &info) && info.st_dev == sock->device &&
            info.st_ino == sock->inode)
            socket_dir_unlink(dir, file);
        list_remove(&sock->node);
        free(sock);
        return;
    }
}

int socket_dir_reveal(struct socket_dir *dir, struct error *err)
{
    for (struct list *node = dir->sockets.prev; node != &dir->sockets; node = node->prev) {
        int status = reveal(dir, container_of(node, struct dir_socket, node), err);

        if (status < 0)
            return status;
    }
    dir->revealed = true;
    return 0;
}

int socket_dir_bind(const struct socket_dir *dir, const char *name, int fd, mode_t mode, uid_t user,
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
        socket_dir_unlink(dir, name);
    return status;
}

void socket_dir_unlink(const struct socket_dir *dir, const char *name)
{
    unlinkat(dir->fd, name, 0);
}

int socket_dir_check_free(const struct socket_dir *dir, const char *name, struct error *err)
{
    char path[SOCKET_PATH];
    int status = build_path(dir, name, path, err);

    return status < 0 ? status : socket_file_check_free(path, err);
}

void socket_dir_sweep(const struct socket_dir *dir)
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
            (socket_file_probe(path, SOCK_STREAM) == -ECONNREFUSED ||
             socket_file_probe(path, SOCK_DGRAM) == -ECONNREFUSED))
            socket_dir_unlink(dir, file->d_name);
    }
    closedir(files);
}

/* Return: a listening socket under a hidden name, or -errno and sets ERR. */
static int create_listening(struct socket_dir *dir, struct dir_socket *sock, mode_t mode,
                            gid_t group, struct error *err)
{
    struct stat info;
    int status, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return error_set(err, errno, "cannot make a socket: %s", strerror(errno));
    /* A killed switch with the same PID may have left some: PIDs recur soon in a container. */
    do {
        snprintf(sock->hidden, sizeof(sock->hidden), ".%d.%u", (int)getpid(), dir->made++);
        status = socket_dir_bind(dir, sock->hidden, fd, mode, (uid_t)-1, group, err);
    } while (status == -EADDRINUSE);
    if (status < 0) {
        close(fd);
        return status;
    }
    if (listen(fd, BACKLOG) < 0)
        status = error_set(err, errno, "cannot listen in %s: %s", dir->path, strerror(errno));
    else if (!is_socket(dir, sock->hidden, &info))
        status = error_set(err, EEXIST, "somebody else replaced %s/%s", dir->path, sock->hidden);
    if (status < 0) {
        socket_dir_unlink(dir, sock->hidden);
        close(fd);
        return status;
    }
    sock->device = info.st_dev;
    sock->inode = info.st_ino;
    return fd;
}

static int reveal(const struct socket_dir *dir, struct dir_socket *sock, struct error *err)
{
    int status = socket_dir_check_free(dir, sock->name, err);

    if (status < 0)
        return status;
    if (renameat(dir->fd, sock->hidden, dir->fd, sock->name) < 0)
        return error_set(err, errno, "cannot make %s/%s: %s", dir->path, sock->name,
                         strerror(errno));
    sock->revealed = true;
    return 0;
}

static bool is_socket(const struct socket_dir *dir, const char *name, struct stat *info)
{
    return fstatat(dir->fd, name, info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(info->st_mode);
}

static int build_path(const struct socket_dir *dir, const char *name, char path[SOCKET_PATH],
                      struct error *err)
{
    if (snprintf(path, SOCKET_PATH, "%s/%s", dir->path, name) < SOCKET_PATH)
        return 0;
    return error_set(err, ENAMETOOLONG, "%s/%s is too long: the path of a socket may have %d bytes",
                     dir->path, name, SOCKET_PATH - 1);
}
