/*
 * client.c - the VDE handshake, version 3
 *
 * The client binds a datagram socket, tells its address to the switch over
 * <dir>/ctl, gets the address of the switch's socket back and connects to it.
 * From then on datagrams are frames, and the control connection stays silent.
 */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define REPLY_TIMEOUT_MS 5000

static const char description[] = "vdeblast";

static int connect_ctl(const char *dir);
static int bind_data(struct sockaddr_un *mine, const char *dir, int number, int sndbuf);
static int exchange(const struct client *client, const struct sockaddr_un *mine);
static void receive_timeout(int fd, int milliseconds);

int client_attach(struct client *client, const char *dir, int number, int sndbuf)
{
    struct sockaddr_un mine;
    int rc = 0;

    client->data = -1;
    client->ctl = connect_ctl(dir);
    if (client->ctl < 0)
        return client->ctl;

    client->data = bind_data(&mine, dir, number, sndbuf);
    if (client->data < 0)
        rc = client->data;
    else
        rc = exchange(client, &mine);
    if (client->data >= 0)
        unlink(mine.sun_path);
    if (rc < 0)
        client_detach(client);
    return rc;
}

void client_detach(struct client *client)
{
    if (client->data >= 0)
        close(client->data);
    if (client->ctl >= 0)
        close(client->ctl);
    client->data = client->ctl = -1;
}

void client_timeout(const struct client *client, int milliseconds)
{
    receive_timeout(client->data, milliseconds);
}

static int connect_ctl(const char *dir)
{
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
    receive_timeout(fd, REPLY_TIMEOUT_MS);
    return fd;
}

static int bind_data(struct sockaddr_un *mine, const char *dir, int number, int sndbuf)
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
    if (sndbuf > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
    if (bind(fd, (struct sockaddr *)mine, sizeof(*mine)) < 0) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    return fd;
}

static int exchange(const struct client *client, const struct sockaddr_un *mine)
{
    struct client_request request = {.magic = CLIENT_REQUEST_MAGIC, .version = 3, .address = *mine};
    struct sockaddr_un theirs;
    ssize_t got;

    memcpy(request.description, description, sizeof(request.description));
    if (send(client->ctl, &request, sizeof(request), MSG_NOSIGNAL) != (ssize_t)sizeof(request))
        return -errno;
    got = recv(client->ctl, &theirs, sizeof(theirs), MSG_WAITALL);
    if (got < 0)
        return -errno;
    if (got != (ssize_t)sizeof(theirs))
        return -ECONNREFUSED;
    if (connect(client->data, (struct sockaddr *)&theirs, sizeof(theirs)) < 0)
        return -errno;
    return 0;
}

static void receive_timeout(int fd, int milliseconds)
{
    struct timeval timeout = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}
