/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/egress.h"

#include "core/offload.h"
#include "core/switch.h"

#include <errno.h>

/* Packets laid out in batch->packet for one endpoint, and not yet offered to it. */
struct outgoing {
    struct endpoint *endpoint;
    struct batch *batch;
    unsigned count;
};

static void endpoint_tx(struct endpoint *endpoint, struct batch *batch);
static void add_completed(struct outgoing *out, unsigned index, int tci);
static struct tx_desc *next_packet(struct outgoing *out);
static void offer(struct outgoing *out);
static void endpoint_send_fitting(struct endpoint *endpoint, const struct tx_desc *descs,
                                  unsigned count);
static unsigned endpoint_send(struct endpoint *endpoint, const struct tx_desc *descs,
                              unsigned count);
static void endpoint_enqueue(struct endpoint *endpoint, const struct tx_desc *desc);
static void count_delivered(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);

static int egress_tag(const struct port *port, const struct frame *frame)
{
    return port->sw->config.hub ? frame_own_tag(frame)
                                : vlan_egress(&port->config.membership, frame);
}

/* Where somebody else's network begins: would the tag below FRAME's own choose the VLAN there? A tag of VID 0 is as good
 * as none. */
static bool hides_tag(const struct port *port, const struct frame *frame, int tci)
{
    return port->untrusted_edge && !port->sw->config.hub &&
           (tci == TAG_NONE || (tci & TCI_VID) == 0) && frame_hides_tag(frame);
}

/* Does ENDPOINT take FRAME as it is? */
static bool takes(const struct endpoint *endpoint, const struct frame *frame)
{
    unsigned have = endpoint->port->config.offload ? endpoint->offloads : 0;

    return (offload_needs(&frame->offload) & ~have) == 0;
}

void port_tx(struct port *port, struct batch *batch)
{
    unsigned count = port->egress.count;

    if (!port_active(port)) {
        port->sw->balance.copies += count;
        port_count_drops(port, NULL, DROP_NO_ENDPOINT, count);
        return;
    }
    list_for_each (node, &port->endpoints)
        endpoint_tx(container_of(node, struct endpoint, node), batch);
}

void endpoint_writable(struct endpoint *endpoint)
{
    struct vswitch *sw = endpoint->port->sw;
    struct tx_desc descs[BATCH_FRAMES];
    unsigned count = queue_peek(&endpoint->queue, descs, BATCH_FRAMES);

    if (count > 0) {
        unsigned gone = endpoint_send(endpoint, descs, count);

        sw->balance.queued -= gone;
        queue_pop(&endpoint->queue, &sw->queue_pool, gone);
    }
    if (endpoint->queue.frames == 0)
        endpoint->ops->wait_writable(endpoint, false);
}

static void endpoint_tx(struct endpoint *endpoint, struct batch *batch)
{
    const struct port *port = endpoint->port;
    struct outgoing out = {.endpoint = endpoint, .batch = batch};

    for (unsigned i = 0; i < port->egress.count; i++) {
        unsigned index = port->egress.frame[i];
        const struct frame *frame = &batch->frame[index];
        int tci = egress_tag(port, frame);

        if (hides_tag(port, frame, tci)) {
            endpoint->port->sw->balance.copies++;
            port_count_drops(endpoint->port, endpoint, DROP_HIDDEN_TAG, 1);
        } else if (!offload_any(&frame->offload) || takes(endpoint, frame)) {
            tx_desc_make(next_packet(&out), frame, tci);
        } else {
            add_completed(&out, index, tci);
        }
    }
    offer(&out);
}

/* Packets point to finished frames: these may be forgotten only when the packets are gone. */
static void add_completed(struct outgoing *out, unsigned index, int tci)
{
    const struct frame *frame = &out->batch->frame[index];
    const struct segment *segment;
    unsigned count = offload_complete(&out->batch->gso, index, frame, &segment);

    if (count == 0) {
        offer(out);
        gso_scratch_reset(&out->batch->gso);
        count = offload_complete(&out->batch->gso, index, frame, &segment);
    }
    for (unsigned i = 0; i < count; i++)
        tx_desc_make_segment(next_packet(out), frame, &segment[i], tci);
}

static struct tx_desc *next_packet(struct outgoing *out)
{
    if (out->count == BATCH_FRAMES)
        offer(out);
    return &out->batch->desc[out->count++];
}

/* Sends the runs of packets that the endpoint can take and drops the ones between that are too long for it. */
static void offer(struct outgoing *out)
{
    struct endpoint *endpoint = out->endpoint;
    const struct tx_desc *descs = out->batch->desc;
    unsigned count = out->count;

    endpoint->port->sw->balance.copies += count;
    out->count = 0;
    while (count > 0) {
        unsigned run = 0;

        while (run < count && descs[run].wire_length <= endpoint->max_frame)
            run++;
        if (run > 0) {
            endpoint_send_fitting(endpoint, descs, run);
        } else {
            run = 1;
            port_count_drops(endpoint->port, endpoint, DROP_OVERSIZE, 1);
        }
        descs += run;
        count -= run;
    }
}

static void endpoint_send_fitting(struct endpoint *endpoint, const struct tx_desc *descs,
                                  unsigned count)
{
    /* While older frames wait, younger ones queue behind them: order is kept. */
    bool waiting = endpoint->queue.frames > 0;
    unsigned gone = waiting ? 0 : endpoint_send(endpoint, descs, count);

    for (; gone < count; gone++)
        endpoint_enqueue(endpoint, &descs[gone]);
    /* Not if the queue took none of them. */
    if (!waiting && endpoint->queue.frames > 0)
        endpoint->ops->wait_writable(endpoint, true);
}

/* Hands over what the endpoint takes now. Return: how many are handed over or dropped; the rest must wait. */
static unsigned endpoint_send(struct endpoint *endpoint, const struct tx_desc *descs,
                              unsigned count)
{
    unsigned gone = 0;

    while (gone < count) {
        int taken = endpoint->ops->tx(endpoint, descs + gone, count - gone);

        if (taken == -EAGAIN)
            break;
        if (taken < 0) {
            port_count_drops(endpoint->port, endpoint,
                             taken == -EMSGSIZE ? DROP_OVERSIZE : DROP_SEND_ERROR, 1);
            taken = 1;
        } else {
            count_delivered(endpoint, descs + gone, (unsigned)taken);
        }
        gone += (unsigned)taken;
    }
    return gone;
}

static void endpoint_enqueue(struct endpoint *endpoint, const struct tx_desc *desc)
{
    struct vswitch *sw = endpoint->port->sw;
    struct queue *queue = &endpoint->queue;

    if (queue->frames >= endpoint->queue_frames ||
        queue->bytes + desc->length > sw->config.queue_bytes ||
        queue->bytes + desc->length > queue_allowance(&sw->queue_pool) ||
        queue_push(queue, &sw->queue_pool, desc) < 0) {
        port_count_drops(endpoint->port, endpoint, DROP_QUEUE_FULL, 1);
        return;
    }
    sw->balance.queued++;
}

static void count_delivered(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count)
{
    struct counters *port = &endpoint->port->counters;
    uint64_t bytes = 0;

    for (unsigned i = 0; i < count; i++)
        bytes += descs[i].length;
    port->out_frames += count;
    port->out_bytes += bytes;
    endpoint->counters.out_frames += count;
    endpoint->delivered += count;
    endpoint->counters.out_bytes += bytes;
    endpoint->port->sw->balance.delivered += count;
}
