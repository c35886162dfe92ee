/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/port.h"

#include "core/switch.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int enter_flood_sets(struct port *port);
static void leave_flood_sets(struct port *port);
static void flush_left_vlans(struct port *port, const struct membership *before);
static unsigned drop_queued(struct endpoint *endpoint, enum drop_reason reason);
static void emit_endpoint(enum event_kind kind, struct endpoint *endpoint);

const char *const reserved_policy_name[] = {
    [RESERVED_FORWARD] = "forward",
    [RESERVED_DROP] = "drop",
    [RESERVED_CONSUME] = "consume",
};

const char *port_label(const struct port *port, char text[PORT_LABEL])
{
    if (*port->name)
        snprintf(text, PORT_LABEL, "%s", port->name);
    else
        snprintf(text, PORT_LABEL, "port %u", port->number);
    return text;
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
        if (port->policy.up && enter_flood_sets(port) < 0)
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

int port_describe(struct port *port, const char *text)
{
    char *description;

    if (strlen(text) >= PORT_DESCRIPTION)
        return -EINVAL;
    description = *text ? text_escaped(text, strlen(text)) : NULL;
    if (*text && !description)
        return -ENOMEM;
    free(port->description);
    port->description = description;
    return 0;
}

void port_set_learn_limit(struct port *port, unsigned limit)
{
    fdb_set_limit(port->sw->fdb, &port->fdb, limit);
    switch_emit(port->sw, &(struct event){.kind = EVENT_LEARNING, .port = port});
}

void port_set_allocatable(struct port *port, bool allocatable)
{
    port->allocatable = allocatable;
    switch_may_be_free(port->sw, port->number);
}

int port_set_policy(struct port *port, const struct port_policy *policy)
{
    bool up = policy->up && !port->policy.up, down = port->policy.up && !policy->up;
    bool offload = policy->offload != port->policy.offload;

    if (up && port_active(port) && enter_flood_sets(port) < 0)
        return -ENOMEM;
    port->policy = *policy;
    if (down) {
        leave_flood_sets(port);
        fdb_flush_owner(port->sw->fdb, &port->fdb, FDB_ANY_VID);
    }
    list_for_each (node, &port->endpoints) {
        struct endpoint *endpoint = container_of(node, struct endpoint, node);

        /* What waits must not leave a port that is off, nor much later, when it is on again. */
        if (down && drop_queued(endpoint, DROP_DOWN_OUT) > 0)
            endpoint->ops->wait_writable(endpoint, false);
        if (offload && endpoint->ops->offload_changed)
            endpoint->ops->offload_changed(endpoint);
    }
    switch_emit(port->sw, &(struct event){.kind = EVENT_LEARNING, .port = port});
    return 0;
}

int port_set_membership(struct port *port, const struct membership *wanted)
{
    struct vswitch *sw = port->sw;
    struct membership before = port->membership, after;

    for (unsigned vid = 0; vid < VID_COUNT && !wanted->transparent; vid++) {
        if (membership_has(wanted, vid) && !vlan_exists(&sw->vlans, vid))
            return -ENXIO;
    }
    if (membership_copy(&after, wanted) < 0)
        return -ENOMEM;
    vlan_leave(&sw->vlans, port);
    port->membership = after;
    if (port_in_use(port) && vlan_enter(&sw->vlans, port) < 0) {
        membership_clear(&port->membership);
        port->membership = before;
        vlan_enter(&sw->vlans, port); /* takes back the places that it just left: needs no memory */
        return -ENOMEM;
    }
    flush_left_vlans(port, &before);
    membership_clear(&before);
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
        if (!membership_has(before, vid) || membership_has(&port->membership, vid))
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
