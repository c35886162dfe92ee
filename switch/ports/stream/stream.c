/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stream.c - the ways in which a stream port comes to its connection
 *
 * Theory of operation. Clients find the switch at DIR/stream, where each gets a port as on ctl, and at DIR/NAME.stream, where
 * they get the port of that name, one at a time. Besides, people may have it listen elsewhere (listener.c), connect
 * to somebody (client.c), or take a connection over that it was started with (fd=). Whatever it was, the
 * connection is a struct stream_peer afterwards.
 */
#include "ports/stream/stream.h"

#include "ports/listen/admission.h"
#include "ports/listen/dir_listeners.h"
#include "ports/listen/inherited.h"
#include "ports/ports.h"
#include "ports/stream/client.h"
#include "ports/stream/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct stream_service {
    struct service service;
    struct dir_listeners dir;
    struct list listeners;
    struct list clients;
};

static int stream_check(const struct port_spec *spec, struct error *err);
static int stream_start(struct context *context, struct service **service, struct error *err);
static void stream_stop(struct service *service);
static int stream_serve(struct context *context, const struct port_spec *spec, struct error *err);
static int stream_open(struct context *context, const struct port_spec *spec, struct port *port,
                       struct error *err);
static void stream_forget(struct context *context, struct port *port);
static int stream_listen(struct context *context, const char *name, struct error *err);
static void stream_unlisten(struct context *context, const char *name);
static bool stream_loops_back(struct context *context, int fd, pid_t process);

static struct stream_service *service_of(const struct context *context);
static void on_accepted(struct dir_listener *listener, int fd);
static int take_any_port(struct context *context, int fd, const struct os_peer *who,
                         struct error *err);
static int open_fd(struct context *context, const struct port_spec *spec,
                   const struct stream_spec *wanted, struct port *port, struct error *err);
static int add_listener(struct context *context, const struct stream_spec *wanted,
                        struct port *port, const struct port_spec *spec, struct error *err);

static const struct port_key stream_keys[] = {
    {"path", KEY_TEXT, "FILE", "a UNIX socket", .restricted = true},
    {"addr", KEY_TEXT, "127.0.0.1:PORT|ADDRESS:PORT", "TCP", .restricted = true},
    {"server", KEY_SWITCH, "on|off", "on: listen there; off: connect to it", .restricted = true,
     .standard = "off"},
    {"fd", KEY_NUMBER, "N", "a socket that the switch was started with", .restricted = true},
    {"max-clients", KEY_NUMBER, "N", "that get a port each at a time, where the switch listens",
     .formerly = "most", .restricted = true},
    {0},
};

static const struct dir_listener_kind stream_listeners = {
    .clients = "stream",
    .file = "stream",
    .suffix = ".stream",
    .accepted = on_accepted,
};

static const struct qemu_way stream_qemu = {
    .options = "-netdev stream,id=n,server=off,addr.type=unix,addr.path=DIR/stream",
    .device = " -device virtio-net-pci,netdev=n,mac=",
};

const struct port_type stream_type = {
    .name = "stream",
    .help = "UNIX or TCP connections: QEMU, passt",
    .keys = stream_keys,
    .listeners = &stream_listeners,
    .qemu = &stream_qemu,
    .check = stream_check,
    .start = stream_start,
    .stop = stream_stop,
    .serve = stream_serve,
    .open = stream_open,
    .forget = stream_forget,
    .listen = stream_listen,
    .unlisten = stream_unlisten,
    .loops_back = stream_loops_back,
};

static int stream_check(const struct port_spec *spec, struct error *err)
{
    struct stream_spec wanted;

    return stream_spec_read(spec, &wanted, err);
}

static int stream_start(struct context *context, struct service **made, struct error *err)
{
    struct stream_service *service = calloc(1, sizeof(*service));
    int status;

    if (!service)
        return error_no_memory(err);
    list_init(&service->listeners);
    list_init(&service->clients);
    status = dir_listeners_open(&service->dir, context, &stream_listeners, err);
    if (status < 0) {
        free(service);
        return status;
    }
    *made = &service->service;
    return 0;
}

/* Connections are closed by now, and clients with them, but for those that were not connected. */
static void stream_stop(struct service *base)
{
    struct stream_service *service = container_of(base, struct stream_service, service);

    dir_listeners_close(&service->dir);
    list_for_each_safe (node, &service->listeners)
        stream_listener_close(container_of(node, struct stream_listener, node));
    stream_clients_close(&service->clients);
    free(service);
}

