/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/port.h"

#include "core/switch.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_config(const struct port *port, const struct port_config *wanted);
static void take_effect(struct port *port, const struct port_config *before);
static void endpoint_follow(struct endpoint *endpoint, const struct port_config *before);
static int enter_flood_sets(struct port *port);
static void leave_flood_sets(struct port *port);
static void flush_left_vlans(struct port *port, const struct membership *before);
static unsigned drop_queued(struct endpoint *endpoint, enum drop_reason reason);
static void emit_endpoint(enum event_kind kind, struct endpoint *endpoint);

const char *port_label(const struct port *port, char text[PORT_LABEL])
{
    if (*port->config.name)
        snprintf(text, PORT_LABEL, "%s", port->config.name);
    else
        snprintf(text, PORT_LABEL, "port %u", port->number);
    return text;
}

unsigned port_address_limit(const struct port *port)
{
    return port->config.max_addresses == PORT_ADDRESSES_DEFAULT ? port->sw->config.learn_limit
                                                                : port->config.max_addresses;
}

uid_t port_user(const struct port *port)
{
    if (!port_active(port))
        return (uid_t)-1;
    return container_of(port->endpoints.next, struct endpoint, node)->user;
}

int port_attach(struct port *port, struct endpoint *endpoint)
{
    struct vswitch *sw = port->sw;
    bool first = !port_active(port);

    if (first) {
        if (port->config.up && enter_flood_sets(port) < 0)
            return -ENOMEM;
        port->attached = ++sw->attachments;
        port->blocked_until = 0;
    }
    endpoint->port = port;
    endpoint->queue_frames = sw->config.queue_frames;
    list_append(&port->endpoints, &endpoint->node);
    emit_endpoint(EVENT_ENDPOINT_UP, endpoint);
    return 0;
}

void port_detach(struct endpoint *endpoint)
{
    struct port *port = endpoint->port;
    struct vswitch *sw = port->sw;

    drop_queued(endpoint, DROP_DETACHED);
    list_remove(&endpoint->node);
    emit_endpoint(EVENT_ENDPOINT_DOWN, endpoint);
    endpoint->port = NULL;
    free(endpoint->description);
    endpoint->description = NULL;
    if (port_active(port))
        return;
    leave_flood_sets(port);
    switch_may_be_free(sw, port->number);
    switch_emit(sw, &(struct event){.kind = EVENT_PORT_DOWN, .port = port});
    fdb_flush_owner(sw->fdb, &port->fdb, FDB_ANY_VID);
}

int port_configure(struct port *port, const struct port_config *wanted)
{
    struct port_config before = port->config, after;
    bool moves =
        wanted->up != before.up || !membership_equal(&wanted->membership, &before.membership);
    int status = check_config(port, wanted);

    if (status < 0 || port_config_equal(wanted, &before))
        return status;
    if (port_config_copy(&after, wanted) < 0)
        return -ENOMEM;
    if (moves)
        leave_flood_sets(port);
    port->config = after;
    if (moves && port_in_use(port) && enter_flood_sets(port) < 0) {
        port->config = before;
        if (port_in_use(port))
            enter_flood_sets(port); /* takes back the places that it just left: needs no memory */
        port_config_clear(&after);
        return -ENOMEM;
    }
    take_effect(port, &before);
    port_config_clear(&before);
    switch_emit(port->sw, &(struct event){.kind = EVENT_PORT_CONFIGURED, .port = port});
    return 0;
}

void port_drop_early(struct port *port, struct endpoint *endpoint, enum drop_reason reason,
                     unsigned count)
{
    port->sw->balance.received += count;
    port_count_drops(port, endpoint, reason, count);
}

void port_drop_late(struct endpoint *endpoint, enum drop_reason reason, uint64_t count)
{
    if (count > endpoint->delivered)
        count = endpoint->delivered;
    endpoint->delivered -= count;
    endpoint->port->sw->balance.delivered -= count;
    port_count_drops(endpoint->port, endpoint, reason, count);
}

void port_count_drops(struct port *port, struct endpoint *endpoint, enum drop_reason reason,
                      uint64_t count)
{
    port->counters.drops[reason] += count;
    if (endpoint)
        endpoint->counters.drops[reason] += count;
    if (drop_is_egress(reason))
        port->sw->balance.egress_drops += count;
    else
        port->sw->balance.ingress_drops += count;
}

void endpoint_init(struct endpoint *endpoint, const struct endpoint_ops *ops)
{
    memset(endpoint, 0, sizeof(*endpoint));
    endpoint->ops = ops;
    endpoint->max_frame = FRAME_MAX;
    endpoint->user = (uid_t)-1;
    list_init(&endpoint->node);
    queue_init(&endpoint->queue);
}

