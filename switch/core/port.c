/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/port.h"

#include "core/switch.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void endpoint_tx(struct endpoint *endpoint, const struct packet *packets, unsigned count);
static void endpoint_send_fitting(struct endpoint *endpoint, const struct packet *packets,
                                  unsigned count);
static unsigned endpoint_send(struct endpoint *endpoint, const struct packet *packets,
                              unsigned count);
static void endpoint_enqueue(struct endpoint *endpoint, const struct packet *packet);
static void count_handed(struct endpoint *endpoint, const struct packet *packets, unsigned count);

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

void port_tx(struct port *port, const struct packet *packets, unsigned count)
{
    if (!port_active(port)) {
        port->sw->balance.copies += count;
        port_count_drops(port, NULL, DROP_NO_ENDPOINT, count);
        return;
    }
    list_for_each (node, &port->endpoints) {
        port->sw->balance.copies += count;
        endpoint_tx(container_of(node, struct endpoint, node), packets, count);
    }
}

void endpoint_init(struct endpoint *endpoint, const struct endpoint_ops *ops)
{
    memset(endpoint, 0, sizeof(*endpoint));
    endpoint->ops = ops;
    endpoint->largest = FRAME_MAX;
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

void endpoint_writable(struct endpoint *endpoint)
{
    struct vswitch *sw = endpoint->port->sw;
    struct packet packets[BATCH_FRAMES];
    unsigned count = queue_peek(&endpoint->queue, packets, BATCH_FRAMES);

    if (count > 0) {
        unsigned gone = endpoint_send(endpoint, packets, count);

        sw->balance.queued -= gone;
        queue_pop(&endpoint->queue, &sw->queue_pool, gone);
    }
    if (endpoint->queue.frames == 0)
        endpoint->ops->wait_writable(endpoint, false);
}

/* Sends the runs of packets that ENDPOINT can take and drops the ones between that are too long for it. */
static void endpoint_tx(struct endpoint *endpoint, const struct packet *packets, unsigned count)
{
    while (count > 0) {
        unsigned run = 0;

        while (run < count && packets[run].length <= endpoint->largest)
            run++;
        if (run > 0) {
            endpoint_send_fitting(endpoint, packets, run);
        } else {
            run = 1;
            port_count_drops(endpoint->port, endpoint, DROP_OVERSIZE, 1);
        }
        packets += run;
        count -= run;
    }
}

static void endpoint_send_fitting(struct endpoint *endpoint, const struct packet *packets,
                                  unsigned count)
{
    /* While older frames wait, younger ones queue behind them: order is kept. */
    unsigned gone = endpoint->queue.frames > 0 ? 0 : endpoint_send(endpoint, packets, count);

    if (gone < count && endpoint->queue.frames == 0)
        endpoint->ops->wait_writable(endpoint, true);
    for (; gone < count; gone++)
        endpoint_enqueue(endpoint, &packets[gone]);
}

/* Hands over what the endpoint takes now. Return: how many are handed over or dropped; the rest must wait. */
static unsigned endpoint_send(struct endpoint *endpoint, const struct packet *packets,
                              unsigned count)
{
    unsigned gone = 0;

    while (gone < count) {
        int taken = endpoint->ops->tx(endpoint, packets + gone, count - gone);

        if (taken == -EAGAIN)
            break;
        if (taken < 0) {
            port_count_drops(endpoint->port, endpoint,
                             taken == -EMSGSIZE ? DROP_OVERSIZE : DROP_SEND_ERROR, 1);
            taken = 1;
        } else {
            count_handed(endpoint, packets + gone, (unsigned)taken);
        }
        gone += (unsigned)taken;
    }
    return gone;
}

static void endpoint_enqueue(struct endpoint *endpoint, const struct packet *packet)
{
    struct vswitch *sw = endpoint->port->sw;
    struct queue *queue = &endpoint->queue;

    if (queue->frames >= endpoint->queue_frames ||
        queue->bytes + packet->length > sw->config.queue_bytes ||
        queue->bytes + packet->length > queue_allowance(&sw->queue_pool) ||
        queue_push(queue, &sw->queue_pool, packet) < 0) {
        port_count_drops(endpoint->port, endpoint, DROP_QUEUE_FULL, 1);
        return;
    }
    sw->balance.queued++;
}

static void count_handed(struct endpoint *endpoint, const struct packet *packets, unsigned count)
{
    struct counters *port = &endpoint->port->counters;
    uint64_t bytes = 0;

    for (unsigned i = 0; i < count; i++)
        bytes += packets[i].length;
    port->out_frames += count;
    port->out_bytes += bytes;
    endpoint->counters.out_frames += count;
    endpoint->counters.out_bytes += bytes;
    endpoint->port->sw->balance.handed += count;
}
