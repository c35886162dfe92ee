/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * datapath.c - chapter 1: a batch of frames, from ingress to egress
 *
 * A batch goes through the switch stage by stage, one function a stage. First each frame finds out which VLAN it is
 * in, then who sent it is learned, then where it goes is looked up; only then is each port that gets something
 * visited, once, with all its frames. A frame that fails a stage has its drop reason set, is counted there, and is
 * passed over by the stages that follow. A frame whose sender was last heard behind another port is "flapping": noted
 * when it is learned, judged by the loop guard when it is resolved.
 */
#include "core/datapath.h"

#include "core/egress.h"
#include "core/offload.h"

/* The ports that get something of this batch, linked by egress.next, in the order in which they were met. */
struct departures {
    struct port *first;
    struct port **end;
};

static void ingress(struct vswitch *sw, struct batch *batch, uint64_t now);
static void learn(struct vswitch *sw, struct batch *batch, uint64_t now);
static void resolve(struct vswitch *sw, struct batch *batch, struct departures *out, uint64_t now);
static void egress(struct batch *batch, struct departures *out, uint64_t now);

static enum drop_reason admit(const struct vswitch *sw, const struct port *port,
                              struct frame *frame, uint64_t now);
static struct port *lookup(struct vswitch *sw, const struct frame *frame);
static void judge_flapping(struct vswitch *sw, const struct batch *batch, const struct frame *frame,
                           uint64_t now);
static bool flood(const struct vswitch *sw, const struct batch *batch, unsigned i,
                  struct departures *out);
static void enqueue(struct departures *out, struct port *port, unsigned i);
static void keep_from(struct port *port, enum drop_reason reason, unsigned copies);
static void drop(const struct batch *batch, struct frame *frame, enum drop_reason reason);

void datapath_run(struct vswitch *sw, struct batch *batch, uint64_t now)
{
    struct departures out = {.end = &out.first};

    gso_scratch_reset(&batch->gso);
    ingress(sw, batch, now);
    if (!sw->config.hub)
        learn(sw, batch, now);
    resolve(sw, batch, &out, now);
    egress(batch, &out, now);
}

/* Which frames may come in here, and to which VLAN does each belong? */
static void ingress(struct vswitch *sw, struct batch *batch, uint64_t now)
{
    struct endpoint *from = batch->from;
    uint64_t frames = 0, bytes = 0;

    sw->balance.received += batch->count;
    for (unsigned i = 0; i < batch->count; i++) {
        struct frame *frame = &batch->frame[i];
        enum drop_reason reason = admit(sw, from->port, frame, now);

        frame->drop = DROP_NONE;
        frame->flapping = false;
        if (reason != DROP_NONE) {
            drop(batch, frame, reason);
            continue;
        }
        frames++;
        bytes += frame->length;
    }
    from->counters.in_frames += frames;
    from->counters.in_bytes += bytes;
    from->port->counters.in_frames += frames;
    from->port->counters.in_bytes += bytes;
}

/* Behind which port is who? */
static void learn(struct vswitch *sw, struct batch *batch, uint64_t now)
{
    for (unsigned i = 0; i < batch->count; i++) {
        struct frame *frame = &batch->frame[i];
        struct fdb_sighting sighting;

        if (frame->drop != DROP_NONE || mac_is_group(frame_source(frame)))
            continue;
        sighting = (struct fdb_sighting){
            .owner = &batch->from->port->fdb,
            .vid = frame->vid,
            .mac = frame_source(frame),
            .remote = frame->remote,
            .announced = frame_announces_move(frame),
            .digest = mac_is_group(frame_destination(frame)) ? frame_digest(frame) : 0,
        };
        fdb_learn(sw->fdb, &sighting, now, &frame->flapping);
    }
}

