/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/socket_file.h"

#include "util/os_linux.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int probe_any(const char *path);

int socket_file_check_free(const char *path, struct error *err)
{
    struct stat info;
    int status;

    if (strlen(path) >= SOCKET_PATH)
        return error_set(err, ENAMETOOLONG,
                         "%s is too long: the path of a socket may have %d bytes", path,
                         SOCKET_PATH - 1);
    if (lstat(path, &info) < 0)
        return 0;
    if (!S_ISSOCK(info.st_mode))
        return error_set(err, EEXIST, "%s is in the way: it is not a socket", path);
    status = probe_any(path);
    if (status == 0)
        return error_set(err, EADDRINUSE, "%s is in use by a running switch, or another program",
                         path);
    if (status != -ECONNREFUSED && status != -ENOENT)
        return error_set(err, -status, "cannot tell whether a program is running on %s: %s", path,
                         strerror(-status));
    return 0;
}

int socket_file_probe(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int status = 0;

    if (fd < 0)
        return -errno;
    text_copy(address.sun_path, sizeof(address.sun_path), path);
    /* EAGAIN: the backlog is full, so there is a listener. */
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EAGAIN)
        status = -errno;
    close(fd);
    return status;
}

int socket_file_bind(struct socket_file *file, int fd, const char *path, mode_t mode, gid_t group,
                     struct error *err)
{
    struct stat info;
    int status = socket_file_check_free(path, err);

    if (status < 0)
        return status;
    if (lstat(path, &info) == 0)
        unlink(path);
    status = os_bind_socket(fd, path, mode);
    if (status == 0 && lstat(path, &info) < 0)
        status = -errno;
    if (status < 0)
        return error_set(err, -status, "cannot make socket %s: %s", path, strerror(-status));
    strcpy(file->path, path);
    file->device = info.st_dev;
    file->inode = info.st_ino;
    status = group == (gid_t)-1 ? 0 : os_set_socket_owner(path, (uid_t)-1, group);
    if (status == 0)
        return 0;
    socket_file_remove(file);
    return error_set(err, -status, "cannot give %s to group %u: %s", path, (unsigned)group,
                     strerror(-status));
}

void socket_file_remove(struct socket_file *file)
{
    struct stat info;

    if (*file->path && lstat(file->path, &info) == 0 && info.st_dev == file->device &&
        info.st_ino == file->inode)
        unlink(file->path);
    file->path[0] = '\0';
}

/* A socket of another type fails a probe with EPROTOTYPE. */
static int probe_any(const char *path)
{
    int status = socket_file_probe(path, SOCK_STREAM);

    if (status == -EPROTOTYPE)
        status = socket_file_probe(path, SOCK_DGRAM);
    if (status == -EPROTOTYPE)
        status = socket_file_probe(path, SOCK_SEQPACKET);
    return status;
}