/* A listener without port= and name= makes a port for each client. */
static int stream_serve(struct context *context, const struct port_spec *spec, struct error *err)
{
    bool listening = false;
    struct stream_spec wanted;
    int status = stream_spec_read(spec, &wanted, err);

    if (status < 0 || spec->port != PORT_ANY || *spec->config.name || wanted.kind == STREAM_DIR)
        return status;
    if (wanted.kind == STREAM_ADDRESS && !wanted.server)
        return 0;
    if (wanted.kind == STREAM_FD)
        status = inherited_check(wanted.fd, SOCK_STREAM, &listening, err);
    if (status < 0 || (wanted.kind == STREAM_FD && !listening))
        return status;
    status = add_listener(context, &wanted, NULL, spec, err);
    return status < 0 ? status : 1;
}

static int stream_open(struct context *context, const struct port_spec *spec, struct port *port,
                       struct error *err)
{
    struct stream_spec wanted;

    stream_spec_read(spec, &wanted, err);
    if (wanted.kind == STREAM_DIR)
        return 0;
    if (wanted.kind == STREAM_FD)
        return open_fd(context, spec, &wanted, port, err);
    if (wanted.server)
        return add_listener(context, &wanted, port, spec, err);
    return stream_client_open(context, &service_of(context)->clients, port, &wanted.address, err);
}

static void stream_forget(struct context *context, struct port *port)
{
    struct stream_service *service = service_of(context);
    struct stream_client *client = stream_client_of(&service->clients, port);

    if (client)
        stream_client_close(client);
    list_for_each_safe (node, &service->listeners) {
        struct stream_listener *listener = container_of(node, struct stream_listener, node);

        if (listener->port == port)
            stream_listener_close(listener);
    }
}

static int stream_listen(struct context *context, const char *name, struct error *err)
{
    return dir_listeners_add(&service_of(context)->dir, name, err);
}

static void stream_unlisten(struct context *context, const char *name)
{
    dir_listeners_remove(&service_of(context)->dir, name);
}

static bool stream_loops_back(struct context *context, int fd, pid_t process)
{
    (void)process;
    return stream_clients_have(&service_of(context)->clients, fd);
}

static struct stream_service *service_of(const struct context *context)
{
    return container_of(ports_service(context, &stream_type), struct stream_service, service);
}

static void on_accepted(struct dir_listener *listener, int fd)
{
    struct context *context = listener->listeners->context;
    struct error err;
    struct os_peer who;
    int status = admission_identify(context, fd, &who, &err);

    if (status == 0 && *listener->name)
        status = stream_peer_join(context, fd, &who, port_named(context->sw, listener->name), &err);
    else if (status == 0)
        status = take_any_port(context, fd, &who, &err);
    if (status < 0)
        client_refuse(context, stream_listeners.clients, fd, err.text);
}

static int take_any_port(struct context *context, int fd, const struct os_peer *who,
                         struct error *err)
{
    struct port *port;
    bool created;
    int status = admission_choose(context->sw, PORT_ANY, &port, &created, err);

    if (status == 0)
        status = stream_peer_join(context, fd, who, port, err);
    if (status < 0 && created)
        port_remove(port);
    return status;
}

static int open_fd(struct context *context, const struct port_spec *spec,
                   const struct stream_spec *wanted, struct port *port, struct error *err)
{
    struct stream_peer *peer;
    bool listening;
    int status = inherited_check(wanted->fd, SOCK_STREAM, &listening, err);

    if (status < 0)
        return status;
    if (listening)
        return add_listener(context, wanted, port, spec, err);
    if (wanted->max_clients > 0)
        return stream_spec_refuse_max(err);
    status = stream_peer_attach(&peer, context, wanted->fd, port, NULL, err);
    if (status == 0)
        inherited_take(wanted->fd);
    return status;
}

static int add_listener(struct context *context, const struct stream_spec *wanted,
                        struct port *port, const struct port_spec *spec, struct error *err)
{
    struct stream_service *service = service_of(context);
    struct stream_listener *listener;
    int status = stream_listener_open(&listener, context, wanted, port, spec, err);

    if (status < 0)
        return status;
    inherited_take(wanted->fd);
    list_append(&service->listeners, &listener->node);
    if (!port)
        log_say(context->log, LOG_NOTICE, "stream clients that connect to %s get a port each",
                listener->acceptor.place);
    return 0;
}
