/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_types.c - the only list of port types, and how a port of any type is made
 */
#include "ports/port_type.h"
#include "ports/tap.h"
#include "ports/vde.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct port_type *const port_types[] = {
    &vde_type,
    &tap_type,
    NULL,
};

static int find_port(struct vswitch *sw, const struct port_spec *spec, struct port **port,
                     struct error *err);
static int create_vlans(struct vswitch *sw, const struct membership *member, struct vidset *created,
                        struct error *err);
static void remove_vlans(struct vswitch *sw, const struct vidset *created);

int port_open(struct runtime *runtime, const char *text, struct error *err)
{
    struct vswitch *sw = runtime->sw;
    struct vidset created = {0};
    struct port_spec spec;
    struct port *port;
    int status = spec_parse(text, port_types, &spec, err);

    if (status < 0)
        return status;
    status = find_port(sw, &spec, &port, err);
    if (status == 0) {
        status = create_vlans(sw, &spec.membership, &created, err);
        if (status == 0) {
            port_set_membership(port, &spec.membership);
            strcpy(port->name, spec.name);
            /* Only who can ask for it by number or name finds a port that has one. */
            port_set_allocatable(port, spec.port == PORT_ANY && !*spec.name);
            status = spec.type->open(runtime, &spec, port, err);
        }
        if (status < 0) {
            port_remove(port);
            remove_vlans(sw, &created);
        }
    }
    spec_clear(&spec);
    return status;
}

int ports_start(struct runtime *runtime, struct error *err)
{
    for (unsigned i = 0; port_types[i]; i++) {
        struct service *service;
        int status = port_types[i]->start ? port_types[i]->start(runtime, &service, err) : 0;

        if (status < 0)
            return status;
        if (!port_types[i]->start)
            continue;
        service->type = port_types[i];
        list_append(&runtime->services, &service->node);
    }
    return 0;
}

void ports_stop(struct runtime *runtime)
{
    list_for_each_safe (node, &runtime->services) {
        struct service *service = container_of(node, struct service, node);

        list_remove(&service->node);
        service->type->stop(service);
    }
}

struct service *ports_service(const struct runtime *runtime, const struct port_type *type)
{
    list_for_each (node, &runtime->services) {
        struct service *service = container_of(node, struct service, node);

        if (service->type == type)
            return service;
    }
    return NULL;
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
        return error_set(err, ENOSPC, "all %u ports are in use; -n raises their number",
                         sw->config.ports);
    default:
        return error_set(err, -status, "cannot create a port: %s", strerror(-status));
    }
}

/* A specification makes a new port: to change one that exists is the console's business. */
static int find_port(struct vswitch *sw, const struct port_spec *spec, struct port **port,
                     struct error *err)
{
    int status;

    if (switch_port_named(sw, spec->name))
        return error_set(err, EEXIST, "port name \"%s\" is in use by port %u", spec->name,
                         switch_port_named(sw, spec->name)->number);
    status = port_create(sw, spec->port, port);
    return status < 0 ? ports_explain(sw, status, spec->port, err) : 0;
}

/* A port may name VLANs that do not exist yet; CREATED tells which ones did not, for the caller to
 * remove if the port cannot be made. */
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
