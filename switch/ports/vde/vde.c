/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vde.c - VDE clients that have connected and not sent a complete request yet
 *
 * Theory of operation. A connection is pending until its whole request has arrived (clients send it
 * in one piece, but need not); it then becomes an endpoint (client.c), or is closed, which is the
 * only way in which the protocol can refuse it. Pending connections are limited in number and time,
 * so silent ones keep no others out.
 */
#include "ports/vde/vde.h"

#include "ports/listen/dir_listeners.h"
#include "ports/ports.h"
#include "ports/vde/client.h"
#include "ports/vde/request.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PENDING_MAX = 256,
    PENDING_SECONDS = 5,
};

struct vde_server {
    struct service service;
    struct context *context;
    struct dir_listeners dir;
    struct list pending; /* oldest first */
    unsigned pending_count;
};

struct pending {
    struct list node;
    struct vde_server *server;
    ev_io readable;
    ev_timer timeout;
    char name[PORT_NAME]; /* of the port whose listener it connected to; "" for any port */
    uint8_t request[VDE_REQUEST_MAX];
    size_t length;
};

static int vde_start(struct context *context, struct service **service, struct error *err);
static void vde_stop(struct service *service);
static int vde_listen(struct context *context, const char *name, struct error *err);
static void vde_unlisten(struct context *context, const char *name);
static struct vde_server *server_of(const struct context *context);
static void on_accepted(struct dir_listener *listener, int fd);
static void add_pending(struct vde_server *server, int fd, const char *name);
static int end_pending(struct pending *pending);
static void on_request(struct ev_loop *loop, ev_io *watcher, int events);
static void on_timeout(struct ev_loop *loop, ev_timer *watcher, int events);
static void refuse(struct vde_server *server, int fd, const char *why);

static const struct port_key vde_keys[] = {{0}};

static const struct dir_listener_kind vde_listeners = {
    .clients = "VDE",
    .file = "ctl",
    .suffix = "",
    .accepted = on_accepted,
};

static const struct qemu_way vde_qemu = {
    .options = "-nic vde,sock=DIR",
    .device = ",model=virtio-net-pci,mac=",
    .when = "with a QEMU before 7.2",
};

const struct port_type vde_type = {
    .name = "vde",
    .help = "a port that waits for VDE clients",
    .keys = vde_keys,
    .listeners = &vde_listeners,
    .qemu = &vde_qemu,
    .start = vde_start,
    .stop = vde_stop,
    .listen = vde_listen,
    .unlisten = vde_unlisten,
};

static int vde_start(struct context *context, struct service **service, struct error *err)
{
    struct vde_server *server = calloc(1, sizeof(*server));
    int status;

    if (!server)
        return error_no_memory(err);
    server->context = context;
    list_init(&server->pending);
    status = dir_listeners_open(&server->dir, context, &vde_listeners, err);
    if (status < 0) {
        free(server);
        return status;
    }
    *service = &server->service;
    return 0;
}

static void vde_stop(struct service *service)
{
    struct vde_server *server = container_of(service, struct vde_server, service);

    list_for_each_safe (node, &server->pending)
        close(end_pending(container_of(node, struct pending, node)));
    dir_listeners_close(&server->dir);
    free(server);
}

static int vde_listen(struct context *context, const char *name, struct error *err)
{
    return dir_listeners_add(&server_of(context)->dir, name, err);
}

static void vde_unlisten(struct context *context, const char *name)
{
    dir_listeners_remove(&server_of(context)->dir, name);
}

static struct vde_server *server_of(const struct context *context)
{
    return container_of(ports_service(context, &vde_type), struct vde_server, service);
}

static void on_accepted(struct dir_listener *listener, int fd)
{
    add_pending(container_of(listener->listeners, struct vde_server, dir), fd, listener->name);
}

static void add_pending(struct vde_server *server, int fd, const char *name)
{
    struct pending *pending = calloc(1, sizeof(*pending));

    if (!pending) {
        refuse(server, fd, "no memory");
        return;
    }
    if (server->pending_count == PENDING_MAX) {
        struct pending *oldest = container_of(server->pending.next, struct pending, node);

        refuse(server, end_pending(oldest), "too many silent connections; this is the oldest");
    }
    pending->server = server;
    text_copy(pending->name, sizeof(pending->name), name);
    ev_io_init(&pending->readable, on_request, fd, EV_READ);
    ev_io_start(server->context->loop, &pending->readable);
    ev_timer_init(&pending->timeout, on_timeout, PENDING_SECONDS, 0);
    ev_timer_start(server->context->loop, &pending->timeout);
    list_append(&server->pending, &pending->node);
    server->pending_count++;
}

/* Return: its connection, which the caller owns. */
static int end_pending(struct pending *pending)
{
    struct vde_server *server = pending->server;
    int fd = pending->readable.fd;

    ev_io_stop(server->context->loop, &pending->readable);
    ev_timer_stop(server->context->loop, &pending->timeout);
    list_remove(&pending->node);
    server->pending_count--;
    free(pending);
    return fd;
}

static void on_request(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct pending *pending = container_of(watcher, struct pending, readable);
    struct vde_server *server = pending->server;
    struct vde_request request;
    struct error err;
    ssize_t got = recv(watcher->fd, pending->request + pending->length,
                       sizeof(pending->request) - pending->length, MSG_DONTWAIT);
    int status, fd;

    (void)loop, (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        refuse(server, end_pending(pending), "hung up before its request was complete");
        return;
    }
    pending->length += (size_t)got;
    status = vde_request_parse(pending->request, pending->length, &request, &err);
    if (status == -EAGAIN)
        return;
    if (status == 0)
        status = vde_client_plug(server->context, watcher->fd, &request,
                                 *pending->name ? pending->name : NULL, &err);
    fd = end_pending(pending);
    if (status < 0)
        refuse(server, fd, err.text);
}

static void on_timeout(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct pending *pending = container_of(watcher, struct pending, timeout);
    struct vde_server *server = pending->server;

    (void)loop, (void)events;
    refuse(server, end_pending(pending), "no complete request within 5 s");
}

static void refuse(struct vde_server *server, int fd, const char *why)
{
    client_refuse(server->context, vde_listeners.clients, fd, why);
}
