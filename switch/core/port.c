/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/port.h"

#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int port_check_config(const struct port *port, const struct port_config *wanted);
static void port_take_effect(struct port *port, const struct port_config *before);
static void endpoint_reconfigure(struct endpoint *endpoint, const struct port_config *before);
static void endpoint_report_failure(struct deferred *work);
static void port_count_drops(struct worker *worker, struct port *port, struct endpoint *endpoint,
                             enum drop_reason reason, uint64_t count);
static bool port_is_free(const struct port *port);
static void port_recheck_free(struct vswitch *sw, unsigned number);
static int port_enter_flood_sets(struct port *port);
static void port_leave_flood_sets(struct port *port);
static void port_flush_left_vlans(struct port *port, const struct membership *before);
static unsigned endpoint_drop_queued(struct endpoint *endpoint, enum drop_reason reason);
static void endpoint_emit(enum event_kind kind, struct endpoint *endpoint);

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
    port->vlan_member = (struct vlan_member){port->number, &port->config.membership};
    list_init(&port->endpoints);
    list_init(&port->hooks);
    fdb_owner_init(&port->fdb, port->number);
    port->fdb.limit = port_address_limit(port);
    sw->port[number] = port;
    *created = port;
    observers_tell(&sw->observers, &(struct event){.kind = EVENT_PORT_CREATED, .port = port});
    return 0;
}

unsigned port_find_free(struct vswitch *sw)
{
    while (sw->lowest_free <= sw->config.ports && !port_is_free(sw->port[sw->lowest_free]))
        sw->lowest_free++;
    return sw->lowest_free <= sw->config.ports ? sw->lowest_free : sw->config.ports + 1;
}

int port_remove(struct port *port)
{
    struct vswitch *sw = port->sw;

    if (port_active(port))
        return -EADDRINUSE;
    fdb_flush_owner(sw->fdb, &port->fdb, FDB_ANY_VID);
    fdb_flush_statics(sw->fdb, &port->fdb, FDB_ANY_VID);
    sw->port[port->number] = NULL;
    port_recheck_free(sw, port->number);
    port_free(port);
    return 0;
}

void port_free(struct port *port)
{
    list_for_each_safe (node, &port->hooks)
        list_remove(node);
    port_config_clear(&port->config);
    free(port->type_keys);
    free(port);
}

struct port *port_named(const struct vswitch *sw, const char *name)
{
    if (!*name)
        return NULL;
    switch_for_each_port (sw, port) {
        if (!strcmp(port->config.name, name))
            return port;
    }
    return NULL;
}

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
        if (port->config.up && port_enter_flood_sets(port) < 0)
            return -ENOMEM;
        port->attached = ++sw->attachments;
        port->blocked_until = 0;
    }
    endpoint->port = port;
    endpoint->queue_frames = sw->config.queue_frames;
    list_append(&port->endpoints, &endpoint->node);
    endpoint_emit(EVENT_ENDPOINT_UP, endpoint);
    return 0;
}

void port_detach(struct endpoint *endpoint)
{
    struct port *port = endpoint->port;
    struct vswitch *sw = port->sw;

    endpoint_drop_queued(endpoint, DROP_DETACHED);
    defer_cancel(&endpoint->failure);
    list_remove(&endpoint->again);
    list_remove(&endpoint->node);
    endpoint_emit(EVENT_ENDPOINT_DOWN, endpoint);
    endpoint->port = NULL;
    free(endpoint->description);
    endpoint->description = NULL;
    if (port_active(port))
        return;
    port_leave_flood_sets(port);
    port_recheck_free(sw, port->number);
    observers_tell(&sw->observers, &(struct event){.kind = EVENT_PORT_DOWN, .port = port});
    fdb_flush_owner(sw->fdb, &port->fdb, FDB_ANY_VID);
}

int port_configure(struct port *port, const struct port_config *wanted)
{
    struct port_config before = port->config, after;
    bool moves =
        wanted->up != before.up || !membership_equal(&wanted->membership, &before.membership);
    int status = port_check_config(port, wanted);

    if (status < 0 || port_config_equal(wanted, &before))
        return status;
    if (port_config_copy(&after, wanted) < 0)
        return -ENOMEM;
    if (moves)
        port_leave_flood_sets(port);
    port->config = after;
    if (moves && port_in_use(port) && port_enter_flood_sets(port) < 0) {
        port->config = before;
        if (port_in_use(port))
            port_enter_flood_sets(port); /* into the room that it just left: needs no memory */
        port_config_clear(&after);
        return -ENOMEM;
    }
    port_take_effect(port, &before);
    port_config_clear(&before);
    observers_tell(&port->sw->observers,
                   &(struct event){.kind = EVENT_PORT_CONFIGURED, .port = port});
    return 0;
}

