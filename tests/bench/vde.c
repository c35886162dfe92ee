/*
 * vde.c - the VDE handshake, version 3
 *
 * The client binds a datagram socket, tells its address to the switch over
 * <dir>/ctl, gets the address of the switch's socket back and connects to it.
 * From then on datagrams are frames, and the control connection stays silent.
 */
#define _GNU_SOURCE
#include "vde.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const char description[] = "vdeblast";

static int connect_ctl(const char *dir);
static int bind_data(struct sockaddr_un *mine, const char *dir, int number);
static int exchange(int ctl, int data, const struct sockaddr_un *mine);

int vde_attach(int *ctl, int *data, const char *dir, int number)
{
    struct sockaddr_un mine;
    int rc;

    *data = -1;
    *ctl = connect_ctl(dir);
    if (*ctl < 0) {
        rc = *ctl;
        *ctl = -1;
        return rc;
    }
    rc = bind_data(&mine, dir, number);
    if (rc >= 0) {
        *data = rc;
        rc = exchange(*ctl, *data, &mine);
        unlink(mine.sun_path);
    }
    if (rc < 0) {
        if (*data >= 0)
            close(*data);
        close(*ctl);
        *ctl = *data = -1;
    }
    return rc;
}

static int connect_ctl(const char *dir)
{
    const struct timeval patience = {.tv_sec = 5};
    struct sockaddr_un ctl = {.sun_family = AF_UNIX};
    int fd;

    if (snprintf(ctl.sun_path, sizeof(ctl.sun_path), "%s/ctl", dir) >= (int)sizeof(ctl.sun_path))
        return -ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&ctl, sizeof(ctl)) < 0) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static int bind_data(struct sockaddr_un *mine, const char *dir, int number)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    memset(mine, 0, sizeof(*mine));
    mine->sun_family = AF_UNIX;
    if (snprintf(mine->sun_path, sizeof(mine->sun_path), "%s/.%05d-%05d", dir, getpid(), number) >=
        (int)sizeof(mine->sun_path)) {
        close(fd);
        return -ENAMETOOLONG;
    }
    if (bind(fd, (struct sockaddr *)mine, sizeof(*mine)) < 0) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    return fd;
}

static int exchange(int ctl, int data, const struct sockaddr_un *mine)
{
    struct vde_request request = {.magic = VDE_REQUEST_MAGIC, .version = 3, .address = *mine};
    struct sockaddr_un theirs;
    ssize_t got;

    memcpy(request.description, description, sizeof(request.description));
    if (send(ctl, &request, sizeof(request), MSG_NOSIGNAL) != (ssize_t)sizeof(request))
        return -errno;
    got = recv(ctl, &theirs, sizeof(theirs), MSG_WAITALL);
    if (got < 0)
        return -errno;
    if (got != (ssize_t)sizeof(theirs))
        return -ECONNREFUSED;
    if (connect(data, (struct sockaddr *)&theirs, sizeof(theirs)) < 0)
        return -errno;
    return 0;
}
