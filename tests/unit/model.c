/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A frame that came in: its tag apart from it, and the rest without. */
struct arrival {
    bool alive;
    unsigned vid;
    bool tagged;
    unsigned tci;
    struct sample plain;
};

static void classify(struct model *model, unsigned port, const struct sample *frame,
                     struct arrival *arrival);
static enum drop_reason split_tag(const struct sample *frame, struct arrival *arrival);
static enum drop_reason choose_vlan(const struct model_port *port, struct arrival *arrival);
static void learn(struct model *model, unsigned port, const struct arrival *arrival);
static bool says_i_moved(const struct sample *plain);
static void evict_if_full(struct model *model, unsigned port);
static void forward(struct model *model, unsigned from, const struct sample *frame,
                    const struct arrival *arrival);
static void send_to_port(struct model *model, unsigned port, const struct sample *frame,
                         const struct arrival *arrival);
static void paste_tag(const struct sample *plain, unsigned tci, struct sample *out);
static void offer(struct model *model, struct model_endpoint *endpoint, const struct sample *frame);
static void take(struct model *model, struct model_endpoint *endpoint, const void *bytes,
                 uint32_t length);
static struct model_address *find(struct model *model, unsigned vid, const uint8_t *mac);
static struct model_address *unused(struct model *model);
static void copy(struct sample *to, const struct sample *from);

struct model *model_new(void)
{
    struct model *model = calloc(1, sizeof(*model));

    assert_non_null(model);
    model->vlan[0] = true;
    return model;
}

void model_free(struct model *model)
{
    for (unsigned e = 0; e < MODEL_ENDPOINTS; e++) {
        wire_clear(&model->endpoint[e].sent);
        wire_clear(&model->endpoint[e].waiting);
    }
    free(model);
}

void model_batch(struct model *model, unsigned from, const struct sample *frames, unsigned count)
{
    struct arrival *arrival = malloc(BATCH_FRAMES * sizeof(*arrival));
    unsigned port = model->endpoint[from].port;

    assert_non_null(arrival);
    for (unsigned i = 0; i < count; i++)
        classify(model, port, &frames[i], &arrival[i]);
    for (unsigned i = 0; i < count && !model->hub; i++) {
        if (arrival[i].alive)
            learn(model, port, &arrival[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        if (arrival[i].alive)
            forward(model, port, &frames[i], &arrival[i]);
    }
    free(arrival);
}

void model_resume(struct model *model, unsigned e, unsigned room)
{
    struct model_endpoint *endpoint = &model->endpoint[e];

    endpoint->room = room;
    for (unsigned i = 0; i < 64 && endpoint->waiting_frames > 0 && endpoint->room > 0; i++) {
        uint32_t length;
        const uint8_t *bytes = wire_next(&endpoint->waiting, &endpoint->waiting_at, &length);

        endpoint->waiting_frames--;
        endpoint->waiting_bytes -= length;
        take(model, endpoint, bytes, length);
    }
}

void model_create_port(struct model *model, unsigned port, unsigned limit)
{
    model->port[port] = (struct model_port){.exists = true, .limit = limit};
}

void model_remove_port(struct model *model, unsigned port)
{
    model->port[port].exists = false;
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (model->address[a].port == port)
            model->address[a].known = false;
    }
}

void model_attach(struct model *model, unsigned e, unsigned port, uint32_t largest, unsigned room)
{
    model->endpoint[e] =
        (struct model_endpoint){.attached = true, .port = port, .largest = largest, .room = room};
}

void model_detach(struct model *model, unsigned e)
{
    struct model_endpoint *endpoint = &model->endpoint[e];

    model->port[endpoint->port].drops[DROP_DETACHED] += endpoint->waiting_frames;
    wire_clear(&endpoint->sent);
    wire_clear(&endpoint->waiting);
    endpoint->attached = false;
    if (model_port_active(model, endpoint->port))
        return;
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (model->address[a].port == endpoint->port && !model->address[a].pinned)
            model->address[a].known = false;
    }
}

bool model_set_vlans(struct model *model, unsigned p, unsigned untagged, bool transparent,
                     const bool tagged[MODEL_VIDS])
{
    struct model_port *port = &model->port[p];

    for (unsigned vid = 0; vid < MODEL_VIDS && !transparent; vid++) {
        if ((tagged[vid] || (vid == untagged && vid != MODEL_NO_VLAN)) && !model->vlan[vid])
            return false;
    }
    port->untagged = transparent ? 0 : untagged;
    port->transparent = transparent;
    for (unsigned vid = 0; vid < MODEL_VIDS; vid++)
        port->tagged[vid] = tagged[vid] && !transparent;
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (model->address[a].port == p && !model_member(port, model->address[a].vid))
            model->address[a].known = false;
    }
    return true;
}

