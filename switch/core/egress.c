/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/egress.h"

#include <errno.h>

/* Frames laid out in worker->desc for one endpoint, not yet offered to it. */
struct outgoing {
    struct worker *worker;
    struct endpoint *endpoint;
    unsigned count;
};

static int egress_flush(struct endpoint *endpoint);
static void egress_endpoint(struct worker *worker, struct endpoint *endpoint,
                            const struct batch *batch, const struct egress_list *list);
static void egress_complete(struct outgoing *out, unsigned index, const struct frame *frame,
                            int tci);
static struct tx_desc *egress_next(struct outgoing *out);
static void egress_offer(struct outgoing *out);
static void egress_send_or_queue(struct endpoint *endpoint, const struct tx_desc *descs,
                                 unsigned count);
static unsigned egress_send(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);
static void egress_queue(struct endpoint *endpoint, const struct tx_desc *desc);
static void egress_count(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);

static int egress_tag(const struct port *port, const struct frame *frame)
{
    return port->sw->config.hub ? frame_own_tag(frame)
                                : vlan_egress(&port->config.membership, frame);
}

/* Whether, at an untrusted edge, the tag below FRAME's own would choose the VLAN: FRAME leaves
 * without a tag, or with one of VID 0, which counts as none. */
static bool egress_hides_tag(const struct port *port, const struct frame *frame, int tci)
{
    return port->untrusted_edge && !port->sw->config.hub &&
           (tci == TAG_NONE || (tci & TCI_VID) == 0) && frame_hides_tag(frame);
}

static bool egress_has_capability(const struct endpoint *endpoint, const struct frame *frame)
{
    unsigned have = endpoint->port->config.offload ? endpoint->offloads : 0;

    return (offload_needs(&frame->offload) & ~have) == 0;
}

void egress_port(struct worker *worker, const struct batch *batch, const struct egress_list *list)
{
    if (!port_active(list->port)) {
        egress_drop(worker, batch, list, DROP_NO_ENDPOINT);
        return;
    }
    list_for_each (node, &list->port->endpoints)
        egress_endpoint(worker, container_of(node, struct endpoint, node), batch, list);
}

void egress_drop(struct worker *worker, const struct batch *batch, const struct egress_list *list,
                 enum drop_reason reason)
{
    for (unsigned i = 0; i < list->count; i++)
        egress_drop_frame(worker, list->port, &batch->frame[list->frame[i]], reason);
}

void egress_drop_frame(struct worker *worker, struct port *port, const struct frame *frame,
                       enum drop_reason reason)
{
    worker->balance.copies++;
    port_drop_frame(worker, port, NULL, frame, egress_tag(port, frame), reason);
}

bool endpoint_writable(struct endpoint *endpoint)
{
    struct worker *worker = endpoint->worker;
    unsigned count, done = 0;

    if (egress_flush(endpoint) == -EAGAIN)
        return false;
    count = queue_peek(&endpoint->queue, worker->desc, BATCH_FRAMES);
    if (count > 0) {
        done = egress_send(endpoint, worker->desc, count);
        worker->balance.queued -= done;
        queue_pop(&endpoint->queue, &worker->queue_pool, done);
    }
    if (endpoint->queue.frames > 0)
        return done == count;
    if (egress_flush(endpoint) != -EAGAIN)
        endpoint->ops->wait_writable(endpoint, false);
    return false;
}

static int egress_flush(struct endpoint *endpoint)
{
    return endpoint->ops->flush ? endpoint->ops->flush(endpoint) : 0;
}

static void egress_endpoint(struct worker *worker, struct endpoint *endpoint,
                            const struct batch *batch, const struct egress_list *list)
{
    struct port *port = list->port;
    struct outgoing out = {.worker = worker, .endpoint = endpoint};

    for (unsigned i = 0; i < list->count; i++) {
        unsigned index = list->frame[i];
        const struct frame *frame = &batch->frame[index];
        int tci = egress_tag(port, frame);

        if (egress_hides_tag(port, frame, tci)) {
            worker->balance.copies++;
            port_drop_frame(worker, port, endpoint, frame, tci, DROP_HIDDEN_TAG);
        } else if (!offload_any(&frame->offload) || egress_has_capability(endpoint, frame)) {
            tx_desc_make(egress_next(&out), frame, tci);
        } else {
            egress_complete(&out, index, frame, tci);
        }
    }
    egress_offer(&out);
}

