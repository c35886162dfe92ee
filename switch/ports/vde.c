/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vde.c - accepting VDE clients: listeners, and connections that have not asked for anything yet
 *
 * Theory of operation. The switch listens on ctl, and on one more socket for each named port. A connection is pending
 * until its whole request has arrived (clients send it in one piece, but nothing obliges them to); it then becomes an
 * endpoint (vde_client.c), or is closed, which is the only way in which the protocol can say no. Pending ones are
 * bounded in number and time, so silent connections keep nobody else out.
 */
#include "ports/vde.h"

#include "ports/switch_dir.h"
#include "ports/vde_client.h"
#include "ports/vde_request.h"
#include "util/os_linux.h"
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
    ACCEPTS_PER_WAKE = 16, /* then the frames get their turn */
};

struct vde_server {
    struct service service;
    struct runtime *runtime;
    struct list listeners;
    struct list pending; /* oldest first */
    unsigned pending_count;
    int spare; /* descriptor; see os_accept() */
};

struct listener {
    struct list node;
    struct vde_server *server;
    ev_io readable;
    char file[PORT_NAME]; /* what it is called in the directory */
    char name[PORT_NAME]; /* of the port that it serves, or "" for any */
};

struct pending {
    struct list node;
    struct vde_server *server;
    ev_io readable;
    ev_timer timeout;
    char name[PORT_NAME]; /* the listener's */
    uint8_t request[VDE_REQUEST_MAX];
    size_t length;
};

static int vde_start(struct runtime *runtime, struct service **service, struct error *err);
static void vde_stop(struct service *service);
static int vde_rename(struct runtime *runtime, struct port *port, const char *name,
                      struct error *err);
static struct listener *find_listener(struct vde_server *server, const char *name);
static int add_listener(struct vde_server *server, const char *file, const char *port_name,
                        struct error *err);
static void remove_listener(struct listener *listener);
static void on_connection(struct ev_loop *loop, ev_io *watcher, int events);
static void add_pending(struct vde_server *server, int fd, const char *name);
static int end_pending(struct pending *pending);
static void on_request(struct ev_loop *loop, ev_io *watcher, int events);
static void on_timeout(struct ev_loop *loop, ev_timer *watcher, int events);
static void refuse(struct vde_server *server, int fd, const char *why);

static const char *const vde_keys[] = {NULL};

const struct port_type vde_type = {
    .name = "vde",
    .help = "a port that waits for VDE clients",
    .keys = vde_keys,
    .start = vde_start,
    .stop = vde_stop,
    .rename = vde_rename,
};

static int vde_start(struct runtime *runtime, struct service **service, struct error *err)
{
    struct vde_server *server = calloc(1, sizeof(*server));
    int status;

    if (!server)
        return error_set(err, ENOMEM, "no memory");
    server->runtime = runtime;
    list_init(&server->service.node);
    list_init(&server->listeners);
    list_init(&server->pending);
    status = add_listener(server, "ctl", "", err);
    if (status < 0) {
        free(server);
        return status;
    }
    server->spare = -1;
    os_spare(&server->spare);
    *service = &server->service;
    return 0;
}

static void vde_stop(struct service *service)
{
    struct vde_server *server = container_of(service, struct vde_server, service);

    list_for_each_safe (node, &server->pending)
        close(end_pending(container_of(node, struct pending, node)));
    list_for_each_safe (node, &server->listeners)
        remove_listener(container_of(node, struct listener, node));
    if (server->spare >= 0)
        close(server->spare);
    free(server);
}

/* A named port can be asked for by its name. */
static int vde_rename(struct runtime *runtime, struct port *port, const char *name,
                      struct error *err)
{
    struct vde_server *server =
        container_of(ports_service(runtime, &vde_type), struct vde_server, service);
    struct listener *old = *port->name ? find_listener(server, port->name) : NULL;
    int status = *name ? add_listener(server, name, name, err) : 0;

    if (status == 0 && old)
        remove_listener(old);
    return status;
}

static struct listener *find_listener(struct vde_server *server, const char *name)
{
    list_for_each (node, &server->listeners) {
        struct listener *listener = container_of(node, struct listener, node);

        if (!strcmp(listener->name, name))
            return listener;
    }
    return NULL;
}

/* Listens as FILE for clients of the port PORT_NAME, or "" for those that choose. */
static int add_listener(struct vde_server *server, const char *file, const char *port_name,
                        struct error *err)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    int fd;

    if (!listener)
        return error_set(err, ENOMEM, "no memory");
    fd = switch_dir_listen(server->runtime->dir, file, err);
    if (fd < 0) {
        free(listener);
        return fd;
    }
    listener->server = server;
    text_copy(listener->file, sizeof(listener->file), file);
    text_copy(listener->name, sizeof(listener->name), port_name);
    ev_io_init(&listener->readable, on_connection, fd, EV_READ);
    ev_io_start(server->runtime->loop, &listener->readable);
    list_append(&server->listeners, &listener->node);
    return 0;
}

static void remove_listener(struct listener *listener)
{
    struct runtime *runtime = listener->server->runtime;

    ev_io_stop(runtime->loop, &listener->readable);
    close(listener->readable.fd);
    socket_dir_unlisten(&runtime->dir->sockets, listener->file);
    list_remove(&listener->node);
    free(listener);
}

static void on_connection(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct listener *listener = container_of(watcher, struct listener, readable);
    struct vde_server *server = listener->server;

    (void)loop, (void)events;
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        int fd = os_accept(watcher->fd, &server->spare);

        if (fd >= 0 && server->spare >= 0)
            add_pending(server, fd, listener->name);
        else if (fd >= 0)
            refuse(server, fd,
                   "out of file descriptors; raise the limit (ulimit -n, or LimitNOFILE= in a "
                   "unit)");
        else if (fd != -ECONNABORTED && fd != -EINTR)
            return;
    }
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
    ev_io_start(server->runtime->loop, &pending->readable);
    ev_timer_init(&pending->timeout, on_timeout, PENDING_SECONDS, 0);
    ev_timer_start(server->runtime->loop, &pending->timeout);
    list_append(&server->pending, &pending->node);
    server->pending_count++;
}

/* Return: its connection, for the caller to close or to keep. */
static int end_pending(struct pending *pending)
{
    struct vde_server *server = pending->server;
    int fd = pending->readable.fd;

    ev_io_stop(server->runtime->loop, &pending->readable);
    ev_timer_stop(server->runtime->loop, &pending->timeout);
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
        status = vde_client_plug(server->runtime, watcher->fd, &request,
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

/* Says why to the log, with the client's identity: the client itself only sees that the connection closes. */
static void refuse(struct vde_server *server, int fd, const char *why)
{
    struct runtime *runtime = server->runtime;
    char who[OS_PEER_TEXT];
    struct os_peer peer;

    if (os_peer(fd, &peer) < 0)
        peer = (struct os_peer){.uid = (uid_t)-1, .pid = -1};
    log_limited(runtime->log, &runtime->refused, os_now(), LOG_WARNING,
                "refused a VDE client (%s): %s", os_peer_text(&peer, who), why);
    close(fd);
}