int model_remove_vlan(struct model *model, unsigned vid)
{
    if (vid == 0)
        return -EADDRINUSE;
    if (!model->vlan[vid])
        return -ENXIO;
    for (unsigned p = 0; p < MODEL_PORTS; p++) {
        const struct model_port *port = &model->port[p];

        if (port->exists && !port->transparent && model_member(port, vid))
            return -EADDRINUSE;
    }
    model->vlan[vid] = false;
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (model->address[a].vid == vid && !model->address[a].pinned)
            model->address[a].known = false;
    }
    return 0;
}

void model_pin(struct model *model, unsigned port, unsigned vid, const uint8_t *mac)
{
    struct model_address *address = find(model, vid, mac);

    if (!address)
        address = unused(model);
    *address = (struct model_address){.known = true, .pinned = true, .vid = vid, .port = port};
    memcpy(address->mac, mac, 6);
}

bool model_unpin(struct model *model, unsigned vid, const uint8_t *mac)
{
    struct model_address *address = find(model, vid, mac);

    if (address)
        address->known = false;
    return address;
}

void model_set_time(struct model *model, unsigned now)
{
    model->now = now;
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (!model->address[a].pinned && model->address[a].seen + model->ageing <= now)
            model->address[a].known = false;
    }
}

void model_set_hub(struct model *model, bool hub)
{
    model->hub = hub;
    for (unsigned a = 0; a < MODEL_ADDRESSES && hub; a++) {
        if (!model->address[a].pinned)
            model->address[a].known = false;
    }
}

bool model_port_active(const struct model *model, unsigned port)
{
    for (unsigned e = 0; e < MODEL_ENDPOINTS; e++) {
        if (model->endpoint[e].attached && model->endpoint[e].port == port)
            return true;
    }
    return false;
}

bool model_member(const struct model_port *port, unsigned vid)
{
    if (vid == MODEL_NO_VLAN)
        return false;
    return port->transparent || port->untagged == vid || port->tagged[vid];
}

/* May it come in, and which VLAN is it in? */
static void classify(struct model *model, unsigned p, const struct sample *frame,
                     struct arrival *arrival)
{
    struct model_port *port = &model->port[p];
    enum drop_reason reason = DROP_NONE;

    if (frame->length < 14)
        reason = DROP_RUNT;
    else if (frame->length > 9216 + 14 + 4)
        reason = DROP_GIANT;
    else if (!model->hub)
        reason = split_tag(frame, arrival);
    if (reason == DROP_NONE && !model->hub)
        reason = choose_vlan(port, arrival);
    arrival->alive = reason == DROP_NONE;
    if (arrival->alive) {
        port->in_frames++;
        port->in_bytes += frame->length;
    } else {
        port->drops[reason]++;
    }
}

static enum drop_reason split_tag(const struct sample *frame, struct arrival *arrival)
{
    arrival->tagged = frame->bytes[12] == 0x81 && frame->bytes[13] == 0x00;
    arrival->tci = 0;
    if (!arrival->tagged) {
        copy(&arrival->plain, frame);
        return DROP_NONE;
    }
    if (frame->length < 18)
        return DROP_BAD_TAG;
    arrival->tci = frame->bytes[14] * 256u + frame->bytes[15];
    if (arrival->tci % 4096 == 4095)
        return DROP_BAD_TAG;
    memcpy(arrival->plain.bytes, frame->bytes, 12);
    memcpy(arrival->plain.bytes + 12, frame->bytes + 16, frame->length - 16);
    arrival->plain.length = frame->length - 4;
    return DROP_NONE;
}

static enum drop_reason choose_vlan(const struct model_port *port, struct arrival *arrival)
{
    arrival->vid = arrival->tci % 4096;
    if (arrival->vid != 0)
        return model_member(port, arrival->vid) ? DROP_NONE : DROP_NOT_MEMBER;
    if (port->untagged == MODEL_NO_VLAN)
        return DROP_UNTAGGED;
    arrival->vid = port->untagged;
    return DROP_NONE;
}

static void learn(struct model *model, unsigned port, const struct arrival *arrival)
{
    const uint8_t *mac = arrival->plain.bytes + 6;
    struct model_address *address = find(model, arrival->vid, mac);

    if (mac[0] % 2 == 1 || (address && address->pinned))
        return;
    if (address && address->port == port) {
        address->seen = model->now;
        if (address->moved < model->now)
            address->order = ++model->order;
        address->moved = model->now;
        return;
    }
    if (address && model->now - address->seen < model->min_persistence &&
        !says_i_moved(&arrival->plain))
        return;
    evict_if_full(model, port);
    if (!address)
        address = unused(model);
    *address = (struct model_address){
        .known = true,
        .vid = arrival->vid,
        .port = port,
        .seen = model->now,
        .moved = model->now,
        .order = ++model->order,
    };
    memcpy(address->mac, mac, 6);
}

