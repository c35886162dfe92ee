/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * client.c - VDE clients, from a request to the end of the connection
 *
 * The order matters. Our data socket is connected to the client's before the reply is sent, because
 * some clients unlink theirs as soon as they have the reply; and it gets its final owner and mode
 * before any other process knows its name.
 */
#include "ports/vde/client.h"

#include "ports/io/datagram.h"
#include "ports/io/fd_endpoint.h"
#include "ports/listen/admission.h"
#include "ports/listen/switch_dir.h"
#include "util/os_linux.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DATA_NAME = 32,
    /* the kernel may grant less; what does not fit waits in the endpoint's queue */
    SEND_BUFFER = 1024 * 1024,
};

struct vde_client {
    struct fd_endpoint base; /* our data socket */
    ev_io ctl;               /* readable when the client hangs up */
    char name[DATA_NAME];    /* of our data socket, in the switch's directory */
};

static int vde_rx(struct endpoint *endpoint, struct batch *batch);
static int vde_tx(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);
static void vde_client_close(struct endpoint *endpoint);

static int choose_port(struct vswitch *sw, const struct vde_request *request, const char *name,
                       struct port **port, bool *created, struct error *err);
static int make_client(struct vde_client **made, struct context *context, int ctl,
                       const struct vde_request *request, const struct os_peer *peer,
                       struct error *err);
static int attach(struct vde_client *client, struct port *port, struct error *err);
static int bind_data_socket(struct vde_client *client, const struct port *port, struct error *err);
static int reply(const struct vde_client *client, struct error *err);
static void release(struct vde_client *client);
static void on_ctl_readable(struct ev_loop *loop, ev_io *watcher, int events);

static const struct endpoint_ops vde_ops = {
    .type = "vde",
    .module = "unix prog",
    .rx = vde_rx,
    .tx = vde_tx,
    .wait_writable = fd_endpoint_wait_writable,
    .close = vde_client_close,
};

int vde_client_plug(struct context *context, int ctl, const struct vde_request *request,
                    const char *name, struct error *err)
{
    struct vde_client *client = NULL;
    struct os_peer peer;
    struct port *port = NULL;
    bool created = false;
    int status = admission_identify(context, ctl, &peer, err);

    if (status < 0)
        return status;
    status = make_client(&client, context, ctl, request, &peer, err);
    if (status < 0)
        return status;
    status = choose_port(context->sw, request, name, &port, &created, err);
    if (status == 0)
        status = admission_check_number(port, &peer, err);
    if (status == 0)
        status = admission_check(port, ctl, &peer, err);
    if (status == 0)
        status = attach(client, port, err);
    if (status < 0) {
        release(client);
        if (created)
            port_remove(port);
        return status;
    }
    ev_io_start(context->loop, &client->ctl);
    endpoint_describe(&client->base.endpoint, request->description, request->description_length);
    return 0;
}

/* If the client closes its socket, ours may report that once. Only the end of ctl unplugs it, so
 * errors are ignored. */
static int vde_rx(struct endpoint *endpoint, struct batch *batch)
{
    int count = datagram_rx(fd_endpoint_fd(fd_endpoint_of(endpoint)),
                            &io_worker_of(endpoint)->datagrams, batch);

    return count > 0 ? count : 0;
}

static int vde_tx(struct endpoint *core, const struct tx_desc *descs, unsigned count)
{
    return datagram_tx(fd_endpoint_fd(fd_endpoint_of(core)), descs, count);
}

/* Closing ctl tells the client that it is unplugged. */
static void vde_client_close(struct endpoint *core)
{
    struct vde_client *client = container_of(core, struct vde_client, base.endpoint);
    struct context *context = client->base.context;

    ev_io_stop(context->loop, &client->ctl);
    close(client->ctl.fd);
    fd_endpoint_detach(&client->base);
    socket_dir_unlink(&context->dir->sockets, client->name);
    release(client);
}