void port_add_hook(struct port *port, struct batch_hook *hook)
{
    struct list *node = port->hooks.next;

    while (node != &port->hooks &&
           container_of(node, struct batch_hook, node)->order <= hook->order)
        node = node->next;
    list_append(node, &hook->node); /* in front of NODE */
}

void port_remove_hook(struct batch_hook *hook)
{
    list_remove(&hook->node);
}

void port_drop_frame(struct worker *worker, struct port *port, struct endpoint *endpoint,
                     const struct frame *frame, int tci, enum drop_reason reason)
{
    struct dropped dropped = {.port = port, .endpoint = endpoint, .reason = reason};
    struct tx_desc desc;

    port_count_drops(worker, port, endpoint, reason, 1);
    if (list_empty(&port->sw->observers.drops))
        return;
    tx_desc_make(&desc, frame, tci);
    if (frame_is_giant(frame)) /* the last iovec holds all but addresses and tag */
        desc.iov[desc.iov_count - 1].iov_len -= desc.length - FRAME_MAX;
    dropped.frame = &desc;
    observers_tell_dropped(&port->sw->observers, &dropped);
}

void port_drop_desc(struct endpoint *endpoint, const struct tx_desc *desc, enum drop_reason reason)
{
    struct port *port = endpoint->port;
    const struct dropped dropped = {port, endpoint, reason, desc};

    port_count_drops(endpoint->worker, port, endpoint, reason, 1);
    if (!list_empty(&port->sw->observers.drops))
        observers_tell_dropped(&port->sw->observers, &dropped);
}

void port_drop_early(struct endpoint *endpoint, enum drop_reason reason, unsigned count)
{
    endpoint->worker->balance.received += count;
    port_count_drops(endpoint->worker, endpoint->port, endpoint, reason, count);
}

void port_drop_late(struct endpoint *endpoint, enum drop_reason reason, uint64_t count)
{
    if (count > endpoint->delivered)
        count = endpoint->delivered;
    endpoint->delivered -= count;
    endpoint->worker->balance.delivered -= count;
    port_count_drops(endpoint->worker, endpoint->port, endpoint, reason, count);
}

void endpoint_init(struct endpoint *endpoint, const struct endpoint_ops *ops, struct worker *worker)
{
    memset(endpoint, 0, sizeof(*endpoint));
    endpoint->ops = ops;
    endpoint->worker = worker;
    endpoint->max_frame = FRAME_MAX;
    endpoint->user = (uid_t)-1;
    list_init(&endpoint->node);
    list_init(&endpoint->again);
    deferred_init(&endpoint->failure, endpoint_report_failure);
    queue_init(&endpoint->queue);
}

int endpoint_describe(struct endpoint *endpoint, const void *text, size_t length)
{
    char *copy = text_escaped(text, length);

    if (!copy)
        return -ENOMEM;
    free(endpoint->description);
    endpoint->description = copy;
    if (endpoint->port)
        observers_tell(&endpoint->port->sw->observers,
                       &(struct event){.kind = EVENT_ENDPOINT_DESCRIBED,
                                       .port = endpoint->port,
                                       .endpoint = endpoint});
    return 0;
}

void endpoint_fail(struct endpoint *endpoint, int error)
{
    if (list_empty(&endpoint->failure.node))
        endpoint->error = error;
    defer(&endpoint->worker->deferred, &endpoint->failure);
}

