/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * datapath.c - the stages of the switch
 *
 * A batch goes through the switch stage by stage, one function per stage: each frame is assigned to
 * its VLAN, the port's hooks see the batch, senders are learned, destinations are looked up; then
 * each egress port is visited once, with all its frames. A frame that fails a stage gets its drop
 * reason, is counted there, and is skipped by later stages. A frame whose sender was last receivers
 * behind another port has "moved": noted when it is learned, judged by loop detection when it is
 * resolved.
 */
#include "core/datapath.h"

#include "core/egress.h"
#include "core/loop.h"

/* The egress ports of this batch, in the order in which they were met. */
struct egress_ports {
    struct egress_list *first;
    struct egress_list **end;
};

static void datapath_ingress(struct worker *worker, struct batch *batch, uint64_t now);
static void datapath_hooks(struct worker *worker, struct batch *batch, uint64_t now);
static void datapath_learn(struct worker *worker, struct batch *batch, uint64_t now);
static void datapath_resolve(struct worker *worker, struct batch *batch, struct egress_ports *out,
                             uint64_t now);
static void datapath_egress(struct worker *worker, const struct batch *batch,
                            const struct egress_ports *out, uint64_t now);

static enum drop_reason datapath_admit(const struct vswitch *sw, const struct port *port,
                                       struct frame *frame, uint64_t now);
static bool datapath_learn_frame(struct vswitch *sw, struct port *port, struct frame *frame,
                                 uint64_t now);
static struct port *datapath_lookup(const struct vswitch *sw, const struct frame *frame);
static void datapath_check_loop(struct vswitch *sw, struct port *port, const struct frame *frame,
                                uint64_t now);
static bool datapath_flood(struct worker *worker, const struct batch *batch, unsigned i,
                           struct egress_ports *out);
static void datapath_enqueue(struct worker *worker, struct egress_ports *out, struct port *port,
                             unsigned i);
static void datapath_drop(struct worker *worker, const struct batch *batch, struct frame *frame,
                          enum drop_reason reason);

void datapath_run(struct worker *worker, struct batch *batch, uint64_t now)
{
    struct egress_ports out = {.end = &out.first};

    gso_scratch_reset(&worker->gso);
    datapath_ingress(worker, batch, now);
    datapath_hooks(worker, batch, now);
    if (!worker->sw->config.hub)
        datapath_learn(worker, batch, now);
    datapath_resolve(worker, batch, &out, now);
    datapath_egress(worker, batch, &out, now);
}

/* Decides which frames may enter, and to which VLAN each belongs. */
static void datapath_ingress(struct worker *worker, struct batch *batch, uint64_t now)
{
    struct port *port = batch->port;
    uint64_t frames = 0, bytes = 0;

    worker->balance.received += batch->count;
    for (unsigned i = 0; i < batch->count; i++) {
        struct frame *frame = &batch->frame[i];
        enum drop_reason reason = datapath_admit(worker->sw, port, frame, now);

        if (reason != DROP_NONE) {
            datapath_drop(worker, batch, frame, reason);
            continue;
        }
        frames++;
        bytes += frame->length;
    }
    port->counters.in_frames += frames;
    port->counters.in_bytes += bytes;
    if (batch->from) {
        batch->from->counters.in_frames += frames;
        batch->from->counters.in_bytes += bytes;
    }
}

/* Hooks set drop reasons; the frames are dropped here. */
static void datapath_hooks(struct worker *worker, struct batch *batch, uint64_t now)
{
    uint64_t alive = 0;

    if (list_empty(&batch->port->hooks))
        return;
    for (unsigned i = 0; i < batch->count; i++)
        alive |= (uint64_t)(batch->frame[i].drop == DROP_NONE) << i;
    list_for_each (node, &batch->port->hooks) {
        struct batch_hook *hook = container_of(node, struct batch_hook, node);

        hook->ingress(hook, batch, now);
    }
    for (unsigned i = 0; i < batch->count; i++) {
        struct frame *frame = &batch->frame[i];

        if (alive >> i & 1 && frame->drop != DROP_NONE)
            datapath_drop(worker, batch, frame, frame->drop);
    }
}

/* Learns behind which port each sender is. Frames of one sender mostly follow each other: after the
 * first there is nothing to learn, except from frames to a group (see station.h). */
static void datapath_learn(struct worker *worker, struct batch *batch, uint64_t now)
{
    const struct frame *known = NULL;

    for (unsigned i = 0; i < batch->count; i++) {
        struct frame *frame = &batch->frame[i];

        if (frame->drop != DROP_NONE || mac_is_group(frame_source(frame)) ||
            (known && frame_same_sender(frame, known) && !mac_is_group(frame_destination(frame))))
            continue;
        known = datapath_learn_frame(worker->sw, batch->port, frame, now) ? frame : NULL;
    }
}

/* Finds the egress ports of each frame. */
static void datapath_resolve(struct worker *worker, struct batch *batch, struct egress_ports *out,
                             uint64_t now)
{
    struct port *from = batch->port;

    for (unsigned i = 0; i < batch->count; i++) {
        struct frame *frame = &batch->frame[i];
        struct port *to;

        if (frame->drop != DROP_NONE)
            continue;
        to = datapath_lookup(worker->sw, frame);
        if (frame->moved)
            datapath_check_loop(worker->sw, from, frame, now);
        if (to == from) {
            datapath_drop(worker, batch, frame, DROP_SAME_PORT);
        } else if (to && to->config.isolated && from->config.isolated) {
            datapath_drop(worker, batch, frame, DROP_ISOLATED);
        } else if (to) {
            datapath_enqueue(worker, out, to, i);
            worker->balance.resolved++;
        } else if (datapath_flood(worker, batch, i, out)) {
            worker->balance.resolved++;
        } else {
            worker->balance.no_receivers++;
        }
    }
}

