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

#include "ports/admission.h"
#include "ports/doors.h"
#include "ports/inherited.h"
#include "ports/stream/client.h"
#include "ports/stream/listener.h"
#include "util/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of what most= may be told otherwise: whoever comes by TCP shall not use up all ports. */
enum { MOST = 256 };

struct stream_service {
    struct service service;
    struct doors doors;
    struct list listeners;
    struct list clients;
};

/* What the keys of the type say. */
struct place {
    enum { PLACE_DIR, PLACE_ADDRESS, PLACE_FD } kind;
    bool server;
    struct address address;
    int fd;
    unsigned most; /* clients that get a port each; 0: it was not said */
};

static int stream_check(const struct port_spec *spec, struct error *err);
static int stream_start(struct runtime *runtime, struct service **service, struct error *err);
static void stream_stop(struct service *service);
static int stream_serve(struct runtime *runtime, const struct port_spec *spec, struct error *err);
static int stream_open(struct runtime *runtime, const struct port_spec *spec, struct port *port,
                       struct error *err);
static void stream_forget(struct runtime *runtime, struct port *port);
static int stream_open_door(struct runtime *runtime, const char *name, struct error *err);
static void stream_close_door(struct runtime *runtime, const char *name);

static struct stream_service *service_of(const struct runtime *runtime);
static void on_entered(struct door *door, int fd);
static int take_any_port(struct runtime *runtime, int fd, struct error *err);
static int read_place(const struct port_spec *spec, struct place *place, struct error *err);
static int read_most(const struct port_spec *spec, struct place *place, struct error *err);
static int refuse_most(struct error *err);
static int open_fd(struct runtime *runtime, const struct port_spec *spec, const struct place *place,
                   struct port *port, struct error *err);
static int add_listener(struct runtime *runtime, const struct place *place, struct port *port,
                        const struct port_spec *spec, struct error *err);

static const char *const stream_keys[] = {"path", "addr", "server", "fd", "most", NULL};

const struct port_type stream_type = {
    .name = "stream",
    .help = "UNIX or TCP connections: QEMU, passt",
    .keys = stream_keys,
    .restricted = stream_keys,
    .check = stream_check,
    .start = stream_start,
    .stop = stream_stop,
    .serve = stream_serve,
    .open = stream_open,
    .forget = stream_forget,
    .open_door = stream_open_door,
    .close_door = stream_close_door,
};

static const struct doors_kind stream_doors = {
    .clients = "stream",
    .file = "stream",
    .suffix = ".stream",
    .entered = on_entered,
};

static int stream_check(const struct port_spec *spec, struct error *err)
{
    struct place place;

    return read_place(spec, &place, err);
}

static int stream_start(struct runtime *runtime, struct service **made, struct error *err)
{
    struct stream_service *service = calloc(1, sizeof(*service));
    int status;

    if (!service)
        return error_set(err, ENOMEM, "no memory");
    list_init(&service->service.node);
    list_init(&service->listeners);
    list_init(&service->clients);
    status = doors_open(&service->doors, runtime, &stream_doors, err);
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

    doors_close(&service->doors);
    list_for_each_safe (node, &service->listeners)
        stream_listener_close(container_of(node, struct stream_listener, node));
    stream_clients_close(&service->clients);
    free(service);
}

/* Who listens and says nothing of which port is meant wants one for each client. */
static int stream_serve(struct runtime *runtime, const struct port_spec *spec, struct error *err)
{
    bool listening = false;
    struct place place;
    int status = read_place(spec, &place, err);

    if (status < 0 || spec->port != PORT_ANY || *spec->name || place.kind == PLACE_DIR)
        return status;
    if (place.kind == PLACE_ADDRESS && !place.server)
        return 0;
    if (place.kind == PLACE_FD)
        status = inherited_check(place.fd, SOCK_STREAM, &listening, err);
    if (status < 0 || (place.kind == PLACE_FD && !listening))
        return status;
    status = add_listener(runtime, &place, NULL, spec, err);
    return status < 0 ? status : 1;
}

static int stream_open(struct runtime *runtime, const struct port_spec *spec, struct port *port,
                       struct error *err)
{
    struct place place;

    read_place(spec, &place, err);
    if (place.kind == PLACE_DIR)
        return 0;
    if (place.kind == PLACE_FD)
        return open_fd(runtime, spec, &place, port, err);
    if (place.server)
        return add_listener(runtime, &place, port, spec, err);
    return stream_client_open(runtime, &service_of(runtime)->clients, port, &place.address, err);
}