/* Return: 0 and the port that REQUEST asks for, or that NAME names; sets *CREATED if it was
 * created. */
static int choose_port(struct vswitch *sw, const struct vde_request *request, const char *name,
                       struct port **port, bool *created, struct error *err)
{
    int number = request->to_port0               ? 0
                 : request->port == VDE_PORT_ANY ? PORT_ANY
                                                 : (int)request->port;

    if (!name)
        return admission_choose(sw, number, port, created, err);
    *port = port_named(sw, name);
    return *port ? 0 : error_set(err, ENXIO, "there is no port \"%s\" any more", name);
}

/* A client whose data socket is connected, not yet bound or attached. Return: 0, or -errno and sets ERR. */
static int make_client(struct vde_client **made, struct context *context, int ctl,
                       const struct vde_request *request, const struct os_peer *peer,
                       struct error *err)
{
    struct vde_client *client = calloc(1, sizeof(*client));
    int size = SEND_BUFFER;
    int fd;

    if (!client)
        return error_no_memory(err);
    fd = os_connect_datagram(&request->address, peer->uid, err);
    if (fd < 0) {
        free(client);
        return fd;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    fd_endpoint_init(&client->base, context, &vde_ops, fd, fd);
    ev_io_init(&client->ctl, on_ctl_readable, ctl, EV_READ);
    client->base.endpoint.id = ctl;
    fd_endpoint_belongs_to(&client->base, peer->uid, peer->pid);
    *made = client;
    return 0;
}

/* Return: 0, and the client has been sent the address of our data socket; or -errno and sets ERR,
 * with CLIENT not attached. */
static int attach(struct vde_client *client, struct port *port, struct error *err)
{
    int status = bind_data_socket(client, port, err);

    if (status < 0)
        return status;
    status = fd_endpoint_attach(&client->base, port, err);
    if (status == 0) {
        status = reply(client, err);
        if (status < 0)
            fd_endpoint_detach(&client->base);
    }
    if (status < 0)
        socket_dir_unlink(&client->base.context->dir->sockets, client->name);
    return status;
}

/* A switch that runs as root gives the socket to the client's user; otherwise -m and -g decide who
 * may write to it. */
static int bind_data_socket(struct vde_client *client, const struct port *port, struct error *err)
{
    const struct switch_dir *dir = client->base.context->dir;
    uid_t user = geteuid() == 0 ? client->base.endpoint.user : (uid_t)-1;
    bool management = port->number == 0;
    int fd = fd_endpoint_fd(&client->base);

    snprintf(client->name, sizeof(client->name), "%03u.%d", port->number, fd);
    /* as in VDE: a dead switch may have left it */
    socket_dir_unlink(&dir->sockets, client->name);
    return socket_dir_bind(&dir->sockets, client->name, fd, management ? dir->mgmtmode : dir->mode,
                           user, management ? dir->mgmtgroup : dir->group, err);
}

/* Sends the address of our data socket, 110 bytes; the client connects to it. */
static int reply(const struct vde_client *client, struct error *err)
{
    struct sockaddr_un address = {0};
    socklen_t size = sizeof(address);
    ssize_t sent;

    getsockname(fd_endpoint_fd(&client->base), (struct sockaddr *)&address, &size);
    sent = send(client->ctl.fd, &address, sizeof(address), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == (ssize_t)sizeof(address))
        return 0;
    if (sent >= 0)
        errno = EPIPE;
    return error_set(err, errno, "cannot reply: %s", strerror(errno));
}

/* Frees a client that is not attached. Its ctl stays the caller's. */
static void release(struct vde_client *client)
{
    close(fd_endpoint_fd(&client->base));
    free(client);
}

static void on_ctl_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct vde_client *client = container_of(watcher, struct vde_client, ctl);
    uint8_t ignored[256];
    ssize_t length = recv(watcher->fd, ignored, sizeof(ignored), MSG_DONTWAIT);

    (void)loop, (void)events;
    if (length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    vde_client_close(&client->base.endpoint);
}
