/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/ports.h"

#include "util/os_linux.h"
#include "util/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int check_restricted(const struct port_spec *spec, struct error *err);
static int make_port(struct context *context, const struct port_spec *spec, struct port **port,
                     struct error *err);
static int set_up(struct context *context, const struct port_spec *spec, struct port *port,
                  struct error *err);
static int keep_keys(const struct port_spec *spec, struct port *port, struct error *err);
static bool renamed(const struct port *port, const struct port_config *wanted);
static void give_name(struct port_config *wanted);
static int configure(struct context *context, struct port *port, const struct port_config *wanted,
                     struct vidset *created, struct error *err);
static int check_name_is_free(const struct vswitch *sw, const struct port *port, const char *name,
                              struct error *err);
static int open_listeners(struct context *context, const struct port *port, const char *name,
                          struct error *err);
static void close_listeners(struct context *context, const struct port *port, const char *name);
static void close_first(struct context *context, const char *name, unsigned count);
static int create_vlans(struct vswitch *sw, const struct membership *member, struct vidset *created,
                        struct error *err);
static void remove_vlans(struct vswitch *sw, const struct vidset *created);

int port_open(struct context *context, const char *text, bool trusted, struct port **made,
              struct error *err)
{
    struct port_spec spec;
    struct port *port = NULL;
    int status = spec_parse(text, port_types, &spec, err);

    if (status < 0)
        return status;
    status = trusted ? 0 : check_restricted(&spec, err);
    if (status == 0 && spec.type->serve)
        status = spec.type->serve(context, &spec, err);
    if (status == 0)
        status = make_port(context, &spec, &port, err);
    if (status >= 0 && made)
        *made = port;
    spec_clear(&spec);
    return status < 0 ? status : 0;
}

int port_change(struct context *context, struct port *port, const char *text, struct error *err)
{
    struct vidset created;
    struct port_spec spec;
    int status = spec_parse_settings(text, port, &spec, err);

    if (status < 0)
        return status;
    if (renamed(port, &spec.config) && !spec_value(&spec, "allocatable"))
        give_name(&spec.config);
    status = configure(context, port, &spec.config, &created, err);
    spec_clear(&spec);
    return status;
}

int port_rename(struct context *context, struct port *port, const char *name, struct error *err)
{
    struct port_config wanted = port->config;
    struct vidset created;
    int status = *name ? spec_check_name(name, err) : 0;

    if (status < 0)
        return status;
    strcpy(wanted.name, name);
    if (renamed(port, &wanted))
        give_name(&wanted);
    return configure(context, port, &wanted, &created, err);
}

const char *port_text(struct context *context, const struct port *port, char text[SPEC_TEXT])
{
    const struct port_type *type = port->type ? port_type_named(port->type) : port_types[0];
    char own[SPEC_OWN];

    if (!type->keys_of || !type->keys_of(context, port, own))
        text_copy(own, sizeof(own), port->type_keys ? port->type_keys : "");
    spec_write(text, type, own, (int)port->number, &port->config);
    return text;
}

const struct port_type *port_type_named(const char *name)
{
    for (unsigned i = 0; port_types[i]; i++) {
        if (!strcmp(port_types[i]->name, name))
            return port_types[i];
    }
    return NULL;
}

const char *qemu_options(const struct qemu_way *way, const char *dir, char *text, size_t size)
{
    const char *rest = strstr(way->options, "DIR");

    snprintf(text, size, "%.*s%s%s", (int)(rest - way->options), way->options, dir,
             rest + strlen("DIR"));
    return text;
}

const struct port_type *port_type_for_qemu(const struct port_type *before)
{
    bool passed = !before;

    for (unsigned conditional = 0; conditional < 2; conditional++) {
        for (unsigned i = 0; port_types[i]; i++) {
            const struct qemu_way *way = port_types[i]->qemu;

            if (!way || (way->when != NULL) != conditional)
                continue;
            if (passed)
                return port_types[i];
            passed = port_types[i] == before;
        }
    }
    return NULL;
}

int port_close(struct context *context, struct port *port)
{
    if (port_active(port))
        return -EADDRINUSE;
    close_listeners(context, port, port->config.name);
    if (port->type && port_type_named(port->type)->forget)
        port_type_named(port->type)->forget(context, port);
    return port_remove(port);
}

int ports_start(struct context *context, struct error *err)
{
    os_reserve_fd(&context->reserve_fd);
    for (unsigned i = 0; port_types[i]; i++) {
        struct service *service;
        int status = port_types[i]->start ? port_types[i]->start(context, &service, err) : 0;

        if (status < 0)
            return status;
        if (!port_types[i]->start)
            continue;
        service->type = port_types[i];
        list_append(&context->services, &service->node);
    }
    return 0;
}

void ports_stop(struct context *context)
{
    list_for_each_safe (node, &context->services) {
        struct service *service = container_of(node, struct service, node);

        list_remove(&service->node);
        service->type->stop(service);
    }
    if (context->reserve_fd >= 0)
        close(context->reserve_fd);
    context->reserve_fd = -1;
}

struct service *ports_service(const struct context *context, const struct port_type *type)
{
    list_for_each (node, &context->services) {
        struct service *service = container_of(node, struct service, node);

        if (service->type == type)
            return service;
    }
    return NULL;
}

bool ports_loop_back(struct context *context, int fd, pid_t process)
{
    for (unsigned i = 0; port_types[i]; i++) {
        if (port_types[i]->loops_back && port_types[i]->loops_back(context, fd, process))
            return true;
    }
    return false;
}