static void stream_forget(struct runtime *runtime, struct port *port)
{
    struct stream_service *service = service_of(runtime);
    struct stream_client *client = stream_client_of(&service->clients, port);

    if (client)
        stream_client_close(client);
    list_for_each_safe (node, &service->listeners) {
        struct stream_listener *listener = container_of(node, struct stream_listener, node);

        if (listener->port == port)
            stream_listener_close(listener);
    }
}

static int stream_open_door(struct runtime *runtime, const char *name, struct error *err)
{
    return doors_add(&service_of(runtime)->doors, name, err);
}

static void stream_close_door(struct runtime *runtime, const char *name)
{
    doors_remove(&service_of(runtime)->doors, name);
}

static struct stream_service *service_of(const struct runtime *runtime)
{
    return container_of(ports_service(runtime, &stream_type), struct stream_service, service);
}

static void on_entered(struct door *door, int fd)
{
    struct runtime *runtime = door->doors->runtime;
    struct error err;
    int status;

    if (*door->name)
        status = stream_peer_join(runtime, fd, switch_port_named(runtime->sw, door->name), &err);
    else
        status = take_any_port(runtime, fd, &err);
    if (status < 0)
        client_refuse(runtime, stream_doors.clients, fd, err.text);
}

static int take_any_port(struct runtime *runtime, int fd, struct error *err)
{
    struct port *port;
    bool created;
    int status = admission_choose(runtime->sw, PORT_ANY, &port, &created, err);

    if (status == 0)
        status = stream_peer_join(runtime, fd, port, err);
    if (status < 0 && created)
        port_remove(port);
    return status;
}

static int read_place(const struct port_spec *spec, struct place *place, struct error *err)
{
    const char *path = spec_value(spec, "path"), *addr = spec_value(spec, "addr");
    const char *fd = spec_value(spec, "fd"), *server = spec_value(spec, "server");

    *place = (struct place){.kind = path || addr ? PLACE_ADDRESS : fd ? PLACE_FD : PLACE_DIR};
    place->fd = -1;
    if (!!path + !!addr + !!fd > 1)
        return error_set(err, EINVAL, "path=, addr= and fd= are three places: give one");
    if (server && !path && !addr)
        return error_set(err, EINVAL, "server= is about path= or addr=, and neither is there");
    if (path && *path != '/')
        return error_set(err, EINVAL, "path=%s is not an absolute path", path);
    if (addr && *addr == '/')
        return error_set(err, EINVAL, "addr=%s is a path: path= takes it", addr);
    if (fd && inherited_read(fd, &place->fd, err) < 0)
        return -EINVAL;
    if (spec_switch(spec, "server", &place->server, err) < 0 || read_most(spec, place, err) < 0)
        return -EINVAL;
    return path || addr ? address_read(path ? "path" : "addr", path ? path : addr, place->server,
                                       &place->address, err)
                        : 0;
}

static int read_most(const struct port_spec *spec, struct place *place, struct error *err)
{
    const char *text = spec_value(spec, "most");
    unsigned long most = 0;

    if (!text)
        return 0;
    if (!text_to_number(text, PORT_NUMBER_MAX, &most) || most == 0)
        return error_set(err, EINVAL, "most=%s is not a number of clients, 1 to %d", text,
                         PORT_NUMBER_MAX);
    place->most = (unsigned)most;
    if (spec->port != PORT_ANY || *spec->name || (place->kind != PLACE_FD && !place->server))
        return refuse_most(err);
    return 0;
}

static int refuse_most(struct error *err)
{
    return error_set(err, EINVAL,
                     "most= is for a place where each client gets a port: one that "
                     "listens (server=on), without port= and name=");
}

static int open_fd(struct runtime *runtime, const struct port_spec *spec, const struct place *place,
                   struct port *port, struct error *err)
{
    bool listening;
    int status = inherited_check(place->fd, SOCK_STREAM, &listening, err);

    if (status < 0)
        return status;
    if (listening)
        return add_listener(runtime, place, port, spec, err);
    if (place->most > 0)
        return refuse_most(err);
    if (!stream_peer_attach(runtime, place->fd, port, NULL, err))
        return -ENOMEM;
    inherited_take(place->fd);
    return 0;
}

static int add_listener(struct runtime *runtime, const struct place *place, struct port *port,
                        const struct port_spec *spec, struct error *err)
{
    struct stream_service *service = service_of(runtime);
    struct stream_listener *listener;
    unsigned most = place->most > 0 ? place->most : MOST;
    int status = stream_listener_open(&listener, runtime, &place->address, place->fd, port, most,
                                      spec, &service->clients, err);

    if (status < 0)
        return status;
    inherited_take(place->fd);
    list_append(&service->listeners, &listener->node);
    if (!port)
        log_say(runtime->log, LOG_NOTICE, "stream clients that connect to %s get a port each",
                listener->acceptor.place);
    return 0;
}