/* Descriptors point to completed frames: send these before the scratch memory is reused. */
static void egress_complete(struct outgoing *out, unsigned index, const struct frame *frame,
                            int tci)
{
    struct gso_scratch *gso = &out->worker->gso;
    const struct segment *segment;
    unsigned count = offload_complete(gso, index, frame, &segment);

    if (count == 0) {
        egress_offer(out);
        gso_scratch_reset(gso);
        count = offload_complete(gso, index, frame, &segment);
    }
    for (unsigned i = 0; i < count; i++)
        tx_desc_make_segment(egress_next(out), frame, &segment[i], tci);
}

static struct tx_desc *egress_next(struct outgoing *out)
{
    if (out->count == BATCH_FRAMES)
        egress_offer(out);
    return &out->worker->desc[out->count++];
}

/* Sends the frames that the endpoint can take, and drops those that are too long for it. */
static void egress_offer(struct outgoing *out)
{
    struct endpoint *endpoint = out->endpoint;
    const struct tx_desc *descs = out->worker->desc;
    unsigned count = out->count;

    out->worker->balance.copies += count;
    out->count = 0;
    while (count > 0) {
        unsigned run = 0;

        while (run < count && descs[run].wire_length <= endpoint->max_frame)
            run++;
        if (run > 0) {
            egress_send_or_queue(endpoint, descs, run);
        } else {
            run = 1;
            port_drop_desc(endpoint, descs, DROP_OVERSIZE);
        }
        descs += run;
        count -= run;
    }
}

static void egress_send_or_queue(struct endpoint *endpoint, const struct tx_desc *descs,
                                 unsigned count)
{
    /* While older frames are queued, newer ones queue behind them: order is kept. */
    bool waiting = endpoint->queue.frames > 0;
    unsigned done = waiting ? 0 : egress_send(endpoint, descs, count);

    for (; done < count; done++)
        egress_queue(endpoint, &descs[done]);
    /* The queue may have taken none of them. */
    if (!waiting && endpoint->queue.frames > 0)
        endpoint->ops->wait_writable(endpoint, true);
}

/* Return: how many are delivered or dropped; the rest must wait. */
static unsigned egress_send(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count)
{
    unsigned done = 0;

    while (done < count) {
        int taken = endpoint->ops->tx(endpoint, descs + done, count - done);

        if (taken == -EAGAIN)
            break;
        if (taken < 0) {
            port_drop_desc(endpoint, descs + done,
                           taken == -EMSGSIZE ? DROP_OVERSIZE : DROP_SEND_ERROR);
            taken = 1;
        } else {
            egress_count(endpoint, descs + done, (unsigned)taken);
        }
        done += (unsigned)taken;
    }
    return done;
}

static void egress_queue(struct endpoint *endpoint, const struct tx_desc *desc)
{
    struct worker *worker = endpoint->worker;
    const struct switch_config *config = &worker->sw->config;
    struct queue *queue = &endpoint->queue;

    if (queue->frames >= endpoint->queue_frames ||
        queue->bytes + desc->length > config->queue_bytes ||
        queue->bytes + desc->length > queue_allowance(&worker->queue_pool) ||
        queue_push(queue, &worker->queue_pool, desc) < 0) {
        port_drop_desc(endpoint, desc, DROP_QUEUE_FULL);
        return;
    }
    worker->balance.queued++;
}

static void egress_count(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count)
{
    struct counters *port = &endpoint->port->counters;
    uint64_t bytes = 0;

    for (unsigned i = 0; i < count; i++)
        bytes += descs[i].length;
    port->out_frames += count;
    port->out_bytes += bytes;
    endpoint->counters.out_frames += count;
    endpoint->counters.out_bytes += bytes;
    endpoint->delivered += count;
    endpoint->worker->balance.delivered += count;
}