/* RARP; ARP whose sender asks for itself; a neighbour advertisement to all nodes that nobody solicited. */
static bool says_i_moved(const struct sample *plain)
{
    static const uint8_t arp[8] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4};
    static const uint8_t all_nodes[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const uint8_t *bytes = plain->bytes;

    if (bytes[12] == 0x80 && bytes[13] == 0x35)
        return true;
    if (plain->length >= 42 && memcmp(bytes + 12, arp, 8) == 0)
        return memcmp(bytes + 28, bytes + 38, 4) == 0;
    if (plain->length >= 14 + 40 + 8 && bytes[12] == 0x86 && bytes[13] == 0xdd && bytes[20] == 58)
        return memcmp(bytes + 38, all_nodes, 16) == 0 && bytes[54] == 136 &&
               bytes[58] / 64 % 2 == 0;
    return false;
}

static void evict_if_full(struct model *model, unsigned port)
{
    struct model_address *oldest = NULL;
    unsigned count = 0;

    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        struct model_address *address = &model->address[a];

        if (!address->known || address->pinned || address->port != port)
            continue;
        count++;
        if (!oldest || address->order < oldest->order)
            oldest = address;
    }
    if (count >= model->port[port].limit)
        oldest->known = false;
}

static void forward(struct model *model, unsigned from, const struct sample *frame,
                    const struct arrival *arrival)
{
    bool group = frame->bytes[0] % 2 == 1, heard = false;
    struct model_address *address =
        model->hub || group ? NULL : find(model, arrival->vid, frame->bytes);

    if (address && address->port == from) {
        model->port[from].drops[DROP_SAME_PORT]++;
        return;
    }
    for (unsigned port = 0; port < MODEL_PORTS; port++) {
        bool wanted = address      ? address->port == port
                      : model->hub ? port != 0
                                   : model->port[port].exists &&
                                         model_member(&model->port[port], arrival->vid);

        if (port == from || !wanted || (!address && !model_port_active(model, port)))
            continue;
        heard = true;
        send_to_port(model, port, frame, arrival);
    }
    model->resolved += heard;
    model->unheard += !heard;
}

static void send_to_port(struct model *model, unsigned p, const struct sample *frame,
                         const struct arrival *arrival)
{
    static struct sample out;
    struct model_port *port = &model->port[p];
    unsigned tci = arrival->tci / 4096 * 4096 + arrival->vid;
    bool tag =
        port->transparent ? arrival->vid > 0 || arrival->tagged : arrival->vid != port->untagged;

    if (model->hub)
        copy(&out, frame);
    else if (tag)
        paste_tag(&arrival->plain, tci, &out);
    else
        copy(&out, &arrival->plain);
    for (unsigned e = 0; e < MODEL_ENDPOINTS; e++) {
        if (model->endpoint[e].attached && model->endpoint[e].port == p)
            offer(model, &model->endpoint[e], &out);
    }
    if (!model_port_active(model, p))
        port->drops[DROP_NO_ENDPOINT]++;
}

static void paste_tag(const struct sample *plain, unsigned tci, struct sample *out)
{
    memcpy(out->bytes, plain->bytes, 12);
    out->bytes[12] = 0x81;
    out->bytes[13] = 0x00;
    out->bytes[14] = (uint8_t)(tci / 256);
    out->bytes[15] = (uint8_t)(tci % 256);
    memcpy(out->bytes + 16, plain->bytes + 12, plain->length - 12);
    out->length = plain->length + 4;
}

static void offer(struct model *model, struct model_endpoint *endpoint, const struct sample *frame)
{
    uint64_t *drops = model->port[endpoint->port].drops;

    if (frame->length > endpoint->largest) {
        drops[DROP_OVERSIZE]++;
    } else if (endpoint->waiting_frames == 0 && endpoint->room > 0) {
        take(model, endpoint, frame->bytes, frame->length);
    } else if (endpoint->waiting_frames >= model->queue_frames ||
               endpoint->waiting_bytes + frame->length > model->queue_bytes) {
        drops[DROP_QUEUE_FULL]++;
    } else {
        wire_put(&endpoint->waiting, frame->bytes, frame->length);
        endpoint->waiting_frames++;
        endpoint->waiting_bytes += frame->length;
    }
}

static void take(struct model *model, struct model_endpoint *endpoint, const void *bytes,
                 uint32_t length)
{
    wire_put(&endpoint->sent, bytes, length);
    if (endpoint->room != UNLIMITED)
        endpoint->room--;
    model->port[endpoint->port].out_frames++;
    model->port[endpoint->port].out_bytes += length;
}

static struct model_address *find(struct model *model, unsigned vid, const uint8_t *mac)
{
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        struct model_address *address = &model->address[a];

        if (address->known && address->vid == vid && memcmp(address->mac, mac, 6) == 0)
            return address;
    }
    return NULL;
}

static struct model_address *unused(struct model *model)
{
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (!model->address[a].known)
            return &model->address[a];
    }
    fail_msg("the model knows too many addresses");
    return NULL;
}

static void copy(struct sample *to, const struct sample *from)
{
    to->length = from->length;
    memcpy(to->bytes, from->bytes, from->length);
}
