/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool port_is_free(const struct port *port);
static void free_ports(struct vswitch *sw);
static void fdb_changed(void *context, enum fdb_change change, const struct fdb_entry *entry,
                        const struct fdb_owner *from);
static void port_free(struct port *port);

struct switch_config switch_defaults(void)
{
    return (struct switch_config){
        .ports = 4096,
        .fdb_capacity = FDB_CAPACITY,
        .learn_limit = FDB_OWNER_LIMIT,
        .queue_frames = QUEUE_FRAMES,
        .queue_bytes = QUEUE_BYTES,
        .loop = loop_defaults(),
    };
}

struct vswitch *switch_new(const struct switch_config *config)
{
    struct vswitch *sw = calloc(1, sizeof(*sw));

    if (!sw)
        return NULL;
    sw->config = *config;
    sw->lowest_free = 1;
    list_init(&sw->observers);
    queue_pool_init(&sw->queue_pool, QUEUE_TOTAL);
    sw->fdb = fdb_new(config->fdb_capacity, config->fdb_secret);
    sw->port = calloc((size_t)config->ports + 1, sizeof(struct port *));
    if (!sw->fdb || !sw->port || vlan_table_init(&sw->vlans) < 0) {
        switch_free(sw);
        return NULL;
    }
    fdb_set_notify(sw->fdb, fdb_changed, sw);
    return sw;
}

void switch_free(struct vswitch *sw)
{
    if (!sw)
        return;
    if (sw->port)
        free_ports(sw);
    free(sw->hub.member);
    vlan_table_free(&sw->vlans);
    fdb_free(sw->fdb);
    queue_pool_free(&sw->queue_pool);
    free(sw);
}

void switch_observe(struct vswitch *sw, struct observer *observer)
{
    list_append(&sw->observers, &observer->node);
    sw->observed |= observer->kinds;
}

void switch_unobserve(struct vswitch *sw, struct observer *observer)
{
    list_remove(&observer->node);
    sw->observed = 0;
    list_for_each (node, &sw->observers)
        sw->observed |= container_of(node, struct observer, node)->kinds;
}

void switch_emit(struct vswitch *sw, const struct event *event)
{
    if (!switch_observed(sw, event->kind))
        return;
    list_for_each_safe (node, &sw->observers) {
        struct observer *observer = container_of(node, struct observer, node);

        if (observer->kinds & EVENT_BIT(event->kind))
            observer->notify(observer, event);
    }
}

struct port *switch_port(const struct vswitch *sw, unsigned number)
{
    return number <= sw->config.ports ? sw->port[number] : NULL;
}

struct port *switch_next_port(const struct vswitch *sw, unsigned number)
{
    while (number <= sw->config.ports && !sw->port[number])
        number++;
    return switch_port(sw, number);
}

struct port *switch_port_named(const struct vswitch *sw, const char *name)
{
    if (!*name)
        return NULL;
    switch_for_each_port (sw, port) {
        if (!strcmp(port->config.name, name))
            return port;
    }
    return NULL;
}

int port_create(struct vswitch *sw, int number, struct port **created)
{
    struct port *port;

    if (number == PORT_ANY) {
        for (number = 1; (unsigned)number <= sw->config.ports && sw->port[number];)
            number++;
        if ((unsigned)number > sw->config.ports)
            return -ENOSPC;
    }
    if (number < 0 || (unsigned)number > sw->config.ports)
        return -EINVAL;
    if (sw->port[number])
        return -EEXIST;
    port = calloc(1, sizeof(*port));
    if (!port)
        return -ENOMEM;
    port->sw = sw;
    port->number = (unsigned)number;
    port->config = port_config_defaults();
    port->for_guests = true;
    list_init(&port->endpoints);
    fdb_owner_init(&port->fdb, port->number);
    port->fdb.limit = port_address_limit(port);
    sw->port[number] = port;
    *created = port;
    switch_emit(sw, &(struct event){.kind = EVENT_PORT_CREATED, .port = port});
    return 0;
}

unsigned port_find_free(struct vswitch *sw)
{
    while (sw->lowest_free <= sw->config.ports && !port_is_free(sw->port[sw->lowest_free]))
        sw->lowest_free++;
    return sw->lowest_free <= sw->config.ports ? sw->lowest_free : sw->config.ports + 1;
}

void switch_may_be_free(struct vswitch *sw, unsigned number)
{
    if (number >= 1 && number < sw->lowest_free)
        sw->lowest_free = number;
}

int port_remove(struct port *port)
{
    struct vswitch *sw = port->sw;

    if (port_active(port))
        return -EADDRINUSE;
    fdb_flush_owner(sw->fdb, &port->fdb, FDB_ANY_VID);
    fdb_flush_statics(sw->fdb, &port->fdb, FDB_ANY_VID);
    sw->port[port->number] = NULL;
    switch_may_be_free(sw, port->number);
    port_free(port);
    return 0;
}

int switch_set_ports(struct vswitch *sw, unsigned ports)
{
    struct port **grown;

    if (ports < 1 || ports > PORT_NUMBER_MAX)
        return -EINVAL;
    if (switch_next_port(sw, ports + 1))
        return -EADDRINUSE;
    grown = reallocarray(sw->port, (size_t)ports + 1, sizeof(struct port *));
    if (!grown)
        return -ENOMEM;
    for (unsigned number = sw->config.ports + 1; number <= ports; number++)
        grown[number] = NULL;
    sw->port = grown;
    sw->config.ports = ports;
    return 0;
}

void switch_set_hub(struct vswitch *sw, bool hub)
{
    sw->config.hub = hub;
    if (hub)
        fdb_flush_vlan(sw->fdb, FDB_ANY_VID);
    switch_emit(sw, &(struct event){.kind = EVENT_LEARNING});
}

int switch_remove_vlan(struct vswitch *sw, unsigned vid)
{
    if (vid == 0)
        return -EADDRINUSE;
    if (!vlan_exists(&sw->vlans, vid))
        return -ENXIO;
    switch_for_each_port (sw, port) {
        const struct membership *member = &port->config.membership;

        if (!member->transparent && membership_has(member, vid))
            return -EADDRINUSE;
    }
    fdb_flush_vlan(sw->fdb, (int)vid);
    return vlan_remove(&sw->vlans, vid);
}

static bool port_is_free(const struct port *port)
{
    return !port || (port->config.allocatable && !port_active(port));
}

static void free_ports(struct vswitch *sw)
{
    switch_for_each_port (sw, port) {
        list_for_each_safe (node, &port->endpoints) {
            struct endpoint *endpoint = container_of(node, struct endpoint, node);

            endpoint->ops->close(endpoint);
        }
        port_free(port);
    }
    free(sw->port);
}

static void fdb_changed(void *context, enum fdb_change change, const struct fdb_entry *entry,
                        const struct fdb_owner *from)
{
    static const enum event_kind kind[] = {
        [FDB_LEARNED] = EVENT_FDB_LEARNED,
        [FDB_MOVED] = EVENT_FDB_MOVED,
        [FDB_AGED] = EVENT_FDB_AGED,
    };
    struct vswitch *sw = context;

    switch_emit(sw, &(struct event){
                        .kind = kind[change],
                        .port = container_of(entry->owner, struct port, fdb),
                        .other = from ? container_of(from, struct port, fdb) : NULL,
                        .entry = entry,
                    });
}

static void port_free(struct port *port)
{
    port_config_clear(&port->config);
    free(port->type_keys);
    free(port);
}