/* Where does each frame go? */
static void resolve(struct vswitch *sw, struct batch *batch, struct departures *out, uint64_t now)
{
    struct port *from = batch->from->port;

    for (unsigned i = 0; i < batch->count; i++) {
        struct frame *frame = &batch->frame[i];
        struct port *to;

        if (frame->drop != DROP_NONE)
            continue;
        to = lookup(sw, frame);
        if (frame->flapping)
            judge_flapping(sw, batch, frame, now);
        if (to == from) {
            drop(batch, frame, DROP_SAME_PORT);
        } else if (to && to->config.isolated && from->config.isolated) {
            drop(batch, frame, DROP_ISOLATED);
        } else if (to) {
            enqueue(out, to, i);
            sw->balance.resolved++;
        } else if (flood(sw, batch, i, out)) {
            sw->balance.resolved++;
        } else {
            sw->balance.no_receivers++;
        }
    }
}

/* Each port that gets something is visited once, with all its frames, tagged as it wants them. */
static void egress(struct batch *batch, struct departures *out, uint64_t now)
{
    for (struct port *port = out->first; port; port = port->egress.next) {
        if (!port->config.up)
            keep_from(port, DROP_DOWN_OUT, port->egress.count);
        else if (port_blocked(port, now))
            keep_from(port, DROP_LOOP_OUT, port->egress.count);
        else
            port_tx(port, batch);
        port->egress.count = 0;
    }
}

/* Return: DROP_NONE with frame->vid set, or why the frame may not come in. */
static enum drop_reason admit(const struct vswitch *sw, const struct port *port,
                              struct frame *frame, uint64_t now)
{
    enum drop_reason reason = frame_parse(frame);
    enum drop_reason unsound = reason == DROP_RUNT ? DROP_RUNT : offload_check(frame);

    if (unsound != DROP_NONE)
        return unsound;
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
    return reason != DROP_NONE ? reason : vlan_ingress(&port->config.membership, frame);
}

/* The one port that FRAME is for, or NULL: it is for many, or nobody knows. */
static struct port *lookup(struct vswitch *sw, const struct frame *frame)
{
    const struct fdb_entry *entry;

    if (sw->config.hub || mac_is_group(frame_destination(frame)))
        return NULL;
    entry = fdb_find(sw->fdb, frame->vid, frame_destination(frame));
    return entry ? container_of(entry->owner, struct port, fdb) : NULL;
}

/* A later frame of the batch may have evicted the address: then there is nothing left to judge. */
static void judge_flapping(struct vswitch *sw, const struct batch *batch, const struct frame *frame,
                           uint64_t now)
{
    const struct fdb_entry *entry = fdb_find(sw->fdb, frame->vid, frame_source(frame));

    if (entry)
        loop_check(sw, batch->from->port, entry, now);
}

/* Return: whether anyone but the sender's port is there to hear frame I. */
static bool flood(const struct vswitch *sw, const struct batch *batch, unsigned i,
                  struct departures *out)
{
    const struct port_set *set =
        sw->config.hub ? &sw->hub : vlan_flood_set(&sw->vlans, batch->frame[i].vid);
    const struct port *from = batch->from->port;
    bool reserved = frame_is_reserved(&batch->frame[i]), heard = false;

    for (unsigned m = 0; m < set->count; m++) {
        struct port *to = set->member[m];

        if (to == from || (to->config.isolated && from->config.isolated))
            continue;
        heard = true;
        if (reserved && to->config.reserved != RESERVED_FORWARD)
            keep_from(to, DROP_RESERVED_OUT, 1);
        else
            enqueue(out, to, i);
    }
    return heard;
}

static void enqueue(struct departures *out, struct port *port, unsigned i)
{
    struct egress *egress = &port->egress;

    if (egress->count == 0) {
        egress->next = NULL;
        *out->end = port;
        out->end = &egress->next;
    }
    egress->frame[egress->count++] = (uint8_t)i;
}

/* Copies that nobody is to get. */
static void keep_from(struct port *port, enum drop_reason reason, unsigned copies)
{
    port->sw->balance.copies += copies;
    port_count_drops(port, NULL, reason, copies);
}

static void drop(const struct batch *batch, struct frame *frame, enum drop_reason reason)
{
    frame->drop = (uint8_t)reason;
    port_count_drops(batch->from->port, batch->from, reason, 1);
}