static int port_check_config(const struct port *port, const struct port_config *wanted)
{
    const struct port *namesake = port_named(port->sw, wanted->name);
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

/* Applies what cannot fail of PORT's new configuration; its flood sets are done. */
static void port_take_effect(struct port *port, const struct port_config *before)
{
    const struct port_config *now = &port->config;
    struct vswitch *sw = port->sw;
    bool down = before->up && !now->up;

    if (!membership_equal(&before->membership, &now->membership))
        port_flush_left_vlans(port, &before->membership);
    if (down)
        fdb_flush_owner(sw->fdb, &port->fdb, FDB_ANY_VID);
    if (now->max_addresses != before->max_addresses)
        fdb_set_limit(sw->fdb, &port->fdb, port_address_limit(port));
    if (now->allocatable != before->allocatable)
        port_recheck_free(sw, port->number);
    list_for_each (node, &port->endpoints)
        endpoint_reconfigure(container_of(node, struct endpoint, node), before);
    if (now->up != before->up || now->max_addresses != before->max_addresses)
        observers_tell(&sw->observers, &(struct event){.kind = EVENT_LEARNING, .port = port});
}

static void endpoint_reconfigure(struct endpoint *endpoint, const struct port_config *before)
{
    const struct port_config *now = &endpoint->port->config;

    /* Queued frames must not leave a port that is down, nor later, when it is up again. The rest of
     * a frame that has left in part must. */
    if (before->up && !now->up && endpoint_drop_queued(endpoint, DROP_DOWN_OUT) > 0 &&
        (!endpoint->ops->flush || endpoint->ops->flush(endpoint) != -EAGAIN))
        endpoint->ops->wait_writable(endpoint, false);
    if (now->offload != before->offload && endpoint->ops->offload_changed)
        endpoint->ops->offload_changed(endpoint);
}

static void endpoint_report_failure(struct deferred *work)
{
    struct endpoint *endpoint = container_of(work, struct endpoint, failure);

    if (endpoint->ops->lost)
        endpoint->ops->lost(endpoint, endpoint->error);
    else
        endpoint->ops->close(endpoint);
}

static void port_count_drops(struct worker *worker, struct port *port, struct endpoint *endpoint,
                             enum drop_reason reason, uint64_t count)
{
    port->counters.drops[reason] += count;
    if (endpoint)
        endpoint->counters.drops[reason] += count;
    if (port->sw->drops.kind[reason]->egress)
        worker->balance.egress_drops += count;
    else
        worker->balance.ingress_drops += count;
}

static bool port_is_free(const struct port *port)
{
    return !port || (port->config.allocatable && !port_active(port));
}

/* Port NUMBER has changed: port_find_free() must look at it again. */
static void port_recheck_free(struct vswitch *sw, unsigned number)
{
    if (number >= 1 && number < sw->lowest_free)
        sw->lowest_free = number;
}

/* Port 0 is VDE's management port: a hub does not repeat to it. Return: 0, or -ENOMEM with PORT in
 * no flood set. */
static int port_enter_flood_sets(struct port *port)
{
    struct vswitch *sw = port->sw;

    if (vlan_enter(&sw->vlans, &port->vlan_member) < 0)
        return -ENOMEM;
    if (port->number >= 1 && flood_set_add(&sw->hub, &port->vlan_member) < 0) {
        vlan_leave(&sw->vlans, &port->vlan_member);
        return -ENOMEM;
    }
    return 0;
}

static void port_leave_flood_sets(struct port *port)
{
    vlan_leave(&port->sw->vlans, &port->vlan_member);
    flood_set_remove(&port->sw->hub, &port->vlan_member);
}

/* Forgets the stations behind PORT in VLANs that PORT has left. */
static void port_flush_left_vlans(struct port *port, const struct membership *before)
{
    for (unsigned vid = 0; vid < VID_COUNT; vid++) {
        if (!membership_has(before, vid) || membership_has(&port->config.membership, vid))
            continue;
        fdb_flush_owner(port->sw->fdb, &port->fdb, (int)vid);
        fdb_flush_statics(port->sw->fdb, &port->fdb, (int)vid);
    }
}

/* Return: how many frames were queued. */
static unsigned endpoint_drop_queued(struct endpoint *endpoint, enum drop_reason reason)
{
    struct worker *worker = endpoint->worker;
    unsigned queued = endpoint->queue.frames;

    while (endpoint->queue.frames > 0) {
        unsigned count = queue_peek(&endpoint->queue, worker->desc, BATCH_FRAMES);

        for (unsigned i = 0; i < count; i++)
            port_drop_desc(endpoint, &worker->desc[i], reason);
        queue_pop(&endpoint->queue, &worker->queue_pool, count);
    }
    worker->balance.queued -= queued;
    return queued;
}

static void endpoint_emit(enum event_kind kind, struct endpoint *endpoint)
{
    observers_tell(&endpoint->port->sw->observers,
                   &(struct event){.kind = kind, .port = endpoint->port, .endpoint = endpoint});
}
