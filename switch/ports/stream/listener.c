/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/stream/listener.h"

#include "ports/listen/admission.h"
#include "ports/listen/switch_dir.h"
#include "ports/ports.h"
#include "ports/stream/peer.h"
#include "util/text.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 128, MAX_CLIENTS = 256 };

static int keep_texts(struct stream_listener *listener, const struct port_spec *spec,
                      struct error *err);
static void release(struct stream_listener *listener);
static void on_accepted(struct acceptor *acceptor, int fd);
static int join_new_port(const struct stream_listener *listener, int fd, const struct os_peer *peer,
                         struct error *err);
static unsigned default_max(const struct vswitch *sw);
static unsigned count_clients(const struct stream_listener *listener);
static int open_socket(struct stream_listener *listener, struct context *context,
                       struct address address, struct error *err);
static int new_socket(struct address *address);
static int bind_to(struct stream_listener *listener, struct context *context, int fd,
                   const struct address *address, struct error *err);
static void describe(struct stream_listener *listener, int fd);
static void on_remove(struct acceptor *acceptor);

int stream_listener_open(struct stream_listener **made, struct context *context,
                         const struct stream_spec *wanted, struct port *port,
                         const struct port_spec *spec, struct error *err)
{
    struct stream_listener *listener = calloc(1, sizeof(*listener));
    int fd = wanted->fd, status;

    if (!listener)
        return error_no_memory(err);
    list_init(&listener->node);
    listener->port = port;
    listener->max_clients =
        wanted->max_clients > 0 ? wanted->max_clients : default_max(context->sw);
    status = port ? 0 : keep_texts(listener, spec, err);
    if (status == 0 && fd < 0) {
        fd = open_socket(listener, context, wanted->address, err);
        status = fd < 0 ? fd : 0;
    }
    if (status < 0) {
        release(listener);
        return status;
    }
    describe(listener, fd);
    acceptor_start(&listener->acceptor, context, fd);
    *made = listener;
    return 0;
}

void stream_listener_close(struct stream_listener *listener)
{
    acceptor_stop(&listener->acceptor);
    socket_file_remove(&listener->file);
    list_remove(&listener->node);
    release(listener);
}

/* The ports of clients are as SPEC says, but for what is about the listener, or about one port alone. */
static int keep_texts(struct stream_listener *listener, const struct port_spec *spec,
                      struct error *err)
{
    struct port_config config = spec->config;
    char text[SPEC_TEXT];

    spec_text(spec, text);
    listener->spec = strdup(text);
    config.allocatable = true;
    spec_write(text, spec->type, "", PORT_ANY, &config);
    listener->template = strdup(text);
    return listener->spec && listener->template ? 0 : error_no_memory(err);
}

static void release(struct stream_listener *listener)
{
    free(listener->template);
    free(listener->spec);
    free(listener);
}

static void on_accepted(struct acceptor *acceptor, int fd)
{
    struct stream_listener *listener = container_of(acceptor, struct stream_listener, acceptor);
    struct error err;
    struct os_peer peer;
    int status = admission_identify(acceptor->context, fd, &peer, &err);

    if (status == 0 && listener->port)
        status = stream_peer_join(acceptor->context, fd, &peer, listener->port, &err);
    else if (status == 0)
        status = join_new_port(listener, fd, &peer, &err);
    if (status < 0)
        client_refuse(acceptor->context, acceptor->clients, fd, err.text);
}

/* Default of max-clients=: one listener must not use up all ports. */
static unsigned default_max(const struct vswitch *sw)
{
    unsigned half = (sw->config.ports + 1) / 2;

    return half < MAX_CLIENTS ? half : MAX_CLIENTS;
}

/* The port is temporary: it goes with its client, so that the next client's is as the listener says
 * again, whatever users have changed. */
static int join_new_port(const struct stream_listener *listener, int fd, const struct os_peer *peer,
                         struct error *err)
{
    struct context *context = listener->acceptor.context;
    struct port_config wanted;
    struct port *port;
    int status;

    if (count_clients(listener) >= listener->max_clients)
        return error_set(err, EUSERS, "%s has %u clients, and max-clients= allows no more",
                         listener->acceptor.place, listener->max_clients);
    status = port_open(context, listener->template, true, &port, err);
    if (status < 0)
        return status;
    port->temporary = listener->acceptor.number;
    wanted = port->config;
    wanted.allocatable = false;
    status = port_configure(port, &wanted);
    if (status == 0)
        status = stream_peer_join(context, fd, peer, port, err);
    if (status < 0)
        port_close(context, port);
    return status;
}

static unsigned count_clients(const struct stream_listener *listener)
{
    const struct vswitch *sw = listener->acceptor.context->sw;
    unsigned count = 0;

    switch_for_each_port (sw, port)
        count += port->temporary == listener->acceptor.number && port_active(port);
    return count;
}

/* Return: a listening socket, or -errno and sets ERR. */
static int open_socket(struct stream_listener *listener, struct context *context,
                       struct address address, struct error *err)
{
    int fd = new_socket(&address), status;
    char text[ADDRESS_TEXT];

    if (fd < 0)
        return error_set(err, errno, "cannot make a socket: %s", strerror(errno));
    status = bind_to(listener, context, fd, &address, err);
    if (status == 0 && listen(fd, BACKLOG) < 0)
        status = error_set(err, errno, "cannot listen on %s: %s", address_text(&address, text),
                           strerror(errno));
    if (status == 0)
        return fd;
    socket_file_remove(&listener->file);
    close(fd);
    return status;
}

/* Falls back to 0.0.0.0 on a kernel without IPv6, since [::] stands for all IPv4 addresses as
 * well. */
static int new_socket(struct address *address)
{
    const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(address->any.sa_family, type, 0);

    if (fd >= 0 || errno != EAFNOSUPPORT || !address_is_any(address))
        return fd;
    address_any_ipv4(address);
    return socket(AF_INET, type, 0);
}

static int bind_to(struct stream_listener *listener, struct context *context, int fd,
                   const struct address *address, struct error *err)
{
    const int on = 1, off = 0;
    char text[ADDRESS_TEXT];

    if (address_is_path(address))
        return socket_file_bind(&listener->file, fd, address->local.sun_path, context->dir->mode,
                                context->dir->group, err);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* [::] is for IPv4, too */
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, &address->any, address->length) < 0)
        return error_set(err, errno, "cannot listen on %s: %s", address_text(address, text),
                         strerror(errno));
    return 0;
}

/* Shows the address from getsockname(), which has the port number that the kernel chose for port
 * 0. */
static void describe(struct stream_listener *listener, int fd)
{
    struct address own;
    struct acceptor *acceptor = &listener->acceptor;

    acceptor->clients = "stream";
    acceptor->accepted = on_accepted;
    acceptor->remove = listener->port ? NULL : on_remove;
    if (address_own(fd, &own) == 0)
        address_text(&own, acceptor->place);
    acceptor->port = listener->port;
    acceptor->spec = listener->spec;
    if (!listener->port)
        snprintf(acceptor->offers, sizeof(acceptor->offers), "a port each, %u at most: %.200s%s",
                 listener->max_clients, listener->template,
                 strlen(listener->template) > 200 ? "..." : "");
}

static void on_remove(struct acceptor *acceptor)
{
    stream_listener_close(container_of(acceptor, struct stream_listener, acceptor));
}