/* Visits each egress port once, with all its frames. */
static void datapath_egress(struct worker *worker, const struct batch *batch,
                            const struct egress_ports *out, uint64_t now)
{
    for (struct egress_list *list = out->first; list; list = list->next) {
        if (!list->port->config.up)
            egress_drop(worker, batch, list, DROP_DOWN_OUT);
        else if (port_blocked(list->port, now))
            egress_drop(worker, batch, list, DROP_LOOP_OUT);
        else
            egress_port(worker, batch, list);
        list->count = 0;
    }
}

/* Return: DROP_NONE and sets frame->vid, or why the frame may not enter. */
static enum drop_reason datapath_admit(const struct vswitch *sw, const struct port *port,
                                       struct frame *frame, uint64_t now)
{
    enum drop_reason malformed = frame_parse(frame), invalid;

    if (frame->drop != DROP_NONE)
        return frame->drop; /* set by the endpoint */
    /* Even a hub drops runts and frames that could not be completed later; it passes bad tags. */
    invalid = malformed == DROP_RUNT ? DROP_RUNT : offload_parse(frame);
    if (invalid != DROP_NONE)
        return invalid;
    if (!port->config.up)
        return DROP_DOWN_IN;
    if (port_blocked(port, now))
        return DROP_LOOP_IN;
    if (port->config.reserved != RESERVED_FORWARD && frame_is_reserved(frame))
        return port->config.reserved == RESERVED_DROP ? DROP_RESERVED_IN : DROP_CONSUMED;
    if (sw->config.hub) {
        frame->vid = 0;
        return DROP_NONE;
    }
    return malformed != DROP_NONE ? malformed : vlan_ingress(&port->config.membership, frame);
}

/* Return: whether the sender is known to be behind PORT now. */
static bool datapath_learn_frame(struct vswitch *sw, struct port *port, struct frame *frame,
                                 uint64_t now)
{
    const struct learn_event event = {
        .owner = &port->fdb,
        .vid = frame->vid,
        .mac = frame_source(frame),
        .remote = frame->remote,
        .announced = frame_announces_move(frame),
        .digest = mac_is_group(frame_destination(frame)) ? frame_digest(frame) : 0,
    };

    const struct fdb_entry *entry = fdb_learn(sw->fdb, &event, now, &frame->moved);

    return entry && entry->owner == &port->fdb;
}

/* Return: the one egress port of FRAME; NULL for a group address or an unknown one. */
static struct port *datapath_lookup(const struct vswitch *sw, const struct frame *frame)
{
    const struct fdb_entry *entry;

    if (sw->config.hub || mac_is_group(frame_destination(frame)))
        return NULL;
    entry = fdb_find(sw->fdb, frame->vid, frame_destination(frame));
    return entry ? container_of(entry->owner, struct port, fdb) : NULL;
}

/* The address may have been evicted by a later frame of the batch: then there is nothing to
 * judge. */
static void datapath_check_loop(struct vswitch *sw, struct port *port, const struct frame *frame,
                                uint64_t now)
{
    const struct fdb_entry *entry = fdb_find(sw->fdb, frame->vid, frame_source(frame));

    if (entry)
        loop_check(sw, port, entry, now);
}

/* Return: whether frame I has receivers besides the sender's port. */
static bool datapath_flood(struct worker *worker, const struct batch *batch, unsigned i,
                           struct egress_ports *out)
{
    const struct vswitch *sw = worker->sw;
    const struct flood_set *set =
        sw->config.hub ? &sw->hub : vlan_flood_set(&sw->vlans, batch->frame[i].vid);
    const struct port *from = batch->port;
    bool reserved = frame_is_reserved(&batch->frame[i]), receivers = false;

    for (unsigned m = 0; m < set->count; m++) {
        struct port *to = container_of(set->member[m], struct port, vlan_member);

        if (to == from || (to->config.isolated && from->config.isolated))
            continue;
        receivers = true;
        if (reserved && to->config.reserved != RESERVED_FORWARD)
            egress_drop_frame(worker, to, &batch->frame[i], DROP_RESERVED_OUT);
        else
            datapath_enqueue(worker, out, to, i);
    }
    return receivers;
}

static void datapath_enqueue(struct worker *worker, struct egress_ports *out, struct port *port,
                             unsigned i)
{
    struct egress_list *list = &worker->egress[port->number];

    if (list->count == 0) {
        list->port = port;
        list->next = NULL;
        *out->end = list;
        out->end = &list->next;
    }
    list->frame[list->count++] = (uint8_t)i;
}

/* An ingress drop: the frame has its own tag. */
static void datapath_drop(struct worker *worker, const struct batch *batch, struct frame *frame,
                          enum drop_reason reason)
{
    frame->drop = (uint8_t)reason;
    port_drop_frame(worker, batch->port, batch->from, frame, frame_own_tag(frame), reason);
}