int endpoint_describe(struct endpoint *endpoint, const void *said, size_t length)
{
    char *copy = text_escaped(said, length);

    if (!copy)
        return -ENOMEM;
    free(endpoint->description);
    endpoint->description = copy;
    if (endpoint->port)
        switch_emit(endpoint->port->sw, &(struct event){.kind = EVENT_ENDPOINT_DESCRIBED,
                                                        .port = endpoint->port,
                                                        .endpoint = endpoint});
    return 0;
}

static int check_config(const struct port *port, const struct port_config *wanted)
{
    const struct port *namesake = switch_port_named(port->sw, wanted->name);
    const struct membership *member = &wanted->membership;

    if (namesake && namesake != port)
        return -EEXIST;
    if (wanted->description && strlen(wanted->description) >= PORT_DESCRIPTION)
        return -EINVAL;
    if (wanted->max_addresses > FDB_CAPACITY_MAX && wanted->max_addresses != PORT_ADDRESSES_DEFAULT)
        return -EINVAL;
    for (unsigned vid = 0; vid < VID_COUNT && !member->transparent; vid++) {
        if (membership_has(member, vid) && !vlan_exists(&port->sw->vlans, vid))
            return -ENXIO;
    }
    return 0;
}

/* PORT has a new configuration and is in the flood sets that follow from it: what else follows cannot fail. */
static void take_effect(struct port *port, const struct port_config *before)
{
    const struct port_config *now = &port->config;
    struct vswitch *sw = port->sw;
    bool down = before->up && !now->up;

    if (!membership_equal(&before->membership, &now->membership))
        flush_left_vlans(port, &before->membership);
    if (down)
        fdb_flush_owner(sw->fdb, &port->fdb, FDB_ANY_VID);
    if (now->max_addresses != before->max_addresses)
        fdb_set_limit(sw->fdb, &port->fdb, port_address_limit(port));
    if (now->allocatable != before->allocatable)
        switch_may_be_free(sw, port->number);
    list_for_each (node, &port->endpoints)
        endpoint_follow(container_of(node, struct endpoint, node), before);
    if (now->up != before->up || now->max_addresses != before->max_addresses)
        switch_emit(sw, &(struct event){.kind = EVENT_LEARNING, .port = port});
}

static void endpoint_follow(struct endpoint *endpoint, const struct port_config *before)
{
    const struct port_config *now = &endpoint->port->config;

    /* What waits must not leave a port that is off, nor much later, when it is on again. */
    if (before->up && !now->up && drop_queued(endpoint, DROP_DOWN_OUT) > 0)
        endpoint->ops->wait_writable(endpoint, false);
    if (now->offload != before->offload && endpoint->ops->offload_changed)
        endpoint->ops->offload_changed(endpoint);
}

/* Port 0 is VDE's management port: a hub does not repeat to it. Return: 0, or -ENOMEM with PORT in none. */
static int enter_flood_sets(struct port *port)
{
    struct vswitch *sw = port->sw;

    if (vlan_enter(&sw->vlans, port) < 0)
        return -ENOMEM;
    if (port->number >= 1 && port_set_add(&sw->hub, port) < 0) {
        vlan_leave(&sw->vlans, port);
        return -ENOMEM;
    }
    return 0;
}

static void leave_flood_sets(struct port *port)
{
    vlan_leave(&port->sw->vlans, port);
    port_set_remove(&port->sw->hub, port);
}

/* A station that was heard in a VLAN which PORT has left is not there any more. */
static void flush_left_vlans(struct port *port, const struct membership *before)
{
    for (unsigned vid = 0; vid < VID_COUNT; vid++) {
        if (!membership_has(before, vid) || membership_has(&port->config.membership, vid))
            continue;
        fdb_flush_owner(port->sw->fdb, &port->fdb, (int)vid);
        fdb_flush_statics(port->sw->fdb, &port->fdb, (int)vid);
    }
}

/* Return: how many frames waited. */
static unsigned drop_queued(struct endpoint *endpoint, enum drop_reason reason)
{
    struct vswitch *sw = endpoint->port->sw;
    unsigned queued = queue_clear(&endpoint->queue, &sw->queue_pool);

    sw->balance.queued -= queued;
    port_count_drops(endpoint->port, endpoint, reason, queued);
    return queued;
}

static void emit_endpoint(enum event_kind kind, struct endpoint *endpoint)
{
    switch_emit(endpoint->port->sw,
                &(struct event){.kind = kind, .port = endpoint->port, .endpoint = endpoint});
}
