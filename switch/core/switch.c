/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/switch.h"

#include "util/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void switch_clear_drops(struct vswitch *sw, unsigned reason);
static void switch_free_ports(struct vswitch *sw);
static void switch_fdb_changed(void *context, enum fdb_change change, const struct fdb_entry *entry,
                               const struct fdb_owner *from);

struct switch_config switch_defaults(void)
{
    return (struct switch_config){
        .ports = 4096,
        .fdb_capacity = FDB_CAPACITY,
        .learn_limit = FDB_OWNER_LIMIT,
        .queue_frames = QUEUE_FRAMES,
        .queue_bytes = QUEUE_BYTES,
        .loop = {.reflections = 10, .block = 10 * SECOND},
    };
}

struct vswitch *switch_new(const struct switch_config *config)
{
    struct vswitch *sw = calloc(1, sizeof(*sw));

    if (!sw)
        return NULL;
    sw->config = *config;
    sw->lowest_free = 1;
    observers_init(&sw->observers);
    drop_table_init(&sw->drops);
    sw->fdb = fdb_new(config->fdb_capacity, config->fdb_secret);
    sw->port = calloc((size_t)config->ports + 1, sizeof(struct port *));
    if (!sw->fdb || !sw->port || vlan_table_init(&sw->vlans) < 0) {
        switch_free(sw);
        return NULL;
    }
    fdb_set_notify(sw->fdb, switch_fdb_changed, sw);
    return sw;
}

void switch_free(struct vswitch *sw)
{
    if (!sw)
        return;
    if (sw->port)
        switch_free_ports(sw);
    free(sw->hub.member);
    vlan_table_free(&sw->vlans);
    fdb_free(sw->fdb);
    free(sw);
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
    observers_tell(&sw->observers, &(struct event){.kind = EVENT_LEARNING});
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

int switch_add_drop_kind(struct vswitch *sw, const struct drop_kind *kind)
{
    return drop_table_add(&sw->drops, kind);
}

void switch_remove_drop_kind(struct vswitch *sw, unsigned reason)
{
    switch_clear_drops(sw, reason);
    drop_table_remove(&sw->drops, reason);
}

static void switch_clear_drops(struct vswitch *sw, unsigned reason)
{
    switch_for_each_port (sw, port) {
        port->counters.drops[reason] = 0;
        list_for_each (node, &port->endpoints)
            container_of(node, struct endpoint, node)->counters.drops[reason] = 0;
    }
}

static void switch_free_ports(struct vswitch *sw)
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

static void switch_fdb_changed(void *context, enum fdb_change change, const struct fdb_entry *entry,
                               const struct fdb_owner *from)
{
    static const enum event_kind kind[] = {
        [FDB_LEARNED] = EVENT_FDB_LEARNED,
        [FDB_MOVED] = EVENT_FDB_MOVED,
        [FDB_AGED] = EVENT_FDB_AGED,
    };
    static_assert(sizeof(kind) / sizeof(kind[0]) == FDB_CHANGES, "a change has no event");
    struct vswitch *sw = context;

    observers_tell(&sw->observers, &(struct event){
                                       .kind = kind[change],
                                       .port = container_of(entry->owner, struct port, fdb),
                                       .other = from ? container_of(from, struct port, fdb) : NULL,
                                       .entry = entry,
                                   });
}