int ports_explain(const struct vswitch *sw, int status, int number, struct error *err)
{
    switch (status) {
    case -EEXIST:
        return error_set(err, EEXIST, "port %d is in use", number);
    case -EINVAL:
        return error_set(err, EINVAL, "port %d is out of range: this switch has ports 0 to %u",
                         number, sw->config.ports);
    case -ENOSPC:
        return error_set(err, ENOSPC,
                         "all %u ports are in use; -n or port/setnumports raises their number",
                         sw->config.ports);
    default:
        return error_set(err, -status, "cannot create a port: %s", strerror(-status));
    }
}

static int check_restricted(const struct port_spec *spec, struct error *err)
{
    for (const struct port_key *key = spec->type->keys; key->name; key++) {
        if (key->restricted && spec_value(spec, key->name))
            return error_set(err, EPERM,
                             "only the switch's own user, or root, may make a %s port with %s=",
                             spec->type->name, key->name);
    }
    return 0;
}

/* A specification makes a new port: to change one that exists is port_change()'s business. */
static int make_port(struct context *context, const struct port_spec *spec, struct port **port,
                     struct error *err)
{
    int status = check_name_is_free(context->sw, NULL, spec->config.name, err);

    if (status < 0)
        return status;
    status = port_create(context->sw, spec->port, port);
    if (status < 0)
        return ports_explain(context->sw, status, spec->port, err);
    return set_up(context, spec, *port, err);
}

/* If it fails there is no port. */
static int set_up(struct context *context, const struct port_spec *spec, struct port *port,
                  struct error *err)
{
    struct vidset created = {0};
    int status = keep_keys(spec, port, err);

    port->type = spec->type->name;
    port->untrusted_edge = spec->type->untrusted_edge;
    port->for_guests = spec->type->listen && spec_own_count(spec) == 0;
    if (status == 0)
        status = configure(context, port, &spec->config, &created, err);
    if (status == 0 && spec->type->open)
        status = spec->type->open(context, spec, port, err);
    if (status < 0) {
        port_close(context, port);
        remove_vlans(context->sw, &created);
    }
    return status;
}

static int keep_keys(const struct port_spec *spec, struct port *port, struct error *err)
{
    char own[SPEC_OWN];

    spec_own_keys(spec, own);
    port->type_keys = *own ? strdup(own) : NULL;
    return *own && !port->type_keys ? error_no_memory(err) : 0;
}

static bool renamed(const struct port *port, const struct port_config *wanted)
{
    return strcmp(port->config.name, wanted->name) != 0;
}

/* A client finds a port that has a name only if it asks for it. */
static void give_name(struct port_config *wanted)
{
    if (*wanted->name)
        wanted->allocatable = false;
}

/* port_configure() with all that goes along with it outside the core: VLANs are created, and clients find the port by its name.
 * CREATED tells which VLANs. Return: 0, or -errno and sets ERR and nothing changed. */
static int configure(struct context *context, struct port *port, const struct port_config *wanted,
                     struct vidset *created, struct error *err)
{
    bool moves = renamed(port, wanted);
    char before[PORT_NAME];
    int status = moves ? check_name_is_free(context->sw, port, wanted->name, err) : 0;

    *created = (struct vidset){0};
    strcpy(before, port->config.name);
    if (status == 0)
        status = create_vlans(context->sw, &wanted->membership, created, err);
    if (status == 0 && moves)
        status = open_listeners(context, port, wanted->name, err);
    if (status == 0) {
        status = port_configure(port, wanted);
        if (status < 0)
            error_set(err, -status, "cannot configure the port: %s", strerror(-status));
        if (moves)
            close_listeners(context, port, status < 0 ? wanted->name : before);
    }
    if (status < 0)
        remove_vlans(context->sw, created);
    else if (moves && *wanted->name)
        port->temporary = 0; /* it has a name to be found by again */
    return status;
}

static int check_name_is_free(const struct vswitch *sw, const struct port *port, const char *name,
                              struct error *err)
{
    const struct port *other = port_named(sw, name);

    return other && other != port ? error_set(err, EEXIST, "port name \"%s\" is in use by port %u",
                                              name, other->number)
                                  : 0;
}

/* Everywhere where clients might look for PORT by NAME. Return: 0, or -errno and sets ERR and none open. */
static int open_listeners(struct context *context, const struct port *port, const char *name,
                          struct error *err)
{
    if (!port->for_guests || !*name)
        return 0;
    for (unsigned i = 0; port_types[i]; i++) {
        int status = port_types[i]->listen ? port_types[i]->listen(context, name, err) : 0;

        if (status < 0) {
            close_first(context, name, i);
            return status;
        }
    }
    return 0;
}

static void close_listeners(struct context *context, const struct port *port, const char *name)
{
    if (port->for_guests && *name)
        close_first(context, name, UINT_MAX);
}

/* Those of the first COUNT port types. */
static void close_first(struct context *context, const char *name, unsigned count)
{
    for (unsigned i = 0; i < count && port_types[i]; i++) {
        if (port_types[i]->unlisten)
            port_types[i]->unlisten(context, name);
    }
}

/* Creates those that do not exist; CREATED tells which, for the caller to remove if something else fails. */
static int create_vlans(struct vswitch *sw, const struct membership *member, struct vidset *created,
                        struct error *err)
{
    for (unsigned vid = VID_MIN; vid <= VID_MAX && !member->transparent; vid++) {
        if (!membership_has(member, vid) || vlan_exists(&sw->vlans, vid))
            continue;
        if (vlan_create(&sw->vlans, vid) < 0)
            return error_set(err, ENOMEM, "no memory for VLAN %u", vid);
        vidset_add(created, vid);
    }
    return 0;
}

static void remove_vlans(struct vswitch *sw, const struct vidset *created)
{
    for (unsigned vid = vidset_next(created, 0); vid < VID_COUNT;
         vid = vidset_next(created, vid + 1))
        switch_remove_vlan(sw, vid);
}
